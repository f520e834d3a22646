"""`history`: who changed what, when, from what to what."""

from __future__ import annotations

from mreg import operations
from mreg.operations.resolve import require_kind
from mreg.operations.versions import parse_time
from mreg.refs import keys, rules
from mreg.refs.journal import Change, Entry
from mreg.refs.keys import CollectionKind
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.values import names
from mreg.values.entities import HistoryEntry
from mreg.values.errors import InvalidInput


class UnknownSequence(InvalidInput):
    code = "unknown-sequence"
    template = "the journal has no entry {seq}; its last is {head}"

    seq: int
    head: int


def history(
    context: Context, name: str | None = None, *, since: int = 0, limit: int | None = None
) -> list[HistoryEntry]:
    """Committed changes after entry `since`, oldest first, at most the last `limit` of them. name: only those that
    concern this collection.

    Raises UnknownSequence if `since` lies beyond the end of the journal, UnknownName.
    """
    if name is not None:
        name = names.check_name(name)
    view = context.view()
    if not 0 <= since <= view.head.seq:
        raise UnknownSequence(seq=since, head=view.head.seq)
    found: list[HistoryEntry] = []
    for seq in range(view.head.seq, since, -1):
        if limit is not None and len(found) >= limit:
            break
        entry = context.journal.entry(seq)
        if name is None or any(_concerns(change, name) for change in entry.changes):
            found.append(describe(context, view, entry))
    if name is not None and not found:
        _require_ever(context, view, name)
    return found[::-1]


def _require_ever(context: Context, view: View, name: str) -> None:
    """Raises UnknownName if there never was such a collection. A deleted one has a history, though perhaps no recent
    one."""
    if not any(view.ref(kind.key(name)).seq for kind in CollectionKind):
        require_kind(context, context.view(view.look), name)


def _concerns(change: Change, name: str) -> bool:
    return rules.mentions(keys.parse(change.ref), (change.old, change.new), name)


def describe(context: Context, view: View, entry: Entry) -> HistoryEntry:
    """The entry as the API returns it. view: see `changes.describe`."""
    changes = operations.changes.describe(context, view, entry.changes)
    return HistoryEntry(entry.seq, parse_time(entry.time), entry.who, entry.host, entry.command, changes)
