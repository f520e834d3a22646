"""What a folder holds now, kept while the folder goes on changing: hard links to its files."""

from __future__ import annotations

import os
import shutil

from mreg.repository.destinations import temporary_folder

_PREFIX = ".mreg-snapshot-"


def of(path: str, name: str | None = None) -> str:
    """A new folder beside `path` with what it holds: the files of a folder, or the one file, called `name` there.

    Whoever makes it deletes it; what a process that died has left beside the same path is deleted here.
    """
    folder = temporary_folder(os.path.dirname(os.path.abspath(path)), _PREFIX)
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
