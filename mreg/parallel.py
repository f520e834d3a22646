"""Work in threads, its results in order, with a bounded amount of it under way.

Threads help although Python runs one at a time: hashing, compressing, reading and writing let the others run
meanwhile.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

THREADS: Final = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
"""One for each processor; more than some would only wait for the one thread that reads or writes."""

AHEAD: Final = THREADS + 2
"""So many pieces of work are begun before the result of the first is taken: memory is bounded by this."""

_R = TypeVar("_R")


def in_order(work: Iterable[tuple[bool, Callable[[], _R]]]) -> Generator[_R]:
    """The results of the calls in `work`, in its order.

    Each comes with whether it is worth a thread; one that is not is made at once. `work` is asked for more, in
    the caller's thread, only while fewer than AHEAD results are waiting. What a call raises is raised here; no
    call is under way any more when the iterator has ended, or was closed.
    """
    waiting: deque[Callable[[], _R]] = deque()
    threads = ThreadPoolExecutor(THREADS)  # starts none before it is given work
    try:
        for heavy, call in work:
            waiting.append(threads.submit(call).result if heavy else _constant(call()))
            if len(waiting) >= AHEAD:
                yield waiting.popleft()()
        while waiting:
            yield waiting.popleft()()
    finally:
        threads.shutdown(cancel_futures=True)


def _constant(result: _R) -> Callable[[], _R]:
    return lambda: result
