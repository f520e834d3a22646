"""What one of many racing processes does: `python race_workers.py TASK REPOSITORY JSON-OF-ARGUMENTS`.

It opens the repository, says `ready`, waits for a line, does its task, and prints one JSON document. A task that goes
on until it is told to stop says `at work` when it has done its work once.
"""

from __future__ import annotations

import itertools
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
from mreg.operations.undo import AlreadyUndone
from mreg.storage.local import LocalStorage
from mreg.testing.faults import UnlockedStorage


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


def search_many(repository: Repository, *, worker: int, count: int, artifact: str) -> Any:
    """Search `count` times for all versions of the artifact by a filter; which were found each time."""
    found = []
    for _ in range(count):
        where = f"artifact = '{artifact}' and (number >= 0 or alias = 'best')"
        found.append([one.number for one in repository.search(where=where)])
    return found


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
    """Move the alias `steps` times from vN to vN+1 by compare-and-swap; the numbers moved to, and the misses.

    All begin with what they know from before the race, that there is no such alias. So all but one miss, also where
    a busy machine runs them one after the other.
    """
    done: list[int] = []
    misses = 0
    present = -1
    while len(done) < steps:
        try:
            expect = "none" if present < 0 else f"v{present}"
            moved = repository.set_alias(alias, f"{artifact}:v{present + 1}", expect=expect)
        except Conflict as lost:
            assert lost.code == "alias-moved"
            misses += 1
        else:
            assert (moved.before, moved.number) == (None if present < 0 else present, present + 1)
            done.append(moved.number)
        present = repository.resolve(f"{artifact}:{alias}").number
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
        if reads == 1:
            _at_work()
    return [reads, faults]


def fill_and_remove(
    repository: Repository, *, worker: int, count: int, pool: int, until: str | None = None, own: bool = True
) -> Any:
    """Log contents that all workers share into an artifact of one's own, and remove most of them again; `count` times,
    and until the file `until` is there. own: a file of one's own is with them, so that no two manifests are one.

    What the others log and remove makes the chunks that this one relies on garbage, again and again.
    """
    chance = random.Random(worker)
    artifact = f"a{worker}"
    kept: dict[int, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        for turn in itertools.count():
            if turn >= count:
                if until is None or os.path.exists(until):
                    break
                time.sleep(min((turn - count) * 0.01, 1.0))  # ever slower: what is waited for must come to its turn
            drawn = chance.randrange(pool)
            Path(folder, "weights.bin").write_bytes(content(drawn, drawn))
            if own:
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
        except (Conflict, AlreadyUndone) as lost:
            assert lost.code in ("ref-moved", "already-undone")
            missed += 1
    return [made, missed]


def collect(repository: Repository, *, worker: int, grace: float, stop: str, found: str | None = None) -> Any:
    """Collect garbage until the file `stop` is there; rounds, packs deleted, rounds that gave up.

    found: a file to make when something was deleted.
    """
    rounds = packs = gave_up = 0
    while not os.path.exists(stop):
        try:
            packs += repository.gc(grace=grace).packs
        except Conflict:
            gave_up += 1
        if packs and found:
            Path(found).touch()
        rounds += 1
        if rounds == 1:
            _at_work()
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


class Notes:
    """Does the operations of a race, and notes them: [key, what, given, result, began, ended]."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.history: list[list[Any]] = []

    def note(self, key: str, what: str, given: Any, attempt: Callable[[], Any]) -> Any:
        began = time.monotonic_ns()
        result = attempt()
        self.history.append([key, what, given, result, began, time.monotonic_ns()])
        return result

    def read(self, name: str, selector: str) -> int | None:
        return self.note(f"{name}:{selector}", "read", None, lambda: self._number(name, selector))

    def _number(self, name: str, selector: str) -> int | None:
        try:
            return self._repository.resolve(f"{name}:{selector}").number
        except NotFound as error:
            assert error.code in ("unknown-alias", "empty"), error
            return None

    def set(self, name: str, alias: str, number: int) -> None:
        self.note(
            f"{name}:{alias}", "set", number, lambda: self._repository.set_alias(alias, f"{name}:v{number}").before
        )

    def swap(self, name: str, alias: str, expected: int | None, number: int) -> None:
        def attempt() -> Any:
            expect = "none" if expected is None else f"v{expected}"
            try:
                self._repository.set_alias(alias, f"{name}:v{number}", expect=expect)
            except Conflict as lost:
                assert lost.code == "alias-moved"
                return None if lost.found == "none" else int(lost.found[1:])
            return "done"

        self.note(f"{name}:{alias}", "swap", [expected, number], attempt)

    def remove_alias(self, name: str, alias: str) -> None:
        def attempt() -> int | None:
            try:
                return self._repository.remove_alias(alias, name).before
            except NotFound:
                return None

        self.note(f"{name}:{alias}", "remove", None, attempt)

    def log(self, name: str, folder: str) -> None:
        self.note(f"{name}:latest", "log", None, lambda: _patiently(lambda: self._log(name, folder)))

    def _log(self, name: str, folder: str) -> int:
        done = self._repository.log(folder, name)
        assert done.created
        return done.version.number

    def remove(self, name: str, number: int) -> None:
        def attempt() -> str:
            try:
                self._repository.remove(f"{name}:v{number}")
            except NotFound as error:
                return error.code
            return "done"

        self.note(f"{name}:latest", "remove", number, attempt)

    def link(self, version: str, model: str) -> None:
        def attempt() -> list[Any]:
            done = self._repository.link(version, model)
            return [done.link.number, done.created]

        self.note(model, "link", version, attempt)

    def unlink(self, model: str, number: int) -> None:
        def attempt() -> str:
            try:
                self._repository.unlink(f"{model}:v{number}")
            except NotFound as error:
                return error.code
            return "done"

        self.note(model, "unlink", number, attempt)

    def linked(self, model: str) -> None:
        def attempt() -> str | None:
            try:
                return self._repository.resolve(model).name
            except NotFound:
                return None

        self.note(model, "read", None, attempt)


def mix(repository: Repository, *, worker: int, count: int, versions: int, folder: str) -> Any:
    """`count` operations at random: on the aliases of `a`, which has so many versions, on the versions of `b`,
    on the links of `m`. All that comes out is looked at. The notes, and faults that were seen."""
    chance = random.Random(worker)
    notes = Notes(repository)
    faults: list[str] = []
    source, destination = Path(folder, f"source-{worker}"), Path(folder, f"got-{worker}")
    source.mkdir()
    for turn in range(count):
        alias, number = chance.choice(("best", "prod")), chance.randrange(versions)
        match chance.randrange(12):
            case 0 | 1:
                notes.set("a", alias, number)
            case 2 | 3:
                notes.swap("a", alias, notes.read("a", alias), number)
            case 4:
                notes.remove_alias("a", alias)
            case 5:
                notes.link(f"a:v{number}", "m")
            case 6:
                notes.unlink("m", chance.randrange(1 + turn))
            case 7:
                notes.linked("m")
            case 8:
                (source / "weights.bin").write_bytes(content(worker + 1000, turn))
                notes.log("b", str(source))
            case 9:
                latest = notes.read("b", "latest")
                notes.remove("b", chance.randint(0, latest or 0))
            case 10:
                faults += _look_at(Path(repository.use(f"a:v{number}"), "weights.bin"), number)
            case 11:
                done = repository.get(f"a:v{number}", destination)
                faults += _look_at(Path(done.path, "weights.bin"), number)
    return [notes.history, faults]


def _look_at(path: Path, number: int) -> list[str]:
    data = path.read_bytes()
    return [] if data == content(0, number) else [f"a:v{number} was wrong: {data[:60]!r}"]


def inspect(repository: Repository, *, worker: int, stop: str) -> Any:
    """fsck until the file `stop` is there; how often, and what was found."""
    rounds, findings = 0, []
    while not os.path.exists(stop):
        findings += [str(finding) for finding in repository.fsck().findings]
        rounds += 1
        if rounds == 1:
            _at_work()
    return [rounds, findings]


def move(repository: Repository, *, worker: int, artifact: str, alias: str, versions: int, stop: str) -> Any:
    """Move the alias round all versions until the file `stop` is there; how often."""
    moves = 0
    while not os.path.exists(stop):
        repository.set_alias(alias, f"{artifact}:v{(worker + moves) % versions}")
        moves += 1
        if moves == 1:
            _at_work()
    return moves


def read_alias(repository: Repository, *, worker: int, artifact: str, alias: str, count: int, versions: int) -> Any:
    """Resolve the alias so often, and on until it was seen at so many versions, however slowly it is moved; what came
    out, each a pair of number and digest."""
    seen: set[Any] = set()
    reads = 0
    while reads < count or len(seen) < versions:
        seen.add(repository.resolve(f"{artifact}:{alias}")[1:3])
        reads += 1
    return sorted(seen)


def _at_work() -> None:
    """Tell whoever started this one beside others that it does its work by now."""
    print("at work", flush=True)


def _patiently(attempt: Callable[[], Any]) -> Any:
    """A conflict is safe to repeat: that is its promise."""
    while True:
        try:
            return attempt()
        except Conflict:
            time.sleep(0.01)


_ALL = (
    log_many,
    search_many,
    log_pool,
    log_same,
    count_up,
    read,
    fill_and_remove,
    collect,
    create,
    mix,
    inspect,
    move,
    read_alias,
    move_alias,
    take_back,
)
TASKS: dict[str, Callable[..., Any]] = {task.__name__: task for task in _ALL}


def main() -> None:
    task, location, arguments = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    unlocked, cache = arguments.pop("unlocked", False), arguments.pop("cache", None)
    with _opened(location, f"worker-{arguments['worker']}", cache, unlocked=unlocked) as repository:
        print("ready", flush=True)
        sys.stdin.readline()
        result = TASKS[task](repository, **arguments)
    print(json.dumps(result), flush=True)


def _opened(location: str, author: str, cache: str | None, *, unlocked: bool) -> Repository:
    """unlocked: then the lock excludes nobody."""
    if not unlocked:
        return Repository.open(location, cache=cache, author=author)
    storage = UnlockedStorage(LocalStorage(location))
    return Repository.open_storage(storage, location, cache=os.environ["MREG_CACHE"], author=author)


if __name__ == "__main__":
    main()
