"""Memory that is used again. Fresh memory comes from the kernel page by page, each zeroed, which takes longer than
most of what is done with it here."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

PIECE: Final = 1 << 20
"""Bytes of a tensor that make one chunk."""

CAPACITY: Final = PIECE + 64
"""Bytes of a buffer that is kept: a chunk, and what a stored form may need beside it until it is shorter."""

SMALL: Final = PIECE >> 4
"""So little comes from memory that Python keeps at hand anyway."""

Buffer = bytes | bytearray | memoryview


class Buffers:
    """Buffers of CAPACITY bytes. Safe to use from several threads, without a lock."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []

    def take(self, length: int) -> memoryview:
        """`length` bytes of any content, for nobody else until they are given back."""
        if length > CAPACITY or length <= SMALL:
            return memoryview(bytearray(length))
        with suppress(IndexError):
            return memoryview(self._free.pop())[:length]
        return memoryview(bytearray(CAPACITY))[:length]

    def give_back(self, buffer: Buffer) -> None:
        """Nobody looks at what `take` gave any more. What came from elsewhere is left alone.

        Raises ValueError for what was given back before, and whoever looks at it still will get one: the memory is
        another one's by then.
        """
        if not isinstance(buffer, memoryview):
            return
        whole = buffer.obj
        buffer.release()
        if isinstance(whole, bytearray) and len(whole) == CAPACITY:
            self._free.append(whole)
