"""Where renames took what is no longer there under its old name."""

from __future__ import annotations

from mreg.refs import keys
from mreg.refs.journal import Entry
from mreg.refs.keys import LinkKey, RefKey, VersionKey
from mreg.refs.view import View
from mreg.session.context import Context


def moved_to(context: Context, view: View, key: RefKey) -> RefKey | None:
    """The ref that has what `key` had (a collection, version or link, which is deleted), if renames took it along; else
    None.

    Every step leads to a later entry, so there is an end. Raises DamagedRef, DamagedJournal.
    """
    ref = view.ref(key)
    while ref.value is None and ref.seq:
        found = _taken_along(context.journal.entry(ref.seq), key)
        if found is None:
            return None
        key, ref = found, view.ref(found)
    return key if ref.value is not None else None


def _taken_along(entry: Entry, key: RefKey) -> RefKey | None:
    """The ref that the entry set to what it took from `key`."""
    before = next((change.old for change in entry.changes if change.ref == key), None)
    for change in entry.changes:
        other = keys.parse(change.ref)
        fits = isinstance(other, type(key)) and _place(other) == _place(key)
        if fits and change.new is not None and change.new == before:
            return other
    return None


def _place(key: RefKey) -> int | None:
    return key.number if isinstance(key, VersionKey | LinkKey) else None
