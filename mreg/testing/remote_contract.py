"""The contract of `mreg.storage.base.Remote`, as tests: what every store can do, buckets and those of plugins too.

# conftest.py, for readable failures
pytest.register_assert_rewrite("mreg.testing.remote_contract")

# test_my_bucket.py
from mreg.testing.remote_contract import RemoteContract

class TestMyBucket(RemoteContract):
    def make_storage(self) -> Remote:
        return MyBucket(...)  # empty, and used by nobody else
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import pytest

from mreg.storage.base import ABSENT, PutLost, Remote
from mreg.storage.keys import check_key

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

USES_OF_A_KEY: dict[str, Callable[[Remote, str], object]] = {
    "get": lambda storage, key: storage.get(key),
    "read": lambda storage, key: storage.read(key, 0, 1),
    "stat": lambda storage, key: storage.stat(key),
    "put": lambda storage, key: storage.put(key, b"x"),
    "put-absent": lambda storage, key: storage.put(key, b"x", ABSENT),
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


def is_published(storage: Remote, key: str, data: bytes) -> bool:
    """Put if absent; whether this was the winner."""
    try:
        storage.put(key, data, ABSENT)
    except PutLost:
        return False
    return True


def data_of(storage: Remote, key: str) -> bytes | None:
    present = storage.get(key)
    return None if present is None else present.data


class RemoteContract:
    """Subclass it with a name that begins with `Test`, and say how a store is made."""

    # Reading and writing whole values

    @pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)), b"\r\n" * 99, b"z" * 200_001])
    def test_get_gives_exactly_what_was_put(self, storage: Remote, data: bytes) -> None:
        storage.put("a/b", data)

        assert data_of(storage, "a/b") == data

    def test_nothing_is_there_where_nothing_was_put(self, storage: Remote) -> None:
        storage.put("a/b", b"x")

        for key in ("c", "a/c", "b", "a"):
            with suppress(IsADirectoryError):  # what a file system says of "a"
                assert storage.get(key) is None
            assert storage.stat(key) is None
            assert not storage.delete(key)
        assert list(storage.list("")) == ["a/b"]

    def test_below_a_key_there_is_nothing(self, storage: Remote) -> None:
        storage.put("a", b"x")

        assert storage.get("a/b") is None
        assert storage.stat("a/b") is None
        assert not storage.delete("a/b")
        assert list(storage.list("a")) == []
        with pytest.raises(FileNotFoundError):
            storage.read("a/b", 0, 1)

    def test_put_replaces_whatever_is_there_unless_told_otherwise(self, storage: Remote) -> None:
        storage.put("a", b"a longer first value")

        storage.put("a", b"second")

        assert data_of(storage, "a") == b"second"

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_odd_keys_are_keys(self, storage: Remote, key: str) -> None:
        storage.put(key, b"x", ABSENT)

        assert data_of(storage, key) == b"x"
        assert list(storage.list("")) == [key]

    @pytest.mark.parametrize("use", USES_OF_A_KEY)
    def test_hostile_keys_are_refused_by_every_method(self, storage: Remote, use: str) -> None:
        for key in HOSTILE_KEYS:
            with pytest.raises(ValueError):
                USES_OF_A_KEY[use](storage, key)

        assert list(storage.list("")) == []

    def test_hostile_prefixes_are_refused_at_the_call(self, storage: Remote) -> None:
        for prefix in HOSTILE_KEYS:
            if prefix:
                with pytest.raises(ValueError):
                    storage.list(prefix)
                with pytest.raises(ValueError):
                    storage.listing(prefix)

    def test_check_key_tells_keys_from_others(self) -> None:
        for key in ODD_KEYS:
            check_key(key)
        for key in HOSTILE_KEYS:
            with pytest.raises(ValueError, match="not a storage key"):
                check_key(key)

    # Expectations

    def test_create_succeeds_where_nothing_is(self, storage: Remote) -> None:
        storage.put("a", b"x", ABSENT)

        assert data_of(storage, "a") == b"x"

    def test_create_loses_and_changes_nothing_where_something_is(self, storage: Remote) -> None:
        storage.put("a", b"first")
        before = storage.get("a")

        with pytest.raises(PutLost) as caught:
            storage.put("a", b"second", ABSENT)

        assert caught.value.key == "a"
        assert storage.get("a") == before

    def test_create_loses_against_equal_bytes(self, storage: Remote) -> None:
        storage.put("a", b"same", ABSENT)

        with pytest.raises(PutLost):
            storage.put("a", b"same", ABSENT)

    def test_create_succeeds_again_after_delete(self, storage: Remote) -> None:
        storage.put("a", b"first", ABSENT)
        storage.delete("a")

        storage.put("a", b"second", ABSENT)

        assert data_of(storage, "a") == b"second"

    # Ranges, size and age

    @pytest.mark.parametrize(
        ("start", "length"),
        [(0, 10), (0, 3), (4, 3), (9, 1), (0, 0), (4, 0), (0, 11), (9, 5), (10, 1), (11, 1), (5, 1 << 50)],
    )
    def test_read_gives_the_range_as_far_as_the_value_goes(self, storage: Remote, start: int, length: int) -> None:
        storage.put("a", b"0123456789")

        assert storage.read("a", start, length) == b"0123456789"[start : start + length]

    def test_read_of_a_missing_key_says_so(self, storage: Remote) -> None:
        storage.put("a/b", b"x")

        for key in ("c", "a", "a/c"):
            with pytest.raises(FileNotFoundError):
                storage.read(key, 0, 0)

    def test_stat_gives_the_size(self, storage: Remote) -> None:
        storage.put("empty", b"")
        storage.put("a/b", b"x" * 12345)

        sizes = [stat.size for key in ("empty", "a/b") if (stat := storage.stat(key))]

        assert sizes == [0, 12345]

    # Deleting and listing

    def test_delete_removes_one_key_once(self, storage: Remote) -> None:
        storage.put("a/b", b"1")
        storage.put("a/c", b"2")

        results = [storage.delete("a/b"), storage.delete("a/b")]

        assert results in ([True, False], [None, None])
        assert storage.get("a/b") is None
        assert list(storage.list("")) == ["a/c"]
        assert data_of(storage, "a/c") == b"2"

    def test_list_gives_whole_keys_in_order(self, storage: Remote) -> None:
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

    def test_list_stays_below_its_prefix(self, storage: Remote) -> None:
        for key in ("a/b/1", "a/b/2/3", "a/bc", "a/b-", "a/c", "b/a/b/1", "ab"):
            storage.put(key, b"")

        assert list(storage.list("a/b")) == ["a/b/1", "a/b/2/3"]
        assert list(storage.list("a")) == ["a/b-", "a/b/1", "a/b/2/3", "a/bc", "a/c"]
        assert list(storage.list("c")) == []
        assert list(storage.list("ab")) == []

    def test_listing_tells_what_stat_tells(self, storage: Remote) -> None:
        storage.put("empty", b"")
        storage.put("a/b", b"x" * 12345)

        found = list(storage.listing(""))

        assert [(one.key, one.size) for one in found] == [("a/b", 12345), ("empty", 0)]
        for one in found:
            stat = storage.stat(one.key)
            assert stat is not None and abs(stat.mtime - one.mtime) < 1

    def test_listing_starts_behind_a_key(self, storage: Remote) -> None:
        for key in ("a/1", "a/2", "a/2-", "a/3", "b/1"):
            storage.put(key, b"")

        def keys(prefix: str, after: str) -> list[str]:
            return [found.key for found in storage.listing(prefix, after)]

        assert keys("a", "a/2") == ["a/2-", "a/3"]
        assert keys("a", "a/2-") == ["a/3"]
        assert keys("", "a/3") == ["b/1"]
        assert keys("a", "a/25") == ["a/3"]
        assert keys("a", "a/3") == keys("a", "b") == keys("c", "") == []
        assert keys("b", "a/3") == keys("b", "") == ["b/1"]

    def test_list_of_an_empty_store_is_empty(self, storage: Remote) -> None:
        assert list(storage.list("")) == []
        assert list(storage.list("a/b")) == []
        assert list(storage.listing("")) == []

    def test_list_goes_on_when_keys_vanish_under_it(self, storage: Remote) -> None:
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

    # Races

    def test_create_has_one_winner_when_writers_race(self, storage: Remote) -> None:
        keys = [f"race/{number}" for number in range(20)]

        def create_all(writer: int) -> list[bool]:
            return [is_published(storage, key, b"writer %d" % writer) for key in keys]

        won = at_once(16, create_all)

        for number, key in enumerate(keys):
            winners = [writer for writer in range(16) if won[writer][number]]
            assert len(winners) == 1
            assert data_of(storage, key) == b"writer %d" % winners[0]

    def test_readers_see_the_old_bytes_or_the_new(self, storage: Remote) -> None:
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
