"""Neighbouring ranges are read in few requests, and no byte twice."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from mreg.storage.memory import MemoryStorage
from mreg.storage.read_ahead import LARGEST, ReadAhead
from mreg.testing.remote_contract import at_once

DATA = random.Random(1).randbytes(12 << 20)


class Counted(MemoryStorage):
    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[int, int]] = []
        self.put("a", DATA)

    def read(self, key: str, start: int, length: int) -> bytes:
        data = super().read(key, start, length)
        self.reads.append((start, len(data)))
        return data


def test_neighbours_are_fetched_in_few_requests_and_no_byte_twice() -> None:
    store = Counted()
    ahead = ReadAhead(store)
    sizes = [random.Random(2).randrange(60_000, 400_000) for _ in range(30)]
    starts = [sum(sizes[:number]) for number in range(30)]

    found = [ahead.read("a", start, size) for start, size in zip(starts, sizes, strict=True)]

    assert found == [DATA[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    assert len(store.reads) <= 8
    taken = sorted(store.reads)
    assert all(start + size <= later for (start, size), (later, _) in pairwise(taken))
    assert max(size for _, size in store.reads) <= LARGEST


def test_scattered_reads_fetch_what_is_asked_for() -> None:
    store = Counted()
    ahead = ReadAhead(store)
    starts = [11 << 20, 1 << 20, 7 << 20, 3 << 20]

    for start in starts:
        assert ahead.read("a", start, 1000) == DATA[start : start + 1000]

    assert store.reads == [(start, 1000) for start in starts]


@pytest.mark.parametrize("seed", range(20))
def test_any_reads_give_the_right_bytes(seed: int) -> None:
    draw = random.Random(seed)
    ahead = ReadAhead(Counted())
    here = 0
    for _ in range(60):
        here = draw.choice([here, here + draw.randrange(300_000), draw.randrange(len(DATA) + 100)])
        size = draw.choice([0, 1, 50_000, 3 << 20])
        assert ahead.read("a", here, size) == DATA[here : here + size]
        here += size


def test_threads_share_what_was_fetched() -> None:
    store = Counted()
    ahead = ReadAhead(store)
    ahead.read("a", 0, 8 << 20)

    found = at_once(8, lambda number: ahead.read("a", number << 20, 1 << 20))

    assert found == [DATA[number << 20 : (number + 1) << 20] for number in range(8)]
    assert len(store.reads) == 1


def test_what_is_missing_is_told_each_time() -> None:
    ahead = ReadAhead(Counted())
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            ahead.read("b", 0, 1)
