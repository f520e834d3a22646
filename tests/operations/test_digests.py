"""Digests by other algorithms are those of the files, cost reading once, and are never those of damaged bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mreg.checkout.reader import DamagedFile, Reader
from mreg.repository import Repository
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.values.checksums import UnknownAlgorithm

FILES = {
    "a": b"",
    "big": bytes(range(256)) * 20_000,
    "same": b"x" * 70_000,
    "sub/same": b"x" * 70_000,
    "z": b"z",
}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read since."""
    found: list[str] = []
    stream = Reader.stream

    def watched(self: Reader, files: Any, **options: Any) -> Iterator[Any]:
        found.extend(file.path for file in files)
        return stream(self, files, **options)

    monkeypatch.setattr(Reader, "stream", watched)
    return found


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_digests_are_those_of_the_files(repo: Repository, folder: Callable[..., str], algorithm: str) -> None:
    repo.log(folder(FILES), "mnist")

    found = repo.digests("mnist", algorithm)

    assert found == {path: hashlib.new(algorithm, data).hexdigest() for path, data in FILES.items()}


def test_a_file_is_read_once_whatever_version_and_name_it_has(
    repo: Repository, folder: Callable[..., str], read: list[str]
) -> None:
    # given
    repo.log(folder(FILES), "mnist")
    repo.log(folder(FILES | {"new": b"new", "big-too": FILES["big"]}), "other")
    first = repo.digests("mnist")
    assert sorted(read) == ["a", "big", "sub/same", "z"]
    read.clear()

    # when
    again, other = repo.digests("mnist"), repo.digests("other")

    # then
    assert again == first
    assert read == ["new"]
    assert other["big-too"] == first["big"]


def test_own_digests_are_told_without_reading(repo: Repository, folder: Callable[..., str], read: list[str]) -> None:
    repo.log(folder(FILES), "mnist")

    assert repo.digests("mnist", "blake3") == {file.path: file.digest for file in repo.files("mnist")}
    assert read == []


def test_damaged_files_have_no_digest_and_others_keep_theirs(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    # given
    repo.log(folder({"a": b"a" * 1000}), "mnist")
    repo.digests("mnist")
    (pack,) = storage.list("packs")
    value = storage.get(pack)
    assert value is not None
    storage.put(pack, value.data[:40] + bytes([value.data[40] ^ 1]) + value.data[41:])

    # when
    with pytest.raises(DamagedFile):
        reopen(storage).digests("mnist")

    # then
    assert repo.digests("mnist") == {"a": hashlib.sha256(b"a" * 1000).hexdigest()}


def test_progress_tells_the_bytes_that_are_read(repo: Repository, folder: Callable[..., str]) -> None:
    repo.log(folder(FILES), "mnist")
    told: list[tuple[int, int]] = []

    repo.digests("mnist", progress=lambda done, total: told.append((done, total)))

    assert told[-1] == (5_190_001, 5_190_001)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_an_unknown_algorithm_is_refused(repo: Repository) -> None:
    with pytest.raises(UnknownAlgorithm, match="'crc32' is not one of blake3, sha256, md5"):
        repo.digests("mnist", "crc32")
