"""What a folder holds now, kept while the folder goes on changing: copies of short files, hard links to long ones."""

from __future__ import annotations

import os
import shutil
from typing import Final

from mreg.repository.destinations import temporary_folder
from mreg.values.errors import Conflict

_PREFIX: Final = ".mreg-snapshot-"

COPIED: Final = 16 << 20
"""Files up to this size are copied. One that is longer takes longer to be written again than the clock of a file system
needs to show that it was."""


class Overwritten(Conflict):
    code = "overwritten"
    template = "{path!r} was overwritten while it was being logged"

    path: str


class Snapshot:
    """A new folder beside `path` with what it holds: the files of a folder, or the one file, called `name` there.

    Whoever makes it deletes it; what a process that died has left beside the same path is deleted here.
    """

    def __init__(self, path: str, name: str | None = None) -> None:
        self.folder = temporary_folder(os.path.dirname(os.path.abspath(path)), _PREFIX)
        self._linked: dict[str, tuple[str, tuple[int, int]]] = {}
        try:
            if os.path.isdir(path):
                shutil.copytree(path, self.folder, copy_function=self._keep, dirs_exist_ok=True)
            else:
                self._keep(path, os.path.join(self.folder, name or os.path.basename(path)))
        except BaseException:
            self.delete()
            raise

    def check(self, *_: object) -> None:
        """Raises Overwritten where a file is not what it was: it was not replaced, but written to."""
        for place, (source, stamp) in self._linked.items():
            if _stamp(place) != stamp:
                raise Overwritten(path=source)

    def delete(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _keep(self, source: str, destination: str) -> None:
        if os.stat(source).st_size > COPIED:
            try:
                os.link(os.path.realpath(source), destination)
            except OSError:  # another file system, or one without hard links
                pass
            else:
                self._linked[destination] = source, _stamp(destination)
                return
        shutil.copy2(source, destination)


def _stamp(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns
