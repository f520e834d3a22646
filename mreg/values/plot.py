"""What charts in the terminal and in SVG share: scales, labels, and which points are drawn."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import groupby

from mreg.values.named_tuple import NamedTuple

Values = Sequence[float | None]

GAP = "\N{MULTIPLICATION SIGN}"
"""Marks a version without a value."""


class Scale(NamedTuple):
    """From the lowest to the highest value. log: logarithmic. distinct: how many values there are, as far as that
    matters: 0, 1 or more. One alone is in the middle, and the ends mean nothing."""

    low: float
    high: float
    log: bool = False
    distinct: int = 2

    def at(self, value: float) -> float:
        """Where the value is: 0 is the lowest place, 1 the highest."""
        low, high, value = map(math.log, (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        if math.isinf(high - low):
            low, high, value = low / 2, high / 2, value / 2
        return (value - low) / (high - low)

    def labels(self) -> tuple[str, str, str]:
        """Of the highest, the middle and the lowest place; empty where that means nothing."""
        middle = math.sqrt(self.low) * math.sqrt(self.high) if self.log else self.low / 2 + self.high / 2
        shown = "" if self.distinct == 0 else label(middle)
        return (label(self.high), shown, label(self.low)) if self.distinct > 1 else ("", shown, "")


def label(value: float) -> str:
    """A number with four significant digits."""
    return f"{value:.4g}"


def is_drawn(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def scale_of(values: Values, log: bool = False) -> Scale:
    """The scale on which all values have a place; where all are equal, one of ± 1 % with them in the middle."""
    drawn = [float(value) for value in values if value is not None and math.isfinite(value)]
    low, high = min(drawn, default=0.0), max(drawn, default=0.0)
    if low == high:
        margin = abs(low) / 100 or 1.0
        low, high = (low / 1.01, high * 1.01) if log else (low - margin, high + margin)
    return Scale(low, high, log, len({*drawn}))


class Axis(NamedTuple):
    """Where versions lie from left to right: side by side, or where their numbers `at` are, in ascending order."""

    versions: int
    at: Sequence[float] = ()

    def share(self, place: int) -> float:
        """Where the version is: 0 is the leftmost place, 1 the rightmost."""
        if self.at:
            return scale_of((self.at[0], self.at[-1])).at(self.at[place])
        return 0.5 if self.versions == 1 else place / (self.versions - 1)

    def column(self, place: int, columns: int) -> int:
        """The column of the version, over so many columns."""
        return round(self.share(place) * (columns - 1)) if self.at else column_of(place, self.versions, columns)

    def ticks(self, most: int) -> list[int]:
        """The places of versions that are labelled: the first, the last, and some between, at even distances."""
        if not self.at:
            return ticks(self.versions, most)
        steps, low, high = max(1, most - 1), self.at[0], self.at[-1]
        wanted = (low + (high - low) * step / steps for step in range(steps + 1))
        return sorted({min(bisect_left(self.at, number), self.versions - 1) for number in wanted})


class Point(NamedTuple):
    """place: that of the version among all."""

    place: int
    value: float


def runs(values: Values, columns: int, axis: Axis | None = None) -> Iterator[list[Point]]:
    """The points to be joined by lines, in runs without a gap. Where there are more versions than columns, of those in
    a column the first, the lowest, the highest and the last: what stands out stays visible."""
    points = [Point(place, float(value)) for place, value in enumerate(values) if value is not None]
    points = [point for point in points if math.isfinite(point.value)]
    for _, group in groupby(enumerate(points), lambda one: one[1].place - one[0]):
        run = [point for _, point in group]
        yield run if len(values) <= columns else list(_thinned(run, axis or Axis(len(values)), columns))


def _thinned(run: Sequence[Point], axis: Axis, columns: int) -> Iterator[Point]:
    for _, group in groupby(run, lambda point: axis.column(point.place, columns)):
        points = list(group)
        lowest, highest = min(points, key=lambda one: one.value), max(points, key=lambda one: one.value)
        yield from sorted({points[0], lowest, highest, points[-1]})


def column_of(place: int, count: int, columns: int) -> int:
    """The column of a version, of `count` versions over so many columns."""
    return (columns - 1) // 2 if count == 1 else round(place * (columns - 1) / (count - 1))


def gaps(values: Values, columns: int, axis: Axis | None = None) -> set[int]:
    """The columns of the versions without a value that can be drawn."""
    axis = axis or Axis(len(values))
    return {axis.column(at, columns) for at, value in enumerate(values) if not is_drawn(value)}


def ticks(count: int, most: int) -> list[int]:
    """The places of versions that are labelled: the first, the last, and some between, at even distances."""
    steps = max(1, min(most, count) - 1)
    return sorted({round(step * (count - 1) / steps) for step in range(steps + 1)})
