"""What a new chunk may be stored as the difference to: the tensors of an earlier version.

A training step moves every weight a little, so a tensor is near to the one of the same name, dtype and shape in
the checkpoint before (the idea of BitX in ZipLLM, Wang et al., NSDI '26). All that goes wrong in here only means
that there is no base: it costs space, never correctness.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from itertools import accumulate, islice
from typing import Final

from mreg.content.buffers import Buffer, Buffers
from mreg.content.chunks import ChunkReader, base_for
from mreg.content.formats import detect
from mreg.content.formats.spans import Kind
from mreg.content.objects import DamagedObject
from mreg.content.packs import Base, DamagedChunk, Located, Piece
from mreg.session.context import Context
from mreg.session.index import Index
from mreg.session.kept_chunks import KeptChunks
from mreg.values.formats import NewerFormat
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import File

MOST_FILES: Final = 256
"""Files of the earlier version that are searched for a tensor that has moved to another file."""


class _Tensor(NamedTuple):
    """Where a tensor lies: in which file, from which offset on."""

    file: File
    start: int


class Bases:
    """The tensors of an earlier version, whose manifest is read when the first of them is asked for.

    version: its digest, if there is one. asked: whether somebody asked for it, so that it must not be passed over.
    names: of the new version's files. buffers: where the memory of what `find` gives is from. Safe to use from several
    threads.
    """

    def __init__(
        self, context: Context, version: str | None, asked: bool, names: Collection[str], buffers: Buffers
    ) -> None:
        self._objects = context.objects
        self._index = context.index
        self._kept = context.kept_chunks
        self._reader = (
            ChunkReader(context.storage, self._index.chunk, buffers) if self._kept is None else _AtHand(self._kept)
        )
        self._version = None if self._kept and self._kept.empty and not asked else version
        self._asked = asked
        self._new = frozenset(names)
        self._guard = threading.Lock()
        self._tensors: dict[str, dict[bytes, _Tensor]] = {}
        self._pieces: dict[str, dict[int, Piece]] = {}
        self._moved: dict[bytes, _Tensor] | None = None

    def keep(self, chunks: Iterable[tuple[bytes, Buffer]]) -> None:
        """These were stored, and later ones may be near to them."""
        for name, data in chunks if self._kept else ():
            assert self._kept
            self._kept.keep(name, data)

    def find(self, path: str, tensor: bytes, offset: int, length: int) -> tuple[Buffer, Base] | None:
        """The chunk that a part of the tensor in the new file `path` is best compared with: `length` bytes from
        `offset` in the tensor. Raises DamagedObject where the version that was asked for cannot be read."""
        try:
            piece = self._piece(path, tensor, offset)
            located = self._index.chunk(piece.digest) if piece and piece.size == length else None
            found = base_for(located, self._index.chunk) if located else None
            if found is None:
                return None
            below, base = found
            # Verified: what is told by its difference to damaged bytes would be lost when they are mended.
            return self._reader.verified(below), base
        except (DamagedChunk, OSError):  # the disk may not be able to read it: the log does not need it
            return None

    def _piece(self, path: str, tensor: bytes, offset: int) -> Piece | None:
        with self._guard:
            found = self._tensors_of(path).get(tensor) or self._moved_tensors().get(tensor)
            if found is None:
                return None
            return self._pieces_of(found.file).get(found.start + offset)

    @cached_property
    def _files(self) -> dict[str, File]:
        """Those of the version, by path. What is wrong with one that was not asked for must not stop a log: a gc may
        be taking it away."""
        try:
            manifest = self._objects.version(self._version).manifest if self._version else None
            files = self._objects.manifest(manifest).files if manifest else ()
        except (DamagedObject, NewerFormat):
            if self._asked:
                raise
            files = ()
        return {file.path: file for file in files}

    def _tensors_of(self, path: str) -> dict[bytes, _Tensor]:
        if path not in self._tensors:
            file = self._files.get(path)
            self._tensors[path] = dict(self._read_tensors(file)) if file else {}
        return self._tensors[path]

    def _moved_tensors(self) -> dict[bytes, _Tensor]:
        """Those of other files than the new version has: a checkpoint may be named for its epoch. Then those
        of files that both have: the parts of a model may be cut anew."""
        if self._moved is None:
            paths = sorted(self._files, key=lambda path: (path in self._new, path))
            self._moved = {}
            for path in islice(paths, MOST_FILES):
                for name, tensor in self._tensors_of(path).items():
                    self._moved.setdefault(name, tensor)
        return self._moved

    def _read_tensors(self, file: File) -> Iterator[tuple[bytes, _Tensor]]:
        try:
            stored = StoredFile(self._reader, self._index, file)
            for span in detect.spans(stored, file.size):
                if span.kind is Kind.TENSOR and span.name:
                    yield span.name, _Tensor(file, span.start)
        except (DamagedChunk, OSError):
            return

    def _pieces_of(self, file: File) -> dict[int, Piece]:
        """The file's chunks by their offset in it."""
        if file.digest not in self._pieces:
            pieces = self._index.pieces(bytes.fromhex(file.digest), file.size) or ()
            starts = accumulate((piece.size for piece in pieces), initial=0)
            self._pieces[file.digest] = dict(zip(starts, pieces, strict=False))
        return self._pieces[file.digest]


class _AtHand:
    """Gives out chunks that are kept here, as fetching others would cost more than the differences to them save."""

    def __init__(self, kept: KeptChunks) -> None:
        self._kept = kept

    def verified(self, located: Located) -> memoryview:
        data = self._kept.get(located.entry.digest)
        if data is None:
            raise DamagedChunk(digest=located.entry.digest.hex(), pack=located.pack, reason="it is not at hand")
        return data


class StoredFile:
    """A file of a version, to be read here and there (`mreg.content.formats.spans.SeekableFile`). Reading raises
    DamagedChunk."""

    def __init__(self, reader: ChunkReader | _AtHand, index: Index, file: File) -> None:
        self._reader = reader
        self._index = index
        self._size = file.size
        self._pieces = index.pieces(bytes.fromhex(file.digest), file.size) or ()
        self._starts = [0, *accumulate(piece.size for piece in self._pieces)]
        self._at = 0
        self._held: tuple[int, Buffer] = (-1, b"")

    def seek(self, offset: int, /) -> int:
        self._at = offset
        return offset

    def read(self, size: int, /) -> bytes:
        """Fewer where the file ends."""
        parts = []
        while size > 0 and (part := self._part(size)):
            parts.append(bytes(part))
            self._at += len(part)
            size -= len(part)
        return b"".join(parts)

    def readinto(self, buffer: memoryview, /) -> int:
        part = self._part(len(buffer))
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _part(self, size: int) -> memoryview:
        """At most `size` bytes from where the file stands, of one chunk."""
        number = bisect_right(self._starts, self._at) - 1
        if not 0 <= number < len(self._pieces):
            return memoryview(b"")
        if self._held[0] != number:
            self._held = number, self._chunk(self._pieces[number])
        begin = self._at - self._starts[number]
        return memoryview(self._held[1])[begin : begin + size]

    def _chunk(self, piece: Piece) -> Buffer:
        located = self._index.chunk(piece.digest)
        if located is None:
            raise DamagedChunk(digest=piece.digest.hex(), pack="(none)", reason="no pack has it")
        return self._reader.verified(located)
