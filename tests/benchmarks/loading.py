"""Tensors out of a version without a copy, beside `get` and then loading, in processes of their own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import numpy as np
import safetensors.numpy
from measuring import Bench, Cost, Row, compare
from peers import Peers
from workloads import MIB, Form

GROUP = "tensors"
TENSOR = 4 * MIB

GET = """
import sys, mreg, safetensors.numpy
with mreg.Repository.open(sys.argv[1]) as repo:
    repo.get("net", sys.argv[2])
print(sum(len(one) for one in safetensors.numpy.load_file(sys.argv[2] + "/model.safetensors").values()))
"""
ALL = """
import sys
from mreg.integrations import numpy
print(sum(len(one) for one in numpy.load("net", repo=sys.argv[1]).values()))
"""
ONE = """
import sys
from mreg.integrations import safetensors
with safetensors.open("net", repo=sys.argv[1]) as model:
    print(len(model.get_tensor("w1")))
"""


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row]:
    """The rows of this group, in which peers have no part."""
    repository, source, out = str(bench.folder / ".mreg"), bench.folder / "model.safetensors", bench.folder / "out"
    rng = np.random.default_rng(0)
    count = form.file // TENSOR
    tensors = {f"w{n}": rng.standard_normal((1024, 1024), np.float32).astype(np.float32) for n in range(max(2, count))}
    source.write_bytes(safetensors.numpy.save(tensors))
    bench.run(bench.mreg, "init", str(bench.folder))
    bench.run(bench.mreg, "--repo", repository, "log", str(source), "--artifact", "net")
    costs: dict[str, list[Cost]] = {GET: [], ALL: [], ONE: []}
    for _ in range(rounds):
        for program in costs:
            shutil.rmtree(out, ignore_errors=True)
            costs[program].append(bench.run(sys.executable, "-c", program, repository, str(out)))
    what = f"{source.stat().st_size // MIB} MiB"
    yield compare(GROUP, f"integrations.numpy.load of {what}, beside get and load", costs[ALL], costs[GET], 1)
    yield compare(GROUP, f"one tensor of {what}, beside get and load", costs[ONE], costs[GET], 1)
    shutil.rmtree(repository)
    shutil.rmtree(out, ignore_errors=True)
    source.unlink()
