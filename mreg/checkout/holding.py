"""Can the place where files are to be written hold their names? It is asked itself, before anything is written.

File systems differ in which characters, lengths and pairs of names they take, by mount options and by folder, so names
that any of them may not hold are tried: made, and looked for. Nearly all versions have no such name. Where there are
many, names of every such kind are tried first: a file system that takes these takes all.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from mreg.storage.posix import disk_fails
from mreg.storage.temporary import temporary_name
from mreg.values.errors import Refused
from mreg.values.names import composed, fold
from mreg.values.paths import MAX_COMPONENT, above, is_plain, path_conflicts

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_OF_EVERY_KIND = (
    "a:b",
    "a\\b",
    'a"*?<>|b',
    "a\nb",
    "a\x7f",
    "a.",
    "a ",
    "con",
    "Aa",
    "aA",
    "\u00e9",
    "x" * MAX_COMPONENT,
)
"""Names that some file systems do not take, or not side by side."""


class NameNotHeld(Refused):
    code = "name-not-held"
    template = "{folder!r} cannot hold {path!r}: {reason}"

    folder: str
    path: str
    reason: str


class Names:
    """The names of files and folders that are to be written. similar: whether some may be one elsewhere."""

    def __init__(self, files: Sequence[str], folders: Sequence[str]) -> None:
        pairs = list(path_conflicts(files, folders, same=fold))
        self.similar = bool(pairs)
        doubtful = {_folder_of(path) for pair in pairs for path in pair}
        paths = [*files, *folders]
        for path in (path for path in paths if not is_plain(path)):
            doubtful.update(_folder_of(part) for part in (path, *above(path)) if not is_plain(_name_of(part)))
        self._names = _siblings(paths, doubtful) if doubtful else {}
        self._many = sum(map(len, self._names.values())) > len(_OF_EVERY_KIND)

    def check(self, root: int, path: str) -> None:
        """Raises NameNotHeld where the folder `path`, whose handle is `root`, cannot hold one of them."""
        takes_all: dict[tuple[int, int], bool] = {}
        for folder, names in self._names.items():
            with _deepest(root, folder) as handle:
                status = os.fstat(handle)
                place = status.st_dev, status.st_ino
                if self._many and place not in takes_all:
                    takes_all[place] = _refused(handle, _OF_EVERY_KIND) is None
                refused = None if takes_all.get(place) else _refused(handle, names)
            if refused:
                raise NameNotHeld(folder=path, path=os.path.join(folder, refused[0]), reason=refused[1])


def _siblings(paths: Iterable[str], doubtful: set[str]) -> dict[str, list[str]]:
    """By folder, the names that are to be in it, of those folders only. Each is tried beside the others."""
    found: dict[str, dict[str, None]] = {}
    for path in paths:
        for part in (path, *above(path)):
            folder = _folder_of(part)
            if folder in doubtful:
                found.setdefault(folder, {})[_name_of(part)] = None
    return {folder: list(names) for folder, names in found.items()}


def _refused(folder: int, names: Sequence[str]) -> tuple[str, str] | None:
    """The first of the names that a new folder in this one does not take beside those before, and why."""
    with _scratch(folder) as scratch:
        return next(_refused_in(scratch, names), None)


def _refused_in(folder: int, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            os.close(os.open(name, _NEW_FILE, 0o600, dir_fd=folder))
        except FileExistsError:
            yield name, f"it is the same name as {_twin(folder, name, names)!r} there"
        except OSError as error:
            if disk_fails(error) or error.errno in (errno.EACCES, errno.EPERM):
                raise
            yield name, f"the file system says: {error.strerror}"
    held = {composed(name) for name in os.listdir(folder)}  # some file systems decompose names, and find them composed
    for name in names:
        if composed(name) not in held:
            yield name, "the file system stores it under another name"


def _twin(folder: int, name: str, names: Sequence[str]) -> str:
    """The one of the names that was made before, and is taken for `name`."""
    inode = os.stat(name, dir_fd=folder).st_ino
    for other in names:
        with suppress(OSError):
            if other != name and os.stat(other, dir_fd=folder).st_ino == inode:
                return other
    return name


@contextmanager
def _deepest(root: int, folder: str) -> Iterator[int]:
    """A handle of the folder below `root`, or of the last one above it that is there."""
    handle = os.dup(root)
    try:
        for part in folder.split("/") if folder else []:
            try:
                below = os.open(part, _FOLDER, dir_fd=handle)
            except OSError:  # it is not there yet, or something is in the way, which whoever writes will find
                break
            above_, handle = handle, below
            os.close(above_)
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _scratch(folder: int) -> Iterator[int]:
    """A new folder in it, which is there for the block."""
    name = temporary_name(".")
    os.mkdir(name, 0o700, dir_fd=folder)
    try:
        handle = os.open(name, _FOLDER, dir_fd=folder)
        try:
            yield handle
        finally:
            for made in os.listdir(handle):
                os.unlink(made, dir_fd=handle)
            os.close(handle)
    finally:
        os.rmdir(name, dir_fd=folder)


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _name_of(path: str) -> str:
    return path.rpartition("/")[2]
