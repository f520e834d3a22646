"""Writing one pack, or only counting what would be written."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from mreg.content import codecs, packs
from mreg.content.buffers import Buffer
from mreg.content.codecs import Encoded
from mreg.content.packs import Base, ChunkEntry, PackIndex, Piece, ending, key_of, new_header
from mreg.storage import ABSENT, Staged, Storage
from mreg.values.errors import Refused

WRITE_AT_ONCE: Final = 64 << 10
"""Bytes per write: shorter stored forms are buffered until there are this many."""


class TooManyChunks(Refused):
    code = "too-many-chunks"
    template = "too many chunks for one pack: their index would exceed {limit} bytes"

    limit: int


class PackContents:
    """What is to be in a pack. It is counted, and written nowhere."""

    def __init__(self) -> None:
        self._chunks: dict[bytes, ChunkEntry] = {}
        self._recipes: dict[bytes, Collection[Piece]] = {}
        self._index_size = packs.EMPTY_INDEX
        self._stored = 0

    def __contains__(self, name: bytes) -> bool:
        """Is this chunk in the pack already?"""
        return name in self._chunks

    def entry(self, name: bytes) -> ChunkEntry | None:
        """The chunk with this digest (raw), if the pack has it already."""
        return self._chunks.get(name)

    @property
    def empty(self) -> bool:
        return not (self._chunks or self._recipes)

    @property
    def stored(self) -> int:
        """Bytes of all stored chunks, as they are stored."""
        return self._stored

    @property
    def new(self) -> int:
        """Bytes of all chunks."""
        return sum(entry.size for entry in self._chunks.values())

    def add(self, name: bytes, data: Buffer, stored: Encoded | None = None, base: Base | None = None) -> None:
        """Append the chunk `data`, whose digest (raw) is `name` and which the pack has not.

        stored: its stored form (default: as it is), with the base where that is a difference."""
        form = stored or Encoded(codecs.RAW, data)
        position, near = (base.position, base.digest) if base and form.codec == codecs.DELTA else (0, None)
        self._grow(packs.entry_size(near))
        offset = self._append(form.data)
        self._chunks[name] = ChunkEntry(name, offset, len(form.data), len(data), form.codec, position, near)

    def carry(self, entry: ChunkEntry, form: Buffer) -> None:
        """Append a chunk that the pack has not, stored as another pack has it."""
        self._grow(packs.entry_size(entry.base))
        self._chunks[entry.digest] = entry._replace(offset=self._append(form))

    def add_recipe(self, name: bytes, pieces: Collection[Piece]) -> None:
        """Note how the file whose digest (raw) is `name` is put together."""
        self._grow(packs.recipe_size(pieces))
        self._recipes[name] = pieces

    def recipe(self, name: bytes) -> Collection[Piece] | None:
        """What `add_recipe` was told of this file."""
        return self._recipes.get(name)

    @property
    def file_size(self) -> int:
        """Bytes of the pack as it would be published now."""
        return packs.AROUND + self._index_size + self._stored

    @property
    def index(self) -> PackIndex:
        return PackIndex(tuple(self._chunks.values()), self._recipes)

    def _grow(self, size: int) -> None:
        """Count `size` more bytes of index. Raises TooManyChunks if the index would be too long to be read."""
        self._index_size += size
        if self._index_size > packs.MAX_INDEX:
            raise TooManyChunks(limit=packs.MAX_INDEX)

    def _append(self, form: Buffer) -> int:
        """Write a stored form; the offset where it begins."""
        self._stored += len(form)
        return self._write(form)

    def _write(self, form: Buffer) -> int:
        return 0


class PackWriter(PackContents):
    """Writes one pack from front to back. Invisible until `publish`; leaving the block without it
    throws the bytes away."""

    def __init__(self, storage: Storage) -> None:
        super().__init__()
        self._storage = storage
        self._header = new_header()
        self._staged: Staged | None = None
        self._unwritten = bytearray()

    def __enter__(self) -> PackWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._staged:
            self._staged.discard()

    def publish(self) -> str:
        """Make the pack durable and visible; its name. Nothing refers to it yet."""
        staged = self._begun()
        self._write_out(staged)
        name, end = ending(self._header, self.index, staged.size)
        staged.write(end)
        self._storage.put(key_of(name), staged, ABSENT)
        return name

    def _begun(self) -> Staged:
        if self._staged is None:
            self._staged = self._storage.stage()
            self._staged.write(self._header)
        return self._staged

    def _write(self, form: Buffer) -> int:
        staged = self._staged or self._begun()
        offset = staged.size + len(self._unwritten)
        if len(form) < WRITE_AT_ONCE:
            self._unwritten += form
        if len(form) >= WRITE_AT_ONCE or len(self._unwritten) >= WRITE_AT_ONCE:
            self._write_out(staged)
        if len(form) >= WRITE_AT_ONCE:
            staged.write(form)
        return offset

    def _write_out(self, staged: Staged) -> None:
        if self._unwritten:
            staged.write(self._unwritten)
            self._unwritten.clear()
