"""The lookup tables: SQLite, outside the repository, disposable.

Everything here is derived from the journal, the records and the packs, and is never the only copy of
anything. The tables know which journal entry they have read last and its digest; if the repository does
not agree (it was restored, or is another one), they start over.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from mreg import content, session
from mreg.refs import journal as journals
from mreg.refs.journal import Entry, Journal, Look, Mark
from mreg.session import (
    chunk_catalogue,
    dead_names,
    facts,
    other_digests,
    record_cache,
    ref_mirror,
    statcache,
)
from mreg.session.chunk_catalogue import ChunkCatalogue
from mreg.session.database import AT_ONCE, OWN
from mreg.session.dead_names import DeadNames, Dying
from mreg.session.facts import Facts
from mreg.session.other_digests import OtherDigests
from mreg.session.record_cache import RecordCache
from mreg.session.statcache import StatCache
from mreg.storage import Storage
from mreg.values.digest import digest
from mreg.values.errors import MregError

SCHEMA = 15
"""To be raised with every change of the tables."""

_TABLES = (
    *ref_mirror.TABLES,
    *dead_names.TABLES,
    *chunk_catalogue.TABLES,
    *record_cache.TABLES,
    *statcache.TABLES,
    *other_digests.TABLES,
    *facts.TABLES,
)


class Index(Facts, DeadNames, ChunkCatalogue, RecordCache, StatCache, OtherDigests):
    """The lookup tables of one repository, all in one file (`stem` as `Database` says). What each table answers is
    written where its class is; this one keeps them up with the journal. Call `catch_up` before any other method."""

    lacks_checkpoint = False
    """Did this process read as many entries one by one as a checkpoint would have spared it?"""

    def __init__(self, storage: Storage, journal: Journal, stem: str | None) -> None:
        super().__init__(stem, SCHEMA, _TABLES)
        self.written = {}
        self._storage = storage
        self._journal = journal
        self.look = Look(Mark(0, journal.origin))

    def catch_up(self, look: Look) -> None:
        """Read what was committed up to the end of `look`, unless another process has read further already. Raises
        Damaged."""
        with self._guard:
            self.look = look
            self._is_whole = False  # another process may have learnt of more packs
            try:
                self._catch_up()
            except sqlite3.DatabaseError as error:
                self._start_over(error)
                self._catch_up()

    def _catch_up(self) -> None:
        look = self.look
        here = self._position(look)
        if here is not None and here.seq >= look.head.seq:
            return
        with self._transaction():
            start = self._position(look)
            is_long = look.head.seq - (start.seq if start else 0) >= journals.CHECKPOINT_EVERY
            with self._in_bulk() if is_long else contextlib.nullcontext():
                start = start or self._beginning(look)
                self._read(start, look)
        if look.head.seq - start.seq >= journals.CHECKPOINT_EVERY:
            self.lacks_checkpoint = True

    def _position(self, look: Look) -> Mark | None:
        """The place in the journal that the tables have reached; None if this journal has no such place."""
        row = self._db.execute("SELECT * FROM meta").fetchone()
        if row is None or row[:2] != (SCHEMA, self._journal.origin) or [*map(type, row[2:])] != [int, str]:
            return None
        here = Mark(*row[2:])
        if here == Mark(0, self._journal.origin) or here == look.applied or here in (mark for mark, _ in look.beyond):
            return here
        data = self._journal.raw(here.seq)
        return here if data is not None and digest(data) == here.digest else None

    def _beginning(self, look: Look) -> Mark:
        """Where to begin to read: at the newest checkpoint, if these tables are new, and were not found to contradict
        the journal."""
        distrusted = self._db.execute("SELECT schema, origin FROM meta").fetchone() == (SCHEMA, "")
        start = self._reset()
        if distrusted or look.head.seq < journals.CHECKPOINT_EVERY:
            return start
        with contextlib.suppress(OSError, MregError):
            mark = session.checkpoints.load(self._storage, self._journal, self._db, look.head.seq)
            if mark is not None:
                self._read_all_links()
                return mark
        return self._reset()

    def checkpoint(self) -> None:
        """Spare new caches to read the journal up to here."""
        with self._reading_packs():  # of one entry, though other processes read on
            session.checkpoints.write(self._storage, self._db, *self._place())
            self.lacks_checkpoint = False

    def checkpoint_shards(self) -> list[bytes]:
        """What `checkpoint` would write."""
        with self._reading_packs():
            return list(session.checkpoints.shards(self._db, *self._place()))

    @contextlib.contextmanager
    def _reading_packs(self) -> Iterator[None]:
        """`reading`, with all packs in their table."""
        while True:
            self._lay_out_packs()
            with self.reading():
                if not self._are_packs_put_off():  # by another process, meanwhile
                    yield
                    return

    def _place(self) -> tuple[str, Mark]:
        origin, *mark = self._db.execute("SELECT origin, seq, digest FROM meta").fetchone()
        return origin, Mark(*mark)

    def _reset(self) -> Mark:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name != ?"
        for (table,) in self._db.execute(query, (OWN,)).fetchall():
            self._db.execute(f"DELETE FROM {table}")
        start = Mark(0, self._journal.origin)
        self._db.execute("INSERT INTO meta VALUES (?, ?, ?, ?)", (SCHEMA, start.digest, *start))
        self._make_dead()
        return start

    def _read(self, start: Mark, look: Look) -> None:
        """Read the entries after `start`; those that the look has seen already are taken from it."""
        at_hand = [(mark, entry) for mark, entry in look.beyond if mark.seq > start.seq]
        brought: dict[str, int] = {}
        dropped: list[str] = []
        dying = Dying(self)
        here = start
        self._leave_room()
        unread: list[Entry] = []
        for here, entry in at_hand if start.seq >= look.applied.seq else self._journal.after(start, look.head.seq):
            unread.append(entry)
            if len(unread) == AT_ONCE:
                self._read_refs(unread)
                unread.clear()
            for name in entry.packs:
                if content.packs.key_of(name) not in dying:
                    brought.setdefault(name, entry.seq)
            if entry.drops:
                dying.follow(entry)
                for name in filter(None, map(content.packs.name_of, entry.drops)):
                    brought.pop(name, None)
                    dropped.append(name)
            if here.seq == look.head.seq:
                break
        self._read_refs(unread)
        self._forget_packs(dropped)
        dying.keep()
        self._add_packs(brought)
        self._db.execute("UPDATE meta SET seq = ?, digest = ?", here)

    def read_ahead(self, pack: str) -> None:
        """Know what is in a pack that no entry names yet. Who takes something over from it names it (a commit checks
        that it is still there), and an entry that drops it has it forgotten."""
        with self._guard:
            try:
                with self._transaction():
                    self._add_packs({pack: 0})
            except sqlite3.DatabaseError as error:
                self._start_over(error)

    def start_anew(self, look: Look) -> None:
        """Read everything again: something is not where the tables say, or is where they say there is nothing."""
        with self._guard:
            self.distrust()
            self.catch_up(look)

    def distrust(self) -> None:
        """Have everything read again at the next `catch_up`: something in the tables contradicts the journal."""
        with self._guard:
            self.written.clear()
            try:
                self._db.execute("UPDATE meta SET origin = ''")  # of no repository
            except sqlite3.DatabaseError as error:
                self._start_over(error)
