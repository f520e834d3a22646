"""Packs: immutable containers of chunks, one written by each `log` that brings new bytes (`pack_writer`).

    header   32 bytes   magic "MREGPACK", format (u32), zero (u32), 16 random bytes
    chunks              stored forms (`mreg.content.codecs`), one after the other
    index               chunk entries, bases, recipes (see `PackIndex.to_bytes`)
    trailer  24 bytes   index offset (u64), index length (u64), magic "MREGTAIL"

All integers are little-endian. A pack is named by the BLAKE3 of header and index; the index holds the
digest of every chunk, so the name covers all that is in the pack, and the random bytes keep two packs
from ever having the same name.

A chunk may be stored as its difference to another one, its base, in this pack or another. Its *position* is a
number greater than that of its base (0: no base), so that no chain of bases can lead in a circle.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Collection, Iterator, Mapping

from blake3 import blake3

from mreg.content.buffers import Buffer
from mreg.storage import Storage, unreadable
from mreg.storage.base import Remote, stat_known
from mreg.values.canonical import Malformed
from mreg.values.errors import Damaged
from mreg.values.named_tuple import NamedTuple

FORMAT = 2
READABLE = (1, 2)
"""Formats that are read. In 1 no chunk had a base, and all were stored as they are."""

MAX_CHUNK = 16 << 20
"""No chunk is longer, nor is its stored form."""

MAX_INDEX = 256 << 20
_TAIL_SIZE = 16 << 10
"""Bytes at the end of a pack that are read at once: the index of 280 chunks, say."""

MAX_POSITION = 63

_HEADER = struct.Struct("<8sII16s")
HEADER_SIZE = _HEADER.size
_COUNTS = struct.Struct("<QQ")
_CHUNK = struct.Struct("<32sQIIBB6x")
_DIGEST = 32
_RECIPE = struct.Struct("<32sQ")
_PIECE = struct.Struct("<32sI")
_TRAILER = struct.Struct("<QQ8s")
_MAGIC = b"MREGPACK"
_TAIL = b"MREGTAIL"


class DamagedPack(Damaged):
    code = "damaged-pack"
    template = "pack {pack} is damaged: {reason}"

    pack: str


class DamagedChunk(Damaged):
    code = "damaged-chunk"
    template = "chunk {digest} in pack {pack} is damaged: {reason}"

    digest: str
    pack: str


class ChunkEntry(NamedTuple):
    """Where a chunk lies in its pack. `digest` is raw (32 bytes); sizes and offset in bytes. `base`: the digest
    of the chunk that it is stored as the difference to."""

    digest: bytes
    offset: int
    stored: int
    size: int
    codec: int
    position: int = 0
    base: bytes | None = None


class Located(NamedTuple):
    """A chunk and the pack (by name) that holds it."""

    pack: str
    entry: ChunkEntry


class Base(NamedTuple):
    """What a chunk is the difference to: that chunk's digest (raw), and the position this gives to the first."""

    digest: bytes
    position: int


class Piece(NamedTuple):
    """One step of a recipe: the next `size` bytes of the file are the chunk `digest` (raw, 32 bytes)."""

    digest: bytes
    size: int


class Recipe(Collection[Piece]):
    """The pieces of one file, kept as the bytes that packs and lookup tables have of them: as objects they would
    take many times the memory."""

    __slots__ = ("_data", "_start", "_stop")

    def __init__(self, data: bytes, start: int = 0, stop: int | None = None) -> None:
        """data: bytes whose part from `start` to `stop` (default: all) is the pieces; they are not copied."""
        self._data, self._start, self._stop = data, start, len(data) if stop is None else stop

    @property
    def raw(self) -> memoryview:
        return memoryview(self._data)[self._start : self._stop]

    def __iter__(self) -> Iterator[Piece]:
        return map(Piece._make, _PIECE.iter_unpack(self.raw[: len(self) * _PIECE.size]))

    def __len__(self) -> int:
        return (self._stop - self._start) // _PIECE.size

    def __contains__(self, piece: object) -> bool:
        return any(one == piece for one in self)


def pack_pieces(pieces: Collection[Piece]) -> Buffer:
    """The bytes that packs and lookup tables have of them."""
    return pieces.raw if isinstance(pieces, Recipe) else b"".join(_PIECE.pack(*piece) for piece in pieces)


class PackIndex(NamedTuple):
    """What a pack holds: its chunks, and the recipes of the files that its log cut into several chunks.

    A file of one chunk has no recipe (file and chunk have the same digest), an empty file has neither.
    """

    chunks: tuple[ChunkEntry, ...]
    recipes: Mapping[bytes, Collection[Piece]]

    def to_bytes(self) -> bytes:
        parts: list[Buffer] = [_COUNTS.pack(len(self.chunks), len(self.recipes))]
        parts += (_CHUNK.pack(*entry[:6]) for entry in self.chunks)
        parts += (entry.base for entry in self.chunks if entry.base is not None)
        for name, pieces in self.recipes.items():
            parts.append(_RECIPE.pack(name, len(pieces)))
            parts.append(pack_pieces(pieces))
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes, end: int) -> PackIndex:
        """Raises Malformed at the first thing that is wrong. `end` is the offset in the pack before which all chunks
        must lie."""
        try:
            chunk_count, recipe_count = _COUNTS.unpack_from(data)
            chunks, stop = _read_chunks(data, chunk_count, end)
            recipes = {}
            for _ in range(recipe_count):
                name, count = _RECIPE.unpack_from(data, stop)
                start = stop + _RECIPE.size
                stop = _within(data, start + count * _PIECE.size)
                recipes[name] = Recipe(data, start, stop)
        except struct.error as error:
            raise Malformed(str(error)) from None
        if stop != len(data):
            raise Malformed("the index has trailing bytes")
        return cls(chunks, recipes)


def _read_chunks(data: bytes, count: int, end: int) -> tuple[tuple[ChunkEntry, ...], int]:
    """The entries, and where their bases end, which follow the last of them in the same order. Each is checked before
    the next is read: an index of nonsense takes no memory."""
    base = _within(data, _COUNTS.size + count * _CHUNK.size)
    chunks = []
    for row in _CHUNK.iter_unpack(memoryview(data)[_COUNTS.size : base]):
        entry = ChunkEntry._make((*row, None))
        _check_entry(entry, end)
        if entry.position:
            start, base = base, _within(data, base + _DIGEST)
            entry = entry._replace(base=data[start:base])
        chunks.append(entry)
    return tuple(chunks), base


def _within(data: bytes, stop: int) -> int:
    """`stop`, which must not lie beyond the data."""
    if stop > len(data):
        raise Malformed("the index is truncated")
    return stop


def _check_entry(entry: ChunkEntry, end: int) -> None:
    if max(entry.size, entry.stored) > MAX_CHUNK or entry.offset < _HEADER.size or entry.offset + entry.stored > end:
        raise Malformed(f"chunk {entry.digest.hex()} lies outside the pack")
    if not (entry.size and entry.stored):
        raise Malformed(f"chunk {entry.digest.hex()} is empty")
    if entry.position > MAX_POSITION:
        raise Malformed(f"chunk {entry.digest.hex()} has an invalid position")


EMPTY_INDEX = _COUNTS.size
AROUND = _HEADER.size + _TRAILER.size
"""Bytes of a pack beside its chunks and its index."""


def entry_size(base: bytes | None) -> int:
    """Bytes by which a chunk with this base makes the index longer."""
    return _CHUNK.size + (_DIGEST if base is not None else 0)


def recipe_size(pieces: Collection[Piece]) -> int:
    """Bytes by which a recipe makes the index longer."""
    return _RECIPE.size + _PIECE.size * len(pieces)


def new_header() -> bytes:
    """A pack's first bytes, which no other pack has."""
    return _HEADER.pack(_MAGIC, FORMAT, 0, os.urandom(16))


def ending(header: bytes, index: PackIndex, offset: int) -> tuple[str, bytes]:
    """The name of the pack with this header and index, and its bytes from `offset` on, where its chunks end."""
    listed = index.to_bytes()
    return _name(header, listed), listed + _TRAILER.pack(offset, len(listed), _TAIL)


def _name(header: bytes, index: bytes) -> str:
    return blake3(header).update(index).hexdigest()


def key_of(name: str) -> str:
    return f"packs/{name[:2]}/{name[2:]}.pack"


def name_of(key: str) -> str | None:
    """The pack whose storage key this is, or None where it is no pack's."""
    folder, _, rest = key.removeprefix("packs/").partition("/")
    return folder + rest.removesuffix(".pack") if key.startswith("packs/") and rest.endswith(".pack") else None


class RawIndex(NamedTuple):
    """What a pack is named by, its header and its index, and the offset of the latter in it."""

    header: bytes
    data: bytes
    offset: int

    @property
    def name(self) -> str:
        return _name(self.header, self.data)

    def parsed(self) -> PackIndex:
        """Raises Malformed."""
        return PackIndex.from_bytes(self.data, self.offset)


def index_offset(pack: bytes | memoryview) -> int:
    """Where the index of a whole pack begins."""
    offset: int = _TRAILER.unpack(pack[-_TRAILER.size :])[0]
    return offset


def read_index(storage: Remote, name: str) -> PackIndex:
    """The verified index of a pack. Raises DamagedPack where it is missing, cut short or changed."""
    try:
        return read_raw(storage, name).parsed()
    except Malformed as error:
        raise DamagedPack(pack=name, reason=str(error)) from None


def read_raw(storage: Remote, name: str) -> RawIndex:
    """The same, verified by the name and not looked into."""
    try:
        stat = stat_known(storage, key_of(name)) if isinstance(storage, Storage) else storage.stat(key_of(name))
        if stat is None:
            raise DamagedPack(pack=name, reason="it is missing")
        return _read_raw(storage, name, stat.size)
    except (Malformed, struct.error, FileNotFoundError) as error:
        raise DamagedPack(pack=name, reason=str(error)) from None
    except OSError as error:
        raise DamagedPack(pack=name, reason=unreadable(error)) from error


def _read_raw(storage: Remote, name: str, size: int) -> RawIndex:
    """Of most packs, all but the header lies in the bytes that are read first."""
    key = key_of(name)
    if size < HEADER_SIZE + _COUNTS.size + _TRAILER.size:
        raise Malformed("it is truncated")
    first, end = _end(storage, key, size)
    header = end[:HEADER_SIZE] if first == 0 else storage.read(key, 0, HEADER_SIZE)
    magic, version, _, _ = _HEADER.unpack(header)
    if magic != _MAGIC:
        raise Malformed("it does not start like a pack")
    if version not in READABLE:
        raise Malformed(f"pack format {version} is unknown to this release")
    offset, length, tail = _TRAILER.unpack(end[-_TRAILER.size :])
    if tail != _TAIL or offset < HEADER_SIZE or offset + length + _TRAILER.size != size:
        raise Malformed("its trailer is damaged")
    if length > MAX_INDEX:
        raise Malformed("its index is larger than any that mreg writes")
    here = offset - first
    raw = RawIndex(header, end[here : here + length] if here >= 0 else storage.read(key, offset, length), offset)
    if raw.name != name:
        raise Malformed("header and index do not match its name")
    return raw


def _end(storage: Remote, key: str, size: int) -> tuple[int, bytes]:
    """The end of a pack, and where it begins: no more than the trailer where the disk cannot read what is before."""
    first = max(0, size - _TAIL_SIZE)
    try:
        return first, storage.read(key, first, size - first)
    except FileNotFoundError:
        raise
    except OSError:
        first = size - _TRAILER.size
        return first, storage.read(key, first, _TRAILER.size)


def read_stored(storage: Storage, located: Located, out: memoryview) -> None:
    """Fill `out`, which is as long, with the stored form of a chunk, not verified. Raises DamagedChunk where that
    cannot be read whole."""
    pack, entry = located
    try:
        try:
            count = storage.read_into(key_of(pack), entry.offset, out)
        except FileNotFoundError:
            storage.look_again(key_of(pack))
            count = storage.read_into(key_of(pack), entry.offset, out)
        reason = "" if count == len(out) else "the pack is truncated"
    except FileNotFoundError:
        reason = "the pack is missing"
    except OSError as error:
        reason = unreadable(error)
    if reason:
        raise DamagedChunk(digest=entry.digest.hex(), pack=pack, reason=reason)


def read_some(storage: Storage, pack: str, start: int, length: int) -> bytes:
    """At most `length` bytes of a pack, not verified; none where they cannot be had."""
    try:
        return storage.read(key_of(pack), start, length)
    except OSError:
        return b""  # who then reads one chunk is told why


def pack_names(storage: Storage) -> Iterator[str]:
    """The names of all packs that lie in the storage, whether anything refers to them or not."""
    for key in storage.list("packs"):
        name = name_of(key)
        if name:
            yield name
