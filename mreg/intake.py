"""Reading files: once, cut, hashed, and what is new encoded and written to one pack.

One thread, the caller's, reads, hashes each file as a whole, and writes, so that the source is read and the pack
written from front to back; others hash the chunks, look whether the repository has them, and encode what it has
not got. Memory is bounded by the length of a chunk and the number of threads, never by that of a file.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import FileIO
from typing import Final, NamedTuple

from blake3 import blake3

from mreg import codecs
from mreg.bases import Bases
from mreg.buffers import Buffers
from mreg.chunking import Chunk, ShortFile, chunks
from mreg.codecs import Encoded
from mreg.digest import EMPTY
from mreg.errors import Conflict
from mreg.index import Index
from mreg.packs import Base, PackWriter, Piece
from mreg.parallel import in_order
from mreg.scan import Source, UnreadableFile, UnsupportedFile
from mreg.statcache import settled, stamp

Progress = Callable[[int, int], None]
"""Told after each step: bytes done, bytes in all."""

WORTH_A_THREAD: Final = 32 << 10
"""Shorter chunks are dealt with at once: handing them over would take longer."""


class SourceChanged(Conflict):
    code = "source-changed"
    template = "{path!r} changed while it was read"


class Store(NamedTuple):
    """Where new chunks go. encode: whether to make them smaller. bases: makes what they may be near to."""

    writer: PackWriter
    encode: bool
    bases: Callable[[Buffers], Bases | None] | None


class _Examined(NamedTuple):
    """A chunk that was looked at. stored: its stored form, None where the repository has it already."""

    path: str
    name: bytes
    data: memoryview
    stored: Encoded | None
    base: Base | None


class _Ended(NamedTuple):
    """All chunks of a file are through. stamp: None where its times cannot be trusted."""

    path: str
    digest: str
    size: int
    stamp: str | None


@dataclass
class Intake:
    """index: up to date. progress: told after each chunk how many bytes have been read."""

    index: Index
    store: Store
    progress: Callable[[int], None] | None
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    """What the stat cache may keep: path in the version, stamp, digest."""

    def __post_init__(self) -> None:
        self._buffers = Buffers()
        self._pieces: dict[str, list[Piece]] = {}
        self._done = 0
        self._guard = threading.Lock()
        self._asked = False
        self._found_bases: Bases | None = None

    def read(self, sources: Sequence[Source]) -> dict[str, tuple[str, int]]:
        """Digest and size of each source by its path in the version. Raises SourceChanged, UnreadableFile,
        OSError."""
        found = {}
        for result in in_order(self._work(sources)):
            if isinstance(result, _Examined):
                self._keep(result)
            else:
                found[result.path] = result.digest, result.size
                self._end(result)
        return found

    def _work(self, sources: Sequence[Source]) -> Iterator[tuple[bool, Callable[[], _Examined | _Ended]]]:
        for source in sources:
            began = time.time()
            with _opened(source) as file:
                before = os.fstat(file.fileno())
                if not stat.S_ISREG(before.st_mode):
                    raise UnsupportedFile(path=source.file, reason="it stopped being a file")
                whole = blake3()
                for chunk in _reading(chunks(file, before.st_size, self._buffers), source):
                    whole.update(chunk.data)
                    yield len(chunk.data) >= WORTH_A_THREAD, partial(self._examine, source.path, chunk)
                if not before.st_size and file.read(1):  # as those of /proc do
                    raise UnsupportedFile(path=source.file, reason="it says that it is empty, and is not")
                after = os.fstat(file.fileno())
            looks = stamp(before)
            if stamp(after) != looks:
                raise SourceChanged(path=source.file)
            digest = whole.hexdigest() if before.st_size else EMPTY
            end = _Ended(source.path, digest, before.st_size, looks if settled(before, began) else None)
            yield False, partial(_same, end)

    def _examine(self, path: str, chunk: Chunk) -> _Examined:
        """In any thread."""
        data, span = chunk.data, chunk.span
        name = blake3(data).digest()
        if name in self.store.writer or self.index.chunk(name) is not None:
            return _Examined(path, name, data, None, None)
        if not self.store.encode:
            return _Examined(path, name, data, Encoded(codecs.RAW, data), None)
        bases = self._bases() if span.name else None
        near = bases.find(path, span.name, chunk.offset, len(data)) if bases else None
        room = self._buffers.take(len(data) + codecs.EXTRA)
        stored = codecs.encode(data, room, span.dtype, near[0] if near else None)
        if stored.data is data:
            self._buffers.give_back(room)
        if near:
            self._buffers.give_back(near[0])
        return _Examined(path, name, data, stored, near[1] if near else None)

    def _bases(self) -> Bases | None:
        with self._guard:
            if not self._asked and self.store.bases:
                self._found_bases, self._asked = self.store.bases(self._buffers), True
            return self._found_bases

    def _keep(self, chunk: _Examined) -> None:
        if chunk.stored is not None and chunk.name not in self.store.writer:
            self.store.writer.add(chunk.name, chunk.data, chunk.stored, chunk.base)
        self._pieces.setdefault(chunk.path, []).append(Piece(chunk.name, len(chunk.data)))
        self._done += len(chunk.data)
        self._buffers.give_back(chunk.data)
        if chunk.stored is not None and chunk.stored.data is not chunk.data:
            self._buffers.give_back(chunk.stored.data)
        if self.progress:
            self.progress(self._done)

    def _end(self, file: _Ended) -> None:
        pieces = self._pieces.pop(file.path, [])
        name = bytes.fromhex(file.digest)
        # One that was cut in another way before may name chunks that a gc has taken.
        if len(pieces) > 1 and self.index.pieces(name, file.size) != tuple(pieces):
            self.store.writer.add_recipe(name, tuple(pieces))
        if file.stamp:
            self.seen.append((file.path, file.stamp, file.digest))


def _same(end: _Ended) -> _Ended:
    return end


def _opened(source: Source) -> FileIO:
    try:
        # Not blocking: a pipe may have taken the file's place since it was looked at.
        descriptor = os.open(source.file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UnreadableFile(path=source.file, reason=error.strerror) from None
    return open(descriptor, "rb", buffering=0)


def _reading(pieces: Iterator[Chunk], source: Source) -> Iterator[Chunk]:
    """`pieces`. Raises SourceChanged, UnreadableFile: what goes wrong in here is the source's fault, and no
    failure to write what was read is taken for one."""
    try:
        yield from pieces
    except ShortFile:
        raise SourceChanged(path=source.file) from None
    except OSError as error:
        raise UnreadableFile(path=source.file, reason=error.strerror or str(error)) from None
