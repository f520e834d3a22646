"""The lookup tables: SQLite, outside the repository, disposable.

Everything here is derived from the journal, the records and the packs, and is never the only copy of
anything. The tables know which journal entry they have read last and its digest; if the repository does
not agree (it was restored, or is another one), they start over.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from mreg.content import packs
from mreg.content.packs import ChunkEntry, DamagedPack, Located, Piece, Recipe
from mreg.refs import keys
from mreg.refs.journal import Entry, Journal, Look, Mark
from mreg.refs.keys import CollectionKey, CollectionKind
from mreg.refs.ref_files import Ref
from mreg.storage import Storage
from mreg.storage.posix import LinkInStore
from mreg.values.digest import digest

SCHEMA = 3
_TABLES = """
CREATE TABLE meta (schema INTEGER, origin TEXT, seq INTEGER, digest TEXT);
CREATE TABLE refs (key TEXT PRIMARY KEY, value TEXT, seq INTEGER) WITHOUT ROWID;
CREATE TABLE packs (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE chunks (digest BLOB, offset INTEGER, stored INTEGER, size INTEGER, codec INTEGER, position INTEGER,
                     base BLOB, pack INTEGER, PRIMARY KEY (digest, position, pack)) WITHOUT ROWID;
CREATE TABLE recipes (digest BLOB, pieces BLOB, pack INTEGER, PRIMARY KEY (digest, pack));
CREATE TABLE records (digest TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID;
CREATE TABLE stats (path BLOB PRIMARY KEY, stamp TEXT, digest TEXT) WITHOUT ROWID;
"""
_AT_ONCE = 500
_ENDING = ".sqlite"

ROOM: Final = 16 << 20
"""Bytes that the tables leave free on their disk: it may be the repository's too, and what can be made anew must not
take the last room from what cannot."""


class _NoRoom(sqlite3.OperationalError):
    """The tables must not grow."""


class Index:
    """The lookup tables of one repository, in a file named after `stem` and the number of the schema (releases with
    other tables have other files), or in memory if `stem` is None.

    Safe to use from several threads and processes. A file that cannot be used is made anew. If that fails
    too (a read-only or full disk), or if the file turns out to be bad later, the tables live in memory for as
    long as the object does.
    """

    def __init__(self, storage: Storage, journal: Journal, stem: str | None) -> None:
        self._storage = storage
        self._journal = journal
        self._guard = threading.RLock()
        self.look = Look(Mark(0, journal.origin))
        path = None if stem is None else f"{stem}.{SCHEMA}{_ENDING}"
        self._path = path if path is not None and _has_room(path) else None
        self._db = self._open(self._path)

    def close(self) -> None:
        self._db.close()

    # Keeping up with the repository.

    def catch_up(self, look: Look) -> None:
        """Read what was committed up to the end of `look`, unless another process has read further already. Raises
        Damaged."""
        with self._guard:
            self.look = look
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
            self._read(self._position(look) or self._reset(), look)

    def _position(self, look: Look) -> Mark | None:
        """The place in the journal that the tables have reached; None if this journal has no such place."""
        row = self._db.execute("SELECT * FROM meta").fetchone()
        if row is None or row[:2] != (SCHEMA, self._journal.origin):
            return None
        here = Mark(*row[2:])
        if here == Mark(0, self._journal.origin) or here == look.applied or here in (mark for mark, _ in look.beyond):
            return here
        data = self._journal.raw(here.seq)
        return here if data is not None and digest(data) == here.digest else None

    def _reset(self) -> Mark:
        for table in ("refs", "packs", "chunks", "recipes", "records", "stats", "meta"):
            self._db.execute(f"DELETE FROM {table}")
        start = Mark(0, self._journal.origin)
        self._db.execute("INSERT INTO meta VALUES (?, ?, ?, ?)", (SCHEMA, start.digest, *start))
        return start

    def _read(self, start: Mark, look: Look) -> None:
        """Read the entries after `start`; those that the look has seen already are taken from it."""
        at_hand = [(mark, entry) for mark, entry in look.beyond if mark.seq > start.seq]
        brought: dict[str, None] = {}
        dropped: list[str] = []
        here = start
        self._leave_room()
        for here, entry in at_hand if start.seq >= look.applied.seq else self._journal.after(start, look.head.seq):  # noqa: B007
            self._read_refs(entry)
            brought |= dict.fromkeys(entry.packs)
            for name in filter(None, map(packs.name_of, entry.drops)):
                brought.pop(name, None)
                dropped.append(name)
        self._forget_packs(dropped)
        for name in brought:
            self._leave_room()
            self._read_pack(name)
        self._db.execute("UPDATE meta SET seq = ?, digest = ?", here)

    def _read_refs(self, entry: Entry) -> None:
        rows = ((change.ref, change.new, entry.seq) for change in entry.changes)
        self._db.executemany("INSERT OR REPLACE INTO refs VALUES (?, ?, ?)", rows)

    def _read_pack(self, name: str) -> None:
        if self._db.execute("INSERT OR IGNORE INTO packs (name) VALUES (?)", (name,)).rowcount == 0:
            return
        (number,) = self._db.execute("SELECT id FROM packs WHERE name = ?", (name,)).fetchone()
        try:
            index = packs.read_index(self._storage, name)
        except (DamagedPack, LinkInStore, PermissionError):
            return  # fsck's business; a version that needs it will say so
        chunk_rows = ((*entry, number) for entry in index.chunks)
        self._db.executemany("INSERT OR IGNORE INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", chunk_rows)
        recipe_rows = ((file, packs.pack_pieces(pieces), number) for file, pieces in index.recipes.items())
        self._db.executemany("INSERT OR REPLACE INTO recipes VALUES (?, ?, ?)", recipe_rows)

    def start_anew(self, look: Look) -> None:
        """Read everything again: something is not where the tables say, or is where they say there is nothing."""
        with self._guard:
            self.distrust()
            self.catch_up(look)

    def distrust(self) -> None:
        """Have everything read again at the next `catch_up`: something in the tables contradicts the journal."""
        with self._guard:
            try:
                self._db.execute("UPDATE meta SET origin = ''")  # of no repository
            except sqlite3.DatabaseError as error:
                self._start_over(error)

    def _forget_packs(self, names: Sequence[str]) -> None:
        """Forget them all at once: that looks through all chunks, as an index by pack would make each log slower."""
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            for table, column in (("chunks", "pack"), ("recipes", "pack"), ("packs", "id")):
                which = f"{column} IN (SELECT id FROM packs WHERE name IN ({marks}))"
                self._db.execute(f"DELETE FROM {table} WHERE {which}", some)

    # Refs, as the journal has them (`mreg.refs.view.Tables`). Call `catch_up` first.

    def ref(self, key: str) -> Ref | None:
        rows = self._fetch("SELECT value, seq FROM refs WHERE key = ?", (str(key),))
        return Ref(*rows[0]) if rows else None

    def refs(self, prefix: str, ending: str = "") -> dict[str, Ref]:
        """All refs whose key starts with `prefix` and ends with `ending`, deleted ones (value None) included."""
        query = "SELECT key, value, seq FROM refs WHERE key >= ? AND key < ? AND key LIKE ?"
        rows = self._fetch(query, (prefix, prefix + "\uffff", f"%{ending}"))
        return {key: Ref(value, seq) for key, value, seq in rows}

    def names(self) -> set[str]:
        found = (self.refs(keys.KIND_FOLDER[kind], keys.KIND_ENDING[kind]) for kind in CollectionKind)
        return {key.name for refs in found for key in map(keys.parse, refs) if isinstance(key, CollectionKey)}

    def next_number(self, artifact: str) -> int:
        prefix = keys.in_artifact(artifact)
        query = "SELECT max(CAST(substr(key, ?) AS INTEGER)) FROM refs WHERE key >= ? AND key < ? AND key NOT LIKE ?"
        found = self._fetch(query, (len(prefix) + 2, f"{prefix}v", f"{prefix}w", "%.toml"))[0][0]
        return 0 if found is None else int(found) + 1

    # Chunks and recipes.

    def chunk(self, name: bytes) -> Located | None:
        """Where the chunk with this digest (raw) is stored: of several copies, one with the lowest position."""
        return self.chunks((name,)).get(name)

    def chunks(self, names: Collection[bytes]) -> dict[bytes, Located]:
        """The same for several chunks; those that are not stored are left out."""
        rows = self._fetch_in(
            "SELECT name, digest, offset, stored, size, codec, position, base FROM chunks JOIN packs ON id = pack"
            " WHERE digest IN (?) ORDER BY position DESC, pack DESC",
            names,
        )
        return {row[1]: Located(row[0], ChunkEntry._make(row[1:])) for row in rows}

    def pieces(self, name: bytes, size: int) -> tuple[Piece, ...] | None:
        """The chunks that make up the file with this digest (raw) and size, or None if it is not stored."""
        if size == 0:
            return ()
        found = self.recipes((name,)).get(name)
        return found or ((Piece(name, size),) if self.chunk(name) else None)

    def recipes(self, names: Collection[bytes]) -> dict[bytes, tuple[Piece, ...]]:
        """The chunks of each of the files with these digests (raw) that is stored in several."""
        rows = self._fetch_in("SELECT digest, pieces FROM recipes WHERE digest IN (?) ORDER BY pack", names)
        return {name: tuple(Recipe(data)) for name, data in rows}

    def kept(self, sizes: Mapping[bytes, int]) -> set[bytes]:
        """Those of these files (digests, raw, with their sizes) of which every chunk is stored. A gc may have deleted
        chunks, and left the recipe."""
        recipes = self.recipes(sizes)
        wanted = {name: {piece.digest for piece in pieces} for name, pieces in recipes.items() if pieces}
        query = "SELECT DISTINCT digest FROM chunks WHERE digest IN (?)"
        chunks = set().union(sizes.keys() - wanted.keys(), *wanted.values())
        present = {name for (name,) in self._fetch_in(query, chunks)}
        return {
            name
            for name, size in sizes.items()
            if not size or (wanted[name] <= present if name in wanted else name in present)
        }

    def recipe_homes(self, names: Collection[bytes]) -> dict[bytes, str]:
        """The pack of the recipe of each of the files with these digests (raw) that has one."""
        query = "SELECT digest, name FROM recipes JOIN packs ON id = pack WHERE digest IN (?) ORDER BY pack"
        return dict(self._fetch_in(query, names))

    # Version records, so that a listing need not open one file per version.

    def records(self, names: Iterable[str]) -> dict[str, bytes]:
        """Those of the records (by digest) that the tables have."""
        found = {}
        for name in names:
            rows = self._fetch("SELECT data FROM records WHERE digest = ?", (name,))
            if rows and digest(rows[0][0]) == name:
                found[name] = rows[0][0]
        return found

    def keep_records(self, records: dict[str, bytes]) -> None:
        self._keep("INSERT OR IGNORE INTO records VALUES (?, ?)", records.items())

    # The stat cache: the digest that a source file had when its stat looked like this.

    def known(self, stamps: Mapping[bytes, str]) -> dict[bytes, str]:
        """The digests of those of the files (absolute paths, with their stamps) that look the same as then."""
        rows = self._fetch_in("SELECT path, stamp, digest FROM stats WHERE path IN (?)", stamps)
        return {path: digest for path, stamp, digest in rows if stamps[path] == stamp}

    def keep_known(self, rows: Iterable[tuple[bytes, str, str]]) -> None:
        """Remember rows of path, stamp, digest."""
        self._keep("INSERT OR REPLACE INTO stats VALUES (?, ?, ?)", rows)

    # The database itself.

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Answer from one state of the tables throughout the block, and lock the file only once. Other threads wait
        meanwhile."""
        with self._guard:
            with contextlib.suppress(sqlite3.DatabaseError):
                self._db.execute("BEGIN")
            try:
                yield
            finally:
                if self._db.in_transaction:
                    self._db.execute("COMMIT")

    def _fetch(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        with self._guard:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.DatabaseError as error:
                self._start_over(error)
                self._catch_up()
                return self._db.execute(query, values).fetchall()

    def _fetch_in(self, query: str, values: Collection[bytes]) -> Iterator[Any]:
        """The rows of a query with `IN (?)`, for some of the values at a time."""
        rest = iter(values)
        while some := tuple(islice(rest, _AT_ONCE)):
            yield from self._fetch(query.replace("(?)", f"({','.join('?' * len(some))})"), some)

    def _keep(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Write what only saves time; a failure costs time and nothing else."""
        with self._guard, contextlib.suppress(sqlite3.DatabaseError), self._transaction():
            self._leave_room()
            self._db.executemany(statement, rows)

    def _start_over(self, error: sqlite3.DatabaseError) -> None:
        """Continue in memory. A damaged file is removed; one that is locked for long, or on a full disk, is not."""
        if self._path is None:
            raise error
        with contextlib.suppress(sqlite3.DatabaseError):
            self._db.close()
        if not isinstance(error, sqlite3.OperationalError):
            _remove(self._path)
        self._path = None
        self._db = self._connect(":memory:")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # SQLite may have rolled back by itself, on a full disk
                self._db.execute("ROLLBACK")
            raise

    def _open(self, path: str | None) -> sqlite3.Connection:
        if path is not None:
            for attempt in range(2):
                try:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    return self._connect(path)
                except sqlite3.DatabaseError:
                    if attempt == 0:
                        _remove(path)
                except OSError:
                    break
        return self._connect(":memory:")

    def _leave_room(self) -> None:
        """Raises _NoRoom."""
        if self._path is not None and not _has_room(self._path):
            raise _NoRoom()

    def _connect(self, path: str) -> sqlite3.Connection:
        db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA synchronous=NORMAL")
            if db.execute("PRAGMA user_version").fetchone() != (SCHEMA,):
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("BEGIN IMMEDIATE")
                if db.execute("PRAGMA user_version").fetchone() != (SCHEMA,):
                    _create(db)
                    _remove_older(path)
                db.execute("COMMIT")
            db.execute("SELECT * FROM meta").fetchone()
        except BaseException:
            db.close()
            raise
        return db


def _create(db: sqlite3.Connection) -> None:
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in names:
        db.execute(f"DROP TABLE {name}")
    for statement in _TABLES.split(";"):
        db.execute(statement)
    db.execute("INSERT INTO meta VALUES (0, '', 0, '')")
    db.execute(f"PRAGMA user_version = {SCHEMA}")


def _has_room(path: str) -> bool:
    """Whether the disk that the file is on, or will be, has room to spare."""
    folder = os.path.dirname(path)
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    try:
        disk = os.statvfs(folder)
    except OSError:  # it does not tell
        return True
    return disk.f_blocks == 0 or disk.f_bavail * disk.f_frsize >= ROOM


def _remove(path: str) -> None:
    for name in (path, f"{path}-wal", f"{path}-shm"):
        with contextlib.suppress(OSError):
            os.unlink(name)


def _remove_older(path: str) -> None:
    """Remove the tables that earlier releases made for the repository; one that still runs makes them again."""
    stem = path.removesuffix(f".{SCHEMA}{_ENDING}")
    for older in (stem, *(f"{stem}.{schema}" for schema in range(1, SCHEMA))):
        _remove(older + _ENDING)
