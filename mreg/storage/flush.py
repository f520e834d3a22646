"""Flushing what was written outside of a storage: destinations and the cache."""

from __future__ import annotations

import os
import sys
from itertools import islice

from mreg.storage.posix import fsync

MANY = 32
"""From so many files on, flushing the file system as a whole is faster than each file by itself."""


def flush_folder(path: str) -> None:
    """Make the names in the folder `path` durable."""
    _flush(path, os.O_DIRECTORY)


def flush_tree(path: str) -> None:
    """Make all files and folders below `path`, and itself, durable."""
    names = (name for _, _, names in os.walk(path) for name in names)
    if len(list(islice(names, MANY))) == MANY and flush_file_system(path):
        return
    for folder, _, files in os.walk(path, topdown=False):
        for file in files:
            _flush(os.path.join(folder, file), os.O_NOFOLLOW)
        flush_folder(folder)


def _flush(path: str, flags: int) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        fsync(handle)
    finally:
        os.close(handle)


def flush_file_system(path: str) -> bool:
    """Make durable all that the file system of the folder `path` holds: syncfs(2), which Python does not wrap. False
    where there is none; raises OSError where it failed."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        return False
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if syncfs(handle) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
    finally:
        os.close(handle)
    return True
