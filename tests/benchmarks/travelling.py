"""Versions that share nine tenths of their bytes from one repository to another, beside a copy of their packs that is
as durable: from folder to folder that of `cp`, to and from a bucket or a server the one that the client makes by itself
through which mreg reaches it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from measuring import Bench, BenchmarkFailed, Cost, Row, Skipped, compare
from peers import Peers
from places import CALLED, Place, lacking, place
from workloads import MIB, Form, retrained, write_checkpoints

GROUP = "transfers"
COPY = "cp -r source/.mreg/packs copied && sync -f copied"
"""What is compared with. It verifies nothing, and makes no entry."""

LOG = "import sys, mreg; mreg.Repository.open('source').log(sys.argv[1], 'net')"
TARGET = 1.3

PUSH, PULL, CLONE = "push --all", "pull --all", "clone"

BUCKET = "seaweedfs"
FILES = "sorted(pathlib.Path('source/.mreg/packs').rglob('*.pack'))"
CLIENTS = {
    "bucket": f"""
import os, pathlib, sys
import obstore
from obstore.store import S3Store
store = S3Store("models", prefix=sys.argv[2], client_options={{"allow_http": True}})
for path in {FILES}:
    if sys.argv[1] == "put":
        obstore.put(store, path.name, path)
    else:
        with open(f"plain/{{path.name}}", "wb") as file:
            for part in obstore.get(store, path.name).stream():
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
""",
    "ssh": f"""
import asyncio, os, pathlib, sys, urllib.parse
import asyncssh
async def copy():
    url = urllib.parse.urlsplit(sys.argv[2])
    async with asyncssh.connect(url.hostname, url.port) as connection, connection.start_sftp_client() as sftp:
        if sys.argv[1] == "put":
            await sftp.mkdir(url.path)
        for path in {FILES}:
            if sys.argv[1] == "put":
                await sftp.put(path, f"{{url.path}}/{{path.name}}")
                async with sftp.open(f"{{url.path}}/{{path.name}}", "r+b") as file:
                    await file.fsync()
            else:
                await sftp.get(f"{{url.path}}/{{path.name}}", f"plain/{{path.name}}")
                with open(f"plain/{{path.name}}", "rb") as file:
                    os.fsync(file.fileno())
asyncio.run(copy())
""",
}
"""Programs that put the packs there as they are, or get them from there, one by one, and flush each."""


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row | Skipped]:
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
            costs[name].append(_travel(bench, name))
    for name in (PUSH, PULL, CLONE):
        yield compare(GROUP, f"{name}, {count} x {size / MIB:,.0f} MiB", costs[name], costs["copy"], TARGET)
    for kind in form.places:
        if reason := lacking(kind, BUCKET):
            yield Skipped(GROUP, kind, reason)
        elif kind != "folder":
            with place(bench.folder, kind, BUCKET) as far:
                yield from _far(bench, kind, far, rounds, f"{count} x {size / MIB:,.0f} MiB")


def _far(bench: Bench, kind: str, far: Place, rounds: int, what: str) -> Iterator[Row]:
    costs: dict[str, list[Cost]] = {name: [] for name in ("put", "get", PUSH, PULL)}
    here = {**far.environment, "MREG_CACHE": str(bench.folder / "cache-here")}
    other = {**far.environment, "MREG_CACHE": str(bench.folder / "cache-there")}  # of a machine that lacks all of it
    for number in range(rounds):
        url = f"{far.url}/{number}"
        plain = f"{url}-plain".partition("models/")[2] if kind == "bucket" else f"{url}-plain"
        client = [sys.executable, "-c", CLIENTS[kind]]
        bench.run(bench.mreg, "--repo", url, "init", more=here)
        bench.run(bench.mreg, "--repo", "target", "init", more=other)
        (bench.folder / "plain").mkdir()
        steps = {
            "put": [*client, "put", plain],
            PUSH: [bench.mreg, "-q", "--repo", "source", "push", url, "--all"],
            "get": [*client, "get", plain],
            PULL: [bench.mreg, "-q", "--repo", "target", "pull", url, "--all"],
        }
        for name, line in steps.items():
            os.sync()
            costs[name].append(bench.run(*line, name=name, more=other if name == PULL else here))
        _check(bench, PULL, "target")
        for folder in ("target", "plain", "cache-here", "cache-there"):
            _remove(bench.folder / folder)
    yield compare(GROUP, f"{PUSH} to {CALLED[kind]}, {what}", costs[PUSH], costs["put"], TARGET)
    yield compare(GROUP, f"{PULL} from {CALLED[kind]}, {what}", costs[PULL], costs["get"], TARGET)


def _travel(bench: Bench, name: str) -> Cost:
    lines = {
        PUSH: ("--repo", "source", "push", "target", "--all"),
        PULL: ("--repo", "target", "pull", "source", "--all"),
        CLONE: ("clone", "source", "target"),
    }
    if name != CLONE:
        bench.run(bench.mreg, "--repo", "target", "init")
    cost = bench.run(bench.mreg, "-q", *lines[name])
    _check(bench, name, "target")
    _remove(bench.folder / "target")
    return cost


def _check(bench: Bench, name: str, target: str) -> None:
    """Raises BenchmarkFailed unless the repository has what the source has."""
    lists = [bench.answer(bench.mreg, "--repo", one, "ls", "net") for one in ("source", target)]
    if lists[0] != lists[1]:
        raise BenchmarkFailed(f"mreg {name} has not brought each version")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)
