"""Packs: immutable containers of chunks, one written by each `log` that brings new bytes.

    header   32 bytes   magic "MREGPACK", format (u32), zero (u32), 16 random bytes
    chunks              stored forms, one after the other
    index               chunk entries, then recipes (see `PackIndex.to_bytes`)
    trailer  24 bytes   index offset (u64), index length (u64), magic "MREGTAIL"

All integers are little-endian. A pack is named by the BLAKE3 of header and index; the index holds the
digest of every chunk, so the name covers all that is in the pack, and the random bytes keep two packs
from ever having the same name.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from blake3 import blake3

from mreg import codecs
from mreg.canonical import Malformed
from mreg.digest import digest
from mreg.errors import Damaged
from mreg.storage import ABSENT, Staged, Storage

FORMAT = 1
MAX_CHUNK = 16 << 20
MAX_INDEX = 1 << 30

_HEADER = struct.Struct("<8sII16s")
_COUNTS = struct.Struct("<QQ")
_CHUNK = struct.Struct("<32sQIIB7x")
_RECIPE = struct.Struct("<32sQ")
_PIECE = struct.Struct("<32sI")
_TRAILER = struct.Struct("<QQ8s")
_MAGIC = b"MREGPACK"
_TAIL = b"MREGTAIL"


class DamagedPack(Damaged):
    code = "damaged-pack"
    template = "pack {pack} is damaged: {reason}"


class DamagedChunk(Damaged):
    code = "damaged-chunk"
    template = "chunk {digest} in pack {pack} is damaged: {reason}"


class ChunkEntry(NamedTuple):
    """Where a chunk lies in its pack. `digest` is raw (32 bytes); sizes and offset in bytes."""

    digest: bytes
    offset: int
    stored: int
    size: int
    codec: int


class Piece(NamedTuple):
    """One step of a recipe: the next `size` bytes of the file are the chunk `digest` (raw, 32 bytes)."""

    digest: bytes
    size: int


@dataclass(frozen=True, slots=True)
class PackIndex:
    """What a pack holds: its chunks, and the recipes of the files that its log cut into several chunks.

    A file of one chunk has no recipe (file and chunk have the same digest), an empty file has neither.
    """

    chunks: tuple[ChunkEntry, ...]
    recipes: dict[bytes, tuple[Piece, ...]]

    def to_bytes(self) -> bytes:
        parts = [_COUNTS.pack(len(self.chunks), len(self.recipes))]
        parts += (_CHUNK.pack(*entry) for entry in self.chunks)
        for name, pieces in self.recipes.items():
            parts.append(_RECIPE.pack(name, len(pieces)))
            parts += (_PIECE.pack(*piece) for piece in pieces)
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes, end: int) -> PackIndex:
        """Raises Malformed. `end` is the offset in the pack before which all chunks must lie."""
        try:
            chunk_count, recipe_count = _COUNTS.unpack_from(data)
            at = _COUNTS.size
            stop = at + chunk_count * _CHUNK.size
            chunks = tuple(map(ChunkEntry._make, _CHUNK.iter_unpack(memoryview(data)[at:stop])))
            if len(chunks) != chunk_count:
                raise Malformed("the index is cut short")
            recipes = {}
            for _ in range(recipe_count):
                name, count = _RECIPE.unpack_from(data, stop)
                at = stop + _RECIPE.size
                stop = at + count * _PIECE.size
                recipes[name] = tuple(map(Piece._make, _PIECE.iter_unpack(memoryview(data)[at:stop])))
                if len(recipes[name]) != count:
                    raise Malformed("the index is cut short")
        except struct.error as error:
            raise Malformed(str(error)) from None
        if stop != len(data):
            raise Malformed("the index has bytes left over")
        for entry in chunks:
            if entry.size > MAX_CHUNK or entry.offset < _HEADER.size or entry.offset + entry.stored > end:
                raise Malformed(f"chunk {entry.digest.hex()} lies outside of the pack")
        return cls(chunks, recipes)


class PackWriter:
    """Writes one pack from front to back. Invisible until `publish`; leaving the block without it
    throws the bytes away."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._header = _HEADER.pack(_MAGIC, FORMAT, 0, os.urandom(16))
        self._staged: Staged | None = None
        self._chunks: dict[bytes, ChunkEntry] = {}
        self._recipes: dict[bytes, tuple[Piece, ...]] = {}

    def __enter__(self) -> PackWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._staged:
            self._staged.discard()

    def __contains__(self, name: bytes) -> bool:
        """Is this chunk in the pack already?"""
        return name in self._chunks

    @property
    def empty(self) -> bool:
        return not (self._chunks or self._recipes)

    @property
    def stored(self) -> int:
        """Bytes of all stored chunks."""
        return sum(entry.stored for entry in self._chunks.values())

    def add(self, name: bytes, data: bytes | bytearray | memoryview) -> None:
        """Append the chunk `data`, whose digest (raw) is `name` and which the pack has not."""
        if self._staged is None:
            self._staged = self._storage.stage()
            self._staged.write(self._header)
        offset = self._staged.size
        self._staged.write(data)
        self._chunks[name] = ChunkEntry(name, offset, len(data), len(data), codecs.RAW)

    def add_recipe(self, name: bytes, pieces: tuple[Piece, ...]) -> None:
        """Note how the file whose digest (raw) is `name` is put together."""
        self._recipes[name] = pieces

    def recipe(self, name: bytes) -> tuple[Piece, ...] | None:
        """What `add_recipe` was told of this file."""
        return self._recipes.get(name)

    def publish(self) -> str:
        """Make the pack durable and visible; its name. Nothing refers to it yet."""
        staged = self._staged or self._storage.stage()
        if self._staged is None:
            staged.write(self._header)
        self._staged = staged
        index = PackIndex(tuple(self._chunks.values()), self._recipes).to_bytes()
        offset = staged.size
        staged.write(index)
        staged.write(_TRAILER.pack(offset, len(index), _TAIL))
        name = digest(self._header + index)
        self._storage.put(key_of(name), staged, ABSENT)
        return name


class CountingWriter(PackWriter):
    """Writes nothing; counts what a pack would hold."""

    def add(self, name: bytes, data: bytes | bytearray | memoryview) -> None:
        self._chunks[name] = ChunkEntry(name, 0, len(data), len(data), codecs.RAW)


def key_of(name: str) -> str:
    return f"packs/{name[:2]}/{name[2:]}.pack"


def name_of(key: str) -> str | None:
    """The pack whose storage key this is, or None where it is no pack's."""
    folder, _, rest = key.removeprefix("packs/").partition("/")
    return folder + rest.removesuffix(".pack") if key.startswith("packs/") and rest.endswith(".pack") else None


def read_index(storage: Storage, name: str) -> PackIndex:
    """The verified index of a pack. Raises DamagedPack where it is missing, cut short or changed."""
    stat = storage.stat(key_of(name))
    if stat is None:
        raise DamagedPack(pack=name, reason="it is missing")
    try:
        return _read_index(storage, name, stat.size)
    except (Malformed, struct.error, FileNotFoundError) as error:
        raise DamagedPack(pack=name, reason=str(error)) from None


def _read_index(storage: Storage, name: str, size: int) -> PackIndex:
    key = key_of(name)
    if size < _HEADER.size + _COUNTS.size + _TRAILER.size:
        raise Malformed("it is cut short")
    header = storage.read(key, 0, _HEADER.size)
    magic, version, _, _ = _HEADER.unpack(header)
    if magic != _MAGIC:
        raise Malformed("it does not start like a pack")
    if version != FORMAT:
        raise Malformed(f"pack format {version} is not known to this release")
    offset, length, tail = _TRAILER.unpack(storage.read(key, size - _TRAILER.size, _TRAILER.size))
    if tail != _TAIL or offset < _HEADER.size or offset + length + _TRAILER.size != size:
        raise Malformed("its trailer is damaged")
    if length > MAX_INDEX:
        raise Malformed("its index is larger than any log writes")
    index = storage.read(key, offset, length)
    if digest(header + index) != name:
        raise Malformed("header and index do not match its name")
    return PackIndex.from_bytes(index, offset)


def read_chunk(storage: Storage, pack: str, entry: ChunkEntry) -> bytes:
    """The verified bytes of one chunk. Raises DamagedChunk rather than hand out anything else."""
    try:
        data = codecs.decode(entry.codec, storage.read(key_of(pack), entry.offset, entry.stored))
    except (codecs.UnknownCodec, FileNotFoundError) as error:
        reason = "the pack is missing" if isinstance(error, FileNotFoundError) else str(error)
        raise DamagedChunk(digest=entry.digest.hex(), pack=pack, reason=reason) from None
    if len(data) != entry.size or blake3(data).digest() != entry.digest:
        raise DamagedChunk(digest=entry.digest.hex(), pack=pack, reason="its bytes do not match its digest")
    return data


def pack_names(storage: Storage) -> Iterator[str]:
    """The names of all packs that lie in the storage, whether anything refers to them or not."""
    for key in storage.list("packs"):
        name = name_of(key)
        if name:
            yield name
