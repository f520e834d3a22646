"""What one of many racing processes does: `python race_workers.py TASK REPOSITORY JSON-OF-ARGUMENTS`.

It opens the repository, says `ready`, waits for a line, does its task, and prints one JSON document.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mreg import Conflict, NotFound, Refused, Repository


def content(worker: int, turn: int) -> bytes:
    """What worker `worker` logs in its turn `turn`; tells by itself whether it is whole."""
    line = f"worker {worker} turn {turn}\n".encode()
    return line * (1 + (worker * 7 + turn) % 40)


def log_many(repository: Repository, *, worker: int, count: int, artifact: str, alias: str | None = None) -> Any:
    """Log `count` different contents; the number that each turn got."""
    numbers = []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(count):
            Path(folder, "weights.bin").write_bytes(content(worker, turn))
            done = repository.log(folder, artifact, aliases=[alias] if alias else [])
            assert done.created
            numbers.append(done.version.number)
    return numbers


def log_pool(repository: Repository, *, worker: int, count: int, artifact: str, pool: int) -> Any:
    """Log contents drawn from a small pool, so that many are those of the latest version."""
    chance = random.Random(worker)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(count):
            drawn = chance.randrange(pool)
            Path(folder, "weights.bin").write_bytes(content(drawn, 0))
            done = repository.log(folder, artifact, aliases=[f"of-{worker}"], metadata={f"w{worker}": turn})
            results.append([drawn, done.version.number, done.created])
    return results


def log_same(repository: Repository, *, worker: int, artifact: str) -> Any:
    """Log what all the others log too, with an alias and a link of one's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "weights.bin").write_bytes(b"the same for all" * 100)
        done = repository.log(folder, artifact, aliases=[f"a{worker}"], links=["candidates", f"only-{worker}"])
    return [done.version.number, done.created, list(done.links)]


def count_up(repository: Repository, *, worker: int, steps: int, artifact: str, alias: str) -> Any:
    """Move the alias `steps` times from vN to vN+1 by compare-and-swap; the numbers moved to, and the misses."""
    done: list[int] = []
    misses = 0
    while len(done) < steps:
        try:
            present = repository.resolve(f"{artifact}:{alias}").number
        except NotFound:
            present = -1
        try:
            expect = "none" if present < 0 else f"v{present}"
            moved = repository.set_alias(alias, f"{artifact}:v{present + 1}", expect=expect)
        except Conflict as lost:
            assert lost.code == "alias-moved"
            misses += 1
            continue
        assert (moved.before, moved.number) == (None if present < 0 else present, present + 1)
        done.append(moved.number)
    return [done, misses]


def read(repository: Repository, *, worker: int, artifact: str, alias: str, stop: str) -> Any:
    """Read until the file `stop` is there; how often, and what was seen that must not be."""
    faults: list[str] = []
    highest = dict.fromkeys((alias, "latest"), -1)
    reads = 0
    while not os.path.exists(stop):
        selector = (alias, "latest")[reads % 2]
        found = repository.resolve(f"{artifact}:{selector}")
        reads += 1
        if found.number < highest[selector]:
            faults.append(f"{selector} went back from {highest[selector]} to {found.number}")
        highest[selector] = found.number
        if reads % 8 == 0:
            data = b"".join(repository.read(found.name, "weights.bin"))
            first = data.split(b"\n", 1)[0]
            _, writer, _, turn = first.split()
            if data != content(int(writer), int(turn)):
                faults.append(f"{found.name} was torn: {data[:60]!r}")
    return [reads, faults]


def fill_and_remove(repository: Repository, *, worker: int, count: int, pool: int) -> Any:
    """Log contents that all workers share into an artifact of one's own, and remove most of them again.

    What the others log and remove makes the chunks that this one relies on garbage, again and again.
    """
    chance = random.Random(worker)
    artifact = f"a{worker}"
    kept: dict[int, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(count):
            drawn = chance.randrange(pool)
            Path(folder, "weights.bin").write_bytes(content(drawn, drawn))
            Path(folder, "own.txt").write_text(f"{worker} {turn}")
            done = _patiently(lambda: repository.log(folder, artifact))
            kept[done.version.number] = drawn
            if len(kept) > 1 and chance.random() < 0.8:
                gone = chance.choice(list(kept))
                repository.remove(f"{artifact}:v{gone}")
                del kept[gone]
    return kept


def move_alias(repository: Repository, *, worker: int, count: int, artifact: str, alias: str, versions: int) -> Any:
    """Move the alias from version to version, whoever else does; how often it moved."""
    chance = random.Random(worker)
    return sum(
        done.before != done.number
        for done in (repository.set_alias(alias, f"{artifact}:v{chance.randrange(versions)}") for _ in range(count))
    )


def take_back(repository: Repository, *, worker: int, count: int) -> Any:
    """Undo the last change, whatever it is, so many times; the entries made, and how often somebody was faster."""
    made: list[int] = []
    missed = 0
    while len(made) < count:
        (last,) = repository.history(limit=1)
        try:
            made.append(repository.undo(last.seq).seq)
        except Conflict as lost:
            assert lost.code == "ref-moved"
            missed += 1
    return [made, missed]


def collect(repository: Repository, *, worker: int, grace: float, stop: str) -> Any:
    """Collect garbage until the file `stop` is there; rounds, packs deleted, rounds that gave up."""
    rounds = packs = gave_up = 0
    while not os.path.exists(stop):
        try:
            packs += repository.gc(grace=grace).packs
        except Conflict:
            gave_up += 1
        rounds += 1
        time.sleep(0.02)
    return [rounds, packs, gave_up]


def create(repository: Repository, *, worker: int, rounds: int) -> Any:
    """Make artifacts and models of the same names, spelled in many ways, as all the others do."""
    made = []
    for turn in range(rounds):
        name = f"Name-{turn}" if worker % 2 else f"name-{turn}"
        attempt: Callable[..., bool] = repository.create_artifact if worker % 3 else repository.create_model
        try:
            if attempt(name):
                made.append(f"{'artifact' if worker % 3 else 'model'} {name}")
        except Refused:
            pass
    return made


def _patiently(attempt: Callable[[], Any]) -> Any:
    """A conflict is safe to repeat: that is its promise."""
    while True:
        try:
            return attempt()
        except Conflict:
            time.sleep(0.01)


TASKS = {task.__name__: task for task in (log_many, log_pool, log_same, count_up, read, fill_and_remove, collect)}
TASKS |= {task.__name__: task for task in (create, move_alias, take_back)}


def main() -> None:
    task, location, arguments = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    with Repository.open(location, author=f"worker-{arguments['worker']}") as repository:
        print("ready", flush=True)
        sys.stdin.readline()
        result = TASKS[task](repository, **arguments)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
