"""Words of which no two may differ only in case: names of collections, and the aliases of one collection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from mreg.values.names import fold


class Folds:
    """Words that are in use or were, found by what is left of them without case."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._words: dict[str, set[str]] = defaultdict(set)
        for word in words:
            self.add(word)

    def add(self, word: str) -> None:
        self._words[fold(word)].add(word)

    def discard(self, word: str) -> None:
        self._words[fold(word)].discard(word)

    def other(self, word: str) -> str | None:
        """A word that differs from this one only in case."""
        return min(self._words.get(fold(word), set()) - {word}, default=None)
