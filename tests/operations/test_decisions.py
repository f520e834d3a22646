"""What a command decides follows from the journal: lookup tables that lack a row, have another value or are old, and
ref files that cannot be seen, never change it."""

from __future__ import annotations

import functools
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from mreg.cli import registry
from mreg.refs import ref_files
from mreg.repository import Repository
from mreg.session import remotes, trust
from mreg.session.context import Context
from mreg.storage.memory import MemoryStorage
from mreg.sync.mirror import mirror
from mreg.values.errors import MregError

Act = Callable[[Repository, Path], object]


def _empty() -> Repository:
    return Repository.init_storage(MemoryStorage(), "elsewhere")


def _moved(repo: Repository) -> str:
    """All that ever happened to the refs of this repository."""
    return str([(change.ref, change.old, change.new) for entry in repo.history() for change in entry.changes])


def _pushed(repo: Repository, other: Repository, *references: str, **options: Any) -> str:
    repo.push(other, references, **options)
    return _moved(other)


def _pulled(repo: Repository, **options: Any) -> str:
    other = _empty()
    other.pull(repo, **options)
    return _moved(other)


def _mirrored(repo: Repository, _: Path) -> str:
    storage = MemoryStorage()
    mirror(repo._context, storage, "twin")
    return _moved(Repository.open_storage(storage, "twin"))


def _cloned(repo: Repository, source: Path) -> str:
    with TemporaryDirectory(dir=source.parent) as folder:
        clone, _ = Repository.clone(repo, folder)
        with clone:
            return _moved(clone)


def _bundled(repo: Repository, _: Path, **options: Any) -> str:
    bundle, other = BytesIO(), _empty()
    repo.create_bundle(bundle, () if options else ["mnist:best", "Digits:v1"], **options)
    other.pull(BytesIO(bundle.getvalue()))
    return _moved(other)


def _swept(repo: Repository, **options: Any) -> str:
    """The data that gc leaves, when a version is held no longer."""
    repo.unlink("Digits:v1")
    repo.gc(grace=0, **options)
    return str([key for folder in ("packs", "objects") for key in repo._context.storage.list(folder)])


def _repaired(repo: Repository, _: Path) -> str:
    """The ref files that a repair leaves."""
    repo.fsck(repair=True)
    storage = repo._context.storage
    found = [(key, storage.get(key)) for key in storage.list("") if key.startswith(REF_FILES)]
    return str([(key, value and value.data) for key, value in found])


def _with_remotes(act: Callable[[Repository], object]) -> Act:
    """They are in the settings of repositories in folders only."""

    def patched(repo: Repository, _: Path) -> object:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(remotes, "is_local", lambda _: True)
            return act(repo)

    return patched


def _at_remote(act: Callable[[Repository, Path], object]) -> Act:
    """What it comes to, and which locations are opened for it. At each is another repository."""

    def patched(repo: Repository, source: Path) -> str:
        opened: list[str] = []
        there = Repository.open_storage(_copied(_far(source)), "far")

        def open_location(location: str, author: str | None = None) -> Context:
            opened.append(location)
            return there._context

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(remotes, "is_local", lambda _: True)
            patch.setattr(trust, "may_be_written", lambda _: True)
            patch.setattr(remotes, "open_location", open_location)
            act(repo, source)
        return f"{sorted({*opened})} {[one.name for name in there.artifacts() for one in there.versions(name.name)]}"

    return patched


@functools.cache
def _far(source: Path) -> MemoryStorage:
    """Made once: its records have the time in them."""
    storage = _elsewhere(source, "far", 2)._context.storage
    assert isinstance(storage, MemoryStorage)
    return storage


def _elsewhere(source: Path, name: str = "mnist", versions: int = 1) -> Repository:
    """Another repository, with one version or several."""
    other = _empty()
    for number in range(versions):
        other.log(source.parent / "3" if number else source, name, aliases=["best"])
    return other


REF_FILES = ("artifacts", "registered", "aliases", "runs", "config.toml")

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
    "log captures what the settings say": lambda repo, _: str(repo.setting("log.capture")),
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
    "artifact describe": lambda repo, _: repo.describe("mnist", "what it is"),
    "model describe": lambda repo, _: repo.describe("Digits", "what it is"),
    "model create": lambda repo, _: repo.create_model("Digits"),
    "tag rm": lambda repo, _: repo.remove_tags("Digits", ["digits"]),
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
    "undo of a log": lambda repo, _: repo.undo(3),
    "undo of a deletion": lambda repo, _: repo.undo(8),
    "gc": lambda repo, _: _swept(repo),
    "gc with a policy": lambda repo, _: _swept(repo, keep_last=1),
    "gc with the settings' policy": lambda repo, _: _swept(repo, older_than=0),
    "fsck --repair": _repaired,
    "push": lambda repo, _: _pushed(repo, _empty(), "mnist:best", "Digits:v0", all_aliases=True, links=True),
    "push of all": lambda repo, _: _pushed(repo, _empty(), every=True, all_aliases=True, links=True, tags=True),
    "push of what matches": lambda repo, _: _pushed(repo, _empty(), where="metrics.acc > 0.15"),
    "push of what does not match": lambda repo, _: _pushed(repo, _empty(), where="metrics.acc != 0.2"),
    "push of what an alias or a link names": lambda repo, _: _pushed(
        repo, _empty(), "mnist", where="alias = 'best' or model = 'Digits' and tag = 'digits' and type = 'model'"
    ),
    "push of what was annotated": lambda repo, _: _pushed(repo, _empty(), "Digits", where="message ~ 'noted'"),
    "push by a key that no version has": lambda repo, _: _pushed(repo, _empty(), where="metrics.bcc > 0.15"),
    "push to a remote": _at_remote(lambda repo, _: repo.push("hub", "mnist:v3")),
    "pull from a remote": _at_remote(lambda repo, _: repo.pull("hub", "far:v0")),
    "pull of what matches": lambda repo, _: _pulled(repo, where="metrics.acc > 0.15"),
    "bundle create of what matches": lambda repo, _: _bundled(repo, _, where="metrics.acc > 0.15"),
    "log with a base in a remote": _at_remote(lambda repo, source: repo.log(source, "new", base="hub/far:v0")),
    "log with an input in a remote": _at_remote(lambda repo, source: repo.log(source, "new", inputs=["hub/far:v0"])),
    "annotate with an input in a remote": _at_remote(lambda repo, _: repo.annotate("mnist:v2", inputs=["hub/far:v0"])),
    "push to a number that is taken": lambda repo, source: repo.push(_elsewhere(source, versions=2), "mnist:v1"),
    "bundle create": _bundled,
    "mirror": _mirrored,
    "clone": _cloned,
    "config set": lambda repo, _: repo.set_setting("gc.grace", "3d"),
    "config set to what it is": lambda repo, _: repo.set_setting("gc.keep-last", "1"),
    "config set of an artifact": lambda repo, _: repo.set_setting("gc.keep-last", "3", artifact="mnist"),
    "remote add": _with_remotes(lambda repo: repo.add_remote("new", "/srv/new")),
    "remote add of what is there": _with_remotes(lambda repo: repo.add_remote("hub", "/srv/new")),
    "remote set": _with_remotes(lambda repo: repo.set_remote("hub", "/srv/new")),
    "remote set of what is not there": _with_remotes(lambda repo: repo.set_remote("gone", "/srv/new")),
    "remote rm": _with_remotes(lambda repo: repo.remove_remote("hub")),
    "upgrade of the newest format": lambda repo, _: str(repo.upgrade()),
    "resolve latest": lambda repo, _: repo.resolve("mnist"),
    "resolve latest of a model": lambda repo, _: repo.resolve("Digits"),
    "resolve an alias": lambda repo, _: repo.resolve("mnist:best"),
}


OF_FORMAT_1: dict[str, Act] = {
    "upgrade": lambda repo, _: str(repo.upgrade()),
    "property set, which needs format 2": lambda repo, _: repo.set_property("mnist:v2", "k", 2),
}

READ_ONLY = "reads only"
OUTSIDE = "writes nothing into a repository"
DECIDES_NOTHING = {
    **dict.fromkeys(["ls", "show", "files", "cat", "diff", "metrics", "lineage", "search", "history", "du"], READ_ONLY),
    **dict.fromkeys(["alias ls", "tag ls", "artifact ls", "artifact show", "model ls", "model show"], READ_ONLY),
    **dict.fromkeys(["remote ls", "config get", "config ls"], READ_ONLY),
    **dict.fromkeys(["get", "export", "html", "completion", "help", "version", "cache ls", "cache prune"], OUTSIDE),
    "init": "nothing is there yet",
}


class Scene(NamedTuple):
    """storage, cache: of the repository as it is. old: its lookup tables of before the last entries. config: its
    config.toml of before these."""

    storage: MemoryStorage
    cache: Path
    old: Path
    source: Path
    config: bytes


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Scene]:
    """By the format of the repository."""
    return {number: _scene(tmp_path_factory.mktemp("decisions"), number) for number in (1, 2)}


@pytest.fixture
def scene(scenes: dict[int, Scene], command: str) -> Scene:
    return scenes[1 if command in OF_FORMAT_1 else 2]


def _scene(root: Path, number: int) -> Scene:
    storage = MemoryStorage()
    with Repository.init_storage(storage, "memory", format=number, cache=str(root / "cache"), author="ann") as repo:
        _with_remotes(lambda repo: repo.add_remote("hub", "/srv/old"))(repo, root)
        written = storage.get("config.toml")
        assert written is not None
        for content, options in enumerate(({}, {"aliases": ["best"], "links": ["Digits"]}, {"links": ["Digits"]}, {})):
            source = root / str(content)
            source.mkdir()
            (source / "weights").write_text(f"weights {content}")
            repo.log(source, "mnist", metadata={"metrics": {"acc": content / 10}}, **options)
        repo.set_alias("prod", "Digits:v0")  # 6
        repo.set_alias("gone", "mnist:v0")
        repo.remove("mnist:v0", force=True)  # 8
        repo.log(root / "0", "was")
        repo.remove_artifact("was", force=True)
        repo.annotate("mnist:v2", message="noted")
        repo.artifacts()
        shutil.copytree(root / "cache", root / "old")
        repo.create_artifact("empty")
        repo.set_card("Digits", "# Digits\n")
        repo.use("mnist:v1", run="run-1")
        if number > 1:
            for owner in ("mnist", "mnist:v2", "Digits:v0"):
                repo.set_property(owner, "k", 1)
            repo.set_property("Digits", "gone", 1)
            repo.remove_property("Digits", "gone")
            repo.attach("mnist:v2", "report", root / "0")
        repo.set_alias("best", "mnist:v1")
        repo.add_tags("Digits", ["digits"])
        repo.set_setting("gc.keep-last", "1")
        repo.set_setting("log.capture", "git")
        _with_remotes(lambda repo: repo.set_remote("hub", "/srv/hub"))(repo, root)
        repo.search(where="metrics.acc > 0")  # so that the tables have the facts too
    (root / "new").mkdir()
    (root / "runs" / "checkpoint-10").mkdir(parents=True)
    (root / "runs" / "checkpoint-10" / "weights").write_text("imported")
    (root / "new" / "weights").write_text("new")
    return Scene(storage, root / "cache", root / "old", root / "new", written.data)


def outcome(scene: Scene, act: Act, cache: Path, seen: Mapping[str, bytes | None] = MappingProxyType({})) -> object:
    """What the command answers, and what the journal says of it: by whom and when does not count. seen: what files are
    seen as, None where they cannot be seen."""
    storage = _copied(scene.storage, seen)
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


def _copied(storage: MemoryStorage, seen: Mapping[str, bytes | None] = MappingProxyType({})) -> MemoryStorage:
    copy = MemoryStorage()
    for key in storage.list(""):
        value = storage.get(key)
        assert value is not None
        if (data := seen.get(key, value.data)) is not None:
            copy.put(key, data)
    return copy


def _settled(answer: object) -> object:
    """The answer, of a new version only its name: its record has the time in it."""
    if isinstance(answer, str):
        return answer
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
def tampered(scenes: dict[int, Scene], tmp_path_factory: pytest.TempPathFactory) -> dict[Scene, list[tuple[str, Path]]]:
    """Caches whose tables are wrong, each in one way; to be copied."""
    return {one: list(_tampered(one, tmp_path_factory.mktemp("tampered"))) for one in scenes.values()}


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
    for what, statement in FORGED.items():
        cache = _copy(scene.cache, folder / what)
        with _opened(cache / "index" / file) as db:
            _forge(db)
            db.execute(statement)
        yield f"{what} in the tables", cache
    cache = _copy(scene.old, folder / "old")
    with _opened(cache / "index" / file) as db:
        db.execute("UPDATE meta SET seq = ?, digest = ?", meta)
    yield "tables that are old and say that they are new", cache
    cache = _copy(scene.cache, folder / "empty")
    with _opened(cache / "index" / file) as db:
        _forge(db)
        db.execute("DELETE FROM refs")
    yield "tables without refs", cache


FORGED = {
    "no version": "DELETE FROM versions",
    "a version with another record": "UPDATE versions SET digest = (SELECT max(digest) FROM versions)",
    "no fact": "DELETE FROM facts",
    "other facts": "UPDATE facts SET value = 0.9",
    "no key": "DELETE FROM keys",
    "other records": "UPDATE records SET data = (SELECT max(data) FROM records)",
}
"""What is changed in tables of facts and of records."""


def _copy(cache: Path, to: Path) -> Path:
    (to / "index").mkdir(parents=True)
    for file in (cache / "index").iterdir():
        shutil.copy(file, to / "index")
    return to


@pytest.mark.parametrize("command", [*COMMANDS, *OF_FORMAT_1])
def test_tables_that_are_wrong_do_not_change_what_is_decided(
    command: str, scene: Scene, tampered: dict[Scene, list[tuple[str, Path]]], tmp_path: Path
) -> None:
    act = (COMMANDS | OF_FORMAT_1)[command]
    wanted = outcome(scene, act, _copy(scene.cache, tmp_path / "right"))

    for number, (what, cache) in enumerate(tampered[scene]):
        copy = _copy(cache, tmp_path / str(number))
        assert outcome(scene, act, copy) == wanted, what


@pytest.mark.parametrize("command", [*COMMANDS, *OF_FORMAT_1])
def test_a_ref_file_that_cannot_be_seen_does_not_change_what_is_decided(
    command: str, scene: Scene, tmp_path: Path
) -> None:
    act = (COMMANDS | OF_FORMAT_1)[command]
    wanted = outcome(scene, act, _copy(scene.cache, tmp_path / "right"))
    files = {key: None for key in scene.storage.list("") if key.startswith(REF_FILES) and key != "config.toml"}

    for number, (key, data) in enumerate((files | {"config.toml": scene.config}).items()):
        cache = _copy(scene.cache, tmp_path / str(number))
        assert outcome(scene, act, cache, {key: data}) == wanted, key


@pytest.mark.parametrize("command", [one for one in COMMANDS if "remote" in one and not one.startswith("remote")])
def test_an_edited_config_does_not_say_where_a_remote_is(
    command: str, scenes: dict[int, Scene], tmp_path: Path
) -> None:
    scene = scenes[2]
    config = scene.storage.get("config.toml")
    assert config is not None
    ref = ref_files.decode("config.toml", config.data)
    edited = ref_files.encode("config.toml", ref._replace(value=str(ref.value).replace("/srv/hub", "/srv/other")))

    answer = outcome(scene, COMMANDS[command], _copy(scene.cache, tmp_path), {"config.toml": edited})

    assert answer == (("DamagedConfig", "config.toml is damaged: it differs from the journal"), [])


def test_every_command_stands_here() -> None:
    named = {
        path
        for name, entry in registry.COMMANDS.items()
        for path in ([f"{name} {sub}" for sub in entry.group] if entry.group else [name])
    }

    shown = {path for path in named for one in [*COMMANDS, *OF_FORMAT_1] if f"{one} ".startswith(f"{path} ")}

    assert shown.isdisjoint(DECIDES_NOTHING)
    assert shown | set(DECIDES_NOTHING) == named
