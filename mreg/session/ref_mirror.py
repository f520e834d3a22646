"""The mirror of refs: each ref as the journal has it, for questions about many of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from mreg.refs import keys
from mreg.refs.journal import Entry
from mreg.refs.keys import CollectionKey, CollectionKind, LinkKey, VersionKey, numbered
from mreg.refs.ref_files import Ref
from mreg.refs.rules import reserved
from mreg.session.database import Database
from mreg.values.ref_texts import parse_link

_LAST = "\U0010ffff"  # sorts behind every character that can follow
TABLES = (
    "CREATE TABLE refs (key TEXT PRIMARY KEY, value TEXT, seq INTEGER) WITHOUT ROWID",
    "CREATE TABLE links (key TEXT PRIMARY KEY, version TEXT) WITHOUT ROWID",  # existing ones; version: `artifact:vN`
    "CREATE INDEX links_version ON links (version)",
    "CREATE TABLE reserved (key TEXT PRIMARY KEY, digest TEXT) WITHOUT ROWID",
    "CREATE TABLE times (seq INTEGER PRIMARY KEY, time TEXT)",
)


def in_folder(kind: CollectionKind) -> str:
    """The condition, in SQL, that a key is in the folder of the collections of this kind."""
    folder = keys.KIND_FOLDER[kind]
    return f"key >= '{folder}' AND key < '{folder}{_LAST}'"


class RefMirror(Database):
    """What `mreg.refs.view.Tables` asks for, but `distrust`."""

    def ref(self, key: str) -> Ref | None:
        rows = self._fetch("SELECT value, seq FROM refs WHERE key = ?", (str(key),))
        return Ref(*rows[0]) if rows else None

    def refs(self, prefix: str, ending: str = "") -> dict[str, Ref]:
        """All refs whose key starts with `prefix` and ends with `ending`, deleted ones (value None) included."""
        query = "SELECT key, value, seq FROM refs WHERE key >= ? AND key < ? AND key LIKE ?"
        rows = self._fetch(query, (prefix, prefix + _LAST, f"%{ending}"))
        return {key: Ref(value, seq) for key, value, seq in rows}

    def awaited(self, collection: CollectionKey) -> dict[int, str]:
        """The numbers that are kept for versions which are not here yet, with the digests of these."""
        first = str(numbered(collection, 0))[:-1]
        query = "SELECT key, digest FROM reserved WHERE key >= ? AND key < ?"
        rows = ((keys.parse(key), digest) for key, digest in self._fetch(query, (first, first + _LAST)))
        return dict(sorted((key.number, digest) for key, digest in rows if isinstance(key, VersionKey | LinkKey)))

    def values(self, names: Collection[str]) -> dict[str, str]:
        """Those of the refs that exist, with their values."""
        rows = self._fetch_in("SELECT key, value FROM refs WHERE key IN (?) AND value IS NOT NULL", names)
        return dict(rows)

    def kept_as(self, digests: Iterable[str]) -> dict[str, VersionKey]:
        """Of records with these digests, as which versions they are kept. It looks at all versions."""
        query = f"SELECT key, value FROM refs WHERE value IN (?) AND {in_folder(CollectionKind.ARTIFACT)}"
        rows = [(keys.parse(key), value) for key, value in self._fetch_in(query, list(digests))]
        return {value: key for key, value in rows if isinstance(key, VersionKey)}

    def newest(self, artifact: str, most: int, *, after: int = -1, before: int | None = None) -> dict[int, str]:
        """The versions of the artifact with the highest numbers, of those between `after` and `before`, ascending, with
        their values. What this costs follows how many there are to be: numbers are given without gaps, so the last one
        is found by doubling."""
        found: dict[int, str] = {}
        end = self._end_of(artifact) if before is None else min(before, self._end_of(artifact))
        while end > after + 1 and len(found) < most:
            first = max(after + 1, end - most)
            found |= self._numbered(artifact, first, end)
            end = first
        return dict(sorted(found.items())[max(0, len(found) - most) :])

    def oldest(self, artifact: str, most: int, *, after: int = -1, before: int | None = None) -> dict[int, str]:
        """As `newest`, those with the lowest numbers."""
        found: dict[int, str] = {}
        first = after + 1
        end = self._end_of(artifact) if before is None else min(before, self._end_of(artifact))
        while first < end and len(found) < most:
            found |= self._numbered(artifact, first, min(end, first + most))
            first += most
        return dict(sorted(found.items())[:most])

    def _numbered(self, artifact: str, first: int, end: int) -> dict[int, str]:
        names = {str(VersionKey(artifact, number)): number for number in range(first, end)}
        return {names[key]: value for key, value in self.values(names).items()}

    def folders_after(self, folder: str, last: str, most: int) -> list[str]:
        """The names of the next folders in `folder` (which ends with a slash) behind that called `last`, or the first
        ones where that is "". Each is found by one step, however much is in it."""
        found: list[str] = []
        key = f"{folder}{last}/{_LAST}" if last else folder
        while len(found) < most:
            rows = self._fetch(
                "SELECT key FROM refs WHERE key > ? AND key < ? ORDER BY key LIMIT 1", (key, folder + _LAST)
            )
            if not rows:
                break
            found.append(rows[0][0][len(folder) :].partition("/")[0])
            key = f"{folder}{found[-1]}/{_LAST}"
        return found

    def _end_of(self, artifact: str) -> int:
        low, high = -1, 0
        while self.ref(VersionKey(artifact, high)):
            low, high = high, high * 2 + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.ref(VersionKey(artifact, middle)) else (low, middle)
        return high

    def versions_of(self, artifact: str) -> dict[int, str]:
        """The versions of the artifact, ascending, with their values."""
        return dict(self._of_versions("{}, value", artifact, "ORDER BY 1"))

    def number_of_versions(self, artifact: str) -> int:
        """How many versions it has, deleted ones left out."""
        return int(self._of_versions("count(*)", artifact)[0][0])

    def _of_versions(self, wanted: str, artifact: str, order: str = "") -> list[Any]:
        """What is wanted ({}: the number) of the refs that are versions, and not of what is said of these."""
        prefix = f"{keys.in_artifact(artifact)}v"
        number = f"CAST(substr(key, {len(prefix) + 1}) AS INTEGER)"
        query = (
            f"SELECT {wanted.format(number)} FROM refs WHERE key >= ? AND key < ? AND key = ? || {number} "
            f"AND value IS NOT NULL {order}"
        )
        return self._fetch(query, (prefix, prefix[:-1] + "w", prefix))

    def last_change(self, *prefixes: str) -> str:
        """When a ref whose key starts with one of these was set or deleted last; "" if none ever was."""
        where = " OR ".join(["key >= ? AND key < ?"] * len(prefixes))
        query = f"SELECT time FROM times WHERE seq = (SELECT max(seq) FROM refs WHERE {where})"
        rows = self._fetch(query, tuple(end for prefix in prefixes for end in (prefix, prefix + _LAST)))
        return str(rows[0][0]) if rows else ""

    def dated(self, *prefixes: str) -> list[tuple[str, str | None, str]]:
        """All refs whose keys start with one of these, deleted ones included: key, value, and when that was set."""
        where = " OR ".join(["key >= ? AND key < ?"] * len(prefixes))
        query = f"SELECT key, value, time FROM refs JOIN times USING (seq) WHERE {where}"
        return self._fetch(query, tuple(end for prefix in prefixes for end in (prefix, prefix + _LAST)))

    def time_of(self, seq: int) -> str:
        """When this journal entry was made."""
        return str(self._fetch("SELECT time FROM times WHERE seq = ?", (seq,))[0][0])

    def links_to(self, versions: Collection[str]) -> dict[str, str]:
        """The links, deleted ones left out, whose values name one of these versions (`artifact:vN`)."""
        query = "SELECT key, value FROM links JOIN refs USING (key) WHERE version IN (?) AND value IS NOT NULL"
        return dict(self._fetch_in(query, versions))

    def names(self) -> set[str]:
        found = (self.refs(keys.KIND_FOLDER[kind], keys.KIND_ENDING[kind]) for kind in CollectionKind)
        return {key.name for refs in found for key in map(keys.parse, refs) if isinstance(key, CollectionKey)}

    def next_number(self, artifact: str) -> int:
        prefix = keys.in_artifact(artifact)
        query = "SELECT max(CAST(substr(key, ?) AS INTEGER)) FROM refs WHERE key >= ? AND key < ? AND key NOT LIKE ?"
        found = self._fetch(query, (len(prefix) + 2, f"{prefix}v", f"{prefix}w", "%.toml"))[0][0]
        return 0 if found is None else int(found) + 1

    def _read_refs(self, entries: Iterable[Entry]) -> None:
        """Follow these entries, which come next."""
        times: list[tuple[int, str]] = []
        moved: list[tuple[str, str | None, int]] = []
        awaited: dict[str, str | None] = {}
        linked: dict[str, str | None] = {}
        for entry in entries:
            times.append((entry.seq, entry.time))
            for ref, old, new in entry.changes:
                moved.append((ref, new, entry.seq))
                if new is not None:
                    awaited[ref] = None
                elif (kept := reserved(keys.parse(ref), old)) and kept.digest:
                    awaited[ref] = kept.digest
                if ref.startswith(keys.ALL_MODELS) and isinstance(keys.parse(ref), LinkKey):
                    target = parse_link(new or "")
                    linked[ref] = target.version if target else None
        self._db.executemany("INSERT OR REPLACE INTO times VALUES (?, ?)", times)
        self._db.executemany("INSERT OR REPLACE INTO refs VALUES (?, ?, ?)", moved)
        self._put("reserved", awaited)
        self._put("links", linked)

    def _put(self, table: str, values: dict[str, str | None]) -> None:
        """None: there is no row any more."""
        self._db.executemany(f"DELETE FROM {table} WHERE key = ?", ((key,) for key in values))
        found = ((key, value) for key, value in values.items() if value)
        self._db.executemany(f"INSERT INTO {table} VALUES (?, ?)", found)

    def _read_all_links(self) -> None:
        """From the refs: those of a checkpoint come without this table."""
        query = f"SELECT key, value FROM refs WHERE {in_folder(CollectionKind.MODEL)} AND value IS NOT NULL"
        rows = self._db.execute(query).fetchall()
        found = ((ref, parse_link(value)) for ref, value in rows if isinstance(keys.parse(ref), LinkKey))
        links = ((ref, target.version) for ref, target in found if target)
        self._db.executemany("INSERT OR REPLACE INTO links VALUES (?, ?)", links)
