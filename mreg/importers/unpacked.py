"""What has to be unpacked before it can be imported: a temporary folder, which goes when nobody needs it any more."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import weakref
from collections.abc import Iterator
from typing import IO, Any, Final

from mreg.importers.faults import MalformedSource
from mreg.storage.posix import set_mode
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import MAX_FILES

_HEADER_MOST: Final = 1 << 20
"""Bytes of a member's own headers."""
_BLOCK: Final = 1 << 20


class Member(NamedTuple):
    """path: as the archive has it. file: where it lies unpacked; empty for a folder."""

    path: str
    file: str
    size: int


class Unpacked:
    """Files are called by numbers: no name of an archive is ever a name on this disk."""

    def __init__(self) -> None:
        self._count = 0
        self._folder = ""

    def copy(self, source: IO[bytes], size: int, *, executable: bool) -> str:
        """The path of a new file with the next `size` bytes."""
        if not self._folder:
            self._folder = tempfile.mkdtemp(prefix="mreg-import-")
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._count += 1
        path = os.path.join(self._folder, str(self._count))
        with open(path, "wb") as file:
            while size > 0 and (block := source.read(min(size, _BLOCK))):
                file.write(block)
                size -= len(block)
            set_mode(file.fileno(), 0o755 if executable else 0o644)
        return path

    def tar(self, path: str) -> Iterator[Member]:
        """The files and folders of a tar file. Raises MalformedSource where it holds anything else."""
        with open(path, "rb") as raw, open(path, "rb") as headers:
            bounded: Any = _Bounded(headers)
            try:
                with tarfile.open(fileobj=bounded, mode="r:") as archive:
                    for count, entry in enumerate(archive):
                        if count > MAX_FILES:
                            raise MalformedSource(path=path, reason=f"it contains more than {MAX_FILES} files")
                        yield self._member(path, raw, entry)
            except (tarfile.TarError, ValueError, OverflowError) as error:
                raise MalformedSource(path=path, reason=f"it is not a valid tar file: {error}") from None

    def _member(self, path: str, raw: IO[bytes], entry: tarfile.TarInfo) -> Member:
        if entry.isdir():
            return Member(entry.name, "", 0)
        if not entry.isreg() or entry.issparse():
            raise MalformedSource(path=path, reason=f"its member {entry.name!r} is neither a file nor a folder")
        raw.seek(entry.offset_data)
        file = self.copy(raw, entry.size, executable=bool(entry.mode & 0o100))
        if os.path.getsize(file) != entry.size:
            raise MalformedSource(path=path, reason=f"it ends within {entry.name!r}")
        return Member(entry.name, file, entry.size)


class _Bounded:
    """A file of which nobody reads much at once: what a header claims for itself is not believed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER_MOST:
            raise tarfile.ReadError("a header is too long")
        return self._file.read(size)
