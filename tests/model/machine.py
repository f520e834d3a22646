"""A repository and a model of it side by side, without the rules that say what is done to them."""

from __future__ import annotations

import copy
import errno
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import dead_names
import pytest
from comparing import CONTENTS, differences
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from journal_model import Entry, Journalled

from mreg import MregError, Repository
from mreg.session.context import Context
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash, FaultyStorage, LateStorage

NAMES = ("w", "x", "y", "z", "X")
ALIASES = ("best", "prod", "Best")

name = st.sampled_from(NAMES)
alias = st.sampled_from(ALIASES)
selectors = ("latest", "v0", "v1", "v2", "v9", *ALIASES)
anything = st.builds(lambda name, selector: f"{name}:{selector}", name, st.sampled_from(selectors)) | name

FAULTS: dict[str, tuple[Any, bool, bool]] = {
    "killed": (Crash, False, True),
    "killed after": (Crash, True, True),
    "error": (lambda: OSError(errno.EIO, "broken"), False, False),
    "lost reply": (lambda: OSError(errno.EIO, "broken"), True, False),
    "full": (lambda: OSError(errno.ENOSPC, "full"), False, True),
}


class Done(NamedTuple):
    """What the repository gave, and what the model."""

    given: Any
    wanted: Any


class Twins(RuleBasedStateMachine):
    """A repository in memory and a model of it, which are given the same commands.

    steps: of all that have run.
    """

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        for number, files in enumerate(CONTENTS):
            for path, data in files.items():
                place = self.folder / str(number) / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
        self.storage = MemoryStorage()
        self.stopped = LateStorage(self.storage)
        self.model = Journalled()
        Repository.init_storage(self.storage, "memory").close()
        self.repo = self.open(self.storage)
        self.fault: tuple[int, str] | None = None
        self.compared: Any = None

    def open(self, storage: Storage) -> Repository:
        return Repository(Context(storage, "memory", cache=None, author="ann"))

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    # Doing one thing to both.

    def both(self, command: str, *arguments: Any, garbage: bool = False, **options: Any) -> Done | None:
        """Let both do it. Both must raise the same kind of error, or none. garbage: it makes an entry in any case."""
        Twins.steps += 1
        after, refusal, wanted = copy.deepcopy(self.model), None, None
        try:
            wanted = getattr(after, command)(*arguments, **options)
            after.write_down(self.model.facts(), always=garbage)
        except MregError as error:
            after, refusal = self.model, type(error)
        if command == "log":
            arguments = (self.folder / str(arguments[0]), *arguments[1:])
        if self.fault:
            return self.hurt(command, arguments, options, after, refusal)
        try:
            given = getattr(self.repo, command)(*arguments, **options)
        except MregError as error:
            assert self.may_refuse(command, arguments, error, refusal), f"refused: {error!r}"
            return None
        assert refusal is None, f"it should have been refused with {refusal}"
        self.model = after
        return Done(given, wanted)

    def may_refuse(self, command: str, arguments: Any, error: MregError, wanted: type[MregError] | None) -> bool:
        """Where a gc has failed, nobody knows which versions can be brought back."""
        if command == "undo" and error.code == "given-up" and self.model.returning(*arguments) & self.model.doubtful:
            return True
        if command == "undo" and error.code == "already-undone":  # of what was moved since, it is told apart
            return wanted is not None
        return wanted is not None and isinstance(error, wanted)

    def hurt(self, command: str, arguments: Any, options: Any, after: Journalled, wanted: Any) -> None:
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
            assert faulty.calls >= at or self.may_refuse(command, arguments, failure, wanted), f"refused: {failure!r}"
        except (OSError, Crash):
            assert faulty.calls >= at
        assert not (done and wanted), f"it should have been refused with {wanted}"
        fresh = self.open(self.storage)
        if done or differences(fresh, after) == []:
            if not done:
                after.doubt(self.model)
            self.model = after
        self.repo = fresh if dead else self.repo

    def ask(
        self, question: str, *arguments: Any, wanted: Callable[[], Any], form: Callable[[Any], Any], **options: Any
    ) -> None:
        """The answer of the repository, in this form, must be what is wanted, or both raise the same kind of error."""
        try:
            expected = wanted()
        except MregError as error:
            with pytest.raises(type(error)):
                getattr(self.repo, question)(*arguments, **options)
            return
        assert form(getattr(self.repo, question)(*arguments, **options)) == expected

    def note_entries_that_move_nothing(self) -> None:
        """Those that mreg makes for itself, as many as it likes."""
        for entry in self.repo.history(since=len(self.model.journal)):
            assert entry.changes == ()
            self.model.journal.append(Entry(self.model.day, {}))

    def written(self, key: str) -> bytes | None:
        """The bytes under a storage key."""
        value = self.storage.get(key)
        return None if value is None else value.data

    def dead_bytes(self) -> int:
        """What lies about under names that died."""
        dead = dead_names.dead(dead_names.entries(self.storage.list("journal"), self.written))
        return sum(len(data) for data in map(self.written, dead) if data is not None)

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

    def several(self, data: st.DataObject, what: str) -> list[str]:
        """Of these, none or one."""
        return [self.some(data, what)] if data.draw(st.booleans()) else []

    def copied(self) -> MemoryStorage:
        """A copy of the repository."""
        other = MemoryStorage()
        for key in self.storage.list(""):
            other.put(key, self.storage._entries[key].data)
        return other
