"""A folder most of whose values are in one file: it keeps the contract of every store, wherever a value is, and answers
as a plain folder does."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from mreg.storage import ABSENT, ANY, PutLost, Storage
from mreg.storage.local import LocalStorage
from mreg.storage.packed_file import PackedFile, encode
from mreg.storage.packed_folder import PackedFolder
from mreg.testing.remote_contract import ODD_KEYS
from mreg.testing.storage_contract import StorageContract


class TestPackedFolder(StorageContract):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.root = tmp_path / "store"

    def make_storage(self) -> Storage:
        return PackedFolder(self.root, durable=False)


class TestPackedFolderOverDeletedValues(TestPackedFolder):
    """What the contract puts takes the place of values that were in the base."""

    def make_storage(self) -> Storage:
        storage = PackedFolder(self.root, durable=False)
        keys = ["a/b", "a/c", "b", "counter", "old", "big", "empty", *(f"race/{number}" for number in range(20))]
        filled(storage, dict.fromkeys(keys, b"from the base"))
        assert sum(storage.delete(key) for key in keys) == len(keys)
        return storage


def filled(storage: PackedFolder, values: dict[str, bytes]) -> PackedFolder:
    with storage.lock():
        storage.fill(values.items())
    return storage


def content(storage: Storage) -> dict[str, bytes | None]:
    return {key: found.data if (found := storage.get(key)) else None for key in storage.list("")}


@pytest.fixture
def storage(tmp_path: Path) -> PackedFolder:
    return filled(PackedFolder(tmp_path / "store"), {"a/b": b"1", "a/c": b"22", "b": b"333"})


# What is in the base


def test_values_of_the_base_are_read_as_any_other(storage: PackedFolder) -> None:
    assert content(storage) == {"a/b": b"1", "a/c": b"22", "b": b"333"}
    assert [(one.key, one.size) for one in storage.listing("a", "a/b")] == [("a/c", 2)]
    assert storage.read("b", 1, 5) == b"33"
    assert (stat := storage.stat("a/c")) is not None and stat.size == 2
    assert storage.get("c") is storage.get("a") is storage.stat("a") is None
    with pytest.raises(FileNotFoundError):
        storage.read("c", 0, 1)


def test_a_value_is_created_once_wherever_the_first_is(storage: PackedFolder) -> None:
    with pytest.raises(PutLost):
        storage.put("b", b"new", ABSENT)
    assert content(storage)["b"] == b"333"

    storage.delete("b")
    storage.put("b", b"new", ABSENT)

    with pytest.raises(PutLost):
        storage.put("b", b"newer", ABSENT)
    assert content(storage)["b"] == b"new"


def test_a_swap_needs_the_etag_that_the_value_of_the_base_has(storage: PackedFolder) -> None:
    present = storage.get("b")
    assert present is not None
    with pytest.raises(PutLost):
        storage.put("b", b"new", "another")
    assert content(storage)["b"] == b"333"

    storage.put("b", b"new", present.etag)

    with pytest.raises(PutLost):
        storage.put("b", b"newer", present.etag)
    assert content(storage)["b"] == b"new"


def test_what_is_deleted_is_gone_also_if_it_was_changed_before(storage: PackedFolder) -> None:
    storage.put("b", b"new")

    assert [storage.delete(key) for key in ("b", "b", "a/b", "a/b", "c")] == [True, False, True, False, False]

    assert content(storage) == {"a/c": b"22"}
    assert [storage.touch("b"), storage.touch("a/c")] == [False, True]
    assert list(storage.names("a")) == ["c"] and list(storage.names("c")) == []


def test_a_value_that_lost_can_be_put_elsewhere(storage: PackedFolder) -> None:
    for expect in (ABSENT, "another"):
        with storage.stage() as staged:
            staged.write(b"ours")
            with pytest.raises(PutLost):
                storage.put("b", staged, expect)
            with pytest.raises(ValueError):
                staged.write(b"more")
            storage.put("elsewhere", staged)
        assert content(storage)["elsewhere"] == b"ours"


def test_names_are_those_of_folders_with_keys(storage: PackedFolder) -> None:
    filled(storage, dict.fromkeys(["x/a/1", "x/a/2/3", "x/a-/1", "x/a0/1", "x/b", "x/é/1", "y/z/1"], b""))
    storage.put("x/c/1", b"")
    storage.put("x/a/9", b"")

    assert list(storage.names("x")) == ["a", "a-", "a0", "c", "é"]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 100])
def test_every_value_is_found(tmp_path: Path, count: int) -> None:
    values = {f"a/{number}": b"%d" % number * number * 50 for number in range(count)} | dict.fromkeys(ODD_KEYS, b"odd")

    storage = filled(PackedFolder(tmp_path / "store"), values)

    assert content(storage) == values
    assert list(storage.list("")) == sorted(values)
    assert {key: found.data for key in sorted(values, reverse=True) if (found := storage.get(key))} == values


# Several processes


def test_others_see_that_the_store_was_filled_again(storage: PackedFolder, tmp_path: Path) -> None:
    other = PackedFolder(tmp_path / "store")
    assert content(other) == content(storage)
    other.put("loose", b"x")
    other.delete("b")

    filled(storage, {"b": b"again"})

    assert content(other) == content(storage) == {"b": b"again"}
    shutil.rmtree(tmp_path / "store")
    assert content(other) == content(storage) == {}


def test_a_store_that_cannot_be_filled_is_as_before(storage: PackedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("mreg.storage.staged.os.write", full)
    with pytest.raises(OSError, match="full"):
        filled(storage, {"b": b"again"})
    monkeypatch.undo()

    assert content(storage) == {"a/b": b"1", "a/c": b"22", "b": b"333"}
    assert storage.sweep(3600.0) == storage.unfinished() == 0


@pytest.mark.parametrize("step", ["clear", "rename"])
def test_killed_while_it_is_filled_it_holds_nothing_that_was_not_there(
    storage: PackedFolder, monkeypatch: pytest.MonkeyPatch, step: str, tmp_path: Path
) -> None:
    before = content(storage)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mreg.storage.packed_folder." + {"clear": "shutil.rmtree", "rename": "os.rename"}[step], killed)
    with pytest.raises(KeyboardInterrupt):
        filled(storage, {"b": b"again"})
    monkeypatch.undo()

    left = content(PackedFolder(tmp_path / "store"))
    assert left.items() <= before.items()
    assert content(filled(storage, {"b": b"again"})) == {"b": b"again"}


# Damage


@pytest.mark.parametrize("size", [0, 10, 24, 40, 60])
def test_a_base_that_is_cut_off_is_noticed(tmp_path: Path, size: int) -> None:
    data = encode([("a/b", b"1"), ("b", b"2")])
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "base").write_bytes(data[:size])

    with pytest.raises(OSError) as caught:
        PackedFolder(tmp_path / "store").check()

    assert caught.value.errno == errno.EIO


@pytest.mark.parametrize("length", [4, 20, 1 << 31])
def test_a_key_that_is_longer_than_its_record_is_noticed(tmp_path: Path, length: int) -> None:
    data = bytearray(encode([("a/b", b""), ("b", b"2")]))
    record = data.index(b"\3\0\0\0a/b")
    data[record : record + 4] = length.to_bytes(4, "little")
    (tmp_path / "base").write_bytes(data)
    base = PackedFile(str(tmp_path / "base"))

    for use in (lambda: base.get("a/b"), lambda: list(base.listing("")), lambda: list(base.folders("a"))):
        with pytest.raises(OSError) as caught:
            use()
        assert caught.value.errno == errno.EIO


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_of_a_damaged_base_something_is_read_or_it_is_said(data: st.DataObject) -> None:
    values = {f"a/{number}": bytes([number]) * 20 for number in range(8)}
    spoilt = bytearray(encode(values.items()))
    for place in data.draw(st.lists(st.integers(0, len(spoilt) - 1), min_size=1, max_size=4)):
        spoilt[place] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "base")
        Path(path).write_bytes(spoilt)

        for use in (lambda file: list(file.listing("")), lambda file: list(file.folders("a"))):
            with suppress(OSError):
                use(PackedFile(path))
        for key in values:
            with suppress(OSError):
                PackedFile(path).get(key)


# The same as a plain folder

KEYS = ["a/b", "a/c", "a-", "b", "b0", "c/d/e", "c/d/f", "c/é"]
_keys = st.sampled_from(KEYS)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _keys, st.binary(max_size=3), st.sampled_from(["any", "absent", "present", "other"])),
        st.tuples(st.just("delete"), _keys),
        st.tuples(st.just("touch"), _keys),
        st.tuples(st.just("fill")),
        st.tuples(st.just("open")),
    ),
    max_size=25,
)


def put(storage: Storage, key: str, value: bytes, expect: str) -> str:
    present = storage.get(key)
    etag = present.etag if present else "none"
    try:
        storage.put(key, value, {"any": ANY, "absent": ABSENT, "present": etag, "other": "other"}[expect])
    except PutLost:
        return "lost"
    return "put"


def looks(storage: Storage) -> Iterator[object]:
    yield [(one.key, one.size) for one in storage.listing("")]
    yield [(one.key, one.size) for one in storage.listing("c", "c/d/e")]
    yield [storage.get(key) for key in KEYS]
    yield [stat and stat.size for stat in map(storage.stat, KEYS)]


@settings(max_examples=150, deadline=None)
@given(_steps)
def test_it_answers_as_a_plain_folder_does(steps: list[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plain = LocalStorage(os.path.join(folder, "plain"), durable=False)
        packed = PackedFolder(os.path.join(folder, "packed"), durable=False)
        for name, *arguments in steps:
            if name == "fill":
                values = {key: found.data for key in packed.list("") if (found := packed.get(key))}
                filled(packed, values)
            elif name == "open":
                packed = PackedFolder(os.path.join(folder, "packed"), durable=False)
            elif name == "put":
                assert put(packed, *arguments) == put(plain, *arguments)
            else:
                assert getattr(packed, name)(*arguments) == getattr(plain, name)(*arguments)
            assert list(looks(packed)) == list(looks(plain))
            with_keys = {key.split("/")[1] for key in plain.list("c") if key.count("/") > 1}
            assert with_keys <= set(packed.names("c"))
