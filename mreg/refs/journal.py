"""The journal: every committed change, numbered from 1 without gaps. Creating an entry *is* the commit.

Each entry names the digest of the one before (the first: the repository's id), so one digest identifies
a whole state. `journal/applied` says up to which entry the ref files have been written; it may lag, and
whoever finds it lagging overlays or applies what lies beyond it. It has a checksum, so that damage to the
mark is told apart from damage to the journal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from mreg.refs.keys import is_ref
from mreg.storage import ABSENT, ANY, PutLost, Storage, unreadable
from mreg.storage.base import Expect, get_known, stat_known
from mreg.values import canonical
from mreg.values.canonical import Malformed
from mreg.values.digest import HEX_LENGTH, digest, is_digest
from mreg.values.errors import Damaged
from mreg.values.formats import FIRST, NEWEST, newer
from mreg.values.named_tuple import NamedTuple

APPLIED = "journal/applied"
CHECK_LENGTH = 16
MAX_MESSAGE = 64 << 10

_DATA = re.compile(r"objects/[0-9a-f]{2}/[0-9a-f]{62}(\.[1-9][0-9]{0,15})?|packs/[0-9a-f]{2}/[0-9a-f]{62}\.pack")

CHECKPOINT_EVERY = 10_000
"""Entries after which a checkpoint is written (`mreg.session.checkpoints`)."""

TRIES = 100
"""Attempts to write a mark or a ref that others write too. Writers hold a lock, so losing more than a few times is not
a race."""


class DamagedJournal(Damaged):
    code = "damaged-journal"
    template = "journal entry {seq} is damaged: {reason}"

    seq: int


class MissingEntry(DamagedJournal):
    """One that was committed, as later ones were."""

    code = "missing-entry"


class Change(NamedTuple):
    """How one ref changed. None: absent or deleted."""

    ref: str
    old: str | None
    new: str | None


class Entry(NamedTuple):
    """One committed change.

    id: random, tells a writer its own entry from a foreign one. time: RFC 3339, UTC, the writer's clock.
    packs: what the versions made here read from. drops: storage keys that a gc gave up. format: that of the repository
    after the change. message: the reason that was given. indexes: where the index of each of `packs` begins, and how
    long it is; both None where nothing is said.
    """

    seq: int
    prev: str
    id: str
    time: str
    who: str
    host: str
    command: str
    changes: tuple[Change, ...]
    packs: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    format: int = NEWEST
    message: str | None = None
    indexes: tuple[tuple[int, int], ...] | None = None

    def to_bytes(self) -> bytes:
        record = {key: value for key, value in self._asdict().items() if value is not None} | {"kind": "entry"}
        record["changes"] = [list(change) for change in self.changes]
        return canonical.dumps(record) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Entry:
        """Raises Malformed."""
        record = canonical.loads(data)
        number = canonical.take_format(record, "entry")
        texts = {key: canonical.take(record, key, str) for key in ("prev", "id", "who", "host", "command")}
        entry = cls(
            seq=canonical.take_count(record, "seq"),
            time=canonical.take_time(record, "time"),
            changes=tuple(_parse_change(row, number) for row in canonical.take(record, "changes", list)),
            packs=_parse_names(record, "packs"),
            drops=_parse_texts(record, "drops"),
            format=number,
            **texts,
            **(_parse_more(record) if number > FIRST else {}),
        )
        canonical.check_written(entry.to_bytes, data)
        return entry


class Mark(NamedTuple):
    """A place in the journal: all up to and including entry `seq`, whose digest is `digest`."""

    seq: int
    digest: str


class Look(NamedTuple):
    """One look at the journal: up to where refs had been written, and the entries beyond that, up to the head."""

    applied: Mark
    beyond: tuple[tuple[Mark, Entry], ...] = ()

    @property
    def head(self) -> Mark:
        """The place of the last committed entry."""
        return self.beyond[-1][0] if self.beyond else self.applied


class Journal:
    """The journal of one repository. `origin` is what the first entry names as its predecessor."""

    def __init__(self, storage: Storage, origin: str) -> None:
        self._storage = storage
        self._seen: Mark | None = None
        self.origin = origin

    def applied(self) -> Mark:
        """Up to where the ref files have surely been written. A lost or unreadable mark means: nowhere
        yet, which costs time and harms nothing, because applying twice changes nothing.

        Raises DamagedJournal where the entry is not there any more: what came after it would get the
        numbers of changes that the ref files have seen already, and be taken for old.
        """
        mark, _ = self._mark()
        if mark is None:
            return Mark(0, self.origin)
        if mark != self._seen:
            data = self.raw(mark.seq, known=True)
            if data is None or digest(data) != mark.digest:
                raise DamagedJournal(seq=mark.seq, reason="it is not the entry that was applied")
            self._seen = mark
        return mark

    def advance(self, mark: Mark) -> None:
        """Move the applied mark forward to `mark`; never back. Raises DamagedJournal where something that is no file
        is in its place."""
        for _ in range(TRIES):
            present, expect = self._mark()
            if present and present.seq >= mark.seq:
                return
            try:
                self._storage.put(APPLIED, format_mark(mark), expect)
                return
            except PutLost:
                self._storage.look_again(APPLIED)
            except IsADirectoryError:
                raise DamagedJournal(seq=mark.seq, reason=f"{APPLIED} is not a file") from None
        raise DamagedJournal(seq=mark.seq, reason=f"another writer keeps changing {APPLIED}")

    def _mark(self) -> tuple[Mark | None, Expect | str]:
        """The applied mark, and what must still be there when another one takes its place. One that the disk cannot
        read is overwritten: a mark that lags harms nothing."""
        try:
            value = get_known(self._storage, APPLIED)
        except OSError as error:
            unreadable(error)
            return None, ANY
        return (parse_mark(value.data), value.etag) if value else (None, ABSENT)

    def after(self, mark: Mark, end: int = 0) -> Iterator[tuple[Mark, Entry]]:
        """The entries beyond `mark`, in order, up to the head; each is checked to follow the one before.

        end: an entry that is known to be committed, as are those before it. Raises DamagedJournal; MissingEntry where
        one of these is not there.
        """
        while True:
            seq = mark.seq + 1
            data = self.raw(seq, known=seq <= end)
            if data is None:
                if seq <= end:
                    raise MissingEntry(seq=seq, reason="it is missing, but later entries exist")
                return
            entry = parse(seq, data)
            if entry.prev != mark.digest:
                raise DamagedJournal(seq=seq, reason=f"it does not follow entry {mark.seq}")
            mark = Mark(seq, digest(data))
            yield mark, entry

    def whole(self) -> Iterator[tuple[Mark, Entry]]:
        """Every entry from the first on. Raises as `rest` does."""
        return self.rest(Mark(0, self.origin))

    def rest(self, mark: Mark) -> Iterator[tuple[Mark, Entry]]:
        """The entries beyond `mark`, as `after` has them, for whoever must not overlook one: the journal is listed, so
        that a missing entry is not taken for its end. Raises DamagedJournal, MissingEntry."""
        last = max((seq_of(key) or 0 for key in self._storage.list("journal")), default=0)
        yield from self.after(mark, last)

    def look(self) -> Look:
        """Where the journal ends now, and what of it the ref files may not show yet. Raises DamagedJournal."""
        applied = self.applied()
        return Look(applied, tuple(self.after(applied)))

    def upto(self, head: Mark) -> Iterator[Entry]:
        """The entries from the first to `head`. Raises DamagedJournal, also where `head` is not reached as it was."""
        start = end = Mark(0, self.origin)
        for end, entry in self.after(start, head.seq) if head.seq else ():
            yield entry
            if end.seq == head.seq:
                break
        if end != head:
            raise DamagedJournal(seq=head.seq, reason="it has changed")

    def has(self, seq: int) -> bool:
        """Is entry `seq` committed?"""
        return stat_known(self._storage, key_of(seq)) is not None

    def shows(self, seq: int) -> bool:
        """Is entry `seq` committed, as far as can be seen without looking twice?"""
        return self._storage.stat(key_of(seq)) is not None

    def raw(self, seq: int, *, known: bool = False) -> bytes | None:
        """The bytes of entry `seq`, or None where it is not committed. known: that it is. Raises DamagedJournal where
        they cannot be read."""
        try:
            value = get_known(self._storage, key_of(seq)) if known else self._storage.get(key_of(seq))
        except OSError as error:
            raise DamagedJournal(seq=seq, reason=unreadable(error)) from error
        return value.data if value else None

    def entry(self, seq: int) -> Entry:
        """Entry `seq`, which must have been committed. Raises DamagedJournal."""
        data = self.raw(seq, known=True)
        if data is None:
            raise DamagedJournal(seq=seq, reason="it is missing")
        return parse(seq, data)

    def append(self, entry: Entry) -> bool:
        """Commit `entry`. False: another writer took its number, nothing happened.

        Raises DamagedJournal where something unreadable has its name, OSError where the machine failed; whether
        the entry is there is then unknown (ask `owns`).
        """
        try:
            self._storage.put(key_of(entry.seq), entry.to_bytes(), ABSENT)
        except PutLost:
            return self.owns(entry)  # a retry may lose against its own first try
        return True

    def settle(self, seq: int) -> None:
        """Make entry `seq`, which exists, durable: its writer may have died before flushing it. (A create-if-absent
        that loses flushes the winner.)"""
        data = self.raw(seq)
        if data is not None:
            with suppress(PutLost):
                self._storage.put(key_of(seq), data, ABSENT)

    def owns(self, entry: Entry) -> bool:
        """Is the committed entry with this number this one?"""
        return self.raw(entry.seq, known=True) == entry.to_bytes()


def key_of(seq: int) -> str:
    return f"journal/{seq // 1000:06}/{seq:09}.json"


def seq_of(key: str) -> int | None:
    """The number of the entry whose key this is, or None where it is no entry's."""
    seq = canonical.parse_digits(key.rpartition("/")[2].removesuffix(".json"))
    return seq if seq and key == key_of(seq) else None


def is_data(key: str) -> bool:
    """Whether a storage key is one of a record or a pack."""
    return _DATA.fullmatch(key) is not None


def parse(seq: int, data: bytes) -> Entry:
    """Raises DamagedJournal; NewerFormat where another release wrote it."""
    try:
        entry = Entry.from_bytes(data)
    except canonical.Newer as error:
        raise newer(f"journal entry {seq}", error.found) from None
    except Malformed as error:
        raise DamagedJournal(seq=seq, reason=str(error)) from None
    if entry.seq != seq:
        raise DamagedJournal(seq=seq, reason=f"it claims to be entry {entry.seq}")
    return entry


def format_mark(mark: Mark) -> bytes:
    text = f"{mark.seq} {mark.digest}"
    return f"{text} check={digest(text.encode())[:CHECK_LENGTH]}\n".encode()


def parse_mark(data: bytes) -> Mark | None:
    """The mark in `data`, or None where it is none."""
    first, _, rest = data.decode("ascii", "replace").partition(" ")
    seq, name = canonical.parse_digits(first), rest[:HEX_LENGTH]
    if seq is None or not is_digest(name):
        return None
    mark = Mark(seq, name)
    return mark if data == format_mark(mark) else None


def _parse_change(row: Any, number: int) -> Change:
    match row:
        case [str(ref), str() | None as old, str() | None as new] if is_ref(ref) and (ref.isascii() or number > FIRST):
            return Change(ref, old, new)
    raise Malformed("a change is not a ref with its old and new value")


def _parse_more(record: dict[str, Any]) -> dict[str, Any]:
    """What an entry of format 2 may say beside."""
    message, rows = record.get("message"), record.get("indexes")
    if message is not None and not (isinstance(message, str) and message and len(message.encode()) <= MAX_MESSAGE):
        raise Malformed("'message' is not a text of allowed length")
    if rows is not None and not (isinstance(rows, list) and 0 < len(rows) == len(record["packs"])):
        raise Malformed("'indexes' do not belong to 'packs'")
    return {"message": message, "indexes": None if rows is None else tuple(map(_parse_place, rows))}


def _parse_place(row: Any) -> tuple[int, int]:
    match row:
        case [int(start), int(length)] if not isinstance(start, bool) and not isinstance(length, bool):
            if 0 <= start <= canonical.MAX_INTEGER and 0 <= length <= canonical.MAX_INTEGER:
                return start, length
    raise Malformed("a place in a pack is not two numbers")


def _parse_texts(record: dict[str, Any], key: str) -> tuple[str, ...]:
    texts = canonical.take(record, key, list)
    if not all(isinstance(text, str) for text in texts):
        raise Malformed(f"{key!r} holds something that is not a string")
    return tuple(texts)


def _parse_names(record: dict[str, Any], key: str) -> tuple[str, ...]:
    names = _parse_texts(record, key)
    if not all(is_digest(name) for name in names):
        raise Malformed(f"{key!r} holds something that is not a digest")
    return names
