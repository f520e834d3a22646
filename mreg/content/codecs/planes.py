"""Byte planes: all first bytes of the elements, then all second bytes, and so on.

In weights the byte with the exponent takes few values, and the others nearly all: apart, the first compresses
well, and the others are seen at once to be incompressible. As the sign is as random as the mantissa, each
element is rotated left by one bit first, which puts it at the lower end and gives the exponent a byte of its own
(exactly so in bf16 and f32).

The stored form, all integers little-endian:

    u8            width of an element in bytes: 1, 2, 4 or 8
    u32 * width   stored length of each plane, the lowest byte's first
    ...           the planes: a zstd frame, or as it is where the length is that of the plane
    ...           the bytes behind the last whole element, as they are

Of a chunk with a base the elements are differences, as signed integers folded to 0, -1, 1, -2, 2, …
("zigzag"): a weight that has moved a little gives a small number, whichever way it went.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mreg.content.buffers import CAPACITY, Buffer
from mreg.content.codecs import UndecodableChunk, entropy

WIDTHS: Final = (1, 2, 4, 8)

Elements = NDArray[np.unsignedinteger]
Bytes = NDArray[np.uint8]

_TYPES = {width: np.dtype(f"<u{width}") for width in WIDTHS}

_own = threading.local()


def write(data: Buffer, room: memoryview, width: int, base: Buffer | None = None) -> memoryview:
    """The stored form of the chunk `data`, taken as elements of `width` bytes. room: `codecs.EXTRA` bytes longer than
    `data`; the form is put there. base: what the elements are stored as differences to."""
    count, text = len(data) // width, width == 1 and base is None
    lengths = []
    at = 1 + 4 * width
    for plane in _planes(data, width, base):
        slot = room[at : at + count]
        np.copyto(np.frombuffer(slot, np.uint8), plane, casting="unsafe")  # the lowest byte of each element
        frame = entropy.compress(slot, text=text)
        if frame is not None:
            slot[: len(frame)] = frame
        lengths.append(count if frame is None else len(frame))
        at += lengths[-1]
    rest = memoryview(data)[count * width :]
    struct.pack_into(f"<B{width}I", room, 0, width, *lengths)
    room[at : at + len(rest)] = rest
    return room[: at + len(rest)]


def samples(data: Buffer, width: int, base: Buffer | None = None) -> Iterator[memoryview]:
    """The planes of `write`, to try them."""
    for plane in _planes(data, width, base):
        yield plane.astype(np.uint8).data


def read(stored: memoryview, out: memoryview, base: Buffer | None = None) -> None:
    """Fill `out` with the chunk that `write` was given. Raises UndecodableChunk, struct.error."""
    width = stored[0] if stored else 0
    if width not in WIDTHS:
        raise UndecodableChunk(f"elements of {width} bytes are not supported")
    lengths = struct.unpack_from(f"<{width}I", stored, 1)
    count = len(out) // width
    *starts, end = accumulate(lengths, initial=1 + 4 * width)
    if end + len(out) % width != len(stored):
        raise UndecodableChunk("its planes do not have the lengths that they state")
    elements = _elements(out, width)
    scratch, other = _scratch(count, width)
    room = other.view(np.uint8)[:count]
    for number in reversed(range(width)):
        plane = _plane(stored[starts[number] : starts[number] + lengths[number]], room)
        if number == width - 1:
            np.copyto(elements, plane)
        else:
            np.left_shift(elements, 8, out=elements)
            np.bitwise_or(elements, plane, out=elements)
    if base is not None:
        _unfold(elements, scratch)
        np.add(elements, _elements(base, width), out=elements)
    elif width > 1:
        _rotate_back(elements, scratch)
    out[count * width :] = stored[end:]


def _planes(data: Buffer, width: int, base: Buffer | None) -> Iterator[Elements]:
    """For each plane, lowest byte first, the elements with its bytes as their lowest ones. Valid until the next."""
    elements = _elements(data, width)
    if base is not None:
        ready, shifted = _scratch(len(elements), width)
        np.subtract(elements, _elements(base, width), out=ready)
        _fold(ready, shifted)
    elif width > 1:
        ready, shifted = _scratch(len(elements), width)
        _rotate(elements, ready, shifted)
    else:
        ready = elements
    yield ready
    for number in range(1, width):
        np.right_shift(ready, 8 * number, out=shifted)
        yield shifted


def _plane(stored: memoryview, room: Bytes) -> Bytes:
    """The plane whose stored form this is, in `room` or where it lies."""
    if len(stored) == len(room):
        return np.frombuffer(stored, np.uint8)
    if len(stored) > len(room):
        raise UndecodableChunk("a plane is longer than its bytes")
    try:
        entropy.decompress(stored, room.data)
    except ValueError as error:
        raise UndecodableChunk(str(error)) from None
    return room


def _elements(data: Buffer, width: int) -> Elements:
    return np.frombuffer(data, _TYPES[width], len(data) // width)


def _scratch(count: int, width: int) -> tuple[Elements, Elements]:
    """Two arrays of any content, this thread's until it asks again."""
    kept: tuple[Bytes, Bytes] | None = getattr(_own, "scratch", None)
    length = count * width
    if length > CAPACITY:
        kept = np.empty(length, np.uint8), np.empty(length, np.uint8)
    elif kept is None:
        kept = _own.scratch = np.empty(CAPACITY, np.uint8), np.empty(CAPACITY, np.uint8)
    first, second = kept
    return first[:length].view(_TYPES[width]), second[:length].view(_TYPES[width])


def _bits(elements: Elements) -> int:
    return 8 * elements.dtype.itemsize


def _rotate(elements: Elements, out: Elements, scratch: Elements) -> None:
    """Left by one bit."""
    np.left_shift(elements, 1, out=out)
    np.right_shift(elements, _bits(elements) - 1, out=scratch)
    np.bitwise_or(out, scratch, out=out)


def _rotate_back(elements: Elements, scratch: Elements) -> None:
    np.left_shift(elements, _bits(elements) - 1, out=scratch)
    np.right_shift(elements, 1, out=elements)
    np.bitwise_or(elements, scratch, out=elements)


def _fold(differences: Elements, scratch: Elements) -> None:
    """Zigzag: twice the value where it is not negative, else twice its complement and one."""
    np.right_shift(_signed(differences), _bits(differences) - 1, out=_signed(scratch))  # all ones where negative
    np.left_shift(differences, 1, out=differences)
    np.bitwise_xor(differences, scratch, out=differences)


def _unfold(folded: Elements, scratch: Elements) -> None:
    np.bitwise_and(folded, 1, out=scratch)
    np.negative(scratch, out=scratch)  # all ones where it was one
    np.right_shift(folded, 1, out=folded)
    np.bitwise_xor(folded, scratch, out=folded)


def _signed(elements: Elements) -> NDArray[np.signedinteger]:
    return elements.view(f"<i{elements.dtype.itemsize}")
