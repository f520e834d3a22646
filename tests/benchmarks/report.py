"""The result for people and for programs."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby

from measuring import Row, Skipped
from tools import MREG
from workloads import MIB, Form

import mreg

Facts = dict[str, str | int | float]

SCHEMA = 2
HEADINGS = ("", "measured", "bound", "ratio", "quartiles", "cpu ratio", "peak", "target", "")


@dataclass(frozen=True)
class Result:
    """What was measured, on what. versions: of the peers."""

    facts: Facts
    form: Form
    rounds: int
    lines: list[Row | Skipped]
    versions: dict[str, str] = field(default_factory=dict)


def machine(folder: str) -> Facts:
    """What the figures depend on: no names, no places. The load is what others do while this begins."""
    return {
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "file_system": _file_system(folder),
        "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "load": round(os.getloadavg()[0], 1),
        "mreg": mreg.__version__,
    }


def document(result: Result) -> dict[str, object]:
    """The JSON document."""
    return {
        "schema": SCHEMA,
        "form": result.form.name,
        "rounds": result.rounds,
        "machine": result.facts,
        "peers": result.versions,
        "rows": [asdict(line) | {"verdict": verdict(line)} for line in result.lines if isinstance(line, Row)],
        "skipped": [line._asdict() for line in result.lines if isinstance(line, Skipped)],
    }


def verdict(row: Row) -> str:
    """How the ratio stands to its target; empty where it has none."""
    if row.target is None:
        return ""
    if row.ratio > row.target:
        return "missed"
    return "met, aim missed" if row.aim is not None and row.ratio > row.aim else "met"


def table(result: Result) -> str:
    """The same as plain text."""
    facts, lines = result.facts, result.lines
    text = [
        f"mreg {facts['mreg']}, {facts['python']}, {facts['system']}, {facts['cpus']} CPUs, {facts['file_system']}, "
        f"load {facts['load']}; {result.form.name} form, {result.rounds} round{'s' * (result.rounds != 1)}",
        *(f"{program}: {version}" for program, version in result.versions.items()),
    ]
    cells: list[tuple[str, ...]] = [HEADINGS]
    for group, members in groupby(lines, key=lambda line: line.group):
        cells.append(_only(f"[{group}]"))
        name = ""
        for line in members:
            if isinstance(line, Row):
                if line.name != name and line.tool != MREG.name:  # where mreg has no row of its own
                    cells.append(_only(f"  {line.name}"))
                name = line.name
                cells.append(_cells(line))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for first, *others, last in cells:
        middle = (cell.rjust(width) for cell, width in zip(others, widths[1:-1], strict=True))
        text.append("  ".join([first.ljust(widths[0]), *middle, last]).rstrip())
    text += [f"skipped in [{line.group}]: {line.name}: {line.reason}" for line in lines if isinstance(line, Skipped)]
    return "\n".join(text)


def markdown(lines: Sequence[Row | Skipped]) -> str:
    """What was measured as tables for a page, one a group: a column for each thing measured, a row for each tool. In
    the cells the ratio, and what it is the ratio of. Notes of tools are left out."""
    tables = []
    for group, members in groupby((line for line in lines if isinstance(line, Row)), key=lambda row: row.group):
        rows = list(members)
        columns = {row.name: row for row in reversed(rows)}
        names = list(dict.fromkeys(row.name for row in rows))
        cells = {(row.name, row.tool): f"{row.ratio:.2f} · {_amount(row.measured, row.unit)}" for row in rows}
        found = [
            ["", *names],
            ["---", *["--:"] * len(names)],
            ["bound", *(_amount(columns[name].bound, columns[name].unit) for name in names)],
            *([tool, *(cells.get((name, tool), "") for name in names)] for tool in dict.fromkeys(r.tool for r in rows)),
        ]
        tables.append(f"{group}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in found))
    return "\n\n".join(tables)


def _only(first: str) -> tuple[str, ...]:
    return (first, *[""] * (len(HEADINGS) - 1))


def _cells(row: Row) -> tuple[str, ...]:
    timed = row.unit == "s"
    return (
        f"  {row.name}" if row.tool == MREG.name else f"    {row.tool} {row.note}",
        _amount(row.measured, row.unit),
        _amount(row.bound, row.unit),
        f"{row.ratio:.2f}",
        f"{row.low:.2f}-{row.high:.2f}" if timed else "",
        f"{row.more['cpu_ratio']:.2f}" if timed else "",
        f"{row.more['peak_bytes'] / MIB:.0f} MiB" if timed else "",
        _target(row),
        verdict(row),
    )


def _target(row: Row) -> str:
    if row.target is None:
        return ""
    if row.unit == "bytes":
        return f"<= {_amount(row.target * row.bound, row.unit)}"
    return f"<= {row.target:g}" + (f" (aim {row.aim:g})" if row.aim else "")


def _amount(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value / MIB:.1f} MiB"
    return f"{value:.2f} s" if value >= 1 else f"{math.ceil(value * 1000)} ms"


def _file_system(folder: str) -> str:
    if not sys.platform.startswith("linux"):
        return "unknown file system"
    done = subprocess.run(["df", "--output=fstype", folder], capture_output=True, text=True)
    return done.stdout.split()[-1] if done.returncode == 0 else "unknown file system"
