"""What `log` makes of content that is there already, and of several names in one change."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mreg.operations.aliases import AliasTaken
from mreg.operations.collections import NameTaken
from mreg.repository import Repository
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage


def text_of(repo: Repository, reference: str) -> str:
    return b"".join(repo.read(reference, "weights")).decode()


def test_the_same_content_is_no_new_version_but_all_that_was_said_applies(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("base", "b")
    log("mnist", "0", message="first", metadata={"acc": 0.5, "lr": {"start": 0.1}})

    result = log(
        "mnist",
        "0",
        aliases=["best"],
        links=["Digits"],
        message="said later",
        metadata={"acc": 0.6, "lr": {"end": 0.01}},
        inputs=["base"],
    )

    version = repo.version("mnist:v0")
    assert (result.created, result.stored, result.links, result.models_created) == (
        False,
        0,
        ("Digits:v0",),
        ("Digits",),
    )
    assert result.version == version
    assert (version.aliases, version.links, version.message) == (("best",), ("Digits:v0",), "said later")
    assert version.metadata == {"acc": 0.6, "lr": {"start": 0.1, "end": 0.01}}
    assert [one.reference for one in version.inputs] == ["base:v0"]
    assert len(repo.versions("mnist")) == 1


def test_the_same_content_with_nothing_new_is_no_change_at_all(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], content: Callable[[Storage], dict[str, bytes]]
) -> None:
    options: dict[str, Any] = {"aliases": ["best"], "links": ["Digits"], "message": "m", "metadata": {"acc": 0.5}}
    log("mnist", "0", **options)
    before = content(storage)

    assert not log("mnist", "0", **options).created
    assert not log("mnist", "0").created

    assert content(storage) == before


def test_the_same_bytes_under_another_path_are_other_content(repo: Repository, folder: Callable[..., str]) -> None:
    repo.log(folder({"a": b"1"}), "mnist")

    result = repo.log(folder({"b": b"1"}), "mnist")

    assert (result.created, result.stored) == (True, 0)


def test_racing_writers_with_the_same_content_make_one_version(
    storage: MemoryStorage, repo: Repository, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    at = folder({"weights": b"same" * 1000})
    writers = [reopen(storage) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda one: one[1].log(at, "mnist", aliases=[f"a{one[0]}"]), enumerate(writers)))

    assert [result.version.number for result in results] == [0] * 8
    assert sum(result.created for result in results) == 1
    assert repo.version("mnist:v0").aliases == tuple(f"a{n}" for n in range(8))
    assert repo.fsck(full=True).findings == ()


def test_racing_writers_with_other_contents_get_a_number_each(
    storage: MemoryStorage, repo: Repository, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    writers = [reopen(storage) for _ in range(6)]
    places = [[folder({"weights": b"%d %d" % (who, n)}) for n in range(5)] for who in range(6)]

    def work(who: int) -> list[int]:
        return [writers[who].log(at, "mnist").version.number for at in places[who]]

    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(work, range(6)))

    assert sorted(n for mine in numbers for n in mine) == list(range(30))
    for who, mine in enumerate(numbers):
        assert [text_of(repo, f"mnist:v{n}") for n in mine] == [f"{who} {n}" for n in range(5)]
    assert repo.fsck(full=True).findings == ()


@pytest.mark.parametrize(
    "options",
    [
        {"links": ["mnist"]},
        {"links": ["MNIST"]},
        {"links": ["Digits", "digits"]},
        {"links": ["Digits", "letters"]},
    ],
)
def test_one_log_does_not_make_two_collections_of_one_name(
    repo: Repository, log: Callable[..., Any], storage: MemoryStorage, options: dict[str, Any]
) -> None:
    repo.create_artifact("letters")
    before, stored = repo.history(), list(storage.list(""))

    with pytest.raises(NameTaken):
        log("mnist", "0", **options)

    assert repo.history() == before
    assert repo.kind("mnist") is None
    assert list(storage.list("")) == stored  # refused before anything was read


def test_one_change_does_not_make_two_aliases_that_differ_in_case(
    repo: Repository, log: Callable[..., Any], storage: MemoryStorage
) -> None:
    log("mnist", "0")
    before, stored = repo.history(), list(storage.list(""))

    with pytest.raises(AliasTaken, match="'best'"):
        log("mnist", "1", aliases=["best", "BEST"])
    assert list(storage.list("")) == stored  # refused before anything was read
    with pytest.raises(AliasTaken, match="'best'"):
        repo.link("mnist:v0", "Digits", aliases=["best", "Best"])

    assert repo.history() == before


def test_the_same_link_and_alias_twice_in_one_log_are_one(repo: Repository, log: Callable[..., Any]) -> None:
    result = log("mnist", "0", aliases=["best", "best"], links=["Digits", "Digits"])

    assert result.links == ("Digits:v0",)
    assert repo.version("mnist:v0").aliases == ("best",)


def test_one_alias_is_not_taken_for_its_letters(repo: Repository, log: Callable[..., Any]) -> None:
    result = log("mnist", "0", aliases="best")

    assert result.version.aliases == ("best",)
