"""Commit: all of a change or none of it, against races and crashes alike.

The steps (docs/guarantees.md says which failure each one answers):

1. take the writers' lock, which only reduces contention;
2. roll forward what is committed and not applied;
3. let the caller work out its change from the refs as they now are, and check its expectations;
4. check that every pack the change names is still there (a gc may have run meanwhile);
5. create the next journal entry: the commit point. Lost to another writer: back to 2;
6. apply it to the ref files, and advance the applied mark. A crash here loses nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import NamedTuple

from mreg.content import packs
from mreg.refs import ref_files
from mreg.refs.journal import Change, Entry, Journal, Mark
from mreg.refs.view import Known, View
from mreg.storage import Storage
from mreg.values.digest import digest
from mreg.values.errors import Conflict, Incomplete, MregError


class MissingPack(Conflict):
    """A pack that the change relies on was swept by a gc since it was looked up."""

    code = "missing-pack"
    template = "pack {pack} was removed by a garbage collection meanwhile"

    pack: str


class Uncertain(Incomplete):
    """The machine failed at the commit point, and the entry is there but may not survive a power loss."""

    code = "uncertain"
    template = "change {seq} was made, but the disk did not confirm it: {reason}"

    seq: int
    reason: str


class Signature(NamedTuple):
    """Who changes, from where: stands in every journal entry and version record."""

    who: str
    host: str


class Draft:
    """A change being worked out: what each ref is to become, and which packs come with it (`packs`) or go (`drops`)."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.new: dict[str, str | None] = {}
        self.buried: dict[str, str] = {}
        self.packs: tuple[str, ...] = ()
        self.drops: tuple[str, ...] = ()

    def value(self, key: str) -> str | None:
        """The ref's value as this change leaves it."""
        return self.new[key] if key in self.new else self.view.value(key)

    def set(self, key: str, value: str | None) -> None:
        """Let the ref become `value` (None: be deleted). Setting what it already is changes nothing."""
        if self.view.value(key) == value:
            self.new.pop(key, None)
        else:
            self.new[key] = value

    def bury(self, key: str, last: str) -> None:
        """Let the ref, which never existed, be one that was deleted when it had the value `last`: a rename
        brings along the numbers of deleted versions, so that they are not given again."""
        if self.view.ref(key).seq == 0:
            self.buried[key] = last

    def changes(self) -> tuple[Change, ...]:
        moved = [Change(key, self.view.value(key), value) for key, value in self.new.items()]
        return tuple(moved + [Change(key, last, None) for key, last in self.buried.items()])


def commit(
    storage: Storage,
    journal: Journal,
    signature: Signature,
    command: str,
    build: Callable[[Draft], None],
    *,
    timeout: float = 30.0,
    known: Known | None = None,
) -> Entry | None:
    """Commit what `build` drafts, and return the entry; None where it drafted nothing.

    build: given a fresh Draft, sets refs in it, or raises to refuse. Called again with another one when
    somebody else committed first, so it must not act outside of its draft. known: see View; what the change moves must
    be what the journal says.
    Raises what `build` raises, MissingPack, LockTimeout, Uncertain, Damaged, OSError.
    """
    with storage.lock(timeout):
        while True:
            roll_forward(storage, journal)
            view = View(storage, journal, known)
            draft = Draft(view)
            build(draft)
            changes = draft.changes()
            if not (changes or draft.drops or draft.packs):
                return None
            for key in draft.new:
                view.check(key, view.value(key))
            _check_packs(storage, draft.packs)
            entry = Entry(
                seq=view.head.seq + 1,
                prev=view.head.digest,
                id=os.urandom(16).hex(),
                time=timestamp(),
                who=signature.who,
                host=signature.host,
                command=command,
                changes=changes,
                packs=draft.packs,
                drops=draft.drops,
            )
            if _append(journal, entry):
                _apply(storage, journal, entry)
                return entry


def roll_forward(storage: Storage, journal: Journal) -> None:
    """Apply every entry that is committed and not applied yet."""
    last = None
    applied = journal.applied()
    for mark, entry in journal.after(applied):
        journal.settle(mark.seq)
        ref_files.apply(storage, entry)
        last = mark
    if applied.seq == 0:  # there is no mark, by which the end of the journal is known
        ref_files.require_end(storage, journal, last or applied)
    if last:
        journal.advance(last)


def timestamp() -> str:
    """Now, as RFC 3339 in UTC with microseconds."""
    nanoseconds = time.time_ns()
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 10**9))
    return f"{whole}.{nanoseconds // 1000 % 10**6:06}Z"


def _check_packs(storage: Storage, names: tuple[str, ...]) -> None:
    for name in names:
        if storage.stat(packs.key_of(name)) is None:
            raise MissingPack(pack=name)


def _append(journal: Journal, entry: Entry) -> bool:
    try:
        return journal.append(entry)
    except OSError as error:
        if journal.owns(entry):
            raise Uncertain(seq=entry.seq, reason=error.strerror or str(error)) from error
        raise


def _apply(storage: Storage, journal: Journal, entry: Entry) -> None:
    """The entry is committed: whatever fails from here on, the change has happened, readers see it in the
    journal, and the next writer finishes the work."""
    try:
        ref_files.apply(storage, entry)
        journal.advance(Mark(entry.seq, digest(entry.to_bytes())))
    except (OSError, MregError):
        pass
