"""`history`: who changed what, when, from what to what."""

from __future__ import annotations

from mreg.operations.resolve import require_kind
from mreg.operations.versions import parse_time
from mreg.refs.journal import Entry
from mreg.refs.view import artifact_key, model_key
from mreg.session.context import Context
from mreg.values import names
from mreg.values.entities import HistoryEntry, RefChange
from mreg.values.errors import InvalidInput


class UnknownSequence(InvalidInput):
    code = "unknown-sequence"
    template = "the journal has no entry {seq}; its last is {head}"

    seq: int
    head: int


def history(
    context: Context, name: str | None = None, *, since: int = 0, limit: int | None = None
) -> list[HistoryEntry]:
    """Committed changes after entry `since`, oldest first; only those that moved something of the collection
    `name`, where it is given; only the last `limit` of them.

    Raises UnknownSequence where `since` lies beyond the journal's end, UnknownName.
    """
    if name is not None:
        names.check_name(name)
    head = context.view().head.seq
    if not 0 <= since <= head:
        raise UnknownSequence(seq=since, head=head)
    found: list[HistoryEntry] = []
    for seq in range(head, since, -1):
        if limit is not None and len(found) >= limit:
            break
        entry = context.journal.entry(seq)
        if name is None or any(_touches(change.ref, change.old, change.new, name) for change in entry.changes):
            found.append(describe(entry))
    if name is not None and not found:
        _require_ever(context, name)
    return found[::-1]


def _require_ever(context: Context, name: str) -> None:
    """Raises UnknownName where there has never been such a collection. A deleted one has a history too, and may have
    none of late."""
    view = context.view()
    if not any(view.ref(key).seq for key in (artifact_key(name), model_key(name))):
        require_kind(context, view, name)


def describe(entry: Entry) -> HistoryEntry:
    """The entry as the API hands it out."""
    changes = tuple(RefChange(*change) for change in entry.changes)
    return HistoryEntry(entry.seq, parse_time(entry.time), entry.who, entry.host, entry.command, changes)


def _touches(ref: str, old: str | None, new: str | None, name: str) -> bool:
    """Does the change concern the collection: one of its own refs, or a link to one of its versions?"""
    parts = ref.split("/")
    if len(parts) > 1 and parts[0] in ("artifacts", "registered", "aliases") and parts[1] == name:
        return True
    return any((value or "").startswith(f"{name}:v") for value in (old, new) if "#" in ref)
