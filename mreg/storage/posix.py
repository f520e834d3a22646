"""The few file system calls whose plain form is not enough."""

from __future__ import annotations

import errno
import os
import sys
from stat import S_ISLNK

from mreg.values.errors import Refused

_NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
_NO_FULL_FSYNC = frozenset({errno.EINVAL, errno.ENOTTY, errno.EOPNOTSUPP, errno.ENOTSUP})

_NO_EXCLUSIVE_RENAME = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})

_FLUSH_STEP = 16 << 20


class LinkInStore(Refused):
    code = "link-in-repository"
    template = "{path!r} is a symbolic link, and mreg follows none inside of a repository"

    path: str


def refuse_link(path: str) -> None:
    """Raises LinkInStore where a symbolic link has this name."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    if S_ISLNK(found.st_mode):
        raise LinkInStore(path=path)


def fsync(fd: int) -> None:
    """Make an open file or folder durable, past the drive's own cache."""
    if sys.platform == "darwin":
        import fcntl

        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync alone stops at the drive's own cache
            return
        except OSError as error:
            if error.errno not in _NO_FULL_FSYNC:
                raise
    os.fsync(fd)


def reserve(fd: int, length: int) -> None:
    """Have the file system set aside the room for a long file that is to be written next, all at once: else it looks
    for room, and keeps account of it, page by page. Where that cannot be had, nothing happens; what there is no room
    for fails when it is written.

    fd: of an empty file.
    """
    if length < _FLUSH_STEP or not sys.platform.startswith("linux") or sys.maxsize < 1 << 32:
        return
    import ctypes

    call = getattr(ctypes.CDLL(None), "fallocate", None)  # not os.posix_fallocate, which may write zeros instead
    if call is not None:
        call(fd, 1, ctypes.c_int64(0), ctypes.c_int64(length))  # FALLOC_FL_KEEP_SIZE


class Flusher:
    """Has the kernel begin to write out a file while more is written to it: at the end, less is left to wait
    for. Where that cannot be had, nothing happens; only `fsync` makes anything durable.

    fd: of a file that is written from its start to its end.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._written = 0
        self._begun = 0

    def wrote(self, count: int) -> None:
        """So many bytes more have been written."""
        self._written += count
        if self._written - self._begun >= _FLUSH_STEP:
            _begin_flush(self._fd, self._begun, self._written - self._begun)
            self._begun = self._written


def _begin_flush(fd: int, start: int, length: int) -> None:
    """sync_file_range(2), which Python does not wrap."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    call = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if call is not None:
        call(fd, ctypes.c_int64(start), ctypes.c_int64(length), 2)  # SYNC_FILE_RANGE_WRITE


def link_new(temp: str, path: str) -> None:
    """Give the file `temp` the name `path` too, or instead. FileExistsError where that is taken."""
    try:
        os.link(temp, path)
    except OSError as error:
        if _has_two_names(temp):
            return  # it worked; NFS lost the reply, and its second try found our own first one
        if error.errno not in _NO_HARD_LINKS:
            raise
        _rename_new(temp, path)


def _has_two_names(path: str) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY)  # opened, since that makes an NFS client ask the server anew
    except OSError:
        return False
    try:
        return os.fstat(fd).st_nlink == 2
    finally:
        os.close(fd)


def _rename_new(temp: str, path: str) -> None:
    """Rename, but never over something: for file systems without hard links."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    old, new = os.fsencode(temp), os.fsencode(path)
    try:
        if sys.platform == "darwin":
            failed = libc.renamex_np(old, new, 4)  # RENAME_EXCL
        else:
            failed = libc.renameat2(-100, old, -100, new, 1)  # AT_FDCWD, RENAME_NOREPLACE
    except AttributeError:
        raise _unable(path) from None
    if failed:
        code = ctypes.get_errno()
        if code in _NO_EXCLUSIVE_RENAME:
            raise _unable(path)
        raise OSError(code, os.strerror(code), temp, None, path)


def _unable(path: str) -> OSError:
    """With neither, nothing tells which of two writers was first."""
    return OSError(errno.ENOSYS, "the file system has neither hard links nor exclusive renames", path)
