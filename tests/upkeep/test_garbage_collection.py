"""gc gives back what nothing can reach, and never what somebody reaches, or reached a moment ago."""

from __future__ import annotations

import errno
import os
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mreg.content import packs
from mreg.content.pack_writer import PackWriter
from mreg.content.packs import DamagedPack
from mreg.operations import log as log_module
from mreg.operations.undo import GivenUp
from mreg.refs import journal as journals
from mreg.refs.journal import DamagedJournal
from mreg.refs.keys import VersionKey
from mreg.refs.transaction import Draft
from mreg.repository import Repository
from mreg.session import statcache
from mreg.session.context import Context
from mreg.storage import LockTimeout, Storage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash, FaultyStorage
from mreg.upkeep import garbage, sweep
from mreg.upkeep.garbage import Moved
from mreg.upkeep.sweep import Unfinished
from mreg.values.errors import Damaged, MregError

DAY = 86400.0
AfterMarking = Callable[[Callable[[int], object]], list[int]]
random_bytes = random.Random(5).randbytes
BASE, TAIL = random_bytes(3 << 20), random_bytes(2000)


@pytest.fixture
def log(repo: Repository, folder: Callable[..., str]) -> Callable[..., Any]:
    def log(artifact: str, **files: bytes) -> Any:
        return repo.log(folder(files), artifact)

    return log


def size_of(storage: Storage) -> int:
    """Bytes of packs and records."""
    stats = [storage.stat(key) for folder in ("packs", "objects") for key in storage.list(folder)]
    return sum(stat.size for stat in stats if stat)


def text_of(repo: Repository, reference: str, path: str = "a") -> bytes:
    return b"".join(repo.read(reference, path))


# What goes and what stays.


def test_a_clean_repository_gives_nothing_back(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], content: Callable[[Storage], dict[str, bytes]]
) -> None:
    log("mnist", a=b"1")
    before = content(storage)

    swept = repo.gc(grace=0)

    assert (swept.bytes, swept.packs, swept.records, swept.kept) == (0, 0, 0, 0)
    assert content(storage) == before


def test_a_deleted_version_is_given_back_and_exactly_as_foretold(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any]
) -> None:
    log("mnist", a=os.urandom(1000))
    log("mnist", a=(second := os.urandom(2000)))
    repo.remove("mnist:v0")
    before = size_of(storage)

    foretold = repo.gc(grace=0, dry_run=True)
    untouched = size_of(storage)
    swept = repo.gc(grace=0)

    assert untouched == before
    assert swept == foretold
    assert (swept.packs, swept.records) == (1, 2)
    assert before - size_of(storage) == swept.bytes > 1000
    assert text_of(repo, "mnist:v1") == second
    assert repo.fsck(full=True).findings == ()


def test_a_dry_run_writes_nothing(repo: Repository, storage: MemoryStorage, log: Callable[..., Any]) -> None:
    log("mnist", a=b"1")
    repo.remove("mnist:v0")
    head = len(repo.history())

    repo.gc(grace=0, dry_run=True)

    assert len(repo.history()) == head


def test_again_gives_nothing_more(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", a=b"1")
    repo.remove("mnist:v0")
    repo.gc(grace=0)

    assert repo.gc(grace=0).bytes == 0


def test_a_pack_stays_whole_while_one_of_its_chunks_is_needed(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", a=b"shared", b=b"alone")
    log("letters", a=b"shared")
    repo.remove("mnist:v0")

    swept = repo.gc(grace=0)

    assert swept.packs == 0
    assert text_of(repo, "letters") == b"shared"
    assert repo.fsck(full=True).findings == ()


def test_what_a_link_alone_reaches_cannot_be_deleted_with_its_artifact(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("mnist", a=b"1")
    repo.link("mnist:v0", "Digits")

    with pytest.raises(MregError):
        repo.remove_artifact("mnist")
    repo.gc(grace=0)

    assert text_of(repo, "Digits:v0") == b"1"


def test_a_renamed_artifact_keeps_its_data(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", a=b"1")
    repo.rename_artifact("mnist", "numbers")

    repo.gc(grace=0)

    assert text_of(repo, "numbers:v0") == b"1"


# Grace.


def test_data_that_no_ref_names_yet_is_left_to_its_writer(
    repo: Repository, storage: MemoryStorage, age: Callable[[float], None]
) -> None:
    with PackWriter(storage) as writer:
        writer.add(bytes(32), b"x" * 100)
        name = writer.publish()

    young = repo.gc(grace=DAY)
    age(2 * DAY)
    old = repo.gc(grace=DAY)

    assert (young.bytes, young.kept > 100) == (0, True)
    assert (old.packs, old.kept) == (1, 0)
    assert storage.stat(packs.key_of(name)) is None


def test_a_deletion_is_remembered_for_the_grace_period(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", a=b"1")
    log("mnist", a=b"2")
    age(30 * DAY)
    repo.remove("mnist:v0")

    early = repo.gc(grace=14 * DAY)
    age(13 * DAY)
    still = repo.gc(grace=14 * DAY)
    age(2 * DAY)
    late = repo.gc(grace=14 * DAY)

    assert (early.packs, still.packs, late.packs) == (0, 0, 1)
    assert repo.fsck(full=True).findings == ()


def test_the_grace_of_the_settings_counts_where_none_is_given(
    repo: Repository, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", a=b"1")
    repo.remove("mnist:v0")
    age(2 * DAY)

    assert repo.gc().packs == 0
    repo.set_setting("gc.grace", "1d")
    assert repo.gc().packs == 1


def test_logging_again_makes_a_remembered_version_s_data_young(
    repo: Repository, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", a=b"1" * 100)
    repo.remove("mnist:v0")
    age(30 * DAY)

    result = log("letters", a=b"1" * 100)
    repo.gc(grace=DAY)

    assert result.stored == 0
    assert text_of(repo, "letters") == b"1" * 100


def test_what_an_earlier_gc_gave_up_does_not_trouble_a_later_one_with_grace(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("mnist", a=b"1")
    log("mnist", a=b"2")
    repo.remove("mnist:v0")
    repo.gc(grace=0)

    assert repo.gc(grace=14 * DAY).bytes == 0


def test_a_rename_that_brings_along_what_a_gc_gave_up_does_not_trouble_a_later_one(
    repo: Repository, log: Callable[..., Any]
) -> None:
    """The entry of the rename names the versions of removed links, which are gone."""
    log("mnist", a=b"1")
    log("mnist", a=b"2")
    repo.link("mnist:v0", "Digits")
    repo.remove("mnist:v0", force=True)
    repo.gc(grace=0)
    repo.rename_model("Digits", "Numbers")

    assert repo.gc(grace=14 * DAY).bytes == 0


def test_abandoned_temporary_files_are_swept_when_they_are_a_day_old(repo: Repository, storage: MemoryStorage) -> None:
    staged = storage.stage()
    staged.write(b"x" * 50)

    young = repo.gc(grace=0)
    staged.touched -= 2 * DAY
    foretold = repo.gc(grace=0, dry_run=True)
    old = repo.gc(grace=0)

    assert (young.unfinished, foretold.unfinished, old.unfinished) == (0, 50, 50)


def test_what_is_no_record_among_the_objects_is_collected_and_fsck_finds_nothing(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any]
) -> None:
    log("mnist", a=b"1")
    storage.put("objects/notes.txt", b"mine")

    swept = repo.gc(grace=0)

    assert (swept.bytes, storage.stat("objects/notes.txt")) == (4, None)
    assert repo.fsck().findings == ()


# Damage.


def give_up_pack_of_entry(storage: MemoryStorage, seq: int) -> str:
    """Commit an entry that drops the first pack of another entry, as a forged or faulty one may; the pack's name."""
    (name,) = Context(storage, "memory").journal.entry(seq).packs

    def build(draft: Draft) -> None:
        draft.drops = (packs.key_of(name),)

    Context(storage, "memory").commit("forged", build)
    return name


@pytest.mark.parametrize("data", [b"one chunk", BASE], ids=["chunk", "recipe"])
@pytest.mark.parametrize("options", [{}, {"dry_run": True}, {"repack": True}, {"grace": DAY}], ids=str)
def test_a_pack_that_an_entry_drops_though_a_version_needs_it_is_not_deleted(
    options: dict[str, Any],
    data: bytes,
    repo: Repository,
    storage: MemoryStorage,
    log: Callable[..., Any],
    age: Callable[[float], None],
    content: Callable[[Storage], dict[str, bytes]],
) -> None:
    log("mnist", a=data)
    log("scrap", a=b"doomed")
    repo.remove("scrap:v0")
    name = give_up_pack_of_entry(storage, 1)
    age(2 * DAY)
    before = content(storage)

    with pytest.raises(DamagedPack) as refused:
        repo.gc(**{"grace": 0} | options)

    assert refused.value.pack == name
    assert content(storage) == before


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("data", [b"one chunk", BASE], ids=["chunk", "recipe"])
@pytest.mark.parametrize("format", [1, 2])
def test_a_pack_that_an_entry_drops_though_a_version_needs_it_comes_back_by_a_repair(
    data: bytes, full: bool, format: int, storage: MemoryStorage, folder: Callable[..., str]
) -> None:
    """In format 1 it is named again, in format 2, where it is dead, what is needed of it goes into a new one."""
    repo = Repository.init_storage(storage, "memory", format=format)
    repo.log(folder({"a": data}), "mnist")
    repo.log(folder({"a": b"doomed"}), "scrap")
    repo.remove("scrap:v0")
    name = give_up_pack_of_entry(storage, 1)

    report = repo.fsck(full=full, repair=True)

    assert [one.what for one in report.repaired] == [packs.key_of(name)]
    assert report.findings == repo.fsck(full=True).findings == ()
    assert text_of(repo, "mnist:v0") == data
    assert repo.gc(grace=0).packs == format
    assert text_of(repo, "mnist:v0") == data


def test_a_pack_that_an_entry_drops_though_a_deleted_version_may_come_back_stays_for_the_grace_period(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", a=b"first")
    log("mnist", a=b"second")
    name = give_up_pack_of_entry(storage, 1)
    age(30 * DAY)
    repo.remove("mnist:v0")

    early = repo.gc(grace=14 * DAY)
    there = storage.stat(packs.key_of(name)) is not None
    age(15 * DAY)
    late = repo.gc(grace=14 * DAY)

    assert (early.packs, there, late.packs) == (0, True, 1)


@pytest.mark.parametrize("kind", ["record", "manifest", "pack", "journal"])
def test_a_damaged_repository_is_not_collected(
    kind: str,
    repo: Repository,
    storage: MemoryStorage,
    log: Callable[..., Any],
    content: Callable[[Storage], dict[str, bytes]],
) -> None:
    log("mnist", a=b"1")
    version = log("mnist", a=b"2").version
    repo.remove("mnist:v0")
    keys = {
        "record": f"objects/{version.digest[:2]}/{version.digest[2:]}",
        "manifest": f"objects/{version.manifest[:2]}/{version.manifest[2:]}",
        "pack": next(storage.list("packs")),
        "journal": journals.key_of(1),
    }
    storage.put(keys[kind], b"damaged")
    before = content(storage)

    with pytest.raises(Damaged):
        repo.gc(grace=0)

    assert content(storage) == before


def test_a_journal_with_a_hole_in_it_lets_gc_delete_nothing(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], content: Callable[[Storage], dict[str, bytes]]
) -> None:
    for text in (b"1", b"2", b"3"):
        log("mnist", a=text)
    storage.delete("journal/000000/000000002.json")
    storage.delete("journal/applied")
    before = content(storage)

    with pytest.raises(DamagedJournal):
        repo.gc(grace=0)

    assert content(storage) == before


# Beside writers.


class Hooked(MemoryStorage):
    """Runs something when a call of the given kind comes by for the n-th time, once."""

    def __init__(self) -> None:
        super().__init__()
        self.hooks: list[list[Any]] = []

    def before(self, call: str, prefix: str, act: Callable[[], object], turn: int = 1) -> None:
        self.hooks.append([call, prefix, act, turn])

    def _run(self, call: str, key: str) -> None:
        for hook in list(self.hooks):
            if hook[0] == call and key.startswith(hook[1]):
                hook[3] -= 1
                if hook[3] == 0:
                    self.hooks.remove(hook)
                    hook[2]()

    def get(self, key: str) -> Any:
        self._run("read", key)
        return super().get(key)

    def read(self, key: str, start: int, length: int) -> bytes:
        self._run("read", key)
        return super().read(key, start, length)

    def stat(self, key: str) -> Any:
        self._run("read", key)
        return super().stat(key)

    def put(self, key, value, *args):  # type: ignore[no-untyped-def]
        self._run("put", key)
        return super().put(key, value, *args)

    def delete(self, key: str) -> bool:
        self._run("delete", key)
        return super().delete(key)

    def lock(self, timeout: float = 30.0) -> Any:
        self._run("lock", "")
        return super().lock(timeout)


@pytest.fixture
def storage(request: pytest.FixtureRequest) -> MemoryStorage:
    return Hooked()


@pytest.mark.parametrize("place", ["packs/", "objects/", "journal/"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_what_a_gc_takes_while_fsck_is_at_work_is_no_damage(
    turn: int, place: str, repo: Repository, storage: Hooked, folder: Callable[..., str], reopen: Callable[..., Any]
) -> None:
    for number in range(3):
        repo.log(folder({"a": BASE + bytes([number]), "b": bytes([number]) * 300}), "mnist")
    other = reopen(storage)
    storage.before("read", place, lambda: other.gc(grace=0, keep_last=1), turn)

    report = repo.fsck(full=True)

    assert report.findings == ()
    assert repo.fsck(full=True).findings == ()


@pytest.fixture
def old(storage: Hooked) -> Repository:
    """A repository of format 1."""
    return Repository.init_storage(storage, "memory", format=1)


STEPS = [*((1, "lock", turn) for turn in range(1, 5)), (2, "lock", 1), *((2, "delete", turn) for turn in range(1, 4))]
"""gc takes the lock to say what goes; in format 1 also for each thing that it deletes."""


@pytest.mark.parametrize(("format", "call", "turn"), STEPS)
def test_a_version_logged_while_gc_is_at_work_loses_nothing(
    format: int,
    call: str,
    turn: int,
    storage: Hooked,
    folder: Callable[..., str],
    reopen: Callable[[Storage], Repository],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweep, "_BATCH", 1)
    at = folder({"a": BASE, "b": TAIL})
    repo = Repository.init_storage(storage, "memory", format=format)
    repo.log(at, "mnist")
    repo.remove("mnist:v0")
    writer = reopen(storage)
    writer.artifacts()  # its lookup tables know the doomed pack
    storage.before(call, "", lambda: writer.log(at, "again"), turn)

    repo.gc(grace=0)

    assert storage.hooks == []
    assert text_of(repo, "again") == BASE
    assert reopen(storage).fsck(full=True).findings == ()
    assert text_of(reopen(storage), "again", "b") == TAIL


def test_a_doomed_pack_that_release_0_1_commits_to_before_it_is_deleted_stays(
    old: Repository,
    storage: Hooked,
    folder: Callable[..., str],
    reopen: Callable[[Storage], Repository],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It looked before gc said what goes, and commits after that, before gc deletes: in format 1 it may."""
    version = old.log(folder({"a": BASE, "b": TAIL}), "mnist").version
    old.remove("mnist:v0")
    delete = sweep.delete

    def bring_back(draft: Draft) -> None:
        draft.packs = tuple(packs.pack_names(storage))
        draft.set(VersionKey("mnist", 0), version.digest)

    def delete_later(*args: Any) -> None:
        Context(storage, "memory").commit("undo 2", bring_back)
        delete(*args)

    monkeypatch.setattr(sweep, "delete", delete_later)

    old.gc(grace=0)

    assert text_of(old, "mnist") == BASE
    assert text_of(reopen(storage), "mnist", "b") == TAIL
    assert reopen(storage).fsck(full=True).findings == ()


def test_a_writer_whose_chunks_were_swept_between_reading_and_committing_writes_them_again(
    repo: Repository, storage: Hooked, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    at = folder({"a": BASE})
    repo.log(at, "mnist")
    repo.remove("mnist:v0")
    sweeper = reopen(storage)
    storage.before("put", "objects/", lambda: sweeper.gc(grace=0))

    result = repo.log(at, "again")

    assert result.created
    assert text_of(repo, "again") == BASE
    assert repo.fsck(full=True).findings == ()
    assert text_of(reopen(storage), "again") == BASE


def test_a_gc_between_reading_files_and_asking_for_their_packs_makes_log_read_them_again(
    repo: Repository, folder: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = folder({"a": TAIL})
    repo.log(at, "mnist")
    repo.remove("mnist:v0")
    real, gone = log_module.ingest, []

    def ingest(context: Any, *rest: Any, **options: Any) -> Any:
        manifest = real(context, *rest, **options)
        if not gone:
            gone.append(repo.gc(grace=0))
            context.index.catch_up(
                repo._context.journal.look()
            )  # another process that shares the tables hears of it first
        return manifest

    monkeypatch.setattr(log_module, "ingest", ingest)

    result = repo.log(at, "again")

    assert gone[0].packs == 1 and result.created
    assert text_of(repo, "again") == TAIL
    assert repo.fsck(full=True).findings == ()


def test_records_that_were_swept_between_writing_and_committing_are_written_again(
    repo: Repository, storage: Hooked, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    sweeper = reopen(storage)
    writer = reopen(storage)
    storage.before("lock", "", lambda: sweeper.gc(grace=0))

    result = writer.log(folder({"a": BASE}), "mnist")

    assert result.version.name == "mnist:v0"
    assert text_of(repo, "mnist") == BASE
    assert repo.fsck(full=True).findings == ()


@pytest.mark.parametrize("shared", [False, True], ids=["with its pack", "its record alone"])
def test_an_undo_whose_version_is_swept_between_looking_and_committing_is_refused(
    shared: bool, repo: Repository, storage: Hooked, log: Callable[..., Any], reopen: Callable[[Storage], Repository]
) -> None:
    if shared:
        log("letters", a=b"1")
    log("mnist", a=b"1")
    seq = repo.remove("mnist:v0").seq
    sweeper, writer = reopen(storage), reopen(storage)
    storage.before("lock", "", lambda: sweeper.gc(grace=0))

    with pytest.raises(GivenUp):
        writer.undo(seq)

    assert storage.hooks == []
    assert [entry.command for entry in repo.history(since=seq)] == ["gc"]
    assert reopen(storage).fsck(full=True).findings == ()


@pytest.mark.parametrize(("format", "call", "turn"), STEPS)
def test_an_undo_while_gc_is_at_work_is_whole_or_refused(
    format: int,
    call: str,
    turn: int,
    storage: Hooked,
    folder: Callable[..., str],
    reopen: Callable[[Storage], Repository],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweep, "_BATCH", 1)
    at = folder({"a": BASE})
    repo = Repository.init_storage(storage, "memory", format=format)
    repo.log(at, "mnist")
    repo.log(at, "letters")  # the pack stays, of the version only the record goes
    seq = repo.remove("mnist:v0").seq
    writer = reopen(storage)
    came_back: list[bool] = []

    def undo() -> None:
        try:
            writer.undo(seq)
            came_back.append(True)
        except GivenUp:
            came_back.append(False)

    storage.before(call, "", undo, turn)
    repo.gc(grace=0)
    if not came_back:  # it was done before its turn came
        undo()

    in_time = call == "lock" and turn <= (2 if format == 1 else 1)
    assert came_back == [in_time], "in format 1 until its record is deleted, in format 2 until it is dropped"
    assert reopen(storage).fsck(full=True).findings == ()
    if came_back == [True]:
        repo.gc(grace=0)
        assert text_of(reopen(storage), "mnist:v0") == BASE


def test_what_came_back_after_a_killed_gc_has_a_grace_period_again(
    old: Repository, folder: Callable[..., str], age: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The killed one had given up its record, but not deleted it: in format 1 it can still come back."""
    at = folder({"a": b"shared"})
    old.log(at, "mnist")
    old.log(at, "letters")
    seq = old.remove("mnist:v0").seq
    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr(sweep, "delete", _die)
        old.gc(grace=0)
    old.undo(seq)
    age(30 * DAY)
    again = old.remove("mnist:v0").seq

    swept = old.gc(grace=2 * DAY)
    old.undo(again)

    assert (swept.bytes, swept.kept > 0) == (0, True)
    assert text_of(old, "mnist:v0") == b"shared"
    assert old.fsck(full=True).findings == ()


def test_the_latest_version_deleted_and_swept_while_its_content_is_logged_again(
    repo: Repository, storage: Hooked, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    at = folder({"a": BASE})
    repo.log(at, "mnist")
    other, writer = reopen(storage), reopen(storage)

    def delete() -> None:
        other.remove("mnist:v0")
        other.gc(grace=0)

    storage.before("lock", "", delete)
    result = writer.log(at, "mnist", message="again")  # which is to be said of the version

    assert (result.created, result.version.name) == (True, "mnist:v1")
    assert text_of(repo, "mnist") == BASE
    assert repo.fsck(full=True).findings == ()


def test_a_recipe_whose_pack_is_swept_before_the_commit_is_written_again(
    repo: Repository, storage: Hooked, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    """A file put together from another version's chunks alone: its pack holds a recipe and nothing else."""
    one, two = BASE[: 1 << 20], BASE[1 << 20 : 2 << 20]
    header = _safetensors_header(len(one))
    repo.log(folder({"t": header + one + two}), "first")
    swapped = folder({"t": header + two + one})
    repo.log(swapped, "second")
    repo.remove("second:v0")
    sweeper, writer = reopen(storage), reopen(storage)
    writer.versions("first")
    storage.before("put", "objects/", lambda: sweeper.gc(grace=0))

    writer.log(swapped, "third")

    assert text_of(repo, "third", "t") == header + two + one
    assert reopen(storage).fsck(full=True).findings == ()


def _safetensors_header(size: int) -> bytes:
    import json

    tensors = {
        name: {"dtype": "U8", "shape": [size], "data_offsets": [n * size, (n + 1) * size]}
        for n, name in enumerate("ab")
    }
    text = json.dumps(tensors).encode()
    return len(text).to_bytes(8, "little") + text


def test_a_file_whose_recipe_outlived_its_chunks_is_read_again(
    repo: Repository,
    folder: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    reopen: Callable[[Storage], Repository],
    storage: MemoryStorage,
) -> None:
    """The pack with the recipe stayed for another chunk in it; the stat cache knows the file by its look."""
    monkeypatch.setattr(statcache, "FINE_SECONDS", -1e9)
    repo.log(folder({"base": BASE}), "base")
    longer = folder({"a": BASE + TAIL, "x": b"small" * 100})
    repo.log(longer, "mnist")
    repo.log(folder({"x": b"small" * 100}), "letters")
    repo.remove("base:v0")
    repo.remove("mnist:v0")
    assert repo.gc(grace=0).packs == 1

    repo.log(longer, "mnist")

    assert text_of(repo, "mnist") == BASE + TAIL
    assert reopen(storage).fsck(full=True).findings == ()


def test_lookup_tables_that_slept_through_use_and_sweep_of_a_pack_forget_it(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    at = folder({"a": BASE})
    repo.log(at, "mnist")
    sleeper = reopen(storage)
    sleeper.versions("mnist")
    repo.log(at, "again")  # names the pack once more
    repo.remove("mnist:v0")
    repo.remove("again:v0")
    repo.gc(grace=0)

    sleeper.log(at, "awake")

    assert text_of(repo, "awake") == BASE
    assert repo.fsck(full=True).findings == ()


@pytest.fixture
def after_marking(monkeypatch: pytest.MonkeyPatch) -> AfterMarking:
    """Has something done after each marking, which is told the number of the marking; gives the numbers."""

    def after_marking(do: Callable[[int], object]) -> list[int]:
        mark, looks = garbage.mark, list[int]()

        def mark_then_do(*args: Any) -> Any:
            plan = mark(*args)
            looks.append(len(looks) + 1)
            do(looks[-1])
            return plan

        monkeypatch.setattr(garbage, "mark", mark_then_do)
        return looks

    return after_marking


def test_a_commit_while_gc_marks_makes_it_look_again(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], after_marking: AfterMarking
) -> None:
    log("mnist", a=b"1")
    log("mnist", a=b"2")
    repo.remove("mnist:v0")
    looks = after_marking(lambda look: look <= 2 and repo.set_alias(f"moved-{look}", "mnist:v1"))

    assert repo.gc(grace=0).packs == 1
    assert len(looks) == 3


@pytest.mark.parametrize("repack", [False, True])
def test_gc_gets_through_beside_writers_who_never_pause(
    repack: bool, tmp_path: Path, folder: Callable[..., str], after_marking: AfterMarking
) -> None:
    """Whoever honours the lock commits after each look, until gc takes it."""
    kept = random_bytes(4000)
    with Repository.init(tmp_path) as repo, Repository.open(tmp_path) as other:
        repo.log(folder({"a": kept, "b": random_bytes(90_000)}), "mnist")
        repo.log(folder({"a": kept}), "mnist")
        repo.remove("mnist:v0")
        other.set_setting("lock.timeout", "0s")

        def write(look: int) -> None:
            with suppress(LockTimeout):
                other.set_alias(f"moved-{look}", "mnist:v1")

        def write_in_a_thread(look: int) -> None:
            writer = threading.Thread(target=write, args=(look,))
            writer.start()
            writer.join()

        after_marking(write_in_a_thread)

        swept = repo.gc(grace=0, repack=repack)

        assert swept.records == 2 and swept.repacked == repack
        assert text_of(repo, "mnist:v1") == kept
        assert repo.fsck(full=True).findings == ()


def test_gc_gives_up_where_writers_are_always_faster_and_deletes_nothing(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], after_marking: AfterMarking
) -> None:
    log("mnist", a=b"1")
    log("mnist", a=b"2")
    repo.remove("mnist:v0")
    before = size_of(storage)
    after_marking(lambda look: repo.set_alias(f"moved-{look}", "mnist:v1"))

    with pytest.raises(Moved):
        repo.gc(grace=0)

    assert size_of(storage) == before


@pytest.mark.parametrize("grace", [0, DAY])
def test_a_gc_beside_another_one_that_deletes_what_it_looks_at_finds_no_damage(
    grace: float, repo: Repository, storage: Hooked, log: Callable[..., Any], reopen: Callable[[Storage], Repository]
) -> None:
    """The other one comes between any two reads of the first."""
    for n in range(3):
        log("mnist", a=b"%d" % n * 1000)
    repo.remove("mnist:v0")
    repo.remove("mnist:v1")
    alone = repo.gc(grace=0, dry_run=True)
    start = {key: storage.get(key) for key in storage.list("")}
    turn, rounds = 0, 0

    while not rounds or not storage.hooks:
        for key in list(storage.list("")):
            storage.delete(key)
        for key, value in start.items():
            assert value is not None
            storage.put(key, value.data)
        one, other = reopen(storage), reopen(storage)
        turn += 1
        storage.hooks.clear()
        storage.before("read", "", lambda other=other: other.gc(grace=0), turn)  # type: ignore[misc]
        one.gc(grace=grace)
        if not storage.hooks:
            rounds += 1
            assert size_of(storage) == sum(map(len, _data(start))) - alone.bytes
            assert reopen(storage).fsck(full=True).findings == ()

    assert rounds > 20


def test_a_pack_that_another_gc_deletes_between_listing_and_reading_it_is_no_damage(
    repo: Repository, storage: Hooked, log: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one has said so before this one began."""
    log("mnist", a=b"1")
    doomed = next(storage.list("packs"))
    log("mnist", a=b"2")
    repo.remove("mnist:v0")
    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr(sweep, "delete", _die)
        repo.gc(grace=0)
    storage.before("read", doomed, lambda: storage.delete(doomed))

    repo.gc(grace=0)

    assert storage.hooks == []
    assert text_of(repo, "mnist") == b"2"
    assert repo.fsck(full=True).findings == ()


def _die(*_: Any) -> None:
    raise Crash


def _data(content: dict[str, Any]) -> list[bytes]:
    return [value.data for key, value in content.items() if key.startswith(("packs", "objects"))]


def test_a_gc_that_was_killed_while_it_deleted_is_finished_by_the_next(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], reopen: Callable[[Storage], Repository]
) -> None:
    for n in range(4):
        log("mnist", a=b"%d" % n * 1000)
    for n in range(3):
        repo.remove(f"mnist:v{n}")
    expected = size_of(storage) - repo.gc(grace=0, dry_run=True).bytes
    counted = FaultyStorage(storage, 6, Crash, dead=True)
    with pytest.raises(Crash):
        reopen(counted).gc(grace=0)
    assert size_of(storage) > expected

    repo.gc(grace=0)

    assert size_of(storage) == expected
    assert repo.fsck(full=True).findings == ()


def test_a_gc_that_fails_while_it_deletes_says_what_happened_and_the_next_goes_on(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], reopen: Callable[[Storage], Repository]
) -> None:
    for n in range(3):
        log("mnist", a=b"%d" % n * 1000)
    expected = size_of(storage) - repo.gc(grace=0, keep_last=1, dry_run=True).bytes
    head = len(repo.history())
    failing = FaultyStorage(storage, 8, lambda: OSError(errno.EIO, os.strerror(errno.EIO)))

    with pytest.raises(Unfinished, match=f"entry {head + 1} .* Input/output error"):
        reopen(failing).gc(grace=0, keep_last=1)

    assert failing.calls == 8
    assert [version.number for version in repo.versions("mnist")] == [2], "the change was made"
    assert size_of(storage) > expected
    repo.gc(grace=0)
    assert size_of(storage) == expected
    assert repo.fsck(full=True).findings == ()


# Searched by Hypothesis: no order of commands loses anything that can be reached.


class Collected(RuleBasedStateMachine):
    """Logs of few contents in few artifacts, deletions, sweeps: what is there must be readable."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.tmp = tempfile.TemporaryDirectory()
        self.storage = MemoryStorage()
        self.writers = [Repository.init_storage(self.storage, "memory")]
        self.writers.append(Repository(Context(self.storage, "memory")))
        self.expected: dict[str, bytes] = {}
        self.count = 0

    def teardown(self) -> None:
        for writer in self.writers:
            writer.close()
        self.tmp.cleanup()

    def _folder(self, data: bytes, more: bytes) -> str:
        import os

        self.count += 1
        path = os.path.join(self.tmp.name, str(self.count))
        os.mkdir(path)
        for name, text in (("a", data), ("b", more)):
            with open(os.path.join(path, name), "wb") as file:
                file.write(text)
        return path

    @rule(
        who=st.integers(0, 1),
        artifact=st.sampled_from(["x", "y"]),
        parts=st.lists(st.integers(0, 2), min_size=1, max_size=3),
        more=st.integers(0, 3),
    )
    def log(self, who: int, artifact: str, parts: list[int], more: int) -> None:
        data = b"".join(CDC_PARTS[part] for part in parts)
        result = self.writers[who].log(self._folder(data, b"%d" % more), artifact)
        self.expected[result.version.name] = data

    @precondition(lambda self: self.expected)
    @rule(who=st.integers(0, 1), data=st.data())
    def remove(self, who: int, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.expected)))
        self.writers[who].remove(name)
        del self.expected[name]

    @rule(who=st.integers(0, 1), grace=st.sampled_from([0.0, 1e6]))
    def sweep(self, who: int, grace: float) -> None:
        self.writers[who].gc(grace=grace)

    @rule(who=st.integers(0, 1))
    def forget_tables(self, who: int) -> None:
        self.writers[who].close()

    @invariant()
    def everything_is_there(self) -> None:
        for name, data in self.expected.items():
            assert text_of(self.writers[0], name) == data
        assert self.writers[1].fsck().findings == ()


CDC_PARTS = [random_bytes(90_000) for _ in range(3)]
TestCollected = Collected.TestCase
TestCollected.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
