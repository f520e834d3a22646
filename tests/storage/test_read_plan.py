"""Reads that are announced: what is asked of the store for them."""

from __future__ import annotations

import os
import threading

import pytest

from mreg.storage.base import Range
from mreg.storage.memory import MemoryStorage
from mreg.storage.read_plan import AT_ONCE, LARGEST, ReadPlan

MIB = 1 << 20


class Store(MemoryStorage):
    """Notes what is asked for, and how many ask at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, int]] = []
        self.gate: threading.Event | None = None
        self.failing = 0

    def read(self, key: str, start: int, length: int) -> bytes:
        self.asked.append((start, length))
        if self.gate:
            assert self.gate.wait(20)
        if self.failing:
            self.failing -= 1
            raise OSError("lost")
        return super().read(key, start, length)


@pytest.fixture
def store() -> Store:
    return Store()


def test_neighbours_are_one_request_and_no_byte_is_asked_for_twice(store: Store) -> None:
    data = os.urandom(20 * MIB)
    store.put("packs/a", data)
    plan = ReadPlan(store)
    pieces = [Range("packs/a", start, MIB) for start in range(0, 20 * MIB, MIB)]

    plan.announce(pieces)
    read = b"".join(plan.read("packs/a", one.start, one.length) or b"" for one in pieces)

    assert read == data
    assert sorted(store.asked) == [(0, LARGEST), (LARGEST, LARGEST), (2 * LARGEST, 4 * MIB)]
    assert plan.read("packs/a", 0, 1) is None


def test_what_lies_far_apart_is_asked_for_by_itself(store: Store) -> None:
    store.put("packs/a", bytes(9 * MIB))
    plan = ReadPlan(store)

    plan.announce([Range("packs/a", 0, 10), Range("packs/a", 100, 10), Range("packs/a", 5 * MIB, 10)])
    plan.read("packs/a", 5 * MIB, 10)

    assert sorted(store.asked) == [(0, 110), (5 * MIB, 10)]


def test_a_read_over_the_end_of_a_request_takes_both(store: Store) -> None:
    data = os.urandom(LARGEST + MIB)
    store.put("packs/a", data)
    plan = ReadPlan(store)
    plan.announce([Range("packs/a", 0, LARGEST), Range("packs/a", LARGEST, MIB)])

    assert plan.read("packs/a", LARGEST - 10, 20) == data[LARGEST - 10 : LARGEST + 10]


def test_only_some_requests_are_under_way(store: Store) -> None:
    store.put("packs/a", bytes(30 * LARGEST))
    store.gate = threading.Event()
    plan = ReadPlan(store)

    plan.announce(Range("packs/a", start, LARGEST) for start in range(0, 30 * LARGEST, LARGEST))

    while len(store.asked) < AT_ONCE:
        pass
    assert len(store.asked) == AT_ONCE
    store.gate.set()
    for start in range(0, 30 * LARGEST, LARGEST):
        assert plan.read("packs/a", start, LARGEST) is not None
        assert len(store.asked) <= AT_ONCE + start // LARGEST + 1
    assert len(store.asked) == 30


def test_out_of_turn_is_slow_and_right(store: Store) -> None:
    store.put("packs/a", data := os.urandom(20 * LARGEST))
    plan = ReadPlan(store)
    plan.announce(Range("packs/a", start, LARGEST) for start in range(0, 20 * LARGEST, LARGEST))

    for start in reversed(range(0, 20 * LARGEST, LARGEST)):
        assert plan.read("packs/a", start, LARGEST) == data[start : start + LARGEST]
    assert len(store.asked) == 20


def test_what_failed_is_told_once_and_then_asked_for_by_others(store: Store) -> None:
    store.put("packs/a", bytes(10))
    store.failing = 1
    plan = ReadPlan(store)
    plan.announce([Range("packs/a", 0, 10)])

    with pytest.raises(OSError, match="lost"):
        plan.read("packs/a", 0, 10)

    assert plan.read("packs/a", 0, 10) is None


def test_nothing_is_kept_after_the_end(store: Store) -> None:
    store.put("packs/a", bytes(10))
    plan = ReadPlan(store)
    plan.announce([Range("packs/a", 0, 10)])

    plan.close()

    assert plan.read("packs/a", 0, 10) is None
