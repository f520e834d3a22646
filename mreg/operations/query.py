"""Questions about many things at once, answered from the lookup tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeVar

from mreg.content.objects import DamagedObject
from mreg.operations.collections import all_links, read_properties
from mreg.operations.resolve import Resolved, parse_link, require_artifact, require_kind, require_model, resolve
from mreg.operations.versions import artifact_type, describe, link_name, load
from mreg.refs.ref_files import DamagedRef, Ref
from mreg.refs.view import alias_key, artifact_key, card_key, model_key
from mreg.session.context import Context
from mreg.session.index import Index
from mreg.values import annotation, metadata
from mreg.values.canonical import Malformed, same
from mreg.values.entities import Artifact, Diff, File, Link, Model, Version
from mreg.values.names import parse_version
from mreg.values.records import VersionRecord

_T = TypeVar("_T")


def artifacts(context: Context, only: str | None = None) -> list[Artifact]:
    """All artifacts, sorted by name (or the one called `only`)."""
    index = context.fresh_index()
    found = []
    for name, ref in sorted(index.named("artifacts", "artifact.toml").items()):
        if ref.value is None or only not in (None, name):
            continue
        live = [number for number, _ in _live_versions(index, name)]
        properties = read_properties(ref.value, artifact_key(name))
        found.append(
            Artifact(
                name=name,
                type=str(properties.get("type", "")),
                description=str(properties.get("description", "")),
                versions=len(live),
                latest=f"v{max(live)}" if live else None,
                aliases=_aliases(index, name),
            )
        )
    return found


def models(context: Context, only: str | None = None) -> list[Model]:
    """All registered models, sorted by name (or the one called `only`)."""
    index = context.fresh_index()
    found = index.named("registered", "model.toml")
    return [_model(index, name, ref) for name, ref in sorted(found.items()) if _wanted(name, ref, only)]


def artifact(context: Context, name: str) -> Artifact:
    """One artifact. Raises UnknownArtifact."""
    require_artifact(context, context.view(), name)
    return _known(artifacts(context, name), artifact_key(name))


def tags(context: Context) -> dict[str, tuple[str, ...]]:
    """Every tag in use, with the names of the registered models that have it, both sorted."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in models(context):
        for tag in one.tags:
            found[tag].append(one.name)
    return {tag: tuple(found[tag]) for tag in sorted(found)}


def model(context: Context, name: str) -> Model:
    """One registered model. Raises UnknownModel."""
    require_model(context, context.view(), name)
    return _known(models(context, name), model_key(name))


def _known(found: list[_T], key: str) -> _T:
    if not found:
        raise DamagedRef(ref=key, reason="its file is there, but the journal does not know it")
    return found[0]


def _wanted(name: str, ref: Ref, only: str | None) -> bool:
    return ref.value is not None and only in (None, name)


def _model(index: Index, name: str, ref: Ref) -> Model:
    properties = read_properties(ref.value, model_key(name))
    aliases = _aliases(index, name)
    card = index.refs(card_key(name)).get(card_key(name))
    return Model(
        name=name,
        description=str(properties.get("description", "")),
        tags=tuple(str(tag) for tag in properties.get("tags", [])),
        card=(card.value or "") if card else "",
        links=tuple(_links(index, name, aliases)),
        aliases=aliases,
    )


def _links(index: Index, name: str, aliases: dict[str, str]) -> list[Link]:
    found = []
    prefix = f"registered/{name}/links#"
    for key, ref in index.refs(prefix).items():
        number = parse_version(key.removeprefix(prefix))
        if ref.value is None or number is None:
            continue
        target = parse_link(name, number, ref.value)
        held = tuple(alias for alias, value in aliases.items() if value == f"v{number}")
        found.append(Link(name, number, target.artifact, target.number, target.digest, held))
    return sorted(found, key=lambda link: link.number)


def _aliases(index: Index, name: str) -> dict[str, str]:
    prefix = alias_key(name, "")
    found = index.refs(prefix)
    return {key.removeprefix(prefix): ref.value for key, ref in sorted(found.items()) if ref.value is not None}


def versions(context: Context, name: str) -> list[Version]:
    """The versions of an artifact in ascending order, or those linked in a registered model, in link order.

    Raises UnknownName, Damaged.
    """
    view = context.view()
    kind = require_kind(context, view, name)
    index = context.fresh_index()
    if kind == "artifact":
        wanted = [Resolved(name, number, digest) for number, digest in _live_versions(index, name)]
    else:
        wanted = [
            Resolved(link.artifact, link.version_number, link.digest, name, link.number)
            for link in _links(index, name, {})
        ]
    return _describe_many(context, index, wanted)


def _live_versions(index: Index, name: str) -> list[tuple[int, str]]:
    prefix = f"artifacts/{name}/"
    rows = ((parse_version(key.removeprefix(prefix)), ref.value) for key, ref in index.refs(prefix).items())
    return sorted((number, value) for number, value in rows if number is not None and value is not None)


def _describe_many(context: Context, index: Index, wanted: list[Resolved]) -> list[Version]:
    records = _records(context, index, [one.digest for one in wanted])
    annotations: dict[str, Ref] = {}
    for artifact in {one.artifact for one in wanted}:
        annotations |= {key: ref for key, ref in index.refs(f"artifacts/{artifact}/").items() if key.endswith(".toml")}
    held: dict[str, list[str]] = defaultdict(list)
    for artifact in {one.artifact for one in wanted}:
        for alias, value in _aliases(index, artifact).items():
            held[f"{artifact}:{value}"].append(alias)
    linked: dict[str, list[str]] = defaultdict(list)
    for key, value in all_links(context).items():
        linked[value.partition(" ")[0]].append(link_name(key))
    types = {}
    for artifact in {one.artifact for one in wanted}:
        properties = annotations.get(artifact_key(artifact))
        types[artifact] = artifact_type(properties.value if properties else None, artifact)
    found = []
    for one in wanted:
        key = f"artifacts/{one.artifact}/v{one.number}.toml"
        said = annotation.effective(records[one.digest], annotations[key].value if key in annotations else None, key)
        type_ = types[one.artifact]
        aliases, links = held[one.name], linked[one.name]
        found.append(describe(one, records[one.digest], said, aliases=aliases, links=links, type_=type_))
    return found


def _records(context: Context, index: Index, digests: list[str]) -> dict[str, VersionRecord]:
    at_hand = index.records(digests)
    missing = [digest for digest in digests if digest not in at_hand]
    fetched = {digest: context.objects.get(digest, "version record") for digest in missing}
    if fetched:
        index.keep_records(fetched)
    result = {}
    for digest, data in (at_hand | fetched).items():
        try:
            result[digest] = VersionRecord.from_bytes(data)
        except Malformed as error:
            raise DamagedObject(what="version record", digest=digest, reason=str(error)) from None
    return result


def diff(context: Context, before: str, after: str) -> Diff:
    """Two versions side by side, file by file and key by key."""
    view = context.view()
    old, new = (load(context, view, resolve(context, reference)) for reference in (before, after))
    old_files, new_files = (
        {file.path: file for file in context.objects.manifest(version.manifest).files} for version in (old, new)
    )
    both = sorted(old_files.keys() & new_files.keys())
    return Diff(
        before=old,
        after=new,
        added=_only(new_files, old_files),
        removed=_only(old_files, new_files),
        changed=tuple((old_files[p], new_files[p]) for p in both if old_files[p].digest != new_files[p].digest),
        metadata=_differences(old.metadata, new.metadata),
    )


def _only(these: dict[str, File], others: dict[str, File]) -> tuple[File, ...]:
    return tuple(these[path] for path in sorted(these.keys() - others.keys()))


def _differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    old, new = metadata.flatten(before), metadata.flatten(after)
    keys: Iterable[str] = sorted(old.keys() | new.keys())
    return {key: (old.get(key), new.get(key)) for key in keys if not same(old.get(key), new.get(key))}


def search(context: Context, text: str, tags: list[str]) -> tuple[list[Model], list[Artifact], list[Version]]:
    """Models, artifacts and versions in which `text` stands (name, description, card, tag, alias, message,
    metadata; in any case), models only with all the `tags`; versions only where the text is not empty."""
    needle = text.casefold()
    wanted = {tag.casefold() for tag in tags}
    found_models = [
        one
        for one in models(context)
        if wanted <= {tag.casefold() for tag in one.tags}
        and _stands_in(needle, [one.name, one.description, one.card, *one.tags, *one.aliases])
    ]
    if wanted:
        return found_models, [], []
    every = artifacts(context)
    found_artifacts = [one for one in every if _stands_in(needle, [one.name, one.description, one.type, *one.aliases])]
    if not needle:
        return found_models, found_artifacts, []
    found_versions = [one for artifact in every for one in versions(context, artifact.name) if _mentions(one, needle)]
    return found_models, found_artifacts, found_versions


def _mentions(version: Version, needle: str) -> bool:
    flat = metadata.flatten(version.metadata)
    words = [version.message, version.run or "", *version.aliases]
    words += [f"{key}={value}" for key, value in flat.items()]
    return _stands_in(needle, words)


def _stands_in(needle: str, words: Iterable[str]) -> bool:
    return any(needle in word.casefold() for word in words)
