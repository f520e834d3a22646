"""The model's journal, and what rests on it: history, undo, and gc with its grace and its retention.

An entry is what differs between the facts before and after a command. So an undo needs to know nothing of the command:
it puts facts back, if all of them still fit together afterwards.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from registry_model import Artifact, Bookmark, Found, Model, Registry, exact

from mreg import Conflict, InvalidInput, NotFound, Refused

DAY = 86400.0

Fact = tuple[Any, ...]
"""A kind and the names of what it is about: the fact ("alias", "w", "best") is a number."""

KINDS = ("artifact", "version", "said", "model", "card", "link", "alias", "run", "settings")
"""Each stands on those before it."""


class Entry(NamedTuple):
    """Of each fact that moved what it was and what it became; None: there was no such thing."""

    day: int
    changes: dict[Fact, tuple[Any, Any]]


@dataclass
class Journalled(Registry):
    """`given_up`: tokens of versions whose files a gc has deleted. `doubtful`: of those that a gc which failed may have
    deleted."""

    day: int = 0
    journal: list[Entry] = field(default_factory=list)
    given_up: set[int] = field(default_factory=set)
    doubtful: set[int] = field(default_factory=set)

    # Facts.

    def facts(self) -> dict[Fact, Any]:
        found: dict[Fact, Any] = {("settings",): dict(self.settings)} if self.settings else {}
        for name, artifact in self.artifacts.items():
            if artifact.there:
                found["artifact", name] = (artifact.type, artifact.description)
            for number, one in artifact.versions.items():
                found["version", name, number] = one.token
                if one.annotated:
                    found["said", name, number] = (one.message, exact(one.metadata), tuple(one.inputs))
        for name, model in self.models.items():
            if model.there:
                found["model", name] = (model.description, tuple(sorted(model.tags)))
                found |= {("link", name, number): model.ever[number] for number in model.links}
                found |= {("card", name): model.card} if model.card else {}
        found |= {("alias", *key): number for key, number in self.aliases.items()}
        return found | {("run", *key): name for key, name in self.runs.items()}

    def put(self, fact: Fact, value: Any) -> None:
        """Let the fact be this."""
        match fact:
            case ("artifact", name):
                artifact = self.artifacts.setdefault(name, Artifact())
                artifact.there = value is not None
                artifact.type, artifact.description = value or ("", "")
            case ("version", name, number) if value is None:
                del self.artifacts[name].versions[number]
            case ("version", name, number):
                self.artifacts[name].versions[number] = copy.deepcopy(self.logged[value])
            case ("said", name, number) if number in self.artifacts[name].versions:
                one = copy.deepcopy(self.logged[self.artifacts[name].versions[number].token])
                if value:
                    message, metadata, inputs = value
                    one.message, one.metadata, one.inputs = message, json.loads(metadata), list(inputs)
                    one.annotated = True
                self.artifacts[name].versions[number] = one
            case ("model", name):
                model = self.models.setdefault(name, Model())
                model.there = value is not None
                model.description, model.tags = (value[0], set(value[1])) if value else ("", set())
            case ("card", name):
                self.models[name].card = value or ""
            case ("link", name, number) if value is None:
                self.models[name].links.remove(number)
            case ("link", name, number):
                self.models[name].ever[number] = value
                self.models[name].links.add(number)
            case ("alias", *key):
                _set(self.aliases, tuple(key), value)
            case ("run", *key):
                _set(self.runs, tuple(key), value)
            case ("settings",):
                self.settings = dict(value or {})

    def write_down(self, before: dict[Fact, Any], *, always: bool = False) -> None:
        """Add the entry of what has changed; where nothing has, only if it is `always` one."""
        now = self.facts()
        pairs = {fact: (before.get(fact), now.get(fact)) for fact in before | now}
        changes = {fact: pair for fact, pair in pairs.items() if pair[0] != pair[1]}
        if changes or always:
            self.journal.append(Entry(self.day, changes))

    # History and undo.

    def history(self, name: str | None, *, since: int, limit: int | None) -> list[int]:
        """The numbers of the entries."""
        if since > len(self.journal):
            raise InvalidInput(message=str(since))
        concerned: list[int] = []
        called = name
        for seq, entry in reversed(list(enumerate(self.journal, 1))):
            if called is None or _concerns(entry, called):
                concerned.append(seq)
            called = called and _name_before(entry, called)
        if name is not None and not concerned:
            raise NotFound(message=name)
        later = [seq for seq in reversed(concerned) if seq > since]
        return later if limit is None else later[max(len(later) - limit, 0) :]

    def undo(self, seq: int) -> None:
        if not 0 < seq <= len(self.journal):
            raise InvalidInput(message=str(seq))
        changes, now = self.journal[seq - 1].changes, self.facts()
        if not changes or self.given_up & self.returning(seq):
            raise Refused(message=str(seq))
        if any(now.get(fact) != new for fact, (_, new) in changes.items()):
            raise Conflict(message=str(seq))
        now |= {fact: old for fact, (old, _) in changes.items()}
        if not self._fit({fact: value for fact, value in now.items() if value is not None}):
            raise Refused(message=str(seq))
        for fact, (old, _) in sorted(changes.items(), key=lambda change: KINDS.index(change[0][0])):
            self.put(fact, old)

    def returning(self, seq: int) -> set[int]:
        """The tokens of versions that an undo brings back. A rename only takes them from one name to another."""
        pairs = _of_kind(self.journal[seq - 1], "version")
        return {old for old, new in pairs if new is None} - {new for old, new in pairs if old is None}

    def _fit(self, facts: dict[Fact, Any]) -> bool:
        links = [(fact[1], value.token) for fact, value in facts.items() if fact[0] == "link"]
        return len(set(links)) == len(links) and all(self._stands(*pair, facts) for pair in facts.items())

    def _stands(self, fact: Fact, value: Any, facts: dict[Fact, Any]) -> bool:
        """Is there what this rests on, and is the name of a collection free for it?"""
        match fact:
            case ("artifact", name):
                return ("model", name) not in facts and not self.model(name).ever
            case ("model", name):
                return ("artifact", name) not in facts and not self.artifact(name).ever
            case ("version", name, _):
                return ("artifact", name) in facts
            case ("said", name, number):
                return ("version", name, number) in facts
            case ("card", name):
                return ("model", name) in facts
            case ("link", name, _):
                return ("model", name) in facts and facts.get(("version", *value[:2])) == value.token
            case ("alias", name, _):
                return ("version", name, value) in facts or ("link", name, value) in facts
        return True

    # gc.

    def gc(self, *, grace: float | None, keep_last: int | None, older_than: float | None) -> tuple[str, ...]:
        """The names of the versions that expire."""
        kept = self._within(_seconds(self.setting("gc.grace")) if grace is None else grace)
        expiring = self._expiring(
            int(self.setting("gc.keep-last")) if keep_last is None else keep_last,
            _seconds(self.setting("gc.older-than")) if older_than is None else older_than,
        )
        if kept is not None:
            kept |= {self.version(one).token for one in expiring}
        for artifact, number, _ in expiring:
            del self.artifacts[artifact].versions[number]
        self.given_up |= self.dead() - (kept or set())
        return tuple(f"{artifact}:v{number}" for artifact, number, _ in expiring)

    def _within(self, grace: float) -> set[int] | None:
        """What anything pointed at within the grace period; None without one."""
        if not grace:
            return None
        entries = [entry for entry in self.journal if (self.day - entry.day) * DAY <= grace]
        pairs = [pair for entry in entries for pair in _of_kind(entry, "version") + _of_kind(entry, "link")]
        values = [value for pair in pairs for value in pair if value is not None]
        return {value.token if isinstance(value, Bookmark) else value for value in values}

    def _expiring(self, keep_last: int, older_than: float) -> list[Found]:
        return [
            Found(name, number)
            for name, artifact in sorted(self.artifacts.items())
            for number in sorted(artifact.versions)
            if (keep_last or older_than)
            and number != max(artifact.versions)
            and not any(self._holders(name, {number}))
            and not (keep_last and number in sorted(artifact.versions)[-keep_last:])
            and not (older_than and self._age(name, number) <= older_than)
        ]

    def _age(self, artifact: str, number: int) -> float:
        """How long the version has had its name, in seconds."""
        fact = ("version", artifact, number)
        given = [entry.day for entry in self.journal if entry.changes.get(fact, (None, None))[1] is not None]
        return (self.day - given[-1]) * DAY

    def dead(self) -> set[int]:
        """The tokens of deleted versions."""
        return self.logged.keys() - {
            one.token for artifact in self.artifacts.values() for one in artifact.versions.values()
        }

    def doubt(self, before: Journalled) -> None:
        """A gc has said what it deletes, and then failed."""
        self.doubtful |= self.given_up - before.given_up
        self.given_up = before.given_up


def _set(values: dict[Any, Any], key: Any, value: Any) -> None:
    if value is None:
        del values[key]
    else:
        values[key] = value


def _of_kind(entry: Entry, kind: str) -> list[tuple[Any, Any]]:
    return [pair for fact, pair in entry.changes.items() if fact[0] == kind]


def _concerns(entry: Entry, name: str) -> bool:
    """Is it about the collection itself, or does a link to one of its versions, or the use of one, move?"""
    for (kind, *names), pair in entry.changes.items():
        if kind not in ("run", "settings") and names[0] == name:
            return True
        if kind == "link" and any(value and value.artifact == name for value in pair):
            return True
        if kind == "run" and any(value and value.partition(":")[0] == name for value in pair):
            return True
    return False


def _name_before(entry: Entry, name: str) -> str:
    """What is called `name` after the entry, which may have renamed it."""
    for kind in ("artifact", "model"):
        gone = [fact[1] for fact, (_, new) in entry.changes.items() if fact[0] == kind and new is None]
        if gone and entry.changes.get((kind, name), (name, None))[0] is None:
            return str(gone[0])
    return name


def _seconds(text: str) -> float:
    return float(text[:-1]) * DAY if text.endswith("d") else float(text.removesuffix("s"))
