"""Stores with names as some file systems have them.

*Decomposed.* HFS+ and some servers keep names in NFD, whatever form they were given in, and list them so.

*Remembered.* What a client of a network file system sees, which remembers that a name was missing.

With the default options of NFS 4.2 a client asks the server only once in a while whether a file that was missing is
still missing; what another client makes meanwhile is not there for it. Creating is always the server's to decide, and
reading a folder anew makes the client forget.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import AbstractContextManager

from mreg.storage.base import ABSENT, ANY, Expect, PutLost, Staged, Stat, Storage, Value
from mreg.storage.local import LocalStorage


class DecomposedNames(LocalStorage):
    """A store in a folder whose file system keeps names in NFD."""

    def _local(self, key: str) -> str:
        return unicodedata.normalize("NFD", super()._local(key))


class RememberedMisses(Storage):
    """`inner` as one of its clients sees it: what was found missing stays so for the next `calls` calls, unless this
    client makes it, or looks at its folder again. `hits` counts the answers that came from memory and were wrong."""

    def __init__(self, inner: Storage, calls: int = 1000) -> None:
        self.inner = inner
        self.hits = 0
        self._calls = calls
        self._now = 0
        self._missing: dict[str, int] = {}

    def get(self, key: str) -> Value | None:
        if self._is_missing(key):
            return None
        value = self.inner.get(key)
        self._note(key, value is None)
        return value

    def read(self, key: str, start: int, length: int) -> bytes:
        if self._is_missing(key):
            raise FileNotFoundError(key)
        try:
            return self.inner.read(key, start, length)
        except FileNotFoundError:
            self._note(key, missing=True)
            raise

    def stat(self, key: str) -> Stat | None:
        if self._is_missing(key):
            return None
        found = self.inner.stat(key)
        self._note(key, found is None)
        return found

    def begin(self) -> None:
        self.inner.begin()

    def look_again(self, key: str) -> None:
        self._missing.pop(key, None)
        self.inner.look_again(key)

    def list(self, prefix: str) -> Iterator[str]:
        return map(self._seen, self.inner.list(prefix))

    def stage(self) -> Staged:
        return self.inner.stage()

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> None:
        if expect is not ANY and expect is not ABSENT and self._is_missing(key):
            raise PutLost(key=key)
        self.inner.put(key, value, expect)
        self._missing.pop(key, None)

    def touch(self, key: str) -> bool:
        return not self._is_missing(key) and self.inner.touch(key)

    def delete(self, key: str) -> bool:
        return not self._is_missing(key) and self.inner.delete(key)

    def lock(self, timeout: float = 30.0) -> AbstractContextManager[None]:
        return self.inner.lock(timeout)

    def share(self) -> None:
        self.inner.share()

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        return self.inner.sweep(older_than, dry_run=dry_run)

    def _is_missing(self, key: str) -> bool:
        self._now += 1
        if self._now >= self._missing.get(key, 0):
            return False
        self.hits += self.inner.stat(key) is not None
        return True

    def _seen(self, key: str) -> str:
        self._missing.pop(key, None)
        return key

    def _note(self, key: str, missing: bool) -> None:
        if missing:
            self._missing[key] = self._now + self._calls
