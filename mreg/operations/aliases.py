"""Aliases: words that point at exactly one version of a collection, and are moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mreg.operations.collections import check_alias_free
from mreg.operations.resolve import Resolved, UnknownAlias, alias_names, kind_of, parse_link, require_kind, resolve_in
from mreg.refs.ref_files import DamagedRef
from mreg.refs.view import View, alias_key, link_key
from mreg.session.context import Context
from mreg.values import names
from mreg.values.errors import Conflict, InvalidInput
from mreg.values.names import near, parse_version

if TYPE_CHECKING:
    from mreg.refs.transaction import Draft


class AliasMoved(Conflict):
    code = "alias-moved"
    template = "alias {alias!r} of {name!r} is not where you expected it (expected {expected}, found {found})"

    name: str
    alias: str
    expected: str
    found: str


class InvalidExpectation(InvalidInput):
    code = "invalid-expectation"
    template = "{text!r} cannot be expected of an alias: write vN or none"

    text: str


class Alias(NamedTuple):
    """`name:alias` means version `vN` of the collection `name`; `version` is that as `artifact:vN`."""

    name: str
    alias: str
    number: int
    version: str


class AliasSet(NamedTuple):
    """alias `name:alias` is at `number` now; it was at `before` (None: it did not exist)."""

    name: str
    alias: str
    number: int
    before: int | None
    version: str


def set_alias(context: Context, alias: str, reference: str, *, expect: str | None = None) -> AliasSet:
    """Let the alias of the collection that `reference` names point at that version.

    expect: `vN` or `none`: where it must point until now, else AliasMoved is raised and nothing changed.
    """
    names.check_alias(alias)
    wanted = names.parse_reference(reference)
    if expect is not None and expect != "none" and parse_version(expect) is None:
        raise InvalidExpectation(text=expect)
    result: AliasSet | None = None

    def build(draft: Draft) -> None:
        nonlocal result
        target = resolve_in(context, draft.view, wanted)
        before = draft.value(alias_key(wanted.name, alias))
        if expect is not None and expect != (before or "none"):
            raise AliasMoved(name=wanted.name, alias=alias, expected=expect, found=before or "none")
        number = target.number if target.link is None else target.link
        set_in_draft(context, draft, wanted.name, alias, number)
        result = AliasSet(wanted.name, alias, number, parse_version(before or ""), target.name)

    context.commit(f"alias set {alias} {reference}", build)
    assert result is not None
    return result


def set_in_draft(context: Context, draft: Draft, name: str, alias: str, number: int) -> None:
    """Draft the alias. Raises InvalidName where it differs only in case from another one."""
    check_alias_free(context, draft, name, alias)
    draft.set(alias_key(name, alias), f"v{number}")


def remove_alias(context: Context, alias: str, name: str) -> int | None:
    """Delete an alias; the number it pointed at. Raises UnknownName, UnknownAlias."""
    names.check_alias(alias)
    before: str | None = None

    def build(draft: Draft) -> None:
        nonlocal before
        require_kind(context, draft.view, name)
        before = draft.value(alias_key(name, alias))
        if before is None:
            raise UnknownAlias(name=name, alias=alias, near=near(alias, alias_names(context, name)))
        draft.set(alias_key(name, alias), None)

    context.commit(f"alias rm {alias} {name}", build)
    return parse_version(before or "")


def list_aliases(context: Context, name: str | None = None) -> list[Alias]:
    """The aliases of one collection, or of all, sorted by collection and alias. Raises UnknownName."""
    view = context.view()
    if name is not None:
        require_kind(context, view, name)
    found = view.live("aliases" if name is None else f"aliases/{name}")
    return [_alias(view, key, value) for key, value in found.items()]


def _alias(view: View, key: str, value: str) -> Alias:
    _, name, alias = key.split("/")
    number = parse_version(value)
    if number is None:
        raise DamagedRef(ref=key, reason="it holds no version number")
    return Alias(name, alias, number, _version_at(view, name, number))


def _version_at(view: View, name: str, number: int) -> str:
    if kind_of(view, name) == "artifact":
        return f"{name}:v{number}"
    value = view.value(link_key(name, number))
    target: Resolved | None = parse_link(name, number, value) if value is not None else None
    return target.name if target else ""
