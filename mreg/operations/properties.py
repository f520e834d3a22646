"""Properties of artifacts, registered models, versions and links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mreg.operations import policies
from mreg.operations.changes import changed
from mreg.operations.owners import check_room, owner_of
from mreg.refs.keys import Owner, PropertyKey, in_table
from mreg.refs.ref_files import DamagedRef
from mreg.refs.transaction import Draft
from mreg.session.context import Context
from mreg.values import metadata, names, properties
from mreg.values.canonical import Malformed
from mreg.values.changed import Changed
from mreg.values.errors import NotFound


class UnknownProperty(NotFound):
    code = "unknown-property"
    template = "{owner!r} has no property {key!r}"

    owner: str
    key: str


def get_properties(context: Context, reference: str) -> dict[str, Any]:
    """See `Repository.properties`. Raises NotFound, Damaged."""
    view = context.view()
    found = view.live(in_table(owner_of(context, view, reference), PropertyKey), PropertyKey)
    return {key.name: value_of(key, found[key]) for key in sorted(found, key=lambda key: key.name)}


def set_properties(
    context: Context, reference: str, wanted: Mapping[str, Any], *, message: str | None = None
) -> Changed:
    """See `Repository.set_properties`. Raises InvalidProperty, InvalidMetadata, NotFound, NeedsFormat."""
    said = normalised(wanted)

    def build(draft: Draft) -> None:
        draft_properties(draft, owner_of(context, draft.view, reference), said, reference)

    return changed(context, context.commit(f"property set {reference}", build, message=message))


def normalised(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The properties as they are stored. Raises InvalidProperty, InvalidMetadata."""
    said = {properties.check_key(key): _normal(key, value) for key, value in wanted.items()}
    for key, value in said.items():
        if value is not None:
            properties.encode(key, value)
    return said


def draft_properties(draft: Draft, owner: Owner, said: Mapping[str, Any], reference: str) -> None:
    """Draft that the owner has these properties, and those that are None not. Raises InvalidProperty."""
    for key, value in said.items():
        if value is not None:
            policies.check_property(owner, key, value)
        draft.set(PropertyKey(owner, key), None if value is None else properties.encode(key, value))
    check_room(draft, owner, PropertyKey, reference)


def remove_properties(context: Context, reference: str, gone: Iterable[str], *, message: str | None = None) -> Changed:
    """See `Repository.remove_property`. Raises UnknownProperty, NotFound."""
    wanted = [properties.check_key(key) for key in gone]

    def build(draft: Draft) -> None:
        owner = owner_of(context, draft.view, reference)
        for key in wanted:
            if draft.value(PropertyKey(owner, key)) is None:
                known = [other.name for other in draft.view.live(in_table(owner, PropertyKey), PropertyKey)]
                raise UnknownProperty(owner=reference, key=key, near=names.near(key, known))
            draft.set(PropertyKey(owner, key), None)

    return changed(context, context.commit(f"property rm {reference}", build, message=message))


def _normal(key: str, value: Any) -> Any:
    return None if value is None else metadata.normalise_value(value, key)


def value_of(key: PropertyKey, text: str) -> Any:
    """The value of a property, from that of its ref. Raises DamagedRef."""
    try:
        return properties.decode(text)
    except Malformed as error:
        raise DamagedRef(ref=key, reason=str(error)) from None
