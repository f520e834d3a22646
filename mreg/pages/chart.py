"""Charts of metrics as SVG: one for each metric, every point with its value as title."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mreg.pages.markup import Markup, element, text
from mreg.values import plot
from mreg.values.named_tuple import NamedTuple
from mreg.values.words import count_text

WIDTH: Final = 400
HEIGHT: Final = 120
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 26
POINTS: Final = 400
"""Columns into which more versions are gathered; of each the first, lowest, highest and last point is drawn."""

MARKS: Final = 3
"""Rows of alias names below the axis."""

LETTER: Final = 6
"""Width of a letter of these, about."""


def chart(key: str, values: Sequence[float | None], versions: Sequence[str], aliases: Mapping[str, str]) -> Markup:
    """A line over versions, in their order, with a mark for each alias of the collection (alias -> `vN`)."""
    scale = plot.scale_of(values)
    drawn = [value for value in values if value is not None and plot.is_drawn(value)]
    ends = f"{plot.label(drawn[0])} to {plot.label(drawn[-1])}" if drawn else "no number"
    over = count_text(len(versions), "version", "versions")
    label = f"{key} over {over}: {ends}, {plot.label(scale.low)} to {plot.label(scale.high)}"
    marked = _placed(_marked(versions, aliases), len(versions))
    height = HEIGHT + BOTTOM + 12 * max((mark.row + 1 for mark in marked), default=0)
    parts = [*_axis(scale), *_lines(values, versions, scale), *_gaps(values), *_marks(marked, values, scale)]
    ticks = _ticks(versions)
    drawing = Markup(
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img"><title>{text(label)}</title>{"".join([*parts, *ticks])}</svg>'
    )
    return element("figure", [element("figcaption", key), drawing], class_="chart")


def _axis(scale: plot.Scale) -> Iterator[str]:
    high, _, low = scale.labels()
    yield f'<path class="g" d="M{LEFT} {TOP}H{WIDTH - RIGHT}M{LEFT} {HEIGHT}H{WIDTH - RIGHT}"/>'
    for label, y in ((high, TOP), (low, HEIGHT)):
        yield f'<text class="y" x="{LEFT - 5}" y="{y + 4}">{label}</text>'


def _lines(values: Sequence[float | None], versions: Sequence[str], scale: plot.Scale) -> Iterator[str]:
    count = len(values)
    for run in plot.runs(values, POINTS if count > POINTS else count):
        places = [(_x(place, count), _y(scale, value)) for place, value in run]
        if len(places) > 1:
            yield f'<path class="l" d="M{"L".join(f"{x} {y}" for x, y in places)}"/>'
        for (place, value), (x, y) in zip(run, places, strict=True):
            yield f'<circle cx="{x}" cy="{y}"><title>{text(versions[place])}: {value!r}</title></circle>'


def _gaps(values: Sequence[float | None]) -> Iterator[str]:
    """A cross above the axis for versions that have no number."""
    for column in sorted(plot.gaps(values, WIDTH - LEFT - RIGHT)):
        yield f'<text class="m" x="{LEFT + column}" y="{HEIGHT - 3}">{plot.GAP}</text>'


class _Mark(NamedTuple):
    """The aliases of one version. row: in which their names stand; -1 where there is no room."""

    place: int
    names: str
    row: int


def _marked(versions: Sequence[str], aliases: Mapping[str, str]) -> list[tuple[int, str]]:
    """The aliases of each version that has some, by its place."""
    places = {version: place for place, version in enumerate(versions)}
    found: dict[int, list[str]] = {}
    for alias, version in sorted(aliases.items()):
        if version in places:
            found.setdefault(places[version], []).append(alias)
    return [(place, ", ".join(names)) for place, names in sorted(found.items())]


def _placed(marked: Sequence[tuple[int, str]], count: int) -> list[_Mark]:
    """Each in the first row where it does not run into its neighbour: the last ones first, which are looked for."""
    begins = [float(WIDTH)] * MARKS
    found = []
    for place, names in reversed(marked):
        start, end = _extent(_x(place, count), names)
        row = next((row for row, begin in enumerate(begins) if end <= begin), -1)
        if row >= 0:
            begins[row] = start - LETTER
        found.append(_Mark(place, names, row))
    return found[::-1]


def _anchor(x: float) -> str:
    return "start" if x < WIDTH / 4 else "end" if x > WIDTH * 3 / 4 else "middle"


def _extent(x: float, names: str) -> tuple[float, float]:
    """Where the names begin and end."""
    width = LETTER * len(names)
    start = x - {"start": 0.0, "middle": width / 2, "end": width}[_anchor(x)]
    return start, start + width


def _marks(marked: Sequence[_Mark], values: Sequence[float | None], scale: plot.Scale) -> Iterator[str]:
    for place, names, row in marked:
        x, value = _x(place, len(values)), values[place]
        y = _y(scale, value) if value is not None and plot.is_drawn(value) else HEIGHT
        yield f'<path class="a" d="M{x} {y}V{HEIGHT + 4}"><title>{text(names)}</title></path>'
        if row >= 0:
            below = HEIGHT + 24 + 12 * row
            yield f'<text class="n" x="{x}" y="{below}" text-anchor="{_anchor(x)}">{text(names)}</text>'


def _ticks(versions: Sequence[str]) -> Iterator[str]:
    count = len(versions)
    for place in plot.ticks(count, 5):
        x = _x(place, count)
        anchor = "start" if place == 0 and count > 1 else "end" if place == count - 1 and count > 1 else "middle"
        yield f'<text class="t" x="{x}" y="{HEIGHT + 12}" text-anchor="{anchor}">{text(versions[place])}</text>'


def _x(place: int, count: int) -> float:
    width = WIDTH - LEFT - RIGHT
    return round(LEFT + (width / 2 if count == 1 else width * place / (count - 1)), 1)


def _y(scale: plot.Scale, value: float) -> float:
    return round(TOP + (HEIGHT - TOP) * (1 - scale.at(value)), 1)
