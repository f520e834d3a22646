"""Which values of a metric are better: `max:KEY` or `min:KEY`, where KEY may be a pattern such as `*loss`."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

MAX, MIN = "max", "min"


def parse(text: str) -> list[str]:
    """Rules, with spaces or commas between them. Raises ValueError."""
    rules = text.replace(",", " ").split()
    for rule in rules:
        direction, colon, key = rule.partition(":")
        if direction not in (MAX, MIN) or not colon or not key:
            raise ValueError("write max:KEY or min:KEY, with spaces between several")
    return rules


def direction_of(key: str, rules: Sequence[str]) -> str | None:
    """`max` or `min`, by the first rule whose pattern the key fits; None if there is none."""
    for rule in rules:
        direction, _, pattern = rule.partition(":")
        if key == pattern or fnmatchcase(key, pattern):
            return direction
    return None
