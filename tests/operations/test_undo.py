"""undo puts back all that an entry moved, or nothing: never over what came later, never half."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier
from typing import Any

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mreg.operations.history import UnknownSequence
from mreg.operations.undo import AlreadyUndone, CannotUndo, GivenUp, RefMoved
from mreg.refs.journal import Change, Entry, Journal
from mreg.refs.transaction import timestamp
from mreg.repository import Repository
from mreg.session.context import Context
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.values.entities import HistoryEntry
from mreg.values.errors import Conflict, MregError, Refused

DAY = 86400.0


def text_of(repo: Repository, reference: str) -> str:
    return b"".join(repo.read(reference, "weights")).decode()


def live(repo: Repository) -> dict[str, str]:
    """Every ref that has a value, as the journal has them."""
    now = {change.ref: change.new for entry in repo.history() for change in entry.changes}
    return {ref: value for ref, value in now.items() if value is not None and ref != "config.toml"}


def head(repo: Repository) -> int:
    return len(repo.history())


def inverse(entry: HistoryEntry) -> set[tuple[str, str | None, str | None]]:
    return {(change.ref, change.new, change.old) for change in entry.changes}


def texts(repo: Repository) -> dict[str, str]:
    """What every version holds, read by somebody."""
    return {one.name: text_of(repo, one.name) for a in repo.artifacts() for one in repo.versions(a.name)}


# Every change can be taken back, and made again.

Act = Callable[[Repository, Callable[..., Any]], object]

ACTS: dict[str, Act] = {
    "first log of an artifact": lambda repo, log: log("fresh", "1", aliases=["best"], links=["New"], message="m"),
    "log that moves an alias and links": lambda repo, log: log("mnist", "3", aliases=["best"], links=["Digits"]),
    "log of the same content": lambda repo, log: log("mnist", "2", aliases=["same"], metadata={"x": 1}),
    "link": lambda repo, log: repo.link("mnist:v1", "Digits", aliases=["champion"]),
    "link in a new model": lambda repo, log: repo.link("mnist:v1", "Fresh", aliases=["champion"]),
    "unlink": lambda repo, log: repo.unlink("Digits:v0", force=True),
    "alias set": lambda repo, log: repo.set_alias("best", "mnist:v1"),
    "alias set anew": lambda repo, log: repo.set_alias("newest", "mnist:v1"),
    "alias rm": lambda repo, log: repo.remove_alias("best", "mnist"),
    "tag add": lambda repo, log: repo.add_tags("Digits", ["vision", "small"]),
    "card": lambda repo, log: repo.set_card("Digits", "# Other"),
    "card removed": lambda repo, log: repo.set_card("Digits", ""),
    "describe": lambda repo, log: repo.describe("mnist", "reads digits"),
    "annotate": lambda repo, log: repo.annotate("mnist:v0", message="other", inputs=["base:v0"]),
    "annotate again": lambda repo, log: repo.annotate("base:v0", message="other"),
    "properties set": lambda repo, log: repo.set_properties("mnist:v0", {"k": 2, "new": [1]}),
    "property of a link": lambda repo, log: repo.set_property("Digits:v0", "k", 2),
    "property rm": lambda repo, log: repo.remove_property("Digits", "k"),
    "tag of a version": lambda repo, log: repo.add_tags("mnist:v0", ["reviewed"]),
    "tag of a version that is annotated": lambda repo, log: repo.add_tags("base:v0", ["reviewed"]),
    "model create of a type": lambda repo, log: repo.create_model("Typed", type="dataset"),
    "attach": lambda repo, log: repo.attach("mnist:v0", "new", attached("n")),
    "attach in the place of another": lambda repo, log: repo.attach("Digits:v0", "report", attached("other")),
    "detach": lambda repo, log: repo.detach("mnist", "report"),
    "rm": lambda repo, log: repo.remove("mnist:v1"),
    "rm of what aliases and links hold": lambda repo, log: repo.remove("mnist:v0", force=True),
    "rm of what was annotated": lambda repo, log: repo.remove("base:v0"),
    "artifact create": lambda repo, log: repo.create_artifact("empty"),
    "artifact rm": lambda repo, log: repo.remove_artifact("mnist", force=True),
    "artifact rename": lambda repo, log: repo.rename_artifact("mnist", "numbers"),
    "rename of an artifact with deleted versions": lambda repo, log: repo.rename_artifact("scrap", "refuse"),
    "model create": lambda repo, log: repo.create_model("Empty", description="d", tags=["t"]),
    "model rm": lambda repo, log: repo.remove_model("Digits", force=True),
    "model rename": lambda repo, log: repo.rename_model("Digits", "Numbers"),
    "rename of a model with removed links": lambda repo, log: repo.rename_model("Old", "Older"),
    "use with a run": lambda repo, log: repo.use("mnist:v0", run="eval-1"),
    "gc that lets versions expire": lambda repo, log: repo.gc(keep_last=1),
}


def attached(text: str) -> str:
    """A file to attach."""
    path = os.path.join(tempfile.mkdtemp(), "report")
    with open(path, "w") as file:
        file.write(text)
    return path


def prepare(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "1", aliases=["best", "good"], links=["Digits"], metadata={"acc": 0.5})
    repo.set_alias("production", "Digits:v0")
    repo.set_card("Digits", "# Digits")
    log("mnist", "2")
    log("base", "b")
    repo.annotate("base:v0", metadata={"noted": True})
    log("base", "c")
    for text in "xyz":
        log("scrap", text, links=["Old"])
    for owner in ("mnist", "mnist:v0", "Digits", "Digits:v0", "scrap:v1", "Old:v1", "Old:v2"):
        repo.set_property(owner, "k", 1)
        repo.attach(owner, "report", attached(f"of {owner}"))
    repo.unlink("Old:v1")
    repo.remove("scrap:v1")


@pytest.mark.parametrize("act", ACTS)
def test_a_change_is_taken_back_whole_and_made_again_whole(
    act: str, repo: Repository, storage: MemoryStorage, log: Callable[..., Any], reopen: Callable[..., Repository]
) -> None:
    prepare(repo, log)
    before, before_texts = live(repo), texts(repo)
    ACTS[act](repo, log)
    changed, changed_texts = live(repo), texts(repo)
    assert changed != before

    undone = repo.undo(head(repo))
    refs_undone, texts_undone, sound_undone = live(repo), texts(reopen(storage)), repo.fsck(full=True).findings
    again = repo.undo(undone.seq)

    assert (refs_undone, texts_undone, sound_undone) == (before, before_texts, ())
    assert (live(repo), texts(reopen(storage))) == (changed, changed_texts)
    assert repo.fsck(full=True).findings == ()
    assert (undone.command, again.command) == (f"undo {undone.seq - 1}", f"undo {undone.seq}")
    assert (undone.seq, again.seq) == (head(repo) - 1, head(repo))
    assert {(change.ref, change.old, change.new) for change in again.changes} == inverse(undone)
    assert repo.history()[-2:] == [undone, again]


def test_a_setting_is_taken_back(repo: Repository) -> None:
    repo.set_setting("gc.grace", "3d")
    repo.set_setting("gc.grace", "4d")

    repo.undo(2)
    once = repo.setting("gc.grace")
    repo.undo(1)

    assert (once, repo.setting("gc.grace")) == ("3d", "14d")
    assert repo.fsck().findings == ()


def test_the_number_of_a_log_that_was_undone_is_not_given_again(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "1", aliases=["best"])
    log("mnist", "2", aliases=["best"])

    repo.undo(2)

    assert repo.resolve("mnist:best").name == repo.resolve("mnist").name == "mnist:v0"
    assert log("mnist", "1").created is False
    assert log("mnist", "2").version.name == "mnist:v2"


def test_an_artifact_whose_first_log_was_undone_goes_on_counting(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "1")
    repo.undo(1)
    gone = repo.artifacts()

    assert gone == []
    assert log("mnist", "1").version.name == "mnist:v1"


def test_taken_back_together_where_one_entry_after_the_other_could_not_be(
    repo: Repository, log: Callable[..., Any]
) -> None:
    """The alias and the version that it points at come back in one change, and would be refused in two."""
    log("mnist", "1", aliases=["best"], links=["Digits"])
    repo.set_alias("production", "Digits:v0")
    removed = repo.remove("mnist:v0", force=True)
    assert (repo.aliases(), repo.model("Digits").links) == ([], ())

    repo.undo(removed.seq)

    assert [(one.name, one.alias, one.version) for one in repo.aliases()] == [
        ("Digits", "production", "mnist:v0"),
        ("mnist", "best", "mnist:v0"),
    ]
    assert repo.model("Digits").links[0].name == "Digits:v0"


def test_history_of_a_collection_tells_of_its_undone_changes(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "1")
    log("other", "1")
    repo.undo(repo.remove("mnist:v0").seq)

    told = repo.history("mnist")

    assert [entry.command for entry in told] == ["log --artifact mnist", "rm mnist:v0", "undo 3"]
    assert [(one.ref, one.old) for one in told[-1].changes] == [("artifacts/mnist/v0", None)]


# Not over what was moved since.

MOVED: dict[str, tuple[Act, Act, str, str]] = {
    "alias": (
        lambda repo, log: repo.set_alias("best", "mnist:v1"),
        lambda repo, log: repo.set_alias("best", "mnist:v0"),
        "aliases/mnist/best",
        "v0",
    ),
    "alias removed": (
        lambda repo, log: repo.set_alias("best", "mnist:v1"),
        lambda repo, log: repo.remove_alias("best", "mnist"),
        "aliases/mnist/best",
        "deleted",
    ),
    "version": (
        lambda repo, log: log("mnist", "3"),
        lambda repo, log: repo.remove("mnist:v2"),
        "artifacts/mnist/v2",
        "deleted",
    ),
    "annotation": (
        lambda repo, log: repo.annotate("mnist:v0", message="a"),
        lambda repo, log: repo.annotate("mnist:v0", message="b"),
        "artifacts/mnist/v0.toml",
        "different",
    ),
    "tags": (
        lambda repo, log: repo.add_tags("Digits", ["a"]),
        lambda repo, log: repo.add_tags("Digits", ["b"]),
        "registered/Digits/model.toml",
        "different",
    ),
    "link": (
        lambda repo, log: repo.link("mnist:v1", "Digits"),
        lambda repo, log: repo.unlink("Digits:v1"),
        "registered/Digits/links#v1",
        "deleted",
    ),
    "setting": (
        lambda repo, log: repo.set_setting("gc.grace", "3d"),
        lambda repo, log: repo.set_setting("lock.timeout", "5s"),
        "config.toml",
        "different",
    ),
}


@pytest.mark.parametrize("case", MOVED)
def test_what_was_moved_since_is_a_conflict_that_names_it_and_changes_nothing(
    case: str,
    repo: Repository,
    storage: MemoryStorage,
    log: Callable[..., Any],
    content: Callable[[Storage], dict[str, bytes]],
) -> None:
    act, move, ref, found = MOVED[case]
    prepare(repo, log)
    act(repo, log)
    seq = head(repo)
    move(repo, log)
    before = content(storage)

    with pytest.raises(RefMoved) as raised:
        repo.undo(seq)

    error = raised.value
    assert isinstance(error, Conflict)
    assert (error.seq, error.by, error.ref) == (seq, seq + 1, ref)
    assert error.found == found or not found
    assert content(storage) == before


def test_an_alias_that_came_back_to_where_the_entry_put_it_can_be_undone(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("mnist", "1", aliases=["best"])
    log("mnist", "2", aliases=["best"])
    repo.set_alias("best", "mnist:v0")
    repo.set_alias("best", "mnist:v1")

    repo.undo(2)

    assert repo.resolve("mnist:best").number == 0


# Not where it would tear what came later.

Scene = Callable[[Repository, Callable[..., Any]], int]


def _annotated_version(repo: Repository, log: Callable[..., Any]) -> int:
    repo.annotate("mnist:v1", message="late")
    return 2


def _alias_on_a_link(repo: Repository, log: Callable[..., Any]) -> int:
    repo.link("mnist:v1", "Digits")
    repo.set_alias("late", "Digits:v1")
    return head(repo) - 1


def _alias_to_a_deleted_version(repo: Repository, log: Callable[..., Any]) -> int:
    repo.set_alias("best", "mnist:v1")
    repo.remove("mnist:v0", force=True)
    return head(repo) - 1


def _link_to_a_deleted_version(repo: Repository, log: Callable[..., Any]) -> int:
    repo.unlink("Digits:v0")
    repo.remove_alias("best", "mnist")
    repo.remove("mnist:v0")
    return head(repo) - 2


def _linked_again(repo: Repository, log: Callable[..., Any]) -> int:
    repo.unlink("Digits:v0")
    repo.link("mnist:v0", "Digits")
    return head(repo) - 1


def _version_without_its_artifact(repo: Repository, log: Callable[..., Any]) -> int:
    seq = repo.remove("mnist:v1").seq
    repo.remove_artifact("mnist", force=True)
    return seq


def _link_without_its_model(repo: Repository, log: Callable[..., Any]) -> int:
    repo.unlink("Digits:v0")
    repo.remove_model("Digits")
    return head(repo) - 1


def _card_without_its_model(repo: Repository, log: Callable[..., Any]) -> int:
    repo.set_card("Digits", "# Digits")
    repo.set_card("Digits", "")
    repo.remove_model("Digits", force=True)
    return head(repo) - 1


def _annotation_without_its_version(repo: Repository, log: Callable[..., Any]) -> int:
    repo.annotate("mnist:v1", message="late")
    undone = repo.undo(head(repo))
    repo.remove("mnist:v1")
    return undone.seq


def _artifact_whose_name_is_taken(repo: Repository, log: Callable[..., Any]) -> int:
    repo.create_artifact("empty")
    seq = repo.remove_artifact("empty").seq
    repo.create_model("empty")
    return seq


def _model_whose_name_is_taken(repo: Repository, log: Callable[..., Any]) -> int:
    repo.create_model("empty")
    seq = repo.remove_model("empty").seq
    repo.create_artifact("empty")
    return seq


def _card_of_a_new_model(repo: Repository, log: Callable[..., Any]) -> int:
    repo.create_model("Fresh")
    repo.set_card("Fresh", "# Fresh")
    return head(repo) - 1


def _renamed_artifact_that_went_on(repo: Repository, log: Callable[..., Any]) -> int:
    repo.rename_artifact("mnist", "numbers")
    seq = head(repo)
    log("numbers", "3")
    return seq


def _collection(repo: Repository, log: Callable[..., Any]) -> int:
    repo.remove("mnist:v1")
    repo.gc(grace=0)
    return head(repo)


SCENES: dict[str, tuple[Scene, str]] = {
    "an alias holds the version": (
        lambda repo, log: (repo.set_alias("late", "mnist:v1"), 2)[1],
        "alias 'mnist:late' would be left without version mnist:v1",
    ),
    "a link holds the version": (
        lambda repo, log: (repo.link("mnist:v1", "Digits"), 2)[1],
        "link 'Digits:v1' would be left without version mnist:v1",
    ),
    "the version was annotated": (
        _annotated_version,
        "the annotation of mnist:v1 would be left without version mnist:v1",
    ),
    "the artifact got versions": (lambda repo, log: 1, "version mnist:v1 would be left without artifact 'mnist'"),
    "the model got links": (
        lambda repo, log: (repo.create_model("M"), repo.link("mnist:v1", "M"), head(repo) - 1)[-1],
        "link 'M:v0' would be left without registered model 'M'",
    ),
    "the model got a card": (
        _card_of_a_new_model,
        "the card of 'Fresh' would be left without registered model 'Fresh'",
    ),
    "an alias holds the link": (_alias_on_a_link, "alias 'Digits:late' would be left without link 'Digits:v1'"),
    "the alias has no version": (
        _alias_to_a_deleted_version,
        "alias 'mnist:best' needs version mnist:v0, which does not exist",
    ),
    "the link has no version": (
        _link_to_a_deleted_version,
        "link 'Digits:v0' needs version mnist:v0, which does not exist",
    ),
    "the version was linked again": (_linked_again, "mnist:v0 would be linked twice, as Digits:v0 and Digits:v1"),
    "the version has no artifact": (
        _version_without_its_artifact,
        "version mnist:v1 needs artifact 'mnist', which does not exist",
    ),
    "the link has no model": (
        _link_without_its_model,
        "link 'Digits:v0' needs registered model 'Digits', which does not exist",
    ),
    "the card has no model": (
        _card_without_its_model,
        "the card of 'Digits' needs registered model 'Digits', which does not exist",
    ),
    "the annotation has no version": (
        _annotation_without_its_version,
        "the annotation of mnist:v1 needs version mnist:v1, which does not exist",
    ),
    "the artifact's name is taken": (_artifact_whose_name_is_taken, "there is a registered model 'empty'"),
    "the model's name is taken": (_model_whose_name_is_taken, "there is an artifact 'empty'"),
    "the renamed artifact went on": (
        _renamed_artifact_that_went_on,
        "version numbers:v2 would be left without artifact 'numbers'",
    ),
    "the entry is a collection of garbage": (_collection, "it changed no refs, and what gc deletes cannot be restored"),
}


@pytest.mark.parametrize("case", SCENES)
def test_what_stands_in_the_way_refuses_with_the_reason_and_nothing_changes(
    case: str,
    repo: Repository,
    storage: MemoryStorage,
    log: Callable[..., Any],
    content: Callable[[Storage], dict[str, bytes]],
) -> None:
    scene, reason = SCENES[case]
    log("mnist", "1", aliases=["best"], links=["Digits"])
    log("mnist", "2")
    seq = scene(repo, log)
    before = content(storage)

    with pytest.raises(CannotUndo) as raised:
        repo.undo(seq)

    assert isinstance(raised.value, Refused)
    assert reason in str(raised.value)
    assert content(storage) == before
    assert repo.fsck(full=True).findings == ()


@pytest.mark.parametrize("seq", [-1, 0, 3])
def test_an_entry_that_does_not_exist_is_not_undone(seq: int, repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "1")
    log("mnist", "2")

    with pytest.raises(UnknownSequence):
        repo.undo(seq)

    assert head(repo) == 2


@pytest.mark.parametrize("key", ["artifacts/mnist/v1", "aliases/mnist/best", "registered/Digits/links"])
def test_a_ref_file_that_cannot_be_seen_is_moved_back_as_the_journal_has_it(
    key: str, repo: Repository, storage: MemoryStorage, log: Callable[..., Any]
) -> None:
    log("mnist", "1")
    log("mnist", "2", aliases=["best"], links=["Digits"])
    storage.delete(key)

    repo.undo(2)

    assert {change.ref: (change.old, change.new) for change in repo.history()[2].changes} == {
        change.ref: (change.new, change.old) for change in repo.history()[1].changes
    }
    assert repo.fsck().findings == ()


# Data that gc may have taken.


def test_a_deleted_version_comes_back_within_the_grace_period_and_until_gc_has_run(
    repo: Repository, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", "1" * 100)
    age(30 * DAY)
    seq = repo.remove("mnist:v0").seq
    repo.gc()
    repo.undo(seq)
    within = text_of(repo, "mnist:v0")
    seq = repo.remove("mnist:v0").seq
    age(30 * DAY)
    repo.undo(seq)
    late = text_of(repo, "mnist:v0")
    seq = repo.remove("mnist:v0").seq
    age(30 * DAY)
    repo.gc()

    assert within == late == "1" * 100
    with pytest.raises(GivenUp, match=f"entry {seq} cannot be undone: the files of mnist:v0 are gone"):
        repo.undo(seq)
    assert repo.fsck(full=True).findings == ()


def test_one_version_that_is_gone_keeps_all_of_the_entry_from_being_undone(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("mnist", "1")
    repo.remove("mnist:v0")
    repo.gc(grace=0)
    log("mnist", "2", aliases=["best"])
    repo.undo(repo.remove_artifact("mnist", force=True).seq)
    seq = repo.remove_artifact("mnist", force=True).seq
    log("other", "2")  # keeps the chunk, not the record
    repo.gc(grace=0)

    with pytest.raises(GivenUp, match="mnist:v1"):
        repo.undo(seq)

    assert [one.name for one in repo.artifacts()] == ["other"]


def test_a_version_whose_pack_was_lost_is_not_brought_back(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any]
) -> None:
    log("mnist", "1")
    seq = repo.remove("mnist:v0").seq
    storage.delete(next(storage.list("packs")))

    with pytest.raises(GivenUp, match="mnist:v0"):
        repo.undo(seq)

    assert head(repo) == seq


def test_a_version_whose_list_of_files_is_gone_is_not_brought_back(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any]
) -> None:
    """A gc that was killed may have left the record."""
    manifest = log("mnist", "1").version.manifest
    seq = repo.remove("mnist:v0").seq
    storage.delete(f"objects/{manifest[:2]}/{manifest[2:]}")

    with pytest.raises(GivenUp, match="mnist:v0"):
        repo.undo(seq)


def test_a_rename_is_taken_back_whatever_the_state_of_the_data(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any]
) -> None:
    """As it was made: versions only change their names."""
    manifest = log("mnist", "1").version.manifest
    repo.rename_artifact("mnist", "numbers")
    storage.delete(f"objects/{manifest[:2]}/{manifest[2:]}")

    repo.undo(2)

    assert repo.resolve("mnist:v0").name == "mnist:v0"


def test_a_version_comes_back_from_another_pack_than_the_lookup_tables_know(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], reopen: Callable[..., Repository]
) -> None:
    log("mnist", "1")
    first = next(storage.list("packs"))
    sleeper = reopen(storage)
    sleeper.artifacts()
    seq = repo.remove("mnist:v0").seq
    storage.delete(first)
    log("other", "1")  # its chunk is written anew

    sleeper.undo(seq)

    assert text_of(reopen(storage), "mnist:v0") == "1"


def test_what_came_back_is_named_so_that_gc_leaves_it(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", "1")
    log("mnist", "2")
    seq = repo.remove("mnist:v0").seq
    age(30 * DAY)

    undone = repo.undo(seq)
    repo.gc(grace=0)

    assert text_of(repo, "mnist:v0") == "1"
    entry = repo._context.journal.entry(undone.seq)
    assert len(entry.packs) == 1
    assert f"packs/{entry.packs[0][:2]}/{entry.packs[0][2:]}.pack" in set(storage.list("packs"))


# Races.


class Racing(MemoryStorage):
    """Where the lock does not exclude others: one commits, and dies, just before the next append."""

    winner: Change | None = None

    def put(self, key, value, *args):  # type: ignore[no-untyped-def]
        if self.winner is not None and key.startswith("journal/0"):
            change, self.winner = self.winner, None
            journal = Journal(self, Repository(Context(self, "memory")).id)
            mark = journal.look().head
            entry = Entry(mark.seq + 1, mark.digest, "0" * 32, timestamp(), "bob", "b", "wins", (change,))
            assert journal.append(entry)
        return super().put(key, value, *args)


@pytest.mark.parametrize(
    ("winner", "error", "reason"),
    [
        (
            Change("aliases/mnist/best", "v1", "v0"),
            RefMoved,
            "entry 3 has changed alias 'mnist:best' since; it is v0 now",
        ),
        (
            Change("aliases/mnist/late", None, "v1"),
            CannotUndo,
            "alias 'mnist:late' would be left without version mnist:v1",
        ),
        (Change("aliases/mnist/late", None, "v0"), None, ""),
    ],
    ids=["moves it too", "holds what goes", "something else"],
)
def test_what_is_committed_at_the_last_moment_is_seen(
    winner: Change, error: type[MregError] | None, reason: str, folder: Callable[..., str]
) -> None:
    storage = Racing()
    with Repository.init_storage(storage, "memory") as repo:
        repo.log(folder({"a": b"1"}), "mnist", aliases=["best"])
        repo.log(folder({"a": b"2"}), "mnist", aliases=["best"])
        storage.winner = winner

        if error:
            with pytest.raises(error, match=reason):
                repo.undo(2)
        else:
            assert repo.undo(2).seq == 4

        assert [entry.command for entry in repo.history()][2:] == (["wins"] if error else ["wins", "undo 2"])
        assert repo.fsck(full=True).findings == ()


def test_undo_and_moves_of_one_alias_have_one_order(repo: Repository, log: Callable[..., Any]) -> None:
    for n in range(8):
        log("mnist", str(n))
    repo.set_alias("best", "mnist:v0")
    rounds, workers = 20, 4
    start = Barrier(2 * workers)

    def move(worker: int) -> None:
        start.wait()
        for turn in range(rounds):
            repo.set_alias("best", f"mnist:v{(worker + turn) % 8}")

    def take_back(worker: int) -> tuple[int, int]:
        start.wait()
        done = missed = 0
        while done + missed < rounds:
            try:
                repo.undo(head(repo))
                done += 1
            except (RefMoved, AlreadyUndone):
                missed += 1
        return done, missed

    with ThreadPoolExecutor(2 * workers) as pool:
        movers = [pool.submit(move, n) for n in range(workers)]
        takers = [pool.submit(take_back, n) for n in range(workers)]
        for mover in movers:
            mover.result()
        results = [taker.result() for taker in takers]

    entries = repo.history()
    undone = [entry for entry in entries if entry.command.startswith("undo ")]
    assert len(undone) == sum(done for done, _ in results) > 0
    for entry in undone:
        target = entries[int(entry.command.split()[1]) - 1]
        assert {(one.ref, one.old, one.new) for one in entry.changes} == inverse(target)
    moves = [one for entry in entries for one in entry.changes if one.ref == "aliases/mnist/best"]
    assert all(after.old == before.new for before, after in pairwise(moves))
    assert repo.fsck(full=True).findings == ()


# Searched by Hypothesis: whatever was done and undone in whatever order, nothing hangs in the air.

NAMES = st.sampled_from(["x", "y"])
MODELS = st.sampled_from(["M", "N"])
NUMBERS = st.integers(0, 3)
WORDS = st.sampled_from(["best", "good"])


class Undone(RuleBasedStateMachine):
    """Any commands, of which any are undone: an undo is exact or refused, and the repository sound."""

    def __init__(self) -> None:
        super().__init__()
        self.tmp = tempfile.TemporaryDirectory()
        storage = MemoryStorage()
        self.repo = Repository.init_storage(storage, "memory")
        self.other = Repository(Context(storage, "memory"))
        self.count = 0

    def teardown(self) -> None:
        self.repo.close()
        self.other.close()
        self.tmp.cleanup()

    @initialize()
    def begin(self) -> None:
        self.log("x", 0, ["best"], ["M"])
        self.log("x", 1, [], [])
        self.log("y", 1, ["good"], ["M"])

    def _try(self, act: Callable[[], object]) -> None:
        before, seq = live(self.other), head(self.other)
        try:
            act()
        except MregError:
            assert (live(self.other), head(self.other)) == (before, seq)

    @rule(
        artifact=NAMES, text=st.integers(0, 3), aliases=st.lists(WORDS, max_size=1), links=st.lists(MODELS, max_size=1)
    )
    def log(self, artifact: str, text: int, aliases: list[str], links: list[str]) -> None:
        self.count += 1
        path = os.path.join(self.tmp.name, str(self.count))
        os.mkdir(path)
        with open(os.path.join(path, "weights"), "w") as file:
            file.write(f"text {text}")
        self._try(lambda: self.repo.log(path, artifact, aliases=aliases, links=links))

    @rule(alias=WORDS, name=st.one_of(NAMES, MODELS), number=NUMBERS)
    def alias(self, alias: str, name: str, number: int) -> None:
        self._try(lambda: self.repo.set_alias(alias, f"{name}:v{number}"))

    @rule(name=NAMES, number=NUMBERS, model=MODELS)
    def link(self, name: str, number: int, model: str) -> None:
        self._try(lambda: self.repo.link(f"{name}:v{number}", model))

    @rule(model=MODELS, number=NUMBERS)
    def unlink(self, model: str, number: int) -> None:
        self._try(lambda: self.repo.unlink(f"{model}:v{number}", force=True))

    @rule(name=NAMES, number=NUMBERS, force=st.booleans())
    def remove(self, name: str, number: int, force: bool) -> None:
        self._try(lambda: self.repo.remove(f"{name}:v{number}", force=force))

    @rule(name=NAMES, number=NUMBERS, text=st.integers(0, 2))
    def annotate(self, name: str, number: int, text: int) -> None:
        self._try(lambda: self.repo.annotate(f"{name}:v{number}", message=str(text)))

    @rule(name=st.one_of(NAMES, MODELS), number=st.one_of(st.none(), NUMBERS), value=st.integers(0, 2))
    def set_property(self, name: str, number: int | None, value: int) -> None:
        self._try(lambda: self.repo.set_property(name if number is None else f"{name}:v{number}", "k", value))

    @rule(name=st.one_of(NAMES, MODELS), number=st.one_of(st.none(), NUMBERS))
    def remove_property(self, name: str, number: int | None) -> None:
        self._try(lambda: self.repo.remove_property(name if number is None else f"{name}:v{number}", "k"))

    @rule(name=st.one_of(NAMES, MODELS), number=st.one_of(st.none(), NUMBERS), text=st.integers(0, 2))
    def attach(self, name: str, number: int | None, text: int) -> None:
        path = attached(f"text {text}")
        self._try(lambda: self.repo.attach(name if number is None else f"{name}:v{number}", "report", path))

    @rule(name=st.one_of(NAMES, MODELS), number=st.one_of(st.none(), NUMBERS))
    def detach(self, name: str, number: int | None) -> None:
        self._try(lambda: self.repo.detach(name if number is None else f"{name}:v{number}", "report"))

    @rule(name=st.one_of(NAMES, MODELS), number=NUMBERS, tag=WORDS, gone=st.booleans())
    def tag(self, name: str, number: int, tag: str, gone: bool) -> None:
        change = self.repo.remove_tags if gone else self.repo.add_tags
        self._try(lambda: change(f"{name}:v{number}", [tag]))

    @rule(name=st.one_of(NAMES, MODELS), first=st.integers(1, 2))
    def count_from(self, name: str, first: int) -> None:
        create = self.repo.create_model if name in "MN" else self.repo.create_artifact
        self._try(lambda: create(name, first=first))

    @rule(model=MODELS, text=st.integers(0, 2))
    def card(self, model: str, text: int) -> None:
        self._try(lambda: self.repo.set_card(model, "x" * text))

    @rule(name=NAMES)
    def remove_artifact(self, name: str) -> None:
        self._try(lambda: self.repo.remove_artifact(name, force=True))

    @rule(model=MODELS)
    def remove_model(self, model: str) -> None:
        self._try(lambda: self.repo.remove_model(model, force=True))

    @rule(name=NAMES, other=st.sampled_from(["x", "y", "z"]))
    def rename_artifact(self, name: str, other: str) -> None:
        self._try(lambda: self.repo.rename_artifact(name, other))

    @rule(model=MODELS, other=st.sampled_from(["M", "N", "O"]))
    def rename_model(self, model: str, other: str) -> None:
        self._try(lambda: self.repo.rename_model(model, other))

    @rule(grace=st.sampled_from([0.0, 1e6, 1e6]), keep_last=st.sampled_from([0, 0, 1, 2]))
    def collect(self, grace: float, keep_last: int) -> None:
        self.repo.gc(grace=grace, keep_last=keep_last)

    @rule(back=st.integers(0, 5))
    def undo(self, back: int) -> None:
        self._undo(back)

    @rule()
    def undo_the_last(self) -> None:
        self._undo(0)

    def _undo(self, back: int) -> None:
        seq = head(self.other) - back
        if seq < 1:
            return
        before, target = live(self.other), self.other.history()[seq - 1]

        def undo() -> None:
            undone = self.repo.undo(seq)
            put_back = {change.ref: change.old for change in target.changes}
            moved = {change.ref: change.new for change in undone.changes}
            assert moved.items() <= put_back.items()
            expected = {ref: value for ref, value in (before | moved).items() if value is not None}
            assert live(self.other) == expected
            # Numbers of deleted versions that a rename brought along, or from which `--first` does not count.
            left = put_back.keys() - moved.keys()
            assert not left or "rename" in target.command or "create" in target.command
            assert not left & before.keys()

        self._try(undo)

    @invariant()
    def all_is_sound_and_readable(self) -> None:
        assert self.other.fsck().findings == ()
        assert all(text.startswith("text ") for text in texts(self.other).values())


TestUndone = Undone.TestCase
TestUndone.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
