"""The patterns that names of tensors are to match: each has to match one, so that a mistyped one is not taken for "no
difference"."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from mreg.values import names
from mreg.values.errors import InvalidInput


class UnmatchedPattern(InvalidInput):
    code = "unmatched-pattern"
    template = "no tensor of {before} or {after} matches {pattern!r}"

    before: str
    after: str
    pattern: str
    near: Sequence[str]


def matcher(globs: Iterable[str]) -> Callable[[str], bool]:
    """Whether a name matches any of them."""
    # Never goes back: a star becomes an atomic group.
    match = re.compile("|".join(map(fnmatch.translate, globs)) or r"\Z", re.DOTALL).match
    return lambda name: match(name) is not None


def unmatched(globs: Iterable[str], known: Collection[str]) -> list[str]:
    """Those that match no name."""
    return [glob for glob in globs if not any(map(matcher([glob]), known))]


def near(glob: str, known: Iterable[str]) -> list[str]:
    """Names, and patterns of them, that may have been meant."""
    return names.near(glob, sorted({one for name in known for one in _offered(name)}))


def _offered(name: str) -> Iterator[str]:
    """The name, and patterns for those that begin or end as it does."""
    parts = name.split(".")
    yield name
    yield from (".".join(parts[:n]) + ".*" for n in range(1, len(parts)))
    if len(parts) > 1:
        yield f"*.{parts[-1]}"
