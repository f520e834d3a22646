"""Which values of a metric are better: `max:KEY` or `min:KEY`, where KEY may be a pattern such as `*loss`. As for
`mreg metrics`, `acc` is short for `metrics.acc`."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

MAX, MIN = "max", "min"
GROUP = "metrics."
"""The group of metadata that a short name is looked for in."""


def parse(text: str) -> list[str]:
    """Rules, with spaces or commas between them. Raises ValueError."""
    rules = text.replace(",", " ").split()
    for rule in rules:
        direction, colon, key = rule.partition(":")
        if direction not in (MAX, MIN) or not colon or not key:
            raise ValueError("write max:KEY or min:KEY; separate several with spaces")
    return rules


def direction_of(key: str, rules: Sequence[str]) -> str | None:
    """`max` or `min`, by the first rule whose pattern the key fits; None if there is none."""
    for rule in rules:
        direction, _, pattern = rule.partition(":")
        if any(name == pattern or fnmatchcase(name, pattern) for name in (key, key.removeprefix(GROUP))):
            return direction
    return None
