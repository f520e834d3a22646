"""Values and names read from a folder: no symbolic link is followed, nothing waits for a pipe, and what NFS takes away
while it is open is asked for again."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from stat import S_ISREG
from typing import TypeVar

from mreg.storage.base import MAX_VALUE, TooLarge
from mreg.storage.posix import LinkInStore
from mreg.values import file_names
from mreg.values.names import composed

_T = TypeVar("_T")

MOST_AT_ONCE = 1 << 30
"""Bytes per system call: macOS refuses to read or write more than 2 GiB in one."""

_CHUNK = 1 << 16
_STALE_PAUSES = (0.0, 0.01, 0.1)


def patiently(path: str, call: Callable[[], _T]) -> _T:
    """`call()`, which opens `path`, again where NFS says that what it opened was replaced meanwhile.

    A client of NFS 4 may open a file that it has opened before without asking the server for its name, and so gets the
    replaced one each time. Where a call that takes a path finds its file stale, Linux looks the name up again."""
    for pause in _STALE_PAUSES:
        try:
            return call()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
        with suppress(OSError):
            os.lstat(path)
        time.sleep(pause)
    return call()


def read_whole(path: str) -> bytes | None:
    try:
        fd = _open_value(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        found = os.fstat(fd)
        if not S_ISREG(found.st_mode):
            raise _no_file(path)
        if found.st_size > MAX_VALUE:
            raise TooLarge(path, found.st_size)
        parts, left = [], MAX_VALUE
        while block := os.read(fd, _CHUNK):
            parts.append(block)
            left -= len(block)
            if left < 0:  # it grows, or the file system told no size
                raise TooLarge(path)
        return b"".join(parts)
    finally:
        os.close(fd)


def _open_value(path: str) -> int:
    """Not waiting for a pipe that somebody put there."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise LinkInStore(path=path) from None
        if error.errno == errno.ENXIO:  # a socket
            raise _no_file(path) from None
        raise


def _no_file(path: str) -> IsADirectoryError:
    return IsADirectoryError(errno.EISDIR, "something other than a file is in its place", path)


def read_range(path: str, start: int, length: int) -> bytes:
    with _opened(path) as (fd, size):
        # Python allocates what is asked for, so ask for no more than there is.
        return _pread(fd, start, min(length, max(0, size - start)))


def read_range_into(path: str, start: int, out: memoryview) -> int:
    done = 0
    with _opened(path) as (fd, _):
        while done < len(out) and (count := os.preadv(fd, [out[done : done + MOST_AT_ONCE]], start + done)):
            done += count
    return done


@contextmanager
def _opened(path: str) -> Iterator[tuple[int, int]]:
    """The file open for reading, and its size. Raises FileNotFoundError where there is no file."""
    try:
        fd = _open_value(path)
    except NotADirectoryError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
    try:
        found = os.fstat(fd)
        if not S_ISREG(found.st_mode):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        yield fd, found.st_size
    finally:
        os.close(fd)


def _pread(fd: int, start: int, length: int) -> bytes:
    data = os.pread(fd, min(length, MOST_AT_ONCE), start)
    if len(data) == length:
        return data
    parts = [data]
    done = len(data)
    while done < length and parts[-1]:
        parts.append(os.pread(fd, min(length - done, MOST_AT_ONCE), start + done))
        done += len(parts[-1])
    return b"".join(parts)


def names_in(folder: str | int) -> list[str]:
    """What is in `folder`, in the order of whole keys: folders end in a slash, and are sorted with it."""
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    names.append(entry.name + "/")
                elif entry.is_file(follow_symlinks=False) and not _is_nfs_remains(entry.name):
                    names.append(entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(names)


def keys_in(folder: str) -> list[str]:
    """As `names_in`, but names beyond ASCII as they are in keys: UTF-8 whatever the locale, and NFC whatever form the
    file system gives them."""
    found = names_in(folder)
    if all(map(str.isascii, found)):
        return found
    return sorted({composed(file_names.stored(name)) for name in found})


def _is_nfs_remains(name: str) -> bool:
    return len(name) == 28 and name.startswith(".nfs")
