"""What dead processes left in `tmp/`."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from stat import S_ISDIR, S_ISREG

from mreg import storage
from mreg.storage.posix import disk_fails
from mreg.storage.reading import names_in


def sweep(folder: str, older_than: float, *, dry_run: bool) -> int:
    """Remove from `folder` what is older than so many seconds, or whose process is gone; the bytes that it held."""
    try:
        # By its handle: nothing that takes its place meanwhile is swept.
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return 0
    try:
        limit = (time.time() if dry_run else _clock(opened)) - older_than
        names = [name.rstrip("/") for name in names_in(opened)]
        return sum(_leftover(opened, name, limit, remove=not dry_run) for name in names)
    finally:
        os.close(opened)


def _clock(folder: int) -> float:
    """The file system's own time, read without needing space on a disk that may be full. Where it cannot be read, that
    of the last change in the folder: nothing seems older than it is."""
    try:
        os.utime(folder)
    except OSError as error:
        if disk_fails(error) or not os.access(".", os.W_OK, dir_fd=folder):
            raise
    return os.fstat(folder).st_mtime


def _leftover(folder: int, name: str, limit: float, *, remove: bool) -> int:
    """The bytes of unfinished work that was last touched before `limit`, or whose process is gone; they are given
    back if they are removed. None while the file has a second, published name."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if found.st_mtime >= limit and not storage.temporary.is_abandoned(name):
            return 0
        if remove:
            _remove(folder, name, found)
    except FileNotFoundError:
        return 0
    return found.st_size if S_ISREG(found.st_mode) and found.st_nlink == 1 else 0


def _remove(folder: int, name: str, found: os.stat_result) -> None:
    if not S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=folder)
        return
    with suppress(OSError):  # not empty, so none of ours
        os.rmdir(name, dir_fd=folder)
