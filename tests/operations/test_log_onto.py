"""`log` of a mapping, and on top of an existing version."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.intake.mapping import NoContent
from mreg.intake.reuse import DamagedReuse
from mreg.intake.scan import NothingToLog, UnsupportedFile
from mreg.operations.files import UnknownFile
from mreg.operations.log_request import NothingToRemoveFrom
from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage
from mreg.values.errors import InvalidInput, MissingPath
from mreg.values.formats import NeedsFormat

LARGE = os.urandom(3 << 20)


def held(repo: Repository, reference: str) -> dict[str, bytes]:
    return {file.path: b"".join(repo.read(reference, file.path)) for file in repo.files(reference)}


@pytest.fixture
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Whether the folder of temporary files is empty."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return lambda: not os.listdir(tmp_path / "temporary")


# A mapping.


def test_a_mapping_of_files_bytes_and_streams_becomes_a_version(
    repo: Repository, tmp_path: Path, nothing_left: Callable[[], bool]
) -> None:
    (tmp_path / "run.sh").write_bytes(b"#!/bin/sh")
    (tmp_path / "run.sh").chmod(0o755)

    done = repo.log(
        {
            "weights/model.bin": io.BytesIO(LARGE),
            "bin/run.sh": tmp_path / "run.sh",
            "config.json": b"{}",
            "e:1\n": bytearray(b"odd"),
            "empty": memoryview(b""),
        },
        "m",
    )

    assert held(repo, "m") == {
        "weights/model.bin": LARGE,
        "bin/run.sh": b"#!/bin/sh",
        "config.json": b"{}",
        "e:1\n": b"odd",
        "empty": b"",
    }
    assert [file.path for file in repo.files("m") if file.executable] == ["bin/run.sh"]
    assert done.created and nothing_left()


def test_a_mapping_of_what_a_folder_holds_is_the_same_content(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"a")
    repo.log(tmp_path / "in", "m")

    assert not repo.log({"a": b"a"}, "m").created


@pytest.mark.parametrize(
    ("contents", "error"),
    [
        ({}, NothingToLog),
        ({"a": None}, NoContent),
        ({"a": 7}, NoContent),
        pytest.param({"a": io.StringIO("text")}, NoContent, id="text"),  # its own would hold an address
        ({"../a": b""}, UnsupportedFile),
        ({"/a": b""}, UnsupportedFile),
        ({"a/": b""}, UnsupportedFile),
        ({"": b""}, UnsupportedFile),
        ({".git/config": b""}, UnsupportedFile),
        ({"a": b"", "a/b": b""}, UnsupportedFile),
        ({"é": b"", "e\u0301": b""}, UnsupportedFile),
        ({"a": "nowhere"}, MissingPath),
        ({"a": os.curdir}, UnsupportedFile),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_a_mapping_that_is_no_version_is_refused_and_changes_nothing(
    repo: Repository,
    storage: MemoryStorage,
    content: Callable[..., Any],
    nothing_left: Callable[[], bool],
    contents: Any,
    error: type[Exception],
) -> None:
    before = content(storage)

    with pytest.raises(error) as raised:
        repo.log(contents, "m")

    assert "mreg-" not in str(raised.value)
    assert content(storage) == before and nothing_left()


def test_a_stream_that_fails_fails_the_log(
    repo: Repository, storage: MemoryStorage, content: Callable[..., Any], nothing_left: Callable[[], bool]
) -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            raise OSError("the connection was lost")

    before = content(storage)

    with pytest.raises(OSError, match="the connection was lost"):
        repo.log({"a": Broken()}, "m")

    assert content(storage) == before and nothing_left()


def test_no_stream_is_read_for_a_log_that_is_refused(repo: Repository) -> None:
    stream = io.BytesIO(b"x")

    with pytest.raises(InvalidInput):
        repo.log({"a": stream}, "not a name")

    assert stream.tell() == 0


def test_odd_names_of_a_mapping_need_format_2(tmp_path: Path) -> None:
    old = Repository.init_storage(MemoryStorage(), "old", format=1, cache=str(tmp_path / "cache"))

    with old, pytest.raises(NeedsFormat, match="the file name"):
        old.log({"a:b": b""}, "m")


# On top of a version.


@pytest.fixture
def based(repo: Repository, tmp_path: Path) -> Repository:
    """`m:v0` with files and empty folders; `m:v1` with others."""
    for name in ("a", "sub/b", "sub/c", "subway"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "in" / "sub" / "c").chmod(0o755)
    (tmp_path / "in" / "assets").mkdir()
    (tmp_path / "in" / "logs").mkdir()
    repo.log(tmp_path / "in", "m")
    repo.log({"z": b"z"}, "m")
    return repo


def test_files_are_added_replaced_and_removed_on_top_of_a_version(based: Repository) -> None:
    done = based.log(
        {"new": b"new", "sub/b": b"other", "assets/x": b"x"}, "m", onto="m:v0", remove=["a", "logs/", "sub/c"]
    )

    assert done.version.name == "m:v2"
    assert held(based, "m") == {"new": b"new", "sub/b": b"other", "assets/x": b"x", "subway": b"subway"}
    assert based.folders("m") == ()


def test_what_stays_is_the_same_with_its_mode_and_is_not_read(based: Repository, tmp_path: Path) -> None:
    done = based.log({"new": b"12345"}, "m", onto="m:v0")

    kept = {file.path: file for file in based.files("m:v0")}
    assert [file for file in based.files("m:v2") if file.path != "new"] == list(kept.values())
    assert kept["sub/c"].executable
    assert based.folders("m:v2") == ("assets", "logs")
    assert done.new == 5
    based.get("m:v2", tmp_path / "out")
    assert (tmp_path / "out" / "sub" / "b").read_bytes() == b"sub/b"


def test_a_folder_goes_with_all_that_is_in_it(based: Repository) -> None:
    based.log((), "m", onto="m:v0", remove=["sub"])

    assert [file.path for file in based.files("m")] == ["a", "subway"]


def test_a_version_of_another_artifact_can_be_taken_over_as_it_is(based: Repository) -> None:
    based.log((), "other", onto="m:v0")

    assert based.version("other:v0").manifest == based.version("m:v0").manifest


def test_nothing_changed_on_top_of_the_latest_is_no_new_version(based: Repository) -> None:
    assert not based.log((), "m", onto="m:v1").created
    assert not based.log({"z": b"z"}, "m", onto="m").created
    assert based.log((), "m", onto="m:v0").created


def test_files_of_a_folder_go_on_top_with_its_empty_folders(based: Repository, tmp_path: Path) -> None:
    (tmp_path / "more" / "hollow").mkdir(parents=True)
    (tmp_path / "more" / "sub").mkdir()
    (tmp_path / "more" / "new").write_bytes(b"new")

    based.log(tmp_path / "more", "m", onto="m:v0", remove=["subway"])

    assert [file.path for file in based.files("m")] == ["a", "new", "sub/b", "sub/c"]
    assert based.folders("m") == ("assets", "hollow", "logs")


@pytest.mark.parametrize(
    ("paths", "options", "error"),
    [
        ({}, {"onto": "m:v0", "remove": ["suc"]}, UnknownFile),
        ({}, {"onto": "m:v0", "remove": ["a", "a"]}, UnknownFile),
        ({}, {"onto": "m:v1", "remove": ["z"]}, NothingToLog),
        ({"x": b""}, {"remove": ["z"]}, NothingToRemoveFrom),
        ({"a/b": b""}, {"onto": "m:v0"}, UnsupportedFile),
        ({"sub": b""}, {"onto": "m:v0"}, UnsupportedFile),
        ({"assets": b""}, {"onto": "m:v0"}, UnsupportedFile),
        ((), {}, NothingToLog),
    ],
    ids=str,
)
def test_what_cannot_be_put_on_top_is_refused_and_changes_nothing(
    based: Repository,
    storage: MemoryStorage,
    content: Callable[..., Any],
    paths: Any,
    options: Any,
    error: type[Exception],
) -> None:
    before = content(storage)

    with pytest.raises(error):
        based.log(paths, "m", **options)

    assert content(storage) == before


def test_damage_of_what_is_taken_over_is_told_and_nothing_changes(
    based: Repository, storage: MemoryStorage, content: Callable[..., Any]
) -> None:
    for key in list(storage.list("packs")):
        value = storage.get(key)
        assert value is not None
        data = bytearray(value.data)
        data[32] ^= 1  # of the first chunk
        storage.put(key, bytes(data))
    before = content(storage)

    with pytest.raises(DamagedReuse, match="shared with earlier versions is damaged"):
        based.log({"new": b"new"}, "m", onto="m:v0")

    assert content(storage) == before


def test_a_dry_run_on_top_of_a_version_tells_what_it_would_be(
    based: Repository, storage: MemoryStorage, content: Callable[..., Any]
) -> None:
    before = content(storage)

    done = based.log({"new": b"12345"}, "m", onto="m:v0", dry_run=True)

    assert (done.version.name, done.version.files, done.new) == ("m:v2", 5, 5)
    assert content(storage) == before
