"""Links of versions in registered models, and the models' cards and tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from mreg import checkout
from mreg.operations import expect as expectations, types
from mreg.operations.aliases import set_in_draft
from mreg.operations.changes import changed, report
from mreg.operations.collections import change_properties, check_not_held, drop, release
from mreg.operations.resolve import Resolved, require_model, resolve, resolve_in
from mreg.operations.versions import note, said_of
from mreg.refs import heading, properties
from mreg.refs.keys import CONFIG, AliasKey, CardKey, CollectionKind, LinkKey, ModelKey
from mreg.refs.transaction import Draft
from mreg.session import remotes
from mreg.session.context import Context
from mreg.values import formats, names
from mreg.values.card import facts_of
from mreg.values.changed import Changed
from mreg.values.entities import Link, LinkResult, TagsResult, Unlinked
from mreg.values.errors import InvalidInput, NotFound
from mreg.values.names import near
from mreg.values.ref_texts import LinkTarget

MAX_CARD = 1 << 20
_README = "readme.md"


class UnknownTag(NotFound):
    code = "unknown-tag"
    template = "{model!r} has no tag {tag!r}"

    model: str
    tag: str


class CardOfArtifact(InvalidInput):
    code = "card-of-artifact"
    template = "{name!r} is not a registered model: the card of an artifact or a version is its README.md"

    name: str


class InvalidCard(InvalidInput):
    code = "invalid-card"
    template = "this cannot be a model card: {reason}"

    reason: str


def link(
    context: Context,
    reference: str,
    model: str,
    aliases: tuple[str, ...],
    *,
    expect: str | Sequence[str] | None = None,
    message: str | None = None,
    force: bool = False,
) -> LinkResult:
    """See `Repository.link`."""
    wanted = names.parse_reference(reference)
    model = names.check_name(model, "model name")
    aliases = tuple(map(names.check_alias, aliases))
    expected = expectations.parse(expect, [AliasKey(model, alias) for alias in aliases])

    def build(draft: Draft) -> LinkResult:
        target = resolve_in(context, draft.view, wanted)
        expectations.check(draft, expected)
        model_created = types.ensure_model(context, draft, model, target.artifact)
        number, created = add_link(draft, model, target)
        if created and not force:
            types.check_link(draft, model, target.name, types.type_of_artifact(draft, target.artifact))
        for alias in aliases:
            set_in_draft(draft, model, alias, number)
        made = Link(model, number, target.artifact, target.number, target.digest, aliases)
        return LinkResult(made, created, model_created)

    return report(context, context.commit(f"link {reference} {model}", build, message=message))


def add_link(draft: Draft, model: str, target: Resolved) -> tuple[int, bool]:
    """Draft the link. Returns its number, and whether it is new (a model links a version once)."""
    for key, linked in draft.links(model).items():
        if linked.digest == target.digest:
            return key.number, False
    key = LinkKey(model, draft.view.next_link(model))
    draft.set(key, str(LinkTarget(target.artifact, target.number, target.digest)))
    return key.number, True


def unlink(context: Context, reference: str, *, force: bool, message: str | None = None) -> Unlinked:
    """See `Repository.unlink`. Raises UnknownModel, NotFound, Held."""
    wanted = names.parse_exact(reference, "name the link to remove as MODEL:vN")

    remotes.refuse(context, wanted)

    def build(draft: Draft) -> Unlinked:
        require_model(context, draft.view, wanted.name)
        target = resolve_in(context, draft.view, wanted)
        assert target.link is not None
        key = LinkKey(wanted.name, target.link)
        if not force:
            check_not_held(draft, [key])
        release(draft, [key])
        drop(draft, key)
        return Unlinked(Link(wanted.name, target.link, target.artifact, target.number, target.digest))

    return report(context, context.commit(f"unlink {reference}", build, message=message))


def card(context: Context, reference: str) -> str:
    """The card of a registered model; of an artifact or a version its README.md. Empty if there is none. Raises
    UnknownName, InvalidCard, DamagedFile."""
    view = context.view()
    wanted = names.parse_reference(reference)
    if ":" not in reference and view.kind(wanted.name) is not CollectionKind.ARTIFACT:
        require_model(context, view, wanted.name)
        return view.value(CardKey(wanted.name)) or ""
    return readme(context, resolve(context, wanted, view))


def readme(context: Context, version: Resolved) -> str:
    """The README.md of a version, empty if it has none. Raises InvalidCard, DamagedFile."""
    record = context.objects.version(version.digest)
    found = [file for file in context.objects.manifest(record.manifest).files if file.path.casefold() == _README]
    if not found:
        return ""
    if found[0].size > MAX_CARD:
        raise InvalidCard(reason=f"the README.md of {version.name} is larger than {MAX_CARD >> 20} MiB")
    try:
        return b"".join(checkout.reader.Reader(context, version.name).read(found[0])).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidCard(reason=f"the README.md of {version.name} is not UTF-8 text") from None


def set_card(context: Context, model: str, text: str) -> Changed:
    """Replace the model card. Tags that its front matter has, and the card before had not, become tags of the model. No
    tag is removed: nothing tells whether a person gave it too. Raises UnknownModel, CardOfArtifact, InvalidCard."""
    if ":" in model:
        raise CardOfArtifact(name=model)
    model = names.check_name(model, "model name")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_CARD:
        raise InvalidCard(reason=f"it is larger than {MAX_CARD >> 20} MiB")
    if any(0xD800 <= ord(c) < 0xE000 for c in text):
        raise InvalidCard(reason="it is not UTF-8 text")

    def build(draft: Draft) -> None:
        if draft.view.kind(model) is CollectionKind.ARTIFACT:
            raise CardOfArtifact(name=model)
        require_model(context, draft.view, model)
        before, now = (_tags_of(draft, one) for one in (draft.value(CardKey(model)) or "", text))
        draft.set(CardKey(model), text or None)
        if now - before:
            _set_tags(draft, model, lambda present: present | (now - before))

    return changed(context, context.commit(f"card {model}", build))


def _tags_of(draft: Draft, card: str) -> set[str]:
    """The tags of a card that a model can have."""
    found = set()
    for tag in facts_of(card).tags:
        with suppress(names.InvalidTag, formats.NeedsFormat):
            tag = names.check_tag(tag)
            heading.check_tags(draft.value(CONFIG), [tag])
            found.add(tag)
    return found


def _set_tags(draft: Draft, model: str, change: Callable[[set[str]], set[str]]) -> list[str]:
    """The tags of the model afterwards."""
    key = ModelKey(model)
    tags = sorted(change(set(properties.read(key, draft.value(key)).get("tags", []))))
    heading.check_tags(draft.value(CONFIG), tags)
    change_properties(draft, key, lambda has: has.update(tags=tags))
    return tags


def add_tags(context: Context, name: str, tags: Sequence[str], *, message: str | None = None) -> TagsResult:
    """See `Repository.add_tags`. Raises NotFound, NeedsFormat."""
    wanted = {names.check_tag(tag) for tag in tags}
    return _change_tags(context, name, f"tag add {name}", message, lambda present: present | wanted)


def remove_tags(context: Context, name: str, tags: Sequence[str], *, message: str | None = None) -> TagsResult:
    """See `Repository.remove_tags`. Raises UnknownTag, and then removes none."""

    def change(present: set[str]) -> set[str]:
        gone = {tag if tag in present else names.composed(tag) for tag in tags}
        for tag in sorted(gone - present):
            raise UnknownTag(model=name, tag=tag, near=near(tag, sorted(present)))
        return present - gone

    return _change_tags(context, name, f"tag rm {name}", message, change)


def _change_tags(
    context: Context, name: str, command: str, message: str | None, change: Callable[[set[str]], set[str]]
) -> TagsResult:
    def build(draft: Draft) -> TagsResult:
        if ":" in name:
            target = resolve_in(context, draft.view, names.parse_reference(name))
            return TagsResult(target.name, _set_tags_of_version(context, draft, target, change))
        model = names.check_name(name, "model name")
        require_model(context, draft.view, model)
        return TagsResult(model, tuple(_set_tags(draft, model, change)))

    return report(context, context.commit(command, build, message=message))


def _set_tags_of_version(
    context: Context, draft: Draft, target: Resolved, change: Callable[[set[str]], set[str]]
) -> tuple[str, ...]:
    said = said_of(context, draft, target)
    tags = tuple(sorted(change(set(said.tags))))
    note(context, draft, target, said, said._replace(tags=tags))
    return tags
