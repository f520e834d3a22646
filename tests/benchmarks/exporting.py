"""`export --oci` on a file system that can clone files, beside a copy that is as durable."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from measuring import Bench, BenchmarkFailed, Cost, Row, Skipped, compare
from peers import Peers
from workloads import MIB, Form, one_file, write_checkpoints

sys.path.insert(0, str(Path(__file__).parent.parent))  # where `cloning` is

from cloning import NoDisk, mounted, room_taken

GROUP = "export"
ROOM = 6
"""How many times the file the disk is: source, repository, cache, copy, export, and what btrfs wants."""

COPY = "cp -r --reflink=never source copy && sync -f ."
HASH = "import hashlib, sys; print(hashlib.file_digest(open(sys.argv[1], 'rb'), 'sha256').hexdigest())"

FIRST, KNOWN = "export --oci, first", "export --oci, SHA-256 known"
CLONED, AGAIN = "export --oci from the cache, first", "export --oci from the cache, SHA-256 known"
FLOOR = "SHA-256 alone"


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row | Skipped]:
    """The rows of this group, in which peers have no part."""
    try:
        with mounted("btrfs", ROOM * form.file // MIB + 256) as disk:
            yield from _Exports(Bench(disk), form).rows(rounds)
    except NoDisk as error:
        yield Skipped(GROUP, "export", str(error))


class _Exports:
    def __init__(self, bench: Bench, form: Form) -> None:
        self._bench = bench
        (made,), _ = write_checkpoints(bench.folder, one_file(form.file))
        made.rename(bench.folder / "source")
        self._file = next(path for path in (bench.folder / "source").rglob("*") if path.is_file())
        self._size = self._file.stat().st_size
        self._what = f"{form.file // MIB:,} MiB"

    def rows(self, rounds: int) -> Iterator[Row]:
        costs: dict[str, list[Cost]] = {name: [] for name in ("copy", FLOOR, FIRST, KNOWN, CLONED, AGAIN)}
        kept = 0.0
        for _ in range(rounds):
            kept = self._round(costs)
        what = self._what
        for name in (FIRST, KNOWN, CLONED, AGAIN):
            yield compare(GROUP, f"{name}, {what}", costs[name], costs["copy"], 1.5)
        yield compare(GROUP, f"{FLOOR}, {what}", costs[FLOOR], costs["copy"])
        ratio = kept / self._size
        yield Row(GROUP, f"bytes of cache and export, {what}", "bytes", kept, self._size, ratio, ratio, ratio, 1.1)

    def _round(self, costs: dict[str, list[Cost]]) -> int:
        """How much the copy in the cache and an export take together."""
        bench = self._bench
        costs["copy"].append(bench.run("sh", "-c", COPY))
        self._remove("copy")
        costs[FLOOR].append(bench.run(sys.executable, "-c", HASH, str(self._file)))
        self._log()
        costs[FIRST].append(self._export())
        costs[KNOWN].append(self._export())
        self._log()
        before = room_taken(bench.folder)
        bench.run(bench.mreg, "use", "net")
        costs[CLONED].append(self._export(keep=True))
        kept: int = room_taken(bench.folder) - before
        self._remove("out")
        costs[AGAIN].append(self._export())
        return kept

    def _log(self) -> None:
        """Into a new repository, of which nothing is known or in the cache."""
        self._remove(".mreg", "cache")
        self._bench.run(self._bench.mreg, "init")
        self._bench.run(self._bench.mreg, "log", "source", "--artifact", "net")

    def _export(self, *, keep: bool = False) -> Cost:
        cost = self._bench.run(self._bench.mreg, "export", "net", "--oci", "out")
        if sum(path.stat().st_size for path in (self._bench.folder / "out").rglob("*")) < self._size:
            raise BenchmarkFailed("mreg export has not written the file")
        if not keep:
            self._remove("out")
        return cost

    def _remove(self, *names: str) -> None:
        for name in names:
            shutil.rmtree(self._bench.folder / name, ignore_errors=True)
        os.sync()
