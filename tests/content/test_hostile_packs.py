"""Packs that somebody has made to mislead, or that were damaged: the right bytes or an error, never anything else."""

from __future__ import annotations

import itertools
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mreg.content import codecs, packs
from mreg.content.chunks import ChunkReader
from mreg.content.codecs import DELTA, PLANES, RAW
from mreg.content.pack_writer import TooManyChunks
from mreg.content.packs import ChunkEntry, DamagedChunk, DamagedPack, Located, PackIndex, Piece
from mreg.refs.keys import VersionKey
from mreg.refs.transaction import Draft, timestamp
from mreg.repository import Repository
from mreg.session.context import Context
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.upkeep.reach import copies
from mreg.values.digest import digest
from mreg.values.errors import Damaged, Refused
from mreg.values.records import File, Manifest, VersionRecord

MIB = 1 << 20
HEADER = b"MREGPACK" + (2).to_bytes(4, "little") + bytes(20)


def name_of(data: bytes) -> bytes:
    return bytes.fromhex(digest(data))


def weights(seed: int, count: int = 400) -> bytes:
    return np.random.default_rng(seed).normal(0, 0.02, count).astype("<f4").tobytes()


def encoded(data: bytes, base: bytes | None = None) -> bytes:
    room = memoryview(bytearray(len(data) + codecs.EXTRA))
    return bytes(codecs.encode(memoryview(data), room, "F32", base).data)


X, Y = weights(1), weights(2)
NEAR_X = (np.frombuffer(X, "<u4") + 3).tobytes()
BELOW_X = (np.frombuffer(X, "<u4") - 3).tobytes()
LONGER = X + b"abcd"
DELTA_OF_X = encoded(NEAR_X, X)


class Stored(NamedTuple):
    """A chunk in a pack that is being forged."""

    name: bytes
    form: bytes
    size: int
    codec: int
    position: int = 0
    base: bytes | None = None


def raw(data: bytes, **fields: object) -> Stored:
    return Stored(name_of(data), data, len(data), RAW)._replace(**fields)


def planes(data: bytes, **fields: object) -> Stored:
    return Stored(name_of(data), encoded(data), len(data), PLANES)._replace(**fields)


def delta(base: bytes | None = name_of(X), position: int = 1) -> Stored:
    return Stored(name_of(NEAR_X), DELTA_OF_X, len(NEAR_X), DELTA, position, base)


def forge(
    storage: Storage,
    chunks: list[Stored],
    recipes: dict[bytes, tuple[Piece, ...]] | None = None,
    change: Callable[[bytes], bytes] = lambda index: index,
) -> str:
    """A pack whose name fits, whatever it says; its name."""
    entries, body = [], b""
    for name, form, size, codec, position, base in chunks:
        entries.append(ChunkEntry(name, len(HEADER) + len(body), len(form), size, codec, position, base))
        body += form
    index = change(PackIndex(tuple(entries), recipes or {}).to_bytes())
    name = digest(HEADER + index)
    offset = len(HEADER) + len(body)
    trailer = offset.to_bytes(8, "little") + len(index).to_bytes(8, "little") + b"MREGTAIL"
    storage.put(packs.key_of(name), HEADER + body + index + trailer)
    return name


def publish(repo: Repository, file: File, *names: str) -> str:
    """Commit a version of this one file, whose packs have these names."""
    context = repo._context
    repo.create_artifact("net")
    manifest = context.objects_at(context.view()).put(Manifest((file,)).to_bytes())
    record = VersionRecord(manifest, 1, file.size, timestamp(), "eve", "beta", None, "", {}, ())
    version = context.objects_at(context.view()).put(record.to_bytes())

    def build(draft: Draft) -> None:
        draft.set(VersionKey("net", 0), version)
        draft.packs = tuple(names)

    context.commit("log --artifact net", build)
    return "net:v0"


def outcome(repo: Repository, version: str, target: Path, expected: bytes) -> str:
    """What becomes of reading a file in every way that there is: "right" or "damaged", and the same in all."""

    def use() -> bytes:
        return Path(repo.use(version), "file").read_bytes()

    def get() -> bytes:
        return Path(repo.get(version, target).path, "file").read_bytes()

    found = set()
    for read in (lambda: b"".join(repo.read(version, "file")), get, use):
        try:
            assert read() == expected
            found.add("right")
        except Damaged:
            found.add("damaged")
    assert not (target.exists() and "damaged" in found)
    (one,) = found
    return one


def cut_short(index: bytes) -> bytes:
    """Without the last base, which is the last thing in it."""
    return index[:-32]


HOSTILE: dict[str, list[list[Stored]]] = {
    "a base that is the chunk itself": [[delta(name_of(NEAR_X))]],
    "itself, and a copy that is a cycle with another": [
        [delta(name_of(Y), 2), Stored(name_of(Y), DELTA_OF_X, len(Y), DELTA, 1, name_of(NEAR_X))]
    ],
    "a cycle of two at the same position": [
        [delta(name_of(Y)), Stored(name_of(Y), DELTA_OF_X, len(Y), DELTA, 1, name_of(NEAR_X))]
    ],
    "a base that nobody has": [[delta()]],
    "a base of another length": [[raw(LONGER), delta(name_of(LONGER))]],
    "a base that says it has another length": [[planes(X, size=len(X) + 4), delta()]],
    "a base of no length": [[raw(b"", size=0), delta(name_of(b""))]],
    "another base of the same length": [[raw(Y), delta(name_of(Y))]],
    "a base whose bytes are others": [[raw(X, form=Y), delta()]],
    "a base at a higher position": [
        [Stored(name_of(X), encoded(X, BELOW_X), len(X), DELTA, 5, name_of(BELOW_X)), raw(BELOW_X), delta()]
    ],
    "a base at the same position": [
        [Stored(name_of(X), encoded(X, BELOW_X), len(X), DELTA, 1, name_of(BELOW_X)), raw(BELOW_X), delta()]
    ],
    "position 64": [[raw(X), delta(position=64)]],
    "position 255": [[raw(X), delta(position=255)]],
    "position 0 of a difference": [[raw(X), delta(None, 0)]],
    "a base of one that is none": [[raw(Y), planes(NEAR_X, position=1, base=name_of(Y))]],
    "a codec that nobody knows": [[raw(NEAR_X, codec=3)]],
    "a codec that nobody knows, with a base": [[raw(X), delta()._replace(codec=255)]],
    "no stored form": [[planes(NEAR_X, form=b"")]],
    "16 MiB of it": [[planes(NEAR_X, size=16 * MIB)]],
    "no length": [[planes(NEAR_X, size=0)]],
    "another length": [[planes(NEAR_X, size=len(NEAR_X) - 1)]],
    "planes of other bytes": [[planes(Y, name=name_of(NEAR_X))]],
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_chunk_is_damage(repo: Repository, storage: MemoryStorage, tmp_path: Path, hostile: str) -> None:
    names = [forge(storage, chunks) for chunks in HOSTILE[hostile]]
    version = publish(repo, File("file", len(NEAR_X), digest(NEAR_X)), *names)

    assert outcome(repo, version, tmp_path / "got", NEAR_X) == "damaged"
    report = repo.fsck(full=True)
    assert version in {hurt for finding in report.findings for hurt in finding.hurts}


SOUND: dict[str, list[list[Stored]]] = {
    "a difference": [[raw(X), delta()]],
    "a base in a pack that comes later": [[delta()], [raw(X)]],
    "a base that is encoded": [[planes(X), delta()]],
    "a base that has a base": [
        [Stored(name_of(X), encoded(X, BELOW_X), len(X), DELTA, 1, name_of(BELOW_X)), raw(BELOW_X), delta(position=2)]
    ],
    "a position above that of its base by more than one": [[raw(X), delta(position=63)]],
    "bytes as they are, with a base that is not needed": [[raw(X), raw(NEAR_X, position=1, base=name_of(X))]],
    "a copy with a base that is missing, and one by itself": [[delta(name_of(Y), 1)], [planes(NEAR_X)]],
    "a copy that is its own base, and one by itself": [[delta(name_of(NEAR_X))], [raw(NEAR_X)]],
    "two chunks that are one another's base, and a copy of one by itself": [
        [delta(name_of(X), 1), Stored(name_of(X), encoded(X, NEAR_X), len(X), DELTA, 1, name_of(NEAR_X))],
        [raw(X)],
    ],
}


@pytest.mark.parametrize("sound", SOUND)
def test_what_is_unusual_but_right_is_read(
    repo: Repository, storage: MemoryStorage, tmp_path: Path, sound: str
) -> None:
    """Without these the tests above could pass for a mistake in the forging."""
    names = [forge(storage, chunks) for chunks in SOUND[sound]]
    version = publish(repo, File("file", len(NEAR_X), digest(NEAR_X)), *names)

    assert outcome(repo, version, tmp_path / "got", NEAR_X) == "right"


def test_the_longest_chain_that_positions_allow_is_read(
    repo: Repository, storage: MemoryStorage, tmp_path: Path
) -> None:
    versions = [(np.frombuffer(X, "<u4") + 3 * number).tobytes() for number in range(64)]
    chunks = [raw(versions[0])]
    for position, (before, after) in enumerate(itertools.pairwise(versions), 1):
        chunks.append(Stored(name_of(after), encoded(after, before), len(after), DELTA, position, name_of(before)))
    version = publish(repo, File("file", len(X), digest(versions[-1])), forge(storage, chunks))

    assert outcome(repo, version, tmp_path / "got", versions[-1]) == "right"
    assert repo.fsck(full=True).findings == ()


def test_bases_that_are_cut_short_are_a_damaged_pack(storage: MemoryStorage) -> None:
    name = forge(storage, [raw(X), delta()], change=cut_short)

    with pytest.raises(DamagedPack, match="truncated"):
        packs.read_index(storage, name)


@pytest.mark.parametrize("change", ["one base too few", "one base too many", "two bases in one's place"])
def test_bases_that_are_not_as_many_as_positions_say_are_a_damaged_pack(storage: MemoryStorage, change: str) -> None:
    recipes = {name_of(b"f"): (Piece(name_of(X), len(X)),)}

    def changed(index: bytes) -> bytes:
        at = 16 + 2 * 56
        return (
            index[:at]
            + {"one base too few": b"", "one base too many": bytes(64)}.get(change, bytes(33))
            + index[at + 32 :]
        )

    with pytest.raises(DamagedPack):
        packs.read_index(storage, forge(storage, [raw(X), delta()], recipes, changed))


@pytest.mark.parametrize("chunk", [raw(b""), planes(X, form=b"")], ids=["of no bytes", "stored as none"])
def test_an_empty_chunk_is_a_damaged_pack(storage: MemoryStorage, chunk: Stored) -> None:
    name = forge(storage, [raw(Y), chunk])

    with pytest.raises(DamagedPack, match="is empty"):
        packs.read_index(storage, name)


def test_a_hostile_chunk_takes_no_more_memory_than_it_says(repo: Repository, storage: MemoryStorage) -> None:
    frame = bytes.fromhex("28b52ffd0038") + ((128 << 10) << 3 | 2).to_bytes(3, "little") + b"*"
    form = b"\1" + (4000).to_bytes(4, "little") + (frame + frame[6:] * 1000)[:4000]
    name = forge(storage, [Stored(bytes(32), form.ljust(4005, b"\0"), 5000, PLANES)])
    version = publish(repo, File("file", 5000, "00" * 32), name)
    with pytest.raises(Damaged):
        b"".join(repo.read(version, "file"))

    tracemalloc.start()
    try:
        with pytest.raises(Damaged):
            b"".join(repo.read(version, "file"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4 * MIB


# Recipes.


@pytest.mark.parametrize("times", [0, 3, 2000])
def test_a_recipe_that_does_not_make_the_size_is_damage_before_much_is_read(
    repo: Repository, storage: MemoryStorage, tmp_path: Path, times: int
) -> None:
    """A few bytes of recipe may stand for more than any disk holds."""
    big = random.Random(1).randbytes(MIB)
    file = File("file", 2 * MIB, digest(big * 2))
    recipe = {bytes.fromhex(file.digest): (Piece(name_of(big), MIB),) * times}
    version = publish(repo, file, forge(storage, [raw(big)], recipe))

    given = 0
    with pytest.raises(Damaged):
        for block in repo.read(version, "file"):
            given += len(block)

    assert given <= file.size
    assert outcome(repo, version, tmp_path / "got", big * 2) == "damaged"
    assert [finding.code for finding in repo.fsck().findings] == ["file"]


@pytest.mark.parametrize("claimed", [0, 1, MIB - 1])
def test_a_recipe_that_says_less_than_its_chunks_have_is_damage_before_much_is_read(
    repo: Repository, storage: MemoryStorage, tmp_path: Path, claimed: int
) -> None:
    big = random.Random(1).randbytes(MIB)
    pieces = [Piece(name_of(big), claimed)] * 2000
    file = File("file", 2000 * claimed or 1, digest(big))
    version = publish(repo, file, forge(storage, [raw(big)], {name_of(big): tuple(pieces)}))

    given = 0
    with pytest.raises(Damaged):
        for block in repo.read(version, "file"):
            given += len(block)

    assert given <= MIB
    assert outcome(repo, version, tmp_path / "got", big) == "damaged"


@pytest.mark.parametrize("size", [400, 20_000])
def test_a_file_with_a_recipe_of_nothing_is_not_taken_for_kept(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str], tmp_path: Path, size: int
) -> None:
    data = random.Random(size).randbytes(size)
    publish(repo, File("file", len(X), digest(X)), forge(storage, [raw(X)], {name_of(data): ()}))

    result = repo.log(folder({"file": data}), "mine")

    assert result.new == size
    assert outcome(repo, "mine:v0", tmp_path / "got", data) == "right"


def test_a_recipe_in_another_order_is_damage(repo: Repository, storage: MemoryStorage, tmp_path: Path) -> None:
    whole = X + NEAR_X
    pieces = (Piece(name_of(NEAR_X), len(NEAR_X)), Piece(name_of(X), len(X)))
    pack = forge(storage, [raw(X), delta()], {name_of(whole): pieces})
    version = publish(repo, File("file", len(whole), digest(whole)), pack)

    assert outcome(repo, version, tmp_path / "got", whole) == "damaged"
    assert [finding.code for finding in repo.fsck(full=True).findings] == ["recipe"]


def test_a_recipe_of_very_many_pieces_takes_little_memory_on_its_way_into_the_tables(
    repo: Repository, storage: MemoryStorage, reopen: Callable[[Storage], Repository]
) -> None:
    count = 100_000
    pack = forge(storage, [raw(X)], {name_of(NEAR_X): (Piece(name_of(X), len(X)),) * count})
    publish(repo, File("file", len(NEAR_X), digest(NEAR_X)), pack)
    size = storage.stat(packs.key_of(pack)).size
    other = reopen(storage)

    tracemalloc.start()
    try:
        assert [version.number for version in other.versions("net")] == [0]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 3 * size
    assert len(other._context.index.pieces(name_of(NEAR_X), 1)) == count


def test_a_log_of_too_many_chunks_is_refused_and_changes_nothing(
    repo: Repository, folder: Callable[..., str], monkeypatch: pytest.MonkeyPatch, storage: MemoryStorage
) -> None:
    monkeypatch.setattr(packs, "MAX_INDEX", 500)
    before = list(storage.list(""))

    for dry_run in (True, False):
        with pytest.raises(TooManyChunks):
            repo.log(folder({str(n): b"%d" % n for n in range(10)}), "net", dry_run=dry_run)

    assert list(storage.list("")) == before
    assert repo.log(folder({str(n): b"%d" % n for n in range(3)}), "net").created


# Damage to packs that were written honestly.


def safetensors(step: int) -> bytes:
    values = [(np.frombuffer(weights(seed), "<u4") + step * (seed + 1)).tobytes() for seed in range(3)]
    header = ",".join(
        f'"{number}":{{"dtype":"F32","shape":[400],"data_offsets":[{1600 * number},{1600 * number + 1600}]}}'
        for number in range(3)
    )
    text = f"{{{header}}}".encode()
    return len(text).to_bytes(8, "little") + text + b"".join(values)


class Honest(NamedTuple):
    """A repository with differences in it: what its storage holds, and what each version does."""

    content: dict[str, bytes]
    versions: dict[str, bytes]

    def storage(self) -> MemoryStorage:
        storage = MemoryStorage()
        for key, data in self.content.items():
            storage.put(key, data)
        return storage

    def packs(self) -> list[str]:
        return sorted(key for key in self.content if key.startswith("packs/"))


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Honest:
    storage, versions = MemoryStorage(), {}
    folder = tmp_path_factory.mktemp("source")
    with Repository.init_storage(storage, "memory", author="ann") as repo:
        for step in range(4):
            (folder / "file").write_bytes(safetensors(step))
            versions[repo.log(folder, "net").version.name] = safetensors(step)
    content = {}
    for key in storage.list(""):
        value = storage.get(key)
        assert value is not None
        content[key] = value.data
    return Honest(content, versions)


def test_the_honest_repository_has_what_is_to_be_damaged(honest: Honest) -> None:
    storage = honest.storage()
    found = [packs.read_index(storage, name) for name in packs.pack_names(storage)]

    entries = [entry for index in found for entry in index.chunks]
    assert {(entry.codec, entry.position) for entry in entries} == {
        (RAW, 0),
        (PLANES, 0),
        *((DELTA, n) for n in (1, 2, 3)),
    }


def test_every_byte_of_every_pack_may_be_flipped(honest: Honest) -> None:
    """Header, stored forms, entries, bases, recipes, trailer: what is read is right, or is not read."""
    sound = honest.storage()
    indexes = {name: packs.read_index(sound, name) for name in packs.pack_names(sound)}
    locate = copies(indexes).get
    right = {
        name: bytes(ChunkReader(sound, locate).verified(located))
        for name in copies(indexes)
        if (located := locate(name))
    }
    seen = {"pack": 0, "chunk": 0}

    for name, index in indexes.items():
        data = honest.content[packs.key_of(name)]
        for at in range(len(data)):
            damaged = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
            sound.put(packs.key_of(name), damaged)
            hit = [entry for entry in index.chunks if entry.offset <= at < entry.offset + entry.stored]
            if not hit:
                seen["pack"] += 1
                with pytest.raises(DamagedPack):
                    packs.read_index(sound, name)
                continue
            seen["chunk"] += 1
            reader = ChunkReader(sound, locate)
            try:  # a bit that decodes to the same is no damage
                assert reader.verified(Located(name, hit[0])) == right[hit[0].digest]
            except DamagedChunk:
                pass
        sound.put(packs.key_of(name), data)

    assert min(seen.values()) > 1000


def check_all(storage: Storage, honest: Honest, target: Path, *, also: type[Exception] = Damaged) -> int:
    """Each version is right or Damaged, in a place of its own; how many were right."""
    right = 0
    for version, expected in honest.versions.items():
        try:
            with Repository(Context(storage, "memory", author="bob")) as repo:
                assert b"".join(repo.read(version, "file")) == expected
                path = Path(repo.get(version, target / version.replace(":", "-")).path, "file")
                assert path.read_bytes() == expected
                right += 1
        except (Damaged, also):
            assert not (target / version.replace(":", "-")).exists()
    return right


def test_packs_that_were_cut_swapped_or_lost_are_damage_of_what_needs_them(honest: Honest, tmp_path: Path) -> None:
    first, second, *_ = honest.packs()
    cases = {
        "swapped": {first: honest.content[second], second: honest.content[first]},
        "lost": {first: None},
        "emptied": {first: b""},
        "doubled": {first: honest.content[first] * 2},
        **{f"cut to {n}": {first: honest.content[first][:n]} for n in range(0, len(honest.content[first]), 97)},
    }
    for number, (case, changes) in enumerate(cases.items()):
        storage = honest.storage()
        for key, data in changes.items():
            storage.delete(key)
            if data is not None:
                storage.put(key, data)

        right = check_all(storage, honest, tmp_path / str(number))

        assert right < len(honest.versions), case


@given(
    places=st.lists(
        st.tuples(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=4
    ),
    only_packs=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_whatever_is_flipped_anywhere_no_wrong_byte_is_handed_out(
    honest: Honest, tmp_path_factory: pytest.TempPathFactory, places: list[tuple[int, float, int]], only_packs: bool
) -> None:
    """`config.toml` may also ask for a format that nobody knows."""
    storage, keys = honest.storage(), honest.packs() if only_packs else sorted(honest.content)
    for number, where, bit in places:
        key = keys[number % len(keys)]
        value = storage.get(key)
        assert value is not None
        data = bytearray(value.data)
        data[int(where * len(data))] ^= 1 << bit
        storage.put(key, bytes(data))

    check_all(storage, honest, tmp_path_factory.mktemp("got"), also=Refused)
