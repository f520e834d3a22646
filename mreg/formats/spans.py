"""The map of a file: the spans it consists of, and how each is best cut."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from itertools import islice
from operator import attrgetter
from typing import Final, NamedTuple, Protocol

MOST_PARTS: Final = 1 << 18
"""A file that claims more parts than this gets no map: the list alone would cost too much memory."""


class Source(Protocol):
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
    name: bytes = b""


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
    for part in sorted(known, key=attrgetter("start")):
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


def read_at(file: Source, start: int, length: int) -> bytes:
    """`length` bytes from offset `start`, fewer where the file ends."""
    file.seek(start)
    return file.read(length)
