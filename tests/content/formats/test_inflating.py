"""Compressed members are read anywhere, in bounded memory, and whatever they hold."""

from __future__ import annotations

import random
import zlib

import pytest

from mreg.content.formats.inflating import BrokenMember, Inflating

WINDOW = 1 << 20


def deflated(data: bytes) -> bytes:
    packing = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


def stream_of(packed: bytes, window: int = WINDOW) -> tuple[Inflating, list[int]]:
    """The stream, and where it was read."""
    reads: list[int] = []

    def read(start: int, size: int) -> bytes:
        reads.append(start)
        return (b"in front" + packed + b"behind")[start : start + size]

    return Inflating(read, len(b"in front"), len(packed), window), reads


def test_bytes_are_those_that_were_compressed_wherever_they_are_read() -> None:
    chance = random.Random(0)
    data = b"".join(chance.randbytes(50_000) + bytes(100_000) for _ in range(40))
    stream, _ = stream_of(deflated(data))

    for _ in range(60):
        start = chance.randrange(len(data))
        size = chance.randrange(1, 400_000)
        size = min(size, len(data) - start)
        assert stream.read_at(start, size) == data[start : start + size]


def test_bytes_a_little_further_back_are_not_inflated_again() -> None:
    data = random.Random(0).randbytes(6 << 20)
    stream, reads = stream_of(deflated(data), 3 << 20)

    for segment in (1, 0, 3, 2, 5, 4):
        assert stream.read_at(segment << 20, 1 << 20) == data[segment << 20 : (segment + 1) << 20]

    assert reads == sorted(reads), "from the start to the end, once"


def test_memory_is_bounded_however_much_is_made_of_little() -> None:
    stream, _ = stream_of(deflated(bytes(100 << 20)))

    stream.read_at((100 << 20) - 10, 10)

    assert len(stream._last) <= 4 << 20


@pytest.mark.parametrize("cut", [0, 1, 500, -1])
def test_what_ends_too_early_is_broken(cut: int) -> None:
    data = random.Random(0).randbytes(10_000)
    stream, _ = stream_of(deflated(data)[:cut])

    with pytest.raises(BrokenMember, match="it ends too early"):
        stream.read_at(0, len(data) + 1)


def test_what_is_not_deflated_is_broken() -> None:
    stream, _ = stream_of(b"\xff" * 1000)

    with pytest.raises(BrokenMember):
        stream.read_at(0, 10)


def test_more_than_there_is_is_broken() -> None:
    stream, _ = stream_of(deflated(b"short"))

    with pytest.raises(BrokenMember, match="it ends too early"):
        stream.read_at(0, 6)
