"""The map of a file: the spans it consists of, how each is best cut, and which tensor it is."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from itertools import islice
from operator import attrgetter
from typing import Final, Protocol

from mreg.values.digest import digest
from mreg.values.errors import Damaged
from mreg.values.named_tuple import NamedTuple

MOST_PARTS: Final = 1 << 18
"""A file that claims more parts than this gets no map: the list alone would cost too much memory."""


TEXT_MOST: Final = 64 << 10
"""A file that calls a tensor by a longer name gets no map, for the same reason."""

NAME_MOST: Final = 64
"""Longest name of a span; the digest takes the place of a longer one."""

ITEM_SIZE: Final[Mapping[str, int]] = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8", "U8", "BOOL"), 1),
}
"""Bytes of an item of each plain dtype, in the spelling of safetensors. All are little-endian."""


class Unmappable(Exception):
    """The file contradicts itself or its format: no map can be made."""


class SeekableFile(Protocol):
    """What is needed of a file. What `open(path, "rb")` gives has it, buffered or not."""

    def seek(self, offset: int, /) -> int: ...

    def read(self, size: int, /) -> bytes: ...

    def readinto(self, buffer: memoryview, /) -> int | None: ...


class Kind(enum.Enum):
    """How to cut a span."""

    TENSOR = "tensor"
    """In equal pieces, counted from the span's own start."""
    OPAQUE = "opaque"
    """Where the content says so."""


class Span(NamedTuple):
    """`length` bytes of a file from offset `start`."""

    start: int
    length: int
    kind: Kind
    dtype: str = ""
    """A key of ITEM_SIZE, whose value then divides `length`; or ggml's name of a quantised type, such as
    "Q4_K" (see `gguf.TYPES`); "" where it is not known, or has no whole bytes, or is big-endian."""
    name: bytes = b""
    """Which tensor this is, to find it again in another version of the file: made of its name, dtype, shape
    and length, so that spans of one name are of one length. b"" where it is no tensor. In a hostile file
    several spans may have the same."""


def tensor(start: int, length: int, name: bytes, dtype: str = "", form: bytes = b"") -> Span:
    """The span of the tensor that its file calls `name`.

    `dtype` is dropped where it is none that a Span may have, or cannot make up `length`. `form` is what else
    tells tensors apart: dtype and shape, in whatever way the format spells them.
    """
    # The name's length keeps a name and a form from being taken for another name and another form.
    identity = b"%d %d:%b%b" % (length, len(name), name, form)
    if len(identity) > NAME_MOST:
        identity = bytes.fromhex(digest(identity))
    if length % ITEM_SIZE.get(dtype, 1):
        dtype = ""
    return Span(start, length, Kind.TENSOR, dtype, identity)


def cover(parts: Iterable[Span], size: int) -> list[Span] | None:
    """`parts` in the order of the file, with opaque spans between them, so that [0, size) has no hole.

    Empty parts are dropped. None where parts overlap, leave the file, or are more than MOST_PARTS (an
    endless iterable is safe to give).
    """
    known = list(islice(parts, MOST_PARTS + 1))
    if len(known) > MOST_PARTS:
        return None
    result: list[Span] = []
    position = 0
    known.sort(key=attrgetter("start"))
    for part in known:
        if part.length == 0:
            continue
        if part.length < 0 or part.start < position:
            return None
        if part.start > position:
            result.append(Span(position, part.start - position, Kind.OPAQUE))
        result.append(part)
        position = part.start + part.length
    if position > size:
        return None
    if position < size:
        result.append(Span(position, size - position, Kind.OPAQUE))
    return result


def read_sound(file: SeekableFile, start: int, length: int) -> bytes:
    """As `read_at`, but only the bytes in front of damage, for whoever reads more than has to be there. Raises Damaged
    where the first one is damaged."""
    try:
        return read_at(file, start, length)
    except Damaged:
        good, bad = 1, length
        while bad - good > 1:
            middle = (good + bad) // 2
            try:
                read_at(file, start, middle)
                good = middle
            except Damaged:
                bad = middle
        return read_at(file, start, good)


def read_at(file: SeekableFile, start: int, length: int) -> bytes:
    """`length` bytes from offset `start`, fewer where the file ends."""
    file.seek(start)
    return file.read(length)
