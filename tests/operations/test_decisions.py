"""What a command decides follows from the journal: lookup tables that lack a row, have another value or are old, and
ref files that cannot be seen, never change it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from mreg.repository import Repository
from mreg.session.context import Context
from mreg.storage.memory import MemoryStorage
from mreg.values.errors import MregError

Act = Callable[[Repository, Path], object]


def _elsewhere(source: Path, name: str = "mnist") -> Repository:
    """Another repository, with one version."""
    other = Repository.init_storage(MemoryStorage(), "elsewhere")
    other.log(source, name, aliases=["best"])
    return other


COMMANDS: dict[str, Act] = {
    "rm of what an alias holds": lambda repo, _: repo.remove("mnist:v1"),
    "rm of what a link holds": lambda repo, _: repo.remove("mnist:v2"),
    "rm of what nothing holds": lambda repo, _: repo.remove("mnist:v3"),
    "rm of what was deleted": lambda repo, _: repo.remove("mnist:v0"),
    "rm by force": lambda repo, _: [repo.remove(f"mnist:v{number}", force=True) for number in (1, 2)],
    "artifact rm": lambda repo, _: repo.remove_artifact("mnist"),
    "artifact rm of an empty one": lambda repo, _: repo.remove_artifact("empty"),
    "artifact rm by force": lambda repo, _: repo.remove_artifact("mnist", force=True),
    "model rm": lambda repo, _: repo.remove_model("Digits"),
    "model rm by force": lambda repo, _: repo.remove_model("Digits", force=True),
    "unlink of what an alias holds": lambda repo, _: repo.unlink("Digits:v0"),
    "unlink": lambda repo, _: repo.unlink("Digits:v1"),
    "alias set": lambda repo, _: repo.set_alias("best", "mnist:v3", expect="v1"),
    "alias set, expected elsewhere": lambda repo, _: repo.set_alias("best", "mnist:v3", expect="v2"),
    "alias set, expected not to exist": lambda repo, _: repo.set_alias("best", "mnist", expect="none"),
    "alias set that differs in case": lambda repo, _: repo.set_alias("Best", "mnist:v3"),
    "alias set that differs in case from a deleted one": lambda repo, _: repo.set_alias("Gone", "mnist:v3"),
    "alias rollback to nowhere": lambda repo, _: repo.roll_back_alias("best", "mnist"),
    "alias rollback to what was deleted": lambda repo, _: repo.roll_back_alias("gone", "mnist"),
    "alias rm": lambda repo, _: repo.remove_alias("best", "mnist"),
    "alias rm of what is not there": lambda repo, _: repo.remove_alias("gone", "mnist"),
    "link": lambda repo, _: repo.link("mnist:v3", "Digits", aliases=["next"]),
    "link of what is linked": lambda repo, _: repo.link("mnist:v2", "Digits"),
    "link in a new model": lambda repo, _: repo.link("mnist:best", "New"),
    "log of new content": lambda repo, source: repo.log(source, "mnist", aliases=["best"], links=["Digits"]),
    "log of what the latest has": lambda repo, source: repo.log(source.parent / "3", "mnist", message="said"),
    "log once of what an earlier version has": lambda repo, source: repo.log(source.parent / "1", "mnist", once=True),
    "log into a new artifact": lambda repo, source: repo.log(source, "new"),
    "import": lambda repo, source: repo.import_from(source.parent / "runs", artifact="new"),
    "import into what is there": lambda repo, source: repo.import_from(source.parent / "runs", artifact="mnist"),
    "pull of a number that is taken": lambda repo, source: repo.pull(_elsewhere(source), "mnist:v0", aliases="best"),
    "pull of a new artifact": lambda repo, source: repo.pull(_elsewhere(source, "new"), "new:v0"),
    "artifact create that differs in case": lambda repo, _: repo.create_artifact("MNIST"),
    "artifact create in the place of a model": lambda repo, _: repo.create_artifact("Digits"),
    "model create in the place of a deleted artifact": lambda repo, _: repo.create_model("was"),
    "artifact rename": lambda repo, _: repo.rename_artifact("mnist", "numbers"),
    "artifact rename to one with a history": lambda repo, _: repo.rename_artifact("mnist", "was"),
    "model rename": lambda repo, _: repo.rename_model("Digits", "Numbers"),
    "tag add": lambda repo, _: repo.add_tags("Digits", ["vision"]),
    "card": lambda repo, _: repo.set_card("Digits", "new"),
    "describe": lambda repo, _: repo.describe("mnist", "what it is"),
    "annotate": lambda repo, _: repo.annotate("mnist:v2", metadata={"f1": 1}),
    "property set": lambda repo, _: repo.set_properties("mnist:v2", {"k": 2, "new": 1}),
    "property set to what it is": lambda repo, _: repo.set_property("Digits:v0", "k", 1),
    "property rm": lambda repo, _: repo.remove_property("mnist", "k"),
    "property rm of what is not there": lambda repo, _: repo.remove_property("Digits", "gone"),
    "tag add to a version": lambda repo, _: repo.add_tags("mnist:v2", ["reviewed"]),
    "link of another type": lambda repo, _: (
        repo.create_model("Typed", type="dataset") and repo.link("mnist:v2", "Typed")
    ),
    "artifact create that counts from 2": lambda repo, _: repo.create_artifact("counted", first=2),
    "artifact create that counts from 2 again": lambda repo, _: repo.create_artifact("mnist", first=2),
    "attach": lambda repo, source: repo.attach("mnist:v2", "report", source),
    "attach what is attached": lambda repo, source: repo.attach("mnist:v2", "report", source.parent / "0"),
    "detach": lambda repo, _: repo.detach("mnist:v2", "report"),
    "use by a run": lambda repo, _: Path(repo.use("mnist:best", run="run-2")).name,
    "undo of a log": lambda repo, _: repo.undo(2),
    "undo of a deletion": lambda repo, _: repo.undo(7),
    "gc with a policy": lambda repo, _: repo.gc(keep_last=1, grace=0),
    "resolve latest": lambda repo, _: repo.resolve("mnist"),
    "resolve latest of a model": lambda repo, _: repo.resolve("Digits"),
    "resolve an alias": lambda repo, _: repo.resolve("mnist:best"),
}


class Scene(NamedTuple):
    """storage, cache: of the repository as it is. old: its lookup tables of before the last entries."""

    storage: MemoryStorage
    cache: Path
    old: Path
    source: Path


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    root = tmp_path_factory.mktemp("decisions")
    storage = MemoryStorage()
    with Repository.init_storage(storage, "memory", cache=str(root / "cache"), author="ann") as repo:
        for number, options in enumerate(({}, {"aliases": ["best"], "links": ["Digits"]}, {"links": ["Digits"]}, {})):
            source = root / str(number)
            source.mkdir()
            (source / "weights").write_text(f"weights {number}")
            repo.log(source, "mnist", **options)
        repo.set_alias("prod", "Digits:v0")  # 5
        repo.set_alias("gone", "mnist:v0")
        repo.remove("mnist:v0", force=True)  # 7
        repo.log(root / "0", "was")
        repo.remove_artifact("was", force=True)
        repo.annotate("mnist:v2", message="noted")
        repo.artifacts()
        shutil.copytree(root / "cache", root / "old")
        repo.create_artifact("empty")
        repo.set_card("Digits", "# Digits\n")
        repo.use("mnist:v1", run="run-1")
        for owner in ("mnist", "mnist:v2", "Digits:v0"):
            repo.set_property(owner, "k", 1)
        repo.set_property("Digits", "gone", 1)
        repo.remove_property("Digits", "gone")
        repo.attach("mnist:v2", "report", root / "0")
        repo.set_alias("best", "mnist:v1")
        repo.artifacts()
    (root / "new").mkdir()
    (root / "runs" / "checkpoint-10").mkdir(parents=True)
    (root / "runs" / "checkpoint-10" / "weights").write_text("imported")
    (root / "new" / "weights").write_text("new")
    return Scene(storage, root / "cache", root / "old", root / "new")


def outcome(scene: Scene, act: Act, tmp_path: Path, cache: Path, hidden: str | None = None) -> object:
    """What the command answers, and what the journal says of it: by whom and when does not count."""
    storage = MemoryStorage()
    for key in scene.storage.list(""):
        value = scene.storage.get(key)
        assert value is not None
        if key != hidden:
            storage.put(key, value.data)
    with Repository(Context(storage, "memory", cache=str(cache), author="ann")) as repo:
        before = len(repo.history())
        try:
            said = _settled(act(repo, scene.source))
        except MregError as error:
            said = (type(error).__name__, str(error))
        moves = [
            sorted(
                (change.ref, _dated(change.ref, change.old), _dated(change.ref, change.new)) for change in one.changes
            )
            for one in repo.history()[before:]
        ]
    return said, moves


def _settled(answer: object) -> object:
    """The answer, of a new version only its name: its record has the time in it."""
    return getattr(getattr(answer, "version", answer), "name", None) or type(answer).__name__


def _dated(ref: str, value: str | None) -> str | None:
    """The value without the digest of a new version's record, which has the time in it."""
    if value is not None and ref in ("artifacts/mnist/v4", "artifacts/new/v0"):
        return "a new version"
    return value.partition(" ")[0] if value is not None and value.startswith("mnist:v4 ") else value


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    """Closed afterwards, not at some later time: with the last connection, files beside the database go, and copying
    them would fail."""
    with closing(sqlite3.connect(file)) as db, db:
        yield db


def _forge(db: sqlite3.Connection) -> None:
    """Whatever is altered from now on, the tables do not notice."""
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")


@pytest.fixture(scope="module")
def tampered(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Path]]:
    """Caches whose tables are wrong, each in one way; to be copied."""
    return list(_tampered(scene, tmp_path_factory.mktemp("tampered")))


def _tampered(scene: Scene, folder: Path) -> Iterator[tuple[str, Path]]:
    file = next((scene.cache / "index").glob("*.sqlite")).name
    with _opened(scene.cache / "index" / file) as db:
        rows = db.execute("SELECT key FROM refs").fetchall()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        meta = db.execute("SELECT seq, digest FROM meta").fetchone()
    for number, (key,) in enumerate(rows):
        for what, statement in (
            ("lacks", "DELETE FROM refs WHERE key = ?"),
            ("is deleted in", "UPDATE refs SET value = NULL WHERE key = ?"),
            ("is another in", "UPDATE refs SET value = 'v3' WHERE key = ?"),
        ):
            cache = _copy(scene.cache, folder / f"{what}-{number}")
            with _opened(cache / "index" / file) as db:
                _forge(db)
                db.execute(statement, (key,))
            yield f"{key} {what} the tables", cache
    cache = _copy(scene.old, folder / "old")
    with _opened(cache / "index" / file) as db:
        db.execute("UPDATE meta SET seq = ?, digest = ?", meta)
    yield "tables that are old and say that they are new", cache
    cache = _copy(scene.cache, folder / "empty")
    with _opened(cache / "index" / file) as db:
        _forge(db)
        db.execute("DELETE FROM refs")
    yield "tables without refs", cache


def _copy(cache: Path, to: Path) -> Path:
    (to / "index").mkdir(parents=True)
    for file in (cache / "index").iterdir():
        shutil.copy(file, to / "index")
    return to


@pytest.mark.parametrize("command", COMMANDS)
def test_tables_that_are_wrong_do_not_change_what_is_decided(
    command: str, scene: Scene, tampered: list[tuple[str, Path]], tmp_path: Path
) -> None:
    wanted = outcome(scene, COMMANDS[command], tmp_path, _copy(scene.cache, tmp_path / "right"))

    for number, (what, cache) in enumerate(tampered):
        copy = _copy(cache, tmp_path / str(number))
        assert outcome(scene, COMMANDS[command], tmp_path, copy) == wanted, what


@pytest.mark.parametrize("command", COMMANDS)
def test_a_ref_file_that_cannot_be_seen_does_not_change_what_is_decided(
    command: str, scene: Scene, tmp_path: Path
) -> None:
    wanted = outcome(scene, COMMANDS[command], tmp_path, _copy(scene.cache, tmp_path / "right"))
    files = [key for key in scene.storage.list("") if key.startswith(("artifacts", "registered", "aliases", "runs"))]

    for number, key in enumerate(files):
        cache = _copy(scene.cache, tmp_path / str(number))
        assert outcome(scene, COMMANDS[command], tmp_path, cache, hidden=key) == wanted, key
