"""Locks in the cache, between those who use what is there and those who prune it.

They are held for a moment, and a file system that has none goes without: two processes then have to meet within some
microseconds before a copy is pruned that was handed out just now.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mreg import lazy


@contextmanager
def locked(folder: str, *, alone: bool = False, wait: bool = True) -> Iterator[bool]:
    """For the block, hold the lock of this folder, together with others or alone; one that is missing has no lock.
    Whether that is so: with `wait` always."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield True
        return
    try:
        yield _lock(descriptor, alone, wait)
    finally:
        with suppress(OSError):  # not left to closing: a child forked meanwhile may have the descriptor too
            lazy.fcntl.flock(descriptor, lazy.fcntl.LOCK_UN)
        os.close(descriptor)


def _lock(descriptor: int, alone: bool, wait: bool) -> bool:
    kind = lazy.fcntl.LOCK_EX if alone else lazy.fcntl.LOCK_SH
    try:
        lazy.fcntl.flock(descriptor, kind if wait else kind | lazy.fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # there are no locks here
        return True
    return True
