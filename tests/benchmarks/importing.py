"""Importing a folder of checkpoints, beside logging each of them from one Python."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from measuring import Bench, BenchmarkFailed, Cost, Row, compare
from peers import Peers
from workloads import MIB, Form

GROUP = "import"
PARTS = 10
"""Of a checkpoint: one of them is new in each."""

LOG = """
import sys, mreg
repo = mreg.Repository.init("log")
for number in range(int(sys.argv[1])):
    repo.log(f"runs/checkpoint-{number}", "net", metadata={"step": number})
"""
IMPORT = """
import mreg
mreg.Repository.init("import").import_from("runs", artifact="net")
"""
AGAIN = """
import mreg
mreg.Repository.open("import").import_from("runs", artifact="net")
"""


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row]:
    """The rows of this group, in which peers have no part."""
    count, size = form.imported
    write_runs(bench.folder / "runs", count, size)
    costs: dict[str, list[Cost]] = {name: [] for name in ("log", "import", "again")}
    for _ in range(rounds):
        costs["log"].append(bench.run(sys.executable, "-c", LOG, str(count)))
        costs["import"].append(bench.run(sys.executable, "-c", IMPORT))
        costs["again"].append(bench.run(sys.executable, "-c", AGAIN))
        if bench.answer(bench.mreg, "--repo", "import", "ls", "net").count("\n") != count - 1:
            raise BenchmarkFailed("mreg import has not made a version of each checkpoint")
        for name in ("log", "import"):
            shutil.rmtree(bench.folder / name)
        shutil.rmtree(bench.folder / "cache")
    what = f"{count} x {size / MIB:,.0f} MiB"
    yield compare(GROUP, f"import, {what}", costs["import"], costs["log"], 1.2)
    yield compare(GROUP, f"import again, {what}", costs["again"], costs["log"], 0.2)


def write_runs(folder: Path, count: int, size: int) -> None:
    """Checkpoints of random bytes that share nine parts of ten with the one before."""
    draw = random.Random(0)
    parts = [draw.randbytes(size // PARTS) for _ in range(PARTS)]
    for number in range(count):
        parts[number % PARTS] = draw.randbytes(size // PARTS)
        place = folder / f"checkpoint-{number}"
        place.mkdir(parents=True)
        (place / "model.bin").write_bytes(b"".join(parts))
