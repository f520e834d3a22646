"""Properties of artifacts, registered models, versions and links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mreg.operations.changes import changed
from mreg.operations.resolve import require_kind, resolve_in
from mreg.refs.keys import LinkKey, Owner, PropertyKey, VersionKey, in_properties
from mreg.refs.ref_files import DamagedRef
from mreg.refs.transaction import Draft
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.values import metadata, names, properties
from mreg.values.canonical import Malformed
from mreg.values.entities import Changed
from mreg.values.errors import NotFound, Refused


class UnknownProperty(NotFound):
    code = "unknown-property"
    template = "{owner!r} has no property {key!r}"

    owner: str
    key: str


class TooManyProperties(Refused):
    """The values that were replaced or removed count: the file keeps the last of each."""

    code = "too-many-properties"
    template = "the properties of {owner!r} take more than {limit} MiB"

    owner: str
    limit: int


def get_properties(context: Context, reference: str) -> dict[str, Any]:
    """See `Repository.properties`. Raises NotFound, Damaged."""
    view = context.view()
    found = view.live(in_properties(owner_of(context, view, reference)), PropertyKey)
    return {key.name: _value(key, found[key]) for key in sorted(found, key=lambda key: key.name)}


def set_properties(
    context: Context, reference: str, wanted: Mapping[str, Any], *, message: str | None = None
) -> Changed:
    """See `Repository.set_properties`. Raises InvalidProperty, InvalidMetadata, NotFound, NeedsFormat."""
    texts = {properties.check_key(key): _text(key, value) for key, value in wanted.items()}

    def build(draft: Draft) -> None:
        owner = owner_of(context, draft.view, reference)
        for key, text in texts.items():
            draft.set(PropertyKey(owner, key), text)
        _check_room(draft, owner, reference)

    return changed(context, context.commit(f"property set {reference}", build, message=message))


def remove_properties(context: Context, reference: str, gone: Iterable[str], *, message: str | None = None) -> Changed:
    """See `Repository.remove_property`. Raises UnknownProperty, NotFound."""
    wanted = [properties.check_key(key) for key in gone]

    def build(draft: Draft) -> None:
        owner = owner_of(context, draft.view, reference)
        for key in wanted:
            if draft.value(PropertyKey(owner, key)) is None:
                known = [other.name for other in draft.view.live(in_properties(owner), PropertyKey)]
                raise UnknownProperty(owner=reference, key=key, near=names.near(key, known))
            draft.set(PropertyKey(owner, key), None)

    return changed(context, context.commit(f"property rm {reference}", build, message=message))


def owner_of(context: Context, view: View, reference: str) -> Owner:
    """What the reference means: a name alone the collection, else the version, or the link of a registered model.
    Raises NotFound, InvalidInput."""
    wanted = names.parse_reference(reference)
    if ":" in reference:
        found = resolve_in(context, view, wanted)
        if found.model is not None and found.link is not None:
            return LinkKey(found.model, found.link)
        return VersionKey(found.artifact, found.number)
    return require_kind(context, view, wanted.name).key(wanted.name)


def _text(key: str, value: Any) -> str:
    return properties.encode(key, metadata.normalise_value(value, key))


def _value(key: PropertyKey, text: str) -> Any:
    try:
        return properties.decode(text)
    except Malformed as error:
        raise DamagedRef(ref=key, reason=str(error)) from None


def _check_room(draft: Draft, owner: Owner, reference: str) -> None:
    """Raises TooManyProperties where their file would be larger than files may be."""
    known = draft.view.ever(in_properties(owner), PropertyKey)
    refs = {key: draft.view.ref(key) for key in known}
    texts = {key: ref.value if ref.value is not None else ref.last or "" for key, ref in refs.items()}
    texts |= {key: value for key, value in draft.new.items() if isinstance(key, PropertyKey) and value is not None}
    sizes = (len(key.line.encode()) + len(text.encode()) + _AROUND for key, text in texts.items())
    if sum(sizes) > properties.MAX_TABLE:
        raise TooManyProperties(owner=reference, limit=properties.MAX_TABLE >> 20)


_AROUND = len("  deleted seq=0000000000000000\n")
"""Bytes of a line beside its name and its value, at most."""
