"""The contract of `mreg.storage.base`, as tests. Every store passes them, those of plugins too:

# conftest.py, for readable failures
pytest.register_assert_rewrite("mreg.testing.storage_contract")

# test_my_storage.py
from mreg.testing.storage_contract import StorageContract

class TestMyStorage(StorageContract):
    def make_storage(self) -> Storage:
        return MyStorage(...)  # empty, and used by nobody else
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import pytest

from mreg.storage.base import ABSENT, ANY, Expect, LockTimeout, PutLost, Staged, Storage, check_key

_T = TypeVar("_T")

HOSTILE_KEYS = [
    "",
    "/",
    ".",
    "..",
    "/etc/passwd",
    "a/",
    "/a",
    "a//b",
    "a/./b",
    "a/../b",
    "../a",
    "a/..",
    "a\\b",
    "a b",
    "a\nb",
    "a\n",
    "a\0b",
    "a:b",
    "a*",
    "~",
    "%2e%2e",
    "a\u0308",  # not in NFC
    "é/..",
    "é b",
    "a\u2215b",
    "a\u200bb",
    "a\ufe0f",
    "\udcff",
    "é" * 128,  # 256 bytes
    "x" * 256,
    "a/" + "x" * 256,
    "tmp",
    "tmp/a",
    "TMP/a",
    "lock",
    "Lock",
    "lock/a",
    "lock.held",
]

ODD_KEYS = [
    "#",
    "-",
    "_",
    "...",
    ".a",
    "a.",
    "-rf",
    "0",
    "x" * 255,
    "a/" + "x" * 255,
    "ä",
    "最" * 85,
    "最良/модель/हिन्दी#ß",
    "\U0001d49c/1",
    "a/tmp",
    "a/lock",
    "tmp2/a",
    "locks/a",
    "a/b/c/d/e/f/g/h",
]

USES_OF_A_KEY: dict[str, Callable[[Storage, str], object]] = {
    "get": lambda storage, key: storage.get(key),
    "read": lambda storage, key: storage.read(key, 0, 1),
    "stat": lambda storage, key: storage.stat(key),
    "put": lambda storage, key: storage.put(key, b"x"),
    "put-absent": lambda storage, key: storage.put(key, b"x", ABSENT),
    "put-etag": lambda storage, key: storage.put(key, b"x", "etag"),
    "touch": lambda storage, key: storage.touch(key),
    "delete": lambda storage, key: storage.delete(key),
}


def at_once(count: int, work: Callable[[int], _T]) -> list[_T]:
    """`work(0)` … `work(count - 1)`, each in a thread, started together; the results in order."""
    barrier = threading.Barrier(count)

    def start(number: int) -> _T:
        barrier.wait(timeout=300)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(start, range(count)))


def is_published(storage: Storage, key: str, data: bytes) -> bool:
    """Put if absent; whether this was the winner."""
    try:
        storage.put(key, data, ABSENT)
    except PutLost:
        return False
    return True


def add_one(storage: Storage, key: str) -> None:
    """Increment the decimal number under `key` by compare-and-swap, however often that takes."""
    while True:
        present = storage.get(key)
        assert present is not None
        try:
            storage.put(key, b"%d" % (int(present.data) + 1), present.etag)
        except PutLost:
            continue
        return


def put(storage: Storage, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> str:
    """`storage.put`, and the etag that the key has afterwards."""
    storage.put(key, value, expect)
    present = storage.get(key)
    assert present is not None
    return present.etag


def data_of(storage: Storage, key: str) -> bytes | None:
    present = storage.get(key)
    return None if present is None else present.data


class StorageContract:
    """Subclass it with a name that begins with `Test`, and say how a store is made."""

    def make_storage(self) -> Storage:
        """A new, empty store."""
        raise NotImplementedError

    @pytest.fixture
    def storage(self) -> Storage:
        return self.make_storage()

    # Reading and writing whole values

    @pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)), b"\r\n" * 99, b"z" * 200_001])
    def test_get_gives_exactly_what_was_put(self, storage: Storage, data: bytes) -> None:
        storage.put("a/b", data)

        assert data_of(storage, "a/b") == data

    def test_nothing_is_there_where_nothing_was_put(self, storage: Storage) -> None:
        storage.put("a/b", b"x")

        for key in ("c", "a/c", "b", "a"):
            with suppress(IsADirectoryError):  # what a file system says of "a"
                assert storage.get(key) is None
            assert storage.stat(key) is None
            assert not storage.touch(key)
            assert not storage.delete(key)
        assert list(storage.list("")) == ["a/b"]

    def test_below_a_key_there_is_nothing(self, storage: Storage) -> None:
        storage.put("a", b"x")

        assert storage.get("a/b") is None
        assert storage.stat("a/b") is None
        assert not storage.touch("a/b")
        assert not storage.delete("a/b")
        assert list(storage.list("a")) == []
        with pytest.raises(FileNotFoundError):
            storage.read("a/b", 0, 1)

    def test_put_replaces_whatever_is_there_unless_told_otherwise(self, storage: Storage) -> None:
        storage.put("a", b"a longer first value")

        storage.put("a", b"second")

        assert data_of(storage, "a") == b"second"

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_odd_keys_are_keys(self, storage: Storage, key: str) -> None:
        storage.put(key, b"x", ABSENT)

        assert data_of(storage, key) == b"x"
        assert list(storage.list("")) == [key]

    @pytest.mark.parametrize("use", USES_OF_A_KEY)
    def test_hostile_keys_are_refused_by_every_method(self, storage: Storage, use: str) -> None:
        for key in HOSTILE_KEYS:
            with pytest.raises(ValueError):
                USES_OF_A_KEY[use](storage, key)

        assert list(storage.list("")) == []

    def test_hostile_prefixes_are_refused_at_the_call(self, storage: Storage) -> None:
        for prefix in HOSTILE_KEYS:
            if prefix:
                with pytest.raises(ValueError):
                    storage.list(prefix)

    def test_check_key_tells_keys_from_others(self) -> None:
        for key in ODD_KEYS:
            check_key(key)
        for key in HOSTILE_KEYS:
            with pytest.raises(ValueError, match="not a storage key"):
                check_key(key)

    # Expectations

    def test_create_succeeds_where_nothing_is(self, storage: Storage) -> None:
        storage.put("a", b"x", ABSENT)

        assert data_of(storage, "a") == b"x"

    def test_create_loses_and_changes_nothing_where_something_is(self, storage: Storage) -> None:
        storage.put("a", b"first")
        before = storage.get("a")

        with pytest.raises(PutLost) as caught:
            storage.put("a", b"second", ABSENT)

        assert caught.value.key == "a"
        assert storage.get("a") == before

    def test_create_loses_against_equal_bytes(self, storage: Storage) -> None:
        storage.put("a", b"same", ABSENT)

        with pytest.raises(PutLost):
            storage.put("a", b"same", ABSENT)

    def test_create_succeeds_again_after_delete(self, storage: Storage) -> None:
        storage.put("a", b"first", ABSENT)
        storage.delete("a")

        storage.put("a", b"second", ABSENT)

        assert data_of(storage, "a") == b"second"

    def test_other_bytes_have_another_etag(self, storage: Storage) -> None:
        etags = [put(storage, "a", b"1", ABSENT), put(storage, "a", b"2")]

        assert all(isinstance(etag, str) and etag for etag in etags)
        assert etags[0] != etags[1]

    def test_swap_succeeds_with_the_present_etag(self, storage: Storage) -> None:
        etag = put(storage, "a", b"first")

        later = put(storage, "a", b"second", etag)

        assert data_of(storage, "a") == b"second"
        assert later != etag
        storage.put("a", b"third", later)
        assert data_of(storage, "a") == b"third"

    def test_swap_loses_and_changes_nothing_with_an_old_etag(self, storage: Storage) -> None:
        old = put(storage, "a", b"first")
        storage.put("a", b"second")
        before = storage.get("a")

        with pytest.raises(PutLost) as caught:
            storage.put("a", b"third", old)

        assert caught.value.key == "a"
        assert storage.get("a") == before

    def test_a_missing_key_matches_no_etag(self, storage: Storage) -> None:
        etag = put(storage, "a", b"x")
        storage.delete("a")

        for expect in (etag, "", "no etag at all"):
            with pytest.raises(PutLost):
                storage.put("a", b"y", expect)

        assert storage.get("a") is None

    def test_touch_leaves_the_etag_valid(self, storage: Storage) -> None:
        etag = put(storage, "a", b"first")

        storage.touch("a")

        storage.put("a", b"second", etag)
        assert data_of(storage, "a") == b"second"

    # Ranges, size and age

    @pytest.mark.parametrize(
        ("start", "length"),
        [(0, 10), (0, 3), (4, 3), (9, 1), (0, 0), (4, 0), (0, 11), (9, 5), (10, 1), (11, 1), (5, 1 << 50)],
    )
    def test_read_gives_the_range_as_far_as_the_value_goes(self, storage: Storage, start: int, length: int) -> None:
        storage.put("a", b"0123456789")

        assert storage.read("a", start, length) == b"0123456789"[start : start + length]

    def test_read_of_a_missing_key_says_so(self, storage: Storage) -> None:
        storage.put("a/b", b"x")

        for key in ("c", "a", "a/c"):
            with pytest.raises(FileNotFoundError):
                storage.read(key, 0, 0)

    def test_stat_gives_the_size(self, storage: Storage) -> None:
        storage.put("empty", b"")
        storage.put("a/b", b"x" * 12345)

        sizes = [stat.size for key in ("empty", "a/b") if (stat := storage.stat(key))]

        assert sizes == [0, 12345]

    def test_touch_makes_a_value_young_again(self, storage: Storage) -> None:
        storage.put("old", b"1")
        before = storage.stat("old")
        time.sleep(0.03)
        storage.put("young", b"2")

        touched = storage.touch("old")

        after, young = storage.stat("old"), storage.stat("young")
        assert touched
        assert before is not None and after is not None and young is not None
        assert before.mtime < young.mtime <= after.mtime
        assert data_of(storage, "old") == b"1"

    # Deleting and listing

    def test_delete_removes_one_key_once(self, storage: Storage) -> None:
        storage.put("a/b", b"1")
        storage.put("a/c", b"2")

        results = [storage.delete("a/b"), storage.delete("a/b")]

        assert results == [True, False]
        assert storage.get("a/b") is None
        assert list(storage.list("")) == ["a/c"]
        assert data_of(storage, "a/c") == b"2"

    def test_list_gives_whole_keys_in_order(self, storage: Storage) -> None:
        keys = [
            "b",
            "a/b",
            "a-b",
            "a.b",
            "a#b",
            "a0",
            "a/c/d",
            "a/c-d",
            "a/c.d",
            "B0",
            "a_b",
            "Z/z",
            "a/10",
            "a/9",
        ]
        for key in keys:
            storage.put(key, b"")

        assert list(storage.list("")) == sorted(keys)

    def test_list_stays_below_its_prefix(self, storage: Storage) -> None:
        for key in ("a/b/1", "a/b/2/3", "a/bc", "a/b-", "a/c", "b/a/b/1", "ab"):
            storage.put(key, b"")

        assert list(storage.list("a/b")) == ["a/b/1", "a/b/2/3"]
        assert list(storage.list("a")) == ["a/b-", "a/b/1", "a/b/2/3", "a/bc", "a/c"]
        assert list(storage.list("c")) == []
        assert list(storage.list("ab")) == []

    def test_list_of_an_empty_store_is_empty(self, storage: Storage) -> None:
        assert list(storage.list("")) == []
        assert list(storage.list("a/b")) == []

    def test_list_goes_on_when_keys_vanish_under_it(self, storage: Storage) -> None:
        keys = [f"{folder}/{number}" for folder in "abc" for number in range(5)]
        for key in keys:
            storage.put(key, b"")

        seen = []
        for key in storage.list(""):
            seen.append(key)
            if key == "a/2":
                for other in keys[5:]:
                    storage.delete(other)

        assert seen[:5] == keys[:5]
        assert set(seen) <= set(keys)

    # Staged values

    def test_staged_pieces_become_one_value(self, storage: Storage) -> None:
        pieces = [bytes([number % 251]) * (number * 7919 % 300_000) for number in range(40)]
        kinds: list[Callable[[bytes], bytes | bytearray | memoryview]] = [bytes, bytearray, memoryview]
        whole = b"".join(pieces)

        with storage.stage() as staged:
            for number, piece in enumerate(pieces):
                staged.write(kinds[number % 3](piece))
            size = staged.size
            etag = put(storage, "big", staged, ABSENT)

        present, stat = storage.get("big"), storage.stat("big")
        assert present is not None and stat is not None
        assert present.data == whole
        assert present.etag == etag
        assert size == stat.size == len(whole) > 4_000_000
        assert storage.read("big", 3_999_990, 20) == whole[3_999_990:4_000_010]

    def test_staged_value_may_be_empty(self, storage: Storage) -> None:
        with storage.stage() as staged:
            storage.put("a", staged)

        assert data_of(storage, "a") == b""

    def test_a_writer_may_reuse_its_buffer(self, storage: Storage) -> None:
        buffer = bytearray(b"abc")

        with storage.stage() as staged:
            staged.write(buffer)
            buffer[:] = b"xyz"
            staged.write(memoryview(buffer)[1:])
            storage.put("a", staged)

        assert data_of(storage, "a") == b"abcyz"

    def test_unfinished_work_is_not_listed(self, storage: Storage) -> None:
        with storage.lock(), storage.stage() as staged:
            staged.write(b"x" * 1000)

            assert list(storage.list("")) == []

    def test_leaving_the_block_without_put_throws_the_bytes_away(self, storage: Storage) -> None:
        with storage.stage() as staged:
            staged.write(b"x" * 1000)

        with pytest.raises(ValueError):
            storage.put("a", staged)
        with pytest.raises(ValueError):
            staged.write(b"more")
        time.sleep(0.03)
        assert storage.sweep(0.0) == 0
        assert list(storage.list("")) == []

    def test_discard_may_be_repeated(self, storage: Storage) -> None:
        with storage.stage() as staged:
            staged.write(b"x")
            storage.put("a", staged)
            staged.discard()
            staged.discard()

        assert data_of(storage, "a") == b"x"

    def test_a_published_staged_value_is_used_up(self, storage: Storage) -> None:
        with storage.stage() as staged:
            staged.write(b"x")
            storage.put("a", staged)

            with pytest.raises(ValueError):
                storage.put("b", staged)
            with pytest.raises(ValueError):
                staged.write(b"y")

        assert list(storage.list("")) == ["a"]
        assert data_of(storage, "a") == b"x"

    def test_a_staged_value_that_lost_can_be_put_elsewhere(self, storage: Storage) -> None:
        storage.put("a", b"theirs")

        with storage.stage() as staged:
            staged.write(b"ours")
            with pytest.raises(PutLost):
                storage.put("a", staged, ABSENT)
            with pytest.raises(PutLost):
                storage.put("a", staged, "no such etag")
            with pytest.raises(ValueError):
                staged.write(b"more")
            storage.put("b", staged, ABSENT)

        assert data_of(storage, "a") == b"theirs"
        assert data_of(storage, "b") == b"ours"

    def test_swap_takes_staged_values_too(self, storage: Storage) -> None:
        etag = put(storage, "a", b"first")

        with storage.stage() as staged:
            staged.write(b"second")
            later = put(storage, "a", staged, etag)

        present = storage.get("a")
        assert present is not None
        assert (present.data, present.etag) == (b"second", later)

    # Sweeping

    def test_sweep_keeps_what_is_young_or_published(self, storage: Storage) -> None:
        storage.put("a", b"published")
        with storage.stage() as staged:
            staged.write(b"x" * 1000)

            freed = storage.sweep(3600.0), storage.sweep(3600.0, dry_run=True), storage.sweep(-1.0, dry_run=True)

            assert freed == (0, 0, 1000)
            storage.put("b", staged)
        assert list(storage.list("")) == ["a", "b"]

    def test_sweep_removes_what_was_left_behind(self, storage: Storage) -> None:
        storage.put("a", b"published")
        abandoned = storage.stage()
        abandoned.write(b"x" * 1000)
        time.sleep(0.05)

        freed = [storage.sweep(0.01, dry_run=True), storage.sweep(0.01), storage.sweep(0.01, dry_run=True)]

        assert freed == [1000, 1000, 0]
        assert list(storage.list("")) == ["a"]
        with pytest.raises(OSError):
            storage.put("b", abandoned, ABSENT)
        assert storage.get("b") is None
        abandoned.discard()

    def test_sweep_of_an_empty_store_frees_nothing(self, storage: Storage) -> None:
        assert storage.sweep(0.0) == 0

    # Races

    def test_create_has_one_winner_when_writers_race(self, storage: Storage) -> None:
        keys = [f"race/{number}" for number in range(20)]

        def create_all(writer: int) -> list[bool]:
            return [is_published(storage, key, b"writer %d" % writer) for key in keys]

        won = at_once(16, create_all)

        for number, key in enumerate(keys):
            winners = [writer for writer in range(16) if won[writer][number]]
            assert len(winners) == 1
            assert data_of(storage, key) == b"writer %d" % winners[0]

    def test_create_of_staged_values_has_one_winner(self, storage: Storage) -> None:
        def create(writer: int) -> bool:
            with storage.stage() as staged:
                staged.write(b"%d" % writer * 10_000)
                try:
                    storage.put("a", staged, ABSENT)
                except PutLost:
                    return False
                return True

        won = at_once(8, create)

        assert won.count(True) == 1
        assert data_of(storage, "a") == b"%d" % won.index(True) * 10_000

    def test_no_swap_is_lost_when_writers_race(self, storage: Storage) -> None:
        storage.put("counter", b"0")

        def count(_: int) -> None:
            for _ in range(12):
                add_one(storage, "counter")

        at_once(8, count)

        assert data_of(storage, "counter") == b"96"

    def test_readers_see_the_old_bytes_or_the_new(self, storage: Storage) -> None:
        values = [bytes([65 + number]) * (50_000 + 10_000 * number) for number in range(4)]
        storage.put("a", values[0])
        done = threading.Event()

        def write(_: int) -> None:
            try:
                for number in range(60):
                    storage.put("a", values[number % 4])
            finally:
                done.set()

        def look(_: int) -> None:
            while not done.is_set():
                assert data_of(storage, "a") in values
                assert storage.read("a", 0, 100_000) in values

        at_once(3, lambda number: look(number) if number else write(number))

    # The lock

    def test_lock_keeps_other_threads_out(self, storage: Storage) -> None:
        inside: list[int] = []

        def enter(number: int) -> None:
            for _ in range(5):
                with storage.lock():
                    inside.append(number)
                    assert len(inside) == 1
                    time.sleep(0.0005)
                    inside.remove(number)

        at_once(6, enter)

    def test_lock_may_be_taken_again_by_its_holder(self, storage: Storage) -> None:
        with storage.lock(0.0):
            with storage.lock(0.0), storage.lock(0.0):
                pass
            # still held after the inner blocks
            assert at_once(1, lambda _: self._is_locked(storage)) == [True]

        assert at_once(1, lambda _: self._is_locked(storage)) == [False]

    def test_lock_is_given_back_when_the_block_raises(self, storage: Storage) -> None:
        with pytest.raises(KeyError), storage.lock(0.0), storage.lock(0.0):
            raise KeyError

        assert at_once(1, lambda _: self._is_locked(storage)) == [False]

    def test_lock_times_out_and_names_the_holder(self, storage: Storage) -> None:
        def wait(_: int) -> tuple[LockTimeout, float]:
            started = time.monotonic()
            with pytest.raises(LockTimeout) as caught, storage.lock(0.2):
                pass
            return caught.value, time.monotonic() - started

        with storage.lock():
            [(error, waited)] = at_once(1, wait)

        assert waited >= 0.2
        assert error.seconds == 0.2
        assert error.holder
        assert error.holder in str(error)
        assert "nobody" not in error.holder and "unknown" not in error.holder

    def test_reading_and_creating_need_no_lock(self, storage: Storage) -> None:
        storage.put("a", b"x")

        def work(_: int) -> bytes | None:
            storage.put("b", b"y", ABSENT)
            return data_of(storage, "a")

        with storage.lock():
            assert at_once(1, work) == [b"x"]

    def test_swap_works_for_the_holder_of_the_lock(self, storage: Storage) -> None:
        etag = put(storage, "a", b"first")

        with storage.lock():
            storage.put("a", b"second", etag)

        assert data_of(storage, "a") == b"second"

    @staticmethod
    def _is_locked(storage: Storage) -> bool:
        try:
            with storage.lock(0.0):
                return False
        except LockTimeout:
            return True
