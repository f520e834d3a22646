"""Comparing the tensors of two versions, beside getting one of them out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from measuring import Bench, BenchmarkFailed, Cost, Row, compare
from peers import Peers
from workloads import MIB, Form, compared, fill_memory, write_checkpoints

GROUP = "diff"
MEMORY = 200 * MIB
PAIRS = (  # what differs, by the numbers of the versions, and at most how often `get` of one version it may take
    ("nothing differs", 0, 0, 0.1),
    ("10 % of the bytes changed", 0, 2, 0.5),
    ("all changed a little", 0, 1, 2.0),
)


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row]:
    """The rows of this group, in which peers have no part."""
    folders, _ = write_checkpoints(bench.folder, compared(form.file))
    bench.run(bench.mreg, "init")
    for folder in folders:
        bench.run(bench.mreg, "log", str(folder), "--artifact", "net")
        shutil.rmtree(folder)
    costs: dict[str, list[Cost]] = {name: [] for name, *_ in PAIRS}
    bounds = []
    for name, before, after, _ in PAIRS:
        if bool(bench.answer(*_diff(bench, before, after))) != (before != after):
            raise BenchmarkFailed(f"mreg diff is wrong: {name}")
    for _ in range(rounds):
        fill_memory(form.file)
        bounds.append(bench.run(bench.mreg, "get", "net:v0", "-o", "out"))
        shutil.rmtree(bench.folder / "out")
        for name, before, after, _ in PAIRS:
            costs[name].append(bench.run(*_diff(bench, before, after)))
    what = f"2 x {form.file // MIB:,} MiB"
    for name, _, _, target in PAIRS:
        yield compare(GROUP, f"{name}, {what}", costs[name], bounds, target)
    peak = max(cost.peak for some in costs.values() for cost in some)
    ratio = peak / MEMORY
    yield Row(GROUP, f"most memory, {what}", "bytes", peak, MEMORY, ratio, ratio, ratio, 1)


def _diff(bench: Bench, before: int, after: int) -> list[str]:
    return [bench.mreg, "diff", f"net:v{before}", f"net:v{after}", "--tensors"]
