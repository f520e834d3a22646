"""Any sequence of commands, some of them failing or killed half-way, leaves what a model of dicts says."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dead_names
import pytest
import questions_model
from comparing import CONTENTS, TAGS, artifacts_of, differences, models_of, version, version_of
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test
from journal_model import DAY
from machine import FAULTS, Twins, alias, name

from mreg import MregError, NotFound, Repository
from mreg.session.context import Context
from mreg.testing.faults import Crash, FaultyStorage

Count = Callable[[str, int], None]

some_aliases = st.lists(alias, max_size=2, unique=True)
metadata = st.dictionaries(
    st.sampled_from(("acc", "lr")), st.integers(0, 9) | st.floats(0, 1) | st.booleans(), max_size=2
)
message = st.none() | st.sampled_from(("", "better", "ümlaut\n\n[x]\n"))
expect = st.none() | st.sampled_from(("none", "v0", "v1"))
NEEDLES = ("", "w", "X", "BEST", "lr=", "acc=1", "=", "Ümlaut", "bett", "card", "run-1", "what", "\n")
times = st.none() | st.sampled_from((0.0, 5 * DAY, 15 * DAY))
setting = st.sampled_from(
    (
        ("gc.grace", "3d"),
        ("gc.grace", "14d"),
        ("gc.grace", "0s"),
        ("gc.keep-last", "0"),
        ("gc.keep-last", "2"),
        ("gc.keep-last", "some"),
        ("gc.older-than", "0"),
        ("gc.older-than", "5d"),
        ("log.compress", "false"),
        ("log.compress", "true"),
        ("gc.nothing", "1"),
    )
)


class Machine(Twins):
    """Every command, in any order."""

    # The rules: all that changes something, and what writes elsewhere.

    @initialize()
    def begin(self) -> None:
        """Held by an alias, a link, or both; linked again; deleted: what undo and gc have to look out for."""
        said: dict[str, Any] = {"message": None, "metadata": {"lr": 1}, "inputs": [], "type": None}
        self.both("log", 0, "w", aliases=["best"], links=["x"], run="run-1", **said)
        self.both("log", 1, "w", aliases=[], links=["x"], run=None, **said)
        for content, artifact in ((2, "w"), (2, "y"), (3, "y"), (1, "y"), (4, "y")):
            self.both("log", content, artifact, aliases=[], links=[], run=None, **said)
        self.both("set_alias", "best", "x:v0", expect=None)
        self.both("set_alias", "prod", "w:v2", expect=None)
        self.both("link", "y:v1", "x", aliases=[])
        self.both("unlink", "x:v2", force=False)
        self.both("link", "y:v1", "x", aliases=[])
        self.both("remove", "y:v3", force=False)

    @rule(at=st.integers(1, 12), kind=st.sampled_from(sorted(FAULTS)))
    def let_the_next_one_fail(self, at: int, kind: str) -> None:
        self.fault = (at, kind)

    @rule()
    def open_again(self) -> None:
        self.repo = self.open(self.storage)

    @rule(
        data=st.data(),
        content=st.integers(0, len(CONTENTS) - 1),
        aliases=some_aliases,
        message=message,
        metadata=metadata,
        run=st.none() | st.just("run-1"),
        type=st.none() | st.just("model"),
    )
    def log(
        self, data: st.DataObject, content: int, aliases: Any, message: Any, metadata: Any, run: Any, type: Any
    ) -> None:
        name, links = self.some(data, "artifact"), self.several(data, "model")
        said = {"message": message, "metadata": metadata, "run": run, "type": type}
        inputs = self.several(data, "reference")
        done = self.both("log", content, name, aliases=aliases, links=links, inputs=inputs, **said)
        if done:
            assert (done.given.version.name, done.given.created) == done.wanted

    @rule(data=st.data(), content=st.integers(0, len(CONTENTS) - 1))
    def log_in_vain(self, data: st.DataObject, content: int) -> None:
        name = self.some(data, "artifact")
        said: dict[str, Any] = {"message": None, "metadata": {}, "inputs": [], "run": None, "type": None}
        self.ask(
            "log",
            self.folder / str(content),
            name,
            dry_run=True,
            wanted=lambda: copy.deepcopy(self.model).log(content, name, aliases=[], links=[], **said),
            form=lambda done: (done.version.name, done.created),
        )

    @rule(
        data=st.data(), message=message, metadata=metadata, unset=st.lists(st.sampled_from(("acc", "lr")), max_size=1)
    )
    def annotate(self, data: st.DataObject, message: Any, metadata: Any, unset: Any) -> None:
        reference, inputs = self.some(data, "reference"), self.several(data, "reference")
        self.both("annotate", reference, message=message, metadata=metadata, unset=unset, inputs=inputs)

    @rule(data=st.data(), force=st.booleans())
    def remove(self, data: st.DataObject, force: bool) -> None:
        self.both("remove", self.some(data, "exact"), force=force)

    @rule(name=name, type=st.just("model"), description=st.sampled_from(("", "what")))
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

    @rule(setting=setting)
    def set_setting(self, setting: tuple[str, str]) -> None:
        self.both("set_setting", *setting)

    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        last = len(self.model.journal)
        deletions = [
            seq for seq, entry in enumerate(self.model.journal, 1) if None in [new for _, new in entry.changes.values()]
        ] or [last]
        self.take_back(data.draw(st.integers(-1, last + 1) | st.sampled_from(deletions), "seq"))

    @rule()
    def undo_the_last(self) -> None:
        self.take_back(len(self.model.journal))

    def take_back(self, seq: int) -> None:
        done = self.both("undo", seq)
        if done:
            assert done.given == self.repo.history()[-1]

    @rule(days=st.just(10))
    def let_time_pass(self, days: int) -> None:
        self.model.day += days
        for entry in self.storage._entries.values():
            entry.mtime -= days * DAY

    @rule(
        grace=times,
        keep_last=st.none() | st.integers(0, 3),
        older_than=times,
        fault=st.none() | st.tuples(st.integers(1, 10), st.sampled_from(sorted(FAULTS))),
    )
    def gc(self, grace: Any, keep_last: Any, older_than: Any, fault: Any) -> None:
        self.fault = fault
        policy = {"grace": grace, "keep_last": keep_last, "older_than": older_than}
        would = self.repo.gc(dry_run=True, **policy)
        done = self.both("gc", garbage=would.bytes > self.dead_bytes(), **policy)  # what is dead was announced before
        if done:
            assert done.given.expired == would.expired == done.wanted
            assert done.given.bytes == would.bytes
            assert done.given.seq == (len(self.model.journal) if done.wanted else None)
            assert self.repo.gc(dry_run=True, **policy).bytes == 0

    @rule(grace=times)
    def gc_that_is_stopped(self, grace: Any) -> None:
        """It has said what goes, and deletes it whenever it goes on."""
        self.fault = None
        policy = {"grace": grace, "keep_last": 0, "older_than": 0.0}
        self.model.gc(**policy)
        self.open(self.stopped).gc(**policy)
        self.note_entries_that_move_nothing()

    @rule()
    def gc_that_goes_on(self) -> None:
        self.stopped.go_on()

    @rule(at=st.integers(1, 20), kind=st.sampled_from([None, *sorted(FAULTS)]), grace=times)
    def repack(self, at: int, kind: str | None, grace: Any) -> None:
        """Nothing expires, and what can come back is as after any gc. How many entries it makes is its affair."""
        self.fault = None
        policy = {"grace": grace, "keep_last": 0, "older_than": 0.0, "repack": True}
        before = copy.deepcopy(self.model)
        self.model.gc(grace=grace, keep_last=0, older_than=0.0)
        if kind is None:
            would = self.repo.gc(dry_run=True, **policy)
            assert self.repo.gc(**policy).bytes == would.bytes
        else:
            error, after, dead = FAULTS[kind]
            self.model.doubt(before)
            try:
                self.open(FaultyStorage(self.storage, at, error, after=after, dead=dead)).gc(**policy)
            except (Crash, OSError, MregError):
                pass
        self.note_entries_that_move_nothing()

    @rule(data=st.data(), folder=st.sampled_from(("artifacts", "aliases", "registered", "runs", "journal/applied")))
    def lose_a_ref(self, data: st.DataObject, folder: str) -> None:
        """It is recreated from the journal."""
        keys = [key for key in self.storage.list("") if key.startswith(folder)]
        if keys:
            self.storage.delete(data.draw(st.sampled_from(keys), "key"))
            assert self.repo.fsck(repair=True).findings == ()

    @rule(data=st.data(), folder=st.sampled_from(("journal", "objects", "packs")))
    def lose_data(self, data: st.DataObject, folder: str) -> None:
        """It comes back from a copy; what nothing needs may stay away, and is put back for the steps to come."""
        keys, kept = list(self.storage.list(folder)), self.copied()
        times = {key: entry.mtime for key, entry in self.storage._entries.items()}
        if keys:
            lost = data.draw(st.sampled_from(keys), "key")
            self.storage.delete(lost)
            assert self.repo.fsck(full=True, repair=True, source=self.open(kept)).findings == ()
            if self.storage.get(lost) is None:
                self.storage.put(lost, kept.read(lost, 0, kept.stat(lost).size))
            for key, time in times.items():
                self.storage._entries[key].mtime = time
            self.note_entries_that_move_nothing()

    @rule(data=st.data(), partial=st.booleans())
    def get(self, data: st.DataObject, partial: bool) -> None:
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
        assert self.repo.get(reference, place, partial=partial).damaged == ()
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
        before = self.model.facts()
        self.model.use(reference, "r")
        self.model.write_down(before)
        for path, data in CONTENTS[self.model.version(found).content].items():
            assert (place / path).read_bytes() == data

    # Questions about one thing, or with a choice.

    @rule(data=st.data(), since=st.integers(0, 60), limit=st.none() | st.integers(0, 3), whole=st.booleans())
    def history(self, data: st.DataObject, since: int, limit: Any, whole: bool) -> None:
        name = None if whole else self.some(data, "name")
        choice = {"since": data.draw(st.sampled_from((0, since)), "since"), "limit": limit}
        self.ask(
            "history",
            name,
            **choice,
            wanted=lambda: self.model.history(name, **choice),
            form=lambda entries: [entry.seq for entry in entries],
        )

    @rule(tags=st.lists(st.sampled_from(TAGS), max_size=2))
    def search(self, tags: list[str]) -> None:
        for text in NEEDLES:
            found = tuple([one.name for one in kind] for kind in self.repo.search(text, tags=tags))
            assert found == questions_model.search(self.model, text, tags)

    @rule(data=st.data())
    def diff(self, data: st.DataObject) -> None:
        before, after = self.some(data, "reference"), self.some(data, "reference")
        self.ask(
            "diff",
            before,
            after,
            wanted=lambda: questions_model.diff(self.model, before, after),
            form=lambda found: {
                "added": [file.path for file in found.added],
                "removed": [file.path for file in found.removed],
                "changed": [new.path for _, new in found.changed],
                "metadata": found.metadata,
            },
        )

    @rule(data=st.data(), whole=st.booleans())
    def usage(self, data: st.DataObject, whole: bool) -> None:
        name = None if whole else self.some(data, "name")
        self.ask(
            "usage",
            name,
            wanted=lambda: questions_model.usage(self.model, name),
            form=lambda found: {
                getattr(one, "name", ""): (one.versions, one.logical, one.unique) for one in (found, *found.items)
            },
        )

    @rule(data=st.data())
    def usage_tells_what_a_deletion_frees(self, data: st.DataObject) -> None:
        """Tried in a copy."""
        versions = [f"{name}:v{number}" for name, one in self.model.artifacts.items() for number in one.versions]
        if versions:
            reference = data.draw(st.sampled_from(versions))
            repo = self.open(self.copied())
            repo.gc(grace=0, keep_last=0, older_than=0)
            frees = {item.name: item.frees for item in repo.usage(reference.partition(":")[0]).items}
            repo.remove(reference, force=True)
            assert repo.gc(grace=0, keep_last=0, older_than=0).bytes == frees[reference]

    @rule(data=st.data())
    def show_a_version(self, data: st.DataObject) -> None:
        reference = self.some(data, "reference")
        self.ask(
            "version",
            reference,
            wanted=lambda: version_of(self.model, *self.model.resolve(reference)[:2]),
            form=lambda one: version(self.repo, one),
        )

    @rule(data=st.data())
    def show_a_collection(self, data: st.DataObject) -> None:
        name = self.some(data, "name")
        kinds = {"artifact": artifacts_of(self.model), "model": models_of(self.model)}
        kind = next((kind for kind, all_of_it in kinds.items() if name in [one[0] for one in all_of_it]), None)
        assert self.repo.kind(name) == kind
        for asked in kinds:
            if asked != kind:
                with pytest.raises(NotFound):
                    getattr(self.repo, asked)(name)
        if kind is None:
            for question in ("versions", "aliases", "card"):
                with pytest.raises(NotFound):
                    getattr(self.repo, question)(name)
            return
        assert getattr(self.repo, kind)(name) in getattr(self.repo, f"{kind}s")()  # which is compared with the model
        found = [self.model.resolve(f"{name}:v{number}") for number in sorted(self.model.numbers(name))]
        assert [(one.artifact, one.number) for one in self.repo.versions(name)] == [one[:2] for one in found]
        aliases = sorted((alias, number) for (owner, alias), number in self.model.aliases.items() if owner == name)
        assert [(one.alias, one.number) for one in self.repo.aliases(name)] == aliases
        if kind == "model":
            assert self.repo.card(name) == self.model.models[name].card

    @rule(data=st.data(), path=st.sampled_from(("weights.bin", "head.bin", "no.bin")))
    def read(self, data: st.DataObject, path: str) -> None:
        reference = self.some(data, "reference")

        def wanted() -> bytes:
            files = CONTENTS[self.model.version(self.model.resolve(reference)).content]
            if path not in files:
                raise NotFound(message=path)
            return files[path]

        self.ask("read", reference, path, wanted=wanted, form=b"".join)

    # Comparing all that can be read.

    @invariant()
    def all_reads_agree_and_the_repository_is_sound(self) -> None:
        """Not looked at again where nothing has been written."""
        values = {key: entry.etag for key, entry in self.storage._entries.items()}
        state = (self.repo, values, len(self.model.journal))
        if state != self.compared:
            assert differences(self.repo, self.model) == []
            assert self.repo.fsck(full=True).findings == ()
            assert dead_names.lost(self.storage.list(""), self.written) == []
            self.compared = state


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@pytest.mark.parametrize(
    ("examples", "length"), [(50, 40), pytest.param(400, 60, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_every_sequence_of_commands_leaves_what_the_model_says(examples: int, length: int, count: Count) -> None:
    bounds = settings(max_examples=examples, stateful_step_count=length, deadline=None, suppress_health_check=QUIET)
    before = Twins.steps

    run_state_machine_as_test(Machine, settings=bounds)

    steps = Twins.steps - before
    assert steps > examples * 5
    count("random commands in sequence", steps)
