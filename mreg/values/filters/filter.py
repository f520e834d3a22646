"""An expression of the filter language, parsed once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mreg.values.filters import meaning
from mreg.values.filters.parser import Parsed
from mreg.values.filters.tree import Key, Tree

if TYPE_CHECKING:
    from mreg.values.entities import Version

__all__ = ["Filter"]


class Filter:
    """`metrics.acc >= 0.9 and params.arch in ('resnet50', 'vit')`: the language of docs/filters.md.

    Raises InvalidFilter, an InvalidInput, which points at the mistake in the expression. `str()` returns the expression
    in a normalized spelling; two filters are equal if these are.
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"a filter is a string such as 'metrics.acc > 0.9', not {text!r}")
        self._parsed = Parsed(text)
        self.text = text

    @property
    def tree(self) -> Tree:
        """The expression as a tree."""
        return self._parsed.tree

    @property
    def matchers(self) -> meaning.Matchers:
        """The compiled patterns, by operator and pattern."""
        return self._parsed.matchers

    def place(self, key: Key) -> tuple[int, int]:
        """The first occurrence of the key: the index of its first character, and its length."""
        return self._parsed.places[key]

    def matches(self, version: Version, *, now: datetime | None = None) -> bool:
        """Whether the version matches. now: the time from which `age` is measured; default: the current time."""
        subject = meaning.Subject(version, now or datetime.now(UTC))
        return meaning.holds(self.tree, subject, self._parsed.matchers)

    def __str__(self) -> str:
        return str(self.tree)

    def __repr__(self) -> str:
        return f"Filter({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, Filter) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))
