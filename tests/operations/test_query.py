"""Questions are answered by what is there: of search, diff and history what neighbours of theirs do not show."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mreg.repository import Repository
from mreg.session.index import Index
from mreg.values.errors import NotFound
from mreg.values.filters.errors import UnknownKey
from mreg.values.filters.filter import Filter


def test_search_finds_a_text_within_one_thing_that_is_said_and_not_across_two(
    repo: Repository, folder: Callable[..., str]
) -> None:
    repo.log(folder({"a": b"1"}), "mnist", aliases=["best"], message="first\nline")
    repo.create_model("Digits", tags=["vision"])

    assert [one.name for one in repo.search("T\nL")[2]] == ["mnist:v0"]
    assert repo.search("mnist\n") == ([], [], [])
    assert repo.search("\nvision") == ([], [], [])
    assert repo.search("\nbest") == ([], [], [])


@pytest.mark.parametrize(("before", "after"), [(1, True), (1, 1.0), (False, 0), ([1], [True]), ({"b": 0}, {"b": 0.0})])
def test_a_value_of_another_type_is_another_value(
    before: object, after: object, repo: Repository, folder: Callable[..., str]
) -> None:
    source = folder({"a": b"1"})
    repo.log(source, "mnist", metadata={"key": before})
    repo.log(folder({"a": b"2"}), "mnist", metadata={"key": after})
    differing = repo.diff("mnist:v0", "mnist:v1").metadata

    changed = repo.annotate("mnist:v0", metadata={"key": after})[1]
    again = repo.annotate("mnist:v0", metadata={"key": after})[1]
    repo.log(folder({"a": b"2"}), "mnist", metadata={"key": before})

    assert len(differing) == 1
    assert (changed, again) == (True, False)
    assert repr(repo.version("mnist:v0").metadata) == repr({"key": after})
    assert repr(repo.version("mnist:v1").metadata) == repr({"key": before})


def test_history_knows_a_deleted_collection_also_where_nothing_happened_of_late(repo: Repository) -> None:
    repo.create_artifact("mnist")
    repo.create_model("Digits")
    repo.remove_artifact("mnist")
    repo.remove_model("Digits")

    assert [entry.seq for entry in repo.history("mnist")] == [1, 3]
    assert repo.history("mnist", since=3) == repo.history("Digits", since=4) == []
    assert repo.history("mnist", limit=0) == repo.history("Digits", limit=0) == []


@pytest.mark.parametrize("since", [0, 1, 2])
def test_history_of_a_name_that_never_was_is_refused_from_wherever_one_asks(since: int, repo: Repository) -> None:
    repo.create_artifact("mnist")
    repo.create_model("Digits")

    with pytest.raises(NotFound) as raised:
        repo.history("mnits", since=since)

    assert raised.value.near == ["mnist"]


def test_what_the_newest_of_many_cost_follows_how_many_are_asked_for(
    repo: Repository, folder: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    for number in range(70):
        repo.log(folder({"a": str(number).encode()}), "mnist")
    repo.remove("mnist:v68")
    asked: list[int] = []
    real = Index.records
    monkeypatch.setattr(Index, "records", lambda index, names: asked.append(len(names)) or real(index, names))
    fetched: list[int] = []
    fetch = Index._fetch
    monkeypatch.setattr(
        Index, "_fetch", lambda index, *query: fetched.append(len(rows := fetch(index, *query))) or rows
    )

    # when
    found = repo.versions("mnist", newest=3)

    # then
    assert [one.number for one in found] == [66, 67, 69]
    assert asked == [3]
    assert sum(fetched) < 40
    assert [one.number for one in repo.versions("mnist", newest=0)] == []
    assert len(repo.versions("mnist", newest=100)) == 69


@pytest.mark.parametrize("where", ["metrics.acx > 0.9", "not metrics.acx > 0.9"])
def test_a_condition_with_a_mistyped_key_is_an_error_also_beside_a_selector(repo: Repository, where: str) -> None:
    repo.log({"w": b"1"}, "net", metadata={"metrics": {"acc": 0.95}}, aliases=["best"])

    with pytest.raises(UnknownKey) as raised:
        repo.choose("net:best", where=where)

    assert raised.value.near == ["metrics.acc"]
    assert repo.choose("net:best", where="not metrics.acc > 0.99").name == "net:v0"


def test_a_search_that_sorts_or_limits_finds_versions_without_a_filter_too(
    repo: Repository, folder: Callable[..., str]
) -> None:
    for n, acc in enumerate((0.5, 0.9, 0.7)):
        repo.log(folder({"a": b"%d" % n}), "mnist", metadata={"metrics": {"acc": acc}})
    repo.log(folder({"a": b"x"}), "other", metadata={"metrics": {"acc": 1}})
    repo.add_tags("mnist:v2", ["good"])

    assert [one.name for one in repo.search(sort="-metrics.acc", limit=2)] == ["other:v0", "mnist:v1"]
    assert [one.name for one in repo.search(limit=1)] == ["mnist:v0"]
    assert repo.search(limit=0) == []
    assert [one.name for one in repo.search(within="other")] == ["other:v0"]
    assert [one.name for one in repo.search(sort="number", tags=["good"])] == ["mnist:v2"]
    assert [one.name for one in repo.search(where="number >= 0", tags=["good"])] == ["mnist:v2"]


def test_limits_below_zero_and_filters_that_are_no_texts_are_refused(repo: Repository) -> None:
    with pytest.raises(ValueError, match="limit must not be negative"):
        repo.search(where=(), limit=-1)
    with pytest.raises(TypeError, match="a filter is a string"):
        Filter(None)  # type: ignore[arg-type]
