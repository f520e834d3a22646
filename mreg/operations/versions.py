"""Versions: describe, annotate, delete, record their use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mreg.operations.collections import check_not_held, drop_version, release
from mreg.operations.resolve import Resolved, resolve, resolve_in
from mreg.refs import properties
from mreg.refs.keys import AnnotationKey, ArtifactKey, RunKey, VersionKey
from mreg.refs.transaction import Draft
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.session.listing import Holder, listed_aliases, listed_holders
from mreg.values import annotation, metadata, names
from mreg.values.annotation import Said
from mreg.values.entities import Removed, Version
from mreg.values.records import Input, VersionRecord


def load(context: Context, view: View, resolved: Resolved, *, record: VersionRecord | None = None) -> Version:
    """All that is known about one version. Raises Damaged."""
    record = record or context.objects.version(resolved.digest)
    note = AnnotationKey(resolved.artifact, resolved.number)
    index = context.tables(view.look)
    aliases = listed_aliases(index, resolved.artifact)
    return describe(
        resolved,
        record,
        annotation.effective(record, view.value(note), note),
        aliases=[alias.alias for alias, number in aliases.items() if number == resolved.number],
        holders=listed_holders(index, [resolved.name]).get(resolved.name, []),
        type_=artifact_type(resolved.artifact, view.value(ArtifactKey(resolved.artifact))),
    )


def describe(
    resolved: Resolved,
    record: VersionRecord,
    said: Said,
    *,
    aliases: Sequence[str],
    holders: Sequence[Holder],
    type_: str,
) -> Version:
    """The version as the API returns it."""
    return Version(
        artifact=resolved.artifact,
        number=resolved.number,
        digest=resolved.digest,
        manifest=record.manifest,
        files=record.files,
        size=record.size,
        created=parse_time(record.created),
        author=record.author,
        host=record.host,
        run=record.run,
        message=said.message,
        metadata=said.metadata,
        inputs=said.inputs,
        aliases=tuple(sorted(aliases)),
        links=tuple(sorted(holder.link for holder in holders)),
        type=type_,
        model_aliases=tuple(sorted(alias for holder in holders for alias in holder.aliases)),
        model_tags=tuple(sorted({tag for holder in holders for tag in holder.tags})),
    )


def annotate(
    context: Context,
    reference: str,
    *,
    message: str | None = None,
    values: Mapping[str, Any] | None = None,
    unset: Sequence[str] = (),
    inputs: Sequence[str] = (),
) -> tuple[Version, bool]:
    """Change a version's annotation. Returns the version, and whether anything changed.

    values: merged into its metadata. unset: dotted keys to remove first. inputs: references to add.
    Raises InvalidMetadata, NotFound.
    """
    wanted = names.parse_reference(reference)
    more = metadata.normalise(values or {})
    view = context.view()
    found = [resolve(context, one, view) for one in inputs]

    def build(draft: Draft) -> Resolved:
        target = resolve_in(context, draft.view, wanted)
        key = AnnotationKey(target.artifact, target.number)
        said = annotation.effective(context.objects.version(target.digest), draft.value(key), key)
        kept = said.metadata
        for dotted in unset:
            kept = metadata.remove(kept, dotted)
        changed = Said(
            message=said.message if message is None else message,
            metadata=metadata.merge(kept, more),
            inputs=said.inputs,
        ).with_inputs(tuple(Input(one.name, one.digest) for one in found))
        if changed.differs(said):
            draft.set(key, annotation.encode(changed))
        return target

    done = context.commit(f"annotate {reference}", build)
    return load(context, context.view(done.look), done.value), done.entry is not None


def remove(context: Context, reference: str, *, force: bool) -> Removed:
    """Delete a version; its number is never given again. Raises Held while an alias or a link names it; with `force`,
    they are deleted too."""
    wanted = names.parse_exact(reference, "say which version to delete, as NAME:vN")

    def build(draft: Draft) -> Resolved:
        target = resolve_in(context, draft.view, wanted)
        if target.model is not None:
            reason = f"it is a bookmark of {target.name}; `unlink` removes it, `rm {target.name}` the version"
            raise names.InvalidReference(text=reference, reason=reason)
        version = VersionKey(target.artifact, target.number)
        if not force:
            check_not_held(draft, [version])
        release(draft, [version])
        drop_version(draft, version)
        return target

    entry, target, _ = context.commit(f"rm {reference}", build)
    assert entry is not None
    return Removed(target.artifact, target.number, target.digest, entry.seq)


def record_use(context: Context, resolved: Resolved, run: str) -> None:
    """Record that this run used this version (lineage). Repeating it changes nothing."""
    run = names.check_name(run, "run")
    key = RunKey(run, resolved.digest)
    context.commit(f"use {resolved.name} --run {run}", lambda draft: draft.set(key, resolved.name))


def artifact_type(name: str, said: str | None) -> str:
    """The type of an artifact, from the value of its ref."""
    return str(properties.read(ArtifactKey(name), said).get("type", properties.DEFAULT_TYPE))


def parse_time(text: str) -> datetime:
    """A time from a record or an entry; its form was checked when that was read."""
    return datetime.fromisoformat(text)
