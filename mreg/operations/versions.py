"""Versions: what is known of them, annotating, deleting, using."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mreg.operations.collections import (
    DEFAULT_TYPE,
    aliases_of,
    all_links,
    check_not_held,
    drop_version,
    read_properties,
    release,
)
from mreg.operations.resolve import Resolved, resolve, resolve_in
from mreg.refs.transaction import Draft
from mreg.refs.view import View, annotation_key, artifact_key, run_key
from mreg.session.context import Context
from mreg.values import annotation, metadata, names
from mreg.values.annotation import Said
from mreg.values.entities import Removed, Version
from mreg.values.records import Input, VersionRecord


def load(context: Context, view: View, resolved: Resolved, *, record: VersionRecord | None = None) -> Version:
    """All about one version. Raises Damaged."""
    artifact, number, digest = resolved[:3]
    record = record or context.objects.version(digest)
    key = annotation_key(artifact, number)
    said = annotation.effective(record, view.value(key), key)
    wanted = f"{artifact}:v{number}"
    return describe(
        resolved,
        record,
        said,
        aliases=[
            key.rpartition("/")[2] for key, value in aliases_of(context, artifact).items() if value == f"v{number}"
        ],
        links=[link_name(key) for key, value in all_links(context).items() if value.partition(" ")[0] == wanted],
        type_=artifact_type(view.value(artifact_key(artifact)), artifact),
    )


def describe(
    resolved: Resolved,
    record: VersionRecord,
    said: Said,
    *,
    aliases: Sequence[str],
    links: Sequence[str],
    type_: str,
) -> Version:
    """The version as the API hands it out."""
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
        links=tuple(sorted(links)),
        type=type_,
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
    """Change what is said of a version; the version, and whether anything changed.

    values: merged into its metadata. unset: dotted keys to take out, first. inputs: references to add.
    Raises InvalidMetadata, NotFound.
    """
    wanted = names.parse_reference(reference)
    more = metadata.normalise(values or {})
    found = [resolve(context, one) for one in inputs]
    target: Resolved | None = None

    def build(draft: Draft) -> None:
        nonlocal target
        target = resolve_in(context, draft.view, wanted)
        key = annotation_key(target.artifact, target.number)
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

    entry = context.commit(f"annotate {reference}", build)
    assert target is not None
    return load(context, context.view(), target), entry is not None


def remove(context: Context, reference: str, *, force: bool) -> Removed:
    """Delete a version; its number is never given again. Raises Held while an alias or a link names it,
    unless `force`, which takes those away too."""
    wanted = names.parse_exact(reference, "say which version to delete, as NAME:vN")
    target: Resolved | None = None

    def build(draft: Draft) -> None:
        nonlocal target
        target = resolve_in(context, draft.view, wanted)
        if target.model is not None:
            reason = f"it is a bookmark of {target.name}; `unlink` removes it, `rm {target.name}` the version"
            raise names.InvalidReference(text=reference, reason=reason)
        if not force:
            check_not_held(context, draft, target.artifact, [target.number])
        release(context, draft, target.artifact, [target.number])
        drop_version(draft, target.artifact, target.number)

    entry = context.commit(f"rm {reference}", build)
    assert target is not None and entry is not None
    return Removed(target.artifact, target.number, target.digest, entry.seq)


def record_use(context: Context, resolved: Resolved, run: str) -> None:
    """Note that this run consumed this version (lineage). Again: changes nothing."""
    names.check_name(run, "run")
    key = run_key(run, resolved.digest)
    context.commit(f"use {resolved.name} --run {run}", lambda draft: draft.set(key, resolved.name))


def artifact_type(properties: str | None, name: str) -> str:
    return str(read_properties(properties, artifact_key(name)).get("type", DEFAULT_TYPE))


def link_name(key: str) -> str:
    """`model:vN` of a link's ref key."""
    return f"{key.split('/')[1]}:{key.partition('#')[2]}"


def parse_time(text: str) -> datetime:
    """A time as records and entries have it, whose form was checked when they were read."""
    return datetime.fromisoformat(text)
