"""Any sequence of commands, some of them failing or killed half-way, leaves what a model of dicts says."""

from __future__ import annotations

import copy
import errno
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from registry_model import Found, Registry

from mreg import MregError, Repository
from mreg.context import Context
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash, FaultyStorage

Count = Callable[[str, int], None]

NAMES = ("w", "x", "y", "z", "X")
ALIASES = ("best", "prod", "Best")
TAGS = ("vision", "small one")
CONTENTS = [{"weights.bin": bytes([65 + n]) * (n * 50), "sub/config.json": b"{}"} for n in range(4)]

name = st.sampled_from(NAMES)
alias = st.sampled_from(ALIASES)
selectors = ("latest", "v0", "v1", "v2", "v9", *ALIASES)
anything = st.builds(lambda name, selector: f"{name}:{selector}", name, st.sampled_from(selectors)) | name
some_aliases = st.lists(alias, max_size=2, unique=True)
metadata = st.dictionaries(st.sampled_from(("acc", "lr")), st.integers(0, 9) | st.floats(0, 1), max_size=2)
message = st.none() | st.sampled_from(("", "better", "ümlaut\n\n[x]\n"))
expect = st.none() | st.sampled_from(("none", "v0", "v1"))

FAULTS: dict[str, tuple[Any, bool, bool]] = {
    "killed": (Crash, False, True),
    "killed after": (Crash, True, True),
    "error": (lambda: OSError(errno.EIO, "broken"), False, False),
    "lost reply": (lambda: OSError(errno.EIO, "broken"), True, False),
    "full": (lambda: OSError(errno.ENOSPC, "full"), False, True),
}

steps = 0
"""Of all the machines that have run here."""


class Machine(RuleBasedStateMachine):
    """A repository in memory and a model of it, which are given the same commands."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        for number, files in enumerate(CONTENTS):
            for path, data in files.items():
                place = self.folder / str(number) / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
        self.storage = MemoryStorage()
        self.model = Registry()
        Repository.init_storage(self.storage, "memory").close()
        self.repo = self.open(self.storage)
        self.fault: tuple[int, str] | None = None

    def open(self, storage: Storage) -> Repository:
        return Repository(Context(storage, "memory", cache=None, author="ann"))

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    # Doing one thing to both.

    def both(self, command: str, *arguments: Any, **options: Any) -> Any:
        """Let both do it; what the repository gave. Both must raise the same kind of error, or none."""
        global steps
        steps += 1
        after, wanted = copy.deepcopy(self.model), None
        try:
            getattr(after, command)(*arguments, **options)
        except MregError as error:
            after, wanted = self.model, type(error)
        if command == "log":
            arguments = (self.folder / str(arguments[0]), *arguments[1:])
        if self.fault:
            return self.hurt(command, arguments, options, after, wanted)
        try:
            given = getattr(self.repo, command)(*arguments, **options)
        except MregError as error:
            assert wanted is not None and isinstance(error, wanted), f"refused: {error!r}"
            return None
        assert wanted is None, f"it should have been refused with {wanted}"
        self.model = after
        return given

    def hurt(self, command: str, arguments: Any, options: Any, after: Registry, wanted: Any) -> None:
        """Let the repository do it with a fault; the model is then what the repository has become."""
        assert self.fault
        (at, kind), self.fault = self.fault, None
        error, late, dead = FAULTS[kind]
        done = False
        faulty = FaultyStorage(self.storage, at, error, after=late, dead=dead)
        try:
            getattr(self.open(faulty), command)(*arguments, **options)
            done = True
        except MregError as failure:
            assert faulty.calls >= at or (wanted is not None and isinstance(failure, wanted)), f"refused: {failure!r}"
        except (OSError, Crash):
            assert faulty.calls >= at
        assert not (done and wanted), f"it should have been refused with {wanted}"
        fresh = self.open(self.storage)
        if done or self.differences(fresh, after) == []:
            self.model = after
        self.repo = fresh if dead else self.repo

    # What a rule is about: mostly something that is there, at times anything.

    def some(self, data: st.DataObject, what: str) -> str:
        """A reference (`exact`: with a selector), an `artifact`, a `model`, or a `name` of either."""
        model = self.model
        artifacts = [name for name, one in model.artifacts.items() if one.there]
        models = [name for name, one in model.models.items() if one.there]
        there = {"artifact": artifacts, "model": models, "name": artifacts + models}.get(what)
        if there is None:
            there = [f"{name}:{alias}" for name, alias in model.aliases]
            there += [f"{name}:v{number}" for name in artifacts for number in model.artifacts[name].versions]
            there += [f"{name}:v{number}" for name in models for number in model.models[name].links]
            there += artifacts + models if what == "reference" else []
        other = anything if what == "reference" else anything.filter(lambda text: ":" in text)
        odd = name if what in ("artifact", "model", "name") else other
        return data.draw(st.sampled_from(sorted(there)) | st.sampled_from(sorted(there)) | odd if there else odd, what)

    # The rules: all that changes something, and what writes elsewhere.

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        said: dict[str, Any] = {"message": None, "metadata": {"lr": 1}, "inputs": [], "run": None, "type": None}
        self.both("log", 0, "w", aliases=["best"], links=["x"], **said)
        self.both("log", 1, "w", aliases=[], links=["x"], **said)
        self.both("log", 2, "y", aliases=["prod"], links=[], **said)
        self.both("set_alias", "best", "x:v0", expect=None)

    @rule(at=st.integers(1, 12), kind=st.sampled_from(("error", "lost reply", "full")))
    def let_the_next_one_fail(self, at: int, kind: str) -> None:
        self.fault = (at, kind)

    @rule(at=st.integers(1, 12), kind=st.sampled_from(("killed", "killed after")))
    def let_the_next_one_die(self, at: int, kind: str) -> None:
        self.fault = (at, kind)

    @rule()
    def open_again(self) -> None:
        self.repo = self.open(self.storage)

    @rule(
        data=st.data(),
        content=st.integers(0, 3),
        aliases=some_aliases,
        message=message,
        metadata=metadata,
        run=st.none() | st.just("run-1"),
        type=st.none() | st.just("encoder"),
    )
    def log(
        self, data: st.DataObject, content: int, aliases: Any, message: Any, metadata: Any, run: Any, type: Any
    ) -> None:
        name, links = self.some(data, "artifact"), self.several(data, "model")
        said = {"message": message, "metadata": metadata, "run": run, "type": type}
        inputs = self.several(data, "reference")
        done = self.both("log", content, name, aliases=aliases, links=links, inputs=inputs, **said)
        if done:
            assert done.version.name == self.repo.resolve(name).name

    def several(self, data: st.DataObject, what: str) -> list[str]:
        """Of these, none or one."""
        return [self.some(data, what)] if data.draw(st.booleans()) else []

    @rule(data=st.data(), message=message, metadata=metadata, unset=st.lists(st.just("lr"), max_size=1))
    def annotate(self, data: st.DataObject, message: Any, metadata: Any, unset: Any) -> None:
        reference, inputs = self.some(data, "reference"), self.several(data, "reference")
        self.both("annotate", reference, message=message, metadata=metadata, unset=unset, inputs=inputs)

    @rule(data=st.data(), force=st.booleans())
    def remove(self, data: st.DataObject, force: bool) -> None:
        self.both("remove", self.some(data, "exact"), force=force)

    @rule(name=name, type=st.sampled_from(("model", "encoder")), description=st.sampled_from(("", "what")))
    def create_artifact(self, name: str, type: str, description: str) -> None:
        self.both("create_artifact", name, type=type, description=description)

    @rule(name=name, description=st.sampled_from(("", "what")), tags=st.lists(st.sampled_from(TAGS)))
    def create_model(self, name: str, description: str, tags: Any) -> None:
        self.both("create_model", name, description=description, tags=tags)

    @rule(data=st.data(), kind=st.sampled_from(("artifact", "model")), force=st.booleans())
    def remove_collection(self, data: st.DataObject, kind: str, force: bool) -> None:
        self.both(f"remove_{kind}", self.some(data, kind), force=force)

    @rule(data=st.data(), new=name, kind=st.sampled_from(("artifact", "model")))
    def rename(self, data: st.DataObject, new: str, kind: str) -> None:
        self.both(f"rename_{kind}", self.some(data, kind), new)

    @rule(data=st.data(), text=st.sampled_from(("", "a description", '"""\n')))
    def describe(self, data: st.DataObject, text: str) -> None:
        self.both("describe", self.some(data, "name"), text)

    @rule(data=st.data(), aliases=some_aliases)
    def link(self, data: st.DataObject, aliases: Any) -> None:
        self.both("link", self.some(data, "reference"), self.some(data, "model"), aliases=aliases)

    @rule(data=st.data(), force=st.booleans())
    def unlink(self, data: st.DataObject, force: bool) -> None:
        model = self.some(data, "model")
        links = sorted(self.model.model(model).links) or [0]
        self.both("unlink", f"{model}:v{data.draw(st.sampled_from([*links, 9]))}", force=force)

    @rule(data=st.data(), alias=alias, expect=expect)
    def set_alias(self, data: st.DataObject, alias: str, expect: Any) -> None:
        self.both("set_alias", alias, self.some(data, "reference"), expect=expect)

    @rule(data=st.data(), alias=alias)
    def remove_alias(self, data: st.DataObject, alias: str) -> None:
        self.both("remove_alias", alias, self.some(data, "name"))

    @rule(data=st.data(), tags=st.lists(st.sampled_from(TAGS)), command=st.sampled_from(("add_tags", "remove_tags")))
    def tag(self, data: st.DataObject, tags: Any, command: str) -> None:
        self.both(command, self.some(data, "model"), tags)

    @rule(data=st.data(), text=st.sampled_from(("", "# Card\n", "<!-- mreg seq=1 -->")))
    def set_card(self, data: st.DataObject, text: str) -> None:
        self.both("set_card", self.some(data, "model"), text)

    @rule(text=st.sampled_from(("3d", "14d", "0s")))
    def set_setting(self, text: str) -> None:
        self.both("set_setting", "gc.grace", text)

    @rule(at=st.integers(1, 10), kind=st.sampled_from([None, *sorted(FAULTS)]))
    def gc(self, at: int, kind: str | None) -> None:
        self.fault = None
        if kind is None:
            would = self.repo.gc(grace=0, dry_run=True)
            assert self.repo.gc(grace=0).bytes == would.bytes
            assert self.repo.gc(grace=0).bytes == 0
            return
        error, after, dead = FAULTS[kind]
        try:
            self.open(FaultyStorage(self.storage, at, error, after=after, dead=dead)).gc(grace=0)
        except (Crash, OSError, MregError):
            pass

    @rule(data=st.data())
    def get(self, data: st.DataObject) -> None:
        self.fault = None
        reference = self.some(data, "reference")
        try:
            found = self.model.resolve(reference)
        except MregError as wanted:
            with pytest.raises(type(wanted)):
                self.repo.get(reference, self.folder / "none")
            return
        place = self.folder / "got"
        shutil.rmtree(place, ignore_errors=True)
        self.repo.get(reference, place)
        kept = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
        files = CONTENTS[self.model.version(found).content]
        assert kept == set(files)
        assert all((place / path).read_bytes() == data for path, data in files.items())

    @rule(data=st.data())
    def use(self, data: st.DataObject) -> None:
        """In a repository opened with a cache, beside the others."""
        self.fault = None
        reference = self.some(data, "reference")
        with Repository(Context(self.storage, "memory", cache=str(self.folder / "cache"), author="ann")) as repo:
            try:
                found = self.model.resolve(reference)
            except MregError as wanted:
                with pytest.raises(type(wanted)):
                    repo.use(reference, run="r")
                return
            place = Path(repo.use(reference, run="r"))
        self.model.use(reference, "r")
        for path, data in CONTENTS[self.model.version(found).content].items():
            assert (place / path).read_bytes() == data

    # Comparing all that can be read.

    @invariant()
    def all_reads_agree(self) -> None:
        assert self.differences(self.repo, self.model) == []

    @invariant()
    def the_repository_is_sound(self) -> None:
        assert self.repo.fsck(full=True).findings == ()

    def differences(self, repo: Repository, model: Registry) -> list[Any]:
        """Each thing that the repository has otherwise than the model."""
        pairs: list[tuple[Any, Any]] = [
            ([_artifact(one) for one in repo.artifacts()], _artifacts_of(model)),
            ([_model(one) for one in repo.models()], _models_of(model)),
            (
                [(one.name, one.alias, one.number) for one in repo.aliases()],
                sorted((*key, number) for key, number in model.aliases.items()),
            ),
            (repo.tags(), _tags_of(model)),
            (repo.settings()["gc.grace"], model.settings.get("gc.grace", "14d")),
        ]
        for artifact, had in sorted(model.artifacts.items()):
            if had.there:
                seen = {one.number: one for one in repo.versions(artifact)} if repo.kind(artifact) == "artifact" else {}
                pairs.append(
                    (
                        {number: self._version(repo, one) for number, one in seen.items()},
                        {number: _version_of(model, artifact, number) for number in had.versions},
                    )
                )
        for (where, alias), number in model.aliases.items():
            pairs.append((_resolved(repo, f"{where}:{alias}"), model.resolve(f"{where}:{alias}")))
            assert number >= 0
        return [(found, wanted) for found, wanted in pairs if found != wanted]

    def _version(self, repo: Repository, one: Any) -> Any:
        content = {file.path: b"".join(repo.read(one.name, file.path)) for file in repo.files(one.name)}
        given = (one.message, one.metadata, [entry.reference for entry in one.inputs])
        return (CONTENTS.index(content), one.run, *given, one.aliases, one.links, one.type)


def _resolved(repo: Repository, reference: str) -> Any:
    try:
        found = repo.resolve(reference)
    except MregError as error:
        return error
    return Found(found.artifact, found.number, found.link)


def _artifact(one: Any) -> Any:
    return one.name, one.type, one.description, one.versions, one.latest, one.aliases


def _aliases_of(model: Registry, name: str) -> dict[str, str]:
    return {alias: f"v{number}" for (owner, alias), number in model.aliases.items() if owner == name}


def _artifacts_of(model: Registry) -> list[Any]:
    return [
        (
            name,
            one.type,
            one.description,
            len(one.versions),
            f"v{max(one.versions)}" if one.versions else None,
            _aliases_of(model, name),
        )
        for name, one in sorted(model.artifacts.items())
        if one.there
    ]


def _model(one: Any) -> Any:
    links = [(link.number, link.version) for link in one.links]
    return one.name, one.description, one.tags, one.card, links, one.aliases


def _models_of(model: Registry) -> list[Any]:
    return [
        (
            name,
            one.description,
            tuple(sorted(one.tags)),
            one.card,
            [(number, f"{one.ever[number].artifact}:v{one.ever[number].number}") for number in sorted(one.links)],
            _aliases_of(model, name),
        )
        for name, one in sorted(model.models.items())
        if one.there
    ]


def _tags_of(model: Registry) -> dict[str, tuple[str, ...]]:
    found = {tag: tuple(sorted(n for n, one in model.models.items() if one.there and tag in one.tags)) for tag in TAGS}
    return {tag: names for tag, names in sorted(found.items()) if names}


def _version_of(model: Registry, artifact: str, number: int) -> Any:
    one = model.artifacts[artifact].versions[number]
    aliases = sorted(alias for (name, alias), at in model.aliases.items() if (name, at) == (artifact, number))
    links = sorted(
        f"{name}:v{link}"
        for name, linked in model.models.items()
        for link in linked.links
        if (linked.ever[link].artifact, linked.ever[link].number) == (artifact, number)
    )
    given = (one.message, one.metadata, [reference for reference, _ in one.inputs])
    return (one.content, one.run, *given, tuple(aliases), tuple(links), model.artifacts[artifact].type)


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@pytest.mark.parametrize(
    ("examples", "length"), [(100, 30), pytest.param(400, 60, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_every_sequence_of_commands_leaves_what_the_model_says(
    examples: int, length: int, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds = settings(max_examples=examples, stateful_step_count=length, deadline=None, suppress_health_check=QUIET)
    global steps
    steps = 0

    run_state_machine_as_test(Machine, settings=bounds)

    assert steps > examples * 5
    count("steps of the state machine", steps)
