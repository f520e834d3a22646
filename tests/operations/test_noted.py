"""Properties and times of many things at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg.repository import Repository
from mreg.values.errors import NotFound

Log = Callable[..., Any]


@pytest.fixture
def noted(repo: Repository) -> Repository:
    """`net` of two versions, `digits` that links the first, and `other`, with properties here and there."""
    repo.log({"w": b"1"}, "net", aliases=["best"], links=["digits"])
    repo.log({"w": b"2"}, "net")
    repo.log({"w": b"3"}, "other")
    for reference in ("net", "net:v0", "digits", "digits:v0"):
        repo.set_properties(reference, {"of": reference, "b": [1, 2]})
    return repo


def times(repo: Repository) -> list[Any]:
    return [entry.time for entry in repo.history()]


def test_everything_is_noted_by_its_name(noted: Repository) -> None:
    found = noted.noted()

    assert list(found) == ["digits", "digits:v0", "net", "net:v0", "net:v1", "other", "other:v0"]
    for name, one in found.items():
        assert one.properties == noted.properties(name)


def test_of_one_collection_what_is_in_it_is_noted_too(noted: Repository) -> None:
    assert list(noted.noted("net")) == ["net", "net:v0", "net:v1"]
    assert list(noted.noted("digits")) == ["digits", "digits:v0"]


def test_what_is_in_collections_is_left_out_where_it_is_not_wanted(noted: Repository) -> None:
    noted.attach("net", "vitals", __file__)
    noted.set_property("net", "vendor/links#1", 1)
    noted.set_alias("very-best", "net:v0")

    everything = noted.noted()

    assert noted.noted(within=False) == {name: everything[name] for name in ("digits", "net", "other")}


@pytest.mark.parametrize(
    ("reference", "name"),
    [("net:v0", "net:v0"), ("net:best", "net:v0"), ("digits:v0", "digits:v0"), ("net:latest", "net:v1")],
)
def test_a_reference_notes_what_it_means(noted: Repository, reference: str, name: str) -> None:
    assert noted.noted(reference) == {name: noted.noted()[name]}


def test_the_time_is_that_of_the_last_change(noted: Repository) -> None:
    first, second, third, on_net, on_version, on_model, on_link = times(noted)

    found = {name: one.changed for name, one in noted.noted().items()}

    assert found == {
        "digits": on_link,
        "digits:v0": on_link,
        "net": on_version,
        "net:v0": on_version,
        "net:v1": second,
        "other": third,
        "other:v0": third,
    }
    assert first < second < on_net < on_model


@pytest.mark.parametrize(
    ("act", "changed"),
    [
        (lambda repo: repo.annotate("net:v1", message="new"), {"net", "net:v1"}),
        (lambda repo: repo.remove_property("net:v0", "of"), {"net", "net:v0"}),
        (lambda repo: repo.set_alias("best", "net:v1"), {"net"}),
        (lambda repo: repo.attach("net:v1", "notes", __file__), {"net", "net:v1"}),
        (lambda repo: repo.describe("digits", "text"), {"digits"}),
        (lambda repo: repo.set_card("digits", "text"), {"digits"}),
        (lambda repo: repo.log({"w": b"4"}, "other"), {"other", "other:v1"}),
    ],
)
def test_a_change_moves_the_time_of_what_it_concerns(noted: Repository, act: Any, changed: set[str]) -> None:
    before = noted.noted()

    act(noted)

    after = noted.noted()
    assert {name for name, one in after.items() if name not in before or one.changed != before[name].changed} == changed
    assert {after[name].changed for name in changed} == {times(noted)[-1]}


def test_what_was_deleted_is_not_noted(noted: Repository) -> None:
    noted.remove("net:v1")
    noted.unlink("digits:v0")
    noted.remove_artifact("other", force=True)

    assert list(noted.noted()) == ["digits", "net", "net:v0"]
    with pytest.raises(NotFound):
        noted.noted("other")


def test_nothing_is_noted_of_nothing(repo: Repository) -> None:
    assert repo.noted() == {}
