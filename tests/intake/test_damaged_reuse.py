"""Files logged again over damaged data: what was damaged is stored anew, and can be read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from mreg.content import chunks
from mreg.content.packs import Located
from mreg.repository import Repository
from mreg.storage import Storage

PLACES: dict[str, Callable[[int], int]] = {
    "a short chunk": lambda size: 40,
    "a chunk of the long file": lambda size: size // 2,
    "the index": lambda size: size - 400,
    "the last recipe": lambda size: size - 30,
    "the trailer": lambda size: size - 10,
    "the magic number": lambda size: 2,
}


def flip(pack: Path, place: Callable[[int], int]) -> None:
    data = bytearray(pack.read_bytes())
    data[place(len(data))] ^= 1
    pack.chmod(0o644)
    pack.write_bytes(data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A short file, a long one of several chunks, and another long one."""
    found = tmp_path / "ckpt"
    found.mkdir()
    for name, size in (("a", 500), ("b", 3 << 20), ("c", 1 << 20)):
        (found / name).write_bytes(os.urandom(size))
    return found


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def repo(tmp_path: Path, cache: Path, folder: Path) -> Repository:
    """With one version of the folder, and one pack."""
    Repository.init(tmp_path / "repo").close()
    found = Repository.open(tmp_path / "repo" / ".mreg", cache=cache)
    found.log(folder, "net")
    return found


def pack_of(repo: Repository) -> Path:
    (found,) = Path(repo.location).glob("packs/*/*.pack")
    return found


def check_whole(repo: Repository, reference: str, folder: Path, fresh: Path) -> None:
    """By who has lookup tables, and by who has none."""
    for number, cache in enumerate((None, fresh)):
        out = fresh.parent / f"out{number}"
        with Repository.open(repo.location, cache=cache or fresh.parent / "cache") as other:
            other.get(reference, out)
        assert {one.name: one.read_bytes() for one in out.iterdir()} == {
            one.name: one.read_bytes() for one in folder.iterdir()
        }


@pytest.mark.parametrize("tables", ["old tables", "no tables"])
@pytest.mark.parametrize("place", PLACES)
def test_equal_content_logged_over_a_damaged_pack_heals_it(
    repo: Repository, folder: Path, tmp_path: Path, place: str, tables: str
) -> None:
    flip(pack_of(repo), PLACES[place])
    cache = tmp_path / ("cache" if tables == "old tables" else "another")

    with Repository.open(repo.location, cache=cache) as again:
        done = again.log(folder, "net")

    assert not done.created
    check_whole(repo, "net:v0", folder, tmp_path / "fresh")


@pytest.mark.parametrize("place", PLACES)
def test_a_version_that_shares_damaged_chunks_can_be_read(
    repo: Repository, folder: Path, tmp_path: Path, place: str
) -> None:
    flip(pack_of(repo), PLACES[place])
    (folder / "c").write_bytes(os.urandom(1 << 20))

    done = repo.log(folder, "net")

    assert done.version.name == "net:v1" and 0 < done.healed < done.new
    check_whole(repo, "net:v1", folder, tmp_path / "fresh")


def test_a_base_that_is_damaged_is_no_base(repo: Repository, tmp_path: Path) -> None:
    source = tmp_path / "weights.npy"
    values = numpy.random.default_rng(1).normal(size=1 << 18).astype(numpy.float32)
    numpy.save(source, values)
    repo.log(source, "tuned")
    numpy.save(source, values + numpy.float32(1e-4))
    for one in Path(repo.location).glob("packs/*/*.pack"):
        flip(one, PLACES["a chunk of the long file"])

    repo.log(source, "tuned")

    with Repository.open(repo.location, cache=tmp_path / "fresh") as other:
        other.get("tuned:v1", tmp_path / "out")
    assert (tmp_path / "out" / "weights.npy").read_bytes() == source.read_bytes()


def test_what_was_healed_is_told(repo: Repository, folder: Path) -> None:
    flip(pack_of(repo), PLACES["a chunk of the long file"])

    done = repo.log(folder, "net")

    assert done.healed > 0 and done.seq is not None


def test_packs_that_look_as_they_did_are_not_read(
    repo: Repository, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr("mreg.content.chunks.read_stored", lambda storage, place, buffer: read.append(place.pack))
    (folder / "a").write_bytes(b"another")

    done = repo.log(folder, "net")

    assert done.created and read == []


def test_packs_of_other_writers_are_read_once(
    repo: Repository, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = chunks.read_stored

    def counted(storage: Storage, place: Located, buffer: memoryview) -> None:
        read.append(place.pack)
        real(storage, place, buffer)

    monkeypatch.setattr(chunks, "read_stored", counted)
    with Repository.open(repo.location, cache=tmp_path / "another") as other:
        (folder / "a").write_bytes(b"one")
        other.log(folder, "net")
        at_first = len(read)
        (folder / "a").write_bytes(b"two")
        other.log(folder, "net")

    assert at_first == len(read) > 0


def test_a_pack_of_another_writer_is_read_before_its_chunks_are_taken_over(
    repo: Repository, folder: Path, tmp_path: Path
) -> None:
    flip(pack_of(repo), PLACES["a chunk of the long file"])
    (folder / "a").write_bytes(b"another")

    with Repository.open(repo.location, cache=tmp_path / "another") as other:
        done = other.log(folder, "net")

    assert done.healed > 0 and done.new == done.healed + len(b"another")
    check_whole(repo, "net:v1", folder, tmp_path / "fresh")


@pytest.mark.parametrize("when", ["while the files are read", "before the commit"])
def test_content_that_another_logs_meanwhile_is_not_called_damaged(
    repo: Repository, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    (folder / "c").write_bytes(os.urandom(1 << 20))
    entries: list[int] = []

    def log_by_another(*_: object) -> None:
        if not entries:
            entries.append(0)
            with Repository.open(repo.location, cache=tmp_path / "another") as other:
                entries[0] = other.log(folder, "net").seq or 0

    if when == "before the commit":
        monkeypatch.setattr("mreg.operations.log.reuse.check", log_by_another)

    done = repo.log(folder, "net", progress=log_by_another if when == "while the files are read" else None)

    assert (done.version.name, done.created, done.new, done.healed, done.seq) == ("net:v1", False, 0, 0, None)
    assert [one.seq for one in repo.history()][-1] == entries[0]


@pytest.mark.parametrize("place", ["a short chunk", "a chunk of the long file"])
def test_what_was_healed_hurts_nobody_any_more(repo: Repository, folder: Path, place: str) -> None:
    flip(pack_of(repo), PLACES[place])
    assert repo.fsck(full=True).findings
    repo.log(folder, "net")

    findings = repo.fsck(full=True).findings
    repo.gc(grace=0, repack=True)

    assert findings == () == repo.fsck(full=True).findings


def test_a_repair_takes_the_copy_that_healed_another(repo: Repository, folder: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(repo.location, whole / ".mreg")
    flip(pack_of(repo), PLACES["a chunk of the long file"])
    repo.log(folder, "net")
    flip(next(whole.glob(".mreg/packs/*/*.pack")), PLACES["a chunk of the long file"])

    with Repository.open(whole, cache=tmp_path / "another") as other:
        other.fsck(full=True, repair=True, source=str(repo.location))
        findings = other.fsck(full=True).findings

    assert findings == ()
