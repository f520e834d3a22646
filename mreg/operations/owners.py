"""What properties and attachments are of, and how many of them there may be."""

from __future__ import annotations

from mreg.operations.resolve import require_kind, resolve_in
from mreg.refs.keys import LinkKey, Owner, PartKey, VersionKey, in_table
from mreg.refs.transaction import Draft
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.values import names, properties
from mreg.values.errors import Refused


class TableFull(Refused):
    """What was replaced or removed counts: the file keeps the last value of each."""

    code = "table-full"
    template = "the {things} of {owner!r} take more than {limit} MiB"

    things: str
    owner: str
    limit: int


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


def check_room(draft: Draft, owner: Owner, kind: type[PartKey], reference: str) -> None:
    """Raises TableFull where the file of these parts would be larger than such files may be."""
    known = draft.view.ever(in_table(owner, kind), kind)
    refs = {key: draft.view.ref(key) for key in known}
    texts = {key: ref.value if ref.value is not None else ref.last or "" for key, ref in refs.items()}
    texts |= {key: value for key, value in draft.new.items() if isinstance(key, kind) and value is not None}
    sizes = (len(key.line.encode()) + len(text.encode()) + _AROUND for key, text in texts.items())
    if sum(sizes) > properties.MAX_TABLE:
        raise TableFull(things=kind.table, owner=reference, limit=properties.MAX_TABLE >> 20)


_AROUND = len("  deleted seq=0000000000000000\n")
"""Bytes of a line beside its name and its value, at most."""
