"""Versions that share nine tenths of their bytes from one repository to another, beside a copy of their packs that is
as durable."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from measuring import Bench, BenchmarkFailed, Cost, Row, compare
from peers import Peers
from workloads import MIB, Form, retrained, write_checkpoints

GROUP = "transfers"
COPY = "cp -r source/.mreg/packs copied && sync -f copied"
"""What is compared with. It verifies nothing, and makes no entry."""

LOG = "import sys, mreg; mreg.Repository.open('source').log(sys.argv[1], 'net')"
TARGET = 1.3

PUSH, PULL, CLONE = "push --all", "pull --all", "clone"


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row]:
    """The rows of this group, in which peers have no part."""
    count, size = form.travelled
    bench.run(bench.mreg, "--repo", "source", "init")
    for step in range(count):
        (made,), _ = write_checkpoints(bench.folder / "made", [retrained(size, step)])
        bench.run(sys.executable, "-c", LOG, str(made))
        shutil.rmtree(bench.folder / "made")
    costs: dict[str, list[Cost]] = {name: [] for name in ("copy", PUSH, PULL, CLONE)}
    for _ in range(rounds):
        costs["copy"].append(bench.run("sh", "-c", COPY))
        _remove(bench.folder / "copied")
        for name in (PUSH, PULL, CLONE):
            costs[name].append(_travel(bench, name, count))
    for name in (PUSH, PULL, CLONE):
        yield compare(GROUP, f"{name}, {count} x {size / MIB:,.0f} MiB", costs[name], costs["copy"], TARGET)


def _travel(bench: Bench, name: str, count: int) -> Cost:
    lines = {
        PUSH: ("--repo", "source", "push", "target", "--all"),
        PULL: ("--repo", "target", "pull", "source", "--all"),
        CLONE: ("clone", "source", "target"),
    }
    if name != CLONE:
        bench.run(bench.mreg, "--repo", "target", "init")
    cost = bench.run(bench.mreg, "-q", *lines[name])
    if bench.answer(bench.mreg, "--repo", "target", "ls", "net").count("\n") != count - 1:
        raise BenchmarkFailed(f"mreg {name} has not brought each version")
    _remove(bench.folder / "target")
    return cost


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)
