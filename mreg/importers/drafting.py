"""The refs of one imported collection, as one change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mreg.importers import targets
from mreg.importers.prepared import Added, Prepared
from mreg.importers.targets import Memory
from mreg.importers.words import property_key, sayable
from mreg.operations.aliases import set_in_draft
from mreg.operations.collections import change_properties, ensure
from mreg.operations.owners import check_room
from mreg.operations.resolve import Resolved
from mreg.operations.versions import note, said_of
from mreg.refs.keys import AliasKey, ArtifactKey, CollectionKind, Owner, PropertyKey, VersionKey
from mreg.refs.transaction import Draft, MissingPack
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.values import names, properties
from mreg.values.errors import Conflict
from mreg.values.ref_texts import Reserved


class Moved(Conflict):
    code = "artifact-moved"
    template = "{artifact!r} changed while versions were imported into it"

    artifact: str


def draft_collection(context: Context, draft: Draft, prepared: Prepared) -> None:
    """Raises Moved where the artifact is not what it was when the bytes were stored; MissingPack."""
    target = prepared.target
    artifact = ArtifactKey(target.artifact)
    view = draft.view
    if targets.memory_of(view, target) != target.memory or view.next_number(artifact.name) != prepared.first:
        raise Moved(artifact=artifact.name)
    if not prepared.added and view.value(artifact) is None:
        return
    if ensure(context, draft, CollectionKind.ARTIFACT, artifact.name, target.collection.type):
        said = target.collection.description
        change_properties(draft, artifact, lambda has: has.update(description=said))
        _set_properties(draft, artifact, target.collection.properties)
    for number in prepared.skipped:
        draft.bury(VersionKey(artifact.name, number), str(Reserved(None)))
    for one in prepared.added:
        _add_version(context, draft, artifact.name, one)
    places = _move_aliases(draft, prepared)
    memory = Memory(prepared.numbers, {**target.memory.aliases, **places})
    draft.set(target.note, memory.text(target.note.name))
    check_room(draft, artifact, PropertyKey, artifact.name)
    if draft.new:
        draft.looked_up, draft.packs = prepared.view.head, prepared.packs


def _add_version(context: Context, draft: Draft, artifact: str, one: Added) -> None:
    objects = context.objects_at(draft.view)
    if not (objects.has(one.digest) and objects.has(context.objects.version(one.digest).manifest)):
        raise MissingPack(pack="of this version")
    key = VersionKey(artifact, one.number)
    draft.set(key, one.digest)
    _set_properties(draft, key, one.version.properties)
    if one.version.tags:
        resolved = Resolved(artifact, one.number, one.digest)
        said = said_of(context, draft, resolved)
        note(context, draft, resolved, said, said._replace(tags=tuple(sorted({*said.tags, *one.version.tags}))))


def _set_properties(draft: Draft, owner: Owner, wanted: Mapping[str, Any]) -> None:
    for key, value in sayable(wanted).items():
        name = property_key(key)
        draft.set(PropertyKey(owner, name), properties.encode(name, value))


def _move_aliases(draft: Draft, prepared: Prepared) -> dict[str, tuple[str, str]]:
    """Move the aliases that the source has moved, unless they were moved here too. Where each is at the source now."""
    target, numbers = prepared.target, prepared.numbers
    places = {}
    for alias, id in target.collection.aliases.items():
        number = numbers.get(id)
        if number is None or draft.value(VersionKey(target.artifact, number)) is None:
            continue
        name = target.aliases[alias]
        places[alias] = name, id
        if is_kept(draft.view, target.artifact, name, target.memory, alias, number):
            continue
        set_in_draft(draft, target.artifact, name, number)
    return places


def is_kept(view: View, artifact: str, name: str, memory: Memory, alias: str, number: int) -> bool:
    """Whether the alias stays where it is here: somebody has moved or removed it since it was imported, or it was there
    before. alias: at the source; name: here."""
    now = view.value(AliasKey(artifact, name))
    before = memory.aliases.get(alias)
    at = memory.versions.get(before[1]) if before else None
    if now is None:
        return before is not None and view.value(ArtifactKey(artifact)) is not None
    return names.parse_version(now) not in (number, at)
