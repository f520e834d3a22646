"""Is a history of many processes what one process could have done, one step after the other?

Each process does its operations one after the other and notes when each began and ended, by a clock that all
share. A history is *linearizable* where every operation can be given a moment between its begin and its end such
that the results are those of a sequence in the order of these moments (Herlihy and Wing, 1990). The search is the
one of Wing and Gong with Lowe's memory of where it has been: what is left to place is, for each process, a tail of
its history, so a place in the search is how far each has come and the state reached.

Histories of different keys are checked for themselves: linearizability is local.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

State = Hashable


class Operation(NamedTuple):
    """What was done to a key, between which moments, and what came of it."""

    what: str
    given: Any
    result: Any
    began: int
    ended: int


Step = Callable[[Any, Operation], "tuple[bool, Any]"]
"""Could the operation have this result in this state? And the state afterwards."""


def check(histories: Sequence[Sequence[Operation]], initial: State, step: Step) -> str | None:
    """None where the histories (one a process) are linearizable, else where the search came no further."""
    histories = [history for history in histories if history]
    start = (0,) * len(histories)
    waiting: list[tuple[tuple[int, ...], Any]] = [(start, initial)]
    seen: set[Any] = set(waiting)
    furthest = waiting[0]
    while waiting:
        at, state = waiting.pop()
        if sum(at) > sum(furthest[0]):
            furthest = (at, state)
        following = [history[n] for n, history in zip(at, histories, strict=True) if n < len(history)]
        if not following:
            return None
        first_end = min(operation.ended for operation in following)
        for process, history in enumerate(histories):
            if at[process] == len(history) or history[at[process]].began > first_end:
                continue  # another one that is not placed yet had ended before this one began
            fits, after = step(state, history[at[process]])
            place = ((*at[:process], at[process] + 1, *at[process + 1 :]), after)
            if fits and place not in seen:
                seen.add(place)
                waiting.append(place)
    at, state = furthest
    stuck = [history[n] for n, history in zip(at, histories, strict=True) if n < len(history)]
    return f"in the state {state!r}, after {sum(at)} operations, none of these fits: {stuck}"


# What the keys of a repository are. The results are those that the workers note.


def register(state: int | None, operation: Operation) -> tuple[bool, int | None]:
    """An alias: the number it points at, None where it does not exist."""
    what, given, result, _, _ = operation
    if what == "read":
        return state == result, state
    if what == "set":  # gives what was there before
        return state == result, given
    if what == "swap":
        expected, new = given
        return (state == expected, new) if result == "done" else (state == result and result != expected, state)
    if what == "remove":  # gives what was there before; None: it did not exist
        return state == result, None
    raise AssertionError(what)


def numbers(state: tuple[int, frozenset[int]], operation: Operation) -> tuple[bool, Any]:
    """An artifact: how many numbers it has given, and which versions are not deleted."""
    what, given, result, _, _ = operation
    count, live = state
    if what == "log":
        return result == count, (count + 1, live | {count})
    if what == "read":
        return result == max(live, default=None), state
    if what == "remove":
        return (given in live, (count, live - {given})) if result == "done" else (given not in live, state)
    raise AssertionError(what)


def bookmarks(state: tuple[int, frozenset[tuple[int, str]]], operation: Operation) -> tuple[bool, Any]:
    """A registered model: how many link numbers it has given, and which version each link names."""
    what, given, result, _, _ = operation
    count, live = state
    if what == "link":
        present = next((number for number, version in live if version == given), None)
        if present is not None:
            return result == [present, False], state
        return result == [count, True], (count + 1, live | {(count, given)})
    if what == "unlink":
        found = next((link for link in live if link[0] == given), None)
        return (found is not None, (count, live - {found})) if result == "done" else (found is None, state)
    if what == "read":
        return result == (max(live)[1] if live else None), state
    raise AssertionError(what)


KEYS: dict[str, tuple[Any, Any]] = {
    "a:best": (None, register),
    "a:prod": (None, register),
    "b:latest": ((0, frozenset()), numbers),
    "m": ((0, frozenset()), bookmarks),
}
"""Of the keys that `race_workers.mix` uses: where each begins, and what it is."""


def of_key(results: list[Any], key: str) -> list[list[Operation]]:
    """What each process did with the key."""
    return [
        [
            Operation(what, _hashable(given), result, began, ended)
            for where, what, given, result, began, ended in history
        ]
        for history in ([one for one in notes if one[0] == key] for notes, _ in results)
    ]


def _hashable(given: Any) -> Any:
    return tuple(given) if isinstance(given, list) else given
