"""The digests of files that are only looked at."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from mreg.intake import hashing
from mreg.intake.scan import NothingToLog, SourceChanged, UnsupportedFile
from mreg.repository import Repository
from mreg.values.records import DataSource


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A file that has not changed for long."""
    path = tmp_path / "data.csv"
    path.write_bytes(b"1,2\n" * 1000)
    return path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read from now on."""
    read: list[str] = []
    real = hashing._read

    def noted(source: hashing.Source) -> str:
        read.append(source.file)
        return real(source)

    monkeypatch.setattr(hashing, "_read", noted)
    return read


def test_a_file_is_told_by_the_digest_of_its_bytes(repo: Repository, data: Path) -> None:
    assert repo.data_source(data) == DataSource("file", str(data), blake3(data.read_bytes()).hexdigest(), 4000)


def test_a_folder_is_told_by_the_digest_of_its_manifest(repo: Repository, folder: Callable[..., str]) -> None:
    root = folder({"a": b"1", "deep/b": b"23"})
    os.mkdir(os.path.join(root, "empty"))

    found = repo.data_source(root)

    assert found == DataSource("file", root, repo.log(root, "m").version.manifest, 3)


def test_what_was_read_before_is_read_again_only_when_it_changed(repo: Repository, data: Path, read: list[str]) -> None:
    first = repo.data_source(data)
    assert repo.data_source(data) == first
    assert read == [str(data)]

    data.write_bytes(b"other")

    assert repo.data_source(data).size == 5
    assert read == [str(data)] * 2


def test_what_was_logged_is_not_read_again(repo: Repository, data: Path, read: list[str]) -> None:
    repo.log(data, "m")

    assert repo.data_source(data).digest == repo.files("m")[0].digest
    assert read == []


def test_a_file_that_changes_while_it_is_read_is_told(
    repo: Repository, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fstat

    def changing(descriptor: int) -> os.stat_result:
        data.write_bytes(b"longer than it was" * 1000)
        return real(descriptor)

    monkeypatch.setattr(hashing.os, "fstat", changing)

    with pytest.raises(SourceChanged, match=r"data\.csv"):
        repo.data_source(data)


def test_what_is_no_file_is_refused(repo: Repository, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()

    with pytest.raises(UnsupportedFile):
        repo.data_source(tmp_path / "pipe")
    with pytest.raises(NothingToLog):
        repo.data_source(tmp_path / "empty")
