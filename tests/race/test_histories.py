"""Whatever many processes do at once, it is what one could have done, one step after the other."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from linearizable import KEYS, Operation, check, of_key
from race_workers import content

from mreg import Repository

Check = Callable[[], None]
Count = Callable[[str, int], None]

VERSIONS = 6


@pytest.mark.parametrize(
    ("workers", "turns"), [(8, 60), pytest.param(16, 400, marks=pytest.mark.slow)], ids=["8x60", "16x400"]
)
def test_every_history_is_linearizable_when_many_do_anything_beside_gc_and_fsck(
    race: Any, repository: Repository, assert_clean: Check, tmp_path: Path, workers: int, turns: int, count: Count
) -> None:
    for number in range(VERSIONS):
        (tmp_path / "weights.bin").write_bytes(content(0, number))
        repository.log(tmp_path / "weights.bin", "a")
    repository.create_artifact("b")
    repository.create_model("m")
    stop = tmp_path / "stop"

    others = race.start_beside(
        ("collect", {"worker": 100, "grace": 1.0, "stop": str(stop)}), ("inspect", {"worker": 101, "stop": str(stop)})
    )
    job = {"count": turns, "versions": VERSIONS, "folder": str(tmp_path)}
    results = race.run(*(("mix", {"worker": n, **job}) for n in range(workers)))
    stop.touch()
    _, (_, findings) = race.results(others)

    assert [faults for _, faults in results if faults] == []
    assert findings == []
    operations = 0
    for key, (initial, step) in KEYS.items():
        histories = of_key(results, key)
        assert check(histories, initial, step) is None
        assert sum(map(len, histories)) >= turns, f"hardly anything was done with {key}"
        operations += sum(map(len, histories))
    assert _met(of_key(results, "a:best")), "no two operations overlapped: this was no race"
    assert_clean()
    count("operations in races", operations)


def _met(histories: list[list[Operation]]) -> bool:
    """Did operations of two processes overlap?"""
    spans = sorted((one.began, one.ended) for history in histories for one in history)
    return any(later[0] < earlier[1] for earlier, later in pairwise(spans))


@pytest.mark.parametrize("reads", [20_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_no_read_of_an_alias_is_torn_while_others_move_it(
    race: Any, repository: Repository, assert_clean: Check, tmp_path: Path, reads: int, count: Count
) -> None:
    for number in range(VERSIONS):
        (tmp_path / "weights.bin").write_bytes(content(0, number))
        repository.log(tmp_path / "weights.bin", "a", aliases=["moving"])
    right = {(version.number, version.digest) for version in repository.versions("a")}
    stop, which = tmp_path / "stop", {"artifact": "a", "alias": "moving"}

    movers = race.start_beside(
        *(("move", {"worker": n, "versions": VERSIONS, "stop": str(stop), **which}) for n in range(2))
    )
    seen = race.run(
        *(("read_alias", {"worker": n, "count": reads // 4, "versions": VERSIONS, **which}) for n in range(4))
    )
    stop.touch()
    race.results(movers)

    assert {tuple(one) for pairs in seen for one in pairs} == right, "torn"
    assert_clean()
    count("alias reads in races", reads)
