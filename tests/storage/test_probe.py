"""Stores that do not keep what is promised are found out before a repository is made there."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from servers import Server

from mreg.storage import ABSENT, ANY, PutLost, Value
from mreg.storage.base import Expect, Listed, Staged
from mreg.storage.clouds import open_bucket
from mreg.storage.memory import MemoryStorage
from mreg.storage.probe import WRITERS, UnfitStore, probe


class IgnoresConditions(MemoryStorage):
    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> None:
        super().put(key, value)


class LetsTwoWin(MemoryStorage):
    """Looks, waits until all have looked, and then writes."""

    def __init__(self) -> None:
        super().__init__()
        self._all = threading.Barrier(WRITERS)

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> None:
        taken = self.get(key) is not None
        self._all.wait()
        if taken:
            raise PutLost(key=key)
        super().put(key, value)


class ReadsTheOld(MemoryStorage):
    def get(self, key: str) -> Value | None:
        return Value(b"old", "1")


class ListsNothing(MemoryStorage):
    def list(self, prefix: str) -> Iterator[str]:
        return iter(())

    def listing(self, prefix: str, after: str = "") -> Iterator[Listed]:
        return iter(())


class RefusesAll(MemoryStorage):
    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> None:
        raise PutLost(key=key)


class HearsEachTwice(MemoryStorage):
    """Requests arrive twice, and the answer to the second is the one that comes back."""

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> None:
        super().put(key, value, expect)
        super().put(key, value, expect)


@pytest.mark.parametrize(
    ("store", "reason"),
    [
        (IgnoresConditions, "8 writers created the same key"),
        (LetsTwoWin, "8 writers created the same key"),
        (RefusesAll, "a value that was read differs from what was written"),
        (ReadsTheOld, "differs from what was written"),
        (ListsNothing, "does not list"),
    ],
)
def test_stores_that_lie_are_refused(store: type[MemoryStorage], reason: str) -> None:
    lying = store()

    with pytest.raises(UnfitStore, match=reason):
        probe(lying)

    assert list(MemoryStorage.list(lying, "")) == []


def test_a_sound_store_passes_and_keeps_nothing_of_it() -> None:
    storage = MemoryStorage()
    storage.put("a", b"x", ABSENT)

    probe(storage)

    assert list(storage.list("")) == ["a"]


def test_servers_that_people_run_pass(server: Server) -> None:
    scheme, _, rest = server.place().partition("://")
    bucket = open_bucket(scheme, *rest.split("/"))

    probe(bucket)

    assert list(bucket.list("")) == []


def test_a_store_that_hears_requests_twice_is_one_that_holds_a_repository() -> None:
    storage = HearsEachTwice()

    probe(storage)

    assert list(storage.list("")) == []
