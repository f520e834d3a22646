"""What versions say of themselves, for filters: filled only when somebody searches, and never believed: what is found
here is looked up in the records."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, TypeVar

from mreg.refs import keys
from mreg.refs.keys import AnnotationKey, CollectionKind, VersionKey
from mreg.session.ref_mirror import RefMirror, in_folder
from mreg.values import annotation
from mreg.values.filters.meaning import NOTHING, NUMBERS, elements_of, type_of
from mreg.values.filters.tree import is_nan, microseconds
from mreg.values.metadata import flatten
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import VersionRecord

INPUTS: Final = 0
"""The key of facts that are the references of inputs."""
INPUT_DIGESTS: Final = -2
"""The key of facts that are the digests of the records of inputs. Not -1, which stands for no key."""
TAGS: Final = -3
"""The key of facts that are tags of versions."""

TABLES = (
    "CREATE INDEX refs_seq ON refs (seq)",  # with the key, as in every index of such a table
    "CREATE TABLE facts_mark (seq INTEGER, key TEXT)",
    "CREATE TABLE versions (id INTEGER PRIMARY KEY, artifact TEXT, number INTEGER, digest TEXT, manifest TEXT, "
    "created INTEGER, size INTEGER, files INTEGER, author TEXT, host TEXT, run TEXT, message TEXT, "
    "UNIQUE (artifact, number))",
    "CREATE INDEX versions_created ON versions (created)",
    "CREATE TABLE keys (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
    "CREATE TABLE facts (key INTEGER, version INTEGER, item INTEGER, value, PRIMARY KEY (key, version, item)) "
    "WITHOUT ROWID",
    f"CREATE INDEX facts_inputs ON facts (value) WHERE key = {INPUT_DIGESTS}",  # for whoever names that very number
    # What texts are looked for in: apart, so that scans of versions stay short, and numbers apart from all else, which
    # most texts cannot stand in. names: the row of `names` with the keys of the version's numbers.
    "CREATE TABLE words (id INTEGER PRIMARY KEY, names INTEGER, text TEXT)",
    "CREATE TABLE names (id INTEGER PRIMARY KEY, text TEXT UNIQUE)",
    "CREATE TABLE figures (id INTEGER PRIMARY KEY, text TEXT)",
)

FALSE, TRUE, NO_VALUE, NAN = b"\x00", b"\x01", b"\x02", b"\x03"
"""What is neither a number nor a text, so that it equals none. An element without a value keeps its key known."""

DIGITS: Final = frozenset("0123456789.e+-")
"""What numbers are written with."""

LONGEST_FIGURE: Final = 30
"""Characters: no number of metadata takes more."""

_LETTERS: Final = "ABCDFGHIJKLMNOPQ"

_AT_ONCE = 1000
"""Versions per transaction: who writes to the tables meanwhile need not wait long."""


_UNREAD = (
    "FROM refs INDEXED BY refs_seq WHERE seq >= ? AND (seq, key) > (?, ?) "
    f"AND {in_folder(CollectionKind.ARTIFACT)} AND key NOT LIKE '%/{keys.KIND_ENDING[CollectionKind.ARTIFACT]}'"
)
_T = TypeVar("_T")


class Records(NamedTuple):
    """How to get the records of versions, by digest, and whom to tell how many refs have to be read."""

    load: Callable[[list[str]], dict[str, VersionRecord]]
    told: Callable[[int], None]


class Facts(RefMirror):
    def asked(self, records: Records, ask: Callable[[sqlite3.Connection], _T]) -> _T:
        """What `ask` finds in the tables, brought up to date with the mirror of refs. Raises Damaged."""
        for _ in range(2):
            try:
                self._read_all(records)
                with self.reading():
                    return ask(self._db)
            except sqlite3.DatabaseError as error:
                with self._guard:
                    self._start_over(error)
                    self._catch_up()
        self._read_all(records)
        return ask(self._db)

    def _read_all(self, records: Records) -> None:
        with self._guard:
            unread = self._db.execute(f"SELECT count(*) {_UNREAD}", self._unread(self._mark())).fetchone()[0]
        if unread:
            records.told(unread)
        while unread and self._read_some(records):
            pass

    def _unread(self, mark: tuple[int, str]) -> tuple[Any, ...]:
        return (mark[0], *mark)

    def _read_some(self, records: Records) -> bool:
        """Read what some refs say that came after the mark; whether there were any."""
        with self._guard:
            mark = self._mark()
            rows = self._changed(mark)
            if not rows:
                return False
            found = {key: None for key in map(_version, (keys.parse(row[0]) for row in rows)) if key is not None}
            values = self.values([*map(str, found), *map(_annotation, found)])
            loaded = records.load(list({values[key] for key in found if key in values}))
            with self._transaction():
                self._leave_room()
                if self._mark() == mark:  # else another process has read them too
                    self._replace(list(found), values, loaded)
                    self._db.execute("DELETE FROM facts_mark")
                    self._db.execute("INSERT INTO facts_mark VALUES (?, ?)", rows[-1][::-1])
        return True

    def _mark(self) -> tuple[int, str]:
        return self._db.execute("SELECT seq, key FROM facts_mark").fetchone() or (0, "")

    def _changed(self, mark: tuple[int, str]) -> list[tuple[str, int]]:
        query = f"SELECT key, seq {_UNREAD} ORDER BY seq, key LIMIT ?"
        return self._db.execute(query, (*self._unread(mark), _AT_ONCE)).fetchall()

    def _replace(self, found: Sequence[VersionKey], values: dict[str, str], records: dict[str, VersionRecord]) -> None:
        known: dict[str, int] = {}
        facts: list[tuple[int, int, int, Any]] = []
        for key in found:
            self._forget(key)
            if key in values:
                facts += self._keep_version(key, values[key], records[values[key]], values.get(_annotation(key)), known)
        # In the order of the table: it is several times as fast.
        self._db.executemany("INSERT INTO facts VALUES (?, ?, ?, ?)", sorted(facts, key=itemgetter(0, 1, 2)))

    def _forget(self, key: VersionKey) -> None:
        row = self._db.execute(
            "DELETE FROM versions WHERE artifact = ? AND number = ? RETURNING id", (key.artifact, key.number)
        ).fetchone()
        if row is not None:
            self._db.execute("DELETE FROM words WHERE id = ?", row)
            self._db.execute("DELETE FROM figures WHERE id = ?", row)
            query = "DELETE FROM facts WHERE (key IN (?, ?) OR key IN (SELECT id FROM keys)) AND version = ?"
            self._db.execute(query, (INPUTS, INPUT_DIGESTS, *row))

    def _keep_version(
        self, key: VersionKey, digest: str, record: VersionRecord, note: str | None, known: dict[str, int]
    ) -> Iterator[tuple[int, int, int, Any]]:
        """Keep what the version says but for its facts, which are returned. known: the numbers of keys, by name."""
        said = annotation.effective(record, note, _annotation(key))
        created = microseconds(datetime.fromisoformat(record.created))
        row = (key.artifact, key.number, digest, record.manifest, created, record.size, record.files)
        names = "artifact, number, digest, manifest, created, size, files, author, host, run, message"
        cursor = self._db.execute(
            f"INSERT INTO versions ({names}) VALUES ({', '.join('?' * 11)})",
            (*row, record.author, record.host, record.run, said.message),
        )
        number = cursor.lastrowid
        flat = flatten(said.metadata)
        assert number is not None
        for name in flat:
            if name not in known:
                known[name] = self._key(name)
        self._keep_texts(number, said.message, record.run, flat, known)
        for name in flat:
            yield from ((known[name], number, item, value) for item, value in stored(flat[name]))
        yield from ((INPUTS, number, item, entry.reference) for item, entry in enumerate(said.inputs, 1))
        yield from ((INPUT_DIGESTS, number, item, entry.version) for item, entry in enumerate(said.inputs, 1))
        yield from ((TAGS, number, item, tag) for item, tag in enumerate(said.tags, 1))

    def _keep_texts(
        self, number: int, message: str, run: str | None, flat: dict[str, Any], known: dict[str, int]
    ) -> None:
        """Keep `words_of` these, folded; of keys with a number, the keys and the numbers each by themselves."""
        texts = {key: f"{value}" for key, value in flat.items() if type(value) in (float, int)}
        figures = {key: text for key, text in texts.items() if len(text) <= LONGEST_FIGURE and DIGITS.issuperset(text)}
        words = words_of(message, run, {key: value for key, value in flat.items() if key not in figures})
        names = folded("\n".join(f"{key}=" for key in figures))
        row = self._db.execute("SELECT id FROM names WHERE text = ?", (names,)).fetchone()
        if row is None:
            row = self._db.execute("INSERT INTO names (text) VALUES (?) RETURNING id", (names,)).fetchone()
        self._db.execute("INSERT INTO words VALUES (?, ?, ?)", (number, *row, folded("\n".join(words))))
        text = "".join(f"\n{letters(known[key])}={figure}" for key, figure in figures.items())
        self._db.execute("INSERT INTO figures VALUES (?, ?)", (number, text))

    def _key(self, name: str) -> int:
        row = self._db.execute("SELECT id FROM keys WHERE name = ?", (name,)).fetchone()
        if row is None:
            row = self._db.execute("INSERT INTO keys (name) VALUES (?) RETURNING id", (name,)).fetchone()
        return int(row[0])


def stored(value: Any) -> Iterator[tuple[int, Any]]:
    """A value of metadata as facts have it: itself as item 0, or the elements of a list from 1 on."""
    if (type(value) is float and not is_nan(value)) or (type(value) is str and value not in NUMBERS):
        yield 0, value  # most values are such
        return
    elements = elements_of(value)
    if not elements:
        yield -1, NO_VALUE
    for item, element in enumerate(elements, start=isinstance(value, list)):
        yield item, stored_element(element)


def stored_element(element: Any) -> Any:
    if element is NOTHING:
        return NO_VALUE
    kind = type_of(element)
    if kind == "boolean":
        return TRUE if element else FALSE
    if kind == "nan":
        return NAN
    if isinstance(element, int) and not -(2**63) <= element < 2**63:
        return float(element)
    return element


def folded(text: str) -> str:
    """As texts are kept, and looked for. A search for one with either of these two characters asks the records too."""
    return text.casefold().replace("\0", "\n")


def letters(key: int) -> str:
    """What stands for a key in the table of figures: nothing that a folded text could have."""
    return f"{key:x}".translate(_TO_LETTERS)


_TO_LETTERS: Final = str.maketrans("0123456789abcdef", _LETTERS)


def words_of(message: str, run: str | None, flat: dict[str, Any]) -> list[str]:
    """What a search for a text looks at."""
    return [message, run or "", *(f"{key}={value}" for key, value in flat.items())]


def _version(key: keys.RefKey) -> VersionKey | None:
    if isinstance(key, AnnotationKey):
        return VersionKey(key.artifact, key.number)
    return key if isinstance(key, VersionKey) else None


def _annotation(key: VersionKey) -> str:
    return str(AnnotationKey(key.artifact, key.number))
