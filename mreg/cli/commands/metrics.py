"""`mreg metrics`."""

import math
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from mreg.cli import chart, chart_html, chart_svg
from mreg.cli.choosing import told
from mreg.cli.commands.params import NameArgument, WhereOption
from mreg.cli.declared import Argument, Option
from mreg.cli.errors import BadUsage
from mreg.cli.layout import Column
from mreg.cli.output import Out, time_text
from mreg.cli.state import State
from mreg.repository.destinations import write_file
from mreg.values.errors import InvalidInput
from mreg.values.plot import GAP, label
from mreg.values.words import count_text, value_text

if TYPE_CHECKING:
    from mreg import Metric, Metrics, MetricValue

MOST = 4
"""Metrics in one chart."""


class NotLogarithmic(InvalidInput):
    code = "not-logarithmic"
    template = "{metric} is {value} at {version}, which a logarithmic axis cannot show"

    metric: str
    value: float
    version: str


def metrics(
    state: State,
    name: NameArgument,
    keys: Annotated[
        list[str] | None,
        Argument(metavar="[METRIC...]", help="Numeric metadata keys; `acc` means `metrics.acc`."),
    ] = None,
    where: WhereOption = None,
    last: Annotated[int | None, Option("--last", metavar="N", least=1, help="Only the newest N versions.")] = None,
    log: Annotated[bool, Option("--log", help="Draw on a logarithmic axis.")] = False,
    x: Annotated[
        str,
        Option("--x", metavar="KEY", help="The x axis: `number`, `created`, or a numeric metadata key."),
    ] = "number",
    svg: Annotated[str | None, Option("--svg", metavar="FILE", help="Write the chart to this SVG file.")] = None,
    html: Annotated[
        str | None, Option("--html", metavar="FILE", help="Write a page with the chart and its values.")
    ] = None,
    ascii_: Annotated[bool, Option("--ascii", help="Draw with ASCII characters.")] = False,
) -> None:
    """Show numeric metadata over versions: a table, or a chart of one to four metrics.

    The best value is shown for metrics whose direction the setting metrics.direction gives. In a pipe, there is one
    line per version with the values of the metrics that are named or, if none is, one line per metric.
    """
    state, drawn = state, bool(svg or html) or (bool(keys) and state.terminal)
    if (svg, html) != (None, None) and not keys:
        raise BadUsage("name one to four metrics to draw", name="--html" if svg is None else "--svg")
    if drawn and len(keys or ()) > MOST:
        raise BadUsage(f"a chart shows at most {MOST} metrics")
    found = state.repository().metrics(name, keys or (), where=where or (), last=last, x=x, told=told(state))
    if log:
        _check_logarithmic(found)
    if where and not found.versions:
        state.note("no version matches the filter")
    elif not found.metrics:
        state.note("no version has a number in its metadata")
    if svg is not None:
        write_file(svg, chart_svg.svg(found, log))
    if html is not None:
        write_file(html, chart_html.html(found, log))
    files = {kind: path for kind, path in (("svg", svg), ("html", html)) if path is not None}
    state.emit(
        _document(found, bool(keys)) | files,
        lambda out: _render(out, found, bool(keys), log, ascii_, [*files.values()]),
    )
    if found.left_out:
        state.note(f"not shown: {count_text(found.left_out, 'version', 'versions')} without {found.x}")
    if not keys and state.terminal and not any(one.direction for one in found.metrics):
        state.note("`mreg config set metrics.direction 'max:*acc min:*loss'` adds the best values")


def _render(out: Out, found: "Metrics", named: bool, log: bool, ascii_: bool, files: list[str]) -> None:
    letters = chart.ASCII if ascii_ or not _shows_braille() else chart.BRAILLE
    if files:
        for file in files:
            out.path(file)
    elif not named:
        _table(out, found, letters)
    elif not out.terminal:
        axis = [_time(at) if found.x == "created" else _exact(at) for at in found.at]
        rows = zip(found.versions, *([axis] if axis else []), *_columns(found), strict=True)
        out.table([], [[*row] for row in rows])
    else:
        for line in chart.charts(found, out.width, letters, log):
            out.styled(*line)


def _columns(found: "Metrics") -> list[list[str]]:
    return [[_exact(value) for value in one.values] for one in found.metrics]


def _time(at: float) -> str:
    return time_text(datetime.fromtimestamp(at, UTC))


def _shows_braille() -> bool:
    """Whether the output can encode it, and the terminal is more than a typewriter."""
    try:
        f"⠿█{GAP}▲".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return os.environ.get("TERM") != "dumb"


def _table(out: Out, found: "Metrics", letters: chart.Letters) -> None:
    """On a terminal, of each metric what fits 80 columns."""
    if not out.terminal:
        out.table([], [_exact_row(one) for one in found.metrics])
        return
    judged = any(one.direction for one in found.metrics)
    headings = ["first", "last", *(("best",) if judged else ("smallest", "largest"))]
    rows = []
    for one in found.metrics:
        marked = (one.best,) if judged else (one.smallest, one.largest)
        ends = [label(value.value) if value else "" for value in (one.first, one.last)]
        rows.append([one.key, *ends, *map(_at, marked), chart.sparkline(one.values, letters)])
    out.table(["metric", *(Column(heading, right=True) for heading in headings), "trend"], rows)


def _exact_row(one: "Metric") -> list[str]:
    """For scripts: how many versions have it; first and last; smallest, largest and best, each with its version."""
    ends = [_exact(value and value.value) for value in (one.first, one.last)]
    marked = [
        cell
        for value in (one.smallest, one.largest, one.best)
        for cell in (_exact(value and value.value), value.version if value else "")
    ]
    return [one.key, str(one.versions), *ends, *marked]


def _at(value: "MetricValue | None") -> str:
    return f"{label(value.value)} {value.version}" if value else ""


def _exact(value: float | None) -> str:
    plain = _plain(value)
    return "" if plain is None else value_text(plain)


def _plain(value: float | None) -> Any:
    """As JSON has it: numbers that are not finite are texts, as in metadata."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _document(found: "Metrics", named: bool) -> dict[str, Any]:
    metrics = []
    for one in found.metrics:
        fields = one._asdict()
        for key in ("first", "last", "smallest", "largest", "best"):
            value = fields[key]
            fields[key] = value and {"value": _plain(value.value), "version": value.version}
        metrics.append(fields | {"values": [_plain(value) for value in one.values] if named else []})
    return {
        "name": found.name,
        "versions": found.versions if named else [],
        "aliases": found.aliases,
        "metrics": metrics,
        "x": found.x,
        "at": [_time(at) if found.x == "created" else _plain(at) for at in found.at] if named else [],
        "left_out": found.left_out,
    }


def _check_logarithmic(found: "Metrics") -> None:
    for one in found.metrics:
        if one.smallest is not None and one.smallest.value <= 0:
            raise NotLogarithmic(metric=one.key, value=one.smallest.value, version=one.smallest.version)
