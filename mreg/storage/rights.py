"""The rights of a group that shares a folder, as in git's core.sharedRepository=group.

Folders are writable for the group and hand their own group down (2775, less what the umask takes from others);
files are read-only, and readable for the group (0444). Whoever may write to a folder may replace and delete the
files in it, so that no file needs to be writable. What is made under a strict umask gets its rights before it gets
its name: a process that is killed in between leaves nothing that is in the way of the others.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from mreg.storage.posix import disk_fails, set_mode

_FOLDER = stat.S_ISGID | stat.S_IRWXG
_FILE = stat.S_IRGRP
_LOCK = stat.S_IRGRP | stat.S_IWGRP


def open_file(fd: int) -> None:
    """Let the group read the open file, which is ours."""
    _allow(fd, os.fstat(fd), _FILE)


def open_lock(fd: int) -> None:
    """Let the group take the lock in the open file, which is ours."""
    _allow(fd, os.fstat(fd), _LOCK)


def make_folder(folder: str, scratch: str | None) -> None:
    """As os.mkdir, for the group to write to.

    scratch: the name, on the same file system, that it has until its rights are right; None where there is no
    place for that yet.
    """
    if scratch is None:
        os.mkdir(folder)
        _allow(folder, os.stat(folder), _FOLDER)
        return
    os.mkdir(scratch)
    try:
        _allow(scratch, os.stat(scratch), _FOLDER)
        os.rename(scratch, folder)  # also over an empty folder, which is as good
    except BaseException as error:
        os.rmdir(scratch)
        if os.path.isdir(folder) and isinstance(error, OSError):
            raise FileExistsError(*error.args) from None
        raise


def open_all(root: str) -> Iterator[str]:
    """Give everything below the folder `root`, and itself, its group and the rights of the group; what belongs to
    others, and has not got them, is yielded."""
    group = os.stat(root).st_gid
    if not _open_one(root, group, _FOLDER):
        yield root
    for here, folders, files in os.walk(root):
        for name in folders:
            if not _open_one(os.path.join(here, name), group, _FOLDER):
                yield os.path.join(here, name)
        for name in files:
            bits = _LOCK if here == root and name == "lock" else _FILE
            if not _open_one(os.path.join(here, name), group, bits):
                yield os.path.join(here, name)


def _open_one(path: str, group: int, bits: int) -> bool:
    """Whether it is as it should be now."""
    try:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            return True  # none of mreg's; what it leads to is not ours to change
        if found.st_gid != group:
            os.chown(path, -1, group, follow_symlinks=False)
            found = os.lstat(path)
        _allow(path, found, bits)
    except FileNotFoundError:
        pass  # others are at work meanwhile
    except OSError as error:  # chown knows more ways to refuse than EPERM: EINVAL, in a user namespace
        if disk_fails(error):
            raise
        return False
    return True


def _allow(path: str | int, found: os.stat_result, bits: int) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if mode & bits == bits:
        return
    # File systems without modes (FAT) show those of the mount, and cannot change them.
    if not set_mode(path, mode | bits) and mode & bits & stat.S_IRWXG != bits & stat.S_IRWXG:
        raise PermissionError(errno.EPERM, "its mode cannot be changed", path if isinstance(path, str) else None)
