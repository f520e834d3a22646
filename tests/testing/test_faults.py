"""FaultyStorage fails at the chosen call, and only there."""

from __future__ import annotations

import pytest

from mreg.storage import ABSENT, PutLost, Storage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash, FaultyStorage
from mreg.testing.storage_contract import StorageContract


class TestFaultyStorageWithoutFault(StorageContract):
    def make_storage(self) -> Storage:
        return FaultyStorage(MemoryStorage(), 0, Crash)


@pytest.fixture
def inner() -> MemoryStorage:
    return MemoryStorage()


def make_five_changes(storage: Storage) -> None:
    storage.put("a", b"1", ABSENT)
    with storage.stage() as staged:
        staged.write(b"2")
        storage.put("b", staged)
    storage.touch("a")
    storage.delete("a")


def test_changes_are_counted_and_reads_are_not(inner: MemoryStorage) -> None:
    storage = FaultyStorage(inner, 0, Crash)

    make_five_changes(storage)
    storage.get("b"), storage.read("b", 0, 1), storage.stat("b"), list(storage.list(""))
    with storage.lock():
        pass

    assert storage.calls == 5
    assert list(inner.list("")) == ["b"]


def test_puts_that_lose_are_counted_too(inner: MemoryStorage) -> None:
    storage = FaultyStorage(inner, 0, Crash)
    storage.put("a", b"1")

    with pytest.raises(PutLost):
        storage.put("a", b"2", ABSENT)

    assert storage.calls == 2


@pytest.mark.parametrize("fail_at", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("after", [False, True])
def test_the_chosen_change_fails(inner: MemoryStorage, fail_at: int, after: bool) -> None:
    storage = FaultyStorage(inner, fail_at, OSError("broken"), after=after)
    done = fail_at if after else fail_at - 1

    with pytest.raises(OSError, match="broken"):
        make_five_changes(storage)

    assert storage.calls == fail_at
    expected = [key for key, since, until in (("a", 1, 5), ("b", 3, 9)) if since <= done < until]
    assert list(inner.list("")) == expected


def test_later_changes_work_again_unless_the_process_died(inner: MemoryStorage) -> None:
    storage = FaultyStorage(inner, 1, OSError("broken"))
    with pytest.raises(OSError):
        storage.put("a", b"1")

    storage.put("a", b"2")

    assert list(inner.list("")) == ["a"]


def test_the_dead_change_nothing_more(inner: MemoryStorage) -> None:
    inner.put("a", b"1")
    storage = FaultyStorage(inner, 2, Crash, dead=True)
    staged = storage.stage()
    staged.write(b"0123456789")

    with pytest.raises(Crash), storage.lock(), staged:
        staged.write(b"more")
    for change in (
        lambda: storage.put("a", b"2"),
        lambda: storage.put("b", staged),
        lambda: storage.touch("a"),
        lambda: storage.delete("a"),
        lambda: staged.write(b"x"),
        lambda: storage.sweep(-1.0),
    ):
        with pytest.raises(Crash):
            change()

    assert storage.is_dead
    assert [(key, inner.read(key, 0, 9)) for key in inner.list("")] == [("a", b"1")]


def test_the_dead_leave_their_unfinished_work_behind_and_no_lock(inner: MemoryStorage) -> None:
    storage = FaultyStorage(inner, 2, Crash, dead=True)

    with pytest.raises(Crash), storage.lock(), storage.stage() as staged:
        staged.write(b"0123456789")
        storage.put("a", staged)

    with inner.lock(0.0):
        assert inner.sweep(-1.0) == 10


def test_any_call_may_be_the_chosen_one_where_reads_are_counted(inner: MemoryStorage) -> None:
    inner.put("a", b"1")

    def read_all(storage: Storage) -> None:
        storage.get("a")
        storage.read("a", 0, 1)
        storage.stat("a")
        list(storage.list(""))
        storage.stage().discard()
        with storage.lock():
            storage.sweep(1.0)

    counted = FaultyStorage(inner, 0, Crash, reads=True)
    read_all(counted)
    assert counted.calls == 7
    for n in range(1, 8):
        storage = FaultyStorage(inner, n, OSError("broken"), reads=True)
        with pytest.raises(OSError, match="broken"):
            read_all(storage)
        assert storage.calls == n
        with inner.lock(0.0):
            read_all(storage)


def test_the_dead_read_nothing_more_where_reads_are_counted(inner: MemoryStorage) -> None:
    inner.put("a", b"1")
    storage = FaultyStorage(inner, 1, Crash, dead=True, reads=True)

    for read in (
        lambda: storage.get("a"),
        lambda: storage.read("a", 0, 1),
        lambda: storage.stat("a"),
        lambda: storage.list(""),
        lambda: storage.stage(),
        lambda: storage.lock().__enter__(),
    ):
        with pytest.raises(Crash):
            read()


def test_errors_are_new_each_time_where_a_maker_is_given(inner: MemoryStorage) -> None:
    storage = FaultyStorage(inner, 1, lambda: OSError("broken"), dead=True)
    caught = []

    for _ in range(2):
        with pytest.raises(OSError) as error:
            storage.delete("a")
        caught.append(error.value)

    assert caught[0] is not caught[1]


def test_no_handler_of_ordinary_errors_survives_a_crash() -> None:
    assert not issubclass(Crash, Exception)
