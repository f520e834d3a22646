"""What `log` was given: which files, under which names, in which order.

Symbolic links are followed (a Hugging Face snapshot is made of them): what they point at is stored.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from mreg.small_files import read_start
from mreg.values.errors import Conflict, InvalidInput, MissingPath, Refused, UnreadableFile
from mreg.values.file_names import stored
from mreg.values.patterns import Patterns
from mreg.values.records import MAX_DEPTH, MAX_FILES, RESERVED_COMPONENTS, path_conflicts, path_fault

IGNORE_FILE = ".mregignore"
MAX_IGNORE_FILE: Final = 1 << 20


class NothingToLog(InvalidInput):
    code = "nothing-to-log"
    template = "{what} holds no file to log"

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


class Selection(NamedTuple):
    """Which files to take, as patterns in the manner of .gitignore: those that match an `include` (all,
    where there is none) and no `exclude`."""

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()


def scan(paths: Sequence[str | os.PathLike[str]], selection: Selection | None = None) -> list[Source]:
    """The files below `paths`, sorted by the name each will have in the version.

    One folder stands for its contents; of several paths, and of a file, the last component is kept.
    Raises MissingPath, UnsupportedFile, UnreadableFile, NothingToLog.
    """
    given = [os.fspath(path) for path in paths]
    chosen = selection or Selection()
    sources: list[Source] = []
    for path in given:
        status = _stat(path)
        if not stat.S_ISDIR(status.st_mode):
            sources.append(_source(_last_part(path), path, status))
            continue
        if _last_part(path) in RESERVED_COMPONENTS:
            raise UnsupportedFile(path=path, reason="it is a repository's own folder")
        prefix = "" if len(given) == 1 else _last_part(path) + "/"
        below = _folder(path, status, chosen)
        sources += (_check_path(one._replace(path=prefix + one.path)) for one in below) if prefix else below
    if not sources:
        raise NothingToLog(what=" and ".join(repr(path) for path in given) or "the command")
    sources.sort()
    _check_names(sources)
    return sources


def _last_part(path: str) -> str:
    return stored(os.path.basename(os.path.abspath(path)))


def _folder(root: str, status: os.stat_result, selection: Selection) -> Iterator[Source]:
    exclude = Patterns([*_read_ignore_file(root), *selection.exclude])
    include = Patterns(selection.include) if selection.include else None
    return _walk(root, "", [(status.st_dev, status.st_ino)], exclude, include)


def _walk(
    folder: str, prefix: str, above: list[tuple[int, int]], exclude: Patterns, include: Patterns | None
) -> Iterator[Source]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise (SourceChanged(path=folder) if has_vanished(error) else unreadable(folder, error)) from None
    start = os.path.join(folder, "")
    for name in names:
        path, file = prefix + stored(name), start + name
        if name in RESERVED_COMPONENTS or path == IGNORE_FILE:
            continue
        if exclude.match(path):
            continue
        chosen = include is None or include.match(path)
        try:
            status = _stat(file)
        except MissingPath:  # it was there when the folder was read
            raise SourceChanged(path=file) from None
        except UnsupportedFile:
            if chosen:
                raise
            continue
        if not stat.S_ISDIR(status.st_mode):
            if chosen:
                yield _source(path, file, status)
            continue
        if exclude.match(path + "/"):
            continue
        if len(above) > MAX_DEPTH:
            raise UnsupportedFile(path=file, reason=f"folders nest more than {MAX_DEPTH} deep")
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            raise UnsupportedFile(path=file, reason="it is a symbolic link to a folder that holds it")
        yield from _walk(file, path + "/", [*above, identity], exclude, include)


def _source(path: str, file: str, status: os.stat_result) -> Source:
    if not stat.S_ISREG(status.st_mode):
        raise UnsupportedFile(path=file, reason=f"it is a {_kind(status.st_mode)}, not a file")
    return _check_path(Source(path, file, status))


def _check_path(source: Source) -> Source:
    fault = path_fault(source.path)
    if fault:
        raise UnsupportedFile(path=source.file, reason=_fault_of_name(source.path) or fault)
    return source


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except FileNotFoundError:
        if not os.path.islink(path):
            raise MissingPath(path=path) from None
        raise UnsupportedFile(path=path, reason="it is a symbolic link to nothing") from None
    except NotADirectoryError:
        raise MissingPath(path=path) from None
    except OSError as error:
        if os.path.islink(path) and error.errno == errno.ELOOP:
            raise UnsupportedFile(path=path, reason="it is a symbolic link that leads to itself") from None
        raise unreadable(path, error) from None


def has_vanished(error: OSError) -> bool:
    """Whether the error says that there is no such file, or that its folder is one no more."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


def unreadable(path: str, error: OSError) -> UnreadableFile:
    return UnreadableFile(path=path, reason=error.strerror or str(error))


def _kind(mode: int) -> str:
    kinds = {stat.S_ISFIFO: "pipe", stat.S_ISSOCK: "socket", stat.S_ISCHR: "device", stat.S_ISBLK: "device"}
    return next((name for test, name in kinds.items() if test(mode)), "special file")


def _fault_of_name(path: str) -> str | None:
    """os.fsdecode leaves half a surrogate pair where a name is not UTF-8."""
    return "its name is not Unicode" if any(0xDC80 <= ord(c) <= 0xDCFF for c in path) else None


def _check_names(sources: list[Source]) -> None:
    paths = [source.path for source in sources]
    if len(paths) > MAX_FILES:
        raise UnsupportedFile(path=sources[MAX_FILES].file, reason=f"a version holds at most {MAX_FILES} files")
    for first, second in pairwise(paths):
        if first == second:
            raise UnsupportedFile(path=second, reason="two of the given paths have this name")
    for conflict in path_conflicts(paths):
        raise UnsupportedFile(path=os.path.commonpath(paths) or ".", reason=conflict)


def _read_ignore_file(root: str) -> list[str]:
    path = os.path.join(root, IGNORE_FILE)
    try:
        data = read_start(path, MAX_IGNORE_FILE + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(path, error) from None
    if len(data) > MAX_IGNORE_FILE:
        raise UnreadableFile(path=path, reason=f"it is larger than {MAX_IGNORE_FILE >> 20} MiB")
    try:
        return data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise UnreadableFile(path=path, reason="it is not UTF-8 text") from None
