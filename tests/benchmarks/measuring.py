"""Running commands and putting figures on them."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

SETTINGS = ("MREG_", "PYTHON", "XDG_", "GIT_", "RESTIC_", "BORG_", "DVC_", "MLFLOW_")
"""How variables begin that change what is measured."""


class Cost(NamedTuple):
    """What one process, and those it waited for, took: seconds, and the most memory (bytes) one of them had."""

    wall: float
    cpu: float
    peak: int


class BenchmarkFailed(Exception):
    """A command that was to be measured did not do what it should."""


@dataclass(frozen=True)
class Row:
    """One line of the result.

    tool: what was measured, and note: what has to be known of it. measured, bound: medians, in `unit` ("s" or
    "bytes"). ratio: what the target is about; for times the median of the ratios of each round, of which `low` and
    `high` are the quartiles. more: further figures, by name.
    """

    group: str
    name: str
    unit: str
    measured: float
    bound: float
    ratio: float
    low: float
    high: float
    target: float | None = None
    aim: float | None = None
    more: dict[str, float] = field(default_factory=dict)
    tool: str = "mreg"
    note: str = ""


class Skipped(NamedTuple):
    """What would have been measured in a group, and why it was not."""

    group: str
    name: str
    reason: str


class Bench:
    """A folder to work in, and the commands that run there, with nothing of the person's own settings."""

    def __init__(self, folder: Path, programs: Path | None = None) -> None:
        """programs: a folder where programs are looked for first."""
        self.folder = folder
        self.mreg = str(Path(sysconfig.get_path("scripts")) / "mreg")
        if not Path(self.mreg).exists():
            raise BenchmarkFailed("there is no mreg beside this Python: pip install -e .")
        # Without PYTHONDONTWRITEBYTECODE: with it, each process would compile what others have compiled.
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(SETTINGS) or name == "PYTHONPATH"
        }
        if programs is not None:
            self.environment["PATH"] = os.pathsep.join([str(programs.resolve()), self.environment["PATH"]])
        self.environment["MREG_CACHE"] = str(folder / "cache")

    def run(
        self, *command: str, name: str = "", folder: Path | None = None, more: Mapping[str, str] | None = None
    ) -> Cost:
        """Run it and wait; what it took. Raises BenchmarkFailed.

        name: how to call it when it fails. folder: where it runs (the bench's). more: variables beside the bench's.
        """
        with tempfile.TemporaryFile() as errors:
            began = time.perf_counter()
            process = subprocess.Popen(
                command,
                cwd=folder or self.folder,
                env=self.environment | dict(more or {}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
            try:
                _, status, used = os.wait4(process.pid, 0)
            except BaseException:  # interrupted: what it started must not go on working in a folder that is removed
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
            wall = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                errors.seek(0)
                said = errors.read().decode(errors="replace")
                raise BenchmarkFailed(
                    f"{name or ' '.join(command[1:])}: exit code {process.returncode}: {_short(said)}"
                )
        kilobyte = 1 if sys.platform == "darwin" else 1024
        return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * kilobyte)

    def answer(self, *command: str, more: Mapping[str, str] | None = None) -> str:
        """What it prints. more: variables beside the bench's. Raises BenchmarkFailed."""
        environment = self.environment | dict(more or {})
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchmarkFailed(f"{' '.join(command[1:])}: exit code {done.returncode}: {_short(done.stderr)}")
        return done.stdout.strip()


def compare(
    group: str,
    name: str,
    costs: Sequence[Cost],
    bounds: Sequence[Cost],
    target: float | None = None,
    aim: float | None = None,
    tool: str = "mreg",
    note: str = "",
) -> Row:
    """The row for a command measured round by round beside its bound. It may have been left out of the last rounds."""
    bounds = bounds[: len(costs)]
    ratios = [cost.wall / bound.wall for cost, bound in zip(costs, bounds, strict=True)]
    low, middle, high = _quartiles(ratios)
    # No cpu time is a figure too, on a clock of 10 ms steps.
    cpu_ratios = [cost.cpu / max(bound.cpu, 0.001) for cost, bound in zip(costs, bounds, strict=True)]
    more = {
        "cpu": statistics.median(cost.cpu for cost in costs),
        "cpu_bound": statistics.median(bound.cpu for bound in bounds),
        "cpu_ratio": statistics.median(cpu_ratios),
        "peak_bytes": float(max(cost.peak for cost in costs)),
    }
    measured = statistics.median(cost.wall for cost in costs)
    bound = statistics.median(bound.wall for bound in bounds)
    return Row(group, name, "s", measured, bound, middle, low, high, target, aim, more, tool, note)


def total(costs: Sequence[Cost]) -> Cost:
    """What several processes took, one after the other."""
    return Cost(sum(cost.wall for cost in costs), sum(cost.cpu for cost in costs), max(cost.peak for cost in costs))


def _short(text: str) -> str:
    """The end of what a program has said, in one line."""
    return " ".join(text.split())[-400:]


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high
