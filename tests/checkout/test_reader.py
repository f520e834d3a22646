"""Files come out of the repository in one stream, whose parts carry what went wrong with them."""

from __future__ import annotations

import errno
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from mreg.checkout.reader import DamagedFile, Reader
from mreg.content import packs
from mreg.repository import Repository
from mreg.session.index import Index
from mreg.storage.memory import MemoryStorage
from mreg.values.digest import digest
from mreg.values.records import File

LONG = random.Random(1).randbytes(5 << 20)


@pytest.fixture
def logged(repo: Repository, folder: Callable[..., str]) -> Repository:
    repo.log(folder({"weights.bin": LONG, "short": b"short"}), "net")
    return repo


@pytest.fixture
def chunk_reads(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often the chunk at each offset was read."""
    reads: Counter[int] = Counter()
    original = MemoryStorage.read_into

    def counted(self: MemoryStorage, key: str, start: int, out: memoryview) -> int:
        reads[start] += 1
        return original(self, key, start, out)

    monkeypatch.setattr(MemoryStorage, "read_into", counted)
    return reads


def offset_in_the_middle(storage: MemoryStorage) -> int:
    (name,) = packs.pack_names(storage)
    offsets = sorted(entry.offset for entry in packs.read_index(storage, name).chunks if entry.size > 100)
    assert len(offsets) > 5
    return offsets[len(offsets) // 2]


def flip(storage: MemoryStorage, offset: int) -> None:
    (name,) = packs.pack_names(storage)
    value = storage.get(packs.key_of(name))
    assert value
    data = bytearray(value.data)
    data[offset] ^= 1
    storage.put(packs.key_of(name), bytes(data))


def fail_to_read(storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch, offset: int) -> None:
    original = MemoryStorage.read_into

    def failing(self: MemoryStorage, key: str, start: int, out: memoryview) -> int:
        count = original(self, key, start, out)
        if start == offset:
            raise OSError(errno.EIO, "Input/output error")
        return count

    monkeypatch.setattr(MemoryStorage, "read_into", failing)


def damage(kind: str, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch) -> int:
    """Damage the chunk in the middle of the long file; its offset in the pack."""
    offset = offset_in_the_middle(storage)
    if kind == "changed":
        flip(storage, offset)
    else:
        fail_to_read(storage, monkeypatch, offset)
    return offset


@pytest.mark.parametrize(
    ("kind", "reason"), [("changed", "its bytes do not match its digest"), ("unreadable", "Input/output error")]
)
def test_the_reason_of_damage_is_told_without_reading_the_file_again(
    kind: str,
    reason: str,
    logged: Repository,
    storage: MemoryStorage,
    chunk_reads: Counter[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offset = damage(kind, storage, monkeypatch)

    with pytest.raises(DamagedFile, match=reason):
        logged.get("net", tmp_path / "out")

    assert not (tmp_path / "out").exists()
    assert {start for start, count in chunk_reads.items() if count > 1} == {offset}


@pytest.mark.parametrize("kind", ["changed", "unreadable"])
def test_a_damaged_chunk_that_was_mended_meanwhile_is_read_again_and_no_other(
    kind: str,
    logged: Repository,
    storage: MemoryStorage,
    chunk_reads: Counter[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as damaged:
        offset = damage(kind, storage, damaged)
        start_anew = Index.start_anew

        def mend(self: Index, look: Any) -> Any:
            if kind == "changed":
                flip(storage, offset)
            else:
                damaged.undo()
            return start_anew(self, look)

        monkeypatch.setattr(Index, "start_anew", mend)
        logged.get("net", tmp_path / "out")

    assert (tmp_path / "out" / "weights.bin").read_bytes() == LONG
    assert {start for start, count in chunk_reads.items() if count > 1} == {offset}


def test_each_piece_is_verified_before_it_is_handed_out_one_by_one(logged: Repository, storage: MemoryStorage) -> None:
    flip(storage, offset_in_the_middle(storage))
    given = b""

    with pytest.raises(DamagedFile, match="do not match its digest"):
        for piece in logged.read("net", "weights.bin"):
            given += piece

    assert given and LONG.startswith(given)


@pytest.mark.parametrize("what", ["chunks_read", "recipes_read"])
def test_a_sound_file_is_not_called_damaged_while_another_thread_starts_the_tables_anew(
    what: str, logged: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = logged._context.index
    look = logged._context.journal.look()
    original = getattr(Index, what)

    def start_anew() -> None:
        if index._guard.acquire(blocking=False):
            index.start_anew(look)
            index._guard.release()

    def between(self: Index, names: Any) -> Any:
        other = Thread(target=start_anew)
        other.start()
        other.join()
        return original(self, names)

    name = bytes.fromhex(logged.files("net")[0].digest if what == "chunks_read" else digest(LONG))
    monkeypatch.setattr(Index, what, between)

    assert name in (index.chunks([name]) if what == "chunks_read" else index.recipes([name]))


def test_a_chunk_that_was_moved_is_found_by_every_thread_that_looked_in_its_old_place(
    logged: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, file, pieces = pieces_of(logged)
    original = reader._chunks.verified
    found = []

    def moved(*_: Any) -> memoryview:
        """As if another thread met the same, and looked again, before this one does."""
        monkeypatch.setattr(reader._chunks, "verified", moved_too)
        found.append(reader.chunk(file, pieces[0]))
        raise packs.DamagedChunk(digest="", pack="", reason="moved")

    def moved_too(*_: Any) -> memoryview:
        monkeypatch.setattr(reader._chunks, "verified", original)
        raise packs.DamagedChunk(digest="", pack="", reason="moved")

    monkeypatch.setattr(reader._chunks, "verified", moved)
    found.append(reader.chunk(file, pieces[0]))

    assert [bytes(one) for one in found] == [LONG[: pieces[0].size]] * 2


def test_a_sound_chunk_is_not_called_damaged_when_another_process_started_the_tables_anew(
    tmp_path: Path, folder: Callable[..., str]
) -> None:
    repo = Repository.init(tmp_path / "repo")
    repo.log(folder({"weights.bin": LONG}), "net")
    reader, file, pieces = pieces_of(repo)
    (pack,) = (tmp_path / "repo" / ".mreg" / "packs").rglob("*.pack")
    data = bytearray(pack.read_bytes())
    data[data.find(LONG[:64]) + 9] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(data)
    with pytest.raises(DamagedFile):
        reader.chunk(file, pieces[0])

    for piece in pieces[1:]:
        other = Repository.open(tmp_path / "repo")
        other._context.index.start_anew(other._context.journal.look())
        assert digest(bytes(reader.chunk(file, piece))) == piece.digest.hex()


def pieces_of(repo: Repository) -> tuple[Reader, File, tuple[packs.Piece, ...]]:
    """The long file, with a reader that has read nothing."""
    file = next(one for one in repo.files("net") if one.path == "weights.bin")
    reader = Reader(repo._context, "net:v0")
    return reader, file, reader.pieces(file)
