"""The storage keys that died, of packs and records: never to be used again (`mreg.refs.dead`).

A key that is missing here would be used, and deleted by whoever knows better. No file in the repository tells, so a row
tells itself whether it is whole: there is one for each folder of keys, empty or not, with a check sum.
"""

from __future__ import annotations

import json
import sqlite3

from mreg.refs import dead
from mreg.refs.journal import Entry
from mreg.session.database import Database
from mreg.values.digest import digest

TABLES = ("CREATE TABLE dead (folder TEXT PRIMARY KEY, keys TEXT, proof TEXT) WITHOUT ROWID",)


class DeadNames(Database):
    def dead(self, folder: str) -> dict[str, int]:
        """The storage keys in folders of this name that were dropped for ever, each with the entry that did it
        first."""
        with self._guard:
            try:
                return self._dead_in(folder)
            except sqlite3.DatabaseError as error:
                self._start_over(error)
                self._catch_up()
                return self._dead_in(folder)

    def _make_dead(self) -> None:
        self._write_dead({f"{number:02x}": {} for number in range(256)})

    def _write_dead(self, folders: dict[str, dict[str, int]]) -> None:
        texts = {folder: json.dumps(keys) for folder, keys in folders.items()}
        rows = ((folder, text, _proof(folder, text)) for folder, text in texts.items())
        self._db.executemany("INSERT OR REPLACE INTO dead VALUES (?, ?, ?)", rows)

    def _dead_in(self, folder: str) -> dict[str, int]:
        """The keys in folders of this name that died, each with its entry. Raises sqlite3.DatabaseError."""
        row = self._db.execute("SELECT keys, proof FROM dead WHERE folder = ?", (folder,)).fetchone()
        if row is None or _proof(folder, str(row[0])) != row[1]:
            raise sqlite3.DatabaseError("a row of dead names is not as it was written")
        found: dict[str, int] = json.loads(row[0])
        return found


class Dying:
    """The dead names while entries are read. Each folder is taken out of the tables once, and put back by `keep`."""

    def __init__(self, tables: DeadNames) -> None:
        self._tables = tables
        self._folders: dict[str, dict[str, int]] = {}
        self._changed: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._of(key)

    def follow(self, entry: Entry) -> None:
        for key in dead.dying(entry):
            self._of(key).setdefault(key, entry.seq)
            self._changed.add(dead.folder(key))

    def keep(self) -> None:
        self._tables._write_dead({folder: self._folders[folder] for folder in self._changed})

    def _of(self, key: str) -> dict[str, int]:
        folder = dead.folder(key)
        if folder not in self._folders:
            self._folders[folder] = self._tables._dead_in(folder)
        return self._folders[folder]


def _proof(folder: str, text: str) -> str:
    return digest(f"{folder}\n{text}".encode("utf-8", "surrogatepass"))
