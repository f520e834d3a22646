"""The same repository in another place, entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage
from mreg.sync.faults import SameRepository
from mreg.sync.mirror import Diverged, NoMirror, mirror
from mreg.testing.faults import Crash, FaultyStorage
from mreg.values.errors import Damaged
from mreg.values.transfers import Mirrored

Files = Callable[[str], str]


@pytest.fixture
def grown(here: Repository, files: Files) -> Repository:
    """Versions, of which one was deleted and swept and came back by another key; an alias, a link and a card."""
    for text in ("one", "two", "three"):
        here.log(files(text), "m", aliases=["best"], links=["Reader"])
    here.remove("m:v1", force=True)
    here.gc(grace=0, repack=True)
    here.log(files("two"), "m")
    here.set_card("Reader", "# Reads\n")
    return here


def copied(one: Repository, storage: FaultyStorage | MemoryStorage) -> Mirrored:
    return mirror(one._context, storage, "twin")


def opened(storage: MemoryStorage) -> Repository:
    return Repository.open_storage(storage, "twin")


def test_a_mirror_is_the_same_repository(grown: Repository) -> None:
    storage = MemoryStorage()

    copied(grown, storage)

    twin = opened(storage)
    assert twin.id == grown.id
    assert list(twin.history()) == list(grown.history())
    assert b"".join(twin.read("m:v3", "w.bin")) == b"two"
    assert not twin.fsck(full=True).findings


@pytest.mark.parametrize("folder", ["packs", "objects"])
def test_a_mirror_of_a_repository_that_lacks_data_is_refused(here: Repository, files: Files, folder: str) -> None:
    storage = MemoryStorage()
    here.log(files("one"), "m")
    before = set(here._context.storage.list(folder))
    here.log(files("two"), "m")
    for key in set(here._context.storage.list(folder)) - before:
        here._context.storage.delete(key)

    with pytest.raises(Damaged, match="is missing"):
        copied(here, storage)

    twin = opened(storage)
    assert [one.name for one in twin.versions("m")] == ["m:v0"]
    assert not twin.fsck(full=True).findings


def test_a_mirror_gets_what_has_come_since(grown: Repository, files: Files) -> None:
    storage = MemoryStorage()
    copied(grown, storage)
    grown.log(files("four"), "m")

    done = copied(grown, storage)

    assert done.entries == 1 and 0 < done.bytes < 2000
    assert copied(grown, storage)[2:] == (0, 0)
    assert not opened(storage).fsck(full=True).findings


def test_a_mirror_that_was_written_to_is_refused(grown: Repository, files: Files) -> None:
    storage = MemoryStorage()
    copied(grown, storage)
    opened(storage).log(files("theirs"), "m")

    with pytest.raises(Diverged):
        copied(grown, storage)

    grown.log(files("ours"), "m")
    with pytest.raises(Diverged):
        copied(grown, storage)


def test_another_repository_is_no_mirror(grown: Repository) -> None:
    storage = MemoryStorage()
    Repository.init_storage(storage, "other")

    with pytest.raises(NoMirror):
        copied(grown, storage)


def test_a_repository_is_no_mirror_of_itself(tmp_path: Path) -> None:
    one = Repository.init(tmp_path / "one")
    (tmp_path / "link").symlink_to("one")

    for place in ("one", "one/.mreg", "link"):
        with pytest.raises(SameRepository):
            one.mirror(tmp_path / place)


def test_a_mirror_that_is_killed_anywhere_goes_on(grown: Repository) -> None:
    counting = FaultyStorage(MemoryStorage(), 0, Crash)
    whole = copied(grown, counting)
    for at in range(1, counting.calls + 1):
        storage = MemoryStorage()
        with pytest.raises(Crash):
            copied(grown, FaultyStorage(storage, at, Crash, dead=True))

        done = copied(grown, storage)

        assert done.entries <= whole.entries
        assert not opened(storage).fsck(full=True).findings
