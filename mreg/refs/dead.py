"""Names die once: what an entry of format 2 drops is never used again (docs/format.md 5.11).

So a writer and a gc need neither a lock nor a clock in common: what a gc deletes, no later entry rests on, and the
journal alone tells it. What entries of format 1 drop may come back under its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mreg import content
from mreg.refs.journal import Entry, is_data
from mreg.values.formats import FIRST


def dying(entry: Entry) -> Iterator[str]:
    """The storage keys that are dead from this entry on, if they were not before."""
    if entry.format > FIRST:
        # A name that the entry of its own number or a later one would make has not been there to be dropped.
        yield from (key for key in entry.drops if is_data(key) and content.objects.dropped_by(key) < entry.seq)


def note(dead: dict[str, int], entry: Entry) -> None:
    """Add what the entry drops: each dead key with the number of the entry that dropped it first."""
    for key in dying(entry):
        dead.setdefault(key, entry.seq)


def folder(key: str) -> str:
    """The name of the folder that the key is in: `ab` of `objects/ab/…` and `packs/ab/…`."""
    return key.split("/")[1]


def after(entries: Iterable[Entry]) -> dict[str, int]:
    """The dead keys after these entries, which are all from the first on."""
    dead: dict[str, int] = {}
    for entry in entries:
        note(dead, entry)
    return dead
