"""Is there room for what is about to be written?"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection

from mreg.values.errors import Failed


class NoSpace(Failed):
    code = "no-space"
    template = "{folder!r} has room for {free:,} {things}, but {needed:,} are needed"

    folder: str
    things: str
    needed: int
    free: int


def check_space(folder: str, sizes: Collection[int], holes: Callable[[], int] = lambda: 0) -> None:
    """Raises NoSpace where files of these `sizes` surely do not fit beside what lies on the disk of `folder`. holes:
    tells how many of their bytes need no room; asked where it matters.

    A list of files says in a few bytes what fills any disk, so it is asked before anything is written. Others
    may write meanwhile: a disk that turns out to be full is an error still.
    """
    try:
        disk = os.statvfs(folder)
    except OSError:  # it does not tell
        return
    block = disk.f_frsize or 1
    needed, free = sum(-(-size // block) * block for size in sizes), disk.f_bavail * block
    # Some file systems do not tell: they have no blocks, or no limit of files.
    if disk.f_blocks and needed > free and (needed := needed - holes()) > free:
        raise NoSpace(folder=folder, things="bytes", needed=needed, free=free)
    if disk.f_files and len(sizes) > disk.f_favail:
        raise NoSpace(folder=folder, things="more files", needed=len(sizes), free=disk.f_favail)
