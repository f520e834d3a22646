"""Versions: describe, annotate, delete, record their use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mreg.operations import expiry
from mreg.operations.changes import changed, report
from mreg.operations.collections import check_not_held, drop, release
from mreg.operations.described import load
from mreg.operations.resolve import Resolved, resolve_anywhere, resolve_in
from mreg.refs.keys import AnnotationKey, RunKey, VersionKey
from mreg.refs.transaction import Draft
from mreg.session.context import Context
from mreg.values import annotation, metadata, names
from mreg.values.annotation import Said
from mreg.values.entities import AnnotateResult, Removed
from mreg.values.errors import Refused, check_text
from mreg.values.names import Reference
from mreg.values.records import Input


class WouldReplace(Refused):
    """A number in the place of a whole mapping is a slip more often than meant."""

    code = "would-replace"
    template = "{key!r} of {version} is a group of {count} that a single value would replace"

    version: str
    key: str
    count: int


def annotate(
    context: Context,
    reference: str,
    *,
    message: str | None = None,
    values: Mapping[str, Any] | None = None,
    unset: Sequence[str] = (),
    inputs: Sequence[str] = (),
    replace: bool = False,
    ttl: float | None = None,
) -> AnnotateResult:
    """See `Repository.annotate`. Raises InvalidMetadata, WouldReplace, NotFound."""
    wanted = names.parse_reference(reference)
    if message is not None:
        check_text(message, "a message")
    more = metadata.normalise(values or {})
    view = context.view()
    found = [resolve_anywhere(context, one, view)._replace(remote=None) for one in inputs]

    def build(draft: Draft) -> Resolved:
        target = resolve_in(context, draft.view, wanted)
        said = said_of(context, draft, target)
        kept = said.metadata
        for dotted in unset:
            kept = metadata.remove(kept, dotted)
        if not replace:
            check_replaced(target, kept, more)
        note(
            context,
            draft,
            target,
            said,
            said._replace(
                message=said.message if message is None else message,
                metadata=metadata.merge(kept, more),
            ).with_inputs(tuple(Input(one.name, one.digest) for one in found)),
        )
        if ttl is not None:
            expiry.set_ttl(context, draft, target, ttl)
        return target

    done = context.commit(f"annotate {reference}", build)
    version = load(context, context.view(done.look), done.value)
    return AnnotateResult(version, bool(done.changes), *changed(context, done))


def said_of(context: Context, draft: Draft, target: Resolved) -> Said:
    """What is said of the version now."""
    key = AnnotationKey(target.artifact, target.number)
    return annotation.effective(context.objects.version(target.digest), draft.value(key), key)


def note(context: Context, draft: Draft, target: Resolved, said: Said, now: Said) -> None:
    """Draft that this is said of the version, unless it is what is `said` already."""
    if now.differs(said):
        beyond = now.beyond(context.objects.version(target.digest))
        text = None if beyond is None else annotation.encode(beyond)
        draft.set(AnnotationKey(target.artifact, target.number), text)


def check_replaced(target: Resolved, present: Mapping[str, Any], more: Mapping[str, Any]) -> None:
    """Raises WouldReplace where one value would take the place of many."""
    for key, count in metadata.replaced(present, more):
        raise WouldReplace(version=target.name, key=key, count=count)


def remove(context: Context, references: Sequence[str], *, force: bool, message: str | None = None) -> Removed:
    """Delete versions, all or none; their numbers are never given again. Raises Held while an alias or a link names
    one of them; with `force`, these are deleted too."""
    wanted = [names.parse_exact(one, "name the version to delete as NAME:vN") for one in references]

    def build(draft: Draft) -> Removed:
        found = dict.fromkeys(_removable(context, draft, one) for one in wanted)
        versions = [VersionKey(one.artifact, one.number) for one in found]
        if not force:
            check_not_held(draft, versions)
        release(draft, versions)
        for version in versions:
            drop(draft, version)
        return Removed(tuple(one.name for one in found))

    return report(context, context.commit(f"rm {' '.join(references)}", build, message=message))


def _removable(context: Context, draft: Draft, wanted: Reference) -> Resolved:
    target = resolve_in(context, draft.view, wanted)
    if target.model is not None:
        reason = f"it is a link to {target.name}; `unlink` removes it, `rm {target.name}` the version"
        raise names.InvalidReference(text=str(wanted), reason=reason)
    return target


def record_use(context: Context, resolved: Resolved, run: str) -> None:
    """Record that this run used this version (lineage). Repeating it changes nothing."""
    run = names.check_name(run, "run")
    key = RunKey(run, resolved.digest)
    context.commit(f"use {resolved.name} --run {run}", lambda draft: draft.set(key, resolved.name))
