"""Files come out of the repository in one stream, whose parts carry what went wrong with them."""

from __future__ import annotations

import errno
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.checkout.reader import DamagedFile
from mreg.content import packs
from mreg.repository import Repository
from mreg.session.index import Index
from mreg.storage.memory import MemoryStorage

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
