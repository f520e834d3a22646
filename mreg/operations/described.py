"""A version as the API returns it: what its record says, what was said of it later, and what names it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from mreg.operations.resolve import Resolved
from mreg.refs import keys, properties
from mreg.refs.keys import AnnotationKey, ArtifactKey, CardKey, ModelKey, VersionKey
from mreg.refs.rules import version_of
from mreg.refs.view import Refs, View
from mreg.session.context import Context
from mreg.session.listing import Holder, listed_aliases, listed_holders
from mreg.values import annotation
from mreg.values.annotation import Said
from mreg.values.card import facts_of
from mreg.values.entities import Version
from mreg.values.records import VersionRecord


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


def holders_in(refs: Refs) -> dict[VersionKey, list[Holder]]:
    """The registered models that link each version, as the refs themselves have it. See `listed_holders`."""
    found: dict[VersionKey, list[Holder]] = defaultdict(list)
    for key, said in refs.live(keys.ALL_MODELS, ModelKey).items():
        tags = list(properties.read(key, said).get("tags", []))
        card = facts_of(refs.value(CardKey(key.name)) or "")
        aliases = refs.aliases(key.name).items()
        for link, target in refs.links(key.name).items():
            words = [f"{key.name}:{one.alias}" for one, number in aliases if number == link.number]
            found[version_of(target)].append(Holder(link.link, words, tags, card))
    return found


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
        tags=said.tags,
        inputs=said.inputs,
        aliases=tuple(sorted(aliases)),
        links=tuple(sorted(holder.link for holder in holders)),
        type=type_,
        model_aliases=tuple(sorted(alias for holder in holders for alias in holder.aliases)),
        model_tags=tuple(sorted({tag for holder in holders for tag in holder.tags})),
        licenses=tuple(sorted({one for holder in holders for one in holder.card.licenses})),
        base_models=tuple(sorted({one for holder in holders for one in holder.card.base_models})),
        origin=record.origin,
        sources=said.sources,
    )


def artifact_type(name: str, said: str | None) -> str:
    """The type of an artifact, from the value of its ref."""
    return str(properties.read(ArtifactKey(name), said).get("type", properties.DEFAULT_TYPE))


def parse_time(text: str) -> datetime:
    """A time from a record or an entry; its form was checked when that was read."""
    return datetime.fromisoformat(text)
