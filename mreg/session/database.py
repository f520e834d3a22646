"""The SQLite file of the lookup tables: opened, made anew if it is damaged, and done without if it cannot be used.

What the tables hold is the business of the classes that derive from `Database`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from threading import RLock
from typing import Any, Final

from mreg.small_files import make_folders

AT_ONCE: Final = 500
"""Values per query."""

ROOM: Final = 16 << 20
"""Bytes that the tables leave free on their disk: it may be the repository's too, and what can be made anew must not
take the last room from what cannot."""

BULK_MEMORY: Final = 64 << 20
"""Bytes of the file that are kept in memory, at most, while many rows are written."""

_ENDING = ".sqlite"
_META = "CREATE TABLE meta (schema INTEGER, origin TEXT, seq INTEGER, digest TEXT)"
OWN: Final = "own"
"""The table that has a row while a transaction of mreg's own runs, and at no other time."""


class _NoRoom(sqlite3.OperationalError):
    """The tables must not grow."""


class Database(ABC):
    """Tables that can be made anew at any time, in a file named after `stem` and the number of the schema (releases
    with other tables have other files), or in memory if `stem` is None. The table `meta` says what they were made of.
    A row that others write (somebody with the `sqlite3` shell) makes them tables of no repository, so that they are
    filled again: nothing else would tell a row that is missing from one that never was.

    Safe to use from several threads and processes. A file that cannot be used is made anew. If that fails
    too (a read-only or full disk), or if the file turns out to be bad later, the tables live in memory for as
    long as the object does.
    """

    def __init__(self, stem: str | None, schema: int, tables: Sequence[str]) -> None:
        """tables: the statements that create them. schema: the number of this set of tables."""
        self._guard = RLock()
        self._schema = schema
        self._tables = (_META, f"CREATE TABLE {OWN} (row INTEGER)", *tables, *_triggers(tables))
        path = None if stem is None else f"{stem}.{schema}{_ENDING}"
        self._path = path if path is not None and _has_room(path) else None
        self._db = self._open(self._path)

    @abstractmethod
    def _catch_up(self) -> None:
        """Fill tables that are new."""

    def close(self) -> None:
        self._db.close()

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

    def _fetch_in(self, query: str, values: Collection[bytes | str]) -> Iterator[Any]:
        """The rows of a query with `IN (?)`, for some of the values at a time."""
        rest = iter(values)
        while some := tuple(islice(rest, AT_ONCE)):
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
            self._db.execute(f"INSERT INTO {OWN} VALUES (1)")
            yield
            self._db.execute(f"DELETE FROM {OWN}")
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # SQLite may have rolled back by itself, on a full disk
                self._db.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _in_bulk(self) -> Iterator[None]:
        """Within `_transaction`, for a block that writes many rows: indexes and triggers cost each row several times as
        much as they do when they are made afterwards, and random keys need more of the file in memory."""
        query = "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
        made = self._db.execute(query).fetchall()
        for kind, name, _ in made:
            self._db.execute(f"DROP {kind} {name}")
        (usual,) = self._db.execute("PRAGMA cache_size").fetchone()
        self._db.execute(f"PRAGMA cache_size = {-BULK_MEMORY // 1024}")
        try:
            yield
        finally:
            self._db.execute(f"PRAGMA cache_size = {usual}")
        for _, _, statement in made:
            self._db.execute(statement)

    def _open(self, path: str | None) -> sqlite3.Connection:
        if path is not None:
            for attempt in range(2):
                try:
                    make_folders(os.path.dirname(path))
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
            db.execute("PRAGMA temp_store=MEMORY")
            if not self._is_made(db):
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("BEGIN IMMEDIATE")
                if not self._is_made(db):
                    self._make(db)
                    self._remove_older(path)
                db.execute("COMMIT")
            db.execute("SELECT * FROM meta").fetchone()
        except BaseException:
            db.close()
            raise
        return db

    def _is_made(self, db: sqlite3.Connection) -> bool:
        return bool(db.execute("PRAGMA user_version").fetchone() == (self._schema,))

    def _make(self, db: sqlite3.Connection) -> None:
        names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            db.execute(f"DROP TABLE {name}")
        for statement in self._tables:
            db.execute(statement)
        db.execute("INSERT INTO meta VALUES (0, '', 0, '')")
        db.execute(f"PRAGMA user_version = {self._schema}")

    def _remove_older(self, path: str) -> None:
        """Remove the tables that earlier releases made for the repository; one that still runs makes them again."""
        stem = path.removesuffix(f".{self._schema}{_ENDING}")
        for older in (stem, *(f"{stem}.{schema}" for schema in range(1, self._schema))):
            _remove(older + _ENDING)


def _triggers(statements: Iterable[str]) -> Iterator[str]:
    """For each table that these make, what tells of rows that others write."""
    for table in (words[2] for words in map(str.split, statements) if words[1] == "TABLE"):
        for event in ("INSERT", "UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER {table}_{event.lower()} AFTER {event} ON {table} "
                f"WHEN NOT EXISTS (SELECT 1 FROM {OWN}) BEGIN UPDATE meta SET origin = ''; END"
            )


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
