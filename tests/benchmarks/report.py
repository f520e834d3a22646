"""The result for people and for programs."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby

from measuring import Row
from workloads import MIB, Form

import mreg

SCHEMA = 1
HEADINGS = ("", "measured", "bound", "ratio", "quartiles", "cpu ratio", "peak", "target", "")


def machine(folder: str) -> dict[str, str | int]:
    """What the figures depend on: no names, no places."""
    return {
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "file_system": _file_system(folder),
        "mreg": mreg.__version__,
    }


def document(facts: dict[str, str | int], form: Form, rounds: int, rows: Sequence[Row]) -> dict[str, object]:
    """The JSON document."""
    listed = [asdict(row) | {"verdict": verdict(row)} for row in rows]
    return {"schema": SCHEMA, "form": form.name, "rounds": rounds, "machine": facts, "rows": listed}


def verdict(row: Row) -> str:
    """How the ratio stands to its target; empty where it has none."""
    if row.target is None:
        return ""
    if row.ratio > row.target:
        return "missed"
    return "met, aim missed" if row.aim is not None and row.ratio > row.aim else "met"


def table(facts: dict[str, str | int], form: Form, rounds: int, rows: Sequence[Row]) -> str:
    """The same as plain text."""
    lines = [
        f"mreg {facts['mreg']}, {facts['python']}, {facts['system']}, {facts['cpus']} CPUs, {facts['file_system']}; "
        f"{form.name} form, {rounds} round{'s' * (rounds != 1)}"
    ]
    cells = [HEADINGS]
    for group, members in groupby(rows, key=lambda row: row.group):
        cells.append((f"[{group}]", *[""] * (len(HEADINGS) - 1)))
        cells += map(_cells, members)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for first, *others, last in cells:
        middle = (cell.rjust(width) for cell, width in zip(others, widths[1:-1], strict=True))
        lines.append("  ".join([first.ljust(widths[0]), *middle, last]).rstrip())
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    timed = row.unit == "s"
    target = "" if row.target is None else f"<= {row.target:g}" + (f" (aim {row.aim:g})" if row.aim else "")
    return (
        f"  {row.name}",
        _amount(row.measured, row.unit),
        _amount(row.bound, row.unit),
        f"{row.ratio:.2f}",
        f"{row.low:.2f}-{row.high:.2f}" if timed else "",
        f"{row.more['cpu_ratio']:.2f}" if timed else "",
        f"{row.more['peak_bytes'] / MIB:.0f} MiB" if timed else "",
        target,
        verdict(row),
    )


def _amount(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value / MIB:.1f} MiB"
    return f"{value:.2f} s" if value >= 1 else f"{math.ceil(value * 1000)} ms"


def _file_system(folder: str) -> str:
    if not sys.platform.startswith("linux"):
        return "unknown file system"
    done = subprocess.run(["df", "--output=fstype", folder], capture_output=True, text=True)
    return done.stdout.split()[-1] if done.returncode == 0 else "unknown file system"
