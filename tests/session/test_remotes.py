"""What lies here of a version in a remote is not fetched from there."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from mreg import Repository
from mreg.session.remotes import open_remote
from mreg.storage.local import LocalStorage


class Counted(LocalStorage):
    """Counts the bytes that are read of packs."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.read_of: Counter[str] = Counter()

    def read(self, key: str, start: int, length: int) -> bytes:
        self.read_of[key.partition("/")[0]] += length
        return super().read(key, start, length)

    def read_into(self, key: str, start: int, out: memoryview) -> int:
        self.read_of[key.partition("/")[0]] += len(out)
        return super().read_into(key, start, out)


@pytest.fixture
def team(tmp_path: Path) -> Repository:
    """In it version `m:v0` of two files, and `m:v1`, which is 1 % different."""
    data = os.urandom(8 << 20)
    changed = data[:1000] + os.urandom(80_000) + data[81_000:]
    repository = Repository.init(tmp_path / "team", cache=str(tmp_path / "cache"))
    repository.log({"w": data, "c": b"{}"}, "m")
    repository.log({"w": changed, "c": b"{}"}, "m")
    return repository


@pytest.fixture
def here(tmp_path: Path, team: Repository) -> Repository:
    repository = Repository.init(tmp_path / "here", cache=str(tmp_path / "cache-here"))
    repository.add_remote("team", tmp_path / "team")
    return repository


def counted(here: Repository) -> Counted:
    """The storage of the remote, from now on with a counter; its tables are up to date."""
    context = open_remote(here._context, "team")
    context.tables(context.journal.look())
    assert isinstance(context.storage, LocalStorage)
    context.storage = storage = Counted(context.location)
    return storage


def test_chunks_that_are_here_are_not_fetched(here: Repository, team: Repository, tmp_path: Path) -> None:
    here.log({"w": b"".join(team.read("m:v0", "w"))}, "own")
    far = counted(here)

    whole = here.get("team/m:v0", tmp_path / "v0")
    of_v0 = far.read_of.pop("packs", 0)
    here.get("team/m:v1", tmp_path / "v1")
    of_v1 = far.read_of["packs"]

    assert whole.written == 2
    assert (tmp_path / "v0" / "w").read_bytes() == b"".join(team.read("m:v0", "w"))
    assert (tmp_path / "v1" / "w").read_bytes() == b"".join(team.read("m:v1", "w"))
    assert of_v0 < 100  # c, which is not here
    assert of_v0 < of_v1 < 4 << 20


def test_without_them_all_is_fetched(here: Repository, tmp_path: Path) -> None:
    far = counted(here)

    here.get("team/m:v0", tmp_path / "v0")

    assert far.read_of["packs"] >= 8 << 20


def test_what_is_damaged_here_is_fetched(here: Repository, team: Repository, tmp_path: Path) -> None:
    here.log({"w": b"".join(team.read("m:v0", "w"))}, "own")
    for pack in (tmp_path / "here" / ".mreg" / "packs").glob("*/*"):
        pack.chmod(0o644)
        with pack.open("r+b") as file:
            file.seek(4 << 20)
            file.write(bytes(100))

    here.get("team/m:v0", tmp_path / "v0")

    assert (tmp_path / "v0" / "w").read_bytes() == b"".join(team.read("m:v0", "w"))
    assert b"".join(here.read("team/m:v0", "w")) == (tmp_path / "v0" / "w").read_bytes()


def test_a_version_here_that_is_the_difference_to_what_is_there_is_read(here: Repository, tmp_path: Path) -> None:
    remote = here.remote("team")
    base = b"".join(remote.read("m:v0", "w"))
    here.log({"w": base[: 4 << 20]}, "own")

    assert b"".join(here.read("team/m:v1", "w")) == b"".join(remote.read("m:v1", "w"))
