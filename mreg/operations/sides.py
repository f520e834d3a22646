"""The two sides of a comparison: a version, or files outside of the repository."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Sequence
from typing import Final, Protocol

from blake3 import blake3

from mreg import checkout, intake
from mreg.checkout.opened import Stretch
from mreg.content.buffers import Buffers
from mreg.content.chunks import Kept
from mreg.operations.described import load
from mreg.operations.resolve import resolve
from mreg.refs.view import View
from mreg.session import remotes
from mreg.session.context import Context
from mreg.values.entities import LocalFiles, Version
from mreg.values.records import File

STEP: Final = 1 << 20
"""Bytes of a local file that are hashed at a time."""

_LOCAL: Final = ("/", "./", "../", "~")


class Opened(Protocol):
    """A file of a side. `read_at` and `stretches` may be used from several threads."""

    file: File
    size: int

    def seek(self, offset: int, /) -> int: ...
    def read(self, size: int, /) -> bytes: ...
    def readinto(self, buffer: memoryview, /) -> int | None: ...

    def read_at(self, start: int, size: int, kept: Kept | None = None) -> memoryview:
        """See `OpenFile.read_at`."""

    def stretches(self, start: int, size: int) -> tuple[Stretch, ...] | None:
        """What the bytes are made of, where that is known without reading them."""


class Side(Protocol):
    """One side. what: it is, for who is told. files: sorted by path; folders: those that hold nothing. only: the path
    of the one file that is compared, where the other side is a single file of that name."""

    @property
    def what(self) -> Version | LocalFiles: ...

    @property
    def files(self) -> Sequence[File]: ...

    @property
    def folders(self) -> Sequence[str]: ...

    @property
    def only(self) -> str | None: ...

    def open(self, file: File) -> Opened:
        """Raises DamagedFile, UnreadableFile."""

    def done_with(self, data: memoryview) -> None:
        """Nobody looks at what `read_at` gave any more."""


def is_local(reference: str | os.PathLike[str]) -> bool:
    """Whether this is a path rather than a reference."""
    return not isinstance(reference, str) or reference.startswith(_LOCAL) or reference in (".", "..")


def sides(
    context: Context, view: View, before: str | os.PathLike[str], after: str | os.PathLike[str]
) -> tuple[Side, Side]:
    """Raises what `resolve` and `scan` raise."""
    buffers = Buffers()

    def side(one: str | os.PathLike[str]) -> VersionSide | LocalSide:
        if isinstance(one, str) and not is_local(one):
            there, name = remotes.at(context, one)
            return VersionSide(there, view if there is context else there.view(), name, buffers)
        return LocalSide(os.fspath(one))

    old, new = side(before), side(after)
    for one, other in ((old, new), (new, old)):
        if isinstance(one, LocalSide) and isinstance(other, VersionSide):
            one.only_its_like(other)
    return old, new


class VersionSide:
    """buffers: of both sides, so that either may give back what the other has taken."""

    only: str | None = None

    def __init__(self, context: Context, view: View, reference: str, buffers: Buffers) -> None:
        self.what = load(context, view, resolve(context, reference, view))
        self.files, self.folders = context.objects.manifest(self.what.manifest)
        self._reader = checkout.reader.Reader(context, self.what.name, view.look, buffers)

    def open(self, file: File) -> Opened:
        return checkout.opened.OpenFile(self._reader, file)

    def done_with(self, data: memoryview) -> None:
        self._reader.done_with(data)


class LocalSide:
    """The files that `log` would take, hashed."""

    only = None

    def __init__(self, path: str) -> None:
        sources, self.folders, _ = intake.scan.scan([os.path.expanduser(path)])
        self._places = {source.path: source.file for source in sources}
        self.files = tuple(_hashed(source.path, source.file) for source in sources)
        self._is_folder = os.path.isdir(os.path.expanduser(path))
        size = sum(file.size for file in self.files)
        self.what = LocalFiles(path, len(self.files), size)

    def only_its_like(self, other: VersionSide) -> None:
        """A single file stands beside the one of its name, not beside all of the version."""
        if self._is_folder:
            return
        (own,) = self.files
        alike = [file for file in other.files if posixpath.basename(file.path) == own.path]
        if len(alike) == 1:
            other.files, other.folders, other.only = tuple(alike), (), alike[0].path
            self.files = (own._replace(path=alike[0].path),)
            self._places = {alike[0].path: self._places[own.path]}

    def open(self, file: File) -> Opened:
        return _LocalFile(self._places[file.path], file)

    def done_with(self, data: memoryview) -> None:
        pass


class _LocalFile:
    """Opened anew for each read: a folder may hold more files than may be open at once."""

    def __init__(self, place: str, file: File) -> None:
        self.file, self.size = file, file.size
        self._place = place
        self._position = 0

    def seek(self, offset: int, /) -> int:
        self._position = offset
        return offset

    def read(self, size: int, /) -> bytes:
        found = bytes(self.read_at(self._position, max(0, min(size, self.size - self._position))))
        self._position += len(found)
        return found

    def readinto(self, buffer: memoryview, /) -> int:
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def read_at(self, start: int, size: int, kept: Kept | None = None) -> memoryview:
        out = memoryview(bytearray(size))
        done = 0
        with open(_open(self._place), "rb", buffering=0) as file:
            try:
                file.seek(start)
                while done < size and (count := file.readinto(out[done:])):
                    done += count
            except OSError as error:
                raise intake.scan.not_read(self._place, error) from None
        if done < size:
            raise intake.scan.SourceChanged(path=self._place)
        return out

    def stretches(self, start: int, size: int) -> None:
        return None


def _open(place: str) -> int:
    """Not blocking: a pipe may have taken the file's place. Raises UnreadableFile, SourceChanged."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError as error:
        raise intake.scan.not_read(place, error) from None
    if not is_file:
        os.close(descriptor)
        raise intake.scan.SourceChanged(path=place)
    return descriptor


def _hashed(path: str, place: str) -> File:
    """Raises UnreadableFile, SourceChanged."""
    whole, size = blake3(), 0
    with open(_open(place), "rb", buffering=0) as file:
        try:
            while data := file.read(STEP):
                whole.update(data)
                size += len(data)
            executable = bool(os.fstat(file.fileno()).st_mode & stat.S_IXUSR)
        except OSError as error:
            raise intake.scan.not_read(place, error) from None
    return File(path, size, whole.hexdigest(), executable)
