"""Files into the repository and out again, beside a copy that is as durable: `cp -r` and a flush."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from measuring import Bench, BenchmarkFailed, Cost, Row, compare
from workloads import MIB, Form, transformer, write_safetensors, write_small_files

ONE, MANY = "one file", "many files"
STEPS = ("log", "log again, unchanged", "get", "get where it is")


def measure_one(bench: Bench, form: Form, rounds: int) -> Iterator[Row]:
    """The rows for one large file."""
    source = bench.folder / "source"
    source.mkdir()
    write_safetensors(source / "model.safetensors", transformer(form.file))
    yield from _measure(bench, ONE, f"{form.file // MIB:,} MiB", form, rounds)


def measure_many(bench: Bench, form: Form, rounds: int) -> Iterator[Row]:
    """The rows for many small files."""
    write_small_files(bench.folder / "source", form.files)
    yield from _measure(bench, MANY, f"{form.files:,} x 4 KiB", form, rounds)


def _measure(bench: Bench, group: str, what: str, form: Form, rounds: int) -> Iterator[Row]:
    time.sleep(form.settled)
    costs: dict[str, list[Cost]] = {step: [] for step in STEPS}
    bounds: list[Cost] = []
    for number in range(rounds):
        folder = bench.folder / f"round-{number}"
        folder.mkdir()
        tasks: list[Callable[[], None]] = [
            lambda: bounds.append(_copy(bench, folder)),  # noqa: B023 (called in this round)
            lambda: _log_and_get(bench, folder, costs),  # noqa: B023
        ]
        for task in tasks if number % 2 == 0 else reversed(tasks):
            task()
        _check_same(folder / "copy", folder / "got")
        shutil.rmtree(folder)
        shutil.rmtree(bench.environment["MREG_CACHE"], ignore_errors=True)
    for step in STEPS:
        yield compare(group, f"{step}, {what}", costs[step], bounds)


def _copy(bench: Bench, folder: Path) -> Cost:
    flush = 'sync -f "$2"' if os.uname().sysname == "Linux" else "sync"
    os.sync()  # not what others have written
    return bench.run("sh", "-c", f'cp -r "$1" "$2" && {flush}', "copy", "source", str(folder / "copy"))


def _log_and_get(bench: Bench, folder: Path, costs: dict[str, list[Cost]]) -> None:
    repo = ["--repo", str(folder / ".mreg")]
    bench.answer(bench.mreg, "init", str(folder))
    log = ["log", "source", "-a", "net", *repo]
    get = ["get", "net", "-o", str(folder / "got"), *repo]
    for step, arguments in zip(STEPS, (log, log, get, get), strict=True):
        os.sync()
        costs[step].append(bench.run(bench.mreg, *arguments))


def _check_same(first: Path, second: Path) -> None:
    """That it came out as it went in: a fast `get` of nothing is none."""
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    others = sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file())
    if files != others or any((first / name).stat().st_size != (second / name).stat().st_size for name in files):
        raise BenchmarkFailed("what `mreg get` wrote is not what was logged")
