"""How the bytes and values of two tensors differ: read a segment at a time, of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final

from mreg import content
from mreg.content.chunks import Kept
from mreg.content.formats.spans import ITEM_SIZE
from mreg.operations.tensor_source import Source, Unreadable
from mreg.values.named_tuple import NamedTuple
from mreg.values.progress import Progress
from mreg.values.tensors import SkippedTensor, Tensor, TensorPair

if TYPE_CHECKING:
    from mreg.content.statistics import Comparison

SEGMENT: Final = 1 << 20
"""Bytes that are compared at a time: as long as the pieces that tensors are cut into, so that none is read twice."""


def are_equal(before: Source, one: Tensor, after: Source, other: Tensor) -> bool:
    """Are the bytes of two tensors of one dtype and shape equal? Nothing is read where the recipes tell. Raises
    Unreadable."""
    if before.place(one) == after.place(other):
        return True
    if one.deflated and other.deflated and (known := before.stretches(one)) and known == after.stretches(other):
        return True
    unknown = []
    for start in range(0, one.size, SEGMENT):
        size = min(SEGMENT, one.size - start)
        old, new = before.stretches(one, start, size), after.stretches(other, start, size)
        if old is None or new is None or old != new:
            if old and new and len(old) == len(new) == 1 and old[0].whole and new[0].whole:
                return False
            unknown.append((start, size))
    return all(_equal(before, one, after, other, start, size) for start, size in unknown)


def _equal(before: Source, one: Tensor, after: Source, other: Tensor, start: int, size: int) -> bool:
    old, new = before.read(one, start, size), after.read(other, start, size)
    equal = old == new
    before.done_with(old)
    after.done_with(new)
    return equal


class _Segment(NamedTuple):
    """The bytes of both tensors of pair `number` that hold the same elements: from where on, and how many. same: they
    are known to be equal."""

    number: int
    pair: TensorPair
    before: tuple[int, int]
    after: tuple[int, int]
    same: bool


class Measuring:
    """Makes the statistics of pairs."""

    def __init__(self, before: Source, after: Source, progress: Progress | None) -> None:
        self._before, self._after, self._progress = before, after, progress

    def measured(self, pairs: Sequence[TensorPair]) -> list[TensorPair | SkippedTensor]:
        """The pairs with their statistics; in the place of one that cannot be read, why. Raises what reading local
        files raises."""
        found: list[TensorPair | SkippedTensor] = list(pairs)
        sums = [content.statistics.Comparison(pair.before.dtype, pair.after.dtype) for pair in pairs]
        total, done = sum(pair.before.size + pair.after.size for pair in pairs), 0
        with closing(content.parallel.in_order(self._compare, self._segments(pairs))) as results:
            for segment, result in results:
                if isinstance(result, SkippedTensor):
                    found[segment.number] = result
                else:
                    sums[segment.number].merge(result)
                done += segment.before[1] + segment.after[1]
                if self._progress:
                    self._progress(done, total)
        for number, pair in enumerate(found):
            if isinstance(pair, TensorPair):
                rounded = sums[number].rounded if pair.before.dtype != pair.after.dtype else None
                found[number] = pair._replace(statistics=sums[number].result(), rounded=rounded)
        return found

    def _segments(self, pairs: Sequence[TensorPair]) -> Iterator[_Segment]:
        """In the order of the file before: its chunks lie in the packs like that."""
        for number in sorted(range(len(pairs)), key=lambda n: pairs[n].before[1:5:3]):
            pair = pairs[number]
            items = ITEM_SIZE[pair.before.dtype], ITEM_SIZE[pair.after.dtype]
            elements, step = pair.before.size // items[0], SEGMENT // min(items)
            for first in range(0, elements, step):
                count = min(step, elements - first)
                old, new = ((first * item, count * item) for item in items)
                yield _Segment(number, pair, old, new, self._same(pair, old, new))

    def _same(self, pair: TensorPair, old: tuple[int, int], new: tuple[int, int]) -> bool:
        if pair.before.dtype != pair.after.dtype:
            return False
        known = self._before.stretches(pair.before, *old)
        return known is not None and known == self._after.stretches(pair.after, *new)

    def _compare(self, segment: _Segment) -> tuple[_Segment, Comparison | SkippedTensor]:
        """In any thread."""
        comparison = content.statistics.Comparison(segment.pair.before.dtype, segment.pair.after.dtype)
        kept: Kept = {}
        try:
            old = self._before.read(segment.pair.before, *segment.before, kept)
            new = old if segment.same else self._after.read(segment.pair.after, *segment.after, kept)
            comparison.add(old, new)
        except Unreadable as error:
            return segment, error.skipped
        finally:
            for data in kept.values():
                self._before.done_with(data)
        return segment, comparison
