"""Charts of metrics as SVG: one for each metric, every point with its value as title."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mreg.pages.markup import Markup, element, text
from mreg.values import plot

WIDTH: Final = 400
HEIGHT: Final = 120
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 26
POINTS: Final = 400
"""Columns into which more versions are gathered; of each the first, lowest, highest and last point is drawn."""

MARKS: Final = 3
"""Rows of alias names below the axis."""


def chart(key: str, values: Sequence[float | None], versions: Sequence[str], aliases: Mapping[str, str]) -> Markup:
    """A line over versions, in their order, with a mark for each alias of the collection (alias -> `vN`)."""
    scale = plot.scale_of(values)
    drawn = [value for value in values if value is not None and plot.is_drawn(value)]
    ends = f"{plot.label(drawn[0])} to {plot.label(drawn[-1])}" if drawn else "no number"
    label = f"{key} over {len(versions)} versions: {ends}, {plot.label(scale.low)} to {plot.label(scale.high)}"
    marked = _marked(versions, aliases)
    height = HEIGHT + BOTTOM + 12 * min(MARKS, len(marked))
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
    """A cross on the axis for versions that have no number."""
    for column in sorted(plot.gaps(values, WIDTH - LEFT - RIGHT)):
        yield f'<text class="m" x="{LEFT + column}" y="{HEIGHT + 3}">{plot.GAP}</text>'


def _marked(versions: Sequence[str], aliases: Mapping[str, str]) -> list[tuple[int, str]]:
    places = {version: place for place, version in enumerate(versions)}
    return sorted((places[version], alias) for alias, version in aliases.items() if version in places)


def _marks(marked: Sequence[tuple[int, str]], values: Sequence[float | None], scale: plot.Scale) -> Iterator[str]:
    count = len(values)
    for number, (place, alias) in enumerate(marked):
        x, value = _x(place, count), values[place]
        y = _y(scale, value) if value is not None and plot.is_drawn(value) else HEIGHT
        anchor = "start" if x < WIDTH / 4 else "end" if x > WIDTH * 3 / 4 else "middle"
        row = HEIGHT + 24 + 12 * (number % MARKS)
        yield f'<path class="a" d="M{x} {y}V{HEIGHT + 4}"/>'
        yield f'<text class="n" x="{x}" y="{row}" text-anchor="{anchor}">{text(alias)}</text>'


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
