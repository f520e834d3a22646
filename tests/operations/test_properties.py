"""Properties belong to what they are of: named, deleted, brought back and renamed along with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg.operations.owners import TableFull
from mreg.operations.properties import UnknownProperty
from mreg.operations.undo import CannotUndo
from mreg.refs.journal import Change, Entry, Journal
from mreg.refs.keys import PropertyKey, VersionKey
from mreg.repository import Repository
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.values import properties
from mreg.values.errors import NotFound
from mreg.values.formats import NeedsFormat
from mreg.values.metadata import InvalidMetadata

OWNERS = ["mnist", "mnist:v0", "Digits", "Digits:v0"]


@pytest.fixture
def filled(repo: Repository, log: Callable[..., Any]) -> Repository:
    """One property of each kind of owner, which tells of what it is."""
    log("mnist", "1", aliases=["best"], links=["Digits"])
    for owner in OWNERS:
        repo.set_property(owner, "owner", owner)
    return repo


def test_each_kind_of_owner_has_properties_of_its_own(filled: Repository) -> None:
    assert {owner: filled.properties(owner) for owner in OWNERS} == {owner: {"owner": owner} for owner in OWNERS}
    assert filled.properties("mnist:best") == filled.properties("mnist:latest") == {"owner": "mnist:v0"}


def test_properties_are_changed_one_by_one_and_each_is_undone_by_itself(filled: Repository) -> None:
    # given
    made = filled.set_properties("mnist:v0", {"b": [1, 2.0, True], "a b/c#%ü": {"x": "y"}})
    filled.set_property("mnist:v0", "owner", 2)

    # when
    filled.undo(made.seq or 0)

    # then
    assert filled.properties("mnist:v0") == {"owner": 2}
    assert filled.fsck(full=True).findings == ()


def test_the_same_value_is_no_change_and_another_type_is_one(filled: Repository) -> None:
    filled.set_property("mnist", "n", 1)

    assert not filled.set_property("mnist", "n", 1)
    assert filled.set_property("mnist", "n", 1.0)
    assert filled.set_property("mnist", "n", True)


def test_renames_take_properties_along(filled: Repository) -> None:
    filled.rename_artifact("mnist", "numbers")
    filled.rename_model("Digits", "Numerals")

    found = [filled.properties(one)["owner"] for one in ("numbers", "numbers:v0", "Numerals", "Numerals:v0")]
    assert found == OWNERS
    assert filled.fsck(full=True).findings == ()


@pytest.mark.parametrize(
    ("act", "gone"),
    [
        (lambda repo: repo.remove("mnist:v0", force=True), ["mnist:v0", "Digits:v0"]),
        (lambda repo: repo.unlink("Digits:v0"), ["Digits:v0"]),
        (lambda repo: repo.remove_model("Digits", force=True), ["Digits", "Digits:v0"]),
        (lambda repo: repo.remove_artifact("mnist", force=True), ["mnist", "mnist:v0", "Digits:v0"]),
    ],
)
def test_properties_go_and_come_back_with_what_they_are_of(
    filled: Repository, act: Callable[[Repository], Any], gone: list[str]
) -> None:
    # when
    told = act(filled)

    # then
    for owner in gone:
        with pytest.raises(NotFound):
            filled.properties(owner)
    assert {one.name for one in told.changes if one.kind == "property"} == {f"{owner}#owner" for owner in gone}
    assert filled.fsck(full=True).findings == ()
    filled.undo(told.seq)
    assert [filled.properties(owner) for owner in OWNERS] == [{"owner": owner} for owner in OWNERS]
    assert filled.fsck(full=True).findings == ()


def test_properties_hold_nothing(filled: Repository) -> None:
    filled.remove_alias("best", "mnist")
    filled.unlink("Digits:v0")

    filled.remove("mnist:v0")
    filled.remove_artifact("mnist")

    assert filled.artifacts() == []


def test_versions_that_expire_take_their_properties_along(filled: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "2")
    log("mnist", "3")
    filled.set_property("mnist:v1", "k", 1)

    swept = filled.gc(keep_last=1)

    assert [(one.kind, one.name) for one in swept.changes] == [("property", "mnist:v1#k"), ("version", "mnist:v1")]
    assert filled.fsck().findings == ()


def test_undo_of_what_has_got_a_property_since_is_refused(filled: Repository, log: Callable[..., Any]) -> None:
    made = log("mnist", "2")
    filled.set_property("mnist:v1", "k", 1)

    with pytest.raises(CannotUndo) as raised:
        filled.undo(made.seq)

    assert raised.value.reason == "property 'k' of version mnist:v1 would be left without version mnist:v1"


def test_a_property_that_is_not_there_is_told_with_the_nearest(filled: Repository) -> None:
    with pytest.raises(UnknownProperty) as raised:
        filled.remove_property("mnist", "ovner")

    assert (str(raised.value), raised.value.near) == ("'mnist' has no property 'ovner'", ["owner"])


def test_none_removes_a_property(filled: Repository) -> None:
    filled.set_properties("mnist", {"owner": None, "never there": None, "k": 1})

    assert filled.properties("mnist") == {"k": 1}


@pytest.mark.parametrize("value", [[None], object(), 2**70, "\ud800"])
def test_what_metadata_cannot_hold_is_no_value(filled: Repository, value: object) -> None:
    with pytest.raises(InvalidMetadata):
        filled.set_property("mnist", "k", value)

    assert filled.properties("mnist") == {"owner": "mnist"}


def test_the_reason_is_in_the_history(filled: Repository) -> None:
    filled.set_property("mnist", "k", 1, message="asked for")
    filled.remove_property("mnist", "k", message="not any more")

    told = [(entry.message, entry.changes[0].old, entry.changes[0].new) for entry in filled.history("mnist")[-2:]]
    assert told == [("asked for", None, "1"), ("not any more", "1", None)]


def test_a_repository_of_format_1_refuses_properties_before_anything_is_written(
    tmp_path: Any, folder: Callable[..., str], content: Callable[[Storage], dict[str, bytes]]
) -> None:
    # given
    store = MemoryStorage()
    repo = Repository.init_storage(store, "memory", cache=str(tmp_path / "cache"), format=1)
    repo.log(folder({"w": b"1"}), "mnist")
    before = content(store)

    # when
    with pytest.raises(NeedsFormat) as raised:
        repo.set_property("mnist:v0", "k", 1)

    # then
    assert str(raised.value) == (
        "property 'k' of version mnist:v0 requires repository format 2; this repository has format 1"
    )
    assert content(store) == before
    assert repo.properties("mnist:v0") == {}
    repo.upgrade()
    repo.set_property("mnist:v0", "k", 1)
    assert repo.fsck().findings == ()


def test_fsck_names_a_property_in_an_entry_of_format_1(tmp_path: Any, folder: Callable[..., str]) -> None:
    # given
    store = MemoryStorage()
    repo = Repository.init_storage(store, "memory", cache=str(tmp_path / "cache"), format=1)
    repo.log(folder({"w": b"1"}), "mnist")
    key = str(PropertyKey(VersionKey("mnist", 0), "k"))
    _append(store, repo, Change(key, None, "1"))

    # when
    found = repo.fsck().findings

    # then
    assert "journal-change" in {one.code for one in found}
    assert any(key in one.reason for one in found)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Change("artifacts/mnist/v0.properties#k", None, "1 "), "it is not in canonical form"),
        (Change("artifacts/mnist/v7.properties#k", None, "1"), "version mnist:v7 does not exist"),
        (Change("registered/Digits/v7.properties#k", None, "1"), "link 'Digits:v7' does not exist"),
        (Change("artifacts/none/properties#k", None, "1"), "artifact 'none' does not exist"),
        (Change("artifacts/mnist/properties#%6B", None, "1"), "there is no such kind of ref"),
    ],
)
def test_fsck_names_a_property_that_cannot_be(
    filled: Repository, storage: MemoryStorage, change: Change, reason: str
) -> None:
    _append(storage, filled, change)

    found = filled.fsck().findings

    assert [(one.what, one.reason) for one in found if one.what == change.ref and reason in one.reason]


def test_the_file_of_properties_does_not_grow_beyond_its_limit(
    filled: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was removed counts: its last value stays in the file."""
    monkeypatch.setattr(properties, "MAX_TABLE", 400)
    for number in range(2):
        filled.set_property("mnist", f"k{number}", "x" * 100)
        filled.remove_property("mnist", f"k{number}")

    with pytest.raises(TableFull):
        filled.set_property("mnist", "last", "x" * 100)

    assert filled.properties("mnist") == {"owner": "mnist"}


def _append(storage: Storage, repo: Repository, change: Change) -> None:
    """An entry that no release would make."""
    journal = Journal(storage, repo.id)
    head = journal.look().head
    last = journal.entry(head.seq)
    assert journal.append(
        Entry(
            seq=head.seq + 1,
            prev=head.digest,
            id="0" * 32,
            time=last.time,
            who="",
            host="",
            command="forged",
            changes=(change,),
            packs=(),
            drops=(),
            format=last.format,
        )
    )
