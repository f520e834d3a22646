"""Work in threads, its results in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mreg.content import parallel
from mreg.content.parallel import AHEAD, in_order


def square(number: int) -> int:
    time.sleep(0.002 if number % 3 == 0 else 0)
    return number * number


def call(work: Callable[[], Any]) -> Any:
    return work()


def test_results_come_in_the_order_of_the_work() -> None:
    assert list(in_order(square, range(200), lambda number: number % 4 > 0)) == [n * n for n in range(200)]


def test_no_work_no_results() -> None:
    assert list(in_order(square, ())) == []


def test_who_would_wait_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "THREADS", 1)
    begun, others = threading.Event(), threading.Barrier(3, timeout=300)
    made_by: list[threading.Thread] = []

    def first() -> str:  # ends only when two others have, while the only other thread is busy with it
        begun.set()
        others.wait()
        return "first"

    def other() -> str:
        made_by.append(threading.current_thread())
        if len(made_by) == 2:
            threading.Thread(target=others.wait).start()
            threading.Thread(target=others.wait).start()
        return "other"

    def work() -> Iterator[Callable[[], str]]:
        yield first
        assert begun.wait(timeout=300)  # by the thread: a call that none has begun is made here
        yield from [other] * 2

    assert list(in_order(call, work())) == ["first", "other", "other"]
    assert made_by == [threading.current_thread()] * 2


def test_only_so_much_is_begun_ahead() -> None:
    asked = 0

    def numbers() -> Iterator[int]:
        nonlocal asked
        for number in range(1, 100):
            asked = number
            yield number

    for taken, _ in enumerate(in_order(square, numbers())):
        assert asked <= taken + AHEAD


@pytest.mark.parametrize("heavy", [True, False])
def test_what_a_call_raises_comes_in_its_turn(heavy: bool) -> None:
    def work(number: int) -> int:
        if number == 7:
            raise ValueError("this one")
        return square(number)

    results = in_order(work, (2, 7, 3), lambda number: heavy or number != 7)

    assert next(results) == 4
    with pytest.raises(ValueError, match="this one"):
        next(results)


def test_ctrl_c_does_not_wait_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "THREADS", 1)
    release = threading.Event()

    def interrupted() -> bool:
        release.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(in_order(call, [lambda: release.wait(300), interrupted], lambda work: work is not interrupted))


def test_nothing_is_under_way_when_it_was_closed() -> None:
    running: list[int] = []

    def slow(number: int) -> int:
        running.append(number)
        time.sleep(0.02)
        running.remove(number)
        return number

    results = in_order(slow, range(1000))
    next(results)
    results.close()

    assert running == []
    time.sleep(0.05)
    assert running == []
