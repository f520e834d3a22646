"""What a registry is, without disk, journal and concurrency: dicts, and the rules of docs/concepts.md.

Each method does what the method of `mreg.Repository` with the same name does, or raises an error of the same kind.
Versions are told apart by a token, which stands for the digest of their record.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mreg import Conflict, InvalidInput, NotFound, Refused

_tokens = itertools.count()

SETTINGS = {
    "gc.grace": ("14d", r"\d+[smhdw]?"),
    "gc.keep-last": ("0", r"\d+"),
    "gc.older-than": ("0", r"\d+[smhdw]?"),
    "log.compress": ("true", "true|false"),
}
"""Of each setting that the machine tries its default, and what texts it takes."""


@dataclass
class Version:
    """`annotated`: something else is said of it than when it was logged."""

    token: int
    content: int
    run: str | None
    message: str
    metadata: dict[str, Any]
    inputs: list[tuple[str, int]]
    annotated: bool = False

    @property
    def said(self) -> tuple[str, dict[str, Any], list[tuple[str, int]]]:
        return self.message, self.metadata, self.inputs

    def say(
        self, message: str | None, metadata: dict[str, Any], inputs: list[tuple[str, int]], *, logged: Version
    ) -> None:
        said = (self.message if message is None else message, metadata, _with(self.inputs, inputs))
        if exact(said) != exact(self.said):
            self.message, self.metadata, self.inputs = said
            self.annotated = exact(said) != exact(logged.said)


class Bookmark(NamedTuple):
    artifact: str
    number: int
    token: int


@dataclass
class Artifact:
    """`ever`: the token of each number that was given. These stay when the artifact is removed."""

    there: bool = False
    type: str = ""
    description: str = ""
    ever: list[int] = field(default_factory=list)
    versions: dict[int, Version] = field(default_factory=dict)


@dataclass
class Model:
    """`ever`: what each link was last. They stay when the model is removed."""

    there: bool = False
    description: str = ""
    tags: set[str] = field(default_factory=set)
    card: str = ""
    ever: dict[int, Bookmark] = field(default_factory=dict)
    links: set[int] = field(default_factory=set)


class Found(NamedTuple):
    artifact: str
    number: int
    link: int | None = None


@dataclass
class Registry:
    """`runs`: what each run used, and what that was called then. `logged`: by its token, each version as it was
    logged."""

    artifacts: dict[str, Artifact] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    aliases: dict[tuple[str, str], int] = field(default_factory=dict)
    aliases_ever: set[tuple[str, str]] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)
    runs: dict[tuple[str, int], str] = field(default_factory=dict)
    logged: dict[int, Version] = field(default_factory=dict)

    # Looking things up.

    def artifact(self, name: str) -> Artifact:
        return self.artifacts.get(name, Artifact())

    def model(self, name: str) -> Model:
        return self.models.get(name, Model())

    def version(self, found: Found) -> Version:
        return self.artifacts[found.artifact].versions[found.number]

    def resolve(self, reference: str) -> Found:
        name, _, selector = reference.partition(":")
        numbers = self.numbers(name)
        if selector in ("", "latest"):
            number = max(numbers, default=-1)
        elif (name, selector) in self.aliases:
            number = self.aliases[name, selector]
        else:
            number = int(selector[1:]) if selector[1:].isdigit() else -1
        if number not in numbers:
            raise NotFound(message=reference)
        if self.artifact(name).there:
            return Found(name, number)
        target = self.models[name].ever[number]
        return Found(target.artifact, target.number, number)

    def numbers(self, name: str) -> set[int]:
        if self.artifact(name).there:
            return set(self.artifacts[name].versions)
        if self.model(name).there:
            return self.models[name].links
        raise NotFound(message=name)

    def _check_free(self, name: str, kind: str) -> None:
        taken = self.model(name) if kind == "artifact" else self.artifact(name)
        spellings = {*self.artifacts, *self.models} - {name}
        if taken.there or taken.ever or any(other.lower() == name.lower() for other in spellings):
            raise Refused(message=name)

    def _holders(self, artifact: str, numbers: set[int]) -> tuple[set[str], set[tuple[str, int]]]:
        aliases = {alias for (name, alias), at in self.aliases.items() if name == artifact and at in numbers}
        links = {
            (name, link)
            for name, model in self.models.items()
            for link in model.links
            if model.ever[link].artifact == artifact and model.ever[link].number in numbers
        }
        return aliases, links

    # Versions.

    def log(
        self,
        content: int,
        name: str,
        *,
        aliases: Sequence[str],
        links: Sequence[str],
        message: str | None,
        metadata: dict[str, Any],
        inputs: Sequence[str],
        run: str | None,
        type: str | None,
    ) -> tuple[str, bool]:
        if self.artifact(name).there and type not in (None, self.artifact(name).type):
            raise Refused(message=name)
        if not self.artifact(name).there:
            self._check_free(name, "artifact")
        for model in links:
            if not self.model(model).there:
                self._check_free(model, "model")
        found = [self.resolve(reference) for reference in inputs]
        used = [(f"{one.artifact}:v{one.number}", self.version(one).token) for one in found]
        if not self.artifact(name).there:
            self._make_artifact(name, type or "model")
        artifact = self.artifacts[name]
        latest = max(artifact.versions, default=-1)
        created = latest < 0 or artifact.versions[latest].content != content
        if created:
            latest = len(artifact.ever)
            artifact.ever.append(next(_tokens))
            version = Version(artifact.ever[-1], content, run, message or "", metadata, used)
            artifact.versions[latest], self.logged[version.token] = version, copy.deepcopy(version)
        else:
            version = artifact.versions[latest]
            version.say(message, version.metadata | metadata, used, logged=self.logged[version.token])
            if run not in (None, version.run):
                self.runs[str(run), version.token] = f"{name}:v{latest}"
        for alias in aliases:
            self._set_alias(name, alias, latest)
        for model in links:
            self._link(Found(name, latest), model)
        return f"{name}:v{latest}", created

    def annotate(
        self,
        reference: str,
        *,
        message: str | None,
        metadata: dict[str, Any],
        unset: Sequence[str],
        inputs: Sequence[str],
    ) -> None:
        found = [self.resolve(one) for one in inputs]
        used = [(f"{one.artifact}:v{one.number}", self.version(one).token) for one in found]
        version = self.version(self.resolve(reference))
        for key in unset:
            if key not in version.metadata:
                raise InvalidInput(message=key)
        kept = {key: value for key, value in version.metadata.items() if key not in unset}
        version.say(message, kept | metadata, used, logged=self.logged[version.token])

    def remove(self, reference: str, *, force: bool) -> None:
        found = self.resolve(reference)
        if found.link is not None:
            raise InvalidInput(message=reference)
        if not force and any(self._holders(found.artifact, {found.number})):
            raise Refused(message=reference)
        self._release(found.artifact, {found.number})
        del self.artifacts[found.artifact].versions[found.number]

    def use(self, reference: str, run: str) -> None:
        found = self.resolve(reference)
        self.runs[run, self.version(found).token] = f"{found.artifact}:v{found.number}"

    def _release(self, artifact: str, numbers: set[int]) -> None:
        aliases, links = self._holders(artifact, numbers)
        for alias in aliases:
            del self.aliases[artifact, alias]
        for model, link in links:
            self._unlink(model, link)

    # Collections.

    def create_artifact(self, name: str, *, type: str, description: str) -> bool:
        if self.artifact(name).there:
            return False
        self._make_artifact(name, type)
        self.artifacts[name].description = description
        return True

    def _make_artifact(self, name: str, type: str) -> None:
        self._check_free(name, "artifact")
        artifact = self.artifacts.setdefault(name, Artifact())
        artifact.there, artifact.type, artifact.description = True, type, ""

    def create_model(self, name: str, *, description: str, tags: Sequence[str]) -> bool:
        if self.model(name).there:
            return False
        self._make_model(name)
        self.models[name].description, self.models[name].tags = description, set(tags)
        return True

    def _make_model(self, name: str) -> None:
        self._check_free(name, "model")
        model = self.models.setdefault(name, Model())
        model.there, model.description, model.tags, model.card = True, "", set(), ""

    def remove_artifact(self, name: str, *, force: bool) -> None:
        artifact = self.artifact(name)
        if not artifact.there:
            raise NotFound(message=name)
        if not force and artifact.versions:
            raise Refused(message=name)
        self._release(name, set(artifact.versions))
        artifact.there, artifact.versions = False, {}

    def remove_model(self, name: str, *, force: bool) -> None:
        model = self.model(name)
        if not model.there:
            raise NotFound(message=name)
        if not force and model.links:
            raise Refused(message=name)
        for link in list(model.links):
            self._unlink(name, link)
        model.there = False

    def rename_artifact(self, old: str, new: str) -> None:
        if not self.artifact(old).there:
            raise NotFound(message=old)
        if old == new:
            return
        if self.artifact(new).there:
            raise Refused(message=new)
        self._check_free(new, "artifact")
        mine, before = self.artifacts[old], self.artifact(new)
        if before.ever != mine.ever[: len(before.ever)]:
            raise Refused(message=new)
        self._check_aliases_may_move(old, new)
        self.artifacts[new] = Artifact(True, mine.type, mine.description, list(mine.ever), mine.versions)
        self.artifacts[old] = Artifact(ever=mine.ever)
        self._move_aliases(old, new)
        for model in self.models.values():
            for link in model.links:
                if model.ever[link].artifact == old:
                    model.ever[link] = model.ever[link]._replace(artifact=new)

    def rename_model(self, old: str, new: str) -> None:
        if not self.model(old).there:
            raise NotFound(message=old)
        if old == new:
            return
        if self.model(new).there:
            raise Refused(message=new)
        self._check_free(new, "model")
        mine, before = self.models[old], self.model(new)
        if any(mine.ever.get(number) != link for number, link in before.ever.items()):
            raise Refused(message=new)
        self._check_aliases_may_move(old, new)
        self.models[new] = Model(True, mine.description, mine.tags, mine.card, dict(mine.ever), mine.links)
        self.models[old] = Model(ever=mine.ever)
        self._move_aliases(old, new)

    def _check_aliases_may_move(self, old: str, new: str) -> None:
        for name, alias in self.aliases:
            if name == old:
                self._check_alias_free(new, alias)

    def _move_aliases(self, old: str, new: str) -> None:
        for name, alias in list(self.aliases):
            if name == old:
                self.aliases[new, alias] = self.aliases.pop((old, alias))
                self.aliases_ever.add((new, alias))

    def describe(self, name: str, description: str) -> None:
        self.numbers(name)
        (self.artifacts if self.artifact(name).there else self.models)[name].description = description

    # Links, aliases, tags, cards.

    def link(self, reference: str, model: str, *, aliases: Sequence[str]) -> tuple[str, bool]:
        number, created = self._link(self.resolve(reference), model)
        for alias in aliases:
            self._set_alias(model, alias, number)
        return f"{model}:v{number}", created

    def _link(self, found: Found, name: str) -> tuple[int, bool]:
        if not self.model(name).there:
            self._make_model(name)
        model, token = self.models[name], self.version(found).token
        present = [link for link in model.links if model.ever[link].token == token]
        if present:
            return present[0], False
        number = max(model.ever, default=-1) + 1
        model.ever[number] = Bookmark(found.artifact, found.number, token)
        model.links.add(number)
        return number, True

    def unlink(self, reference: str, *, force: bool) -> None:
        name = reference.partition(":")[0]
        if not self.model(name).there:
            raise NotFound(message=name)
        link = self.resolve(reference).link
        assert link is not None
        if not force and link in [at for (owner, _), at in self.aliases.items() if owner == name]:
            raise Refused(message=reference)
        self._unlink(name, link)

    def _unlink(self, name: str, link: int) -> None:
        for owner, alias in [key for key, at in self.aliases.items() if key[0] == name and at == link]:
            del self.aliases[owner, alias]
        self.models[name].links.remove(link)

    def set_alias(self, alias: str, reference: str, *, expect: str | None) -> None:
        found, name = self.resolve(reference), reference.partition(":")[0]
        before = self.aliases.get((name, alias))
        if expect is not None and expect != ("none" if before is None else f"v{before}"):
            raise Conflict(message=alias)
        self._set_alias(name, alias, found.number if found.link is None else found.link)

    def _set_alias(self, name: str, alias: str, number: int) -> None:
        self._check_alias_free(name, alias)
        self.aliases[name, alias] = number
        self.aliases_ever.add((name, alias))

    def _check_alias_free(self, name: str, alias: str) -> None:
        spellings = {other for owner, other in self.aliases_ever if owner == name} - {alias}
        if (name, alias) not in self.aliases and alias.lower() in {other.lower() for other in spellings}:
            raise Refused(message=alias)

    def remove_alias(self, alias: str, name: str) -> None:
        self.numbers(name)
        if (name, alias) not in self.aliases:
            raise NotFound(message=alias)
        del self.aliases[name, alias]

    def _model_there(self, name: str) -> Model:
        if not self.model(name).there:
            raise NotFound(message=name)
        return self.models[name]

    def add_tags(self, name: str, tags: Sequence[str]) -> None:
        self._model_there(name).tags.update(tags)

    def remove_tags(self, name: str, tags: Sequence[str]) -> None:
        model = self._model_there(name)
        if not model.tags.issuperset(tags):
            raise NotFound(message=name)
        model.tags.difference_update(tags)

    def set_card(self, name: str, text: str) -> None:
        if name in self.artifacts and self.artifacts[name].there:
            raise InvalidInput(message=name)
        self._model_there(name).card = text

    def set_setting(self, name: str, text: str) -> None:
        if name not in SETTINGS:
            raise NotFound(message=name)
        if not re.fullmatch(SETTINGS[name][1], text):
            raise InvalidInput(message=text)
        self.settings[name] = text

    def setting(self, name: str) -> str:
        return self.settings.get(name, SETTINGS[name][0])


def exact(said: Any) -> str:
    """In this form 1, 1.0 and true differ, and the order of keys does not count."""
    return json.dumps(said, sort_keys=True)


def _with(inputs: list[tuple[str, int]], more: list[tuple[str, int]]) -> list[tuple[str, int]]:
    known = {token for _, token in inputs}
    return inputs + [one for one in more if one[1] not in known]
