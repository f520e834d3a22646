"""Aliases move only from where they were expected, and differ in more than case."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mreg.operations.aliases import AliasTaken
from mreg.operations.expect import AliasMoved
from mreg.repository import Repository
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage


def test_an_alias_that_differs_in_case_from_one_that_was_deleted_is_refused(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("mnist", "0", aliases=["best"])
    repo.remove_alias("best", "mnist")

    with pytest.raises(AliasTaken):
        repo.set_alias("Best", "mnist:v0")
    repo.set_alias("best", "mnist:v0")

    assert [one.alias for one in repo.aliases("mnist")] == ["best"]


@pytest.mark.parametrize(("expect", "holds"), [("none", False), ("v0", True), ("v1", False)])
def test_an_alias_moves_only_from_where_it_was_expected(
    repo: Repository, log: Callable[..., Any], expect: str, holds: bool
) -> None:
    log("mnist", "0", aliases=["best"])
    log("mnist", "1")
    head = len(repo.history())

    if holds:
        assert repo.set_alias("best", "mnist:v1", expect=expect)[2:4] == (1, 0)
        return
    with pytest.raises(AliasMoved) as raised:
        repo.set_alias("best", "mnist:v1", expect=expect)

    assert (raised.value.expected, raised.value.found) == (expect, "v0")
    assert repo.resolve("mnist:best").number == 0
    assert len(repo.history()) == head


def test_an_alias_that_must_not_exist_yet_is_made_once_by_racing_writers(
    storage: MemoryStorage, repo: Repository, log: Callable[..., Any], reopen: Callable[[Storage], Repository]
) -> None:
    for n in range(8):
        log("mnist", str(n))
    writers = [reopen(storage) for _ in range(8)]

    def claim(who: int) -> bool:
        try:
            writers[who].set_alias("best", f"mnist:v{who}", expect="none")
        except AliasMoved:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(claim, range(8)))

    assert won.count(True) == 1
    assert repo.resolve("mnist:best").number == won.index(True)
