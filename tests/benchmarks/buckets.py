"""Files into and out of a bucket, beside what the store's own client does with the same bytes, on one server."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from measuring import Bench, Cost, Row, Skipped, compare
from peers import Peers
from workloads import MIB, Form

sys.path.insert(0, str(Path(__file__).parent.parent))  # where `servers` is

import servers

GROUP = "bucket"
KIND = "seaweedfs"
LARGEST = 256 * MIB
"""Bytes, as the server keeps those of all rounds."""

SLOWER = 1.25
"""At 0.8 of the speed of the client by itself."""

CLIENT = """
import os, sys
import obstore
from obstore.store import S3Store
store = S3Store("models", client_options={"allow_http": True})
"""
PUT = f"""{CLIENT}
with open("source/weights", "rb") as file:
    obstore.put(store, sys.argv[1], file, use_multipart=True)
"""
GET = f"""{CLIENT}
with open("plain", "wb") as file:
    for part in obstore.get(store, sys.argv[1]).stream():
        file.write(part)
    file.flush()
    os.fsync(file.fileno())
"""


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row | Skipped]:
    """The rows of this group, in which peers have no part. The bytes are random: each is sent."""
    if not list((servers.SERVERS / KIND).glob(".stamp-*")):
        yield Skipped(GROUP, "all", f"there is no {KIND}: run `make servers`")
        return
    with servers.running(KIND, bench.folder / KIND) as server:
        yield from _measure(bench, server, min(form.file, LARGEST), rounds)


def _measure(bench: Bench, server: servers.Server, size: int, rounds: int) -> Iterator[Row]:
    mreg = [bench.mreg, "--repo", server.place()]
    here = server.environment
    there = here | {"MREG_CACHE": str(bench.folder / "cache-there")}  # of another machine: this one keeps what it sent
    bench.run(*mreg, "init", more=here)
    costs: dict[str, list[Cost]] = {name: [] for name in ("put", "log", "plain", "get")}
    for number in range(rounds):
        _write(bench.folder / "source", size)
        steps = {
            "put": ([sys.executable, "-c", PUT, f"plain-{number}"], here),
            "log": ([*mreg, "log", "source", "-a", "m"], here),
            "plain": ([sys.executable, "-c", GET, f"plain-{number}"], here),
            "get": ([*mreg, "get", "m", "-o", "out"], there),
        }
        for pair in (["put", "log"], ["plain", "get"]):
            for name in pair if number % 2 == 0 else pair[::-1]:
                os.sync()
                costs[name].append(bench.run(*steps[name][0], more=steps[name][1]))
            bench.run(*mreg, "resolve", "m", more=there)
        shutil.rmtree(bench.folder / "out")
    what = f"{size / MIB:,.0f} MiB"
    yield compare(GROUP, f"log, {what}", costs["log"], costs["put"], SLOWER)
    yield compare(GROUP, f"get, {what}", costs["get"], costs["plain"], SLOWER)
    peak = max(cost.peak for name in ("log", "get") for cost in costs[name])
    bound = max(cost.peak for name in ("put", "plain") for cost in costs[name])
    yield Row(GROUP, f"most memory, {what}", "bytes", peak, bound, peak / bound, peak / bound, peak / bound)


def _write(folder: Path, size: int) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / "weights").open("wb") as file:
        for start in range(0, size, 16 * MIB):
            file.write(os.urandom(min(16 * MIB, size - start)))
