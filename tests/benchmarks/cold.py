"""The first command of a new cache, which has to learn the whole journal, beside a Python that has nothing to do."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from measuring import Bench, BenchmarkFailed, Cost, Row, compare
from peers import Peers
from workloads import Form

import mreg
from mreg.content.objects import key_of as record_key
from mreg.refs import ref_files
from mreg.refs.journal import APPLIED, Change, Mark, format_mark, key_of, parse
from mreg.refs.ref_files import Ref
from mreg.session import checkpoints
from mreg.session.context import Context
from mreg.storage.local import LocalStorage
from mreg.values.digest import digest
from mreg.values.records import VersionRecord

GROUP = "new cache"
ARTIFACTS = 200
COMMANDS = (("ls", ["ls"]), ("ls NAME", ["ls", "net3"]), ("resolve NAME", ["resolve", "net3"]))


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row]:
    """The rows of this group, in which peers have no part."""
    path, cache = bench.folder / ".mreg", Path(bench.environment["MREG_CACHE"])
    make_repository(path, str(cache), form.cold)
    runs = [(f"{name}, {form.cold:,} versions", arguments) for name, arguments in COMMANDS]
    yield from _measured(bench, runs, rounds, cache)
    shutil.rmtree(path / checkpoints.FOLDER)
    name, arguments = runs[0]
    yield from _measured(bench, [(f"{name}, no checkpoint", arguments)], 1, cache)
    shutil.rmtree(path)


def _measured(bench: Bench, runs: list[tuple[str, list[str]]], rounds: int, cache: Path) -> Iterator[Row]:
    costs: dict[str, list[Cost]] = {name: [] for name, _ in runs}
    bounds = []
    for _ in range(rounds):
        for name, arguments in runs:
            shutil.rmtree(cache)
            costs[name].append(bench.run(bench.mreg, *arguments))
        bounds.append(bench.run(sys.executable, "-c", "pass"))
    for name, arguments in runs:
        if not bench.answer(bench.mreg, *arguments):
            raise BenchmarkFailed(f"mreg {' '.join(arguments)} printed nothing")
        yield compare(GROUP, name, costs[name], bounds)


def make_repository(path: Path, cache: str, versions: int) -> None:
    """A repository with so many versions, each made by an entry of its own and with a pack of its own, that nothing
    but the first one can be read of: what `log` would write, without its work."""
    storage = LocalStorage(path, durable=False)
    source = path.parent / "weights"
    source.write_bytes(b"weights")
    with mreg.Repository.init_storage(storage, str(path), cache=cache, author="bench") as repo:
        repo.log(source, "net0", aliases=["best"])
        record = VersionRecord.from_bytes(_read(path, record_key(repo.version("net0:v0").digest)))
    rng, data = random.Random(0), _read(path, key_of(1))
    first, numbers, best = parse(1, data), {0: 1}, {0: "v0"}
    for seq in range(2, versions + 1):
        artifact = (seq - 1) % ARTIFACTS
        name, number = f"net{artifact}", numbers.get(artifact, 0)
        time = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=seq)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        said = record._replace(created=time, metadata={"loss": 1 / (1 + number)}).to_bytes()
        _write(path, record_key(digest(said)), said)
        changes = [Change(f"artifacts/{name}/v{number}", None, digest(said))]
        if number == 0:
            changes.insert(0, Change(f"artifacts/{name}/artifact.toml", None, 'type = "model"\ndescription = ""\n'))
        if number % 10 == 0:
            changes.append(Change(f"aliases/{name}/best", best.get(artifact), f"v{number}"))
            best[artifact] = f"v{number}"
        numbers[artifact] = number + 1
        entry = first._replace(
            seq=seq,
            prev=digest(data),
            id=rng.randbytes(16).hex(),
            time=time,
            changes=tuple(changes),
            packs=(rng.randbytes(32).hex(),),
        )
        data = entry.to_bytes()
        _write(path, key_of(seq), data)
        for change in changes:
            _write(path, change.ref, ref_files.encode(change.ref, Ref(change.new, seq)))
    _write(path, APPLIED, format_mark(Mark(versions, digest(data))))
    context = Context(storage, str(path), cache=cache)
    context.checkpoint(context.journal.look())
    context.close()


def _read(path: Path, key: str) -> bytes:
    return (path / key).read_bytes()


def _write(path: Path, key: str, data: bytes) -> None:
    file = path / key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_bytes(data)
