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
from collections.abc import Iterable, Iterator
from typing import Any

from mreg import packs
from mreg.digest import digest
from mreg.journal import Entry, Journal, Mark
from mreg.packs import ChunkEntry, DamagedPack, Located, Piece
from mreg.refs import Ref
from mreg.storage import Storage

SCHEMA = 2
_TABLES = """
CREATE TABLE meta (schema INTEGER, origin TEXT, seq INTEGER, digest TEXT);
CREATE TABLE refs (key TEXT PRIMARY KEY, value TEXT, seq INTEGER) WITHOUT ROWID;
CREATE TABLE packs (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE chunks (digest BLOB, offset INTEGER, stored INTEGER, size INTEGER, codec INTEGER, position INTEGER,
                     base BLOB, pack INTEGER, PRIMARY KEY (digest, position, pack)) WITHOUT ROWID;
CREATE INDEX chunks_by_pack ON chunks (pack);
CREATE TABLE recipes (digest BLOB, pieces BLOB, pack INTEGER, PRIMARY KEY (digest, pack));
CREATE INDEX recipes_by_pack ON recipes (pack);
CREATE TABLE records (digest TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID;
CREATE TABLE stats (path BLOB PRIMARY KEY, stamp TEXT, digest TEXT) WITHOUT ROWID;
"""
_PIECE_SIZE = 36
_AT_ONCE = 500


class Index:
    """The lookup tables of one repository, in the file `path`, or in memory where it is None.

    Safe to use from several threads and processes. A file that cannot be used is made anew; where that
    fails too (a read-only or full disk), or the file turns out bad later, the tables live in memory for as
    long as the object does.
    """

    def __init__(self, storage: Storage, journal: Journal, path: str | None) -> None:
        self._storage = storage
        self._journal = journal
        self._guard = threading.RLock()
        self._path = path
        self._db = self._open(path)

    def close(self) -> None:
        self._db.close()

    # Keeping up with the repository.

    def catch_up(self) -> Mark:
        """Read what was committed since the last time; how far the tables now are. Raises Damaged."""
        with self._guard:
            try:
                return self._catch_up()
            except sqlite3.DatabaseError as error:
                self._start_over(error)
                return self._catch_up()

    def _catch_up(self) -> Mark:
        here = self._position()
        if here is not None and self._journal.raw(here.seq + 1) is None:
            return here
        with self._transaction():
            start = self._position()
            if start is None:
                start = self._reset()
            return self._read_from(start)

    def _position(self) -> Mark | None:
        """Where the tables are, or None where that is no place in this repository's journal."""
        row = self._db.execute("SELECT * FROM meta").fetchone()
        if row is None or row[:2] != (SCHEMA, self._journal.origin):
            return None
        _, origin, seq, name = row
        if seq == 0:
            return Mark(0, origin)
        data = self._journal.raw(seq)
        return Mark(seq, name) if data is not None and digest(data) == name else None

    def _reset(self) -> Mark:
        for table in ("refs", "packs", "chunks", "recipes", "records", "stats", "meta"):
            self._db.execute(f"DELETE FROM {table}")
        start = Mark(0, self._journal.origin)
        self._db.execute("INSERT INTO meta VALUES (?, ?, ?, ?)", (SCHEMA, start.digest, *start))
        return start

    def _read_from(self, mark: Mark) -> Mark:
        brought: dict[str, None] = {}
        here = mark
        for here, entry in self._journal.after(mark):  # noqa: B007
            self._read_refs(entry)
            brought |= dict.fromkeys(entry.packs)
            for key in entry.drops:
                name = packs.name_of(key)
                if name:
                    brought.pop(name, None)
                    self._forget_pack(name)
        for name in brought:
            self._read_pack(name)
        self._db.execute("UPDATE meta SET seq = ?, digest = ?", here)
        return here

    def _read_refs(self, entry: Entry) -> None:
        rows = ((change.ref, change.new, entry.seq) for change in entry.changes)
        self._db.executemany("INSERT OR REPLACE INTO refs VALUES (?, ?, ?)", rows)

    def _read_pack(self, name: str) -> None:
        if self._db.execute("INSERT OR IGNORE INTO packs (name) VALUES (?)", (name,)).rowcount == 0:
            return
        (number,) = self._db.execute("SELECT id FROM packs WHERE name = ?", (name,)).fetchone()
        try:
            index = packs.read_index(self._storage, name)
        except DamagedPack:
            return  # fsck's business; a version that needs it will say so
        chunk_rows = ((*entry, number) for entry in index.chunks)
        self._db.executemany("INSERT OR IGNORE INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", chunk_rows)
        recipe_rows = (
            (file, b"".join(piece.digest + piece.size.to_bytes(4, "little") for piece in pieces), number)
            for file, pieces in index.recipes.items()
        )
        self._db.executemany("INSERT OR REPLACE INTO recipes VALUES (?, ?, ?)", recipe_rows)

    def start_anew(self) -> None:
        """Read everything again: something was not where the tables have it, or is where they have nothing."""
        with self._guard:
            try:
                with self._transaction():
                    self._reset()
            except sqlite3.DatabaseError as error:
                self._start_over(error)
            self.catch_up()

    def _forget_pack(self, name: str) -> None:
        row = self._db.execute("SELECT id FROM packs WHERE name = ?", (name,)).fetchone()
        for table, column in (("chunks", "pack"), ("recipes", "pack"), ("packs", "id")) if row else ():
            self._db.execute(f"DELETE FROM {table} WHERE {column} = ?", row)

    # Refs, as the journal has them. Call `catch_up` first.

    def refs(self, prefix: str) -> dict[str, Ref]:
        """All refs whose key starts with `prefix`, deleted ones (value None) included."""
        rows = self._fetch("SELECT key, value, seq FROM refs WHERE key >= ? AND key < ?", (prefix, prefix + "\uffff"))
        return {key: Ref(value, seq) for key, value, seq in rows}

    def named(self, folder: str, file: str) -> dict[str, Ref]:
        """The refs `<folder>/<name>/<file>`, by name, deleted ones included."""
        rows = self._fetch(
            "SELECT key, value, seq FROM refs WHERE key >= ? AND key < ? AND key LIKE ?",
            (f"{folder}/", f"{folder}0", f"{folder}/%/{file}"),
        )
        return {key.split("/")[1]: Ref(value, seq) for key, value, seq in rows}

    # Chunks and recipes.

    def chunk(self, name: bytes) -> Located | None:
        """Where the chunk with this digest (raw) is kept: of several copies, one with the lowest position."""
        rows = self._fetch(
            "SELECT name, digest, offset, stored, size, codec, position, base FROM chunks JOIN packs ON id = pack"
            " WHERE digest = ? ORDER BY position LIMIT 1",
            (name,),
        )
        return Located(rows[0][0], ChunkEntry(*rows[0][1:])) if rows else None

    def pieces(self, name: bytes, size: int) -> tuple[Piece, ...] | None:
        """The chunks that make up the file with this digest (raw) and size, or None where it is not kept."""
        if size == 0:
            return ()
        rows = self._fetch("SELECT pieces FROM recipes WHERE digest = ? ORDER BY pack DESC LIMIT 1", (name,))
        if not rows:
            return (Piece(name, size),) if self.chunk(name) else None
        data = rows[0][0]
        return tuple(
            Piece(data[at : at + 32], int.from_bytes(data[at + 32 : at + 36], "little"))
            for at in range(0, len(data), _PIECE_SIZE)
        )

    def keeps(self, name: bytes, size: int) -> bool:
        """Is all of the file with this digest (raw) and size there? A gc may have left its recipe, and taken
        chunks."""
        pieces = self.pieces(name, size)
        return pieces is not None and self._has_all({piece.digest for piece in pieces})

    def _has_all(self, names: set[bytes]) -> bool:
        wanted = list(names)
        count = 0
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT count(DISTINCT digest) FROM chunks WHERE digest IN ({marks})"
            count += self._fetch(query, tuple(some))[0][0]
        return count == len(wanted)

    def recipe_home(self, name: bytes) -> str | None:
        """The pack that says how the file with this digest (raw) is put together."""
        rows = self._fetch(
            "SELECT name FROM recipes JOIN packs ON id = pack WHERE digest = ? ORDER BY pack DESC LIMIT 1", (name,)
        )
        return rows[0][0] if rows else None

    # Version records, so that a listing needs not open one file a version.

    def records(self, names: Iterable[str]) -> dict[str, bytes]:
        """Those of the records (by digest) that are at hand."""
        found = {}
        for name in names:
            rows = self._fetch("SELECT data FROM records WHERE digest = ?", (name,))
            if rows and digest(rows[0][0]) == name:
                found[name] = rows[0][0]
        return found

    def keep_records(self, records: dict[str, bytes]) -> None:
        self._keep("INSERT OR IGNORE INTO records VALUES (?, ?)", records.items())

    # The stat cache: which source file had which digest when its stat looked so.

    def known(self, path: bytes, stamp: str) -> str | None:
        """The digest of the file at the absolute `path` if it still looks as it did (`stamp`)."""
        rows = self._fetch("SELECT digest FROM stats WHERE path = ? AND stamp = ?", (path, stamp))
        return rows[0][0] if rows else None

    def keep_known(self, rows: Iterable[tuple[bytes, str, str]]) -> None:
        """Remember rows of path, stamp, digest."""
        self._keep("INSERT OR REPLACE INTO stats VALUES (?, ?, ?)", rows)

    # The database itself.

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Answer from one state of the tables for the block, without asking for the file's locks each time.
        Other threads wait meanwhile."""
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

    def _keep(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Write what is only there to save time: where that fails, it costs time."""
        with self._guard, contextlib.suppress(sqlite3.DatabaseError), self._transaction():
            self._db.executemany(statement, rows)

    def _start_over(self, error: sqlite3.DatabaseError) -> None:
        """Go on in memory. A damaged file is taken away, one on a full disk or locked for long is not."""
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

    def _connect(self, path: str) -> sqlite3.Connection:
        db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA synchronous=NORMAL")
            if db.execute("PRAGMA user_version").fetchone() != (SCHEMA,):
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("BEGIN IMMEDIATE")
                if db.execute("PRAGMA user_version").fetchone() != (SCHEMA,):
                    _create(db)
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


def _remove(path: str) -> None:
    for name in (path, f"{path}-wal", f"{path}-shm"):
        with contextlib.suppress(OSError):
            os.unlink(name)
