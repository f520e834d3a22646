"""What is asked of the tables of facts (`mreg.session.facts`) about the versions that fit a condition: which they are,
in what order, how many, and which keys and numbers they have."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mreg.session import fact_conditions
from mreg.session.fact_conditions import COLUMNS, EVERY, LARGEST, NUMBERS, TEXTS, Condition, Conditions, Held
from mreg.session.facts import FALSE, NAN, NO_VALUE, TRUE
from mreg.values.filters.tree import Key
from mreg.values.named_tuple import NamedTuple

_RANK = "CASE WHEN {0} < '' THEN 0 WHEN {0} < x'' THEN 1 WHEN {0} IS NULL THEN 3 ELSE 2 END"


class Order(NamedTuple):
    key: Key
    descending: bool


class Query:
    """Questions about the versions in the tables, under conditions. types: of each artifact."""

    def __init__(
        self, db: sqlite3.Connection, held: Callable[[], Iterable[Held]], types: Callable[[], dict[str, str]]
    ) -> None:
        self._db = db
        self.conditions = Conditions(db, held, types)

    def find(self, where: Condition, order: Sequence[Order], limit: int | None) -> list[tuple[str, int, str]]:
        """Artifact, number and digest of the versions, in their order. where: from `conditions`."""
        if limit is not None and order and not order[0].key.field:
            found = self._ordered(where, order, limit, "CROSS JOIN" if where.ids else "JOIN")
            if len(found) == limit:  # versions without the key come last
                return found
        return self._ordered(where, order, limit, "LEFT JOIN")

    def best(
        self, where: Condition, order: Sequence[Order], limit: int, bounds: Condition
    ) -> list[tuple[str, int, str]] | None:
        """The same as `find`, looked for among the first by the first key only; None if too few of them fit. bounds:
        those of that key."""
        key, descending = order[0]
        if key.field:  # `can_be_best`: it is when they were made
            newest = descending == (key.name == "created")
            query = f"SELECT created, id FROM versions ORDER BY created {'DESC' if newest else 'ASC'} LIMIT ?"
            rows = self._db.execute(query, (fact_conditions.FIRST,)).fetchall()
        else:
            rows = self._first(key, bounds, descending=descending)
        for most in sorted({min(limit * 5, fact_conditions.FIRST), fact_conditions.FIRST}):
            some = rows[:most]
            if len(some) == most:  # there may be more with the value of the last one
                last = some[-1][0]
                some = [row for row in some if row[0] != last]
            chosen = self.conditions.choose(version for _, version in some)
            among = where._replace(ids="SELECT value AS id FROM chosen WHERE test = ?", ids_values=[chosen])
            found = self._ordered(among, order, limit, "CROSS JOIN")
            if len(found) == limit:
                return found
            if len(rows) <= most:
                break
        return None

    def _first(self, key: Key, bounds: Condition, *, descending: bool) -> list[tuple[Any, int]]:
        """The first FIRST values of a key, by their order, with the versions that have them."""
        ordered = "AND value < '' ORDER BY value DESC" if descending else "AND value < x'' ORDER BY value"
        where = f"key = ? AND item = 0 AND {bounds.text} {ordered}"
        values = self.conditions.key(key.name), *bounds.values
        if self.conditions.sample:  # passing over the values behind an edge is twice as fast as sorting them in
            query = f"SELECT value FROM facts WHERE version IN ({self.conditions.sample}) AND {where}"
            sampled = self._db.execute(query, values).fetchall()
            place = 2 * fact_conditions.SAMPLE * fact_conditions.FIRST // self.conditions.top + 4
            if place < len(sampled):
                side = ">=" if descending else "<="
                query = f"SELECT value, version FROM facts WHERE value {side} ? AND {where} LIMIT ?"
                rows = self._db.execute(query, (*sampled[place], *values, fact_conditions.FIRST)).fetchall()
                if len(rows) == fact_conditions.FIRST:
                    return rows
        query = f"SELECT value, version FROM facts WHERE {where} LIMIT ?"
        return self._db.execute(query, (*values, fact_conditions.FIRST)).fetchall()

    def _ordered(
        self, where: Condition, order: Sequence[Order], limit: int | None, join: str
    ) -> list[tuple[str, int, str]]:
        joins, columns, parameters = [], [], []
        for number, (key, descending) in enumerate(order):
            direction = "DESC" if descending else "ASC"
            if key.field:
                column, down = ("v.created", not descending) if key.name == "age" else (COLUMNS[key.name], descending)
                columns += [f"{column} IS NULL", f"{column} {'DESC' if down else 'ASC'}"]
                continue
            fact = f"f{number}"
            joins.append(
                f"{join if number == 0 else 'LEFT JOIN'} facts {fact} ON {fact}.key = ? AND {fact}.version = v.id "
                f"AND {fact}.item = 0 AND {fact}.value NOT IN (?, ?)"
            )
            parameters += [self.conditions.key(key.name), NO_VALUE, NAN]
            columns += [_RANK.format(f"{fact}.value"), f"{fact}.value {direction}"]
        query = (
            f"SELECT v.artifact, v.number, v.digest FROM {where.origin} {' '.join(joins)} WHERE {where.text} "
            f"ORDER BY {', '.join([*columns, 'v.artifact', 'v.number'])} LIMIT ?"
        )
        most = -1 if limit is None else min(limit, LARGEST)
        return self._db.execute(query, (*where.ids_values, *parameters, *where.values, most)).fetchall()

    def narrowed(self, where: Condition) -> Condition:
        """The same condition, looked up once for several questions."""
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS matched (id INTEGER PRIMARY KEY)")
        self._db.execute("DELETE FROM matched")
        query = f"INSERT INTO matched SELECT v.id FROM {where.origin_of_ids} WHERE {where.text} ORDER BY v.id"
        self._db.execute(query, (*where.ids_values, *where.values))
        return Condition("1", ids="SELECT id FROM matched")

    def count(self, where: Condition, most: int | None = None) -> int:
        """How many versions fit, or `most` if there are more."""
        alone = where.ids and where.text == EVERY.text  # then it need not be looked at what they are
        query = where.ids if alone else f"SELECT 1 FROM {where.origin_of_ids} WHERE {where.text}"
        query = f"SELECT count(*) FROM ({query}{'' if most is None else f' LIMIT {most}'})"
        return int(self._db.execute(query, (*where.ids_values, *where.values)).fetchone()[0])

    def is_known(self, name: str, within: Condition) -> bool:
        """Whether one of the versions has the key. within: a condition without ids."""
        query = f"SELECT 1 FROM facts f JOIN versions v ON v.id = f.version WHERE f.key = ? AND {within.text} LIMIT 1"
        return self._db.execute(query, (self.conditions.key(name), *within.values)).fetchone() is not None

    def keys(self) -> list[str]:
        """The keys of metadata that some version has."""
        query = "SELECT name FROM keys k WHERE EXISTS (SELECT 1 FROM facts WHERE key = k.id)"
        return [name for (name,) in self._db.execute(query)]

    def key_figures(self, within: Condition) -> list[tuple[Any, ...]]:
        """Each key of the versions with how many have it; how many of its values are numbers, texts, booleans, NaN,
        others; its smallest and largest number; its smallest and largest text."""
        number, text = NUMBERS.format("f.value"), TEXTS.format("f.value")
        query = (
            f"SELECT k.name, count(DISTINCT f.version), sum({number}), sum({text}), sum(f.value IN (?, ?)), "
            f"sum(f.value = ?), sum(f.value = ?), min(CASE WHEN {number} THEN f.value END), "
            f"max(CASE WHEN {number} THEN f.value END), min(CASE WHEN {text} THEN f.value END), "
            f"max(CASE WHEN {text} THEN f.value END) FROM keys k JOIN facts f ON f.key = k.id "
            f"JOIN versions v ON v.id = f.version WHERE {within.text} GROUP BY k.id ORDER BY k.name"
        )
        return self._db.execute(query, (FALSE, TRUE, NAN, NO_VALUE, *within.values)).fetchall()

    # Of the versions that were narrowed last.

    def narrowed_to(self, ids: Iterable[int]) -> None:
        """Only these of them."""
        self._db.execute("DELETE FROM matched")
        self._db.executemany("INSERT INTO matched VALUES (?)", ((one,) for one in ids))

    def numbered(self, last: int | None = None) -> list[tuple[int, str, int]]:
        """Their ids here, names and numbers, in any order. last: only so many with the highest numbers."""
        query = f"SELECT v.id, {COLUMNS['name']}, v.number FROM matched m CROSS JOIN versions v ON v.id = m.id"
        if last:
            return self._db.execute(f"{query} ORDER BY v.number DESC LIMIT ?", (min(last, LARGEST),)).fetchall()
        return self._db.execute(query).fetchall()

    def created(self) -> list[tuple[int, float]]:
        """When they were made, in seconds since 1970, by their ids here."""
        query = "SELECT v.id, v.created FROM matched m CROSS JOIN versions v ON v.id = m.id"
        return [(version, microseconds / 1e6) for version, microseconds in self._db.execute(query)]

    def numeric_keys(self) -> list[str]:
        """The keys for which some of them have a number, or NaN, sorted."""
        query = (
            "SELECT k.name FROM keys k WHERE EXISTS (SELECT 1 FROM matched m CROSS JOIN facts f ON f.key = k.id "
            f"AND f.version = m.id AND f.item = 0 AND ({NUMBERS.format('f.value')} OR f.value = ?)) ORDER BY 1"
        )
        return [name for (name,) in self._db.execute(query, (NAN,))]

    def numbers_of(self, key: str) -> list[tuple[int, float]]:
        """The numbers of a key, by their ids; NaN too."""
        query = (
            "SELECT f.version, CASE WHEN f.value = ? THEN NULL ELSE f.value END FROM matched m CROSS JOIN facts f "
            f"ON f.key = ? AND f.version = m.id AND f.item = 0 AND ({NUMBERS.format('f.value')} OR f.value = ?)"
        )
        found = self._db.execute(query, (NAN, self.conditions.key(key), NAN)).fetchall()
        return [(version, math.nan if value is None else value) for version, value in found]


def can_be_best(key: Key) -> bool:
    """Whether `Query.best` may be asked by this key."""
    return not key.field or key.name in ("created", "age")
