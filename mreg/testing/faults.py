"""A store that fails at a chosen call, to show that what stands on it survives.

Run the operation once with `fail_at=0`, which never fails, and read `calls`; then once for each n up to that
number, looking at the inner store after each.

A process that dies between two changes leaves the same bytes wherever that was, so for deaths the changes are
points enough; a single call that *fails* may be any, and what catches the error is what is tried: `reads=True`.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from mreg.storage.base import ABSENT, ANY, Expect, PutLost, Staged, Stat, Storage, Value

_T = TypeVar("_T")


class Crash(BaseException):
    """The process dies here. No `except Exception` survives it, as none would survive the real thing."""


class FaultyStorage(Storage):
    """`inner`, but the `fail_at`-th call (from 1) that changes something raises `error`.

    Counted are put, delete, touch and `write` of a staged value. Without `reads`, reading never fails.

    error: raised as it is, or called for a new one.
    after: raise when the call has been performed: its reply was lost.
    dead:  what is tried later fails alike, and staged values are not discarded but left behind, as a
           process that was killed leaves them. Locks are given back, as the kernel does.
    reads: get, read, stat, list, stage, sweep and taking the lock are counted and fail too.
    """

    def __init__(
        self,
        inner: Storage,
        fail_at: int,
        error: BaseException | Callable[[], BaseException],
        *,
        after: bool = False,
        dead: bool = False,
        reads: bool = False,
    ) -> None:
        self.inner = inner
        self._fail_at = fail_at
        self._error = error
        self._after = after
        self._dies = dead
        self._reads = reads
        self._mutex = threading.Lock()
        self._calls = 0

    @property
    def calls(self) -> int:
        """How many counted calls there were, the failing ones included."""
        return self._calls

    @property
    def is_dead(self) -> bool:
        """Whether the point of death has been reached."""
        return self._dies and 0 < self._fail_at <= self._calls

    def change(self, call: Callable[[], _T]) -> _T:
        """Count, and perform `call` or fail."""
        with self._mutex:
            was_dead = self.is_dead
            self._calls += 1
            fails = self._calls == self._fail_at
        if was_dead or (fails and not self._after):
            raise self._new_error()
        result = call()
        if fails:
            raise self._new_error()
        return result

    def get(self, key: str) -> Value | None:
        return self._other(lambda: self.inner.get(key))

    def read(self, key: str, start: int, length: int) -> bytes:
        return self._other(lambda: self.inner.read(key, start, length))

    def stat(self, key: str) -> Stat | None:
        return self._other(lambda: self.inner.stat(key))

    def doubt(self) -> None:
        self.inner.doubt()

    def begin(self) -> None:
        self.inner.begin()

    def look_again(self, key: str) -> None:
        self._other(lambda: self.inner.look_again(key))

    def list(self, prefix: str) -> Iterator[str]:
        return self._other(lambda: self.inner.list(prefix))

    def stage(self) -> Staged:
        return self._other(lambda: FaultyStaged(self, self.inner.stage()))

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> None:
        real = value.inner if isinstance(value, FaultyStaged) else value
        self.change(lambda: self.inner.put(key, real, expect))

    def touch(self, key: str) -> bool:
        return self.change(lambda: self.inner.touch(key))

    def delete(self, key: str) -> bool:
        return self.change(lambda: self.inner.delete(key))

    @contextmanager
    def lock(self, timeout: float = 30.0) -> Iterator[None]:
        if self._reads:
            self.change(lambda: None)
        with self.inner.lock(timeout):
            yield

    def share(self) -> None:
        self.inner.share()

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        if self.is_dead:
            raise self._new_error()
        return self._other(lambda: self.inner.sweep(older_than, dry_run=dry_run))

    def _other(self, call: Callable[[], _T]) -> _T:
        """Perform what changes nothing that others see."""
        return self.change(call) if self._reads else call()

    def _new_error(self) -> BaseException:
        return self._error if isinstance(self._error, BaseException) else self._error()


class UnreadableStorage(FaultyStorage):
    """`inner` on a medium that cannot read these keys, until something is put in their place. With the error EISDIR
    (a folder has that name) nothing can be. start, stop: the offsets between which parts of them cannot be read."""

    def __init__(
        self, inner: Storage, *keys: str, error: int = errno.EIO, start: int = 0, stop: int = sys.maxsize
    ) -> None:
        super().__init__(inner, 0, Crash)
        self.bad = set(keys)
        self._number = error
        self._start, self._stop = start, stop

    def get(self, key: str) -> Value | None:
        self._refuse(key)
        return super().get(key)

    def read(self, key: str, start: int, length: int) -> bytes:
        if start < self._stop and start + length > self._start:
            self._refuse(key)
        return super().read(key, start, length)

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> None:
        if self._number == errno.EISDIR:
            self._refuse(key)
        super().put(key, value, expect)
        self.bad.discard(key)

    def _refuse(self, key: str) -> None:
        if key in self.bad:
            raise OSError(self._number, os.strerror(self._number), key)


class UnlockedStorage(FaultyStorage):
    """`inner`, whose lock excludes nobody: as `flock` on a file system where it is a call without effect. Nor does it
    keep a compare-and-swap together."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner, 0, Crash)

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> None:
        if expect is not ANY and expect is not ABSENT:
            present = self.inner.get(key)
            if present is None or present.etag != expect:
                raise PutLost(key=key)
            expect = ANY
        super().put(key, value, expect)

    @contextmanager
    def lock(self, timeout: float = 30.0) -> Iterator[None]:
        yield


class LateStorage(UnlockedStorage):
    """`inner`, where nothing is deleted before `go_on` is called: a gc that was stopped when it had said what goes."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.late: list[str] = []

    def delete(self, key: str) -> bool:
        self.late.append(key)
        return True

    def go_on(self) -> None:
        """Delete what was to be deleted."""
        while self.late:
            self.inner.delete(self.late.pop())


class FaultyStaged(Staged):
    """A staged value of a `FaultyStorage`."""

    def __init__(self, store: FaultyStorage, inner: Staged) -> None:
        self._store = store
        self.inner = inner

    @property
    def size(self) -> int:
        return self.inner.size

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._store.change(lambda: self.inner.write(data))

    def discard(self) -> None:
        if not self._store.is_dead:
            self.inner.discard()
