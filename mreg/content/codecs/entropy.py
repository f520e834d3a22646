"""Compressing one plane: zstd (RFC 8878), in one of two ways.

Weights have no repetitions worth looking for: what repeats in a plane of exponents does so by chance, and each
such match costs more than it saves. There, zstd is told not to look, which leaves its Huffman coder: smaller by
a tenth than level 1, at four times its speed. Planes that do repeat (zeros, differences, indexes) are compressed
with level 1. A sample tells the two apart, and what neither makes smaller is left as it is.
"""

from __future__ import annotations

import sys
import threading
from typing import Final

if sys.version_info >= (3, 14):
    from compression.zstd import (
        CompressionParameter,
        DecompressionParameter,
        ZstdCompressor,
        ZstdDecompressor,
        ZstdError,
    )
else:
    from backports.zstd import (
        CompressionParameter,
        DecompressionParameter,
        ZstdCompressor,
        ZstdDecompressor,
        ZstdError,
    )

from mreg.content.buffers import Buffer

SAMPLE: Final = 16 << 10
"""Length of the sample that tells whether looking for repetitions pays."""

PIECES: Final = 8
"""Pieces that make a sample, at equal distances, from the start to the end. A single one would speak for
its neighbourhood only: tensors hold rows that are zero, or were trained while others were not."""

MATCHES_PAY: Final = 0.95
"""Looking for repetitions pays where it makes the sample smaller than this share of what it takes without."""

HUFFMAN_LEAST: Final = 8
"""Huffman's codes are a bit long or longer. A sample that takes less than this part of its length is a single value
repeated, which zstd has a short form for; the plane will hold other values too, and then each byte takes that bit."""

IN_DOUBT: Final = 0.9
"""A plane whose sample takes more than this share of its length is sampled again, with LARGE_SAMPLE."""

LARGE_SAMPLE: Final = 64 << 10
WORTH_IT: Final = 0.985
"""A plane whose large sample takes more than this share of its length is left as it is."""

_LITERAL_MODE = 1002  # ZSTD_c_literalCompressionMode, experimental in zstd.h since 1.3.8; 1: always Huffman
_WITHOUT: dict[int, int] = {
    CompressionParameter.compression_level: 1,
    CompressionParameter.strategy: 1,  # ZSTD_fast, whose target length is a step width: it skips what it could match
    CompressionParameter.target_length: 1 << 17,
    _LITERAL_MODE: 1,
}
_WAYS: dict[str, dict[int, int]] = {
    "without": _WITHOUT,
    "with": {CompressionParameter.compression_level: 1},
    "text": {CompressionParameter.compression_level: 3},
}
_WINDOW_LOG_MOST = 24  # 16 MiB, the longest chunk: a frame that asks for more memory is none of ours

_STEP = 64 << 10

_own = threading.local()


def compress(plane: memoryview, *, text: bool = False) -> bytes | None:
    """A zstd frame that is shorter than `plane`, or None if that cannot be made. text: the plane does not hold
    numbers, so its repetitions are worth more effort."""
    sample = spread(plane, SAMPLE)
    without, with_ = len(_frame("without", sample)), len(_frame("with", sample))
    matches = with_ < MATCHES_PAY * without or without < len(sample) // HUFFMAN_LEAST
    way = ("text" if text else "with") if matches else "without"
    if min(without, with_) > IN_DOUBT * len(sample) and not _worth_it(way, spread(plane, LARGE_SAMPLE)):
        return None
    found = _frame(way, plane)
    return found if len(found) < len(plane) else None


def compress_short(data: memoryview) -> bytes | None:
    """A zstd frame of bytes that are no plane of numbers, clearly shorter than they are, or None."""
    frame = _frame("text", data)
    return frame if len(frame) < WORTH_IT * len(data) else None


def spread(plane: memoryview, length: int) -> Buffer:
    """A sample of `length` bytes from all of `plane`, in pieces that start at multiples of 8 bytes; all of it where it
    is no longer than that."""
    if len(plane) <= length:
        return plane
    piece = length // PIECES
    last = len(plane) - piece
    starts = (last * number // (PIECES - 1) & -8 for number in range(PIECES))
    return b"".join(plane[start : start + piece] for start in starts)


def _worth_it(way: str, sample: Buffer) -> bool:
    return len(_frame(way, sample)) < WORTH_IT * len(sample)


def estimate(plane: memoryview) -> int:
    """About the bytes that `plane`, a sample, takes when it is compressed."""
    return min(len(plane), len(_frame("without", plane)), len(_frame("with", plane)))


def decompress(frame: memoryview, out: memoryview) -> None:
    """Fill `out` with the bytes in the frame. Raises ValueError for any other number of bytes, or no whole frame.

    A little at a time, since what zstd hands out is memory of its own, which is then used again.
    """
    reader = ZstdDecompressor(options={DecompressionParameter.window_log_max: _WINDOW_LOG_MOST})
    at = 0
    try:
        part = reader.decompress(frame, max_length=_STEP)
        while part and at + len(part) <= len(out):
            out[at : at + len(part)] = part
            at += len(part)
            part = b"" if reader.eof else reader.decompress(b"", max_length=_STEP)
    except ZstdError as error:
        raise ValueError(f"a plane cannot be decompressed: {error}") from None
    if part or at != len(out) or not reader.eof or reader.unused_data:
        raise ValueError("a plane has the wrong length")


def _frame(way: str, data: Buffer) -> bytes:
    """Compressors are kept, one of each way a thread: making one costs as much as 100 KiB of work."""
    compressor: ZstdCompressor | None = getattr(_own, way, None)
    if compressor is None:
        compressor = ZstdCompressor(options=_WAYS[way])
        setattr(_own, way, compressor)
    return compressor.compress(data, ZstdCompressor.FLUSH_FRAME)
