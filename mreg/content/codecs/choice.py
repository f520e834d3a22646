"""Which stored form a chunk gets: by its dtype where that is known, else by trying samples."""

from __future__ import annotations

from typing import Final

from mreg.content.buffers import Buffer
from mreg.content.codecs import DELTA, PLANES, RAW, Encoded, entropy, planes

WIDTH_OF: Final = {
    **dict.fromkeys(("F64", "I64", "U64", "C128"), 8),
    **dict.fromkeys(("F32", "I32", "U32", "C64"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0", "I8", "U8", "BOOL"), 1),
}
"""Bytes of an element (of complex ones: of their parts) by dtype as safetensors spells it."""

SAMPLE: Final = 16 << 10
"""Length of the sample of a chunk by which the ways to store it are compared."""

CLEARLY: Final = 0.9
"""A delta is stored only where it takes less than this share of what the chunk takes by itself: to read it,
others have to be read as well."""


def encode(data: memoryview, room: memoryview, dtype: str, base: Buffer | None) -> Encoded:
    """See `mreg.content.codecs.encode`."""
    width, near = _choose(data, dtype, memoryview(base) if base is not None else None)
    found = planes.write(data, room, width, base if near else None)
    if len(found) >= len(data):
        return Encoded(RAW, data)
    return Encoded(DELTA if near else PLANES, found)


def _choose(data: memoryview, dtype: str, base: memoryview | None) -> tuple[int, bool]:
    """The width of the elements, and whether to store differences to the base."""
    width = WIDTH_OF.get(dtype)
    if base is None and width is not None:
        return width, False
    sample = entropy.spread(data, SAMPLE)
    widths = planes.WIDTHS if width is None else (width,)
    alone = {each: _estimate(sample, each) for each in widths}
    best = min(widths, key=alone.__getitem__)
    if base is None:
        return best, False
    near = entropy.spread(base, SAMPLE)
    beside = {each: _estimate(sample, each, near) for each in widths}
    nearest = min(widths, key=beside.__getitem__)
    return (nearest, True) if beside[nearest] < CLEARLY * alone[best] else (best, False)


def _estimate(data: Buffer, width: int, base: Buffer | None = None) -> int:
    return sum(map(entropy.estimate, planes.samples(data, width, base)))
