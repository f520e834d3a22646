"""Questions about many things at once, answered from the lookup tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from mreg import content
from mreg.operations.described import artifact_type, describe, parse_time
from mreg.operations.resolve import Resolved, linked, require_artifact, require_kind, require_model
from mreg.refs import properties
from mreg.refs.keys import AnnotationKey, ArtifactKey, CardKey, CollectionKey, CollectionKind, ModelKey, in_collection
from mreg.session.context import Context
from mreg.session.index import Index
from mreg.session.listing import (
    listed_aliases,
    listed_collections,
    listed_holders,
    listed_links,
    listed_notes,
    listed_page,
)
from mreg.values import annotation, names
from mreg.values.entities import Artifact, Link, Model, Version
from mreg.values.errors import Damaged
from mreg.values.records import VersionRecord


def artifacts(context: Context, after: str = "", limit: int | None = None) -> list[Artifact]:
    """See `Repository.artifacts`."""
    index = context.tables(context.view().look)
    return _artifacts(context, index, _page(index, CollectionKind.ARTIFACT, after, limit))


def models(context: Context, after: str = "", limit: int | None = None) -> list[Model]:
    """See `Repository.models`."""
    index = context.tables(context.view().look)
    return [_model(index, key, said) for key, said in _page(index, CollectionKind.MODEL, after, limit).items()]


def _page(index: Index, kind: CollectionKind, after: str, limit: int | None) -> dict[CollectionKey, str]:
    if limit is not None:
        return listed_page(index, kind, after, limit)
    return {key: said for key, said in listed_collections(index, kind).items() if not after or key > kind.key(after)}


def artifact(context: Context, name: str) -> Artifact:
    """One artifact. Raises UnknownArtifact."""
    name = names.check_name(name, "artifact name")
    view = context.view()
    require_artifact(context, view, name)
    key = ArtifactKey(name)
    return _artifacts(context, context.tables(view.look), {key: view.value(key)})[0]


def model(context: Context, name: str) -> Model:
    """One registered model. Raises UnknownModel."""
    name = names.check_name(name, "model name")
    view = context.view()
    require_model(context, view, name)
    key = ModelKey(name)
    return _model(context.tables(view.look), key, view.value(key))


def _artifacts(context: Context, index: Index, found: Mapping[CollectionKey, str | None]) -> list[Artifact]:
    latest = {key: index.newest(key.name, 1) for key in found}
    sizes = _sizes(context, index, [digest for versions in latest.values() for digest in versions.values()])
    return [_artifact(index, key, said, latest[key], sizes) for key, said in found.items()]


def _artifact(
    index: Index, key: CollectionKey, said: str | None, latest: dict[int, str], sizes: dict[str, int]
) -> Artifact:
    has = properties.read(key, said)
    return Artifact(
        name=key.name,
        type=str(has.get("type", "")),
        description=str(has.get("description", "")),
        versions=index.number_of_versions(key.name),
        latest=next((f"v{number}" for number in latest), None),
        aliases=_aliases(index, key.name),
        size=next((sizes.get(digest) for digest in latest.values()), None),
        changed=_changed(index, key),
    )


def _sizes(context: Context, index: Index, digests: list[str]) -> dict[str, int]:
    """How large the versions are whose records can be read."""
    try:
        return {digest: record.size for digest, record in load_records(context, index, digests).items()}
    except Damaged:
        found = {}
        for digest in digests:
            with suppress(Damaged):
                found[digest] = load_records(context, index, [digest])[digest].size
        return found


def _changed(index: Index, key: CollectionKey) -> datetime | None:
    time = index.last_change(*in_collection(key.kind, key.name))
    return parse_time(time) if time else None


def _model(index: Index, key: CollectionKey, said: str | None) -> Model:
    has = properties.read(key, said)
    aliases = _aliases(index, key.name)
    card = index.ref(CardKey(key.name))
    return Model(
        name=key.name,
        description=str(has.get("description", "")),
        tags=tuple(str(tag) for tag in has.get("tags", [])),
        type=properties.type_of(has),
        card=(card.value or "") if card else "",
        links=tuple(_links(index, key.name, aliases)),
        aliases=aliases,
        changed=_changed(index, key),
    )


def _aliases(index: Index, name: str) -> dict[str, str]:
    return {key.alias: f"v{number}" for key, number in listed_aliases(index, name).items()}


def _links(index: Index, name: str, aliases: dict[str, str]) -> list[Link]:
    found = []
    for key, target in listed_links(index, name).items():
        held = tuple(alias for alias, value in aliases.items() if value == f"v{key.number}")
        found.append(Link(name, key.number, target.artifact, target.number, target.digest, held))
    return found


def tags(context: Context) -> dict[str, tuple[str, ...]]:
    """Every tag in use, sorted, with the names of the registered models and then of the versions that have it."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in models(context):
        for tag in one.tags:
            found[tag].append(one.name)
    for key, note in listed_notes(context.tables(context.view().look)).items():
        for tag in annotation.decode(note, key).tags:
            found[tag].append(f"{key.artifact}:v{key.number}")
    return {tag: tuple(found[tag]) for tag in sorted(found)}


def awaited(context: Context, name: str) -> dict[int, str]:
    """See `Repository.awaited`. Raises UnknownName."""
    name = names.check_name(name)
    view = context.view()
    kind = require_kind(context, view, name)
    return context.tables(view.look).awaited(kind.key(name))


def versions(
    context: Context,
    name: str,
    newest: int | None = None,
    limit: int | None = None,
    after: int | None = None,
    before: int | None = None,
) -> list[Version]:
    """See `Repository.versions`. Raises UnknownName, Damaged."""
    first = -1 if after is None else after
    name = names.check_name(name)
    view = context.view()
    kind = require_kind(context, view, name)
    index = context.tables(view.look)
    if kind is CollectionKind.MODEL:
        links = {key.number: linked(key, target) for key, target in listed_links(index, name).items()}
        numbers = [number for number in links if first < number and (before is None or number < before)]
        return describe_many(context, index, [links[number] for number in _cut(numbers, newest, limit)])
    if newest is not None:
        found = index.newest(name, newest, after=first, before=before)
    elif limit is not None:
        found = index.oldest(name, limit, after=first, before=before)
    else:
        every = index.versions_of(name).items()
        found = {number: digest for number, digest in every if first < number and (before is None or number < before)}
    numbers = _cut(list(found), newest, limit)
    return describe_many(context, index, [Resolved(name, number, found[number]) for number in numbers])


def _cut(numbers: list[int], newest: int | None, limit: int | None) -> list[int]:
    """The last `newest` of them, and the first `limit` of these."""
    return numbers[0 if newest is None else max(0, len(numbers) - newest) :][:limit]


def describe_many(context: Context, index: Index, wanted: list[Resolved]) -> list[Version]:
    """All that is known about these versions. What it costs follows their number. Raises Damaged."""
    records = load_records(context, index, [one.digest for one in wanted])
    names_of = [one.name for one in wanted]
    holders = listed_holders(index, set(names_of))
    notes = index.values([AnnotationKey(one.artifact, one.number) for one in wanted])
    types: dict[str, str] = {}
    aliases: dict[str, list[str]] = defaultdict(list)
    for artifact in {one.artifact for one in wanted}:
        types[artifact] = artifact_type(artifact, index.values([ArtifactKey(artifact)]).get(ArtifactKey(artifact)))
        for alias, number in listed_aliases(index, artifact).items():
            aliases[f"{artifact}:v{number}"].append(alias.alias)
    found = []
    for one, name in zip(wanted, names_of, strict=True):
        record, note = records[one.digest], AnnotationKey(one.artifact, one.number)
        said = annotation.effective(record, notes.get(note), note)
        held = holders.get(name, [])
        found.append(describe(one, record, said, aliases=aliases[name], holders=held, type_=types[one.artifact]))
    return found


def load_records(context: Context, index: Index, digests: list[str]) -> dict[str, VersionRecord]:
    """The records, by digest; those that the tables lack are read, and kept there if they are sound. Raises Damaged."""
    at_hand = index.records(digests)
    found = {digest: VersionRecord.from_checked(data) for digest, data in at_hand.items()}
    missing = [digest for digest in digests if digest not in at_hand]
    fetched = {digest: context.objects.get(digest, "version record") for digest in missing}
    for digest, data in fetched.items():
        found[digest] = content.objects.parsed(digest, "version record", data, VersionRecord.from_bytes)
    if fetched:
        index.keep_records(fetched)
    return found
