"""Charts in the terminal: of metrics over versions, in braille, or in ASCII where it cannot be shown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mreg.cli.layout import width_of
from mreg.cli.text import one_line
from mreg.values import plot
from mreg.values.named_tuple import NamedTuple

if TYPE_CHECKING:
    from mreg import Metric, Metrics

ROWS = {1: 15, 2: 7}
"""Of each chart, by how many there are."""

LEAST_ROWS, LEAST_COLUMNS = 5, 10
TICK = 12
"""Columns for the label of a version."""

DAY = 86400

CELLS = 20
"""Of a sparkline."""


class Letters(NamedTuple):
    """What charts are drawn with. dots: columns and rows of dots in a cell."""

    dots: tuple[int, int]
    axis: str
    tick: str
    corner: str
    line: str
    gap: str
    mark: str
    levels: str


BRAILLE = Letters((2, 4), "│", "┤", "└", "─", plot.GAP, "▲", "▁▂▃▄▅▆▇█")
ASCII = Letters((1, 1), "|", "+", "+", "-", "x", "^", "_.-=+*#@")

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a braille cell, by row and column."""

Line = list[tuple[str, str]]
"""Texts, each with its meaning, as `Out.styled` prints them."""


class Canvas:
    """Dots in cells of text, from the lower left corner."""

    def __init__(self, columns: int, rows: int, letters: Letters) -> None:
        across, up = letters.dots
        self.width, self.height = columns * across, rows * up
        self._cells = [[0] * columns for _ in range(rows)]
        self._letters = letters

    def dot(self, x: int, y: int) -> None:
        across, up = self._letters.dots
        row = self.height - 1 - y
        self._cells[row // up][x // across] |= _DOTS[row % up][x % across]

    def line(self, x: int, y: int, to_x: int, to_y: int) -> None:
        steps = max(abs(to_x - x), abs(to_y - y), 1)
        for step in range(steps + 1):
            self.dot(x + round((to_x - x) * step / steps), y + round((to_y - y) * step / steps))

    def lines(self) -> list[str]:
        if self._letters.dots == (1, 1):
            return ["".join(" *"[bool(cell)] for cell in row) for row in self._cells]
        return ["".join(chr(0x2800 + cell) if cell else " " for cell in row) for row in self._cells]


def charts(found: Metrics, width: int, letters: Letters, log: bool = False) -> Iterator[Line]:
    """The lines of a chart for each metric, one below the other, over one axis of versions."""
    rows = ROWS.get(len(found.metrics), LEAST_ROWS)
    scales = [plot.scale_of(one.values, log) for one in found.metrics]
    margin = max(len(text) for scale in scales for text in scale.labels())
    columns, axis = max(width - margin - 2, LEAST_COLUMNS), axis_of(found)
    for one, scale in zip(found.metrics, scales, strict=True):
        yield [(one_line(one.key), "")]
        yield from _panel(one, axis, scale, rows, columns, margin, letters)
    for text in versions(found, axis, columns):
        yield [(" " * (margin + 2) + text, "dim")]
    for text in aliases(found, axis, columns, letters):
        yield [(" " * (margin + 2) + text, "alias")]


def axis_of(found: Metrics) -> plot.Axis:
    """Where its versions are from left to right."""
    return plot.Axis(len(found.versions), found.at)


def label_of(found: Metrics, place: int) -> str:
    """What stands below the version: its number, or where it is on the axis."""
    if not found.at:
        return found.versions[place]
    at = found.at[place]
    if found.x != "created":
        return f"{at:.12g}"
    return time.strftime("%H:%M:%S" if found.at[-1] - found.at[0] < DAY else "%Y-%m-%d", time.gmtime(at))


def _panel(
    one: Metric, axis: plot.Axis, scale: plot.Scale, rows: int, columns: int, margin: int, letters: Letters
) -> Iterator[Line]:
    canvas = Canvas(columns, rows, letters)
    for run in plot.runs(one.values, canvas.width, axis):
        places = [
            (axis.column(place, canvas.width), round(scale.at(value) * (canvas.height - 1))) for place, value in run
        ]
        for start, end in zip(places, places[1:] or places, strict=False):
            canvas.line(*start, *end)
    labels = dict(zip((0, rows // 2, rows - 1), scale.labels(), strict=True))
    for row, cells in enumerate(canvas.lines()):
        edge = f"{labels.get(row, ''):>{margin}} {letters.tick if labels.get(row) else letters.axis}"
        yield [(edge, "dim"), (cells.rstrip(), "")]
    missing = plot.gaps(one.values, columns, axis)
    base = "".join(letters.gap if column in missing else letters.line for column in range(columns))
    yield [(" " * (margin + 1) + letters.corner + base, "dim")]


def versions(found: Metrics, axis: plot.Axis, columns: int) -> Iterator[str]:
    """The labels of versions at their columns."""
    line = ""
    for place in axis.ticks(max(2, columns // TICK)):
        label = label_of(found, place)
        at = max(0, min(axis.column(place, columns), columns - len(label)))
        if not line or at > len(line):
            line = line.ljust(at) + label
    yield line


def aliases(found: Metrics, axis: plot.Axis, columns: int, letters: Letters) -> Iterator[str]:
    """The aliases at the columns of their versions, in as many lines as they need."""
    places = {name: at for at, name in enumerate(found.versions)}
    marked = sorted((places[at], alias) for alias, at in found.aliases.items() if at in places)
    lines: list[str] = []
    for place, alias in marked:
        column = axis.column(place, columns)
        label = f"{letters.mark} {alias}"
        if column + width_of(label) > columns and width_of(label) <= column + 1:  # to the left of its place
            label = f"{alias} {letters.mark}"
            column += 1 - width_of(label)
        for number, line in enumerate(lines):
            if width_of(line) < column:
                lines[number] = line + " " * (column - width_of(line)) + label
                break
        else:
            lines.append(" " * column + label)
    yield from lines


def sparkline(values: plot.Values, letters: Letters) -> str:
    """The trend in a few cells. Where there are more versions than cells, each shows what is farthest from the mean."""
    drawn = [value for value in values if value is not None and plot.is_drawn(value)]
    if not drawn:
        return ""
    scale, mean = plot.scale_of(drawn), sum(value / len(drawn) for value in drawn)
    cells: list[list[float]] = [[] for _ in range(min(CELLS, len(values)))]
    for place, value in enumerate(values):
        if value is not None and plot.is_drawn(value):
            cells[place * len(cells) // len(values)].append(value)
    shown = [max(cell, key=lambda value: abs(value - mean)) if cell else None for cell in cells]
    most = len(letters.levels) - 1
    return "".join(letters.gap if one is None else letters.levels[round(scale.at(one) * most)] for one in shown)
