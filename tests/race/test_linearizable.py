"""The judge of the races is judged: it accepts what could have been, and nothing else."""

from __future__ import annotations

import random
from typing import Any

import pytest
from linearizable import Operation, bookmarks, check, numbers, register


def op(what: str, began: int, ended: int, *, given: Any = None, result: Any = None) -> Operation:
    return Operation(what, given, result, began, ended)


POSSIBLE = {
    "nothing": [],
    "one after the other": [[op("set", 0, 1, given=5)], [op("read", 2, 3, result=5)]],
    "a read beside a write may see the old": [[op("set", 0, 9, given=5)], [op("read", 1, 2)]],
    "or the new": [[op("set", 0, 9, given=5)], [op("read", 1, 2, result=5)]],
    "two beside a write, old then new": [[op("set", 0, 9, given=5)], [op("read", 1, 2), op("read", 3, 4, result=5)]],
    "of two swaps one wins": [
        [op("swap", 0, 9, given=(None, 1), result="done")],
        [op("swap", 0, 9, given=(None, 2), result=1)],
    ],
    "writes the other way round": [
        [op("set", 0, 9, given=1, result=2)],
        [op("set", 0, 9, given=2), op("read", 10, 11, result=1)],
    ],
    "removed": [[op("set", 0, 1, given=1), op("remove", 2, 5, result=1)], [op("read", 3, 4)]],
}

IMPOSSIBLE = {
    "a read of what was never there": [[op("read", 0, 1, result=7)]],
    "a read of the old after the write has ended": [[op("set", 0, 1, given=5)], [op("read", 2, 3)]],
    "new, then old": [[op("set", 0, 9, given=5)], [op("read", 1, 2, result=5), op("read", 3, 4)]],
    "two readers see another order": [
        [op("set", 0, 99, given=1)],
        [op("set", 0, 99, given=2, result=1)],
        [op("read", 1, 2, result=2), op("read", 3, 4, result=1)],
    ],
    "both swaps win": [
        [op("swap", 0, 9, given=(None, 1), result="done")],
        [op("swap", 0, 9, given=(None, 2), result="done")],
    ],
    "a swap that lost to what it expected": [[op("swap", 0, 1, given=(None, 1))]],
    "a lost update": [
        [op("set", 0, 1, given=1), op("set", 4, 5, given=3, result=1)],
        [op("set", 2, 3, given=2, result=1)],
    ],
    "removed twice": [[op("set", 0, 1, given=1), op("remove", 2, 9, result=1)], [op("remove", 2, 9, result=1)]],
}


@pytest.mark.parametrize("name", POSSIBLE)
def test_what_could_have_been_is_accepted(name: str) -> None:
    assert check(POSSIBLE[name], None, register) is None


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_cannot_have_been_is_found(name: str) -> None:
    found = check(IMPOSSIBLE[name], None, register)

    assert found is not None and "none of these fits" in found


def test_numbers_given_twice_left_out_or_out_of_order_are_found() -> None:
    empty = (0, frozenset())

    assert check([[op("log", 0, 9, result=0)], [op("log", 0, 9, result=1)]], empty, numbers) is None
    assert check([[op("log", 0, 9, result=0)], [op("log", 0, 9, result=0)]], empty, numbers)
    assert check([[op("log", 0, 9, result=0)], [op("log", 0, 9, result=2)]], empty, numbers)
    assert check([[op("log", 0, 1, result=1)], [op("log", 2, 3, result=0)]], empty, numbers)
    removed = [op("log", 0, 1, result=0), op("remove", 2, 3, given=0, result="done")]
    assert check([[*removed, op("log", 4, 5, result=1)]], empty, numbers) is None
    assert check([[*removed, op("log", 4, 5, result=0)]], empty, numbers)
    assert check([[*removed, op("read", 4, 5, result=0)]], empty, numbers)


def test_a_version_linked_twice_is_found() -> None:
    empty = (0, frozenset())
    first, again = (op("link", 0, 9, given="a:v0", result=[0, new]) for new in (True, False))

    assert check([[first], [again]], empty, bookmarks) is None
    assert check([[first], [first]], empty, bookmarks)
    assert check([[first], [op("link", 0, 9, given="a:v0", result=[1, True])]], empty, bookmarks)
    assert check([[first, op("unlink", 10, 11, given=0, result="done"), op("read", 12, 13)]], empty, bookmarks) is None
    assert check([[first, op("unlink", 10, 11, given=0)]], empty, bookmarks)


@pytest.mark.parametrize("seed", range(30))
def test_histories_made_from_a_real_order_are_accepted_and_mutants_are_found(seed: int) -> None:
    chance = random.Random(seed)
    histories: list[list[Operation]] = [[] for _ in range(6)]
    free = [0] * 6
    state: int | None = None
    for moment in range(0, 4000, 10):
        process = chance.randrange(6)
        if free[process] > moment:
            continue
        began = chance.randint(max(free[process], moment - 60), moment)
        ended = moment + chance.randint(1, 60)
        free[process] = ended + 1
        if chance.random() < 0.5:
            histories[process].append(op("read", began, ended, result=state))
        else:
            histories[process].append(op("set", began, ended, given=moment, result=state))
            state = moment
    assert sum(map(len, histories)) > 100

    assert check(histories, None, register) is None

    victim = chance.choice(histories)
    at = chance.randrange(len(victim))
    victim[at] = victim[at]._replace(result=-1)
    assert check(histories, None, register) is not None
