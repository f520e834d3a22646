"""Ranges of large values read over a network: few requests for neighbours, and no byte twice.

Chunks of a version lie one behind the other in a pack, and are asked for one by one. As a kernel does for files, each
read that goes on where another ended doubles what is fetched at once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from mreg.storage.base import Range, Remote
from mreg.values.named_tuple import NamedTuple

LARGEST = 8 << 20
"""Bytes fetched at once, at most; but never less than what is asked for."""

_GAP = 256 << 10
"""Bytes between two reads that still count as one going on where the other ended: cheaper to fetch than a request."""

_KEPT = 8
"""Windows that are kept, so that together they take no more than 64 MiB."""


class _Window(NamedTuple):
    start: int
    data: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.data)


class ReadAhead:
    """Reads from `remote`. Any number of threads may use it; those that read one value wait for each other."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._mutex = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._windows: OrderedDict[str, list[_Window]] = OrderedDict()

    def read(self, key: str, start: int, length: int) -> bytes:
        """See `Remote.read`."""
        with self._mutex:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            near = self._near(key, start)
            if near and start + length <= near.end:
                return near.data[start - near.start : start - near.start + length]
            had = near.data[start - near.start :] if near else b""
            ahead = min(LARGEST, 2 * len(near.data)) if near else 0
            data = had + self._remote.read(key, start + len(had), max(length - len(had), ahead))
            self.keep(key, start, data)
            return data[:length]

    def _near(self, key: str, start: int) -> _Window | None:
        """The window that holds this offset, or that ends shortly before it."""
        with self._mutex:
            found = self._windows.get(key, [])
            return next((one for one in reversed(found) if one.start <= start <= one.end + _GAP), None)

    def keep(self, key: str, start: int, data: bytes) -> None:
        """What is known to lie there."""
        with self._mutex:
            self._windows.setdefault(key, []).append(_Window(start, data))
            self._windows.move_to_end(key)
            while sum(map(len, self._windows.values())) > _KEPT:
                oldest = next(iter(self._windows))
                self._windows[oldest].pop(0)
                if not self._windows[oldest]:
                    del self._windows[oldest]

    def has(self, wanted: Range) -> bool:
        near = self._near(wanted.key, wanted.start)
        return near is not None and wanted.end <= near.end

    def forget(self, key: str) -> None:
        """Something else lies there now."""
        with self._mutex:
            self._windows.pop(key, None)
