"""Lists by page: the pages together are the list, and a page costs what is on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from mreg.repository import Repository
from mreg.session.index import Index
from mreg.storage.memory import MemoryStorage

NAMES = ["a", "a-b", "a.b", "ab", "a_b", "B", "producción", "z", "gone"]
BOUND = st.none() | st.integers(-1, 9)


def filled() -> Repository:
    """Eight versions of each artifact, some of them deleted, and linked in a model; one artifact deleted."""
    repo = Repository.init_storage(MemoryStorage(), "memory")
    with repo.change() as change:
        for name in NAMES:
            for number in range(8):
                change.log({"w": f"{name} {number}".encode()}, name)
            change.set_property(name, "k", 1)
        for number in range(8):
            change.link(f"a:v{number}", "Model")
            change.create_model(f"Model-{number}")
    repo.remove_artifact("gone", force=True)
    repo.remove(["a:v0", "a:v3", "a:v7"], force=True)
    return repo


@pytest.fixture(scope="module")
def repo() -> Iterator[Repository]:
    with filled() as repo:
        yield repo


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("kind", ["artifacts", "models"])
def test_pages_of_collections_make_up_the_list(repo: Repository, kind: str, limit: int) -> None:
    # given
    listed: Callable[..., list[Any]] = getattr(repo, kind)
    found: list[Any] = []

    # when
    while page := listed(after=found[-1].name if found else "", limit=limit):
        assert len(page) <= limit
        found += page

    # then
    assert found == listed()
    assert listed(after=found[2].name) == found[3:]


@given(
    name=st.sampled_from(["a", "z", "Model"]),
    newest=st.none() | st.integers(0, 9),
    limit=st.none() | st.integers(0, 9),
    after=BOUND,
    before=BOUND,
)
@settings(max_examples=200)
def test_pages_of_versions_are_slices_of_the_list(repo: Repository, name: str, **bounds: int | None) -> None:
    every = repo.versions(name)
    numbers = [link.number for link in repo.model(name).links] if name == "Model" else [one.number for one in every]
    after, before = bounds["after"], bounds["before"]
    within = [
        one
        for one, number in zip(every, numbers, strict=True)
        if (after is None or number > after) and (before is None or number < before)
    ]
    newest = bounds["newest"]
    wanted = within if newest is None else within[max(0, len(within) - newest) :]

    found = repo.versions(name, **bounds)

    assert found == wanted[: bounds["limit"]]


def test_a_page_reads_the_records_on_it_only(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    asked: list[str] = []
    records = Index.records
    monkeypatch.setattr(Index, "records", lambda self, names: records(self, [*names, *(asked.extend(names) or ())]))

    # when
    repo.versions("z", limit=2, after=3)
    repo.artifacts(after="ab", limit=1)

    # then
    assert len(asked) == 3


def test_pages_see_the_steps_of_a_change(repo: Repository) -> None:
    with pytest.raises(KeyboardInterrupt), repo.change() as change:
        change.create_artifact("aa")
        change.log({"w": b"new"}, "z")
        change.remove("z:v1")

        assert [one.name for one in change.artifacts(after="a_b", limit=2)] == ["aa", "ab"]
        assert [one.number for one in change.versions("z", newest=2)] == [7, 8]
        assert [one.number for one in change.versions("z", limit=2)] == [0, 2]
        raise KeyboardInterrupt
