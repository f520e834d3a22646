"""Digests of files by other algorithms, which cost reading a file once, by the file's own digest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mreg.session.database import Database
from mreg.values.checksums import LENGTHS

TABLES = (
    "CREATE TABLE other_digests (digest BLOB, algorithm TEXT, other TEXT, PRIMARY KEY (digest, algorithm)) "
    "WITHOUT ROWID",
)


class OtherDigests(Database):
    def other_digests(self, names: Iterable[bytes], algorithm: str) -> dict[bytes, str]:
        """Those that are known, of files with these digests (raw)."""
        query = f"SELECT digest, other FROM other_digests WHERE algorithm = '{algorithm}' AND digest IN (?)"
        return {name: other for name, other in self._fetch_in(query, list(names)) if len(other) == LENGTHS[algorithm]}

    def keep_other_digests(self, found: Mapping[bytes, str], algorithm: str) -> None:
        rows = ((name, algorithm, other) for name, other in found.items())
        self._keep("INSERT OR REPLACE INTO other_digests VALUES (?, ?, ?)", rows)
