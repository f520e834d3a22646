"""Renaming artifacts and registered models."""

from __future__ import annotations

from mreg.operations.collections import NameTaken, aliases_of, all_links, check_alias_free, check_free
from mreg.operations.resolve import require_artifact, require_model
from mreg.refs.ref_files import Ref
from mreg.refs.transaction import Draft
from mreg.refs.view import View, alias_key, annotation_key, artifact_key, card_key, link_key, model_key, version_key
from mreg.session.context import Context
from mreg.values import names


def rename_artifact(context: Context, old: str, new: str) -> None:
    """Give an artifact another name; its versions keep their numbers, links and aliases follow.

    Raises UnknownArtifact, NameTaken (also where `new` once had other versions: numbers mean one version
    for ever).
    """

    def build(draft: Draft) -> None:
        view = draft.view
        require_artifact(context, view, old)
        names.check_name(new, "artifact name")
        if old == new:
            return
        _check_new_name(context, view, old, new, artifact_key(new), "an artifact")
        numbers = range(view.next_number(old))
        _check_numbers(view, old, new, len(numbers))
        for number in numbers:
            _move(draft, version_key(old, number), version_key(new, number))
            _move(draft, annotation_key(old, number), annotation_key(new, number))
        _move(draft, artifact_key(old), artifact_key(new))
        for key, value in aliases_of(context, old).items():
            draft.set(key, None)
            alias = key.rpartition("/")[2]
            check_alias_free(context, draft, new, alias)
            draft.set(alias_key(new, alias), value)
        for key, value in all_links(context).items():
            target, space, version = value.partition(" ")
            name, _, selector = target.partition(":")
            if name == old:
                draft.set(key, f"{new}:{selector}{space}{version}")

    context.commit(f"artifact rename {old} {new}", build)


def rename_model(context: Context, old: str, new: str) -> None:
    """Give a registered model another name; links keep their numbers, aliases, tags and card follow.

    Raises UnknownModel, NameTaken.
    """

    def build(draft: Draft) -> None:
        view = draft.view
        require_model(context, view, old)
        names.check_name(new, "model name")
        if old == new:
            return
        _check_new_name(context, view, old, new, model_key(new), "a registered model")
        before, after = view.links(old), view.links(new)
        if any(number not in before or ref.last != _last(before[number]) for number, ref in after.items()):
            raise NameTaken(name=new, what="used again", kind="the history of a deleted model", other=new)
        for number in before:
            _move(draft, link_key(old, number), link_key(new, number))
        _move(draft, card_key(old), card_key(new))
        _move(draft, model_key(old), model_key(new))
        for key, value in aliases_of(context, old).items():
            draft.set(key, None)
            alias = key.rpartition("/")[2]
            check_alias_free(context, draft, new, alias)
            draft.set(alias_key(new, alias), value)

    context.commit(f"model rename {old} {new}", build)


def _check_new_name(context: Context, view: View, old: str, new: str, key: str, kind: str) -> None:
    if view.value(key) is not None:
        raise NameTaken(name=old, what=f"renamed to {new!r}", kind=kind, other=new)
    check_free(context, view, new, kind)


def _check_numbers(view: View, old: str, new: str, count: int) -> None:
    """Numbers once given under the new name must have meant the very versions that now come (a rename
    taken back), and deleted numbers must stay deleted."""
    given = view.next_number(new)
    for number in range(given):
        if number >= count or view.version(new, number).last != _last(view.version(old, number)):
            raise NameTaken(name=new, what="used again", kind="the history of a deleted artifact", other=new)


def _last(ref: Ref) -> str | None:
    return ref.value if ref.value is not None else ref.last


def _move(draft: Draft, old: str, new: str) -> None:
    ref = draft.view.ref(old)
    if ref.value is not None:
        draft.set(new, ref.value)
        draft.set(old, None)
    elif ref.last is not None:
        draft.bury(new, ref.last)
