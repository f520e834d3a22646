"""Links of versions in registered models, and the models' cards and tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mreg.operations import expect as expectations
from mreg.operations.aliases import set_in_draft
from mreg.operations.changes import changed, report
from mreg.operations.collections import change_properties, check_not_held, drop, ensure, release
from mreg.operations.resolve import Resolved, require_model, resolve_in
from mreg.refs import heading, properties
from mreg.refs.keys import CONFIG, AliasKey, CardKey, CollectionKind, LinkKey, ModelKey
from mreg.refs.rules import LinkTarget
from mreg.refs.transaction import Draft
from mreg.session.context import Context
from mreg.values import names
from mreg.values.entities import Changed, Link, LinkResult, TagsResult, Unlinked
from mreg.values.errors import InvalidInput, NotFound
from mreg.values.names import near

MAX_CARD = 1 << 20


class UnknownTag(NotFound):
    code = "unknown-tag"
    template = "registered model {model!r} has no tag {tag!r}"

    model: str
    tag: str


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
) -> LinkResult:
    """See `Repository.link`."""
    wanted = names.parse_reference(reference)
    model = names.check_name(model, "model name")
    aliases = tuple(map(names.check_alias, aliases))
    expected = expectations.parse(expect, [AliasKey(model, alias) for alias in aliases])

    def build(draft: Draft) -> LinkResult:
        target = resolve_in(context, draft.view, wanted)
        expectations.check(draft, expected)
        model_created = ensure(context, draft, CollectionKind.MODEL, model)
        number, created = add_link(draft, model, target)
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
    wanted = names.parse_exact(reference, "say which link to remove, as MODEL:vN")

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


def card(context: Context, model: str) -> str:
    """The model card's Markdown, empty if there is none. Raises UnknownModel."""
    model = names.check_name(model, "model name")
    view = context.view()
    require_model(context, view, model)
    return view.value(CardKey(model)) or ""


def set_card(context: Context, model: str, text: str) -> Changed:
    """Replace the model card. Raises UnknownModel, InvalidCard."""
    model = names.check_name(model, "model name")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_CARD:
        raise InvalidCard(reason=f"it is larger than {MAX_CARD >> 20} MiB")
    if any(0xD800 <= ord(c) < 0xE000 for c in text):
        raise InvalidCard(reason="it is not UTF-8 text")

    def build(draft: Draft) -> None:
        require_model(context, draft.view, model)
        draft.set(CardKey(model), text or None)

    return changed(context, context.commit(f"card {model}", build))


def add_tags(context: Context, model: str, tags: Sequence[str], *, message: str | None = None) -> TagsResult:
    """Add tags to a registered model. Returns all its tags."""
    wanted = {names.check_tag(tag) for tag in tags}
    return _change_tags(context, model, f"tag add {model}", message, lambda present: present | wanted)


def remove_tags(context: Context, model: str, tags: Sequence[str], *, message: str | None = None) -> TagsResult:
    """Remove tags from a registered model. Returns those left. Raises UnknownTag, and then removes none."""

    def change(present: set[str]) -> set[str]:
        gone = {tag if tag in present else names.composed(tag) for tag in tags}
        for tag in sorted(gone - present):
            raise UnknownTag(model=model, tag=tag, near=near(tag, sorted(present)))
        return present - gone

    return _change_tags(context, model, f"tag rm {model}", message, change)


def _change_tags(
    context: Context, model: str, command: str, message: str | None, change: Callable[[set[str]], set[str]]
) -> TagsResult:
    model = names.check_name(model, "model name")

    def build(draft: Draft) -> TagsResult:
        require_model(context, draft.view, model)
        key = ModelKey(model)
        tags = sorted(change(set(properties.read(key, draft.value(key)).get("tags", []))))
        heading.check_tags(draft.value(CONFIG), tags)
        change_properties(draft, key, lambda has: has.update(tags=tags))
        return TagsResult(model, tuple(tags))

    return report(context, context.commit(command, build, message=message))
