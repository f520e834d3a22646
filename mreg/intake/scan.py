"""What `log` was given: which files and empty folders, under which names, in which order.

Symbolic links are followed (a Hugging Face snapshot is made of them): what they point at is stored.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import Final

from mreg.small_files import read_start
from mreg.values.errors import Conflict, InvalidInput, MissingPath, Refused, UnreadableFile
from mreg.values.file_names import stored
from mreg.values.named_tuple import NamedTuple
from mreg.values.paths import MAX_DEPTH, folder_fault, is_reserved, path_conflicts, path_fault
from mreg.values.patterns import InvalidPattern, Patterns
from mreg.values.records import MAX_FILES

IGNORE_FILE = ".mregignore"
MAX_IGNORE_FILE: Final = 1 << 20

_VANISHED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})


class NothingToLog(InvalidInput):
    code = "nothing-to-log"
    template = "{what} contains no files to log"

    what: str


class UnsupportedFile(Refused):
    code = "unsupported-file"
    template = "{path!r} cannot be logged: {reason}"

    path: str
    reason: str


class SourceChanged(Conflict):
    code = "source-changed"
    template = "{path!r} changed while it was read"

    path: str


class Source(NamedTuple):
    """A file to be logged. path: its name in the version; file: where it lies; status: as `os.stat` says."""

    path: str
    file: str
    status: os.stat_result


class Found(NamedTuple):
    """Files to be logged, sorted by path, and the folders in which there are none, as paths in the version. reserved:
    what is left out because no version may hold its name."""

    sources: list[Source]
    folders: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()


class Selection(NamedTuple):
    """Which files and empty folders to take, as patterns in the manner of .gitignore: those that match an `include`
    (all, where there is none) and no `exclude`. What is left out counts as not there."""

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()


def scan(paths: Sequence[str | os.PathLike[str]], selection: Selection | None = None) -> Found:
    """The files and empty folders below `paths`, sorted by the name each will have in the version.

    One folder stands for its contents; of several paths, and of a file, the last component is kept.
    Raises MissingPath, UnsupportedFile, UnreadableFile, NothingToLog.
    """
    given = [os.fspath(path) for path in paths]
    chosen = selection or Selection()
    sources: list[Source] = []
    folders: list[str] = []
    reserved: list[str] = []
    for path in given:
        status = _stat(path)
        if not stat.S_ISDIR(status.st_mode):
            sources.append(_source(_last_part(path), path, status))
            continue
        if is_reserved(_last_part(path)):
            raise UnsupportedFile(path=path, reason="it is the folder of a repository")
        walk = _Walk(path, "" if len(given) == 1 else _last_part(path) + "/", chosen)
        sources += walk.files(status)
        folders += walk.empty
        reserved += walk.reserved
    if not sources:
        raise NothingToLog(what=" and ".join(repr(path) for path in given) or "the command")
    sources.sort()
    folders.sort()
    check_together([source.path for source in sources], folders)
    return Found(sources, tuple(folders), tuple(reserved))


def _last_part(path: str) -> str:
    return stored(os.path.basename(os.path.abspath(path)))


class _Walk:
    """What is below the folder `root`, whose paths in the version begin with `prefix`. empty: the folders that hold
    nothing to log, as far as `files` has come; reserved: what is called `.git` or `.mreg`, and left out for that."""

    def __init__(self, root: str, prefix: str, selection: Selection) -> None:
        self._root = root
        self._prefix = prefix
        self._exclude = Patterns([*_read_ignore_file(root), *selection.exclude])
        self._include = Patterns(selection.include) if selection.include else None
        self.empty: list[str] = []
        self.reserved: list[str] = []

    def files(self, status: os.stat_result) -> Generator[Source, None, bool]:
        """status: the root's."""
        return self._below(self._root, "", [(status.st_dev, status.st_ino)])

    def _below(self, folder: str, prefix: str, above: list[tuple[int, int]]) -> Generator[Source, None, bool]:
        """The files in a folder. prefix: of their paths below the root. Returns whether there is anything to log."""
        holds = False
        start = os.path.join(folder, "")
        for name in _names_in(folder):
            path, file = prefix + stored(name), start + name
            if path == IGNORE_FILE or self._exclude.match(path):
                continue
            if is_reserved(name):
                self.reserved += [] if self._exclude.match(path + "/") else [self._prefix + path]
                continue
            status = self._stat(path, file)
            if status is None:
                continue
            if not stat.S_ISDIR(status.st_mode):
                if self._is_included(path):
                    holds = True
                    yield _source(self._prefix + path, file, status)
            elif not self._exclude.match(path + "/"):
                holds |= yield from self._below(file, path + "/", _entered(file, status, above))
        return holds or self._keep(folder, prefix)

    def _stat(self, path: str, file: str) -> os.stat_result | None:
        """None where it cannot be logged, and nobody wants it."""
        try:
            return _stat(file)
        except MissingPath:  # it was there when the folder was read
            raise SourceChanged(path=file) from None
        except UnsupportedFile:
            if self._is_included(path):
                raise
            return None

    def _is_included(self, path: str) -> bool:
        return self._include is None or self._include.match(path)

    def _keep(self, folder: str, prefix: str) -> bool:
        """Note an empty folder, if it has a name in the version and is wanted."""
        path = self._prefix + prefix
        if not path or not self._is_included(prefix):
            return False
        fault = folder_fault(path[:-1])
        if fault:
            raise UnsupportedFile(path=folder, reason=_fault_of_name(path) or fault)
        self.empty.append(path[:-1])
        return True


def _names_in(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise not_read(folder, error) from None


def _entered(folder: str, status: os.stat_result, above: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The folders that are open while this one is walked. Raises UnsupportedFile where there are too many, or where it
    is one of them."""
    if len(above) > MAX_DEPTH:
        raise UnsupportedFile(path=folder, reason=f"folders are nested more than {MAX_DEPTH} deep")
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        raise UnsupportedFile(path=folder, reason="it is a symbolic link to a folder that contains it")
    return [*above, identity]


def source_of(path: str, file: str) -> Source:
    """The file that is to be `path` in the version. Raises MissingPath, UnsupportedFile, UnreadableFile."""
    return _source(path, file, _stat(file))


def _source(path: str, file: str, status: os.stat_result) -> Source:
    if not stat.S_ISREG(status.st_mode):
        raise UnsupportedFile(path=file, reason=f"it is a {_kind(status.st_mode)}, not a file")
    check_path(path, file)
    return Source(path, file, status)


def check_path(path: str, file: str) -> None:
    """Raises UnsupportedFile, for `file`, where no version may hold `path`."""
    fault = path_fault(path)
    if fault:
        raise UnsupportedFile(path=file, reason=_fault_of_name(path) or fault)


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except FileNotFoundError:
        if not os.path.islink(path):
            raise MissingPath(path=path) from None
        raise UnsupportedFile(path=path, reason="it is a broken symbolic link") from None
    except NotADirectoryError:
        raise MissingPath(path=path) from None
    except OSError as error:
        if os.path.islink(path) and error.errno == errno.ELOOP:
            raise UnsupportedFile(path=path, reason="it is a symbolic link that leads to itself") from None
        raise not_read(path, error) from None


def is_executable(source: Source) -> bool:
    """Whether its owner may execute it, which is kept."""
    return bool(source.status.st_mode & stat.S_IXUSR)


def not_read(path: str, error: OSError) -> SourceChanged | UnreadableFile:
    """What to raise where a file or folder that was there cannot be read. It may have vanished meanwhile: over NFS one
    that is open tells so when it is read."""
    if error.errno in _VANISHED:
        return SourceChanged(path=path)
    return UnreadableFile(path=path, reason=error.strerror or str(error))


def _kind(mode: int) -> str:
    kinds = {
        stat.S_ISDIR: "folder",
        stat.S_ISFIFO: "pipe",
        stat.S_ISSOCK: "socket",
        stat.S_ISCHR: "device",
        stat.S_ISBLK: "device",
    }
    return next((name for test, name in kinds.items() if test(mode)), "special file")


def _fault_of_name(path: str) -> str | None:
    """os.fsdecode leaves half a surrogate pair where a name is not UTF-8."""
    return "its name is not valid Unicode" if any(0xDC80 <= ord(c) <= 0xDCFF for c in path) else None


def check_together(paths: Sequence[str], folders: Sequence[str]) -> None:
    """Raises UnsupportedFile where no version may hold these files and empty folders, both sorted, side by side."""
    if len(paths) + len(folders) > MAX_FILES:
        raise UnsupportedFile(path=paths[-1], reason=f"a version can contain at most {MAX_FILES} files and folders")
    for first, second in (*pairwise(paths), *pairwise(folders)):
        if first == second:
            raise UnsupportedFile(path=second, reason="several of the given paths have this name")
    for one, other in path_conflicts(paths, folders):
        reason = (
            "it is both a file and a folder"
            if one == other
            else f"it is the same name as {one!r} in Unicode normal form NFC"
        )
        raise UnsupportedFile(path=other, reason=reason)


def _read_ignore_file(root: str) -> list[str]:
    path = os.path.join(root, IGNORE_FILE)
    try:
        data = read_start(path, MAX_IGNORE_FILE + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise not_read(path, error) from None
    if len(data) > MAX_IGNORE_FILE:
        raise UnreadableFile(path=path, reason=f"it is larger than {MAX_IGNORE_FILE >> 20} MiB")
    try:
        lines = data.decode("utf-8").splitlines()
        Patterns(lines)
    except UnicodeDecodeError:
        raise UnreadableFile(path=path, reason="it is not UTF-8 text") from None
    except InvalidPattern as error:
        raise InvalidPattern(reason=f"{error.reason}, in {path!r}") from None
    return lines
