"""Renaming artifacts and registered models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mreg.operations import properties
from mreg.operations.aliases import check_alias_free
from mreg.operations.changes import changed
from mreg.operations.collections import NameTaken, check_free
from mreg.operations.resolve import require_artifact, require_model
from mreg.refs import keys
from mreg.refs.keys import (
    AliasKey,
    AnnotationKey,
    ArtifactKey,
    CardKey,
    CollectionKey,
    CollectionKind,
    LinkKey,
    ModelKey,
    Owner,
    PartKey,
    RefKey,
    VersionKey,
)
from mreg.refs.ref_files import Ref
from mreg.refs.transaction import Draft
from mreg.refs.view import View, check_pointer, link_target
from mreg.session.context import Context
from mreg.values import names
from mreg.values.changed import Changed


def rename_artifact(context: Context, old: str, new: str, said: Mapping[str, Any]) -> Changed:
    """Rename an artifact. Its versions keep their numbers; links and aliases follow. said: properties that it has then.

    Raises UnknownArtifact, NameTaken (also if `new` once had other versions: a number means one version for
    ever).
    """
    old, new = names.check_name(old, "artifact name"), names.check_name(new, "artifact name")
    said = properties.normalised(said)

    def build(draft: Draft) -> None:
        view = draft.view
        require_artifact(context, view, old)
        if old == new:
            properties.draft_properties(draft, ArtifactKey(new), said, new)
            return
        _check_new_name(view, old, ArtifactKey(new))
        numbers = range(view.next_number(old))
        _check_numbers(view, old, new, len(numbers))
        for number in numbers:
            _move(draft, VersionKey(old, number), VersionKey(new, number))
            _move(draft, AnnotationKey(old, number), AnnotationKey(new, number))
        _move(draft, ArtifactKey(old), ArtifactKey(new))
        _move_parts(draft, ArtifactKey(old), ArtifactKey(new))
        properties.draft_properties(draft, ArtifactKey(new), said, new)
        _move_aliases(draft, old, new)
        for key, value in view.live(keys.ALL_MODELS, LinkKey).items():
            target = link_target(key, value)
            if target.artifact == old:
                draft.set(key, str(target._replace(artifact=new)))

    return changed(context, context.commit(f"artifact rename {old} {new}", build, alone=True))


def rename_model(context: Context, old: str, new: str, said: Mapping[str, Any]) -> Changed:
    """Rename a registered model. Its links keep their numbers; aliases, tags and card follow. said: properties that it
    has then.

    Raises UnknownModel, NameTaken.
    """
    old, new = names.check_name(old, "model name"), names.check_name(new, "model name")
    said = properties.normalised(said)

    def build(draft: Draft) -> None:
        view = draft.view
        require_model(context, view, old)
        if old == new:
            properties.draft_properties(draft, ModelKey(new), said, new)
            return
        _check_new_name(view, old, ModelKey(new))
        count = view.next_link(old)
        for number in range(view.next_link(new)):
            if number >= count or _said(view.ref(LinkKey(new, number))) != _said(view.ref(LinkKey(old, number))):
                raise _taken(new, CollectionKind.MODEL)
        for number in range(count):
            _move(draft, LinkKey(old, number), LinkKey(new, number))
        _move(draft, CardKey(old), CardKey(new))
        _move(draft, ModelKey(old), ModelKey(new))
        _move_parts(draft, ModelKey(old), ModelKey(new))
        properties.draft_properties(draft, ModelKey(new), said, new)
        _move_aliases(draft, old, new)

    return changed(context, context.commit(f"model rename {old} {new}", build, alone=True))


def _check_new_name(view: View, old: str, new: CollectionKey) -> None:
    if view.value(new) is not None:
        raise NameTaken(name=old, what=f"renamed to {new.name!r}", kind=new.kind.phrase, other=new.name)
    check_free(view, new)


def _check_numbers(view: View, old: str, new: str, count: int) -> None:
    """Numbers once given under the new name must have meant the very versions that now come (a rename
    taken back), and deleted numbers must stay deleted."""
    for number in range(view.next_number(new)):
        if number >= count or _said(view.version(new, number)) != _said(view.version(old, number)):
            raise _taken(new, CollectionKind.ARTIFACT)


def _taken(name: str, kind: CollectionKind) -> NameTaken:
    return NameTaken(name=name, what="used again", kind=f"the history of a deleted {kind.noun}", other=name)


def _said(ref: Ref) -> str | None:
    """The ref's value, or the one it had before it was deleted."""
    return ref.value if ref.value is not None else ref.last


def _move(draft: Draft, old: RefKey, new: RefKey) -> None:
    """Raises DamagedRef."""
    ref = draft.view.ref(old)
    if ref.value is not None:
        check_pointer(old, ref.value)
        draft.set(new, ref.value)
        draft.set(old, None)
    elif ref.last is not None:
        draft.bury(new, ref.last)


def _move_parts(draft: Draft, old: CollectionKey, new: CollectionKey) -> None:
    """Those of the collection, and of its versions or links. Raises DamagedRef."""
    own, _ = keys.in_collection(old.kind, old.name)
    for key, value in draft.view.live(own, PartKey).items():
        check_pointer(key, value)
        draft.set(key.of(_owner(key.owner, new)), value)
        draft.set(key, None)


def _owner(old: Owner, new: CollectionKey) -> Owner:
    """What the owner is called in the collection that has been renamed."""
    match old:
        case VersionKey(_, number):
            return VersionKey(new.name, number)
        case LinkKey(_, number):
            return LinkKey(new.name, number)
    return new


def _move_aliases(draft: Draft, old: str, new: str) -> None:
    for key, number in draft.view.aliases(old).items():
        draft.set(key, None)
        check_alias_free(draft, new, key.alias)
        draft.set(AliasKey(new, key.alias), f"v{number}")
