"""A transfer of several packs: one arrives while the next is filled, and the journal names them in their order."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mreg.repository import Repository
from mreg.storage.base import ANY, Expect, Staged
from mreg.storage.memory import MemoryStorage
from mreg.sync import sending

PATIENCE = 300


@pytest.fixture(autouse=True)
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PACK", 100_000)


@pytest.fixture
def source(new: Callable[..., Repository], tmp_path: Path) -> Repository:
    """A repository with a version of five files, each of which fills a pack."""
    source = new("here")
    for number in range(5):
        (tmp_path / f"{number}.bin").write_bytes(os.urandom(60_000))
    source.log(tmp_path, "m")
    return source


def packs_named(repo: Repository) -> set[str]:
    return {name for _, entry in repo._context.journal.whole() for name in entry.packs}


class Slow(MemoryStorage):
    """The first pack does not arrive before the next is begun."""

    def __init__(self) -> None:
        super().__init__()
        self.staged, self.next_begun = 0, threading.Event()

    def stage(self) -> Staged:
        self.staged += 1
        if self.staged == 2:
            self.next_begun.set()
        return super().stage()

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> None:
        if key.startswith("packs/"):
            assert self.next_begun.wait(PATIENCE)
        super().put(key, value, expect)


def test_a_pack_arrives_while_the_next_is_filled(source: Repository, new: Callable[..., Repository]) -> None:
    target = new("team", Slow())

    source.push(target, every=True)

    assert len(packs_named(target)) == 5
    assert target.fsck(full=True).findings == ()


class Full(MemoryStorage):
    """Takes so many packs."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> None:
        if key.startswith("packs/"):
            self.left -= 1
            if self.left < 0:
                raise OSError(28, "No space left on device")
        super().put(key, value, expect)


@pytest.mark.parametrize("fits", range(5))
def test_a_pack_that_does_not_arrive_ends_it_and_those_before_it_are_named(
    source: Repository, new: Callable[..., Repository], fits: int
) -> None:
    storage = Full(fits)
    target = new("team", storage)

    with pytest.raises(OSError, match="No space left"):
        source.push(target, every=True)

    assert len(packs_named(target)) == fits
    assert target.artifacts() == []
    assert target.fsck(full=True).findings == ()
    storage.left = 100
    assert source.push(target, every=True).chunks == 5 - fits
    assert len(packs_named(target)) == 5
