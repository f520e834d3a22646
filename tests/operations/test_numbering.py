"""A number is given once, whatever is deleted, or logged at the same time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from mreg.operations.collections import NameTaken
from mreg.operations.resolve import DeletedVersion, EmptyCollection, UnknownName
from mreg.refs import ref_files
from mreg.refs.journal import Change, Entry, Journal
from mreg.refs.keys import VersionKey
from mreg.refs.view import View
from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage
from mreg.values.digest import digest

ORIGIN = "0123456789abcdef0123456789abcdef"


# How the next number is found.


@given(count=st.integers(0, 300), applied=st.integers(0, 300), dead=st.sets(st.integers(0, 299)))
@settings(deadline=None, max_examples=60)
def test_the_next_number_is_how_many_there_ever_were(count: int, applied: int, dead: set[int]) -> None:
    storage = MemoryStorage()
    journal = Journal(storage, ORIGIN)
    changes = [Change(VersionKey("m", n), None, digest(b"%d" % n)) for n in range(count)]
    changes += [Change(VersionKey("m", n), digest(b"%d" % n), None) for n in sorted(dead) if n < count]
    mark = journal.look().head
    for at, change in enumerate(changes):
        entry = Entry(mark.seq + 1, mark.digest, str(at), "2026-01-01T00:00:00.000000Z", "w", "h", "c", (change,))
        assert journal.append(entry)
        mark = type(mark)(entry.seq, digest(entry.to_bytes()))
        if at < applied:
            ref_files.apply(storage, entry)
            journal.advance(mark)

    view = View(storage, journal)

    alive = [n for n in range(count) if n not in dead]
    assert view.next_number("m") == count
    assert view.latest("m") == max(alive, default=None)


def test_looking_for_the_next_number_of_many_takes_few_looks() -> None:
    looks = 0

    class Counting(MemoryStorage):
        def stat(self, key: str):  # type: ignore[no-untyped-def]
            nonlocal looks
            looks += 1
            return super().stat(key)

    storage = Counting()
    for number in range(5000):
        storage.put(VersionKey("m", number), b"x")

    assert View(storage, Journal(storage, ORIGIN)).next_number("m") == 5000
    assert looks < 30


def test_what_the_lookup_tables_know_beyond_a_view_is_not_called_missing(
    repo: Repository, log: Callable[..., Any]
) -> None:
    """Processes share the tables. Where the lock excludes nobody, one reads on while another decides, and before the
    writer has made the ref file."""
    log("mnist", "0")
    context = repo._context
    view = context.view()
    change = Change(VersionKey("mnist", 1), None, digest(b"1"))
    entry = Entry(2, view.head.digest, "1" * 32, "2026-01-01T00:00:00.000000Z", "w", "h", "c", (change,), format=2)
    assert context.journal.append(entry)
    assert context.tables(context.journal.look()).next_number("mnist") == 2

    assert (view.next_number("mnist"), view.latest("mnist")) == (1, 0)
    assert context.view().latest("mnist") == 1


# Deleting.


def test_a_number_is_not_given_again_after_its_version_was_deleted(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0")
    log("mnist", "1")
    repo.remove("mnist:v1")

    assert repo.resolve("mnist").number == 0
    assert log("mnist", "2").version.name == "mnist:v2"
    assert [version.number for version in repo.versions("mnist")] == [0, 2]
    with pytest.raises(DeletedVersion):
        repo.resolve("mnist:v1")


def test_an_artifact_whose_versions_are_all_deleted_is_empty_and_goes_on_counting(
    repo: Repository, log: Callable[..., Any]
) -> None:
    for text in "01":
        log("mnist", text)
    repo.remove("mnist:v0")
    repo.remove("mnist:v1")

    with pytest.raises(EmptyCollection):
        repo.resolve("mnist")
    assert repo.artifact("mnist").latest is None
    assert log("mnist", "1").version.name == "mnist:v2"


def test_content_of_a_deleted_latest_version_makes_a_new_one(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0")
    log("mnist", "1")
    repo.remove("mnist:v1")

    result = log("mnist", "1")

    assert (result.created, result.version.name) == (True, "mnist:v2")


def test_content_of_an_older_version_makes_a_new_one(repo: Repository, log: Callable[..., Any]) -> None:
    for text in "01":
        log("mnist", text)

    result = log("mnist", "0")

    assert (result.created, result.version.name, result.stored) == (True, "mnist:v2", 0)


def test_after_the_latest_is_deleted_content_is_compared_with_the_one_before(
    repo: Repository, log: Callable[..., Any]
) -> None:
    for text in "01":
        log("mnist", text)
    repo.remove("mnist:v1")

    result = log("mnist", "0")

    assert (result.created, result.version.name) == (False, "mnist:v0")
    assert log("mnist", "2").version.name == "mnist:v2"


def test_an_artifact_made_again_under_its_old_name_goes_on_counting(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0", aliases=["best"], links=["Digits"])
    repo.remove_artifact("mnist", force=True)

    with pytest.raises(UnknownName):
        repo.resolve("mnist")
    assert log("mnist", "0").version.name == "mnist:v1"
    assert repo.aliases("mnist") == []


def test_link_numbers_are_not_given_again(repo: Repository, log: Callable[..., Any]) -> None:
    for text in "012":
        log("mnist", text)
    repo.link("mnist:v0", "Digits")
    repo.link("mnist:v1", "Digits")
    repo.unlink("Digits:v1")

    assert repo.resolve("Digits").name == "mnist:v0"
    assert repo.link("mnist:v1", "Digits").link.name == "Digits:v2"
    repo.remove_model("Digits", force=True)
    assert repo.link("mnist:v2", "Digits").link.name == "Digits:v3"
    with pytest.raises(DeletedVersion):
        repo.resolve("Digits:v0")


def test_a_name_stays_that_of_its_kind_and_its_numbers_go_on(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "1", links=["Digits"])

    repo.remove_model("Digits", force=True)
    with pytest.raises(NameTaken):
        repo.create_artifact("Digits")
    repo.remove_artifact("mnist", force=True)
    with pytest.raises(NameTaken):
        repo.create_model("mnist")

    assert log("mnist", "1").version.name == "mnist:v1"


def test_a_version_file_that_was_lost_does_not_let_its_number_be_given_again(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any]
) -> None:
    for text in "0123":
        log("mnist", text)
    storage.delete("artifacts/mnist/v3")

    assert log("mnist", "new").version.number == 4
