"""The catalogue of chunks and recipes: which pack has them, of those that the journal names.

Packs of which a new cache learns by the ten thousand are put off until somebody asks which packs there are: the table
`packs_put_off` has them as the checkpoint does. The indexes of packs are read when somebody asks what is in them. Who
reads one version asks for the packs that its entry names, and not for the others (`NarrowCatalogue`).
"""

from __future__ import annotations

import sqlite3
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from mreg import content, session
from mreg.session.database import AT_ONCE, Database
from mreg.storage import Storage

if TYPE_CHECKING:
    from mreg.content.packs import Located, PackIndex, Piece

_T = TypeVar("_T")

TABLES = (
    "CREATE TABLE packs (id INTEGER PRIMARY KEY, name TEXT UNIQUE, seq INTEGER, read INTEGER)",
    "CREATE TABLE packs_put_off (id INTEGER PRIMARY KEY, rows BLOB)",
    "CREATE INDEX packs_unread ON packs (id) WHERE NOT read",
    """CREATE TABLE chunks (digest BLOB, offset INTEGER, stored INTEGER, size INTEGER, codec INTEGER, position INTEGER,
                            base BLOB, pack INTEGER, PRIMARY KEY (digest, position, pack)) WITHOUT ROWID""",
    "CREATE TABLE recipes (digest BLOB, pieces BLOB, pack INTEGER, PRIMARY KEY (digest, pack))",
    "CREATE TABLE sound (pack TEXT, chunk BLOB, stamp TEXT, PRIMARY KEY (pack, chunk)) WITHOUT ROWID",
)


WHOLE: Final = b""
"""In the place of a chunk's digest: all of a pack."""

_ADD_PACK: Final = (
    "INSERT INTO packs (name, seq, read) VALUES ({}, 0) "
    "ON CONFLICT (name) DO UPDATE SET seq = excluded.seq WHERE seq = 0"  # read before an entry named it
)
_PUT_OFF: Final = "SELECT id FROM packs_put_off LIMIT 1"


class ChunkCatalogue(Database):
    written: dict[str, PackIndex]
    """What is in packs that were written here, by their names: they need not be read back."""

    _storage: Storage
    _is_whole = False
    """Are the indexes of all packs known to have been read?"""

    @abstractmethod
    def distrust(self) -> None:
        """Have everything read again at the next `_catch_up`: something in the tables is wrong."""

    def chunk(self, name: bytes) -> Located | None:
        """Where the chunk with this digest (raw) is stored: of several copies the one with the lowest position, of
        several of these that in the pack that came last (format.md 7.2.2)."""
        return self.chunks((name,)).get(name)

    def chunks(self, names: Collection[bytes]) -> dict[bytes, Located]:
        """The same for several chunks; those that are not stored are left out."""
        return self._of_all_packs(self.chunks_read, names)

    def chunks_read(self, names: Collection[bytes]) -> dict[bytes, Located]:
        """The same, of the packs that were read."""
        rows = self._fetch_in(
            "SELECT name, digest, offset, stored, size, codec, position, base FROM chunks JOIN packs ON id = pack"
            " WHERE digest IN (?) ORDER BY position DESC, pack",
            names,
        )
        return {row[1]: content.packs.Located(row[0], content.packs.ChunkEntry._make(row[1:])) for row in rows}

    def pieces(self, name: bytes, size: int) -> tuple[Piece, ...] | None:
        """The chunks that make up the file with this digest (raw) and size, or None if it is not stored."""
        return pieces_of(self, name, size)

    def recipes(self, names: Collection[bytes]) -> dict[bytes, tuple[Piece, ...]]:
        """The chunks of each of the files with these digests (raw) that is stored in several."""
        return self._of_all_packs(self.recipes_read, names)

    def recipes_read(self, names: Collection[bytes]) -> dict[bytes, tuple[Piece, ...]]:
        """The same, of the packs that were read."""
        rows = self._fetch_in("SELECT digest, pieces FROM recipes WHERE digest IN (?) ORDER BY pack", names)
        return {name: tuple(content.packs.Recipe(data)) for name, data in rows}

    def kept(self, sizes: Mapping[bytes, int]) -> set[bytes]:
        """Those of these files (digests, raw, with their sizes) of which every chunk is stored. A gc may have deleted
        chunks, and left the recipe."""
        with self._guard:
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
        return self._of_all_packs(lambda names: dict(self._fetch_in(query, names)), names)

    def _of_all_packs(
        self, ask: Callable[[Collection[bytes]], dict[bytes, _T]], names: Collection[bytes]
    ) -> dict[bytes, _T]:
        """What is known of these names when the indexes of all packs have been read."""
        with self._guard:  # no other thread starts the tables anew meanwhile
            self.read_packs()
            found = ask(names)
            while len(found) < len(names) and self._started_anew():  # by another process
                found = ask(names)
            return found

    def _started_anew(self) -> bool:
        """Whether indexes had to be read again, though they had been."""
        self._is_whole = False
        return self.read_packs()

    def unread(self, names: Collection[str]) -> set[str]:
        """Those of the packs that the tables have not read."""
        query = "SELECT name FROM packs WHERE name IN (?) AND read"
        return set(names) - {name for (name,) in self._fetch_in(query, names)}

    def sound(self, pack: str) -> dict[bytes, str]:
        """The chunks of the pack that could be read, each with the stamp that the pack had then; WHOLE for all."""
        return dict(self._fetch("SELECT chunk, stamp FROM sound WHERE pack = ?", (pack,)))

    def keep_sound(self, rows: Iterable[tuple[str, bytes, str]]) -> None:
        """Remember rows of pack, chunk or WHOLE, stamp, for `sound`."""
        self._keep("INSERT OR REPLACE INTO sound VALUES (?, ?, ?)", rows)

    def narrowed(self, packs: Collection[str]) -> Self | NarrowCatalogue:
        """For who reads what lies in these packs, and perhaps nothing else."""
        return NarrowCatalogue(self, packs) if self._are_packs_put_off() or self._has_unread() else self

    def read_packs(self, names: Collection[str] | None = None) -> bool:
        """Read the indexes of these packs, or of all that were not read yet; whether there were any."""
        if self._is_whole:
            return False
        with self._guard, self._paused():
            wanted = self._packs_unread(names)
            self._read_indexes(wanted)
            self._is_whole = not self._has_unread()
        return bool(wanted)

    @contextmanager
    def _paused(self) -> Iterator[None]:
        """Within `reading`: the block may write."""
        is_reading = self._db.in_transaction
        if is_reading:
            self._db.execute("COMMIT")
        yield
        if is_reading:
            self._db.execute("BEGIN")

    def _packs_unread(self, names: Collection[str] | None = None) -> dict[str, int]:
        """Those of these packs, or of all, that were not read, each with its entry."""
        self._lay_out_packs()
        query = "SELECT name, seq FROM packs WHERE NOT read"
        if names is None:
            return dict(self._fetch(f"{query} ORDER BY id", ()))
        return dict(self._fetch_in(f"{query} AND name IN (?)", names))

    def _has_unread(self) -> bool:
        return bool(self._fetch("SELECT id FROM packs WHERE NOT read LIMIT 1", ()))

    def _read_indexes(self, wanted: Mapping[str, int]) -> None:
        for found in session.pack_indexes.read(self._storage, wanted) if wanted else ():
            try:
                self._keep_indexes(found)
            except sqlite3.DatabaseError as error:
                self._start_over(error)
                self._catch_up()
                self._read_indexes(self._packs_unread())
                return

    def _keep_indexes(self, found: Mapping[str, PackIndex | None]) -> None:
        with self._transaction():
            self._leave_room()
            for name, index in found.items():
                self._keep_index(name, index)

    def _are_packs_put_off(self) -> bool:
        return bool(self._fetch(_PUT_OFF, ()))

    def _put_off_packs(self, rows: Iterable[tuple[str, int | None]]) -> None:
        """Names, each with its entry, or None where the pack was dropped."""
        self._db.execute("INSERT INTO packs_put_off (rows) VALUES (?)", (session.checkpoints.packed_packs(rows),))

    def _lay_out_packs(self) -> None:
        """Have all packs in their table."""
        with self._guard:
            while self._are_packs_put_off():
                with self._paused():
                    try:
                        with self._transaction(), self._in_bulk():
                            self._lay_out()
                    except session.checkpoints.WRONG:
                        self.distrust()
                        self._catch_up()
                    except sqlite3.DatabaseError as error:
                        self._start_over(error)
                        self._catch_up()

    def _lay_out(self) -> None:
        self._leave_room()
        for (packed,) in self._db.execute("SELECT rows FROM packs_put_off ORDER BY id").fetchall():
            there, dropped = session.checkpoints.packs_in(packed)
            self._db.executemany(_ADD_PACK.format("?2, ?3"), there)
            self._db.executemany("DELETE FROM packs WHERE name = ?2", dropped)
        if self._db.execute("SELECT 1 FROM packs WHERE name IS NULL OR typeof(seq) != 'integer'").fetchone():
            raise ValueError("a row is not of a pack")
        self._db.execute("DELETE FROM packs_put_off")
        for (name,) in self._db.execute("SELECT name FROM packs WHERE NOT read").fetchall() if self.written else ():
            self._keep_written(name)

    def _add_packs(self, brought: Mapping[str, int]) -> None:
        """Know that there are these packs. brought: names, each with its entry."""
        if brought and self._db.execute(_PUT_OFF).fetchone():  # behind those, as the order of packs counts
            self._put_off_packs(brought.items())
            self._is_whole = False
        else:
            self._insert_packs(brought)

    def _insert_packs(self, brought: Mapping[str, int]) -> None:
        self._db.executemany(_ADD_PACK.format("?, ?"), brought.items())
        self._is_whole = False
        for name in brought:
            self._keep_written(name)

    def _keep_written(self, name: str) -> None:
        if name in self.written:
            self._leave_room()
            self._keep_index(name, self.written.pop(name))

    def _keep_index(self, name: str, index: PackIndex | None) -> None:
        """None: it cannot be read."""
        row = self._db.execute("UPDATE packs SET read = 1 WHERE name = ? AND NOT read RETURNING id", (name,)).fetchone()
        if row is None or index is None:  # dropped meanwhile, or read by another process
            return
        chunk_rows = ((*entry, *row) for entry in index.chunks)
        self._db.executemany("INSERT OR IGNORE INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", chunk_rows)
        recipe_rows = ((file, content.packs.pack_pieces(pieces), *row) for file, pieces in index.recipes.items())
        self._db.executemany("INSERT OR REPLACE INTO recipes VALUES (?, ?, ?)", recipe_rows)

    def _forget_packs(self, names: Sequence[str]) -> None:
        """Forget them all at once: that looks through all chunks, as an index by pack would make each log slower."""
        if names and self._db.execute(_PUT_OFF).fetchone():
            self._put_off_packs((name, None) for name in names)
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            marks = ",".join("?" * len(some))
            for table, column in (("chunks", "pack"), ("recipes", "pack"), ("packs", "id")):
                which = f"{column} IN (SELECT id FROM packs WHERE name IN ({marks}))"
                self._db.execute(f"DELETE FROM {table} WHERE {which}", some)


class NarrowCatalogue:
    """The tables, for who reads what lies in some packs: the others are read where something is not found there."""

    def __init__(self, tables: ChunkCatalogue, packs: Collection[str]) -> None:
        self._tables = tables
        tables.read_packs(packs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tables, name)

    def chunk(self, name: bytes) -> Located | None:
        return self.chunks((name,)).get(name)

    def chunks(self, names: Collection[bytes]) -> dict[bytes, Located]:
        found = self._tables.chunks_read(names)
        missing = set(names) - found.keys()
        return found if self._explained(missing, self._tables.recipes_read) else self._tables.chunks(names)

    def recipes(self, names: Collection[bytes]) -> dict[bytes, tuple[Piece, ...]]:
        found = self._tables.recipes_read(names)
        missing = set(names) - found.keys()
        return found if self._explained(missing, self._tables.chunks_read) else self._tables.recipes(names)

    def _explained(self, missing: set[bytes], known: Callable[[set[bytes]], dict[bytes, Any]]) -> bool:
        """A file of one chunk has no recipe, and one with a recipe is no chunk."""
        return not missing - known(missing).keys()

    def pieces(self, name: bytes, size: int) -> tuple[Piece, ...] | None:
        return pieces_of(self, name, size)


def pieces_of(tables: ChunkCatalogue | NarrowCatalogue, name: bytes, size: int) -> tuple[Piece, ...] | None:
    """See `ChunkCatalogue.pieces`."""
    if size == 0:
        return ()
    found = tables.recipes((name,)).get(name)
    return found or ((content.packs.Piece(name, size),) if tables.chunk(name) else None)
