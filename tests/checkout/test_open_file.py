"""A file of a version is open for reading anywhere in it: equal to slices of all its bytes, verified, and no copy."""

from __future__ import annotations

import io
import os
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mreg.content import packs
from mreg.operations.files import UnknownFile
from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage
from mreg.values.errors import Damaged


def npy(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


WEIGHTS = np.random.default_rng(0).normal(size=600_000).astype("float32")
FILES = {
    "planes.npy": npy(WEIGHTS * np.float32(1.001)),  # stored as the difference to the version before
    "raw.bin": random.Random(1).randbytes((2 << 20) + 17),
    "text.txt": b"line one\nline two\n",
    "empty": b"",
}


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    top = tmp_path_factory.mktemp("opened")
    repository = Repository.init_storage(MemoryStorage(), "memory", cache=str(top / "cache"))
    for files in ({**FILES, "planes.npy": npy(WEIGHTS)}, FILES):
        for name, data in files.items():
            (top / name).write_bytes(data)
        repository.log([top / name for name in files], "net")
    return repository


@given(
    name=st.sampled_from(sorted(FILES)),
    start=st.integers(-(3 << 20), 3 << 20),
    stop=st.none() | st.integers(-(3 << 20), 3 << 20),
)
@settings(max_examples=1000, deadline=None)
def test_a_range_is_the_slice(logged: Repository, name: str, start: int, stop: int | None) -> None:
    assert logged.read_range("net", name, start, stop) == FILES[name][start:stop]


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_an_open_file_does_what_a_file_in_memory_does(logged: Repository, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FILES)))
    ours, theirs = logged.open_file("net", name), io.BytesIO(FILES[name])
    for _ in range(data.draw(st.integers(1, 6))):
        where, whence = data.draw(st.integers(-100, len(FILES[name]) + 10)), data.draw(st.sampled_from([0, 1, 2]))
        if theirs.tell() * (whence == 1) + len(FILES[name]) * (whence == 2) + where >= 0:
            assert ours.seek(where, whence) == theirs.seek(where, whence)
        size = data.draw(st.integers(-1, 1 << 20))
        assert ours.read(size) == theirs.read(size)
        assert ours.tell() == theirs.tell()


def test_numpy_and_text_read_from_it(logged: Repository) -> None:
    assert np.array_equal(np.load(logged.open_file("net", "planes.npy")), WEIGHTS * np.float32(1.001))
    assert io.TextIOWrapper(logged.open_file("net", "text.txt")).readlines() == ["line one\n", "line two\n"]


def test_it_stays_at_the_version_that_was_resolved(logged: Repository) -> None:
    file = logged.open_file("net:v0", "planes.npy")

    assert np.array_equal(np.load(file), WEIGHTS)


def test_it_is_read_only_and_named(logged: Repository) -> None:
    file = logged.open_file("net", "text.txt")

    assert (file.readable(), file.seekable(), file.writable(), file.raw.name) == (True, True, False, "text.txt")
    with pytest.raises(io.UnsupportedOperation):
        file.write(b"x")
    with pytest.raises(ValueError, match="cannot seek"):
        file.raw.seek(-1)
    with pytest.raises(TypeError):
        pickle.dumps(file)


def test_a_file_that_is_not_there_is_refused_at_once(logged: Repository) -> None:
    with pytest.raises(UnknownFile):
        logged.open_file("net", "nothing")


def test_little_is_read_for_little(logged: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = MemoryStorage.read_into

    def counted(self: MemoryStorage, key: str, start: int, out: memoryview) -> int:
        read.append(len(out))
        return original(self, key, start, out)

    monkeypatch.setattr(MemoryStorage, "read_into", counted)

    assert logged.read_range("net", "raw.bin", 1_000_000, 1_000_010) == FILES["raw.bin"][1_000_000:1_000_010]

    assert sum(read) < 1 << 20


def test_a_flipped_bit_raises_and_is_never_handed_out(repo: Repository, folder: Callable[..., str]) -> None:
    # given
    repo.log(folder({"raw.bin": FILES["raw.bin"]}), "net")
    storage = repo._context.storage
    assert isinstance(storage, MemoryStorage)
    (name,) = packs.pack_names(storage)
    value = storage.get(packs.key_of(name))
    assert value is not None
    data = bytearray(value.data)
    data[1000] ^= 1
    storage.put(packs.key_of(name), bytes(data))

    # when, then
    whole = len(FILES["raw.bin"])
    with pytest.raises(Damaged):
        repo.read_range("net", "raw.bin", 0, 10)
    assert repo.read_range("net", "raw.bin", whole - 10) == FILES["raw.bin"][-10:]


def test_a_child_process_reads_from_what_its_parent_has_opened(tmp_path: Any) -> None:
    # given
    (tmp_path / "raw.bin").write_bytes(FILES["raw.bin"])
    with Repository.init(tmp_path, cache=str(tmp_path / "cache")) as repository:
        repository.log(tmp_path / "raw.bin", "net")
        file = repository.open_file("net", "raw.bin")
        file.read(10)

        # when
        child = os.fork()
        if not child:
            try:
                equal = file.read() == FILES["raw.bin"][10:]
                equal &= repository.read_range("net", "raw.bin", 5, 9) == FILES["raw.bin"][5:9]
                os._exit(0 if equal else 1)
            except BaseException:
                os._exit(2)
        _, status = os.waitpid(child, 0)

        # then
        assert os.waitstatus_to_exitcode(status) == 0
        assert file.read() == FILES["raw.bin"][10:]
