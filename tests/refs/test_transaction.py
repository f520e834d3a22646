"""Commit: expectations, races between writers, and what a reader sees of a change that is not applied yet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from mreg.refs import ref_files, transaction
from mreg.refs.heading import Heading
from mreg.refs.journal import Change, Entry, Journal
from mreg.refs.keys import CONFIG, AliasKey, LinkKey, RefKey, in_links
from mreg.refs.ref_files import Ref
from mreg.refs.transaction import Draft, MissingPack, Signature, Uncertain, commit, roll_forward
from mreg.refs.view import View
from mreg.repository import Repository
from mreg.storage import ANY, Storage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash, FaultyStorage
from mreg.values.errors import Conflict

ANN, BOB = Signature("ann", "host-a"), Signature("bob", "host-b")
ORIGIN = "0123456789abcdef0123456789abcdef"
KEY, OTHER = AliasKey("mnist", "best"), AliasKey("mnist", "worst")


def configured(storage: MemoryStorage) -> MemoryStorage:
    """A repository of which there is nothing but its config."""
    storage.put(CONFIG, ref_files.encode(CONFIG, Ref(str(Heading(2, ORIGIN)), 0)))
    return storage


@pytest.fixture
def storage() -> MemoryStorage:
    return configured(MemoryStorage())


@pytest.fixture
def repo(storage: MemoryStorage, reopen: Callable[[Storage], Repository]) -> Repository:
    return reopen(storage)


@pytest.fixture
def journal(storage: MemoryStorage) -> Journal:
    return Journal(storage, ORIGIN)


def put(storage: Storage, key: RefKey, value: str | None, who: Signature = ANN) -> Entry | None:
    return commit(storage, Journal(storage, ORIGIN), who, f"set {key}", lambda draft: draft.set(key, value)).entry


def unapplied(storage: MemoryStorage, *changes: Change) -> Entry:
    """Commit an entry and die before it is applied."""
    journal = Journal(storage, ORIGIN)
    head = journal.look().head
    entry = Entry(head.seq + 1, head.digest, "another", transaction.timestamp(), "bob", "host-b", "test", changes)
    assert journal.append(entry)
    return entry


def test_an_entry_says_who_when_where_what_and_from_what_to_what(storage: MemoryStorage, journal: Journal) -> None:
    put(storage, KEY, "v0")

    entry = put(storage, KEY, "v1", BOB)

    assert entry == journal.entry(2)
    assert (entry.seq, entry.who, entry.host, entry.command) == (2, "bob", "host-b", f"set {KEY}")
    assert entry.changes == (Change(KEY, "v0", "v1"),)
    assert entry.time.endswith("Z") and len(entry.time) == len("2026-01-01T00:00:00.000000Z")


def test_a_change_that_changes_nothing_is_no_entry(storage: MemoryStorage, journal: Journal) -> None:
    put(storage, KEY, "v0")

    assert put(storage, KEY, "v0") is None
    assert put(storage, OTHER, None) is None
    assert journal.look().head.seq == 1


def test_setting_back_to_what_it_was_within_a_draft_is_no_change(storage: MemoryStorage) -> None:
    put(storage, KEY, "v0")

    def build(draft: Draft) -> None:
        draft.set(KEY, "v1")
        assert draft.value(KEY) == "v1"
        draft.set(KEY, "v0")

    assert commit(storage, Journal(storage, ORIGIN), ANN, "test", build).entry is None


def test_a_refusal_by_the_caller_leaves_everything_as_it_was(
    storage: MemoryStorage, content: Callable[[Storage], dict[str, bytes]]
) -> None:
    put(storage, KEY, "v0")
    before = content(storage)

    def build(draft: Draft) -> None:
        draft.set(KEY, "v1")
        raise Conflict(message="not so")

    with pytest.raises(Conflict, match="not so"):
        commit(storage, Journal(storage, ORIGIN), ANN, "test", build)

    assert content(storage) == before
    with storage.lock(0.0):
        pass


def test_the_lock_is_given_back_when_the_process_dies_in_a_commit(storage: MemoryStorage) -> None:
    with pytest.raises(Crash):
        put(FaultyStorage(storage, 1, Crash, dead=True), KEY, "v0")

    with ThreadPoolExecutor(1) as other:
        assert other.submit(put, storage, KEY, "v1").result(timeout=300) is not None


def test_a_pack_that_is_gone_at_the_commit_refuses_it(storage: MemoryStorage, journal: Journal) -> None:
    def build(draft: Draft) -> None:
        draft.set(KEY, "v0")
        draft.packs = ("0" * 64,)

    with pytest.raises(MissingPack):
        commit(storage, journal, ANN, "test", build)

    assert list(storage.list("")) == [CONFIG]


class Racing(MemoryStorage):
    """Somebody else commits just before each of the first appends."""

    def __init__(self, *others: Callable[[Racing], object]) -> None:
        super().__init__()
        self.others: list[Callable[[Racing], object]] = []
        configured(self)
        self.others = list(others)

    def put(self, key, value, expect=ANY):  # type: ignore[no-untyped-def]
        if self.others and key.endswith(".json"):
            other, *waiting = self.others
            self.others = []  # its own append is no race
            other(self)
            self.others = waiting
        return super().put(key, value, expect)


def test_the_loser_of_a_race_builds_again_on_what_the_winner_did() -> None:
    storage = Racing(lambda s: unapplied(s, Change(KEY, None, "v7")), lambda s: unapplied(s, Change(KEY, "v7", "v8")))
    seen = []

    def build(draft: Draft) -> None:
        seen.append(draft.value(KEY))
        draft.set(KEY, "v1")

    entry = commit(storage, Journal(storage, ORIGIN), ANN, "test", build).entry

    assert seen[0] is None and seen[-1] == "v8" and len(seen) > 1
    assert entry is not None and (entry.seq, entry.changes) == (3, (Change(KEY, "v8", "v1"),))
    assert ref_files.read(storage, KEY) == ref_files.Ref("v1", 3)


def test_an_expectation_is_checked_again_after_a_lost_race() -> None:
    storage = Racing(lambda s: unapplied(s, Change(KEY, None, "v7")))

    def build(draft: Draft) -> None:
        if draft.value(KEY) is not None:
            raise Conflict(message="moved")
        draft.set(KEY, "v1")

    with pytest.raises(Conflict, match="moved"):
        commit(storage, Journal(storage, ORIGIN), ANN, "test", build)

    assert Journal(storage, ORIGIN).look().head.seq == 1
    assert ref_files.read(storage, KEY).value == "v7"


def test_the_next_writer_applies_what_a_dead_one_committed(storage: MemoryStorage, journal: Journal) -> None:
    unapplied(storage, Change(KEY, None, "v7"))
    assert storage.get(KEY) is None

    put(storage, OTHER, "v0")

    assert ref_files.read(storage, KEY) == ref_files.Ref("v7", 1)
    assert journal.applied().seq == 2


def test_an_entry_of_a_dead_writer_is_made_durable_before_it_is_applied(
    repo: Repository, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled: list[int] = []
    monkeypatch.setattr(Journal, "settle", lambda self, seq: settled.append(seq))
    repo.create_model("m")
    storage.delete("journal/applied")

    repo.create_model("n")

    assert settled == [1]


def test_rolling_forward_again_writes_nothing(storage: MemoryStorage, journal: Journal) -> None:
    unapplied(storage, Change(KEY, None, "v7"))
    roll_forward(storage, journal)
    counted = FaultyStorage(storage, 0, Crash)

    roll_forward(counted, Journal(counted, ORIGIN))

    assert counted.calls == 0


def test_readers_see_what_is_committed_and_not_applied_and_write_nothing(storage: MemoryStorage) -> None:
    put(storage, KEY, "v0")
    put(storage, LinkKey("M", 0), "mnist:v0 x")
    unapplied(
        storage,
        Change(KEY, "v0", None),
        Change(OTHER, None, "v9"),
        Change("registered/M/links#v0", "mnist:v0 x", None),
        Change("registered/M/links#v1", None, "mnist:v1 y"),
    )
    counted = FaultyStorage(storage, 0, Crash)

    view = View(counted, Journal(counted, ORIGIN))

    assert view.ref(KEY) == ref_files.Ref(None, 3, "v0")
    assert view.value(OTHER) == "v9"
    assert view.live(in_links("M"), LinkKey) == {LinkKey("M", 1): "mnist:v1 y"}
    assert view.ever(in_links("M"), LinkKey) == {LinkKey("M", 0), LinkKey("M", 1)}
    assert view.head.seq == 3
    assert counted.calls == 0


def test_a_view_prefers_a_ref_that_was_applied_after_it_was_taken(storage: MemoryStorage, journal: Journal) -> None:
    unapplied(storage, Change(KEY, None, "v1"))
    view = View(storage, journal)

    put(storage, KEY, "v2")

    assert view.value(KEY) == "v2"
    assert view.moved()


def test_reading_a_repository_with_an_unapplied_entry_changes_nothing(
    repo: Repository,
    storage: MemoryStorage,
    folder: Callable[..., str],
    reopen: Callable[[Storage], Repository],
    content: Callable[[Storage], dict[str, bytes]],
) -> None:
    at = folder({"a": b"1"})
    repo.log(at, "mnist")
    faulty = FaultyStorage(storage, 2, Crash, dead=True)  # the entry is written, its refs are not
    with pytest.raises(Crash):
        reopen(faulty).log(at, "mnist", aliases=["best"], links=["Digits"])
    before = content(storage)
    counted = FaultyStorage(storage, 0, Crash)
    reader = reopen(counted)

    assert reader.resolve("mnist:best").number == 0
    assert reader.resolve("Digits:v0").name == "mnist:v0"
    assert [one.name for one in reader.models()] == ["Digits"]
    assert b"".join(reader.read("Digits", "a")) == b"1"
    assert reader.version("mnist:best").links == ("Digits:v0",)
    assert reader.history()[-1].command.startswith("log")
    assert reader.fsck(full=True).findings == ()

    assert counted.calls == 0
    assert content(storage) == before


def test_a_commit_that_the_disk_did_not_confirm_is_called_uncertain(storage: MemoryStorage, journal: Journal) -> None:
    faulty = FaultyStorage(storage, 1, OSError(5, "Input/output error"), after=True)

    with pytest.raises(Uncertain) as raised:
        put(faulty, KEY, "v0")

    assert raised.value.seq == 1
    assert View(storage, journal).value(KEY) == "v0"


def test_a_change_is_done_even_if_applying_it_fails(storage: MemoryStorage, journal: Journal) -> None:
    faulty = FaultyStorage(storage, 2, OSError(28, "No space left on device"), dead=True)

    assert put(faulty, KEY, "v0") is not None

    assert storage.get(KEY) is None
    assert View(storage, journal).value(KEY) == "v0"
    put(storage, OTHER, "v1")
    assert ref_files.read(storage, KEY).value == "v0"


def test_writers_that_ignore_the_lock_still_lose_no_update(storage: MemoryStorage) -> None:
    class Unlocked(MemoryStorage):
        def lock(self, timeout: float = 30.0):  # type: ignore[no-untyped-def]
            return threading.Lock()  # everybody's own: as flock on a file system where it does nothing

    unlocked = configured(Unlocked())

    def count(_: int) -> None:
        def build(draft: Draft) -> None:
            draft.set(KEY, str(int(draft.value(KEY) or 0) + 1))

        commit(unlocked, Journal(unlocked, ORIGIN), ANN, "count", build)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(80)))

    assert View(unlocked, Journal(unlocked, ORIGIN)).value(KEY) == "80"
    assert [int(c.new or 0) for _, e in Journal(unlocked, ORIGIN).after(_start()) for c in e.changes] == list(
        range(1, 81)
    )


def _start() -> transaction.Mark:
    return transaction.Mark(0, ORIGIN)


def test_two_contexts_of_one_repository_see_each_others_changes(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    other = reopen(storage)
    repo.log(folder({"a": b"1"}), "mnist")
    assert other.resolve("mnist").number == 0

    other.set_alias("best", "mnist:v0")

    assert repo.version("mnist:best").aliases == ("best",)
