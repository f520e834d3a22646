"""Aliases: words that point at exactly one version of a collection, and can be moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mreg import operations
from mreg.operations.resolve import require_kind, resolve_in, unknown_alias
from mreg.refs.keys import AliasKey, CollectionKind, LinkKey
from mreg.refs.view import View, alias_number
from mreg.session.context import Context
from mreg.session.listing import listed_aliases
from mreg.values import names
from mreg.values.errors import Refused
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import parse_version

if TYPE_CHECKING:
    from mreg.refs.transaction import Draft
    from mreg.values.changed import RefChange

__all__ = ["Alias", "AliasRemoved", "AliasSet"]


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
    """The alias `name:alias` points at `number` now; before, it pointed at `before` (None: it did not exist). version:
    the artifact's version that is. seq, changes: see `Changed`."""

    name: str
    alias: str
    number: int
    before: int | None
    version: str
    seq: int | None = None
    changes: tuple[RefChange, ...] = ()


class AliasRemoved(NamedTuple):
    """The alias `name:alias`, which is gone, pointed at `before`. seq, changes: see `Changed`."""

    name: str
    alias: str
    before: int
    seq: int | None = None
    changes: tuple[RefChange, ...] = ()


def set_alias(
    context: Context,
    alias: str,
    reference: str,
    *,
    expect: str | Sequence[str] | None = None,
    message: str | None = None,
) -> AliasSet:
    """See `Repository.set_alias`. Raises AliasMoved, InvalidExpectation, AliasTaken, NotFound."""
    alias = names.check_alias(alias)
    wanted = names.parse_reference(reference)
    expected = operations.expect.parse(expect, [AliasKey(wanted.name, alias)])

    def build(draft: Draft) -> AliasSet:
        target = resolve_in(context, draft.view, wanted)
        operations.expect.check(draft, expected)
        before = draft.value(AliasKey(wanted.name, alias))
        number = target.number if target.link is None else target.link
        set_in_draft(draft, wanted.name, alias, number)
        return AliasSet(wanted.name, alias, number, parse_version(before or ""), target.name)

    return operations.changes.report(context, context.commit(f"alias set {alias} {reference}", build, message=message))


def set_in_draft(draft: Draft, name: str, alias: str, number: int) -> None:
    """Draft the alias. Raises AliasTaken if it differs only in case from another one."""
    check_alias_free(draft, name, alias)
    draft.set(AliasKey(name, alias), f"v{number}")


def check_alias_free(draft: Draft, name: str, alias: str) -> None:
    """Raises AliasTaken if the collection has or had an alias that differs only in case, or gets one by the
    same change."""
    if draft.value(AliasKey(name, alias)) is not None:
        return
    other = draft.other_alias(AliasKey(name, alias))
    if other is not None:
        raise AliasTaken(name=name, alias=alias, other=other)


def remove_alias(
    context: Context,
    alias: str,
    name: str,
    *,
    expect: str | Sequence[str] | None = None,
    message: str | None = None,
) -> AliasRemoved:
    """See `Repository.remove_alias`. Raises AliasMoved, InvalidExpectation, UnknownName, UnknownAlias."""
    alias, name = names.check_alias(alias), names.check_name(name)
    expected = operations.expect.parse(expect, [AliasKey(name, alias)])

    def build(draft: Draft) -> AliasRemoved:
        require_kind(context, draft.view, name)
        operations.expect.check(draft, expected)
        key = AliasKey(name, alias)
        before = draft.value(key)
        if before is None:
            raise unknown_alias(context, draft.view, name, alias)
        draft.set(key, None)
        return AliasRemoved(name, alias, alias_number(key, before))

    return operations.changes.report(context, context.commit(f"alias rm {alias} {name}", build, message=message))


def list_aliases(context: Context, name: str | None = None) -> list[Alias]:
    """The aliases of one collection, or of all, sorted by collection and alias. Raises UnknownName."""
    view = context.view()
    if name is not None:
        name = names.check_name(name)
        require_kind(context, view, name)
    index = context.tables(view.look)
    found = [alias_in(view, key, number) for key, number in listed_aliases(index, name).items()]
    return sorted(found, key=lambda one: (one.name, one.alias))


def alias_in(view: View, key: AliasKey, number: int) -> Alias:
    """The alias as the API returns it."""
    name = key.collection
    if view.kind(name) is CollectionKind.ARTIFACT:
        return Alias(name, key.alias, number, f"{name}:v{number}")
    target = view.links(name).get(LinkKey(name, number))
    return Alias(name, key.alias, number, target.version if target else "")
