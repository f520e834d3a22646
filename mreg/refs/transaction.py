"""Commit: all of a change or none of it, against races and crashes alike.

The steps (docs/guarantees.md says which failure each one answers):

1. take the writers' lock, which only reduces contention;
2. roll forward what is committed and not applied;
3. let the caller work out its change from the current refs, and check its expectations;
4. check that every pack the change names is still there, and was not dropped (a gc may have run meanwhile);
5. create the next journal entry: the commit point. Lost to another writer: back to 2;
6. apply it to the ref files, and advance the applied mark. A crash here loses nothing.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from mreg import content
from mreg.refs import heading, ref_files, rules
from mreg.refs.folds import Folds
from mreg.refs.journal import MAX_MESSAGE, Change, Entry, Journal, Look, Mark
from mreg.refs.keys import CONFIG, AliasKey, LinkKey, RefKey, VersionKey
from mreg.refs.view import Refs, Tables, View
from mreg.storage import Storage
from mreg.storage.base import stat_known
from mreg.values import formats
from mreg.values.canonical import is_unicode
from mreg.values.digest import digest
from mreg.values.errors import Conflict, Incomplete, InvalidInput, MregError, Refused, check_text

_T = TypeVar("_T")
_Key = TypeVar("_Key", bound=RefKey)


class MissingPack(Conflict):
    """A gc has deleted a pack that the change relies on since it was looked up."""

    code = "missing-pack"
    template = "pack {pack} was deleted by a concurrent gc"

    pack: str


class ReservedNumber(Refused):
    """A number that is kept for one content is given to no other."""

    code = "reserved-number"
    template = "{what} cannot be created: its number is reserved"

    what: str


class Uncertain(Incomplete):
    """The machine failed at the commit point: the entry exists, but may not survive a power loss."""

    code = "uncertain"
    template = "entry {seq} was written, but the disk did not confirm it: {reason}"

    seq: int
    reason: str


class InvalidMessage(InvalidInput):
    code = "invalid-message"
    template = "the message {reason}"

    reason: str


class Signature(NamedTuple):
    """Who makes a change, and on which host; part of every journal entry and version record."""

    who: str
    host: str


class Draft(Refs):
    """A change being worked out: the new values of refs, the packs that come with it (`packs`, as of `looked_up`), and
    the storage keys that it gives up (`drops`). As `Refs`, it answers questions about the state after the change."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.new: dict[RefKey, str | None] = {}
        self.buried: dict[RefKey, str] = {}
        self.packs: tuple[str, ...] = ()
        self.looked_up = view.head
        self.drops: tuple[str, ...] = ()
        self._aliases: dict[str, Folds] = defaultdict(Folds)

    def value(self, key: RefKey) -> str | None:
        return self.new[key] if key in self.new else self.view.value(key)

    def live(self, prefix: str, kind: type[_Key]) -> dict[_Key, str]:
        found: dict[_Key, str | None] = {**self.view.live(prefix, kind)}
        found |= {key: value for key, value in self.new.items() if isinstance(key, kind) and key.startswith(prefix)}
        return {key: value for key, value in sorted(found.items()) if value is not None}

    def set(self, key: RefKey, value: str | None) -> None:
        """Set the ref to `value` (None: delete it). Setting the value that it has already is no change."""
        if self.view.value(key) == value:
            self.new.pop(key, None)
            if isinstance(key, AliasKey):
                self._aliases[key.collection].discard(key.alias)
        else:
            self.new[key] = value
            if isinstance(key, AliasKey):
                self._aliases[key.collection].add(key.alias)

    def bury(self, key: RefKey, last: str) -> None:
        """Record the ref, which never existed, as deleted with the value `last`: a rename brings along the
        numbers of deleted versions, so that they are not given again."""
        if self.view.ref(key).seq == 0:
            self.buried[key] = last

    def other_alias(self, key: AliasKey) -> str | None:
        """See `View.other_alias`."""
        return self.view.other_alias(key) or self._aliases[key.collection].other(key.alias)

    def changes(self) -> tuple[Change, ...]:
        moved = [Change(str(key), self.view.value(key), value) for key, value in self.new.items()]
        return tuple(moved + [Change(str(key), last, None) for key, last in self.buried.items()])


class Committed(NamedTuple, Generic[_T]):
    """What a commit did. entry: None if nothing was drafted, or it is one step of a change that is not committed yet.
    value: what the drafting function returned. look: at the journal, with the new entry. view: the refs before it.
    changes: what was drafted."""

    entry: Entry | None
    value: _T
    look: Look
    view: View
    changes: tuple[Change, ...]


def commit(
    storage: Storage,
    journal: Journal,
    signature: Signature,
    command: str,
    build: Callable[[Draft], _T],
    *,
    message: str | None = None,
    timeout: float = 30.0,
    tables: Callable[[Look], Tables] | None = None,
) -> Committed[_T]:
    """Commit what `build` drafts.

    build: sets refs in the Draft that it is given, or raises to refuse. It is called again with a fresh one when
    somebody else commits first, so it must not act outside of its draft. message: the reason, for the history; empty:
    none is given. tables: see View.
    Raises what `build` raises, InvalidMessage, MissingPack, LockTimeout, Uncertain, Damaged, NeedsNewer, NewerFormat,
    NeedsFormat, OSError.
    """
    check_message(message)
    with storage.lock(timeout):
        while True:
            look = roll_forward(storage, journal)
            draft = Draft(View(storage, journal, look, tables))
            value = build(draft)
            changes = draft.changes()
            if not (changes or draft.drops or draft.packs):
                return Committed(None, value, look, draft.view, changes)
            number = check_drafted(draft)
            if message:
                formats.require("the reason of a change", 2, number)
            _check_packs(storage, journal, draft)
            entry = Entry(
                seq=look.head.seq + 1,
                prev=look.head.digest,
                id=os.urandom(16).hex(),
                time=timestamp(),
                who=signature.who,
                host=signature.host,
                command=command,
                changes=changes,
                packs=draft.packs,
                drops=draft.drops,
                format=number,
                message=message or None,
            )
            if _append(journal, entry):
                mark = Mark(entry.seq, digest(entry.to_bytes()))
                _apply(storage, journal, mark, entry)
                return Committed(entry, value, Look(look.head, ((mark, entry),)), draft.view, changes)


def roll_forward(storage: Storage, journal: Journal, seen: Look | None = None) -> Look:
    """Apply every entry that is committed and not applied yet. Returns the end of the journal. seen: as it was a moment
    ago, for who reads: thousands of entries need not be read twice."""
    look = seen if seen and seen.applied == journal.applied() else journal.look()
    for mark, entry in look.beyond:
        if not storage.is_steady:
            journal.settle(mark.seq)
        ref_files.apply(storage, entry)
    if look.applied.seq == 0:  # there is no mark, by which the end of the journal is known
        ref_files.require_end(storage, journal, look.head)
    if look.beyond:
        journal.advance(look.head)
    return Look(look.head)


def timestamp() -> str:
    """Now, as RFC 3339 in UTC with microseconds."""
    nanoseconds = time.time_ns()
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 10**9))
    return f"{whole}.{nanoseconds // 1000 % 10**6:06}Z"


def check_message(message: str | None) -> None:
    """Raises InvalidMessage where the journal cannot hold it."""
    if message is not None:
        check_text(message, "a message")
    if message and not is_unicode(message):
        raise InvalidMessage(reason="is not valid Unicode")
    if message and len(message.encode()) > MAX_MESSAGE:
        raise InvalidMessage(reason=f"is longer than {MAX_MESSAGE >> 10} KiB")


def check_drafted(draft: Draft) -> int:
    """The format of the entry that says so. Raises ReservedNumber, NeedsFormat, NeedsNewer, DamagedConfig,
    NewerFormat."""
    _check_reserved(draft)
    return _format_of(draft)


def _check_reserved(draft: Draft) -> None:
    """Raises ReservedNumber where a number is drafted to mean something else than it is kept for."""
    for key, value in draft.new.items():
        if value is not None and isinstance(key, VersionKey | LinkKey):
            kept = rules.reserved(key, draft.view.ref(key).last)
            root = rules.root(key, value)
            if kept and (root is None or root.digest != kept.digest):
                raise ReservedNumber(what=rules.words(key))


def _format_of(draft: Draft) -> int:
    """The format of the entry: that of the repository after the change. It is looked at here, where the entry gets its
    place: the repository may have been raised since it was opened. Raises NeedsNewer, DamagedConfig, NewerFormat, and
    NeedsFormat where it cannot hold what is drafted."""
    heading.of(draft.view.value(CONFIG)).check_writable()
    heading.check_refs(draft.value(CONFIG), [*draft.new.items(), *draft.buried.items()])
    heading.check_names(draft.value(CONFIG), (part for key in draft.new for part in key.split("/")))
    return heading.of(draft.value(CONFIG)).format


def _check_packs(storage: Storage, journal: Journal, draft: Draft) -> None:
    """The journal tells, as a gc may delete later what it has dropped; what is not steady may be lost by other hands
    too. Raises MissingPack."""
    dropped: set[str] = set()
    if draft.packs and draft.looked_up.seq < draft.view.head.seq:
        dropped.update(*(entry.drops for _, entry in journal.after(draft.looked_up, draft.view.head.seq)))
    for name in draft.packs:
        key = content.packs.key_of(name)
        lost = not storage.is_steady and stat_known(storage, key) is None
        if lost or key in dropped or draft.view.died(key) is not None:
            raise MissingPack(pack=name)


def _append(journal: Journal, entry: Entry) -> bool:
    try:
        return journal.append(entry)
    except OSError as error:
        if journal.owns(entry):
            raise Uncertain(seq=entry.seq, reason=error.strerror or str(error)) from error
        raise


def _apply(storage: Storage, journal: Journal, mark: Mark, entry: Entry) -> None:
    """Bring the ref files up to date with the entry. Failures do not matter: the change is committed, readers
    see it in the journal, and the next writer finishes the work."""
    try:
        ref_files.apply(storage, entry)
        journal.advance(mark)
    except (OSError, MregError):
        pass
