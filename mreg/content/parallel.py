"""Work in threads, its results in order, with a bounded amount of it under way.

Threads help although Python runs one at a time: hashing, compressing, reading and writing let the others run
meanwhile. But each such call gives Python away and has to get it back, and more threads than processors would wait for
one another for that. So the thread that takes the results counts as one, and works where it would have to wait.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

_PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

THREADS: Final = min(8, max(1, _PROCESSORS - 1))
"""One for each other processor; more than some would only wait for the one thread that reads or writes."""

AHEAD: Final = 2 * THREADS + 4
"""Pieces of work begun before the result of the first is taken; this bounds the memory."""

_I = TypeVar("_I")
_R = TypeVar("_R")


def _always(_: object) -> bool:
    return True


def in_order(
    work: Callable[[_I], _R], items: Iterable[_I], worth_a_thread: Callable[[_I], bool] = _always
) -> Generator[_R]:
    """The results of `work` for each of the items, in their order.

    An item that is not worth a thread is worked on at once, in the caller's. `items` is asked for more, in the
    caller's thread, only while fewer than AHEAD results are waiting. What `work` raises is raised here; nothing is
    worked on any more when the iterator has ended, or was closed.
    """
    waiting: deque[tuple[_I, Future[_R]]] = deque()
    threads = ThreadPoolExecutor(THREADS)  # starts none before it is given work
    try:
        for item in items:
            if not (waiting or worth_a_thread(item)):
                yield work(item)  # while its memory is at hand
                continue
            result = threads.submit(work, item) if worth_a_thread(item) else _made(work, item)
            waiting.append((item, result))
            if len(waiting) >= AHEAD:
                yield _first(waiting, work)
        while waiting:
            yield _first(waiting, work)
    finally:
        threads.shutdown(cancel_futures=True)


def _first(waiting: deque[tuple[_I, Future[_R]]], work: Callable[[_I], _R]) -> _R:
    """Take the first result. While a thread works on it, the caller works on items that no thread has begun."""
    for at in range(len(waiting)):
        if waiting[0][1].done():
            break
        item, result = waiting[at]
        if result.cancel():
            waiting[at] = item, _made(work, item)
    return waiting.popleft()[1].result()


def _made(work: Callable[[_I], _R], item: _I) -> Future[_R]:
    result: Future[_R] = Future()
    try:
        result.set_result(work(item))
    except Exception as error:
        result.set_exception(error)
    return result
