"""Filters as questions to the tables of facts (`mreg.session.facts`).

Texts and names enter a statement as parameters only. Patterns are asked of the distinct texts of a key, by the same
functions as `Filter.matches` has, and not of every version.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from mreg.session.facts import FALSE, INPUTS, NAN, NO_VALUE, TAGS, TRUE
from mreg.values.filters.filter import Filter
from mreg.values.filters.meaning import elements_fit, needed, positive
from mreg.values.filters.texts import OPERATORS
from mreg.values.filters.tree import FIELDS, And, Key, Not, Test, Tree, Value, microseconds, tests
from mreg.values.named_tuple import NamedTuple

MOST_TESTS: Final = 200
DEEPEST: Final = 20
"""What one statement can hold: SQLite's own parser has limits. The rest of a larger expression is asked of the
records."""

FIRST: Final = 1000
"""So many versions are looked at one by one before all of them are."""

_COLUMNS = {"name": "(v.artifact || ':v' || v.number)"} | {
    name: f"v.{name}"
    for name in (
        "artifact",
        "number",
        "digest",
        "manifest",
        "created",
        "size",
        "files",
        "author",
        "host",
        "run",
        "message",
    )
}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_LARGEST = 2**63 - 1
_NUMBERS, _TEXTS = "{0} < ''", "{0} >= '' AND {0} < x''"
"""How SQLite orders types: numbers, texts, blobs."""
_RANK = "CASE WHEN {0} < '' THEN 0 WHEN {0} < x'' THEN 1 WHEN {0} IS NULL THEN 3 ELSE 2 END"


class Held(NamedTuple):
    """One word of a set of texts of a version. kind: alias, tag, link, model."""

    kind: str
    word: str
    artifact: str
    number: int


class Order(NamedTuple):
    key: Key
    descending: bool


class Query:
    """Questions about the versions in the tables. types: of each artifact."""

    def __init__(
        self, db: sqlite3.Connection, held: Callable[[], Iterable[Held]], types: Callable[[], dict[str, str]]
    ) -> None:
        self._db = db
        self._held = held
        self._types = types
        self._has_held = False
        self._chosen = 0
        self._probes = False
        db.execute("CREATE TEMP TABLE IF NOT EXISTS chosen (test INTEGER, value)")
        db.execute("CREATE TEMP TABLE IF NOT EXISTS held (kind TEXT, word TEXT, version INTEGER)")
        db.execute("DELETE FROM chosen")
        db.execute("DELETE FROM held")

    def find(
        self, where: str, values: list[Any], order: Sequence[Order], limit: int | None
    ) -> list[tuple[str, int, str]]:
        """Artifact, number and digest of the versions, in their order. where: from `condition` and its likes."""
        if limit is not None and order and not order[0].key.field:
            found = self._ordered(where, values, order, limit, "JOIN")
            if len(found) == limit:  # versions without the key come last
                return found
        return self._ordered(where, values, order, limit, "LEFT JOIN")

    def best(
        self, where: str, values: list[Any], order: Sequence[Order], limit: int
    ) -> list[tuple[str, int, str]] | None:
        """The same as `find`, looked for among the first by a key of metadata only; None if too few of them fit."""
        key, descending = order[0]
        ordered = "AND value < '' ORDER BY value DESC" if descending else "ORDER BY value"  # numbers come first
        query = f"SELECT value, version FROM facts WHERE key = ? AND item = 0 AND value NOT IN (?, ?) {ordered} LIMIT ?"
        rows = self._db.execute(query, (self.key(key.name), NO_VALUE, NAN, FIRST)).fetchall()
        whole = len(rows) < FIRST  # else there may be more with the value of the last one
        chosen = self._choose(version for value, version in rows if whole or value != rows[-1][0])
        among = "v.id IN (SELECT value FROM chosen WHERE test = ?)"
        found = self._ordered(f"{among} AND {where}", [chosen, *values], order, limit, "JOIN")
        return found if len(found) == limit else None

    def _ordered(
        self, where: str, values: list[Any], order: Sequence[Order], limit: int | None, join: str
    ) -> list[tuple[str, int, str]]:
        joins, columns, parameters = [], [], []
        for number, (key, descending) in enumerate(order):
            direction = "DESC" if descending else "ASC"
            if key.field:
                column, down = ("v.created", not descending) if key.name == "age" else (_COLUMNS[key.name], descending)
                columns += [f"{column} IS NULL", f"{column} {'DESC' if down else 'ASC'}"]
                continue
            fact = f"f{number}"
            joins.append(
                f"{join if number == 0 else 'LEFT JOIN'} facts {fact} ON {fact}.key = ? AND {fact}.version = v.id "
                f"AND {fact}.item = 0 AND {fact}.value NOT IN (?, ?)"
            )
            parameters += [self.key(key.name), NO_VALUE, NAN]
            columns += [_RANK.format(f"{fact}.value"), f"{fact}.value {direction}"]
        query = (
            f"SELECT v.artifact, v.number, v.digest FROM versions v {' '.join(joins)} WHERE {where} "
            f"ORDER BY {', '.join([*columns, 'v.artifact', 'v.number'])} LIMIT ?"
        )
        return self._db.execute(query, (*parameters, *values, -1 if limit is None else min(limit, _LARGEST))).fetchall()

    def narrowed(self, where: str, values: list[Any]) -> tuple[str, list[Any]]:
        """The same condition, looked up once for several questions."""
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS matched (id INTEGER PRIMARY KEY)")
        self._db.execute("DELETE FROM matched")
        self._db.execute(f"INSERT INTO matched SELECT v.id FROM versions v WHERE {where} ORDER BY v.id", values)
        return "v.id IN (SELECT id FROM matched)", []

    def matched(self) -> int:
        """How many versions fit the condition that was narrowed last."""
        return int(self._db.execute("SELECT count(*) FROM matched").fetchone()[0])

    def count(self, where: str, values: list[Any], most: int = _LARGEST) -> int:
        """How many versions fit, or `most` if there are more."""
        query = f"SELECT count(*) FROM (SELECT 1 FROM versions v WHERE {where} LIMIT ?)"
        return int(self._db.execute(query, (*values, most)).fetchone()[0])

    def key(self, name: str) -> int:
        """The number of a key of metadata; -1 if there is none."""
        row = self._db.execute("SELECT id FROM keys WHERE name = ?", (name,)).fetchone()
        return -1 if row is None else int(row[0])

    def is_known(self, name: str, where: str, values: Sequence[Any]) -> bool:
        """Whether one of these versions has the key."""
        query = f"SELECT 1 FROM facts f JOIN versions v ON v.id = f.version WHERE f.key = ? AND {where} LIMIT 1"
        return self._db.execute(query, (self.key(name), *values)).fetchone() is not None

    def keys(self) -> list[str]:
        """The keys of metadata that some version has."""
        query = "SELECT name FROM keys k WHERE EXISTS (SELECT 1 FROM facts WHERE key = k.id)"
        return [name for (name,) in self._db.execute(query)]

    def key_figures(self, where: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Each key with how many versions have it; how many of its values are numbers, texts, booleans, NaN, others;
        its smallest and largest number; its smallest and largest text."""
        number, text = _NUMBERS.format("f.value"), _TEXTS.format("f.value")
        query = (
            f"SELECT k.name, count(DISTINCT f.version), sum({number}), sum({text}), sum(f.value IN (?, ?)), "
            f"sum(f.value = ?), sum(f.value = ?), min(CASE WHEN {number} THEN f.value END), "
            f"max(CASE WHEN {number} THEN f.value END), min(CASE WHEN {text} THEN f.value END), "
            f"max(CASE WHEN {text} THEN f.value END) FROM keys k JOIN facts f ON f.key = k.id "
            f"JOIN versions v ON v.id = f.version WHERE {where} GROUP BY k.id ORDER BY k.name"
        )
        return self._db.execute(query, (FALSE, TRUE, NAN, NO_VALUE, *values)).fetchall()

    # Of the versions that were narrowed last.

    def numbered(self) -> list[tuple[int, str, int]]:
        """Their ids here, names and numbers."""
        query = f"SELECT v.id, {_COLUMNS['name']}, v.number FROM matched m CROSS JOIN versions v ON v.id = m.id"
        return self._db.execute(query).fetchall()

    def created(self) -> list[tuple[int, float]]:
        """When they were made, in seconds since 1970, by their ids here."""
        query = "SELECT v.id, v.created FROM matched m CROSS JOIN versions v ON v.id = m.id"
        return [(version, microseconds / 1e6) for version, microseconds in self._db.execute(query)]

    def numeric_keys(self) -> list[str]:
        """The keys for which some of them have a number, or NaN, sorted."""
        query = (
            "SELECT k.name FROM keys k WHERE EXISTS (SELECT 1 FROM matched m CROSS JOIN facts f ON f.key = k.id "
            f"AND f.version = m.id AND f.item = 0 AND ({_NUMBERS.format('f.value')} OR f.value = ?)) ORDER BY 1"
        )
        return [name for (name,) in self._db.execute(query, (NAN,))]

    def numbers_of(self, key: str) -> list[tuple[int, float]]:
        """The numbers of a key, by their ids; NaN too."""
        query = (
            "SELECT f.version, CASE WHEN f.value = ? THEN NULL ELSE f.value END FROM matched m CROSS JOIN facts f "
            f"ON f.key = ? AND f.version = m.id AND f.item = 0 AND ({_NUMBERS.format('f.value')} OR f.value = ?)"
        )
        found = self._db.execute(query, (NAN, self.key(key), NAN)).fetchall()
        return [(version, math.nan if value is None else value) for version, value in found]

    # Conditions.

    def among(self, artifacts: Iterable[str], links: Iterable[tuple[str, int]]) -> tuple[str, list[Any]]:
        """Versions of these artifacts, or among these."""
        one, other = self._choose(artifacts), self._choose(f"{name}:v{number}" for name, number in links)
        chosen = "(SELECT value FROM chosen WHERE test = ?)"
        return f"(v.artifact IN {chosen} OR {_COLUMNS['name']} IN {chosen})", [one, other]

    def containing(self, needle: str, names: Iterable[str]) -> tuple[str, list[Any]]:
        """Versions whose words contain the text, or that have one of these names."""
        query = (
            f"(v.id IN (SELECT id FROM words WHERE instr(text, ?)) "
            f"OR {_COLUMNS['name']} IN (SELECT value FROM chosen WHERE test = ?))"
        )
        return query, [needle, self._choose(names)]

    def condition(self, found: Filter, now: datetime, *, probes: bool = False) -> tuple[str, list[Any]]:
        """The filter, or "1" if it is too large for a statement. probes: facts are looked up version by version, which
        is faster where few versions are looked at, instead of once for all."""
        self._probes = probes
        return self._tree(found.tree, found, microseconds(now)) if fits_statement(found.tree) else ("1", [])

    def _tree(self, tree: Tree, found: Filter, now: int) -> tuple[str, list[Any]]:
        if isinstance(tree, Test):
            return self._test(tree, found, now)
        if isinstance(tree, Not):
            text, values = self._tree(tree.part, found, now)
            return f"NOT {text}", values
        parts = [self._tree(part, found, now) for part in tree.parts]
        word = " AND " if isinstance(tree, And) else " OR "
        return f"({word.join(text for text, _ in parts)})", [value for _, values in parts for value in values]

    def _test(self, test: Test, found: Filter, now: int) -> tuple[str, list[Any]]:
        key = test.key
        kind = FIELDS[key.name] if key.field else ""
        if kind == "set" or not key.field:
            return self._in_set(test, found)
        if key.name == "kind":
            return ("1" if elements_fit(test, ["version"], found.matchers) else "0"), []
        if key.name == "type":
            fitting = [name for name, type_ in self._types().items() if elements_fit(test, [type_], found.matchers)]
            return "v.artifact IN (SELECT value FROM chosen WHERE test = ?)", [self._choose(fitting)]
        if key.name == "age":
            test = _as_created(test, now)
        column = _COLUMNS[test.key.name]
        if test.op == "has":
            return f"{column} IS NOT NULL", []
        op, negated = positive(test.op)
        texts = f"SELECT DISTINCT {column} FROM versions v WHERE {column} IS NOT NULL"
        text, values = self._compare(column, op, test.values, found, texts, ())
        return f"({column} IS NOT NULL AND {'NOT ' * negated}{text})", values

    def _in_set(self, test: Test, found: Filter) -> tuple[str, list[Any]]:
        """A test of a key that has several values, in a table of its own."""
        key, is_set = test.key, test.key.field
        if is_set and key.name != "input":
            self._fill_held()
            table, column, which, parameter = "held", "word", "kind = ?", key.name
        else:
            number = INPUTS if is_set else self.key(key.name)
            table, column, which, parameter = "facts", "value", "key = ?", number  # type: ignore[assignment]
        having = f"v.id IN (SELECT version FROM {table} WHERE {which}"
        if self._probes and table == "facts":
            having = f"EXISTS (SELECT 1 FROM facts WHERE version = v.id AND {which}"
        if test.op == "has":
            return f"{having})", [parameter]
        op, negated = positive(test.op)
        texts = f"SELECT DISTINCT {column} FROM {table} WHERE {which} AND {_TEXTS.format(column)}"
        text, values = self._compare(column, op, test.values, found, texts, (parameter,))
        if not negated:
            return f"{having} AND {text})", [parameter, *values]
        if is_set:
            return f"NOT {having} AND {text})", [parameter, *values]
        kinds = needed(test)
        typed = f" AND {(_TEXTS if kinds == {'text'} else _NUMBERS).format(column)}" if kinds else ""
        return f"({having}{typed}) AND NOT {having} AND {text}))", [parameter, parameter, *values]

    def _compare(
        self, column: str, op: str, wanted: tuple[Value, ...], found: Filter, texts: str, parameters: Sequence[Any]
    ) -> tuple[str, list[Any]]:
        """Whether a value in the column fits. texts: the query for all texts of the column, for patterns."""
        if op in OPERATORS:
            fits = found.matchers[op, str(wanted[0].value)]
            number = self._choose([text for (text,) in self._db.execute(texts, parameters) if fits(text)])
            return f"({column} IN (SELECT value FROM chosen WHERE test = ?))", [number]
        values = [_stored(value) for value in wanted]
        numbers, words = _NUMBERS.format(column), _TEXTS.format(column)
        if op == "is":
            return f"({column} = ? OR ({numbers} AND {column} != 0))", [TRUE]
        if op == "in":
            return f"({column} IN ({', '.join('?' * len(values))}))", values
        if op == "=":
            return f"({column} = ?)", values
        test = "BETWEEN ? AND ?" if op == "between" else f"{op} ?"
        return f"({words if wanted[0].type == 'text' else numbers} AND {column} {test})", values

    def _choose(self, values: Iterable[Any]) -> int:
        """The values, as a table that a statement can name."""
        self._chosen += 1
        self._db.executemany("INSERT INTO chosen VALUES (?, ?)", ((self._chosen, value) for value in values))
        return self._chosen

    def _fill_held(self) -> None:
        if self._has_held:
            return
        self._has_held = True
        query = "INSERT INTO held SELECT ?, ?, id FROM versions WHERE artifact = ? AND number = ?"
        self._db.executemany(query, self._held())
        self._db.execute("INSERT INTO held SELECT 'tag', value, version FROM facts WHERE key = ?", (TAGS,))


def fits_statement(tree: Tree) -> bool:
    """Whether one statement can hold the expression."""
    return len(tests(tree)) <= MOST_TESTS and _depth(tree) <= DEEPEST


def _stored(value: Value) -> Any:
    if value.type == "boolean":
        return TRUE if value.value else FALSE
    return NAN if value.type == "nan" else value.value


def _as_created(test: Test, now: int) -> Test:
    """A test of the age as one of the time."""
    values = tuple(
        Value("date", max(-_LARGEST, min(_LARGEST, now - int(value.value)))) for value in reversed(test.values)
    )
    return Test(Key("created", True), _TURNED.get(test.op, test.op), values)


def _depth(tree: Tree) -> int:
    if isinstance(tree, Test):
        return 0
    return 1 + max(map(_depth, (tree.part,) if isinstance(tree, Not) else tree.parts))
