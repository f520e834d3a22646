"""Where the collections of a plan go: the artifact of each, the names of its aliases, and what was imported before.

The artifact remembers that in a property: which versions (ids of the source) have which number, and where the source
had its aliases. So an import knows what is here without reading it, also where a version was deleted since; and it
tells an alias that the source has moved from one that somebody moved here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any

from mreg.importers.faults import NotImportedHere, SeveralCollections, UnknownCollection
from mreg.importers.plan import Plan, PlannedCollection
from mreg.importers.words import proposed
from mreg.operations.collections import check_free
from mreg.refs.keys import AliasKey, ArtifactKey, CollectionKind, PropertyKey, in_aliases
from mreg.refs.view import Refs, View
from mreg.values import properties
from mreg.values.canonical import Malformed
from mreg.values.change_rows import IMPORTED
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import check_alias, check_name, fold, near


class Memory(NamedTuple):
    """What was imported. versions: the number of each id. aliases: by the source's name of each, the name here, and the
    id of its version."""

    versions: Mapping[str, int] = {}
    aliases: Mapping[str, tuple[str, str]] = {}

    def text(self, name: str) -> str:
        """The value of the property."""
        aliases = {alias: list(place) for alias, place in self.aliases.items()}
        return properties.encode(name, {"versions": dict(self.versions), "aliases": aliases})


class Target(NamedTuple):
    """Where a collection goes. note: the property in which the memory is. aliases: the name here of each alias of the
    source. asked: whether the artifact's name was given."""

    collection: PlannedCollection
    artifact: str
    note: PropertyKey
    memory: Memory
    aliases: Mapping[str, str]
    asked: bool = False

    @property
    def renamed(self) -> dict[str, str]:
        """The names that did not fit."""
        own = [] if self.asked else [(self.collection.name, self.artifact)]
        pairs = [*own, *self.aliases.items()]
        return {old: new for old, new in pairs if old != new}


def targets(view: View, plan: Plan, artifact: str | None, only: Collection[str]) -> list[Target]:
    """artifact: the name to use, where the plan has one collection. only: the collections to import, all where there is
    none. Raises SeveralCollections, UnknownCollection, NotImportedHere, NameTaken, InvalidName."""
    chosen = _chosen(plan, only)
    if artifact is not None and len(chosen) != 1:
        raise SeveralCollections(source=plan.source, names=", ".join(repr(one.name) for one in chosen))
    known = Known(view, plan.system)
    found: list[Target] = []
    for collection in chosen:
        taken = {fold(one.artifact) for one in found}
        name = check_name(artifact) if artifact is not None else known.artifact(collection.name)
        name = name or proposed(collection.name, check_name, taken)
        key = PropertyKey(ArtifactKey(name), property_name(plan.system, collection.name))
        said = view.value(key)
        if view.value(ArtifactKey(name)) is None:
            check_free(view, ArtifactKey(name))
        elif said is None and artifact is None:
            raise NotImportedHere(name=collection.name, artifact=name)
        memory = remembered(said)
        found.append(
            Target(collection, name, key, memory, _aliases(view, name, collection, memory), artifact is not None)
        )
    return found


def _chosen(plan: Plan, only: Collection[str]) -> list[PlannedCollection]:
    there = [one.name for one in plan.collections]
    for name in only:
        if name not in there:
            why = next((note for note in plan.notes if repr(name) in note or note.startswith(f"{name} ")), "")
            raise UnknownCollection(source=plan.source, name=name, near=_near(name, there), hint=why)
    return [one for one in plan.collections if not only or one.name in only]


def _near(name: str, there: list[str]) -> list[str]:
    """Those of the names that may be meant: `bert` may be `google/bert`."""
    ends = {one.rpartition("/")[2]: one for one in reversed(there)}
    return near(name, there) or [ends[end] for end in near(name, list(ends))] or there[:3]


def _aliases(view: View, artifact: str, collection: PlannedCollection, memory: Memory) -> dict[str, str]:
    known = {key.alias for key in view.ever(in_aliases(artifact), AliasKey)}
    found: dict[str, str] = {}
    for alias in collection.aliases:
        if alias in memory.aliases:
            found[alias] = memory.aliases[alias][0]
            continue
        taken = {fold(one) for one in {*known, *found.values()} if one != alias or one in found.values()}
        found[alias] = proposed(alias, check_alias, taken, "alias")
    return found


class Known:
    """The artifacts that collections of a source were imported to, also where they were renamed since."""

    def __init__(self, refs: View, system: str) -> None:
        self._refs = refs
        self._system = system
        self._artifacts: list[str] | None = None

    def artifact(self, collection: str) -> str | None:
        """The one for the collection of this name; None where there is none."""
        key = property_name(self._system, collection)
        if self._artifacts is None:
            every = sorted(self._refs.names_ever())
            self._artifacts = [name for name in every if self._refs.kind(name) is CollectionKind.ARTIFACT]
        return next((one for one in self._artifacts if self._refs.value(PropertyKey(ArtifactKey(one), key))), None)


def property_name(system: str, collection: str) -> str:
    """The property of an artifact in which it stands what was imported from there."""
    name = f"{IMPORTED}{system} {collection}"
    if len(name) <= properties.MAX_KEY:
        try:
            return properties.check_key(name)
        except properties.InvalidProperty:
            pass
    return f"{IMPORTED}{system} {sha256(collection.encode('utf-8', 'surrogatepass')).hexdigest()}"


def remembered(text: str | None) -> Memory:
    """From the value of the property. What is not understood, as it was edited, counts as nothing."""
    if text is None:
        return Memory()
    try:
        said = properties.decode(text)
    except Malformed:
        return Memory()
    versions, aliases = (_mapping(said, key) for key in ("versions", "aliases"))
    places = {alias: tuple(place) for alias, place in aliases.items() if _is_place(place)}
    return Memory({key: n for key, n in versions.items() if isinstance(n, int)}, places)


def memory_of(refs: Refs, target: Target) -> Memory:
    return remembered(refs.value(target.note))


def _mapping(said: Any, key: str) -> Mapping[str, Any]:
    found = said.get(key) if isinstance(said, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _is_place(place: Any) -> bool:
    return isinstance(place, list) and len(place) == 2 and all(isinstance(word, str) for word in place)
