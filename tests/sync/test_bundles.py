"""Versions in one file: as a push and a pull, by hand."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from mreg.repository import Repository
from mreg.storage import bundle_file
from mreg.storage.bundle_file import MAGIC, BundleBusy, BundleFile, DamagedBundle, FileExists
from mreg.sync import sending
from mreg.sync.bundles import NoFileName
from mreg.sync.freight import MissingChunk
from mreg.testing.faults import Crash
from mreg.values.errors import Damaged, MregError


@pytest.fixture
def steps(here: Repository, folder: Callable[..., str]) -> Repository:
    """Four steps of a fine-tune, with an alias and a link."""
    generator = np.random.default_rng(5)
    weights = generator.normal(0, 0.02, 60_000).astype(np.float32)
    for _ in range(4):
        here.log(folder({"model.safetensors": save({"w": weights})}), "m", aliases=["best"], links=["Reader"])
        weights = (weights.view(np.int32) + generator.integers(-20, 20, len(weights), np.int32)).view(np.float32)
    return here


def test_a_bundle_is_pulled_as_a_repository_is(steps: Repository, team: Repository, tmp_path: Path) -> None:
    file = tmp_path / "m.bundle"

    made = steps.create_bundle(file, every=True)
    done = team.pull(file, all_aliases=True, links=True)

    assert made.bytes == file.stat().st_size
    assert [one.state for one in done.versions] == ["new"] * 4
    assert team.resolve("m:best").number == 3 and team.resolve("Reader").number == 3
    assert team.pull(file, "m:v1").bytes == 0
    assert not team.fsck(full=True).findings
    assert not (tmp_path / "m.bundle.part").exists()


def test_a_bundle_is_flushed_before_and_after_it_has_its_name(
    steps: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps_taken: list[str] = []
    file = str(tmp_path / "m.bundle")
    real = os.replace
    monkeypatch.setattr(bundle_file, "fsync", lambda descriptor: steps_taken.append("bytes"))
    monkeypatch.setattr(bundle_file, "flush_folder", lambda path: steps_taken.append(path))
    monkeypatch.setattr(os, "replace", lambda *paths: (steps_taken.append("name"), real(*paths)))

    steps.create_bundle(file, every=True)

    assert steps_taken[-3:] == ["bytes", "name", str(tmp_path)]


def test_what_came_since_another_bundle_builds_on_it(
    steps: Repository, new: Callable[[str], Repository], tmp_path: Path
) -> None:
    first, second = tmp_path / "1.bundle", tmp_path / "2.bundle"
    steps.create_bundle(first, ["m:v0", "m:v1", "m:v2"])
    whole = steps.create_bundle(tmp_path / "all.bundle", every=True).bytes

    later = steps.create_bundle(second, every=True, since=first)

    assert later.bytes < whole / 3
    team, other = new("team"), new("other")
    team.pull(first)
    assert [one.version for one in team.pull(second).versions] == ["m:v3"]
    assert not team.fsck(full=True).findings
    with pytest.raises(MissingChunk):
        other.pull(second)
    assert other.artifacts() == []


def test_aliases_follow_from_one_bundle_to_the_next(steps: Repository, tmp_path: Path) -> None:
    team = Repository.init(tmp_path / "team", cache=str(tmp_path / "cache"))
    steps.create_bundle(tmp_path / "1", ["m:v3"])
    team.pull(tmp_path / "1", aliases="best")
    steps.set_alias("best", "m:v0")
    steps.create_bundle(tmp_path / "2", every=True)

    team.pull(tmp_path / "2", aliases="best")

    assert team.resolve("m:best").number == 0


def test_a_bundle_that_was_interrupted_goes_on(
    steps: Repository, team: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PACK", 50_000)
    whole = steps.create_bundle(tmp_path / "whole", every=True).bytes
    write, file = BundleFile._write, tmp_path / "m"
    for limit in range(0, whole - 2000, whole // 25):
        (tmp_path / "m.part").unlink(missing_ok=True)

        def until(self: BundleFile, key: bytes, value: bytes, limit: int = limit) -> None:
            if self._end + len(value) > limit:
                self._file.write(bundle_file._head(key, len(value)) + key + value[: len(value) // 2])
                raise Crash()
            write(self, key, value)

        with monkeypatch.context() as patch:
            patch.setattr(BundleFile, "_write", until)
            with pytest.raises(Crash):
                steps.create_bundle(file, every=True)
        assert not file.exists()

        done = steps.create_bundle(file, every=True)

        assert done.bytes == file.stat().st_size < whole + 5000
        file.unlink()
    steps.create_bundle(file, every=True)
    team.pull(file)
    assert not team.fsck(full=True).findings


def test_any_byte_that_changed_is_found_or_does_not_matter(
    steps: Repository, new: Callable[[str], Repository], tmp_path: Path
) -> None:
    file = tmp_path / "m"
    steps.create_bundle(file, ["m:v0"])
    data = file.read_bytes()
    for at in range(0, len(data), len(data) // 60):
        file.write_bytes(data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :])
        team = new("team")
        try:
            team.pull(file)
        except MregError as error:
            assert isinstance(error, Damaged), error
            assert str(file) in str(error)
            assert team.artifacts() == []
        assert not team.fsck(full=True).findings


def test_a_bundle_that_ends_too_soon_is_refused(steps: Repository, team: Repository, tmp_path: Path) -> None:
    file = tmp_path / "m"
    steps.create_bundle(file, ["m:v0"])
    data = file.read_bytes()
    for end in (*range(0, 40, 7), len(data) // 2, len(data) - 1):
        file.write_bytes(data[:end])
        with pytest.raises(DamagedBundle):
            team.pull(file)


def test_a_file_that_is_there_stays(steps: Repository, tmp_path: Path) -> None:
    (tmp_path / "m").write_text("mine")

    with pytest.raises(FileExists):
        steps.create_bundle(tmp_path / "m", every=True)

    assert (tmp_path / "m").read_text() == "mine"


@pytest.mark.parametrize("what", ["file", "link", "pipe", "folder"])
def test_what_is_no_unfinished_bundle_stays(steps: Repository, tmp_path: Path, what: str) -> None:
    part, mine = tmp_path / "m.part", tmp_path / "mine"
    mine.write_bytes(b"half of a download" if what == "file" else MAGIC)
    {"file": mine.rename, "link": lambda at: at.symlink_to(mine), "pipe": os.mkfifo, "folder": Path.mkdir}[what](part)

    with pytest.raises(FileExists, match=re.escape(f"{part} exists already")):
        steps.create_bundle(tmp_path / "m", every=True)

    assert not (tmp_path / "m").exists()
    if what == "file":
        assert part.read_bytes() == b"half of a download"
    else:
        assert mine.read_bytes() == MAGIC


def test_a_bundle_that_cannot_be_begun_leaves_nothing(
    steps: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(bundle_file, "_write_all", full)

    with pytest.raises(OSError, match="full"):
        steps.create_bundle(tmp_path / "m", every=True)

    assert not list(tmp_path.glob("m*"))


def test_two_do_not_write_one_bundle(steps: Repository, tmp_path: Path) -> None:
    writer = BundleFile.create(str(tmp_path / "m"))

    with pytest.raises(BundleBusy):
        steps.create_bundle(tmp_path / "m", every=True)
    writer.close()


@pytest.mark.parametrize("pack", [50_000, 32 << 20])
def test_a_stream_holds_what_a_file_does(
    steps: Repository, team: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: int
) -> None:
    monkeypatch.setattr(sending, "PACK", pack)
    stream = OneWay()

    made = steps.create_bundle(stream, every=True)  # type: ignore[arg-type]
    whole = bytes(stream.data)
    done = team.pull(OneWay(whole), all_aliases=True)  # type: ignore[arg-type]

    assert made.bytes == len(whole)
    assert [one.state for one in done.versions] == ["new"] * 4
    assert not team.fsck(full=True).findings
    (tmp_path / "m").write_bytes(whole)
    assert team.pull(tmp_path / "m").bytes == 0


def test_a_stream_that_ends_too_soon_brings_nothing(steps: Repository, team: Repository) -> None:
    stream = OneWay()
    steps.create_bundle(stream, ["m:v0"])  # type: ignore[arg-type]
    for end in (0, 5, 40, len(stream.data) // 2, len(stream.data) - 1):
        with pytest.raises(DamagedBundle):
            team.pull(OneWay(stream.data[:end]))  # type: ignore[arg-type]
    assert team.artifacts() == []


def test_a_bundle_without_a_name_is_refused(steps: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(NoFileName):
        steps.create_bundle("", every=True)

    assert not any(path.name.endswith(".part") for path in tmp_path.iterdir())


class OneWay:
    """A pipe: it has no file, and no way back."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)

    def write(self, data: bytes) -> None:
        self.data += data

    def flush(self) -> None:
        pass

    def read(self, size: int = -1) -> bytes:
        part = bytes(self.data[: min(size, 70_000)])
        del self.data[: len(part)]
        return part
