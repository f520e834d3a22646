"""Reads from a network that are announced in the order in which they will come: few and large requests, several of them
under way, and no byte twice.

Chunks of a version are short and asked for one after the other. Where the answer to each is waited for, a network does
nothing most of the time.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from mreg.storage.base import Range, Remote

LARGEST = 8 << 20
"""Bytes of a request that several reads are put into."""

GAP = 256 << 10
"""Bytes that nobody asked for and that are fetched nevertheless, as a request of its own would cost more."""

AT_ONCE = 8
"""Requests under way, or answered and not yet read."""


class _Request:
    """wanted: bytes of it that were announced, and not read yet."""

    def __init__(self, first: Range) -> None:
        self.key, self.start, self.end = first.key, first.start, first.end
        self.wanted = first.length
        self.answer: Future[bytes] | None = None

    def takes(self, other: Range) -> bool:
        """Can the read be part of it?"""
        near = self.start <= other.start <= self.end + GAP
        return near and self.key == other.key and max(self.end, other.end) - self.start <= LARGEST

    def add(self, other: Range) -> None:
        self.end = max(self.end, other.end)
        self.wanted += other.length


class ReadPlan:
    """Any number of threads may use it."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._guard = threading.RLock()
        self._threads: ThreadPoolExecutor | None = None
        self._requests: dict[str, list[_Request]] = {}  # by key, in the order of their starts
        self._waiting: list[_Request] = []  # that were not sent yet, the last first
        self._under_way = 0

    def announce(self, ranges: Iterable[Range]) -> None:
        """These will be read in about this order, behind those that were announced before."""
        made: list[_Request] = []
        for one in ranges:
            if made and made[-1].takes(one):
                made[-1].add(one)
            elif one.length:
                made.append(_Request(one))
        with self._guard:
            self._waiting = [*reversed(made), *self._waiting]
            for request in made:
                known = self._requests.setdefault(request.key, [])
                known.insert(bisect_right([other.start for other in known], request.start), request)
            self._send()

    def read(self, key: str, start: int, length: int) -> bytes | None:
        """What `Remote.read` would give; None where that was not announced."""
        parts = []
        while length > 0:
            request = self._find(key, start)
            if request is None:
                return None
            data = self._answer(request)
            part = data[start - request.start : start - request.start + length]
            if not part:
                return None
            self._has_read(request, len(part))
            parts.append(part)
            start, length = start + len(part), length - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Nothing more of it will be read."""
        with self._guard:
            self._requests.clear()
            self._waiting.clear()
            if self._threads:
                self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads, self._under_way = None, 0

    def _find(self, key: str, start: int) -> _Request | None:
        with self._guard:
            known = self._requests.get(key, [])
            at = bisect_right([request.start for request in known], start) - 1
            return known[at] if at >= 0 and start < known[at].end else None

    def _answer(self, request: _Request) -> bytes:
        with self._guard:
            if request.answer is None:  # read before its turn
                self._waiting.remove(request)
                self._begin(request)
            answer = request.answer
        assert answer is not None
        try:
            return answer.result()
        except BaseException:
            self._forget(request)  # who tries again asks by itself
            raise

    def _has_read(self, request: _Request, length: int) -> None:
        with self._guard:
            request.wanted -= length
            if request.wanted <= 0:
                self._forget(request)

    def _forget(self, request: _Request) -> None:
        with self._guard:
            known = self._requests.get(request.key, [])
            if request in known:
                known.remove(request)
                self._under_way -= 1
                self._send()
            if not (known or self._waiting) and not any(self._requests.values()):
                self.close()

    def _send(self) -> None:
        while self._waiting and self._under_way < AT_ONCE:
            self._begin(self._waiting.pop())

    def _begin(self, request: _Request) -> None:
        self._threads = self._threads or ThreadPoolExecutor(AT_ONCE)
        self._under_way += 1
        request.answer = self._threads.submit(
            self._remote.read, request.key, request.start, request.end - request.start
        )
