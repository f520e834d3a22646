"""What a folder holds now, kept while the folder goes on changing: hard links to its files."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile

_PREFIX = ".mreg-snapshot-"


def of(path: str, name: str | None = None) -> str:
    """A new folder beside `path` with what it holds: the files of a folder, or the one file, called `name` there.

    Whoever makes it deletes it; what a process that died has left beside the same path is deleted here.
    """
    parent = os.path.dirname(os.path.abspath(path))
    _sweep(parent)
    folder = tempfile.mkdtemp(prefix=f"{_ours()}{os.getpid()}-", dir=parent)
    try:
        if os.path.isdir(path):
            shutil.copytree(path, folder, copy_function=_link, dirs_exist_ok=True)
        else:
            _link(path, os.path.join(folder, name or os.path.basename(path)))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _link(source: str, destination: str) -> None:
    try:
        os.link(os.path.realpath(source), destination)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, destination)


def _sweep(parent: str) -> None:
    with os.scandir(parent) as entries:
        left = [entry.path for entry in entries if entry.name.startswith(_ours()) and _dead(entry.name)]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)


def _dead(name: str) -> bool:
    pid = name.removeprefix(_ours()).partition("-")[0]
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _ours() -> str:
    """What the names on this machine begin with: of another one's processes nothing is known."""
    return f"{_PREFIX}{socket.gethostname()}-"
