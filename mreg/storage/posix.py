"""The few file system calls whose plain form is not enough, and what an unexpected answer to a call means.

File systems refuse what they do not have with whatever error their authors thought of, the kernel's internal 524
among them. So code never lists the errors of refusal of a call that it can do without: it lists those that say that
something went wrong (the name is taken, the disk is full), and takes any other for a refusal.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from stat import S_ISLNK
from typing import Final

from mreg import lazy
from mreg.storage import libc
from mreg.values.errors import Refused

ENOTSUPP: Final = 524
"""What NFS and others say for ENOTSUP: an error of the kernel's own that was never meant to leave it."""

_NO_SUCH_CALL = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY, ENOTSUPP})

_DISK_FAILS = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOMEM, errno.ESTALE})

_LINK_FAILS = _DISK_FAILS | {errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
"""Answers to `link` that a rename would get too, or that decide who was first."""

_FICLONE = 0x40049409

_WORTH_RESERVING = 16 << 20
_HAS_FALLOCATE = sys.platform.startswith("linux") and sys.maxsize > 1 << 32


class LinkInStore(Refused):
    code = "link-in-repository"
    template = "{path!r} is a symbolic link, and mreg follows no links inside a repository"

    path: str


def refuse_link(path: str) -> None:
    """Raises LinkInStore where a symbolic link has this name."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    if S_ISLNK(found.st_mode):
        raise LinkInStore(path=path)


def no_such_call(error: OSError) -> bool:
    """Whether the error says that the file system has no such call, not that the call failed."""
    return error.errno in _NO_SUCH_CALL


def disk_fails(error: OSError) -> bool:
    """Whether the error says that the disk is broken, full or read-only, and not that a call is refused."""
    return error.errno in _DISK_FAILS


def set_mode(path: str | int, mode: int) -> bool:
    """Give the file at `path`, or the open one, this mode. False where it is refused: the mode is another's to
    change, or the file system has none."""
    try:
        os.chmod(path, mode)
    except FileNotFoundError:
        raise
    except OSError as error:
        if disk_fails(error):
            raise
        return False
    return True


def set_time(path: str | int, moment: int) -> bool:
    """Let the file or folder at `path`, or the open one, bear this time, in nanoseconds since 1970. False where that is
    refused."""
    try:
        os.utime(path, ns=(moment, moment))
    except FileNotFoundError:
        raise
    except OSError as error:
        if disk_fails(error):
            raise
        return False
    return True


def clone(source: int, target: int) -> bool:
    """Let the open file `target`, which is empty, have the content of `source` without taking room for it, until one
    of them is written to. False where the file system has no such thing, or they are on two."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        lazy.fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if disk_fails(error):
            raise
        return False
    return True


def reserve(fd: int, length: int) -> bool:
    """Have the file system set aside the room for a long file that is to be written next, all at once: else it looks
    for room, and keeps account of it, page by page. Where that cannot be had, nothing happens; what there is no room
    for fails when it is written. Returns whether it was tried.

    fd: of an empty file.
    """
    if length < _WORTH_RESERVING or not _HAS_FALLOCATE:
        return False
    with suppress(OSError):
        libc.reserve(fd, length)
    return True


def punch(fd: int, start: int, length: int) -> None:
    """Give back the room that was reserved for a part of a file. Where that cannot be had, it stays."""
    if _HAS_FALLOCATE:
        with suppress(OSError):
            libc.punch(fd, start, length)


def link_new(temp: str, path: str) -> None:
    """Give the file `temp` the name `path` too, or instead. FileExistsError where that is taken."""
    try:
        os.link(temp, path)
    except OSError as error:
        if _has_two_names(temp):
            return  # it worked; NFS lost the reply, and its second try found our own first one
        if error.errno in _LINK_FAILS:
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
    """Rename, but never over something: for file systems without hard links. With neither, nothing would tell which
    of two writers was first."""
    try:
        libc.rename_new(temp, path)
    except OSError as error:
        if no_such_call(error):
            why = "the file system supports neither hard links nor exclusive renames"
            raise OSError(errno.ENOSYS, why, path) from None
        raise
