"""Compressing one plane: zstd (RFC 8878), in one of two ways.

Weights have no repetitions worth looking for: what repeats in a plane of exponents does so by chance, and each
such match costs more than it saves. There, zstd is told not to look, which leaves its Huffman coder: smaller by
a tenth than level 1, at four times its speed. Planes that do repeat (zeros, differences, indexes) are compressed
with level 1. A probe tells the two apart, and what neither makes smaller is left as it is.
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

MATCH_PROBE: Final = 16 << 10
"""So many bytes from the middle of a plane tell whether looking for repetitions pays."""

MATCHES_PAY: Final = 0.95
"""It pays where it makes the probe that much smaller."""

IN_DOUBT: Final = 0.9
"""A plane whose probe hardly gets smaller is probed again, with more of it."""

PROBE: Final = 64 << 10
WORTH_IT: Final = 0.985
"""If so many of its bytes stay above this share, the plane is left as it is."""

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
    """A zstd frame that is shorter than `plane`, or None where there is none to be had. text: the plane is no
    plane of numbers, so where it repeats it is worth more effort."""
    probe = _middle(plane, MATCH_PROBE)
    without, with_ = len(_frame("without", probe)), len(_frame("with", probe))
    matches = with_ < MATCHES_PAY * without
    way = ("text" if text else "with") if matches else "without"
    if min(without, with_) > IN_DOUBT * len(probe) and not _worth_it(way, _middle(plane, PROBE)):
        return None
    found = _frame(way, plane)
    return found if len(found) < len(plane) else None


def compress_short(data: memoryview) -> bytes | None:
    """A zstd frame of bytes that are no plane of numbers, clearly shorter than they are, or None."""
    frame = _frame("text", data)
    return frame if len(frame) < WORTH_IT * len(data) else None


def _worth_it(way: str, probe: memoryview) -> bool:
    return len(_frame(way, probe)) < WORTH_IT * len(probe)


def _middle(plane: memoryview, length: int) -> memoryview:
    start = max(0, len(plane) - length) // 2
    return plane[start : start + length]


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
        raise ValueError("a plane has another length than it should")


def _frame(way: str, data: memoryview) -> bytes:
    """Compressors are kept, one of each way a thread: making one costs as much as 100 KiB of work."""
    compressor: ZstdCompressor | None = getattr(_own, way, None)
    if compressor is None:
        compressor = ZstdCompressor(options=_WAYS[way])
        setattr(_own, way, compressor)
    return compressor.compress(data, ZstdCompressor.FLUSH_FRAME)
