"""Reading files: once, cut, hashed, and what is new encoded and written to one pack.

One thread, the caller's, reads, hashes each file as a whole, and writes, so that the source is read and the pack
written from front to back; others hash the chunks, look whether the repository has them, and encode what it has
not got. What goes through is a batch of chunks: one piece of a long file, or many short files, each of which is one
chunk. Memory is bounded by the size of a batch and the number of threads, never by that of a file.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Container, Iterator, Sequence
from io import FileIO
from typing import Final

from blake3 import blake3

from mreg.content import codecs
from mreg.content.buffers import Buffers
from mreg.content.codecs import Encoded
from mreg.content.cutting import Chunk, ShortFile, chunks
from mreg.content.formats.spans import Span
from mreg.content.pack_writer import PackContents
from mreg.content.packs import Base, Piece
from mreg.content.parallel import in_order
from mreg.intake.bases import Bases
from mreg.intake.scan import Source, SourceChanged, UnsupportedFile, not_read
from mreg.session.index import Index
from mreg.session.statcache import hiding_time, same_bytes, same_file, settled, stamp
from mreg.values.errors import MregError
from mreg.values.named_tuple import NamedTuple

AT_ONCE: Final = 256
"""Short files per batch. Together they fit into one buffer."""

WORTH_A_THREAD: Final = 32 << 10
"""Shorter chunks are dealt with at once: handing them over would take longer."""

_READING: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
"""Not blocking: a pipe may have taken the file's place since it was looked at."""


class _Read(NamedTuple):
    """A chunk that was read. path: the file's, in the version. name: its digest (raw), where that is known already.
    span, offset: what it is part of, and where it begins there."""

    path: str
    data: memoryview
    name: bytes | None
    span: Span | None = None
    offset: int = 0


class _Ended(NamedTuple):
    """A file that was read to its end. name: its digest (raw). stamp: None where its times cannot be trusted."""

    path: str
    name: bytes
    size: int
    stamp: str | None


class _Batch(NamedTuple):
    """What goes through at once. ended: the files that end with it. buffer: the memory of its chunks."""

    chunks: Sequence[_Read]
    ended: Sequence[_Ended] = ()
    buffer: memoryview | None = None


class _Stored(NamedTuple):
    """How a chunk is stored. form: None where the repository has it already."""

    name: bytes
    form: Encoded | None
    base: Base | None = None


class Intake:
    """Reads files into `contents`.

    index: up to date. encode: whether to make chunks smaller. bases: what they may be near to, in memory from
    `buffers`. progress: told after each batch how many bytes have been read. lost: digests (raw) of chunks and files
    that count as not kept; where there are any, nothing new rests on what is kept.
    """

    def __init__(
        self,
        index: Index,
        contents: PackContents,
        *,
        encode: bool,
        bases: Bases,
        buffers: Buffers,
        progress: Callable[[int], None] | None = None,
        lost: Container[bytes] = frozenset(),
    ) -> None:
        self._index = index
        self._contents = contents
        self._encode = encode
        self._bases = bases
        self._progress = progress
        self._lost = lost
        self._buffers = buffers
        self._pieces: dict[str, list[Piece]] = {}
        self._done = 0
        self._found: dict[str, tuple[str, int]] = {}
        self.seen: list[tuple[str, str, str]] = []
        """What the stat cache may keep: path in the version, stamp, digest."""

    def read(self, sources: Sequence[Source]) -> dict[str, tuple[str, int]]:
        """Digest and size of each source by its path in the version. Raises SourceChanged, UnreadableFile,
        UnsupportedFile, OSError."""
        for batch, stored in in_order(self._examine, self._batches(sources), _worth_a_thread):
            self._store(batch, stored)
        return self._found

    def _batches(self, sources: Sequence[Source]) -> Iterator[_Batch]:
        """Short files first: there may be many. One that is not what it was when it was looked at goes the way of
        long files, which can deal with any."""
        short = [source for source in sources if source.status.st_size <= codecs.SHORT]
        rest = [source for source in sources if source.status.st_size > codecs.SHORT]
        for start in range(0, len(short), AT_ONCE):
            yield self._read_short(short[start : start + AT_ONCE], rest)
        for source in rest:
            yield from self._read_long(source)

    def _read_short(self, sources: Sequence[Source], changed: list[Source]) -> _Batch:
        """These files, each as one chunk. changed: where those are put that cannot be read so."""
        now = time.time()
        # A program that is writing one now would go on without its times showing it.
        if wait := max(hiding_time(source.status, now) for source in sources):
            time.sleep(wait)
        began, end = time.time(), 0
        buffer = self._buffers.take(sum(source.status.st_size for source in sources) + 1)
        read: list[_Read] = []
        ended: list[_Ended] = []
        for source in sources:
            path, _, status = source
            size = status.st_size
            if not _fill(source, buffer[end : end + size + 1]):
                changed.append(source)
                continue
            data = buffer[end : end + size]
            end += size
            name = blake3(data).digest()
            if size:
                read.append(_Read(path, data, name))
            ended.append(_Ended(path, name, size, stamp(status) if settled(status, began) else None))
        return _Batch(read, ended, buffer)

    def _read_long(self, source: Source) -> Iterator[_Batch]:
        """The file cut into chunks, each a batch, and then that it ended."""
        descriptor, before = _opened(source)
        with open(descriptor, "rb", buffering=0) as file:
            time.sleep(hiding_time(before, time.time()))
            began, whole = time.time(), blake3()
            for chunk in _reading(chunks(file, before.st_size, self._buffers), source, descriptor, before):
                whole.update(chunk.data)
                yield _Batch([_Read(source.path, chunk.data, None, chunk.span, chunk.offset)], (), chunk.data)
            if not before.st_size and _holds_more(source, file):  # as those of /proc do
                raise UnsupportedFile(path=source.file, reason="its size is reported as 0, but it is not empty")
            if not same_bytes(before, _status(source, descriptor)):
                raise SourceChanged(path=source.file)
        looks = stamp(before) if settled(before, began) else None
        yield _Batch((), [_Ended(source.path, whole.digest(), before.st_size, looks)])

    def _examine(self, batch: _Batch) -> tuple[_Batch, list[_Stored]]:
        """In any thread."""
        names = [read.name or blake3(read.data).digest() for read in batch.chunks]
        kept = self._index.chunks(names)
        return batch, [
            _Stored(name, None) if self._has(name, kept) else self._stored(name, read)
            for name, read in zip(names, batch.chunks, strict=True)
        ]

    def _has(self, name: bytes, kept: Container[bytes]) -> bool:
        return name in self._contents or (name in kept and name not in self._lost)

    def _stored(self, name: bytes, read: _Read) -> _Stored:
        path, data, _, span, offset = read
        if not self._encode:
            return _Stored(name, Encoded(codecs.RAW, data))
        # What is stored by itself is read in the place of any damaged copy: see Locate.
        named = span and span.name and not self._lost
        near = self._bases.find(path, span.name, offset, len(data)) if span and named else None
        room = self._buffers.take(len(data) + codecs.EXTRA) if span else data  # short files need none
        form = codecs.encode(data, room, span.dtype if span else "", near[0] if near else None)
        if form.data is data and room is not data:
            self._buffers.give_back(room)
        if near:
            self._buffers.give_back(near[0])
        return _Stored(name, form, near[1] if near else None)

    def _store(self, batch: _Batch, stored: Sequence[_Stored]) -> None:
        tensors = (
            (one.name, read.data) for read, one in zip(batch.chunks, stored, strict=True) if read.span and one.form
        )
        self._bases.keep(tensors)
        for (path, data, *_), (name, form, base) in zip(batch.chunks, stored, strict=True):
            self._done += len(data)
            if not batch.ended:  # more of the file comes; a short one is its only chunk
                self._pieces.setdefault(path, []).append(Piece(name, len(data)))
            if form is None:
                continue
            if name not in self._contents:
                self._contents.add(name, data, form, base)
            if form.data is not data:
                self._buffers.give_back(form.data)
        if batch.buffer is not None:
            self._buffers.give_back(batch.buffer)
        if batch.ended:
            self._end(batch.ended)
        if self._progress:
            self._progress(self._done)

    def _end(self, files: Sequence[_Ended]) -> None:
        recipes = self._index.recipes([file.name for file in files])
        for path, name, size, looks in files:
            digest = name.hex()
            self._found[path] = digest, size
            if path in self._pieces or (name in recipes and size):
                alone = (Piece(name, size),)
                pieces = tuple(self._pieces.pop(path, alone))
                # One that was cut in another way before may name chunks that a gc has taken.
                if pieces != recipes.get(name, alone) or (name in self._lost and pieces != alone):
                    self._contents.add_recipe(name, pieces)
            if looks:
                self.seen.append((path, looks, digest))


def _worth_a_thread(batch: _Batch) -> bool:
    return len(batch.chunks) == 1 and len(batch.chunks[0].data) >= WORTH_A_THREAD


def _open(source: Source) -> int:
    try:
        return os.open(source.file, _READING)
    except OSError as error:
        raise not_read(source.file, error) from None


def _status(source: Source, descriptor: int) -> os.stat_result:
    try:
        return os.fstat(descriptor)
    except OSError as error:
        raise not_read(source.file, error) from None


def _holds_more(source: Source, file: FileIO) -> bool:
    try:
        return bool(file.read(1))
    except OSError as error:
        raise not_read(source.file, error) from None


def _opened(source: Source) -> tuple[int, os.stat_result]:
    """The file's descriptor, and its status."""
    descriptor = _open(source)
    try:
        status = _status(source, descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SourceChanged(path=source.file)
    except MregError:
        os.close(descriptor)
        raise
    return descriptor, status


def _fill(source: Source, room: memoryview) -> bool:
    """Read a whole file into `room`, which is longer by a byte; whether it is the one that was looked at."""
    descriptor = _open(source)
    try:
        count = os.readv(descriptor, (room,))
        return count == source.status.st_size and same_file(source.status, _status(source, descriptor))
    except OSError as error:
        if same_file(source.status, _status(source, descriptor)):
            raise not_read(source.file, error) from None
        return False
    finally:
        os.close(descriptor)


def _reading(pieces: Iterator[Chunk], source: Source, descriptor: int, before: os.stat_result) -> Iterator[Chunk]:
    """`pieces` of the open file, whose status is `before`. Raises SourceChanged, UnsupportedFile, UnreadableFile: what
    goes wrong in here is the source's fault, and no failure to write what was read is taken for one."""
    try:
        yield from pieces
    except ShortFile:
        if same_file(before, _status(source, descriptor)):  # as those of /sys do
            raise UnsupportedFile(path=source.file, reason="it is shorter than its reported size") from None
        raise SourceChanged(path=source.file) from None
    except OSError as error:
        raise not_read(source.file, error) from None
