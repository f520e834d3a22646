"""How the bytes of a chunk are stored: bytes in, bytes out, no repository.

Each way has a number, which stands in the pack index:

    RAW     the bytes as they are
    PLANES  the bytes as elements of 1, 2, 4 or 8 bytes, taken apart into planes, each plane compressed by itself
    DELTA   the same of the differences to another chunk of the same length, the base

The stored form of PLANES and DELTA (docs/format.md, section 7) says all that is needed to read it again, so the
choice is the writer's: a bad guess costs space, never correctness.
"""

from __future__ import annotations

import struct
from typing import Final

from mreg.content.buffers import Buffer
from mreg.values.named_tuple import NamedTuple

RAW: Final = 0
PLANES: Final = 1
DELTA: Final = 2

SMALL: Final = 256
"""Shorter chunks are stored as they are: what could be gained is less than what an index entry costs."""

SHORT: Final = 4 << 10
"""Of a chunk up to this length without a dtype only repetitions are tried: ten thousand small files should cost
neither ten thousand comparisons nor numpy, which planes need."""

EXTRA: Final = 64
"""Bytes that `encode` needs for its work beyond the length of the chunk."""


class UndecodableChunk(ValueError):
    """Stored bytes that no writer has made, or of a codec that this release does not know."""


class Encoded(NamedTuple):
    """A chunk's stored form, and the number of its codec."""

    codec: int
    data: Buffer


def encode(data: memoryview, room: memoryview, dtype: str = "", base: Buffer | None = None) -> Encoded:
    """The smallest stored form of the chunk `data` that is found without much search.

    room: as many bytes and EXTRA, in which the stored form is put, unless it is the chunk itself. dtype: of the
    elements, as safetensors spells it ("F32", "BF16"); empty where it is not known. base: a chunk of the same
    length that it may be near to; the result is DELTA only if there is one.
    """
    if len(data) < SMALL:
        return Encoded(RAW, data)
    if len(data) <= SHORT and not dtype and base is None:
        from mreg.content.codecs import entropy  # noqa: PLC0415 - does without NumPy

        frame = entropy.compress_short(data)
        return Encoded(RAW, data) if frame is None else Encoded(PLANES, one_plane(frame))
    from mreg.content.codecs import choice  # noqa: PLC0415 - loads NumPy, for 60 to 130 ms

    return choice.encode(data, room, dtype, base)


def one_plane(frame: bytes) -> bytes:
    """The stored form (PLANES) of a chunk of bytes, which `frame` is compressed from."""
    return struct.pack("<BI", 1, len(frame)) + frame


def decode(codec: int, stored: Buffer, out: memoryview, base: Buffer | None = None) -> None:
    """Fill `out` with the chunk whose stored form is `stored`; of DELTA, with that of the chunk `base`.

    The memory that it takes is bounded by the length of `out`, whatever `stored` says. That the bytes are the
    right ones is for the caller to check. Raises UndecodableChunk.
    """
    if (codec == DELTA) != (base is not None) or (base is not None and len(base) != len(out)):
        raise UndecodableChunk("its base is missing, or has a different length")
    if codec == RAW:
        if len(stored) != len(out):
            raise UndecodableChunk("its length differs from the index")
        out[:] = stored
    elif codec in (PLANES, DELTA):
        from mreg.content.codecs import planes  # noqa: PLC0415 - loads NumPy

        try:
            planes.read(memoryview(stored), out, base)
        except struct.error as error:
            raise UndecodableChunk(str(error)) from None
    else:
        raise UndecodableChunk(f"codec {codec} is unknown to this release")
