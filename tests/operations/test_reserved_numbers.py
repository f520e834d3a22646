"""Reserved numbers: given to nothing, or kept for one content that may come later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg.operations.numbers import InvalidFirst, NumbersGiven, reserve
from mreg.operations.resolve import NotHere
from mreg.refs.journal import Change, Journal
from mreg.refs.keys import LinkKey, VersionKey
from mreg.refs.transaction import Draft, ReservedNumber
from mreg.repository import Repository
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.values.formats import NeedsFormat
from mreg.values.ref_texts import LinkTarget

OTHER = "ab" * 32


def commit(repo: Repository, build: Callable[[Draft], Any]) -> None:
    repo._context.commit("pull", build)


def keep(repo: Repository, *kept: tuple[VersionKey | LinkKey, str]) -> None:
    """Reserve these numbers, each for one version record."""

    def build(draft: Draft) -> None:
        for key, digest in kept:
            reserve(draft, key, digest)

    commit(repo, build)


def test_an_artifact_counts_from_its_first_number(repo: Repository, log: Callable[..., Any]) -> None:
    made = repo.create_artifact("counted", first=2)

    assert log("counted", "1").version.name == "counted:v2"
    assert [(one.kind, one.name) for one in made.changes] == [
        ("artifact", "counted"),
        ("version", "counted:v0"),
        ("version", "counted:v1"),
    ]
    assert repo.resolve("counted").name == "counted:v2"
    assert [one.number for one in repo.versions("counted")] == [2]
    assert repo.awaited("counted") == {}
    assert repo.fsck(full=True).findings == ()
    with pytest.raises(NotHere) as raised:
        repo.resolve("counted:v0")
    assert str(raised.value) == "version v0 of 'counted' is not here: its number is reserved"


def test_a_registered_model_counts_from_its_first_number(repo: Repository, log: Callable[..., Any]) -> None:
    repo.create_model("Digits", first=1)

    assert log("mnist", "1", links=["Digits"]).links == ("Digits:v1",)
    assert repo.fsck(full=True).findings == ()
    with pytest.raises(NotHere):
        repo.resolve("Digits:v0")


def test_asked_for_again_it_is_no_change(repo: Repository, log: Callable[..., Any]) -> None:
    repo.create_artifact("counted", first=1)
    log("counted", "1")

    assert not repo.create_artifact("counted", first=1)


@pytest.mark.parametrize("first", [1, 2])
def test_numbers_that_were_given_are_not_taken_back(repo: Repository, log: Callable[..., Any], first: int) -> None:
    log("mnist", "1")
    before = len(repo.history())

    with pytest.raises(NumbersGiven) as raised:
        repo.create_artifact("mnist", first=first)

    assert str(raised.value) == f"the numbers of 'mnist' cannot start at {first}: v0 was already given"
    assert len(repo.history()) == before


@pytest.mark.parametrize("first", [-1, 1001])
def test_a_first_number_that_cannot_be_is_refused(repo: Repository, first: int) -> None:
    with pytest.raises(InvalidFirst):
        repo.create_artifact("counted", first=first)

    assert repo.artifacts() == []


def test_a_rename_takes_reserved_numbers_along_and_back(repo: Repository, log: Callable[..., Any]) -> None:
    repo.create_artifact("counted", first=1)
    repo.create_model("Digits", first=1)
    log("counted", "1", links=["Digits"])

    repo.rename_artifact("counted", "other")
    repo.rename_model("Digits", "Numerals")

    for name in ("other", "Numerals"):
        assert repo.resolve(name).number == 1
        with pytest.raises(NotHere):
            repo.resolve(f"{name}:v0")
    assert repo.fsck(full=True).findings == ()
    repo.rename_artifact("other", "counted")
    with pytest.raises(NotHere):
        repo.resolve("counted:v0")
    assert repo.fsck(full=True).findings == ()


def test_an_undo_of_the_creation_leaves_the_numbers_given(repo: Repository, log: Callable[..., Any]) -> None:
    made = repo.create_artifact("counted", first=1)

    repo.undo(made.seq or 0)

    assert repo.artifacts() == []
    assert log("counted", "1").version.name == "counted:v1"
    assert repo.fsck(full=True).findings == ()


def test_a_number_that_is_kept_for_a_version_means_that_or_nothing(
    repo: Repository, log: Callable[..., Any], reopen: Callable[[Storage], Repository], storage: MemoryStorage
) -> None:
    # given
    digest = log("source", "1").version.digest
    repo.create_artifact("copy")
    keep(repo, (VersionKey("copy", 0), digest), (VersionKey("copy", 1), OTHER))
    repo.create_model("Digits")
    keep(repo, (LinkKey("Digits", 0), digest))

    # when
    awaited = repo.awaited("copy"), repo.awaited("Digits"), reopen(storage).awaited("copy")
    with pytest.raises(ReservedNumber):
        commit(repo, lambda draft: draft.set(VersionKey("copy", 1), digest))
    with pytest.raises(ReservedNumber):
        commit(repo, lambda draft: draft.set(LinkKey("Digits", 0), str(LinkTarget("source", 0, OTHER))))
    commit(repo, lambda draft: draft.set(VersionKey("copy", 0), digest))
    commit(repo, lambda draft: draft.set(LinkKey("Digits", 0), str(LinkTarget("source", 0, digest))))

    # then
    assert awaited == ({0: digest, 1: OTHER}, {0: digest}, {0: digest, 1: OTHER})
    assert (repo.awaited("copy"), repo.awaited("Digits")) == ({1: OTHER}, {})
    assert repo.resolve("copy:v0").digest == repo.resolve("Digits:v0").digest == digest
    assert log("copy", "2").version.name == "copy:v2"
    assert repo.fsck(full=True).findings == ()


def test_what_was_reserved_and_then_set_follows_the_rules_of_all_others(
    repo: Repository, log: Callable[..., Any]
) -> None:
    digest = log("source", "1").version.digest
    repo.create_artifact("copy")
    keep(repo, (VersionKey("copy", 0), digest))
    commit(repo, lambda draft: draft.set(VersionKey("copy", 0), digest))

    gone = repo.remove("copy:v0")
    repo.undo(gone.seq)

    assert repo.resolve("copy:v0").digest == digest
    assert repo.fsck(full=True).findings == ()


@pytest.mark.parametrize("kind", ["artifact", "model"])
def test_a_repository_of_format_1_refuses_them(tmp_path: Any, kind: str) -> None:
    repo = Repository.init_storage(MemoryStorage(), "memory", cache=str(tmp_path / "cache"), format=1)

    with pytest.raises(NeedsFormat) as raised:
        getattr(repo, f"create_{kind}")("counted", first=1)

    words = "version counted:v0" if kind == "artifact" else "link 'counted:v0'"
    assert str(raised.value) == (
        f"the reserved number of {words} requires repository format 2; this repository has format 1"
    )
    assert repo.history() == []
    repo.upgrade()
    getattr(repo, f"create_{kind}")("counted", first=1)
    assert repo.fsck().findings == ()


@pytest.mark.parametrize(
    ("kept", "change"),
    [
        ("reserved", Change("artifacts/counted/v0", None, OTHER)),
        (f"reserved {'cd' * 32}", Change("artifacts/counted/v0", None, OTHER)),
    ],
)
def test_fsck_names_a_number_that_means_something_else_than_it_is_kept_for(
    repo: Repository, storage: MemoryStorage, kept: str, change: Change
) -> None:
    repo.create_artifact("counted")
    append(storage, repo, Change("artifacts/counted/v0", kept, None))
    append(storage, repo, change)

    found = repo.fsck().findings

    assert ("journal-change", "it makes another version of counted:v0") in {(one.code, one.reason) for one in found}


def test_fsck_names_a_link_that_means_something_else_than_its_number_is_kept_for(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any]
) -> None:
    digest = log("mnist", "1").version.digest
    repo.create_model("Digits")
    append(storage, repo, Change("registered/Digits/links#v0", f"reserved {OTHER}", None))
    append(storage, repo, Change("registered/Digits/links#v0", None, f"mnist:v0 {digest}"))

    found = repo.fsck().findings

    assert [(one.code, one.reason) for one in found] == [("journal-change", "it makes another version of Digits:v0")]


def append(storage: Storage, repo: Repository, change: Change) -> None:
    """An entry that no release would make."""
    journal = Journal(storage, repo.id)
    head = journal.look().head
    last = journal.entry(head.seq)
    forged = last._replace(
        seq=head.seq + 1, prev=head.digest, id="0" * 32, changes=(change,), packs=(), drops=(), message=None
    )
    assert journal.append(forged)
