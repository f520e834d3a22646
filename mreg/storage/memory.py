"""A store in this process's memory: for tests and examples. Gone with the object."""

from __future__ import annotations

import bisect
import builtins
import errno
import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mreg.storage.base import (
    ABSENT,
    ANY,
    MAX_VALUE,
    Expect,
    Listed,
    LockTimeout,
    PutLost,
    Staged,
    Stat,
    Storage,
    TooLarge,
    Value,
)
from mreg.storage.keys import check_key


class _Entry:
    __slots__ = ("data", "etag", "mtime")

    def __init__(self, data: bytes, etag: str) -> None:
        self.data = data
        self.etag = etag
        self.mtime = time.time()


class MemoryStorage(Storage):
    """A store that any number of threads may use. Its etags name a put, not the bytes."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()  # around every look at what follows
        self._entries: dict[str, _Entry] = {}
        self._keys: builtins.list[str] = []  # sorted
        self._staged: set[MemoryStaged] = set()
        self._etags = itertools.count(1)
        self._writers = threading.RLock()
        self._holder = "nobody"

    def get(self, key: str) -> Value | None:
        entry = self._find(key)
        if entry and len(entry.data) > MAX_VALUE:
            raise TooLarge(key, len(entry.data))
        return Value(entry.data, entry.etag) if entry else None

    def read(self, key: str, start: int, length: int) -> bytes:
        if start < 0 or length < 0:
            raise ValueError(f"no such range: {length} bytes from {start}")
        entry = self._find(key)
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), key)
        return entry.data[start : start + length]

    def stat(self, key: str) -> Stat | None:
        entry = self._find(key)
        return Stat(len(entry.data), entry.mtime) if entry else None

    def listing(self, prefix: str, after: str = "") -> Iterator[Listed]:
        found = ((key, self._find(key)) for key in self.list(prefix) if key > after)
        return (Listed(key, len(one.data), one.mtime, one.etag) for key, one in found if one)

    def list(self, prefix: str) -> Iterator[str]:
        if prefix:
            check_key(prefix)
        below = f"{prefix}/" if prefix else ""
        with self._mutex:
            first = bisect.bisect_left(self._keys, below)
            later = self._keys[first:]
        return itertools.takewhile(lambda key: key.startswith(below), later)

    def stage(self) -> MemoryStaged:
        staged = MemoryStaged(self)
        with self._mutex:
            self._staged.add(staged)
        return staged

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> str:
        check_key(key)
        if isinstance(value, bytes):
            return self._publish(key, value, expect)
        if not (isinstance(value, MemoryStaged) and value.store is self):
            raise TypeError(f"not staged by this store: {value!r}")
        etag = self._publish(key, value.seal(), expect)
        value.discard()
        return etag

    def touch(self, key: str) -> bool:
        entry = self._find(key)
        if entry is None:
            return False
        entry.mtime = time.time()
        return True

    def delete(self, key: str) -> bool:
        check_key(key)
        with self._mutex:
            if self._entries.pop(key, None) is None:
                return False
            del self._keys[bisect.bisect_left(self._keys, key)]
        return True

    @contextmanager
    def lock(self, timeout: float = 30.0) -> Iterator[None]:
        if not self._writers.acquire(timeout=max(0.0, timeout)):
            raise LockTimeout(seconds=timeout, holder=self._holder)
        self._holder = f"thread {threading.current_thread().name} of this process"
        try:
            yield
        finally:
            self._writers.release()

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        limit = time.time() - older_than
        with self._mutex:
            old = [staged for staged in self._staged if staged.touched < limit]
            if dry_run:
                return sum(staged.size for staged in old)
            self._staged.difference_update(old)
        return sum(staged.sweep() for staged in old)

    def forget(self, staged: MemoryStaged) -> None:
        """Of `MemoryStaged`: the value is no unfinished work any more."""
        with self._mutex:
            self._staged.discard(staged)

    def _find(self, key: str) -> _Entry | None:
        check_key(key)
        with self._mutex:
            return self._entries.get(key)

    def _publish(self, key: str, data: bytes, expect: Expect | str) -> str:
        with self._mutex:
            present = self._entries.get(key)
            if not _is_as_expected(present, expect):
                raise PutLost(key=key)
            if present is None:
                bisect.insort(self._keys, key)
            self._entries[key] = _Entry(data, etag := f"put-{next(self._etags)}")
        return etag


def _is_as_expected(present: _Entry | None, expect: Expect | str) -> bool:
    if expect is ANY:
        return True
    if expect is ABSENT:
        return present is None
    return present is not None and present.etag == expect


class MemoryStaged(Staged):
    """Bytes on their way into a `MemoryStorage`."""

    def __init__(self, store: MemoryStorage) -> None:
        self.store = store
        self.touched = time.time()
        self._data = bytearray()
        self._sealed: bytes | None = None
        self._end = ""

    @property
    def size(self) -> int:
        return len(self._data) if self._sealed is None else len(self._sealed)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._sealed is not None or self._end:
            raise ValueError("the staged value is complete and cannot be written to")
        self._data += data
        self.touched = time.time()

    def seal(self) -> bytes:
        """End the writing and return the bytes, as often as asked for."""
        if self._end == "swept":
            raise FileNotFoundError(errno.ENOENT, "the staged value was swept")
        if self._end:
            raise ValueError("the staged value was published or thrown away")
        if self._sealed is None:
            self._sealed = bytes(self._data)
            self._data.clear()
        return self._sealed

    def discard(self) -> None:
        if not self._end:
            self._end = "thrown away"
            self.store.forget(self)

    def sweep(self) -> int:
        """Throw the bytes away under their writer's nose; how many there were."""
        self._end = self._end or "swept"
        return self.size
