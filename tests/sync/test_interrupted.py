"""A transfer that is killed, refused or overtaken anywhere: nothing is half visible, the next one sends the rest."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pytest
from safetensors.numpy import save

from mreg.content import packs
from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage
from mreg.sync import sending
from mreg.testing.faults import Crash, FaultyStorage
from mreg.values.errors import MregError


@pytest.fixture(autouse=True)
def _small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PACK", 50_000)


@pytest.fixture
def steps(here: Repository, folder: Callable[..., str]) -> Repository:
    """Three versions of a fine-tuned tensor, of a file of its own each, with an alias and a link."""
    generator = np.random.default_rng(5)
    weights = generator.normal(0, 0.02, 60_000).astype(np.float32)
    for number in range(3):
        files = {"model.safetensors": save({"w": weights}), "step.txt": b"%d" % number}
        here.log(folder(files), "m", aliases=["best"], links=["Reader"])
        weights = weights + generator.normal(0, 0.0001, len(weights)).astype(np.float32)
    return here


def push(one: Repository, storage: FaultyStorage | MemoryStorage) -> int:
    team = Repository.open_storage(storage, "team")
    return one.push(team, every=True, all_aliases=True, links=True).bytes


def named(storage: MemoryStorage) -> int:
    """Bytes of the packs that the journal names."""
    journal = Repository.open_storage(storage, "team")._context.journal
    names = {name for _, entry in journal.whole() for name in entry.packs}
    return sum(len(storage.get(packs.key_of(name)).data) for name in names)  # type: ignore[union-attr]


def empty() -> MemoryStorage:
    storage = MemoryStorage()
    Repository.init_storage(storage, "team")
    return storage


def deaths(one: Repository) -> Iterator[tuple[int, MemoryStorage]]:
    counting = FaultyStorage(empty(), 0, Crash)
    push(one, counting)
    for at in range(1, counting.calls + 1):
        storage = empty()
        yield at, storage


def test_a_push_that_is_killed_anywhere_goes_on(steps: Repository) -> None:
    whole = push(steps, empty())
    interrupted = set()
    for at, storage in deaths(steps):
        with pytest.raises(Crash):
            push(steps, FaultyStorage(storage, at, Crash, dead=True))
        team = Repository.open_storage(storage, "team")
        seen, arrived = [one.name for one in team.artifacts()], named(storage)
        assert seen in ([], ["m"])
        if seen:
            assert len(team.versions("m")) == 3 and team.resolve("Reader").name == "m:v2"
        assert not team.fsck(full=True).findings

        again = push(steps, storage)

        records = sum(len(storage.get(key).data) for key in storage.list("objects"))  # type: ignore[union-attr]
        assert again <= max(0, whole - arrived) + 400 * 8  # a pack more, at most, has a header and a trailer of its own
        assert again + arrived + records >= whole
        assert b"".join(team.read("m:best", "step.txt")) == b"2"
        assert not team.fsck(full=True).findings
        interrupted.add(arrived)
    assert len(interrupted) > 4  # after no pack, after the first, and so on


def test_a_call_that_fails_at_the_other_side_leaves_nothing_half_done(steps: Repository) -> None:
    for at, storage in deaths(steps):
        full = FaultyStorage(storage, at, lambda: OSError(errno.ENOSPC, "No space left on device"))
        try:
            push(steps, full)
        except OSError as error:
            assert error.errno == errno.ENOSPC
        team = Repository.open_storage(storage, "team")
        assert [one.name for one in team.artifacts()] in ([], ["m"])
        push(steps, storage)
        assert not team.fsck(full=True).findings


def test_a_source_that_stops_answering_leaves_nothing_half_done(steps: Repository) -> None:
    source = steps._context.storage
    counting = FaultyStorage(source, 0, Crash, reads=True)
    Repository.open_storage(counting, "here").push(Repository.open_storage(empty(), "team"), every=True)
    for at in range(1, counting.calls + 1, 5):
        storage = empty()
        lost = FaultyStorage(source, at, lambda: OSError(errno.ECONNRESET, "Connection reset"), reads=True)
        with suppress(OSError, MregError):
            Repository.open_storage(lost, "here").push(Repository.open_storage(storage, "team"), every=True)
        team = Repository.open_storage(storage, "team")
        assert team.artifacts() == [] or len(team.versions("m")) == 3
        push(steps, storage)
        assert not team.fsck(full=True).findings


def test_a_gc_there_that_takes_what_has_arrived_is_survived(steps: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = empty()
    team = Repository.open_storage(storage, "team")
    publish, swept = sending._Packs.publish, []

    def and_sweep(self: sending._Packs) -> None:
        publish(self)
        if len(swept) < 3:
            swept.append(Repository.open_storage(storage, "team").gc(grace=0))

    monkeypatch.setattr(sending._Packs, "publish", and_sweep)

    push(steps, storage)

    assert sum(one.packs for one in swept) > 0
    assert len(team.versions("m")) == 3
    assert not team.fsck(full=True).findings


def test_a_gc_here_that_rewrites_packs_is_survived(steps: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = empty()
    steps.remove("m:v1", force=True)
    publish, done = sending._Packs.publish, []

    def and_repack(self: sending._Packs) -> None:
        publish(self)
        if not done:
            done.append(Repository.open_storage(steps._context.storage, "here").gc(grace=0, repack=True))

    monkeypatch.setattr(sending._Packs, "publish", and_repack)

    push(steps, storage)

    team = Repository.open_storage(storage, "team")
    assert [one.number for one in team.versions("m")] == [0, 2]
    assert not team.fsck(full=True).findings


def test_two_pushes_of_the_same_version_at_once_make_it_once(
    steps: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = empty()
    publish, done = sending._Packs.publish, []

    def and_the_other(self: sending._Packs) -> None:
        publish(self)
        if not done:
            done.append(0)
            done.append(push(steps, storage))

    monkeypatch.setattr(sending._Packs, "publish", and_the_other)

    push(steps, storage)

    team = Repository.open_storage(storage, "team")
    assert len(done) == 2
    assert [one.number for one in team.versions("m")] == [0, 1, 2]
    assert not team.fsck(full=True).findings


def test_no_pack_is_larger_than_packs_are_to_be(steps: Repository) -> None:
    storage = empty()

    foretold = steps.push(Repository.open_storage(storage, "team"), every=True, dry_run=True).bytes
    sent = steps.push(Repository.open_storage(storage, "team"), every=True).bytes

    sizes = [storage.stat(key).size for key in storage.list("packs")]  # type: ignore[union-attr]
    largest = max(one.stored for index in indexes(storage) for one in index.chunks)
    assert max(sizes) <= max(sending.PACK, largest + 400)
    assert foretold == sent


def indexes(storage: MemoryStorage) -> list[packs.PackIndex]:
    return [packs.read_index(storage, name) for name in packs.pack_names(storage)]


def test_two_pushes_of_one_version_at_once_leave_it_there_once(
    steps: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: the second push begins, and ends, when the first has sent its first pack
    whole, storage = push(steps, empty()), empty()
    publish, begun = sending._Packs.publish, []

    def and_another(self: sending._Packs) -> None:
        publish(self)
        if not begun:
            begun.append(True)
            push(Repository.open_storage(steps._context.storage, "here"), storage)

    monkeypatch.setattr(sending._Packs, "publish", and_another)

    # when
    push(steps, storage)

    # then
    team = Repository.open_storage(storage, "team")
    assert len(team.versions("m")) == 3
    assert sum(storage.stat(key).size for key in storage.list("packs")) <= 2 * whole  # type: ignore[union-attr]
    team.gc(grace=0, repack=True)
    live = [name for one in indexes(storage) for name in (entry.digest for entry in one.chunks)]
    assert len(live) == len(set(live))
    assert not team.fsck(full=True).findings
    assert b"".join(team.read("m:best", "step.txt")) == b"2"
