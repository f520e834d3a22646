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

_R = TypeVar("_R")


def in_order(work: Iterable[tuple[bool, Callable[[], _R]]]) -> Generator[_R]:
    """The results of the calls in `work`, in its order.

    Each comes with whether it is worth a thread; one that is not is made at once. `work` is asked for more, in
    the caller's thread, only while fewer than AHEAD results are waiting. What a call raises is raised here; no
    call is under way any more when the iterator has ended, or was closed.
    """
    waiting: deque[tuple[Callable[[], _R], Future[_R]]] = deque()
    threads = ThreadPoolExecutor(THREADS)  # starts none before it is given work
    try:
        for heavy, call in work:
            waiting.append((call, threads.submit(call) if heavy else _made(call)))
            if len(waiting) >= AHEAD:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)
    finally:
        threads.shutdown(cancel_futures=True)


def _first(waiting: deque[tuple[Callable[[], _R], Future[_R]]]) -> _R:
    """Take the first result. As long as a thread makes it, others are made here that none has begun to make."""
    for at in range(len(waiting)):
        if waiting[0][1].done():
            break
        call, result = waiting[at]
        if result.cancel():
            waiting[at] = call, _made(call)
    return waiting.popleft()[1].result()


def _made(call: Callable[[], _R]) -> Future[_R]:
    result: Future[_R] = Future()
    try:
        result.set_result(call())
    except Exception as error:
        result.set_exception(error)
    return result
