"""A new file being written: durable when its folder is flushed, and read by nobody before."""

from __future__ import annotations

import os
import stat

from blake3 import blake3

from mreg.checkout import holes
from mreg.checkout.reader import WORTH_A_THREAD, Reader
from mreg.content.buffers import Buffer
from mreg.storage.flush import Flusher
from mreg.storage.posix import clone, punch, reserve, set_mode, set_time
from mreg.values.records import File

_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_BLOCK = 1 << 20


class NewFile:
    """A file that is written from its start to its end. Use as a context manager: it is closed afterwards. size: how
    long it will be, if that is known. moment: the time that it is to bear. has_holes: whether much of it is zeros."""

    def __init__(
        self,
        folder: int,
        name: str,
        mode: int,
        size: int = 0,
        moment: int | None = None,
        *,
        has_holes: bool = False,
    ) -> None:
        self._descriptor = os.open(name, _NEW_FILE, mode, dir_fd=folder)
        self._reserved = size if not has_holes and reserve(self._descriptor, size) else 0
        self._end = 0
        self._ends_in_hole = False
        self._flusher = Flusher(self._descriptor) if size >= WORTH_A_THREAD else None
        self._mode = mode
        self._moment = moment

    def __enter__(self) -> NewFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def write(self, data: Buffer) -> None:
        """The next bytes. Long runs of zeros become holes."""
        for start, end, hole in holes.runs(data):
            if hole:
                self._skip(end - start)
            else:
                _write_all(self._descriptor, data[start:end])
            self._end += end - start
            self._ends_in_hole = hole
        if self._flusher:
            self._flusher.wrote(len(data))

    def _skip(self, length: int) -> None:
        if self._reserved:
            punch(self._descriptor, self._end, length)
        os.lseek(self._descriptor, length, os.SEEK_CUR)

    def _extend(self) -> None:
        """Give it its length, where nothing was written at its end."""
        if self._ends_in_hole:
            os.ftruncate(self._descriptor, self._end)

    def mend(self, reader: Reader, file: File) -> None:
        """Write again what is not as it should be of `file`, all of which was written. Raises DamagedFile."""
        self._extend()
        start = 0
        for piece in reader.pieces(file):
            if blake3(os.pread(self._descriptor, piece.size, start)).digest() != piece.digest:
                sound = reader.chunk(file, piece)
                os.lseek(self._descriptor, start, os.SEEK_SET)
                _write_all(self._descriptor, sound)
            start += piece.size
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        if hash_file(self._descriptor) != file.digest:
            raise reader.wrong_recipe(file)

    def clone(self, source: int, file: File) -> bool:
        """Let it share the room of an open file; False where that cannot be, or the bytes are not those of `file`."""
        return clone(source, self._descriptor) and hash_file(self._descriptor) == file.digest

    def end(self) -> os.stat_result:
        """See to its length, mode and time; its status then."""
        self._extend()
        if self._moment is not None:
            set_time(self._descriptor, self._moment)
        return _end(self._descriptor, self._mode)


def _write_all(descriptor: int, data: Buffer) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def _end(descriptor: int, mode: int) -> os.stat_result:
    status = os.fstat(descriptor)
    if stat.S_IMODE(status.st_mode) == mode:
        return status
    set_mode(descriptor, mode)  # umask, or the folder's access list, had changed it
    return os.fstat(descriptor)


def hash_file(descriptor: int) -> str:
    """The digest of an open file's bytes, read from where it stands."""
    whole = blake3()
    while block := os.read(descriptor, _READ_BLOCK):
        whole.update(block)
    return whole.hexdigest()
