"""The cache of sound version records, so that a listing need not open one file per version, nor check each again."""

from __future__ import annotations

from collections.abc import Iterable

from mreg.session.database import Database
from mreg.values.digest import digest

TABLES = ("CREATE TABLE records (digest TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID",)


class RecordCache(Database):
    def records(self, names: Iterable[str]) -> dict[str, bytes]:
        """Those of the records (by digest) that the tables have."""
        rows = self._fetch_in("SELECT digest, data FROM records WHERE digest IN (?)", list(names))
        return {name: data for name, data in rows if isinstance(data, bytes) and digest(data) == name}

    def keep_records(self, records: dict[str, bytes]) -> None:
        self._keep("INSERT OR IGNORE INTO records VALUES (?, ?)", records.items())
