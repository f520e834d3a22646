"""Where a file is cut into chunks, the unit that is stored once.

The cuts are advice: they decide how much two files share, never what a file is. A file's digest is that of
its bytes, and its list of chunks says where each one ends, so a reader never cuts. The numbers below may
thus change with any release, at the price that files logged before share less with those logged after.

A tensor is cut in equal pieces from its own start: it gives the same chunks wherever in the file it lies.
All else is cut where its content says so, by FastCDC (Xia et al., "The Design of Fast Content-Defined
Chunking for Data Deduplication Based Storage Systems", IEEE TPDS 31(9), 2020), so that bytes put in move
only the cuts near them. Spans too short to be worth a chunk each are joined with their short neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from mreg import lazy
from mreg.content.buffers import PIECE, Buffers
from mreg.content.formats import detect
from mreg.content.formats.spans import Kind, SeekableFile, Span
from mreg.values.named_tuple import NamedTuple

TENSOR_PIECE: Final = PIECE
"""Length of a tensor's pieces; only its last is shorter. A multiple of every dtype's size."""

WORTH_A_CHUNK: Final = 1 << 10
"""A shorter span is joined with its neighbours if they are short as well: what a chunk costs in indexes
would eat up what it saves, and a hostile file must not make a chunk of every byte."""

CDC_MIN: Final = 64 << 10
CDC_AVG: Final = 256 << 10
CDC_MAX: Final = 1 << 20
CDC_NORMALIZATION: Final = 1
CDC_SEED: Final = 0
"""The parameters of FastCDC. As it looks for a cut only behind the first CDC_MIN bytes (section 3.4 of the
paper), chunks of random bytes are CDC_MIN + CDC_AVG long on average. An opaque span of up to CDC_MIN is one
chunk, as it would be by FastCDC."""


class ShortFile(Exception):
    """The file ended before its `size`: somebody truncated it meanwhile."""


class Chunk(NamedTuple):
    """A piece of a file: its bytes, the span that it is part of, and where in the span it begins."""

    data: memoryview
    span: Span
    offset: int


def chunks(file: SeekableFile, size: int, buffers: Buffers) -> Iterator[Chunk]:
    """The first `size` bytes of `file` in order, cut into chunks of 1 to CDC_MAX bytes.

    After a look at headers and directories (see `mreg.content.formats` for what that may cost in memory) the file is
    read once, from start to end. Each chunk has memory of its own, from `buffers`. The file must not be moved
    or closed in between.

    Raises ShortFile where the file ends early (pieces before that have been given out), and OSError.
    """
    spans = detect.spans(file, size)
    file.seek(0)
    for span in _joined(spans):
        if span.kind is Kind.OPAQUE and span.length > CDC_MIN:
            yield from _content_defined(file, span, buffers)
        else:
            yield from _equal_pieces(file, span, buffers)


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    for short, run in groupby(spans, key=lambda span: span.length < WORTH_A_CHUNK):
        if short:
            first, *others = run
            yield Span(first.start, first.length + sum(span.length for span in others), Kind.OPAQUE)
        else:
            yield from run


def _equal_pieces(file: SeekableFile, span: Span, buffers: Buffers) -> Iterator[Chunk]:
    for start in range(0, span.length, TENSOR_PIECE):
        piece = buffers.take(min(TENSOR_PIECE, span.length - start))
        filled = 0
        while filled < len(piece):
            filled += _read_some(file, piece[filled:])
        yield Chunk(piece, span, start)


def _content_defined(file: SeekableFile, span: Span, buffers: Buffers) -> Iterator[Chunk]:
    cutter = lazy.pyfastcdc.FastCDC(
        CDC_AVG,
        min_size=CDC_MIN,
        max_size=CDC_MAX,
        normalized_chunking=CDC_NORMALIZATION,
        seed=CDC_SEED,
    )
    start = 0
    for chunk in cutter.cut_stream(_Limited(file, span.length)):
        piece = buffers.take(len(chunk.data))
        piece[:] = chunk.data  # which the cutter's next step overwrites
        end = start + len(piece)
        yield Chunk(piece, span, start)  # whose memory may have been given back afterwards
        start = end


class _Limited:
    """The next `length` bytes of a file as a stream of their own."""

    def __init__(self, file: SeekableFile, length: int) -> None:
        self._file = file
        self._left = length

    def readinto(self, buffer: memoryview) -> int:
        if self._left == 0:
            return 0
        count = _read_some(self._file, buffer[: self._left])
        self._left -= count
        return count


def _read_some(file: SeekableFile, buffer: memoryview) -> int:
    """Fill at least one byte of `buffer`; the number filled."""
    count = file.readinto(buffer)
    if not count:
        raise ShortFile
    return count
