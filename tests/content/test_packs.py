"""Packs: every byte of a pack is covered by its name, so every damage is seen."""

from __future__ import annotations

import itertools
import random
import tracemalloc
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings, strategies as st

from mreg.content import codecs, packs
from mreg.content.chunks import ChunkReader
from mreg.content.codecs import Encoded
from mreg.content.pack_writer import PackContents, PackWriter, TooManyChunks
from mreg.content.packs import Base, ChunkEntry, DamagedChunk, DamagedPack, Located, PackIndex, Piece
from mreg.storage import ANY, Storage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash, FaultyStorage
from mreg.values.canonical import Malformed
from mreg.values.digest import digest

random_bytes = random.Random(1).randbytes
CHUNKS = [random_bytes(n) for n in (1, 40, 100, 7)]


def raw(data: bytes) -> bytes:
    return bytes.fromhex(digest(data))


def read_chunk(storage: Storage, pack: str, entry: ChunkEntry) -> bytes:
    return bytes(ChunkReader(storage, lambda _: None).verified(Located(pack, entry)))


class Written(NamedTuple):
    name: str
    data: bytes


def write(storage: Storage, chunks: list[bytes], recipes: dict[bytes, tuple[Piece, ...]] | None = None) -> Written:
    with PackWriter(storage) as writer:
        for chunk in chunks:
            writer.add(raw(chunk), chunk)
        for name, pieces in (recipes or {}).items():
            writer.add_recipe(name, pieces)
        name = writer.publish()
    value = storage.get(packs.key_of(name))
    assert value is not None
    return Written(name, value.data)


@pytest.fixture
def pack(storage: MemoryStorage) -> Written:
    pieces = tuple(Piece(raw(chunk), len(chunk)) for chunk in CHUNKS)
    return write(storage, CHUNKS, {raw(b"".join(CHUNKS)): pieces})


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=50), unique=True, max_size=6),
    recipes=st.dictionaries(
        st.binary(min_size=32, max_size=32),
        st.lists(st.builds(Piece, st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1)), max_size=4).map(
            tuple
        ),
        max_size=3,
    ),
)
@settings(max_examples=60, deadline=None)
def test_what_was_written_is_read(chunks: list[bytes], recipes: dict[bytes, tuple[Piece, ...]]) -> None:
    storage = MemoryStorage()
    name, _ = write(storage, chunks, recipes)

    index = packs.read_index(storage, name)

    assert [read_chunk(storage, name, entry) for entry in index.chunks] == chunks
    assert [entry.digest for entry in index.chunks] == [raw(chunk) for chunk in chunks]
    assert {file: tuple(pieces) for file, pieces in index.recipes.items()} == recipes
    assert [len(pieces) for pieces in index.recipes.values()] == [len(pieces) for pieces in recipes.values()]
    assert index.to_bytes() == PackIndex(index.chunks, recipes).to_bytes()
    assert list(packs.pack_names(storage)) == [name]


def test_the_layout_is_the_documented_one(storage: MemoryStorage) -> None:
    _, data = write(storage, [b"chunk"])

    assert data[:16] == b"MREGPACK" + (2).to_bytes(4, "little") + bytes(4)
    assert data[32:37] == b"chunk"
    assert data[-24:] == (37).to_bytes(8, "little") + (16 + 56).to_bytes(8, "little") + b"MREGTAIL"


def test_two_packs_of_the_same_chunks_have_two_names(storage: MemoryStorage) -> None:
    assert write(storage, CHUNKS).name != write(storage, CHUNKS).name


def test_every_flipped_bit_is_seen(storage: MemoryStorage, pack: Written) -> None:
    index = packs.read_index(storage, pack.name)
    chunk_area = {at for entry in index.chunks for at in range(entry.offset, entry.offset + entry.stored)}

    for at, bit in itertools.product(range(len(pack.data)), range(8)):
        damaged = bytearray(pack.data)
        damaged[at] ^= 1 << bit
        storage.put(packs.key_of(pack.name), bytes(damaged))
        if at not in chunk_area:
            with pytest.raises(DamagedPack):
                packs.read_index(storage, pack.name)
            continue
        (hit,) = [entry for entry in index.chunks if entry.offset <= at < entry.offset + entry.stored]
        with pytest.raises(DamagedChunk):
            read_chunk(storage, pack.name, hit)


def test_a_pack_of_any_other_length_is_seen(storage: MemoryStorage, pack: Written) -> None:
    lengths = range(len(pack.data))

    for damaged in [*(pack.data[:end] for end in lengths), pack.data + b"\0", b"\0" + pack.data, pack.data * 2]:
        storage.put(packs.key_of(pack.name), damaged)
        with pytest.raises(DamagedPack):
            packs.read_index(storage, pack.name)


def test_two_packs_that_took_each_others_place_are_seen(storage: MemoryStorage, pack: Written) -> None:
    other = write(storage, [b"other"])
    storage.put(packs.key_of(pack.name), other.data)
    storage.put(packs.key_of(other.name), pack.data)

    for name in (pack.name, other.name):
        with pytest.raises(DamagedPack, match="do not match its name"):
            packs.read_index(storage, name)


def test_a_missing_pack_is_seen(storage: MemoryStorage, pack: Written) -> None:
    entry = packs.read_index(storage, pack.name).chunks[0]
    storage.delete(packs.key_of(pack.name))

    with pytest.raises(DamagedPack, match="missing"):
        packs.read_index(storage, pack.name)
    with pytest.raises(DamagedChunk, match="missing"):
        read_chunk(storage, pack.name, entry)


@pytest.mark.parametrize(
    "change",
    [{"codec": 1}, {"codec": 255}, {"offset": 33}, {"stored": 2}, {"size": 2}, {"digest": bytes(32)}, {"stored": 0}],
)
def test_a_chunk_that_is_not_where_the_entry_says_is_seen(
    storage: MemoryStorage, pack: Written, change: dict[str, object]
) -> None:
    entry = packs.read_index(storage, pack.name).chunks[0]

    with pytest.raises(DamagedChunk):
        read_chunk(storage, pack.name, entry._replace(**change))


def named(storage: Storage, header: bytes, index: bytes, chunks: bytes = b"") -> str:
    """A pack of these parts whose name fits."""
    name = digest(header + index)
    offset = len(header) + len(chunks)
    trailer = offset.to_bytes(8, "little") + len(index).to_bytes(8, "little") + b"MREGTAIL"
    storage.put(packs.key_of(name), header + chunks + index + trailer)
    return name


HEADER = b"MREGPACK" + (1).to_bytes(4, "little") + bytes(20)


def u64(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, "little") for number in numbers)


ENTRY = ChunkEntry(bytes(32), 32, 5, 5, 0)

HOSTILE_INDEXES = {
    "chunk in the header": PackIndex((ENTRY._replace(offset=0),), {}).to_bytes(),
    "chunk beyond the chunks": PackIndex((ENTRY._replace(offset=33),), {}).to_bytes(),
    "chunk far away": PackIndex((ENTRY._replace(offset=2**63),), {}).to_bytes(),
    "huge chunk": PackIndex((ENTRY._replace(size=(16 << 20) + 1),), {}).to_bytes(),
    "more chunks than there are": u64(2**40, 0),
    "one chunk and no entry": u64(1, 0),
    "one recipe and none": u64(0, 1),
    "endless recipes": u64(0, 2**64 - 1),
    "endless pieces": u64(0, 1) + bytes(32) + u64(2**60),
    "endless chunks": u64(2**64 - 1, 0),
    "trailing bytes": u64(0, 0) + b"x",
    "half an entry": u64(1, 0) + bytes(20),
}


@pytest.mark.parametrize("hostile", HOSTILE_INDEXES)
def test_a_hostile_index_is_refused_although_its_name_fits(storage: MemoryStorage, hostile: str) -> None:
    name = named(storage, HEADER, HOSTILE_INDEXES[hostile], b"chunk")

    with pytest.raises(DamagedPack):
        packs.read_index(storage, name)


@pytest.mark.parametrize("header", [b"PACKMREG" + HEADER[8:], HEADER[:8] + (3).to_bytes(4, "little") + HEADER[12:]])
def test_a_pack_of_another_format_is_refused(storage: MemoryStorage, header: bytes) -> None:
    with pytest.raises(DamagedPack):
        packs.read_index(storage, named(storage, header, u64(0, 0)))


def test_an_index_larger_than_any_log_writes_is_not_read(
    storage: MemoryStorage, pack: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "MAX_INDEX", 10)

    with pytest.raises(DamagedPack, match="larger"):
        packs.read_index(storage, pack.name)


@given(
    index=st.binary(max_size=200)
    | st.builds(lambda a, b, rest: u64(a, b) + rest, st.integers(0, 3), st.integers(0, 3), st.binary(max_size=200))
)
@settings(max_examples=300, deadline=None)
def test_an_arbitrary_index_is_read_as_it_would_be_written_or_damage(index: bytes) -> None:
    storage = MemoryStorage()
    name = named(storage, HEADER, index, bytes(64))
    try:
        found = packs.read_index(storage, name)
    except DamagedPack:
        return

    for entry in found.chunks:
        assert 32 <= entry.offset <= entry.offset + entry.stored <= 32 + 64


@given(data=st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_arbitrary_bytes_are_damage_and_nothing_worse(data: bytes) -> None:
    storage = MemoryStorage()
    storage.put(packs.key_of("0" * 64), data)

    with pytest.raises(DamagedPack):
        packs.read_index(storage, "0" * 64)


def peak_of(work: Callable[[], object]) -> int:
    """The most memory that Python has for it at one time."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def read_hostile(index: bytes) -> None:
    with pytest.raises(Malformed):
        PackIndex.from_bytes(index, 1 << 20)


def test_an_index_of_nonsense_takes_no_memory() -> None:
    nonsense = u64(50_000, 0) + bytes(56 * 50_000)

    assert peak_of(lambda: read_hostile(nonsense)) < len(nonsense) / 10


def test_an_index_takes_memory_for_its_entries_and_little_for_its_pieces() -> None:
    entries = PackIndex((ENTRY._replace(offset=1000, stored=500, size=501),) * 20_000, {}).to_bytes()
    pieces = u64(0, 1) + bytes(32) + u64(100_000) + bytes(36 * 100_000)

    assert peak_of(lambda: PackIndex.from_bytes(entries, 1 << 20)) < 500 * 20_000
    assert peak_of(lambda: PackIndex.from_bytes(pieces, 1 << 20)) < len(pieces) / 10


# Writers.


def test_a_writer_refuses_an_index_that_nobody_would_read(
    storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = Encoded(codecs.DELTA, b"form")

    def fill(writer: PackContents) -> None:
        writer.add(raw(b"abc"), b"abc")
        writer.add(raw(b"abd"), b"abd", near, Base(raw(b"abc"), 1))
        writer.carry(ENTRY._replace(position=1, base=raw(b"abc")), b"forms")
        writer.add_recipe(bytes(32), (Piece(raw(b"abc"), 3), Piece(raw(b"abd"), 3)))

    size = 16 + 3 * 56 + 2 * 32 + 40 + 2 * 36
    monkeypatch.setattr(packs, "MAX_INDEX", size)
    with PackWriter(storage) as writer:
        fill(writer)
        assert len(packs.read_index(storage, writer.publish()).chunks) == 3

    monkeypatch.setattr(packs, "MAX_INDEX", size - 1)
    with pytest.raises(TooManyChunks), PackWriter(storage) as writer:
        fill(writer)
    with pytest.raises(TooManyChunks):
        fill(PackContents())
    assert len(list(storage.list(""))) == 1
    assert storage.sweep(-1.0) == 0


def test_an_abandoned_writer_leaves_nothing(storage: MemoryStorage) -> None:
    with pytest.raises(ValueError), PackWriter(storage) as writer:
        writer.add(raw(b"x"), b"x")
        raise ValueError

    assert list(storage.list("")) == []
    assert storage.sweep(-1.0) == 0


def test_a_writer_that_was_killed_leaves_only_what_is_swept(storage: MemoryStorage) -> None:
    def killed(storage: Storage) -> None:
        with PackWriter(storage) as writer:
            writer.add(raw(b"x"), b"x" * 100)
            writer.publish()

    for n in range(1, 5):
        with pytest.raises(Crash):
            killed(FaultyStorage(storage, n, Crash, dead=True))
        assert list(storage.list("")) == []
    assert storage.sweep(-1.0) > 0


def test_a_writer_knows_what_it_has(storage: MemoryStorage) -> None:
    with PackWriter(storage) as writer:
        assert writer.empty
        writer.add(raw(b"abc"), b"abc")
        writer.add_recipe(bytes(32), (Piece(raw(b"abc"), 3),))

        assert raw(b"abc") in writer and raw(b"x") not in writer
        assert (writer.empty, writer.stored) == (False, 3)
        assert writer.recipe(bytes(32)) == (Piece(raw(b"abc"), 3),)
        assert writer.recipe(raw(b"x")) is None


def test_a_pack_may_hold_recipes_alone(storage: MemoryStorage) -> None:
    name, _ = write(storage, [], {bytes(32): (Piece(raw(b"x"), 1),)})

    (recipe,) = packs.read_index(storage, name).recipes.values()
    assert list(recipe) == [Piece(raw(b"x"), 1)]
    assert Piece(raw(b"x"), 1) in recipe and Piece(raw(b"x"), 2) not in recipe


def test_what_would_be_in_a_pack_is_counted_and_cannot_be_published() -> None:
    contents = PackContents()
    contents.add(raw(b"abc"), b"abc")
    contents.add(raw(b"de"), memoryview(b"de"))

    assert (contents.stored, contents.new, contents.empty, raw(b"de") in contents) == (5, 5, False, True)
    assert not hasattr(contents, "publish")


def test_the_size_of_a_pack_is_known_before_it_is_published(storage: MemoryStorage) -> None:
    def fill(contents: PackContents) -> None:
        contents.add(raw(b"abc"), b"abc")
        contents.add(raw(b"abd"), b"abd", Encoded(codecs.DELTA, b"form"), Base(raw(b"abc"), 1))
        contents.add_recipe(bytes(32), (Piece(raw(b"abc"), 3), Piece(raw(b"abd"), 3)))

    foretold = PackContents()
    fill(foretold)
    with PackWriter(storage) as writer:
        fill(writer)
        name = writer.publish()

    stat = storage.stat(packs.key_of(name))
    assert stat and foretold.file_size == writer.file_size == stat.size


@pytest.mark.parametrize("key", ["packs/ab/cdef.pack", "packs/ab/cdef", "objects/ab/cdef.pack", "packs"])
def test_only_the_key_of_a_pack_has_a_packs_name(key: str) -> None:
    expected = "abcdef" if key == "packs/ab/cdef.pack" else None

    assert packs.name_of(key) == expected


def test_names_and_keys_belong_together(pack: Written) -> None:
    assert packs.name_of(packs.key_of(pack.name)) == pack.name


def in_order(storage: Storage, name: str) -> tuple[ChunkReader, list[Located]]:
    entries = packs.read_index(storage, name).chunks
    return ChunkReader(storage, lambda _: None), [Located(name, entry) for entry in entries]


MANY = [random_bytes(n) for n in (300, 20_000, 5, 32 << 10, 31 << 10, 4096, *[10_000] * 40)]


def bytes_of(found: Iterator[memoryview | DamagedChunk]) -> list[bytes]:
    return [b"" if isinstance(data, DamagedChunk) else bytes(data) for data in found]


def test_short_chunks_that_lie_one_behind_the_other_are_read_at_once(storage: MemoryStorage) -> None:
    counted = FaultyStorage(storage, 0, Crash(), reads=True)
    reader, places = in_order(counted, write(storage, MANY).name)
    before = counted.calls

    assert bytes_of(reader.several(places, verified=True)) == MANY
    assert counted.calls - before < len(MANY) // 3
    assert bytes_of(reader.several(reversed(places), verified=True)) == MANY[::-1]


def test_of_chunks_read_at_once_only_the_damaged_ones_carry_an_error(storage: MemoryStorage) -> None:
    pack = write(storage, MANY)
    reader, places = in_order(storage, pack.name)
    damaged = bytearray(pack.data)
    damaged[places[10].entry.offset] ^= 1
    storage.put(packs.key_of(pack.name), bytes(damaged), ANY)

    assert bytes_of(reader.several(places, verified=True)) == [*MANY[:10], b"", *MANY[11:]]


def test_a_pack_cut_short_within_what_is_read_ahead_is_damage_of_the_chunks_behind(storage: MemoryStorage) -> None:
    pack = write(storage, MANY)
    reader, places = in_order(storage, pack.name)
    storage.put(packs.key_of(pack.name), pack.data[: places[10].entry.offset + 1], ANY)

    found = list(reader.several(places, verified=True))

    assert bytes_of(iter(found)) == [*MANY[:10], *[b""] * (len(MANY) - 10)]
    assert {data.reason for data in found if isinstance(data, DamagedChunk)} == {"the pack is truncated"}
