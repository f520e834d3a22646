"""Equal content logged again: nothing that was given is dropped; `once` and `always` say what counts as new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg.operations.collections import TypeDiffers
from mreg.operations.log_request import OnceOrAlways
from mreg.operations.versions import WouldReplace
from mreg.repository import Repository
from mreg.values.errors import InvalidInput
from mreg.values.metadata import InvalidMetadata

Log = Callable[..., Any]


def test_all_that_was_given_is_said_of_the_version_that_has_the_content(repo: Repository, log: Log) -> None:
    log("base", "b")
    log("mnist", "1", message="first", metadata={"m": {"acc": 0.5}}, run="run-1")

    done = log("mnist", "1", message="again", metadata={"m": {"acc": 0.7}}, run="run-2", inputs=["base"])

    assert (done.created, done.version.name, done.version.message) == (False, "mnist:v0", "again")
    assert done.version.metadata == {"m": {"acc": 0.7}}
    assert [one.reference for one in done.version.inputs] == ["base:v0"]
    assert {(one.kind, one.name) for one in done.changes} == {("annotation", "mnist:v0"), ("use", "run-2")}
    details = {one.what: (one.old, one.new) for change in done.changes for one in change.details}
    assert details == {"message": ("first", "again"), "inputs": ([], ["base:v0"]), "m.acc": (0.5, 0.7)}


def test_the_run_that_made_it_is_not_recorded_again(repo: Repository, log: Log) -> None:
    log("mnist", "1", run="run-1")

    assert log("mnist", "1", run="run-1").changes == ()
    assert log("mnist", "1", run="run-2").seq == 2
    assert log("mnist", "1", run="run-2").seq is None


def test_a_type_that_contradicts_is_refused_and_one_that_fits_is_not(repo: Repository, log: Log) -> None:
    log("mnist", "1", type="dataset")

    for text in ("1", "2"):
        with pytest.raises(TypeDiffers):
            log("mnist", text, type="model")
    assert log("mnist", "2", type="dataset").version.type == "dataset"


def test_once_returns_any_version_with_the_content(repo: Repository, log: Log) -> None:
    log("mnist", "1")
    log("mnist", "2")

    again = log("mnist", "1", once=True, aliases=["best"])

    assert (again.created, again.version.name) == (False, "mnist:v0")
    assert repo.resolve("mnist:best").number == 0
    assert log("mnist", "1").version.name == "mnist:v2"
    assert log("other", "1", once=True).created


def test_once_does_not_return_what_was_deleted(repo: Repository, log: Log) -> None:
    log("mnist", "1")
    log("mnist", "2")
    repo.remove("mnist:v0")

    assert log("mnist", "1", once=True).version.name == "mnist:v2"


def test_always_makes_a_version_of_equal_content(repo: Repository, log: Log) -> None:
    first = log("mnist", "1").version

    second = log("mnist", "1", always=True).version

    assert (second.name, second.manifest) == ("mnist:v1", first.manifest)
    with pytest.raises(OnceOrAlways):
        log("mnist", "1", always=True, once=True)


def test_a_group_is_not_replaced_by_one_value(repo: Repository, log: Log) -> None:
    log("mnist", "1", metadata={"m": {"acc": 0.5, "loss": 1.0}})

    for change in (
        lambda: repo.annotate("mnist", metadata={"m": 3}),
        lambda: log("mnist", "1", metadata={"m": 3}),
    ):
        with pytest.raises(WouldReplace) as raised:
            change()
        assert (raised.value.key, raised.value.count) == ("m", 2)
    assert repo.version("mnist").metadata == {"m": {"acc": 0.5, "loss": 1.0}}
    assert repo.annotate("mnist", metadata={"m": 3}, replace=True).version.metadata == {"m": 3}
    assert repo.annotate("mnist", metadata={"m": {"acc": 1}}).version.metadata == {"m": {"acc": 1}}


def test_keys_with_dots_can_be_unset(repo: Repository, log: Log) -> None:
    log("mnist", "1", metadata={"a.b": 1, "a": {"b": 2, "c.d": {"e": 3}}, "x.y": {"z": 4}})

    with pytest.raises(InvalidMetadata, match=r'write "a"\."b" or "a\.b"'):
        repo.annotate("mnist", unset=["a.b"])
    repo.annotate("mnist", unset=['"a.b"', "a.c.d.e", "x.y"])
    assert repo.version("mnist").metadata == {"a": {"b": 2}}
    repo.annotate("mnist", unset=["a.b"])
    assert repo.version("mnist").metadata == {}


def test_log_link_and_promote_are_one_change(repo: Repository, log: Log) -> None:
    log("mnist", "1", links=["digits:production"])

    done = log("mnist", "2", aliases=["best"], links=["digits:production", "digits:canary"], expect="production=v0")

    assert [entry.seq for entry in repo.history()] == [1, 2]
    assert done.links == ("digits:v1",)
    assert repo.resolve("digits:production") == repo.resolve("digits:canary")
    moved = {one.name: (one.old, one.new, one.version) for one in done.changes if one.kind == "alias"}
    assert moved == {
        "mnist:best": (None, "v1", "mnist:v1"),
        "digits:production": ("v0", "v1", "mnist:v1"),
        "digits:canary": (None, "v1", "mnist:v1"),
    }


@pytest.mark.parametrize("expect", ["v0", ["best=v0", "best=v1"], "nope=v0", "other:best=v0", "best=3", "best"])
def test_an_expectation_that_cannot_be_meant_is_refused(repo: Repository, log: Log, expect: Any) -> None:
    with pytest.raises(InvalidInput):
        log("mnist", "1", aliases=["best"], links=["digits:production"], expect=expect)

    assert repo.history() == []


def test_versions_are_removed_all_or_none(repo: Repository, log: Log) -> None:
    for text in "1234":
        log("mnist", text)
    repo.set_alias("best", "mnist:v1")

    with pytest.raises(Exception, match="held by alias 'mnist:best'"):
        repo.remove(["mnist:v0", "mnist:v1"])
    assert len(repo.versions("mnist")) == 4
    gone = repo.remove(["mnist:v0", "mnist:v2", "mnist:v0"])
    assert (gone.versions, gone.seq) == (("mnist:v0", "mnist:v2"), 6)
    repo.undo(gone.seq)
    assert len(repo.versions("mnist")) == 4
