"""Charts as a page: the SVG, what it shows in figures, and the values, in one file that needs no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import TYPE_CHECKING

from mreg.cli import chart_svg
from mreg.cli.chart import label_of
from mreg.cli.text import one_line
from mreg.values import plot

if TYPE_CHECKING:
    from mreg import Metrics, MetricValue

MOST = 2000
"""Versions whose values are listed."""

STYLE = (
    ":root{color-scheme:light dark}body{font:14px sans-serif;margin:2em auto;max-width:800px;padding:0 1em}"
    "svg{max-width:100%;height:auto}table{border-collapse:collapse;margin:1em 0}caption{text-align:left;padding:.3em 0}"
    "th,td{padding:.2em .8em;text-align:right;border-bottom:1px solid #8884}"
    "th:first-child,td:first-child{text-align:left}"
)


def html(found: Metrics, log: bool = False) -> str:
    """The page, the same for the same data."""
    title = _text(f"Metrics of {found.name}")
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>',
            f"<h1>{title}</h1>",
            chart_svg.svg(found, log).rstrip("\n"),
            *_figures(found),
            *_values(found),
            "</body></html>",
            "",
        ]
    )


def _figures(found: Metrics) -> Iterator[str]:
    headings = ("metric", "versions", "first", "last", "smallest", "largest", "best")
    rows = [
        [one.key, str(one.versions), *map(_at, (one.first, one.last, one.smallest, one.largest, one.best))]
        for one in found.metrics
    ]
    return _table("In figures", headings, rows)


def _at(value: MetricValue | None) -> str:
    return f"{plot.label(value.value)} ({value.version})" if value else "\N{EN DASH}"


def _values(found: Metrics) -> Iterator[str]:
    count = len(found.versions)
    first = max(0, count - MOST)
    caption = f"Values, of the last {MOST} of {count} versions" if first else "Values"
    headings = ["version", *([found.x] if found.at else []), *(one.key for one in found.metrics)]
    return _table(caption, headings, (_row(found, place) for place in range(first, count)))


def _row(found: Metrics, place: int) -> list[str]:
    values = [one.values[place] for one in found.metrics]
    axis = [label_of(found, place)] if found.at else []
    return [found.versions[place], *axis, *("\N{EN DASH}" if value is None else repr(value) for value in values)]


def _table(caption: str, headings: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = "".join(f'<th scope="col">{_text(one)}</th>' for one in headings)
    yield f"<table><caption>{_text(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>"
    for row in rows:
        yield f"<tr>{''.join(f'<td>{_text(one)}</td>' for one in row)}</tr>"
    yield "</tbody></table>"


def _text(text: str) -> str:
    return escape(one_line(text))
