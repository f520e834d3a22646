"""The commands that are hurt, what they are given, and what must be true of them afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3
from sweep import Bench

from mreg import MregError, Repository

Check = Callable[[Bench], None]
LOG = ["log", "../source", "--artifact", "a", "--alias", "best", "--link", "m"]
MANY_ALIASES = [word for number in range(40) for word in ("--alias", f"x{number}")]
"""So many that their ref files are flushed at once."""


def nothing(bench: Bench) -> None:
    pass


@dataclass(frozen=True)
class Case:
    """command: what is hurt. prepare: what happens before, in a prepared repository. again: the exit codes
    that the same command may give when it is repeated (what is deleted already is not found). history:
    whether the repetition of a command that was done leaves no entry. check: what else must hold, whenever
    the command was hurt; finished: what else must hold when it has been repeated. bare: there is no repository
    yet. unsure: where the last flush fails, the change may be there though the command says that it failed.
    damaged: the repository is, until the command was done."""

    name: str
    command: Sequence[str]
    prepare: Check = nothing
    again: frozenset[int] = frozenset({0})
    history: bool = True
    check: Check = nothing
    finished: Check = nothing
    bare: bool = False
    unsure: bool = False
    damaged: bool = False


def fill(bench: Bench, seed: int, *, size: int = 3000) -> None:
    """Let the source hold a small model."""
    chance = random.Random(seed)
    (bench.source / "sub").mkdir(exist_ok=True)
    (bench.source / "weights.bin").write_bytes(chance.randbytes(size))
    (bench.source / "sub" / "config.json").write_text(f'{{"seed": {seed}}}')


def prepare(bench: Bench) -> None:
    """Two versions that are held, garbage of a deleted one, an empty model, and new content to be logged."""
    bench.must("init")
    fill(bench, 1)
    bench.must(*LOG, "--meta", "acc=0.5")
    fill(bench, 2)
    bench.must("log", "../source", "--artifact", "a")
    fill(bench, 3)
    bench.must("log", "../source", "--artifact", "b")
    bench.must("log", "../source", "--artifact", "b", "--alias", "same")
    fill(bench, 4)
    bench.must("log", "../source", "--artifact", "b")
    bench.must("rm", "b:v0", "--force")
    bench.must("model", "create", "empty")
    fill(bench, 5)


def state(bench: Bench, *, cache: str | None = None) -> dict[str, Any] | None:
    """All that a reader can learn of the repository but times and the digests that these go into; None where
    there is none."""
    try:
        repository = Repository.open(bench.repository, cache=cache or str(bench.cache))
    except MregError as error:
        assert error.code == "no-repository"
        return None
    with repository:
        return {
            "artifacts": {one.name: _artifact(repository, one.name) for one in repository.artifacts()},
            "models": {one.name: _model(repository, one.name) for one in repository.models()},
            "settings": repository.settings(),
            "commands": [entry.command for entry in repository.history()],
        }


def state_without_cache(bench: Bench) -> dict[str, Any] | None:
    """The same, by one who has never seen the repository."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as empty:
        return state(bench, cache=empty)


def _artifact(repository: Repository, name: str) -> Any:
    found = repository.artifact(name)
    versions = {
        one.number: (one.manifest, one.message, one.metadata, one.aliases, one.links)
        for one in repository.versions(name)
    }
    return found.type, found.description, found.latest, found.aliases, versions


def _model(repository: Repository, name: str) -> Any:
    found = repository.model(name)
    links = [(link.number, link.version) for link in found.links]
    return found.description, found.tags, found.card, found.aliases, links


def contents(bench: Bench, *, cache: str | None = None) -> dict[tuple[str, int, str], bytes]:
    """The bytes of every file of every version, read through mreg."""
    with Repository.open(bench.repository, cache=cache or str(bench.cache)) as repository:
        return {
            (artifact.name, version.number, file.path): b"".join(repository.read(version.name, file.path))
            for artifact in repository.artifacts()
            for version in repository.versions(artifact.name)
            for file in repository.files(version.name)
        }


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(Path(here, name).relative_to(folder)): Path(here, name).read_bytes()
        for here, _, names in os.walk(folder)
        for name in names
    }


# What commands that write elsewhere leave there.


def _expected_files(bench: Bench) -> dict[str, bytes]:
    return {path: data for (name, number, path), data in contents(bench).items() if (name, number) == ("a", 0)}


def check_nothing_left_beside(bench: Bench) -> None:
    """The one that was repeated takes away what the killed one left."""
    assert not [path for path in bench.place.rglob("*") if ".mreg-" in path.name]


def check_got_whole_or_not_at_all(bench: Bench) -> None:
    folder = bench.place / "a-v0"
    assert not folder.exists() or tree(folder) == _expected_files(bench)


def check_got(bench: Bench) -> None:
    check_nothing_left_beside(bench)
    assert tree(bench.place / "a-v0") == _expected_files(bench)


def check_exported_whole_or_not_at_all(bench: Bench) -> None:
    folder = bench.place / "layout"
    assert not folder.exists() or _is_layout(folder)


def check_exported(bench: Bench) -> None:
    check_nothing_left_beside(bench)
    assert _is_layout(bench.place / "layout")


def _is_layout(folder: Path) -> bool:
    """Whether it has an index, and blobs that are what they are called."""
    blobs = list((folder / "blobs" / "sha256").iterdir())
    named = json.loads((folder / "index.json").read_text())["manifests"][0]["digest"].partition(":")[2]
    return named in {hashlib.sha256(one.read_bytes()).hexdigest() for one in blobs} == {one.name for one in blobs}


def prepare_old_destination(bench: Bench) -> None:
    bench.must("get", "a:v1", "-o", "a-v0")
    (bench.place / "a-v0" / "mine.txt").write_text("stays")


def _named_files(folder: Path) -> dict[str, bytes]:
    """What is in a folder that `get` was writing to, less what it had not given its name yet."""
    return {path: data for path, data in tree(folder).items() if not path.startswith(".mreg-")}


def check_each_file_is_old_or_new(bench: Bench) -> None:
    found = _named_files(bench.place / "a-v0")
    assert found.pop("mine.txt") == b"stays"
    versions = contents(bench)
    for path, data in found.items():
        assert data in (versions["a", 0, path], versions["a", 1, path])


def check_each_file_is_new(bench: Bench) -> None:
    check_nothing_left_beside(bench)
    assert _named_files(bench.place / "a-v0") == _expected_files(bench) | {"mine.txt": b"stays"}


def _ready_copy(bench: Bench) -> Path:
    with Repository.open(bench.repository, cache=str(bench.cache)) as repository:
        return bench.cache / "versions" / repository.resolve("a:v0").digest


def check_ready_copy_is_whole_or_absent(bench: Bench) -> None:
    folder = _ready_copy(bench)
    assert not folder.exists() or tree(folder) == _expected_files(bench)


def check_ready_copy(bench: Bench) -> None:
    printed = bench.must("use", "a:v0")
    assert printed == f"{_ready_copy(bench)}\n"
    assert tree(_ready_copy(bench)) == _expected_files(bench)


def check_no_garbage(bench: Bench) -> None:
    assert bench.must("gc", "--grace", "0", "--dry-run") == "0\n"


def prepare_pending(bench: Bench) -> None:
    """A log that was killed right after its commit: the next writer has to finish its work first."""
    bench.keep()
    for _ in range(TRIES):
        points, _ = bench.points(LOG)
        bench.restore()
        commit = next(n for n, point in enumerate(points) if point.call == "link" and "/journal/" in point.text)
        later = next(point for point in points[commit + 1 :] if point.call == "link")
        if bench.kill(LOG, later).code < 0 and _pending(bench):
            break
        bench.restore()
    else:
        raise AssertionError(f"no log was killed between its commit and its end in {TRIES} runs")
    fill(bench, 6)


def _pending(bench: Bench) -> bool:
    """Whether the last entry is committed and not applied."""
    applied = (bench.repository / "journal" / "applied").read_text().split()[0]
    return int(applied) < max(int(path.stem) for path in bench.repository.glob("journal/*/*.json"))


def prepare_big(bench: Bench) -> None:
    """A file of several chunks."""
    fill(bench, 7, size=3_000_000)


def prepare_half_dead(bench: Bench) -> None:
    """A pack of which a live version needs little."""
    fill(bench, 7, size=300_000)
    bench.must("log", "../source", "--artifact", "d")
    (bench.source / "weights.bin").unlink()
    bench.must("log", "../source", "--artifact", "e")
    bench.must("rm", "d:v0", "--force")


def check_repacked(bench: Bench) -> None:
    assert bench.must("gc", "--grace", "0", "--repack", "--dry-run") == "0\n"


def prepare_many(bench: Bench) -> None:
    """Versions enough for some to expire."""
    for seed in (8, 9):
        fill(bench, seed)
        bench.must("log", "../source", "--artifact", "a")


def check_only_held_versions_and_the_latest(bench: Bench) -> None:
    check_no_garbage(bench)
    assert {(name, number) for name, number, _ in contents(bench)} == {("a", 0), ("a", 3), ("b", 1)}


def _damage(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def prepare_damage(bench: Bench) -> None:
    """A copy beside; then refs and a chunk are damaged."""
    shutil.copytree(bench.repository, bench.folder / "copy" / ".mreg", dirs_exist_ok=True)
    _damage_refs(bench)
    _damage_chunk(bench)


def prepare_damage_and_another(bench: Bench) -> None:
    """Another repository with the same files beside, whose packs have other names; then the same damage."""
    other = bench.folder / "other"
    bench.must("init", str(other))
    fill(bench, 1)
    bench.must("--repo", str(other), "log", "../source", "--artifact", "theirs")
    _damage_refs(bench)
    _damage_chunk(bench)


def _damage_refs(bench: Bench) -> None:
    _damage(bench.repository / "registered" / "m" / "links", b"damaged")
    _damage(bench.repository / "aliases" / "a" / "foreign", b"v0")
    _damage(bench.repository / "journal" / "applied", b"damaged")


def _damage_chunk(bench: Bench) -> None:
    """In the first version's pack, whose chunks begin at byte 32."""
    entry = json.loads((bench.repository / "journal" / "000000" / "000000001.json").read_text())
    (name,) = entry["packs"]
    path = bench.repository / "packs" / name[:2] / f"{name[2:]}.pack"
    data = path.read_bytes()
    _damage(path, data[:40] + bytes([data[40] ^ 1]) + data[41:])


def check_never_wrong(bench: Bench) -> None:
    """Each file that can be read is right."""
    with Repository.open(bench.repository, cache=str(bench.cache)) as repository:
        for version in repository.versions("a"):
            for file in repository.files(version.name):
                try:
                    data = b"".join(repository.read(version.name, file.path))
                except MregError:
                    continue
                assert blake3(data).hexdigest() == file.digest


def check_mended(bench: Bench) -> None:
    assert {(name, number) for name, number, _ in contents(bench)} == {("a", 0), ("a", 1), ("b", 1)}
    assert not (bench.repository / "aliases" / "a" / "foreign").exists()
    assert [path.read_bytes() for path in bench.repository.glob("lost-found/*/aliases/a/foreign")] == [b"v0"]


def prepare_card(bench: Bench) -> None:
    (bench.folder / "card.md").write_text("# A model\n\nGood.\n")


TRIES = 5
"""How often to aim at a call that not every run of the command makes."""

GONE = frozenset({0, 3})
UNDONE = frozenset({0, 6})

LOG_CASE = Case("log", LOG)
CASES = [
    Case("log-big", ["log", "../source", "--artifact", "new", "--alias", "best"], prepare_big),
    Case("log-same", ["log", "../source", "--artifact", "a", "--alias", "x", "--link", "n"], lambda b: fill(b, 2)),
    Case("log-many-aliases", [*LOG, *MANY_ALIASES]),
    Case("log-after-kill", ["log", "../source", "--artifact", "a", "--alias", "best"], prepare_pending),
    Case("tag-after-kill", ["tag", "add", "m", "late"], prepare_pending),
    Case("link", ["link", "a:v1", "n", "--alias", "prod"]),
    Case("unlink", ["unlink", "m:v0"], again=GONE),
    Case("alias-set", ["alias", "set", "best", "a:v1"]),
    Case("alias-rm", ["alias", "rm", "best", "a"], again=GONE),
    Case("tag-add", ["tag", "add", "m", "vision", "small"]),
    Case("tag-rm", ["tag", "rm", "m", "vision"], lambda b: b.must("tag", "add", "m", "vision") and None, again=GONE),
    Case("card", ["card", "m", "--file", "../card.md"], prepare_card),
    Case("rm", ["rm", "a:v0", "--force"], again=GONE),
    Case("annotate", ["annotate", "a:v1", "-m", "better", "--meta", "acc=0.9"]),
    Case("config-set", ["config", "set", "gc.grace", "3d"]),
    Case("gc", ["gc", "--grace", "0"], history=False, finished=check_no_garbage),
    Case(
        "gc-keep-last",
        ["gc", "--grace", "0", "--keep-last", "1"],
        prepare_many,
        history=False,
        finished=check_only_held_versions_and_the_latest,
    ),
    Case("gc-repack", ["gc", "--grace", "0", "--repack"], prepare_half_dead, history=False, finished=check_repacked),
    Case("undo-rm", ["undo", "6"], again=UNDONE),
    Case("undo-log", ["undo", "2"], again=UNDONE),
    Case("artifact-create", ["artifact", "create", "c", "--type", "dataset"]),
    Case("artifact-rename", ["artifact", "rename", "a", "z"], again=frozenset({0, 3})),
    Case("artifact-rm", ["artifact", "rm", "a", "--force"], again=GONE),
    Case("model-create", ["model", "create", "n", "--tag", "vision"]),
    Case("model-rm", ["model", "rm", "m", "--force"], again=GONE),
    Case("describe", ["model", "describe", "m", "what it is"]),
    Case(
        "repair-from-copy",
        ["fsck", "--full", "--repair", "--from", "../copy"],
        prepare_damage,
        history=False,
        check=check_never_wrong,
        finished=check_mended,
        damaged=True,
    ),
    Case(
        "repair-from-another",
        ["fsck", "--full", "--repair", "--from", "../other"],
        prepare_damage_and_another,
        history=False,
        check=check_never_wrong,
        finished=check_mended,
        damaged=True,
    ),
    Case("init", ["init"], bare=True, unsure=True),
    Case("use", ["use", "a:v0"], check=check_ready_copy_is_whole_or_absent, finished=check_ready_copy),
    Case("use-run", ["use", "a:v0", "--run", "r1"], check=check_ready_copy_is_whole_or_absent),
    Case("get", ["get", "a:v0"], check=check_got_whole_or_not_at_all, finished=check_got),
    Case(
        "export",
        ["export", "a:v0", "--oci", "layout"],
        again=frozenset({0, 6}),
        check=check_exported_whole_or_not_at_all,
        finished=check_exported,
    ),
    Case(
        "get-over-old",
        ["get", "a:v0"],
        prepare_old_destination,
        check=check_each_file_is_old_or_new,
        finished=check_each_file_is_new,
    ),
]
