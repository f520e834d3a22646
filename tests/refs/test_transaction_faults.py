"""A change happens as a whole or not at all, wherever the process dies and whatever the disk refuses."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.repository import Repository
from mreg.session.context import Context
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash, FaultyStorage
from mreg.values.errors import MregError

OLD = {"weights.bin": b"old weights" * 50, "config.json": b"{}"}
NEW = {"weights.bin": b"new weights" * 50, "config.json": b"{}", "vocab/tokens.txt": b"a b c"}


def state_of(repo: Repository) -> dict[str, Any]:
    """All that a user can see, without the times."""
    versions = [version for artifact in repo.artifacts() for version in repo.versions(artifact.name)]
    return {
        "artifacts": [one._replace(changed=None) for one in repo.artifacts()],
        "models": [
            (m.name, m.description, m.tags, m.card, m.aliases, [(link.name, link.version) for link in m.links])
            for m in repo.models()
        ],
        "aliases": repo.aliases(),
        "versions": [
            (v.name, v.manifest, v.message, v.metadata, v.aliases, v.links, [one.reference for one in v.inputs], v.type)
            for v in versions
        ],
        "settings": repo.settings(),
        "format": repo.format,
        "runs": sorted(key for key, value in refs_now(repo).items() if key.startswith("runs/") and value is not None),
    }


def refs_now(repo: Repository) -> dict[str, str | None]:
    return {change.ref: change.new for entry in repo.history() for change in entry.changes}


def bytes_of(repo: Repository) -> dict[tuple[str, str], bytes]:
    """The content of every file of every version."""
    return {
        (version.name, file.path): b"".join(repo.read(version.name, file.path))
        for artifact in repo.artifacts()
        for version in repo.versions(artifact.name)
        for file in repo.files(version.name)
    }


def prepare(repo: Repository, folder: Callable[..., str]) -> None:
    repo.log(folder(OLD), "mnist", aliases=["best"], links=["Digits"], metadata={"acc": 0.5})
    repo.log(folder({"a": b"other"}), "base", message="pretrained")
    repo.log(folder({"a": b"third"}), "base")
    repo.log(folder({"a": b"doomed" * 100}), "scrap")
    repo.remove("scrap:v0")
    repo.set_card("Digits", "# Digits")
    repo.set_alias("champion", "Digits:v0")


Count = Callable[[str, int], None]
Act = Callable[[Repository, dict[str, str]], object]


def change_of_several_steps(repo: Repository, at: dict[str, str]) -> None:
    with repo.change("all at once") as change:
        change.create_artifact("letters", type="dataset")
        made = change.log(at["new"], "mnist", aliases=["best"]).version
        change.log(at["old"], "letters", inputs=[made.name])
        change.link(made.name, "Fresh", aliases=["prod"])
        change.annotate(made.name, metadata={"f1": 0.4})
        change.set_property(made.name, "ci.build", 4711)
        change.attach("base:v0", "report", at["next"])


ACTS: dict[str, Act] = {
    "log with all that it can do": lambda repo, at: repo.log(
        at["new"],
        "mnist",
        aliases=["best", "newest"],
        links=["Digits", "Fresh"],
        message="second",
        metadata={"acc": 0.9},
        inputs=["base:v0"],
        run="train-2",
    ),
    "log of a new artifact": lambda repo, at: repo.log(at["new"], "letters", aliases=["first"], type="encoder"),
    "log of the same content": lambda repo, at: repo.log(
        at["old"], "mnist", aliases=["again"], links=["Fresh"], metadata={"lr": 0.1}
    ),
    "link": lambda repo, at: repo.link("base:v1", "Digits", aliases=["champion", "base"]),
    "unlink": lambda repo, at: repo.unlink("Digits:v0", force=True),
    "alias set": lambda repo, at: repo.set_alias("best", "base:v0"),
    "alias rm": lambda repo, at: repo.remove_alias("best", "mnist"),
    "tag add": lambda repo, at: repo.add_tags("Digits", ["vision", "small"]),
    "card": lambda repo, at: repo.set_card("Digits", "# Digits\n\n| a | b |\n| --- | --- |\n"),
    "card removed": lambda repo, at: repo.set_card("Digits", ""),
    "annotate": lambda repo, at: repo.annotate("mnist:v0", message="noted", metadata={"f1": 0.4}, inputs=["base:v1"]),
    "rm": lambda repo, at: repo.remove("mnist:v0", force=True),
    "artifact rm": lambda repo, at: repo.remove_artifact("base", force=True),
    "model rm": lambda repo, at: repo.remove_model("Digits", force=True),
    "artifact rename": lambda repo, at: repo.rename_artifact("mnist", "numbers"),
    "model rename": lambda repo, at: repo.rename_model("Digits", "Numbers"),
    "undo of a log": lambda repo, at: repo.undo(3),
    "undo of a deletion": lambda repo, at: repo.undo(5),
    "gc": lambda repo, at: repo.gc(grace=0),
    "gc that lets versions expire": lambda repo, at: repo.gc(grace=0, keep_last=1),
    "config set": lambda repo, at: repo.set_setting("gc.grace", "3d"),
    "upgrade": lambda repo, at: repo.upgrade(),
    "change of several steps": change_of_several_steps,
    "use with a run": lambda repo, at: repo.use("mnist:v0", run="eval-1"),
}


def error_of(name: str) -> Callable[[], OSError]:
    number = getattr(errno, name)
    return lambda: OSError(number, os.strerror(number))


# name -> (error, whether the call was performed before it, whether the process is dead from then on)
FAULTS: dict[str, tuple[Any, bool, bool]] = {
    "killed before the call": (Crash, False, True),
    "killed after the call": (Crash, True, True),
    "I/O error": (error_of("EIO"), False, False),
    "I/O error although it worked": (error_of("EIO"), True, False),
    "disk full from then on": (error_of("ENOSPC"), False, True),
    "quota used up from then on": (error_of("EDQUOT"), False, True),
    "permission denied": (error_of("EACCES"), False, False),
}


@pytest.fixture
def scene(act: str, storage: MemoryStorage, folder: Callable[..., str], tmp_path: Path) -> Scene:
    with Repository.init_storage(
        storage, "memory", format=1 if act == "upgrade" else None, cache=str(tmp_path / "cache"), author="ann"
    ) as repo:
        prepare(repo, folder)
    return Scene(storage, {"old": folder(OLD), "new": folder(NEW), "next": folder({"next": b"next"})}, tmp_path)


class Scene:
    """A prepared repository, of which every trial gets a copy of its own."""

    def __init__(self, storage: MemoryStorage, at: dict[str, str], tmp: Path) -> None:
        self.storage = storage
        self.at = at
        self.tmp = tmp
        self.opened = 0

    def open(self, storage: Storage) -> Repository:
        self.opened += 1
        cache = str(self.tmp / f"trial-{self.opened}")
        return Repository(Context(storage, "memory", cache=lambda: cache, author="ann"))


@pytest.fixture
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lookup tables in memory: thousands of SQLite files would cost most of the time here."""
    monkeypatch.setattr(Context, "_index_stem", lambda self: None)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("act", ACTS)
def test_a_change_is_whole_or_absent_wherever_it_fails(
    act: str, fault: str, scene: Scene, copy_of: Callable[..., MemoryStorage], no_disk: None, count: Count
) -> None:
    error, after, dead = FAULTS[fault]
    start = scene.open(scene.storage)
    before, old_bytes = state_of(start), bytes_of(start)
    done = copy_of(scene.storage)
    counted = FaultyStorage(done, 0, Crash)
    ACTS[act](scene.open(counted), scene.at)
    whole = state_of(scene.open(done))
    seen = set()

    for n in range(1, counted.calls + 1):
        inner = copy_of(scene.storage)
        try:
            ACTS[act](scene.open(FaultyStorage(inner, n, error, after=after, dead=dead)), scene.at)
            succeeded = True
        except (Crash, OSError, MregError):
            succeeded = False

        survivor = scene.open(inner)
        found = state_of(survivor)
        assert found in (before, whole), f"half a change after call {n}"
        assert found == whole or not succeeded, f"success was reported after call {n}, but nothing changed"
        assert survivor.fsck(full=True).findings == (), f"after call {n}"
        bytes_now = bytes_of(survivor)
        assert all(bytes_now[name] == data for name, data in old_bytes.items() if name in bytes_now)
        seen.add(found == whole)
        survivor.log(scene.at["next"], "next")
        assert scene.open(inner).version("next:v0").files == 1
        assert scene.open(inner).fsck().findings == (), f"after call {n} and the next command"

    if before != whole:
        assert True in seen, "no failure came after the commit point"
    if fault == "killed before the call" and before != whole:
        assert False in seen, "no failure came before the commit point"
    count("simulated deaths" if error is Crash else "simulated failures", counted.calls)


@pytest.mark.parametrize("act", ACTS)
def test_a_command_that_was_killed_can_be_run_again(
    act: str, scene: Scene, copy_of: Callable[..., MemoryStorage], no_disk: None, count: Count
) -> None:
    before = state_of(scene.open(scene.storage))
    done = copy_of(scene.storage)
    counted = FaultyStorage(done, 0, Crash)
    ACTS[act](scene.open(counted), scene.at)
    whole = state_of(scene.open(done))
    deaths = 0

    for n in range(1, counted.calls + 1):
        inner = copy_of(scene.storage)
        with pytest.raises(Crash):
            ACTS[act](scene.open(FaultyStorage(inner, n, Crash, dead=True)), scene.at)
        was_done = state_of(scene.open(inner)) == whole
        deaths += 1 + die_again(act, inner, scene, copy_of, (whole,) if was_done else (before, whole))

        repeat(act, scene.open(inner), scene, was_done=was_done)

        assert state_of(scene.open(inner)) == whole
        assert scene.open(inner).fsck(full=True).findings == ()
    count("simulated deaths, then again", deaths)


def die_again(
    act: str, hurt: MemoryStorage, scene: Scene, copy_of: Callable[..., MemoryStorage], allowed: tuple[Any, ...]
) -> int:
    """Kill the repetition too, at every change that it makes; how many these were."""
    n = 0
    while True:
        n += 1
        inner = copy_of(hurt)
        faulty = FaultyStorage(inner, n, Crash, dead=True)
        try:
            ACTS[act](scene.open(faulty), scene.at)
        except (Crash, MregError):
            pass
        if not faulty.is_dead:
            return n - 1
        survivor = scene.open(inner)
        assert state_of(survivor) in allowed, f"half a change after call {n} of the repetition"
        assert survivor.fsck(full=True).findings == (), f"after call {n} of the repetition"


def repeat(act: str, repo: Repository, scene: Scene, *, was_done: bool) -> None:
    """Do it once more; refused only where it had been done (what is deleted cannot be found any more)."""
    try:
        ACTS[act](repo, scene.at)
    except MregError:
        assert was_done, "refused, although nothing had changed"


@pytest.mark.parametrize("act", ACTS)
def test_an_operation_that_fails_half_way_can_be_repeated_on_the_same_repository(
    act: str, scene: Scene, copy_of: Callable[..., MemoryStorage], no_disk: None, count: Count
) -> None:
    before = state_of(scene.open(scene.storage))
    done = copy_of(scene.storage)
    counted = FaultyStorage(done, 0, Crash, reads=True)
    ACTS[act](scene.open(counted), scene.at)
    whole = state_of(scene.open(done))

    for n in range(1, counted.calls + 1):
        inner = copy_of(scene.storage)
        name = ("EIO", "EACCES")[n % 2]
        faulty = FaultyStorage(inner, n, error_of(name), after=n % 3 == 0, reads=True)
        failed = True
        repo = scene.open(inner)  # where opening fails
        try:
            repo = scene.open(faulty)
            ACTS[act](repo, scene.at)
            failed = False
        except (OSError, MregError):
            pass

        found = state_of(scene.open(inner))
        assert found in (before, whole), f"half a change after operation {n}"
        assert found == whole or failed, f"success was reported after operation {n}, but nothing changed"
        repeat(act, repo, scene, was_done=found == whole)
        assert state_of(scene.open(inner)) == whole, f"after operation {n}, and once more"
        assert scene.open(inner).fsck().findings == (), f"after operation {n}, and once more"
        with inner.lock(0.0):
            pass
    count("simulated failures", counted.calls)
