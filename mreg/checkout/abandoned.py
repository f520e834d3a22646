"""The names of folders that are being filled, and what becomes of those whose maker was killed.

    <prefix>mreg-<kernel>-<process>-<its start>-<random>

A folder is dropped only where it is certain that nobody fills it any more: it was made under this very kernel (by its
boot id) and these process numbers, and that process is gone. One from another machine, or from before a restart, stays.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress

from mreg.storage.lock import Holder
from mreg.values.digest import digest

_NAME = re.compile(r"mreg-([0-9a-f]{8})-(\d+)-(\d*)-[0-9a-f]{8}")


def staging_name(prefix: str) -> str:
    """A new name, which starts with `prefix`."""
    me = Holder.me()
    return f"{prefix}mreg-{_kernel(me)}-{me.pid}-{me.start}-{os.urandom(4).hex()}"


def drop_abandoned(folder: str, prefix: str) -> None:
    """Remove from `folder` what a process that is gone was filling under a name with this prefix."""
    me = Holder.me()
    if not me.boot:
        return
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        found = _NAME.fullmatch(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if found and found[1] == _kernel(me) and me._replace(pid=found[2], start=found[3]).is_gone(me):
            with suppress(OSError):
                shutil.rmtree(os.path.join(folder, name))


def _kernel(me: Holder) -> str:
    """Where process numbers mean the same."""
    return digest(f"{me.boot}\n{me.pidns}".encode())[:8]
