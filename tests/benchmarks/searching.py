"""Searching by a filter among many versions, beside a Python that has nothing to do, and beside `resolve`."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Iterator

from measuring import Bench, BenchmarkFailed, Cost, Row, compare
from peers import Peers
from workloads import Form

import mreg
from mreg.content.objects import ObjectsAt
from mreg.refs.keys import ArtifactKey, VersionKey
from mreg.refs.transaction import Draft
from mreg.session.context import Context
from mreg.storage.local import LocalStorage
from mreg.values.records import Input, Manifest, VersionRecord

GROUP = "search"
VALUES = 30
AT_ONCE = 1000
"""Versions per artifact, and per journal entry."""
FAMILY = 5
"""So many versions, each made from the one before."""
RICH = "metrics.m0 > 0.1 and params.p1 in (1, 2, 3, 4, 5) and not params.p2 = 3"
QUERIES = (  # whatever the number of versions, something matches
    ("top 20", ["--where", "metrics.m0 > 0.9", "--sort", "-metrics.m0", "--limit", "20"]),
    ("three tests, top 20", ["--where", RICH, "--sort", "-metrics.m0", "--limit", "20"]),
    ("count", ["--where", "metrics.m0 > 0.5", "--count"]),
    ("text", ["value-19", "--kind", "version", "--limit", "20"]),
)
OTHERS = (
    ("metrics", ["metrics", "net0", "m1"]),
    ("lineage", ["lineage", "net0:v7"]),
    ("ls --limit 20", ["ls", "net0", "--limit", "20"]),
)
"""What else is asked among so many versions."""


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row]:
    """The rows of this group, in which peers have no part."""
    for versions in form.searched:
        yield from _measure(bench, versions, rounds)


def _measure(bench: Bench, versions: int, rounds: int) -> Iterator[Row]:
    path = bench.folder / ".mreg"
    make_repository(path, bench.environment["MREG_CACHE"], versions)
    what = f"{versions:,} versions"
    searches = [(name, ["search", *words]) for name, words in QUERIES]
    commands = [("resolve", ["resolve", "net0:v0"]), *searches, *OTHERS]
    costs: dict[str, list[Cost]] = {name: [] for name, _ in commands}
    first = bench.run(bench.mreg, *commands[1][1])
    for _, arguments in commands:
        if not bench.answer(bench.mreg, *arguments):
            raise BenchmarkFailed(f"mreg {' '.join(arguments)} printed nothing")
    bounds = []
    for _ in range(rounds):
        for name, arguments in commands:
            costs[name].append(bench.run(bench.mreg, *arguments))
        bounds.append(bench.run(sys.executable, "-c", "pass"))
    yield compare(GROUP, f"first search, {what}", [first], bounds)
    for name, _ in commands:
        yield compare(GROUP, f"{name}, {what}", costs[name], bounds)
    for name, _ in commands[1:]:
        beyond = [_less(*pair) for pair in zip(costs[name], costs["resolve"], strict=True)]
        alone = [bound._replace(wall=bound.cpu) for bound in bounds]
        yield compare(GROUP, f"{name}, {what}, CPU beyond resolve", beyond, alone, 3)
    shutil.rmtree(path)


def _less(cost: Cost, other: Cost) -> Cost:
    """What more it works: both hardly wait, and a difference of times is mostly what others do."""
    return Cost(cost.cpu - other.cpu, cost.cpu - other.cpu, cost.peak)


def make_repository(path: object, cache: str, versions: int) -> None:
    """Versions without bytes of their own, many per journal entry: writing them is not what is measured."""
    storage = LocalStorage(path, durable=False)  # type: ignore[arg-type]
    mreg.Repository.init_storage(storage, str(path), cache=cache, author="bench").close()
    context = Context(storage, str(path), cache=cache, author="bench")
    rng = random.Random(0)
    records = context.objects_at(context.view())
    manifest = records.put(Manifest(()).to_bytes())
    for first in range(0, versions, AT_ONCE):
        name = f"net{first // AT_ONCE}"
        digests: list[str] = []
        for n in range(min(AT_ONCE, versions - first)):
            inputs = (Input(f"{name}:v{n - 1}", digests[-1]),) if n % FAMILY else ()
            digests.append(_put(records, manifest, first + n, rng, inputs))

        def build(draft: Draft, name: str = name, digests: list[str] = digests) -> None:
            draft.set(ArtifactKey(name), 'type = "model"\ndescription = ""\n')
            for number, digest in enumerate(digests):
                draft.set(VersionKey(name, number), digest)

        context.commit(f"log --artifact {name}", build)
    context.close()


def _put(objects: ObjectsAt, manifest: str, number: int, rng: random.Random, inputs: tuple[Input, ...]) -> str:
    metrics = {f"m{n}": rng.random() for n in range(VALUES // 2)}
    params = {"text": f"value-{number}", **{f"p{n}": rng.randrange(10) for n in range(1, VALUES // 2)}}
    created = f"2026-{1 + number % 12:02}-01T00:00:00.{number:06}Z"
    metadata = {"metrics": metrics, "params": params}
    record = VersionRecord(manifest, 0, number, created, "ada", "node", None, f"step {number}", metadata, inputs)
    return objects.put(record.to_bytes())
