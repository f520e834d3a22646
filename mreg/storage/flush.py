"""Flushing: the one place that knows how files, folders and file systems are made durable, and which answers to that
are failures.

A file system that has no such call for folders (some network file systems, FUSE, 9p, folders shared with a virtual
machine) says so with one of many errors; names are its server's affair then, and there is nothing more to be done. A
disk that failed is an error for whoever writes, always: the kernel tells it once, and may drop the bytes.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from itertools import islice

from mreg import lazy
from mreg.storage import libc
from mreg.storage.posix import no_such_call

MANY = 32
"""Number of files from which on one flush of the whole file system is faster than one per file."""

_STEP = 16 << 20
_NOT_FOR_FOLDERS = frozenset({errno.EBADF, errno.EISDIR})
"""As where a folder must be open for writing to be flushed, which none can be."""

_LOST = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT})
"""Something written before did not reach the disk."""


def fsync(descriptor: int) -> None:
    """Make an open file or folder durable, past the drive's own cache."""
    if sys.platform == "darwin":
        try:
            lazy.fcntl.fcntl(descriptor, lazy.fcntl.F_FULLFSYNC)  # fsync alone stops at the drive's own cache
            return
        except OSError as error:
            if not no_such_call(error):
                raise
    os.fsync(descriptor)


def flush_folder(path: str) -> None:
    """Make the names in the folder `path` durable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # it may be written to, but not read
        os.sync()
        return
    try:
        fsync(descriptor)
    except OSError as error:
        if not no_such_call(error) and error.errno not in _NOT_FOR_FOLDERS:
            raise
    finally:
        os.close(descriptor)


def flush_files(paths: Sequence[str]) -> None:
    """Make durable what these files hold, which have been written and closed. All are in one file system."""
    if len(paths) < MANY or not flush_file_system(os.path.dirname(paths[0])):
        for path in paths:
            _flush_file(path)


def flush_folders(paths: Sequence[str]) -> None:
    """Make the names in these folders durable. All are in one file system."""
    if len(paths) < MANY or not flush_file_system(paths[0]):
        for path in paths:
            flush_folder(path)


def flush_tree(path: str) -> None:
    """Make all files and folders below `path`, and itself, durable."""
    names = (name for _, _, names in os.walk(path) for name in names)
    if len(list(islice(names, MANY))) == MANY and flush_file_system(path):
        return
    for folder, _, files in os.walk(path, topdown=False):
        for file in files:
            _flush_file(os.path.join(folder, file))
        flush_folder(folder)


def _flush_file(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_file_system(path: str) -> bool:
    """Make durable all that the file system of the folder `path` holds. False where that cannot be had, and each file
    has to be flushed by itself; raises OSError where something was lost."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # it may be written to, but not read
        return False
    try:
        libc.syncfs(descriptor)
    except OSError as error:
        if error.errno in _LOST:
            raise
        return False
    finally:
        os.close(descriptor)
    return True


class Flusher:
    """Has the kernel begin to write out a file while more is written to it: at the end, less is left to wait
    for. Where that cannot be had, nothing happens; only `fsync` makes anything durable.

    descriptor: of a file that is written from its start to its end.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._written = 0
        self._begun = 0

    def wrote(self, count: int) -> None:
        """Note that `count` more bytes have been written."""
        self._written += count
        if self._written - self._begun >= _STEP:
            libc.begin_flush(self._descriptor, self._begun, self._written - self._begun)
            self._begun = self._written
