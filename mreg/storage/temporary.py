"""The one scheme for names of what is not finished, in repositories, destinations, the cache and beside settings.

    <prefix>mreg-<kernel>-<process>-<its start>-<random>

Such a file or folder is abandoned where it is certain that nobody fills it any more: it was made under this very
kernel (by its boot id) and these process numbers, and that process is gone. One from another machine, or from before a
restart, is not: a folder that is mreg's own is swept by age too, a destination never.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from stat import S_ISDIR, S_ISREG
from typing import Final

from mreg import lazy
from mreg.small_files import in_place_of
from mreg.storage.flush import flush_folder, fsync
from mreg.storage.process import Process
from mreg.values.digest import digest

DAY: Final = 24 * 3600.0
"""Unfinished work that has not been touched for this many seconds is abandoned."""

_NAME = re.compile(r"mreg-([0-9a-f]{8})-([0-9]{1,9})-([0-9]*)-[0-9a-f]{8,16}")

_mine = ("", "")
"""The process that asked last, and what all of its names have in common."""


def temporary_name(prefix: str = "") -> str:
    """A new name, which starts with `prefix`."""
    global _mine
    pid = str(os.getpid())
    if _mine[0] != pid:  # the first call, or a forked child
        me = Process.me()
        _mine = pid, f"mreg-{_kernel(me)}-{pid}-{me.start}"
    return f"{prefix}{_mine[1]}-{os.urandom(8).hex()}"


def prefix_beside(name: str) -> str:
    """What the names of unfinished files start with beside the file or folder `name`, which may be as long as file
    systems allow."""
    return f".{os.fsencode(name)[:150].decode('utf-8', 'ignore')}."


def is_temporary(name: str, prefix: str = "") -> bool:
    """Whether it is the name of something unfinished, anybody's."""
    return name.startswith(prefix) and _NAME.fullmatch(name, len(prefix)) is not None


def is_abandoned(name: str, prefix: str = "") -> bool:
    """Whether it is certain that nobody will finish what has this name."""
    found = _NAME.fullmatch(name, len(prefix)) if name.startswith(prefix) else None
    me = Process.me()
    if found is None or not me.boot or found[1] != _kernel(me):
        return False
    return me._replace(pid=found[2], start=found[3]).is_gone(me) is True


def abandoned(folder: str, prefix: str = "", *, untouched_since: float | None = None) -> Iterator[str]:
    """The paths of what is abandoned in `folder` under a name with this prefix; with `untouched_since` (in seconds
    since 1970) also of what has had no change since."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        path = os.path.join(folder, name)
        with suppress(OSError):
            old = untouched_since is not None and os.lstat(path).st_mtime < untouched_since
            if old or is_abandoned(name, prefix):
                yield path


def drop_abandoned(folder: str, prefix: str = "", *, untouched_since: float | None = None) -> None:
    """Remove what `abandoned` names, and leave what cannot be removed."""
    for path in abandoned(folder, prefix, untouched_since=untouched_since):
        with suppress(OSError):
            remove(path)


def remove(path: str) -> None:
    """Remove a file, or a folder with all that is in it. A symbolic link stays, which is nothing of mreg's."""
    mode = os.lstat(path).st_mode
    if S_ISDIR(mode):
        lazy.shutil.rmtree(path)
    elif S_ISREG(mode):
        os.unlink(path)


def replace_file(path: str, data: bytes, *, durable: bool = True) -> None:
    """Let the file `path` hold `data`, durably by default, and nobody see anything but the old content or the new."""
    folder, name = os.path.split(path)
    prefix = prefix_beside(name)
    drop_abandoned(folder or ".", prefix)
    write_over(path, data, os.path.join(folder, temporary_name(prefix)), durable=durable)


def write_over(path: str, data: bytes | bytearray | memoryview, scratch: str, *, durable: bool = True) -> None:
    """The same, by way of the file `scratch`, which is not there before or afterwards."""
    try:
        with in_place_of(path, scratch):
            with open(scratch, "xb") as file:
                file.write(data)
                if durable:
                    file.flush()
                    fsync(file.fileno())
            os.replace(scratch, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(scratch)
        raise
    if durable:
        flush_folder(os.path.dirname(path) or ".")


def _kernel(me: Process) -> str:
    """Where process numbers mean the same."""
    return digest(f"{me.boot}\n{me.pidns}".encode())[:8]
