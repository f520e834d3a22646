"""What an operation has seen of a bucket, so that it asks for nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mreg.storage.base import Stat, Value

_SMALL: Final = 256 << 10
"""Bytes of a record that is remembered."""

_FEW: Final = 64
"""Records that are."""


class Seen:
    def __init__(self) -> None:
        self.missing: set[str] = set()  # entries
        self.checked = False  # is the last entry the one that is known?
        self.stats: dict[str, Stat | None] = {}
        self._values: dict[str, Value] = {}

    def value(self, key: str, ask: Callable[[str], Value | None]) -> Value | None:
        found = self._values.get(key) or ask(key)
        if found is not None:
            self.keep(key, found)
        return found

    def keep(self, key: str, value: Value) -> None:
        """A version record or a manifest that was read or written, if it is small."""
        if len(value.data) <= _SMALL and len(self._values) < _FEW:
            self._values[key] = value

    def stat(self, key: str, ask: Callable[[str], Stat | None]) -> Stat | None:
        if key not in self.stats:
            self.stats[key] = ask(key)
        return self.stats[key]

    def forget(self, key: str) -> None:
        self.stats.pop(key, None)
        self._values.pop(key, None)
