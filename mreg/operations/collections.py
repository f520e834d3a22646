"""Artifacts and registered models themselves: create, describe, remove."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mreg.operations import numbers
from mreg.operations.changes import changed
from mreg.operations.resolve import require_artifact, require_kind, require_model
from mreg.refs import heading, properties
from mreg.refs.keys import (
    CONFIG,
    ArtifactKey,
    CollectionKey,
    CollectionKind,
    LinkKey,
    ModelKey,
    RefKey,
    VersionKey,
    in_links,
)
from mreg.refs.properties import DEFAULT_TYPE
from mreg.refs.rules import holds, words
from mreg.refs.view import Refs, View
from mreg.session.context import Context
from mreg.values import names
from mreg.values.changed import Changed
from mreg.values.errors import Refused
from mreg.values.names import fold

if TYPE_CHECKING:
    from mreg.refs.transaction import Draft

_MOST_TOLD = 5


class NameTaken(Refused):
    code = "name-taken"
    template = "{name!r} cannot be {what}: there is {kind} {other!r}"

    name: str
    what: str
    kind: str
    other: str


class TypeDiffers(Refused):
    code = "type-differs"
    template = "{kind} {name!r} is of type {found!r}, not {asked!r}"

    kind: str
    name: str
    found: str
    asked: str


class NotEmpty(Refused):
    code = "not-empty"
    template = "{kind} {name!r} still contains {count} {things}"

    kind: str
    name: str
    count: int
    things: str


class Held(Refused):
    code = "held"
    template = "{what} is held by {holders}"

    what: str
    holders: str


# Creating.


def ensure(context: Context, draft: Draft, kind: CollectionKind, name: str, type_: str = DEFAULT_TYPE) -> bool:
    """Draft the collection unless it exists. Returns whether it was drafted. Raises NameTaken."""
    key = kind.key(name)
    if draft.value(key) is not None:
        return False
    check_free(draft.view, key)
    for other in (other for other, value in draft.new.items() if value is not None):
        if isinstance(other, CollectionKey) and fold(other.name) == fold(name):
            raise NameTaken(name=name, what=f"made {kind.phrase}", kind=other.kind.phrase, other=other.name)
    draft.set(key, properties.encode(properties.initial(kind, type_)))
    return True


def check_free(view: View, key: CollectionKey) -> None:
    """Raises NameTaken if no new collection of this kind may have the name: it belongs to the other kind, or a name
    that differs only in case is or was in use."""
    name, other = key.name, key.kind.other
    if view.value(other.key(name)) is not None:
        raise NameTaken(name=name, what=f"made {key.kind.phrase}", kind=other.phrase, other=name)
    if view.next_number(name) if other is CollectionKind.ARTIFACT else view.ever(in_links(name), LinkKey):
        # NAME:vN means one version for ever, also when the collection is gone.
        raise NameTaken(name=name, what=f"made {key.kind.phrase}", kind=f"the history of {other.phrase}", other=name)
    known = view.other_name(name)
    if known is not None:
        there = view.ref(ArtifactKey(known)).seq
        taken = CollectionKind.ARTIFACT if there else CollectionKind.MODEL
        raise NameTaken(name=name, what=f"made {key.kind.phrase}", kind=taken.phrase, other=known)


def change_properties(draft: Draft, key: CollectionKey, change: Callable[[dict[str, Any]], None]) -> None:
    """Draft what `change` does to the properties of a collection."""
    said = properties.read(key, draft.value(key))
    change(said)
    draft.set(key, properties.encode(said))


def create_artifact(context: Context, name: str, type_: str, description: str, first: int) -> Changed:
    """See `Repository.create_artifact`. Raises InvalidFirst, NumbersGiven, NameTaken."""
    name = names.check_name(name, "artifact name")
    numbers.check_first(first)

    def build(draft: Draft) -> None:
        if ensure(context, draft, CollectionKind.ARTIFACT, name, type_) and description:
            change_properties(draft, ArtifactKey(name), lambda has: has.update(description=description))
        if first:
            numbers.count_from(draft, ArtifactKey(name), first)

    return changed(context, context.commit(f"artifact create {name}", build))


def create_model(
    context: Context, name: str, description: str, tags: list[str], first: int, type_: str | None
) -> Changed:
    """See `Repository.create_model`. Raises InvalidFirst, NumbersGiven, NameTaken, TypeDiffers."""
    name = names.check_name(name, "model name")
    numbers.check_first(first)
    wanted = [names.check_tag(tag) for tag in tags]

    def build(draft: Draft) -> None:
        made = ensure(context, draft, CollectionKind.MODEL, name, type_ or DEFAULT_TYPE)
        check_type(draft, ModelKey(name), type_)
        heading.check_tags(draft.value(CONFIG), wanted)
        if made:
            fields = {"description": description, "tags": sorted(set(wanted))}
            change_properties(draft, ModelKey(name), lambda has: has.update(fields))
        if first:
            numbers.count_from(draft, ModelKey(name), first)

    return changed(context, context.commit(f"model create {name}", build))


def check_type(refs: Refs, key: CollectionKey, asked: str | None) -> None:
    """Raises TypeDiffers where the collection is there, and of another type than the one asked for."""
    said = refs.value(key)
    found = properties.type_of(properties.read(key, said))
    if said is not None and asked not in (None, found):
        raise TypeDiffers(kind=key.kind.noun, name=key.name, found=found, asked=str(asked))


def describe(context: Context, name: str, text: str) -> Changed:
    """Set the description of an artifact or a registered model. Raises UnknownName."""
    name = names.check_name(name)

    def build(draft: Draft) -> None:
        key = require_kind(context, draft.view, name).key(name)
        change_properties(draft, key, lambda has: has.update(description=text))

    return changed(context, context.commit(f"describe {name}", build))


# Removing.


def remove_artifact(context: Context, name: str, *, force: bool) -> Changed:
    """Delete an artifact. Raises UnknownArtifact; without `force` also NotEmpty and Held."""
    name = names.check_name(name, "artifact name")

    def build(draft: Draft) -> None:
        require_artifact(context, draft.view, name)
        live = list(draft.versions(name))
        if not force:
            check_not_held(draft, live)
            if live:
                raise NotEmpty(kind="artifact", name=name, count=len(live), things=_plural(live, "version"))
        release(draft, live)
        for gone in (*draft.aliases(name), *live, ArtifactKey(name)):
            drop(draft, gone)

    return changed(context, context.commit(f"artifact rm {name}", build, alone=True))


def remove_model(context: Context, name: str, *, force: bool) -> Changed:
    """Delete a registered model. Raises UnknownModel; without `force` also NotEmpty."""
    name = names.check_name(name, "model name")

    def build(draft: Draft) -> None:
        require_model(context, draft.view, name)
        live = list(draft.links(name))
        if live and not force:
            raise NotEmpty(kind="registered model", name=name, count=len(live), things=_plural(live, "link"))
        for gone in (*draft.aliases(name), *live, ModelKey(name)):
            drop(draft, gone)

    return changed(context, context.commit(f"model rm {name}", build, alone=True))


def drop(draft: Draft, gone: RefKey) -> None:
    """Draft the deletion of a ref and of its parts."""
    for key in (*draft.parts(gone), gone):
        draft.set(key, None)


def holders(draft: Draft, gone: RefKey) -> list[RefKey]:
    """The refs that keep this one from being deleted, as the draft leaves them."""
    return [key for key in draft.holders(gone) if holds(key)]


def check_not_held(draft: Draft, gone: Sequence[VersionKey | LinkKey]) -> None:
    """Raises Held if, as the draft leaves them, an alias or a link names one of these versions or links."""
    found = [words(holder) for one in gone for holder in holders(draft, one)]
    if found:
        shown = found if len(found) <= _MOST_TOLD else [*found[:_MOST_TOLD], f"{len(found) - _MOST_TOLD} more"]
        raise Held(what=_called(gone), holders=", ".join(shown))


def _called(gone: Sequence[VersionKey | LinkKey]) -> str:
    match gone:
        case [VersionKey() as one]:
            return one.version
        case [LinkKey() as one]:
            return one.link
        case [VersionKey(), *_]:
            artifacts = sorted({repr(one.artifact) for one in gone if isinstance(one, VersionKey)})
            return f"a version of {' or '.join(artifacts)}"
    return "a link"


def release(draft: Draft, gone: Sequence[VersionKey | LinkKey]) -> None:
    """Draft the removal of every alias and link that names one of these, and of the aliases of those links."""
    for one in gone:
        for holder in holders(draft, one):
            if isinstance(holder, LinkKey):
                release(draft, [holder])
            drop(draft, holder)


def _plural(things: Sequence[RefKey], word: str) -> str:
    return word if len(things) == 1 else f"{word}s"
