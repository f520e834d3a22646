"""What one log brings, in packs of limited size, which are sent while the next is filled."""

from __future__ import annotations

import os
import threading

import pytest
from blake3 import blake3

from mreg.content.packs import Piece, key_of, read_index
from mreg.content.several_packs import AT_ONCE, SeveralPacks
from mreg.storage import ANY
from mreg.storage.base import Expect, Staged
from mreg.storage.memory import MemoryStorage

KIB = 1 << 10


class Store(MemoryStorage):
    """Takes packs of 64 KiB. gate: what publishing one waits for; failing: which of them fails."""

    pack_size = 64 * KIB

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.begun = 0
        self.failing = 0

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> str:
        self.begun += 1
        number = self.begun
        assert self.gate.wait(20)
        if number == self.failing:
            raise OSError("lost")
        return super().put(key, value, expect)


def fill(packs: SeveralPacks, count: int) -> list[bytes]:
    names = []
    for _ in range(count):
        data = os.urandom(10 * KIB)
        names.append(blake3(data).digest())
        packs.add(names[-1], data)
    return names


def test_no_pack_is_larger_and_each_knows_its_own_chunks() -> None:
    store = Store()

    with SeveralPacks(store) as packs:
        names = fill(packs, 30)
        packs.add_recipe(b"f" * 32, [Piece(name, 10 * KIB) for name in names])
        published = packs.publish()

    assert len(published) == 5
    assert all(one.size <= store.pack_size for one in store.listing("packs"))
    found = [read_index(store, name) for name in published]
    assert [entry.digest for index in found for entry in index.chunks] == names
    assert [len(index.recipes) for index in found] == [0, 0, 0, 0, 1]
    assert packs.indexes.keys() == set(published)
    assert all(packs.indexes[name].chunks == index.chunks for name, index in zip(published, found, strict=True))
    assert packs.new == 300 * KIB and all(name in packs for name in names)


def test_a_store_without_a_limit_gets_one_pack() -> None:
    store = MemoryStorage()

    with SeveralPacks(store) as packs:
        fill(packs, 30)
        published = packs.publish()

    assert len(published) == len(list(store.list("packs"))) == 1


def test_packs_are_sent_while_the_next_is_filled_and_only_some_at_once() -> None:
    store = Store()
    store.gate.clear()
    opener = threading.Timer(0.3, store.gate.set)

    with SeveralPacks(store) as packs:
        fill(packs, 6 * AT_ONCE)
        assert store.begun <= AT_ONCE
        opener.start()
        fill(packs, 30)
        published = packs.publish()

    assert len(published) == len(list(store.list("packs")))


@pytest.mark.parametrize("failing", [0, 1, 3])
def test_what_was_sent_is_taken_back_where_the_change_is_given_up(failing: int) -> None:
    store = Store()
    store.failing = failing

    with pytest.raises(OSError, match="lost" if failing else "full"), SeveralPacks(store) as packs:
        fill(packs, 40)
        if failing:
            packs.publish()
        raise OSError("full")

    assert list(store.list("packs")) == []
    assert store.unfinished() == 0


def test_the_key_of_a_pack_is_told_by_its_name() -> None:
    store = Store()

    with SeveralPacks(store) as packs:
        fill(packs, 30)
        published = packs.publish()

    assert sorted(map(key_of, published)) == list(store.list("packs"))
