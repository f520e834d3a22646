"""Packs that are mostly dead, or could be much smaller, are written anew; what `du` foretells of deletions holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from mreg.content import packs
from mreg.content.pack_writer import PackWriter
from mreg.repository import Repository
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash, FaultyStorage
from mreg.upkeep.garbage import Moved
from mreg.upkeep.repack import Rewriter
from mreg.values.errors import Damaged, MregError

Log = Callable[..., Any]
CHUNK = 100_000


@pytest.fixture
def log(repo: Repository, folder: Callable[..., str]) -> Log:
    def log(artifact: str, **files: bytes) -> Any:
        return repo.log(folder(files), artifact)

    return log


def steps(count: int) -> list[bytes]:
    """Checkpoints of one tensor of two chunks that moves a little each time."""
    generator = np.random.default_rng(3)
    weights = generator.normal(0, 0.02, 400_000).astype(np.float32)
    found = []
    for _ in range(count):
        found.append(save({"weights": weights}))
        weights = weights + generator.normal(0, 0.0001, len(weights)).astype(np.float32)
    return found


def pack_names(storage: Storage) -> set[str]:
    return set(packs.pack_names(storage))


def size_of(storage: Storage) -> int:
    stats = [storage.stat(key) for folder in ("packs", "objects") for key in storage.list(folder)]
    return sum(stat.size for stat in stats if stat)


def text_of(repo: Repository, reference: str, path: str = "a") -> bytes:
    return b"".join(repo.read(reference, path))


def test_what_is_needed_of_a_mostly_dead_pack_is_kept_and_the_rest_is_given_back(
    repo: Repository, storage: MemoryStorage, log: Log, reopen: Callable[[Storage], Repository]
) -> None:
    shared, dead = os.urandom(CHUNK), os.urandom(5 * CHUNK)
    log("mnist", a=shared, b=dead)
    log("other", a=shared)
    repo.remove("mnist:v0")
    before, old = size_of(storage), pack_names(storage)
    assert repo.gc(grace=0).packs == 0

    foretold = repo.gc(grace=0, repack=True, dry_run=True)
    swept = repo.gc(grace=0, repack=True)

    assert (foretold.bytes, foretold.repacked) == (swept.bytes, swept.repacked)
    assert swept.repacked == 1 and swept.bytes > len(dead)
    assert before - size_of(storage) >= swept.bytes
    assert pack_names(storage).isdisjoint(old) and len(pack_names(storage)) == 1
    for anyone in (repo, reopen(storage)):
        assert text_of(anyone, "other:v0") == shared
        assert anyone.fsck(full=True).findings == ()


def test_repacking_tells_how_far_it_is(repo: Repository, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mreg.upkeep.repack.BATCH", CHUNK)
    kept = [os.urandom(CHUNK), os.urandom(CHUNK)]
    for number, shared in enumerate(kept):
        log("mnist", a=shared, b=os.urandom(5 * CHUNK))
        log("other", a=shared, n=b"%d" % number)
        repo.remove(f"mnist:v{number}")
    told: list[tuple[int, int]] = []

    repo.gc(grace=0, repack=True, progress=lambda done, total: told.append((done, total)))

    assert told[-1][0] == told[-1][1] >= 2 * CHUNK
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert len({total for _, total in told}) == 1


def test_repacking_that_begins_again_does_not_count_twice(
    repo: Repository, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = os.urandom(CHUNK)
    log("mnist", a=shared, b=os.urandom(5 * CHUNK))
    log("other", a=shared)
    repo.remove("mnist:v0")
    real, again = Rewriter.write, []

    def write(self: Rewriter, *arguments: Any) -> None:
        real(self, *arguments)
        if not again:
            again.append(repo.set_setting("gc.keep-last", "9"))

    monkeypatch.setattr(Rewriter, "write", write)
    told: list[tuple[int, int]] = []

    repo.gc(grace=0, repack=True, progress=lambda done, total: told.append((done, total)))

    assert max(done for done, _ in told) == told[-1][1]


def test_a_dry_run_of_a_repack_changes_nothing(repo: Repository, storage: MemoryStorage, log: Log) -> None:
    shared = os.urandom(CHUNK)
    log("mnist", a=shared, b=os.urandom(5 * CHUNK))
    log("other", a=shared)
    repo.remove("mnist:v0")
    before = {key: storage.get(key) for key in storage.list("")}

    assert repo.gc(grace=0, repack=True, dry_run=True).repacked == 1

    assert {key: storage.get(key) for key in storage.list("")} == before


def test_a_pack_that_is_mostly_alive_is_left_alone(repo: Repository, storage: MemoryStorage, log: Log) -> None:
    shared = os.urandom(5 * CHUNK)
    log("mnist", a=shared, b=os.urandom(CHUNK))
    log("other", a=shared)
    repo.remove("mnist:v0")
    before = pack_names(storage)

    swept = repo.gc(grace=0, repack=True)

    assert swept.repacked == 0
    assert pack_names(storage) == before


def test_what_was_reached_within_the_grace_is_not_thrown_away(repo: Repository, log: Log) -> None:
    shared, dead = os.urandom(CHUNK), os.urandom(5 * CHUNK)
    log("mnist", a=shared, b=dead)
    log("other", a=shared)
    seq = repo.remove("mnist:v0").seq

    swept = repo.gc(grace=1000, repack=True)
    repo.undo(seq)

    assert swept.repacked == 0
    assert text_of(repo, "mnist:v0", "b") == dead


def test_chunks_that_were_stored_as_they_are_get_smaller(repo: Repository, storage: MemoryStorage, log: Log) -> None:
    (weights,) = steps(1)
    repo.set_setting("log.compress", "false")
    log("mnist", a=weights)
    raw = size_of(storage)
    assert repo.gc(repack=True).repacked == 0, "the setting says that nothing is to be compressed"
    repo.set_setting("log.compress", "true")

    foretold = repo.gc(repack=True, dry_run=True)
    swept = repo.gc(repack=True)

    assert foretold.bytes == swept.bytes
    assert swept.repacked == 1 and size_of(storage) < 0.9 * raw
    assert text_of(repo, "mnist:v0") == weights
    assert repo.fsck(full=True).findings == ()
    assert repo.gc(repack=True).repacked == 0


def test_a_few_long_chunks_that_would_get_smaller_are_not_overlooked_among_many_short_ones(
    repo: Repository, storage: MemoryStorage, log: Log
) -> None:
    (weights,) = steps(1)
    repo.set_setting("log.compress", "false")
    log("mnist", z=weights, **{f"a{number}": os.urandom(4000) for number in range(60)})
    raw = size_of(storage)
    repo.set_setting("log.compress", "true")

    swept = repo.gc(repack=True)

    assert swept.repacked == 1 and size_of(storage) < 0.9 * raw
    assert text_of(repo, "mnist:v0", "z") == weights


def test_random_bytes_are_not_written_anew_again_and_again(repo: Repository, log: Log) -> None:
    log("mnist", a=os.urandom(10 * CHUNK))

    assert repo.gc(repack=True).repacked == 0


def test_deleting_the_base_of_a_difference_leaves_the_difference_readable(repo: Repository, log: Log) -> None:
    checkpoints = steps(10)
    for weights in checkpoints:
        log("mnist", a=weights)
    for number in (0, 1, 2, 4, 8):
        repo.remove(f"mnist:v{number}")

    repo.gc(grace=0)
    repo.gc(grace=0, repack=True)

    for number in (3, 5, 6, 7, 9):
        assert text_of(repo, f"mnist:v{number}") == checkpoints[number]
    assert repo.fsck(full=True).findings == ()


def test_the_last_of_a_chain_is_stored_by_itself_when_nothing_else_needs_the_chain(
    repo: Repository, storage: MemoryStorage, log: Log
) -> None:
    checkpoints = steps(4)
    for weights in checkpoints:
        log("mnist", a=weights)
    alone = repo.usage("mnist").items[0].stored
    for number in range(3):
        repo.remove(f"mnist:v{number}")
    repo.gc(grace=0)
    before = repo.usage("mnist").stored

    swept = repo.gc(grace=0, repack=True)

    assert swept.repacked == 3  # v3 is the difference to v2, and that to v0
    assert repo.usage("mnist").stored < 1.05 * alone < before
    assert text_of(repo, "mnist:v3") == checkpoints[3]
    (name,) = pack_names(storage)
    assert all(entry.base is None for entry in packs.read_index(storage, name).chunks)


def test_a_version_is_stored_as_a_difference_to_chunks_that_were_written_anew(repo: Repository, log: Log) -> None:
    first, second = steps(2)
    log("mnist", a=first, b=os.urandom(30 * CHUNK))
    log("kept", a=first)
    repo.remove("mnist:v0")
    assert repo.gc(grace=0, repack=True).repacked == 1

    result = log("kept", a=second)

    assert result.stored < 0.8 * result.new
    assert text_of(repo, "kept:v1") == second
    assert repo.fsck(full=True).findings == ()


def test_damage_is_not_copied_on(repo: Repository, storage: MemoryStorage, log: Log) -> None:
    shared = os.urandom(CHUNK)
    log("mnist", a=shared, b=os.urandom(5 * CHUNK))
    log("other", a=shared)
    repo.remove("mnist:v0")
    (name,) = pack_names(storage)
    key = packs.key_of(name)
    value = storage.get(key)
    assert value is not None
    at = value.data.index(shared[:100])
    storage.put(key, value.data[:at] + b"damaged" + value.data[at + 7 :])

    with pytest.raises(Damaged):
        repo.gc(grace=0, repack=True)

    assert pack_names(storage) == {name}


def test_a_pack_that_is_missing_stops_gc(repo: Repository, storage: MemoryStorage, log: Log) -> None:
    """It may be put back, and what its recipes and differences need must be there then."""
    first, second = steps(2)
    log("mnist", a=first)
    (base,) = pack_names(storage)
    log("mnist", a=second)
    (missing,) = pack_names(storage) - {base}
    value = storage.get(packs.key_of(missing))
    assert value is not None
    storage.delete(packs.key_of(missing))
    repo.remove("mnist:v0")

    with pytest.raises(Damaged):
        repo.gc(grace=0)

    storage.put(packs.key_of(missing), value.data)
    assert text_of(repo, "mnist:v1") == second


def test_a_writer_that_comes_first_is_heard(
    repo: Repository, storage: MemoryStorage, log: Log, folder: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names a chunk of the old pack that was dead when the new pack was written."""
    shared, dead = os.urandom(CHUNK), os.urandom(5 * CHUNK)
    log("mnist", a=shared, b=dead)
    log("other", a=shared)
    repo.remove("mnist:v0")
    real, again = Rewriter.write, []

    def write(self: Rewriter, *arguments: Any) -> None:
        real(self, *arguments)
        if not again:
            again.append(log("late", b=dead))

    monkeypatch.setattr(Rewriter, "write", write)

    swept = repo.gc(grace=0, repack=True)

    assert again[0].created and swept.repacked == 0  # now it is mostly alive
    assert text_of(repo, "late:v0", "b") == dead
    assert repo.fsck(full=True).findings == ()


def test_one_who_is_always_late_gives_up_and_has_lost_nothing(
    repo: Repository, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = os.urandom(CHUNK)
    log("mnist", a=shared, b=os.urandom(5 * CHUNK))
    log("other", a=shared)
    repo.remove("mnist:v0")
    real = Rewriter.write

    def write(self: Rewriter, *arguments: Any) -> None:
        real(self, *arguments)
        log("busy", a=os.urandom(10))

    monkeypatch.setattr(Rewriter, "write", write)

    with pytest.raises(Moved):
        repo.gc(grace=0, repack=True)

    assert text_of(repo, "other:v0") == shared
    assert repo.fsck(full=True).findings == ()


def test_a_reader_finds_what_was_moved_while_it_read(repo: Repository, log: Log) -> None:
    shared = os.urandom(30 * CHUNK)
    log("mnist", a=shared, b=os.urandom(50 * CHUNK))
    log("other", a=shared)
    repo.remove("mnist:v0")
    reader = repo.read("other:v0", "a")
    begun = next(reader)

    assert repo.gc(grace=0, repack=True).repacked == 1

    assert begun + b"".join(reader) == shared


def test_a_reader_finds_what_was_moved_again_and_again(repo: Repository, storage: MemoryStorage, log: Log) -> None:
    shared = os.urandom(60 * CHUNK)
    log("mnist", a=shared)
    reader = repo.read("mnist:v0", "a")
    begun = next(reader)

    for _ in range(3):
        (name,) = pack_names(storage)
        _move(repo, name)
        begun += next(reader)

    assert len(begun) < len(shared)
    assert begun + b"".join(reader) == shared


def _move(repo: Repository, name: str) -> None:
    """Put another pack with the same chunks in the place of this one, as a repack does."""
    storage = repo._context.storage
    index = packs.read_index(storage, name)
    with PackWriter(storage) as writer:
        for entry in index.chunks:
            form = memoryview(bytearray(entry.stored))
            packs.read_stored(storage, packs.Located(name, entry), form)
            writer.carry(entry, form)
        for file, pieces in index.recipes.items():
            writer.add_recipe(file, pieces)
        new = writer.publish()

    def build(draft: Any) -> None:
        draft.packs, draft.drops = (new,), (packs.key_of(name),)

    repo._context.commit("moved", build)
    storage.delete(packs.key_of(name))


@pytest.mark.parametrize("place", ["batches", "write"])
def test_a_pack_that_another_repack_takes_is_no_damage(
    place: str, repo: Repository, storage: MemoryStorage, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = os.urandom(CHUNK)
    log("mnist", a=shared, b=os.urandom(5 * CHUNK))
    log("other", a=shared)
    repo.remove("mnist:v0")
    (name,) = pack_names(storage)
    real, moved = getattr(Rewriter, place), []

    def late(self: Rewriter, *arguments: Any) -> Any:
        if not moved:
            moved.append(name)
            _move(repo, name)
            raise packs.DamagedChunk(digest="0", pack=name, reason="the pack is missing")
        return real(self, *arguments)

    monkeypatch.setattr(Rewriter, place, late)

    assert repo.gc(grace=0, repack=True).repacked == 1
    assert text_of(repo, "other:v0") == shared
    assert repo.fsck(full=True).findings == ()


@pytest.mark.parametrize("dead", [True, False], ids=["killed", "fails"])
def test_any_call_may_be_the_last(
    storage: MemoryStorage, repo: Repository, log: Log, reopen: Callable[[Storage], Repository], dead: bool
) -> None:
    shared = os.urandom(CHUNK)
    log("mnist", a=shared, b=os.urandom(5 * CHUNK))
    log("other", a=shared)
    repo.remove("mnist:v0")
    before = {key: value.data for key in storage.list("") if (value := storage.get(key))}
    calls = 0
    while True:
        calls += 1
        again = MemoryStorage()
        for key, data in before.items():
            again.put(key, data)
        faulty = FaultyStorage(again, calls, Crash() if dead else OSError(5, "Input/output error"), dead=dead)
        try:
            reopen(faulty).gc(grace=0, repack=True)
        except (Crash, OSError, MregError):
            pass
        anew = reopen(again)
        assert text_of(anew, "other:v0") == shared
        assert anew.fsck(full=True).findings == ()
        anew.gc(grace=0, repack=True)
        assert size_of(again) < 2 * CHUNK
        assert text_of(anew, "other:v0") == shared
        if faulty.calls < calls:
            break
    assert calls > 5


# du.


def test_a_deletion_frees_what_was_foretold(repo: Repository, storage: MemoryStorage, log: Log) -> None:
    checkpoints = steps(5)
    for number, weights in enumerate(checkpoints):
        log("mnist", a=weights, b=b"same in all" * 100, c=os.urandom(1000 * number))
    log("other", a=checkpoints[1])
    for item in [item for name in ("mnist", "other") for item in repo.usage(name).items]:
        copy = MemoryStorage()
        for key in storage.list(""):
            value = storage.get(key)
            assert value is not None
            copy.put(key, value.data)
        alone = opened(copy)
        before = alone.usage().stored
        alone.remove(item.name)

        assert before - alone.usage().stored == item.own, item
        freed = alone.gc(grace=0).bytes

        assert freed == item.frees, item
        alone.close()


def opened(storage: Storage) -> Repository:
    from mreg.session.context import Context

    return Repository(Context(storage, "copy", author="bob"))


def test_the_bytes_of_a_collection_add_up(repo: Repository, log: Log) -> None:
    first, second = steps(2)
    log("mnist", a=first)
    log("mnist", a=second)
    log("other", a=first)

    whole, mnist, other = repo.usage(), repo.usage("mnist"), repo.usage("other")

    assert whole.logical == len(first) * 2 + len(second)
    assert (whole.unique, whole.stored) == (mnist.unique, mnist.stored)
    assert [(item.name, item.versions) for item in whole.items] == [("mnist", 2), ("other", 1)]
    assert other.stored < mnist.stored < mnist.unique < mnist.logical
    assert mnist.items[1].stored == mnist.stored, "a difference needs its base"
