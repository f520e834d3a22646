"""Where renames took what is no longer there under its old name, and what it was called before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from mreg.refs import keys
from mreg.refs.journal import Entry, Journal
from mreg.refs.keys import CollectionKey, CollectionKind, LinkKey, RefKey, VersionKey
from mreg.refs.view import View
from mreg.session.context import Context

_Key = TypeVar("_Key", bound=RefKey)


def moved_to(context: Context, view: View, key: RefKey) -> RefKey | None:
    """The ref that has what `key` had (a collection, version or link, which is deleted), if renames took it along; else
    None. See `last_place`."""
    place = last_place(context, view, key)
    return place if view.value(place) is not None else None


def last_place(context: Context, view: View, key: _Key) -> _Key:
    """The ref to which renames took what `key` had, whether it is still there or was deleted since; `key` itself, if
    none did.

    Every step leads to a later entry, so there is an end. Raises DamagedRef, DamagedJournal.
    """
    ref = view.ref(key)
    while ref.value is None and ref.seq:
        found = _taken_along(context.journal.entry(ref.seq), key)
        if found is None:
            break
        key, ref = found, view.ref(found)
    return key


def _taken_along(entry: Entry, key: _Key) -> _Key | None:
    """The ref that the entry set to what it took from `key`."""
    before = next((change.old for change in entry.changes if change.ref == key), None)
    for change in entry.changes:
        other = keys.parse(change.ref)
        if isinstance(other, type(key)) and _place(other) == _place(key) and before == change.new is not None:
            return other
    return None


def _place(key: RefKey) -> int | None:
    return key.number if isinstance(key, VersionKey | LinkKey) else None


def followed(journal: Journal, name: str, last: int) -> Iterator[tuple[Entry, str]]:
    """The entries from `last` back to the first, each with what the collection was called after it that is called
    `name` after the last. Raises DamagedJournal."""
    for seq in range(last, 0, -1):
        entry = journal.entry(seq)
        yield entry, name
        name = name_before(entry, name)


def name_before(entry: Entry, name: str) -> str:
    """What the collection was called before the entry that is called `name` after it: the entry may rename it."""
    for kind in CollectionKind:
        if any(change.ref == kind.key(name) and change.old is None for change in entry.changes):
            gone = (keys.parse(change.ref) for change in entry.changes if change.new is None)
            return next((old.name for old in gone if isinstance(old, CollectionKey) and old.kind is kind), name)
    return name
