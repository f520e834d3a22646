"""Holes: what a file does not have on the disk, and reads as zeros.

Nothing says where the source of a file had holes, so long runs of zeros become holes, whoever wrote them. They are
found by a look at a few bytes of each chunk: most have no zero there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby
from typing import Final

from blake3 import blake3

from mreg.content.buffers import PIECE, Buffer
from mreg.content.packs import Piece

BLOCK: Final = 64 << 10
"""Bytes that become a hole or are written. So a file of holes has few extents, and short runs of zeros none."""

_ZEROS = bytes(BLOCK)


def runs(data: Buffer) -> Iterator[tuple[int, int, bool]]:
    """The parts that `data` falls into: start, end, and whether it is a hole."""
    if not data:
        return
    if 0 not in bytes(data[::BLOCK]):
        yield 0, len(data), False
        return
    starts = range(0, len(data), BLOCK)
    for hole, blocks in groupby(starts, key=lambda start: is_zero(data[start : start + BLOCK])):
        first, *rest = blocks
        yield first, min((rest or [first])[-1] + BLOCK, len(data)), hole


def is_zero(block: Buffer) -> bool:
    """Whether it is a whole block of zeros."""
    return len(block) == BLOCK and _ZEROS.startswith(block)


def zeros_of(pieces: Iterable[Piece]) -> int:
    """How many bytes the pieces have that are nothing but zeros, of a tensor's length each."""
    return sum(piece.size for piece in pieces if piece.size == PIECE and piece.digest == _zero_piece())


@cache
def _zero_piece() -> bytes:
    return blake3(bytes(PIECE)).digest()
