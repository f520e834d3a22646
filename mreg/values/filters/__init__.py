"""The filter language: which versions are meant, as SQL's WHERE says it (docs/filters.md)."""

from __future__ import annotations

from mreg import lazy

TYPE_CHECKING = False

if TYPE_CHECKING:
    from mreg.values.filters import filter as filter

MOST_COUNTED = 1000
"""Counting more versions than these beyond a limit takes longer than finding those within it."""

__getattr__ = lazy.modules_of(__name__)
