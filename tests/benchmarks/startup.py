"""What a command takes that has next to nothing to do, beside a Python that has nothing to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from measuring import Bench, BenchmarkFailed, Cost, Row, compare
from peers import Peers
from workloads import Form

import mreg
from mreg.storage.local import LocalStorage

GROUP = "start-up"
ALIASES = ("production", "staging", "best")


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row]:
    """The rows of this group, in which peers have no part."""
    _make_repository(bench, form.versions)
    last = f"net:v{form.versions - 1}"
    # What it must print (None: whatever), and the target and the aim of the ratio.
    commands: list[tuple[str, list[str], str | None, float | None, float | None]] = [
        ("--version", ["--version"], f"mreg {mreg.__version__}", 3, None),
        ("resolve NAME:ALIAS", ["resolve", "net:production"], last, 8, 6),
        ("resolve NAME", ["resolve", "net"], last, 8, 6),
        ("alias ls", ["alias", "ls"], None, 8, 6),
        ("use, cached", ["use", "net:production"], None, 8, 6),
        (f"ls NAME, {form.versions:,} versions", ["ls", "net"], None, None, None),
    ]
    for _, arguments, expected, _, _ in commands:  # fills caches, and compiles what others brought along
        answer = bench.answer(bench.mreg, *arguments)
        if not answer or (expected is not None and expected not in answer):
            raise BenchmarkFailed(f"mreg {' '.join(arguments)} printed {answer!r}")
    costs: dict[str, list[Cost]] = {name: [] for name, *_ in commands}
    bounds: list[Cost] = []
    bench.run(sys.executable, "-c", "pass")
    for number in range(rounds):
        turn = number % len(commands)  # not always the same one behind the same one
        for name, arguments, *_ in commands[turn:] + commands[:turn]:
            costs[name].append(bench.run(bench.mreg, *arguments))
        bounds.append(bench.run(sys.executable, "-c", "pass"))
    for name, _, _, target, aim in commands:
        yield compare(GROUP, name, costs[name], bounds, target, aim)


def _make_repository(bench: Bench, versions: int) -> None:
    """A repository as a project has after some months: many versions, a few aliases."""
    path, cache = bench.folder / ".mreg", bench.environment["MREG_CACHE"]
    source = bench.folder / "weights.bin"
    storage = LocalStorage(path, durable=False)  # a thousand flushes are not what is measured
    with mreg.Repository.init_storage(storage, str(path), cache=cache, author="bench") as repo:
        for number in range(versions):
            source.write_bytes(b"weights of step %d\n" % number * 100)
            repo.log(source, "net", metadata={"metrics": {"loss": 1 / (1 + number)}}, run=f"run-{number // 100}")
        for alias in ALIASES:
            repo.set_alias(alias, f"net:v{versions - 1}")
