"""Versions between two repositories: their bytes, their numbers, and what was said of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mreg.repository import Repository
from mreg.sync.faults import NumbersTaken, SameRepository
from mreg.sync.request import Request
from mreg.sync.transfer import transfer

Files = Callable[[str], str]


def push(one: Repository, other: Repository, *references: str, **how: object) -> object:
    return transfer(one._context, other._context, Request(references, **how))  # type: ignore[arg-type]


def test_a_version_travels_with_its_bytes_and_number(here: Repository, team: Repository, files: Files) -> None:
    here.log(files("one"), "m", message="first", metadata={"acc": 1})
    here.log(files("two"), "m")

    done = push(here, team, "m:v0", "m:v1")

    assert [(one.version, one.state) for one in done.versions] == [("m:v0", "new"), ("m:v1", "new")]
    assert b"".join(team.read("m:v1", "w.bin")) == b"two"
    assert team.version("m:v0").message == "first"
    assert team.version("m:v0").digest == here.version("m:v0").digest
    assert not team.fsck(full=True).findings


def test_what_is_there_is_not_sent_again(here: Repository, team: Repository, files: Files) -> None:
    here.log(files("one"), "m")
    push(here, team, "m:v0")

    done = push(here, team, "m:v0")

    assert (done.bytes, done.chunks, done.seq) == (0, 0, None)
    assert done.versions[0].state == "there"


def test_a_later_version_alone_keeps_its_number(here: Repository, team: Repository, files: Files) -> None:
    for text in ("one", "two", "three"):
        here.log(files(text), "m")

    done = push(here, team, "m:v2")

    assert done.reserved == ("m:v0", "m:v1")
    assert team.awaited("m").keys() == {0, 1}
    assert not team.fsck(full=True).findings
    assert push(here, team, "m:v0").versions[0].state == "new"
    assert not team.fsck(full=True).findings


def test_a_number_that_means_something_else_refuses_all(here: Repository, team: Repository, files: Files) -> None:
    here.log(files("one"), "m")
    here.log(files("two"), "m")
    team.log(files("other"), "m")

    with pytest.raises(NumbersTaken) as refused:
        push(here, team, "m:v0", "m:v1")

    assert refused.value.taken == ("m:v0",)
    assert len(team.versions("m")) == 1


def test_renumbered_versions_go_behind_those_that_are_there(here: Repository, team: Repository, files: Files) -> None:
    here.log(files("one"), "m")
    here.log(files("two"), "m", aliases=["best"])
    team.log(files("other"), "m")

    done = push(here, team, every=True, renumber=True, every_alias=True)

    assert done.renumbered == {"m:v0": "m:v1", "m:v1": "m:v2"}
    assert team.resolve("m:best").number == 2
    assert push(here, team, every=True, renumber=True).seq is None


def test_a_repository_does_not_push_to_itself(here: Repository, files: Files) -> None:
    with pytest.raises(SameRepository):
        push(here, here, every=True)
