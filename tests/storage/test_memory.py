"""MemoryStorage keeps the contract of every store."""

from __future__ import annotations

import pytest

from mreg.storage import Storage
from mreg.storage.base import TooLarge
from mreg.storage.memory import MemoryStorage
from mreg.testing.remote_contract import data_of
from mreg.testing.storage_contract import StorageContract, put


class TestMemoryStorage(StorageContract):
    def make_storage(self) -> Storage:
        return MemoryStorage()


def test_a_value_larger_than_any_may_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = MemoryStorage()
    storage.put("fits", b"123")
    storage.put("large", b"1234")
    monkeypatch.setattr("mreg.storage.memory.MAX_VALUE", 3)

    assert data_of(storage, "fits") == b"123"
    with pytest.raises(TooLarge):
        storage.get("large")


def test_an_etag_is_never_given_twice() -> None:
    storage = MemoryStorage()

    etags = [put(storage, "a", b"same") for _ in range(3)]

    assert len(set(etags)) == 3


def test_staged_values_of_another_store_are_refused() -> None:
    storage, other = MemoryStorage(), MemoryStorage()

    with other.stage() as staged, pytest.raises(TypeError):
        storage.put("a", staged)

    assert storage.get("a") is None


@pytest.mark.parametrize(("start", "length"), [(-1, 1), (0, -1)])
def test_negative_ranges_are_refused(start: int, length: int) -> None:
    storage = MemoryStorage()
    storage.put("a", b"0123456789")

    with pytest.raises(ValueError):
        storage.read("a", start, length)
