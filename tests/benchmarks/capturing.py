"""Logging from a git checkout, which records what git says of it, beside logging there and asking git oneself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from measuring import Bench, Cost, Row, Skipped, compare, total
from peers import Peers
from workloads import Form, write_small_files

GROUP = "capture"
TARGET = 1.25
ALONE = ("git", "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch", "--untracked-files=no")


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row | Skipped]:
    """The rows of this group, in which peers have no part."""
    what = f"log in a checkout of {form.files:,} files"
    if shutil.which("git", path=bench.environment["PATH"]) is None:
        yield Skipped(GROUP, what, "git is not installed")
        return
    _make_checkout(bench, form.files)
    bench.run(bench.mreg, "init")
    costs: list[Cost] = []
    bounds: list[Cost] = []
    weights = bench.folder / "weights.bin"
    for number in range(-1, rounds):
        found = []
        for step, capture in enumerate(("none", "git")):
            weights.write_bytes(b"weights of step %d\n" % (2 * number + step) * 100)  # git is asked of what is new only
            found.append(bench.run(bench.mreg, "log", "weights.bin", "--artifact", "net", "--capture", capture))
        if number >= 0:  # the first round fills caches
            bounds.append(total([found[0], bench.run(*ALONE)]))
            costs.append(found[1])
    yield compare(GROUP, what, costs, bounds, TARGET)


def _make_checkout(bench: Bench, files: int) -> None:
    write_small_files(bench.folder / "source", files)
    bench.run("git", "init", "-q")
    bench.run("git", "remote", "add", "origin", "https://example.org/project.git")
    bench.run("git", "add", "source")
    person = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
    bench.run("git", *person, "commit", "-q", "-m", "The project")
