"""System calls that Python does not wrap. One that is unavailable raises OSError with ENOSYS, as the kernel would."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

from mreg import lazy

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_RENAME_EXCL = 4
_FALLOC_FL_KEEP_SIZE = 1
_FALLOC_FL_PUNCH_HOLE = 2
_SYNC_FILE_RANGE_WRITE = 2


def syncfs(descriptor: int) -> None:
    """Make durable all that the file system of this open file holds."""
    _check(_call("syncfs", descriptor))


def rename_new(old: str, new: str) -> None:
    """Rename, but never over something."""
    one, other = os.fsencode(old), os.fsencode(new)
    if sys.platform == "darwin":
        _check(_call("renamex_np", one, other, _RENAME_EXCL), old, new)
    else:
        _check(_call("renameat2", _AT_FDCWD, one, _AT_FDCWD, other, _RENAME_NOREPLACE), old, new)


def reserve(descriptor: int, length: int) -> None:
    """Set aside room for an empty file without making it longer. (Not os.posix_fallocate, which may write zeros.)"""
    _fallocate(descriptor, _FALLOC_FL_KEEP_SIZE, 0, length)


def punch(descriptor: int, start: int, length: int) -> None:
    """Make a hole of a part of a file, which keeps its length."""
    _fallocate(descriptor, _FALLOC_FL_KEEP_SIZE | _FALLOC_FL_PUNCH_HOLE, start, length)


def _fallocate(descriptor: int, mode: int, start: int, length: int) -> None:
    _check(_call("fallocate", descriptor, mode, lazy.ctypes.c_int64(start), lazy.ctypes.c_int64(length)))


def begin_flush(descriptor: int, start: int, length: int) -> None:
    """Have the kernel begin to write out a part of a file. What goes wrong is for `fsync` to tell."""
    if sys.platform.startswith("linux"):
        _call(
            "sync_file_range",
            descriptor,
            lazy.ctypes.c_int64(start),
            lazy.ctypes.c_int64(length),
            _SYNC_FILE_RANGE_WRITE,
        )


def _call(name: str, *arguments: Any) -> int:
    try:
        function = getattr(lazy.ctypes.CDLL(None, use_errno=True), name)
    except AttributeError:
        lazy.ctypes.set_errno(errno.ENOSYS)
        return -1
    result: int = function(*arguments)
    return result


def _check(result: int, *paths: str) -> None:
    if result != 0:
        number = lazy.ctypes.get_errno()
        raise OSError(number, os.strerror(number), *_filenames(paths))


def _filenames(paths: tuple[str, ...]) -> tuple[str | None, ...]:
    return (paths[0], None, paths[1]) if paths else ()
