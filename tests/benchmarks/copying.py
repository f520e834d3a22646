"""Files into the repository and out again, beside a copy that is as durable: `cp -r` and a flush."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from contest import Outcome, Results, Target, contest
from measuring import Bench, Cost, Row, Skipped
from peers import Peers
from tools import COPY, DIGEST, MREG, MREG_PLAIN, Station
from weights import Sizes
from workloads import (
    FILE_SIZE,
    MIB,
    Form,
    fill_memory,
    one_file,
    read_all,
    write_checkpoints,
    write_small_files,
)

ONE, MANY = "one file", "many files"
LOG, AGAIN, GET, THERE = "log", "log again, unchanged", "get", "get where it is"

MEMORY = 200 * MIB


def measure_one(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row | Skipped]:
    """The rows for one large file."""
    folders, sizes = write_checkpoints(bench.folder, one_file(form.file))
    results = _measure(bench, folders[0], form.file, form, rounds, peers)
    what = f"{form.file // MIB:,} MiB"
    targets = {
        (MREG, LOG): Target(2.5, 2),
        (MREG_PLAIN, LOG): Target(1.6, 1.3),
        (MREG, AGAIN): Target(0.12),
        (MREG, GET): Target(1.5),
        (MREG, THERE): Target(0.2),
    }
    yield from results.times(ONE, what, targets)
    yield from results.beside_fastest(
        ONE, f"log, {what}, beside the fastest peer that flushes", LOG, Target(1), lambda tool: tool.log_flushed
    )
    yield _memory(results, what)
    yield from results.bytes_kept(ONE, what, sizes, None)
    yield from results.skipped(ONE)


def measure_many(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row | Skipped]:
    """The rows for many small files."""
    source = bench.folder / "source"
    write_small_files(source, form.files)
    results = _measure(bench, source, form.files * FILE_SIZE, form, rounds, peers)
    yield from results.times(MANY, f"{form.files:,} x 4 KiB", {(MREG, LOG): Target(1), (MREG, GET): Target(1.5)})
    size = form.files * FILE_SIZE
    yield from results.bytes_kept(MANY, f"{form.files:,} x 4 KiB", Sizes(size, size, size), None)
    yield from results.skipped(MANY)


def _measure(bench: Bench, source: Path, size: int, form: Form, rounds: int, peers: Peers) -> Results:
    read_all(source)
    time.sleep(form.settled)

    def measured(step: Callable[[], Cost]) -> Cost:
        fill_memory(2 * size)  # what is read and what is written
        return step()

    def once(station: Station) -> Outcome:
        station.take(source)
        costs = {LOG: measured(station.log)}
        kept = station.kept()
        if station.tool.get:
            costs[AGAIN] = measured(station.log)
            station.clear()
            costs[GET] = measured(station.get)
            costs[THERE] = measured(station.get)
        return Outcome(costs, kept)

    return contest(bench, (COPY, DIGEST, MREG, MREG_PLAIN, *peers.stores), peers.missing, form, rounds, once)


def _memory(results: Results, what: str) -> Row:
    """The most that any step of mreg has needed."""
    costs = (outcome.costs for tool in (MREG, MREG_PLAIN) for outcome in results.outcomes.get(tool, ()))
    peak = max(cost.peak for steps in costs for cost in steps.values())
    ratio = peak / MEMORY
    return Row(ONE, f"most memory of all steps, {what}", "bytes", peak, MEMORY, ratio, ratio, ratio, 1)
