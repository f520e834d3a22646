"""Charts as SVG: self-contained, readable by screen readers, and the same bytes for the same data."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from mreg.cli.chart import axis_of, label_of
from mreg.cli.text import one_line
from mreg.values import plot
from mreg.values.words import count_text

if TYPE_CHECKING:
    from mreg import Metric, Metrics

WIDTH, LEFT, RIGHT, TOP = 800, 80, 20, 40
PANEL, GAP, FOOT = 200, 40, 60
POINTS = 2000
"""The most versions of which each has its point, with its value."""

STYLE = (
    ".mreg-chart{color:#222;font:12px sans-serif}"
    "@media(prefers-color-scheme:dark){.mreg-chart{color:#ddd}}"
    ".mreg-chart text{fill:currentColor}.mreg-chart .l{fill:none;stroke:currentColor;stroke-width:1.5}"
    ".mreg-chart .a{stroke:currentColor;stroke-opacity:.3}.mreg-chart circle{fill:currentColor}"
)


def svg(found: Metrics, log: bool = False) -> str:
    """The document: a chart for each metric, one below the other, over one axis of versions."""
    height = TOP + len(found.metrics) * (PANEL + GAP) + FOOT
    what = f"{', '.join(one.key for one in found.metrics)} of {found.name}" + (f" over {found.x}" if found.at else "")
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="mreg-chart" role="img" aria-labelledby="title desc" '
        f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        f'<title id="title">{_text(what)}</title>',
        f'<desc id="desc">{_text(" ".join(map(_described, found.metrics)))}</desc>',
        f"<style>{STYLE}</style>",
    ]
    axis = axis_of(found)
    for number, one in enumerate(found.metrics):
        lines += _panel(found, one, axis, TOP + number * (PANEL + GAP), log)
    lines += _foot(found, axis, height - FOOT - GAP)
    return "\n".join([*lines, "</svg>", ""])


def _described(one: Metric) -> str:
    if one.first is None or one.last is None or one.smallest is None or one.largest is None:
        return f"{one.key}: no number."
    first, last, low, high = (
        f"{plot.label(value.value)} at {value.version}" for value in (one.first, one.last, one.smallest, one.largest)
    )
    count = count_text(one.versions, "version", "versions")
    return f"{one.key}: first {first}, last {last}, smallest {low}, largest {high}, {count}."


def _panel(found: Metrics, one: Metric, axis: plot.Axis, top: int, log: bool) -> Iterator[str]:
    scale, count = plot.scale_of(one.values, log), len(one.values)
    yield f'<text x="{LEFT}" y="{top - 10}" font-weight="bold">{_text(one.key)}</text>'
    for text, y in zip(scale.labels(), (top, top + PANEL / 2, top + PANEL), strict=True):
        if not text:
            continue
        yield f'<text x="{LEFT - 8}" y="{y + 4:.2f}" text-anchor="end">{text}</text>'
        yield f'<path class="a" d="M{LEFT} {y:.2f}H{WIDTH - RIGHT}"/>'
    columns = WIDTH - LEFT - RIGHT
    for run in plot.runs(one.values, columns if count > POINTS else count, axis):
        places = [(_x(axis.share(place)), top + PANEL * (1 - scale.at(value))) for place, value in run]
        path = "L".join(f"{x:.2f} {y:.2f}" for x, y in places)
        yield f'<path class="l" d="M{path}"/>'
        for point, (x, y) in zip(run, places, strict=True):
            said = f"{_named(found, point.place)}: {point.value!r}"
            yield f'<circle cx="{x:.2f}" cy="{y:.2f}" r="2.5"><title>{_text(said)}</title></circle>'
    for column in sorted(plot.gaps(one.values, columns, axis)):
        yield f'<text x="{LEFT + column}" y="{top + PANEL + 4}" text-anchor="middle">{plot.GAP}</text>'


def _named(found: Metrics, place: int) -> str:
    """The version, and where it is on the axis, unless that is its number."""
    return f"{found.versions[place]} ({label_of(found, place)})" if found.at else found.versions[place]


def _foot(found: Metrics, axis: plot.Axis, top: int) -> Iterator[str]:
    for place in axis.ticks(10):
        at = f'x="{_x(axis.share(place)):.2f}" y="{top + 20}"'
        yield f'<text {at} text-anchor="middle">{_text(label_of(found, place))}</text>'
    places = {name: at for at, name in enumerate(found.versions)}
    marked = sorted((places[at], alias) for alias, at in found.aliases.items() if at in places)
    for number, (place, alias) in enumerate(marked):
        y = top + 38 + 14 * (number % 3)
        yield f'<text x="{_x(axis.share(place)):.2f}" y="{y}" text-anchor="middle">▲ {_text(alias)}</text>'


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * share


def _text(text: str) -> str:
    return escape(one_line(text))
