"""The catalogue of chunks and recipes: which pack has them, of those that the journal names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from mreg.content import packs
from mreg.content.packs import ChunkEntry, DamagedPack, Located, PackIndex, Piece, Recipe
from mreg.session.database import AT_ONCE, Database
from mreg.storage import Storage
from mreg.storage.posix import LinkInStore

TABLES = (
    "CREATE TABLE packs (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
    """CREATE TABLE chunks (digest BLOB, offset INTEGER, stored INTEGER, size INTEGER, codec INTEGER, position INTEGER,
                            base BLOB, pack INTEGER, PRIMARY KEY (digest, position, pack)) WITHOUT ROWID""",
    "CREATE TABLE recipes (digest BLOB, pieces BLOB, pack INTEGER, PRIMARY KEY (digest, pack))",
    "CREATE TABLE sound (pack TEXT, chunk BLOB, stamp TEXT, PRIMARY KEY (pack, chunk)) WITHOUT ROWID",
)


WHOLE: Final = b""
"""In the place of a chunk's digest: all of a pack."""


class ChunkCatalogue(Database):
    written: dict[str, PackIndex]
    """What is in packs that were written here, by their names: they need not be read back."""

    def chunk(self, name: bytes) -> Located | None:
        """Where the chunk with this digest (raw) is stored: of several copies the one with the lowest position, of
        several of these that in the pack that came last (format.md 7.2.2)."""
        return self.chunks((name,)).get(name)

    def chunks(self, names: Collection[bytes]) -> dict[bytes, Located]:
        """The same for several chunks; those that are not stored are left out."""
        rows = self._fetch_in(
            "SELECT name, digest, offset, stored, size, codec, position, base FROM chunks JOIN packs ON id = pack"
            " WHERE digest IN (?) ORDER BY position DESC, pack",
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

    def unread(self, names: Collection[str]) -> set[str]:
        """Those of the packs that the tables have not read."""
        return set(names) - {name for (name,) in self._fetch_in("SELECT name FROM packs WHERE name IN (?)", names)}

    def sound(self, pack: str) -> dict[bytes, str]:
        """The chunks of the pack that could be read, each with the stamp that the pack had then; WHOLE for all."""
        return dict(self._fetch("SELECT chunk, stamp FROM sound WHERE pack = ?", (pack,)))

    def keep_sound(self, rows: Iterable[tuple[str, bytes, str]]) -> None:
        """Remember rows of pack, chunk or WHOLE, stamp, for `sound`."""
        self._keep("INSERT OR REPLACE INTO sound VALUES (?, ?, ?)", rows)

    def _read_pack(self, storage: Storage, name: str) -> None:
        if self._db.execute("INSERT OR IGNORE INTO packs (name) VALUES (?)", (name,)).rowcount == 0:
            return
        (number,) = self._db.execute("SELECT id FROM packs WHERE name = ?", (name,)).fetchone()
        try:
            index = self.written.pop(name, None) or packs.read_index(storage, name)
        except (DamagedPack, LinkInStore, PermissionError):
            return  # fsck's business; a version that needs it will say so
        chunk_rows = ((*entry, number) for entry in index.chunks)
        self._db.executemany("INSERT OR IGNORE INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", chunk_rows)
        recipe_rows = ((file, packs.pack_pieces(pieces), number) for file, pieces in index.recipes.items())
        self._db.executemany("INSERT OR REPLACE INTO recipes VALUES (?, ?, ?)", recipe_rows)

    def _forget_packs(self, names: Sequence[str]) -> None:
        """Forget them all at once: that looks through all chunks, as an index by pack would make each log slower."""
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            marks = ",".join("?" * len(some))
            for table, column in (("chunks", "pack"), ("recipes", "pack"), ("packs", "id")):
                which = f"{column} IN (SELECT id FROM packs WHERE name IN ({marks}))"
                self._db.execute(f"DELETE FROM {table} WHERE {which}", some)
