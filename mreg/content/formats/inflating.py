"""Compressed members of ZIP files (deflate, RFC 1951), read as if they were not, in bounded memory."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from typing import Final

STEP: Final = 256 << 10
"""Compressed bytes that are read at a time, and at most so many times as many decompressed."""

LARGEST_RATIO: Final = 1032
"""Of what deflate can make of one byte: https://zlib.net/zlib_tech.html."""


class BrokenMember(Exception):
    """It is not what deflate writes, or ends too early."""


class Inflating:
    """The bytes of one member, in about the order in which they are asked for: whatever lies further back than `window`
    bytes is decompressed again from the start. Safe to use from several threads."""

    def __init__(self, read: Callable[[int, int], bytes | memoryview], start: int, length: int, window: int) -> None:
        """read: `length` bytes of the file from `start` on are the compressed ones. Raises what it raises."""
        self._read, self._start, self._length, self._window = read, start, length, window
        self._lock = threading.Lock()
        self._rewind()

    def _rewind(self) -> None:
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._taken = 0
        self._end = 0
        self._last = bytearray()
        """The last decompressed bytes, up to `_end`."""

    def read_at(self, start: int, size: int) -> memoryview:
        """These decompressed bytes. Raises BrokenMember, and what reading raises."""
        with self._lock:
            if start < self._end - len(self._last):
                self._rewind()
            while self._end < start + size:
                self._more(start)
            first = start - (self._end - len(self._last))
            return memoryview(bytes(self._last[first : first + size]))

    def _more(self, start: int) -> None:
        """Decompress the next bytes; of those in front of `start`, a window is kept."""
        data: bytes | memoryview = self._inflate.unconsumed_tail
        if not data:
            data = self._read(self._start + self._taken, min(STEP, self._length - self._taken))
            self._taken += len(data)
            if not data:
                raise BrokenMember("it ends too early")
        try:
            found = self._inflate.decompress(data, 4 * STEP)
        except zlib.error as error:
            raise BrokenMember(str(error)) from None
        if not found and not self._inflate.unconsumed_tail and (self._inflate.eof or self._taken == self._length):
            raise BrokenMember("it ends too early")
        self._last += found
        self._end += len(found)
        spare = min(len(self._last) - self._window, start - (self._end - len(self._last)))
        if spare > 4 * STEP:
            del self._last[:spare]
