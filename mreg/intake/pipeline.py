"""Reading files: once, cut, hashed, and what is new encoded and written to one pack.

One thread, the caller's, reads, hashes each file as a whole, and writes, so that the source is read and the pack
written from front to back; others hash the chunks, look whether the repository has them, and encode what it has
not got. Memory is bounded by the length of a chunk and the number of threads, never by that of a file. Short files,
of which there may be many, go first, many at a time, and each is one chunk.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

from blake3 import blake3

from mreg.content import codecs
from mreg.content.buffers import Buffers
from mreg.content.codecs import Encoded
from mreg.content.cutting import Chunk, ShortFile, chunks
from mreg.content.pack_writer import PackContents
from mreg.content.packs import Base, Piece
from mreg.content.parallel import in_order
from mreg.intake.bases import Bases
from mreg.intake.scan import Source, UnsupportedFile
from mreg.session.index import Index
from mreg.session.statcache import hiding_time, same_file, settled, stamp
from mreg.values.errors import Conflict, UnreadableFile

Progress = Callable[[int, int], None]
"""Told after each step: bytes done, bytes in all."""

AT_ONCE: Final = 256
"""So many short files are looked up at a time."""

WORTH_A_HEAD_START: Final = 64 << 20
"""To read so much takes longer than to load what encodes it, which can be done meanwhile."""

WORTH_A_THREAD: Final = 32 << 10
"""Shorter chunks are dealt with at once: handing them over would take longer."""


_READING: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
"""Not blocking: a pipe may have taken the file's place since it was looked at."""


class SourceChanged(Conflict):
    code = "source-changed"
    template = "{path!r} changed while it was read"

    path: str


class Store(NamedTuple):
    """Where new chunks go. encode: whether to make them smaller. bases: makes what they may be near to."""

    writer: PackContents
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
        found: dict[str, tuple[str, int]] = {}
        short = [source for source in sources if source.status.st_size <= codecs.SHORT]
        room = bytearray(min(len(short), AT_ONCE) * (codecs.SHORT + 1))
        for start in range(0, len(short), AT_ONCE):
            found |= self._take_short(short[start : start + AT_ONCE], room)
        rest = [source for source in sources if source.path not in found]
        if self.store.encode and sum(source.status.st_size for source in rest) >= WORTH_A_HEAD_START:
            threading.Thread(target=codecs.load).start()
        for result in in_order(self._work(rest)) if rest else ():
            if isinstance(result, _Examined):
                self._keep(result)
            else:
                found[result.path] = result.digest, result.size
                self._end(result)
        return found

    def _take_short(self, sources: Sequence[Source], room: bytearray) -> dict[str, tuple[str, int]]:
        """The same as `read`, of files that are one chunk each; `room` has room for them. Left out: those that cannot
        be read, have changed since they were looked at, or just before."""
        began, view, end = time.time(), memoryview(room), 0
        files: dict[str, memoryview] = {}
        for path, file, status in sources:
            data = view[end : end + status.st_size + 1]
            if not hiding_time(status, began) and _read_short(file, status, data):
                files[path] = data[:-1]
                end += status.st_size
        names = {path: blake3(data).digest() for path, data in files.items()}
        kept = self.index.kept({name: len(files[path]) for path, name in names.items()})
        for path, name in names.items():
            data = files[path]
            if name not in kept and name not in self.store.writer:
                self.store.writer.add(name, data, codecs.encode(data, data) if self.store.encode else None)
        found = {path: (name.hex(), len(files[path])) for path, name in names.items()}
        for path, _, status in sources:
            if path in found and settled(status, began):
                self.seen.append((path, stamp(status), found[path][0]))
        self._done += end
        if self.progress:
            self.progress(self._done)
        return found

    def _work(self, sources: Sequence[Source]) -> Iterator[tuple[bool, Callable[[], _Examined | _Ended]]]:
        for source in sources:
            descriptor, before = _opened(source)
            with open(descriptor, "rb", buffering=0) as file:
                # A program that is writing it now would go on without its times showing it.
                time.sleep(hiding_time(before, time.time()))
                began = time.time()
                whole = blake3()
                for chunk in _reading(chunks(file, before.st_size, self._buffers), source, file.fileno(), before):
                    whole.update(chunk.data)
                    yield len(chunk.data) >= WORTH_A_THREAD, partial(self._examine, source.path, chunk)
                if not before.st_size and file.read(1):  # as those of /proc do
                    raise UnsupportedFile(path=source.file, reason="it says that it is empty, and is not")
                after = os.fstat(file.fileno())
            end = _ended(source, whole.hexdigest(), before, after, began)
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


def _read_short(path: str, status: os.stat_result, room: memoryview) -> bool:
    """Read a whole file to the start of `room`, which is longer by a byte; whether it is the one that was looked at."""
    try:
        descriptor = os.open(path, _READING)
        try:
            count = os.readv(descriptor, (room,))
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return count == status.st_size and same_file(status, after)


def _opened(source: Source) -> tuple[int, os.stat_result]:
    """The file's descriptor, and its status."""
    try:
        descriptor = os.open(source.file, _READING)
    except OSError as error:
        raise UnreadableFile(path=source.file, reason=error.strerror or str(error)) from None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        return descriptor, status
    os.close(descriptor)
    raise UnsupportedFile(path=source.file, reason="it stopped being a file")


def _ended(source: Source, digest: str, before: os.stat_result, after: os.stat_result, began: float) -> _Ended:
    looks = stamp(before)
    if stamp(after) != looks:
        raise SourceChanged(path=source.file)
    return _Ended(source.path, digest, before.st_size, looks if settled(before, began) else None)


def _reading(pieces: Iterator[Chunk], source: Source, descriptor: int, before: os.stat_result) -> Iterator[Chunk]:
    """`pieces` of the open file, whose status is `before`. Raises SourceChanged, UnsupportedFile, UnreadableFile: what
    goes wrong in here is the source's fault, and no failure to write what was read is taken for one."""
    try:
        yield from pieces
    except ShortFile:
        if same_file(before, os.fstat(descriptor)):  # as those of /sys do
            raise UnsupportedFile(path=source.file, reason="it holds less than it says") from None
        raise SourceChanged(path=source.file) from None
    except OSError as error:
        raise UnreadableFile(path=source.file, reason=error.strerror or str(error)) from None
