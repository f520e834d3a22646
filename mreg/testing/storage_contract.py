"""The contract of `mreg.storage.base.Storage`, as tests. Every store that can hold a repository by itself passes them,
those of plugins too:

# conftest.py, for readable failures
pytest.register_assert_rewrite("mreg.testing.remote_contract", "mreg.testing.storage_contract")

# test_my_storage.py
from mreg.testing.storage_contract import StorageContract

class TestMyStorage(StorageContract):
    def make_storage(self) -> Storage:
        return MyStorage(...)  # empty, and used by nobody else
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from mreg.storage.base import ABSENT, ANY, Expect, LockTimeout, Put, PutLost, Staged, Storage
from mreg.testing.remote_contract import HOSTILE_KEYS, RemoteContract, at_once, data_of


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


class StorageContract(RemoteContract):
    """Subclass it with a name that begins with `Test`, and say how a store is made. What a `Remote` does is tested
    too."""

    def make_storage(self) -> Storage:
        """A new, empty store."""
        raise NotImplementedError

    @pytest.fixture
    def storage(self) -> Storage:
        return self.make_storage()

    # Keys

    def test_hostile_keys_are_refused_by_what_only_a_storage_has(self, storage: Storage) -> None:
        for key in HOSTILE_KEYS:
            with pytest.raises(ValueError):
                storage.put(key, b"x", "etag")
            with pytest.raises(ValueError):
                storage.touch(key)

        assert list(storage.list("")) == []

    # Expectations

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

    # Many values at once

    @pytest.mark.parametrize("count", [0, 3, 100])
    def test_many_values_are_put_as_each_expects(self, storage: Storage, count: int) -> None:
        puts = []
        for number in range(count):
            key = f"a/{number % 7}/{number}"
            expects: list[Expect | str] = [ABSENT, ANY]
            if number % 3 == 2:
                expects.append(put(storage, key, b"old"))
            puts.append(Put(key, b"%d" % number, expects[number % 3]))

        storage.put_many(iter(puts))

        assert {key: data_of(storage, key) for key in storage.list("")} == {one.key: one.value for one in puts}

    @pytest.mark.parametrize("count", [3, 100])
    @pytest.mark.parametrize("expect", [ABSENT, "no such etag"])
    def test_of_many_values_those_before_one_that_lost_are_published(
        self, storage: Storage, count: int, expect: Expect | str
    ) -> None:
        keys = [f"a/{number:03}" for number in range(count)]
        lost = keys[count // 2]
        storage.put(lost, b"theirs")

        with pytest.raises(PutLost) as caught:
            storage.put_many(Put(key, b"ours", expect if key == lost else ABSENT) for key in keys)

        assert caught.value.key == lost
        assert list(storage.list("")) == keys[: count // 2 + 1]
        assert data_of(storage, lost) == b"theirs"
        time.sleep(0.03)
        assert storage.sweep(0.0) == 0, "unfinished work was left behind"

    @pytest.mark.parametrize("count", [3, 100])
    def test_of_many_values_with_a_hostile_key_none_leads_elsewhere(self, storage: Storage, count: int) -> None:
        for hostile in HOSTILE_KEYS:
            with pytest.raises(ValueError):
                storage.put_many([Put(hostile, b"x", ABSENT)] * count)

        assert list(storage.list("")) == []

    # Ranges, size and age

    def test_only_what_is_there_can_be_touched(self, storage: Storage) -> None:
        storage.put("a/b", b"x")

        assert [storage.touch(key) for key in ("c", "a/c", "b", "a", "a/b/c")] == [False] * 5
        assert list(storage.list("")) == ["a/b"]

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

    # Deleting

    def test_delete_tells_whether_there_was_something(self, storage: Storage) -> None:
        storage.put("a", b"1")

        assert [storage.delete("a"), storage.delete("a")] == [True, False]

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
