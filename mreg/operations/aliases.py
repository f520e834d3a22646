"""Aliases: words that point at exactly one version of a collection, and can be moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mreg.operations.resolve import require_kind, resolve_in, unknown_alias
from mreg.refs.keys import AliasKey, CollectionKind, LinkKey, in_aliases
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.session.listing import listed_aliases
from mreg.values import names
from mreg.values.errors import InvalidInput, Refused, Unmet
from mreg.values.names import fold, parse_version

if TYPE_CHECKING:
    from mreg.refs.transaction import Draft

__all__ = ["Alias", "AliasSet"]


class AliasMoved(Unmet):
    code = "alias-moved"
    template = "{name}:{alias} is at {found}, not at {expected}"

    name: str
    alias: str
    expected: str
    found: str


class InvalidExpectation(InvalidInput):
    code = "invalid-expectation"
    template = "{text!r} cannot be expected of an alias: write vN or none"

    text: str


class AliasTaken(Refused):
    code = "alias-taken"
    template = "{name!r} has or had an alias {other!r}, which differs from {alias!r} only in case"

    name: str
    alias: str
    other: str


class Alias(NamedTuple):
    """`name:alias` means version `vN` of the collection `name`; `version` is that as `artifact:vN`."""

    name: str
    alias: str
    number: int
    version: str


class AliasSet(NamedTuple):
    """The alias `name:alias` points at `number` now; before, it pointed at `before` (None: it did not exist)."""

    name: str
    alias: str
    number: int
    before: int | None
    version: str


def set_alias(context: Context, alias: str, reference: str, *, expect: str | None = None) -> AliasSet:
    """Move an alias to the version that `reference` means, in the collection that it names.

    expect: `vN` or `none`, what the alias must point at now; otherwise AliasMoved is raised, and nothing changes.
    """
    alias = names.check_alias(alias)
    wanted = names.parse_reference(reference)
    if expect is not None and expect != "none" and parse_version(expect) is None:
        raise InvalidExpectation(text=expect)

    def build(draft: Draft) -> AliasSet:
        target = resolve_in(context, draft.view, wanted)
        before = draft.value(AliasKey(wanted.name, alias))
        if expect is not None and expect != (before or "none"):
            raise AliasMoved(name=wanted.name, alias=alias, expected=expect, found=before or "none")
        number = target.number if target.link is None else target.link
        set_in_draft(draft, wanted.name, alias, number)
        return AliasSet(wanted.name, alias, number, parse_version(before or ""), target.name)

    return context.commit(f"alias set {alias} {reference}", build).value


def set_in_draft(draft: Draft, name: str, alias: str, number: int) -> None:
    """Draft the alias. Raises AliasTaken if it differs only in case from another one."""
    check_alias_free(draft, name, alias)
    draft.set(AliasKey(name, alias), f"v{number}")


def check_alias_free(draft: Draft, name: str, alias: str) -> None:
    """Raises AliasTaken if the collection has or had an alias that differs only in case, or gets one by the
    same change."""
    if draft.value(AliasKey(name, alias)) is not None:
        return
    drafted = [key for key in draft.new if isinstance(key, AliasKey) and key.collection == name]
    for other in (*sorted(draft.view.ever(in_aliases(name), AliasKey)), *drafted):
        if other.alias != alias and fold(other.alias) == fold(alias):
            raise AliasTaken(name=name, alias=alias, other=other.alias)


def remove_alias(context: Context, alias: str, name: str) -> int | None:
    """Delete an alias. Returns the number it pointed at. Raises UnknownName, UnknownAlias."""
    alias, name = names.check_alias(alias), names.check_name(name)

    def build(draft: Draft) -> int | None:
        require_kind(context, draft.view, name)
        key = AliasKey(name, alias)
        before = draft.value(key)
        if before is None:
            raise unknown_alias(context, draft.view, name, alias)
        draft.set(key, None)
        return parse_version(before)

    return context.commit(f"alias rm {alias} {name}", build).value


def list_aliases(context: Context, name: str | None = None) -> list[Alias]:
    """The aliases of one collection, or of all, sorted by collection and alias. Raises UnknownName."""
    view = context.view()
    if name is not None:
        name = names.check_name(name)
        require_kind(context, view, name)
    index = context.tables(view.look)
    found = [_alias(view, key, number) for key, number in listed_aliases(index, name).items()]
    return sorted(found, key=lambda one: (one.name, one.alias))


def _alias(view: View, key: AliasKey, number: int) -> Alias:
    name = key.collection
    if view.kind(name) is CollectionKind.ARTIFACT:
        return Alias(name, key.alias, number, f"{name}:v{number}")
    target = view.links(name).get(LinkKey(name, number))
    return Alias(name, key.alias, number, target.version if target else "")
