"""Filters, searched texts and places as conditions of SQL, on the tables of facts (`mreg.session.facts`).

Texts and names enter a statement as parameters only. Patterns are asked of the distinct texts of a key, by the same
functions as `Filter.matches` has, and not of every version.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from mreg.session.facts import DIGITS, FALSE, INPUTS, LONGEST_FIGURE, NAN, TAGS, TRUE, folded, letters
from mreg.values.filters.filter import Filter
from mreg.values.filters.meaning import elements_fit, needed, positive
from mreg.values.filters.texts import OPERATORS
from mreg.values.filters.tree import FIELDS, And, Key, Not, Test, Tree, Value, microseconds, tests
from mreg.values.named_tuple import NamedTuple

if TYPE_CHECKING:
    from typing import TypeGuard

MOST_TESTS: Final = 200
DEEPEST: Final = 20
"""What one statement can hold: SQLite's own parser has limits. The rest of a larger expression is asked of the
records."""

FIRST: Final = 1000
"""So many versions are looked at one by one before all of them are."""

SAMPLE: Final = 200
"""So many versions tell how many are likely to fit. What is found does not depend on it."""

COLUMNS = {"name": "(v.artifact || ':v' || v.number)"} | {
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
LARGEST = 2**63 - 1
NUMBERS, TEXTS = "{0} < ''", "{0} >= '' AND {0} < x''"
"""How SQLite orders types: numbers, texts, blobs."""
_CHOSEN = "IN (SELECT value FROM chosen WHERE test = ?)"
"""Among the values that `Conditions.choose` kept under the number."""
_GOLDEN = (5**0.5 - 1) / 2
"""Its multiples, less their whole parts, are spread evenly, however many there are."""
_LONGEST_PATTERN = 10_000
"""Characters; SQLite takes 50,000 bytes."""


class Held(NamedTuple):
    """One word of a set of texts of a version. kind: alias, tag, link, model."""

    kind: str
    word: str
    artifact: str
    number: int


class Condition(NamedTuple):
    """What versions `v` have to fit, as SQL with its values. ids: a query for versions that fit the part of it which
    `text` does not say; "" if there is none."""

    text: str
    values: Sequence[Any] = ()
    ids: str = ""
    ids_values: Sequence[Any] = ()

    @property
    def origin(self) -> str:
        """Where the versions come from."""
        return f"({self.ids}) d CROSS JOIN versions v ON v.id = d.id" if self.ids else "versions v"

    @property
    def origin_of_ids(self) -> str:
        """The same for a query that is about ids only."""
        by_id_only = "v." not in self.text.replace("v.id", "")
        return f"({self.ids}) v" if self.ids and by_id_only else self.origin


EVERY: Final = Condition("1")


class Conditions:
    """Makes conditions, and says them in few words where sets of values are large. types: of each artifact."""

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

    def key(self, name: str) -> int:
        """The number of a key of metadata; -1 if there is none."""
        row = self._db.execute("SELECT id FROM keys WHERE name = ?", (name,)).fetchone()
        return -1 if row is None else int(row[0])

    @cached_property
    def top(self) -> int:
        """The largest id."""
        return int(self._db.execute("SELECT max(id) FROM versions").fetchone()[0] or 0)

    @cached_property
    def sample(self) -> str:
        """Ids spread over all of them, for a statement; "" if they are few anyway."""
        if self.top <= 4 * FIRST:
            return ""
        return ", ".join(str(1 + int(n * _GOLDEN % 1 * self.top)) for n in range(SAMPLE))

    def among(self, artifacts: Iterable[str], links: Iterable[tuple[str, int]]) -> Condition:
        """Versions of these artifacts, or among these."""
        values = [self.choose(artifacts), self._choose_versions(links)]
        return Condition(f"(v.artifact {_CHOSEN} OR v.id {_CHOSEN})", values)

    def of_text(self, needle: str, versions: Iterable[tuple[str, int]], *, few: bool = False) -> Condition:
        """Versions whose words contain the text, or that are among these. few: as for `of_filters`."""
        needle = folded(needle)
        found, looked_for = _holds("text", needle)
        names = [row for (row,) in self._db.execute(f"SELECT id FROM names WHERE {found}", (looked_for,))]
        places, values = [("id", "words", found)], list[Any]([looked_for])
        if names:
            places = [("id", "words", f"({found} OR names {_CHOSEN})")]
            values.append(self.choose(names))
        patterns = self._figures_with(needle)
        if len(patterns) == 1:
            places.append(("id", "figures", "text GLOB ?"))
            values += patterns
        elif patterns:
            places.append(("id", "figures", "EXISTS (SELECT 1 FROM chosen WHERE test = ? AND text GLOB value)"))
            values.append(self.choose(patterns))
        if versions := [*versions]:
            places.append(("value", "chosen", "test = ?"))
            values.append(self._choose_versions(versions))
        if few:
            texts = (f"EXISTS (SELECT 1 FROM {table} WHERE {id_} = v.id AND {test})" for id_, table, test in places)
            return Condition(f"({' OR '.join(texts)})", values)
        queries = (f"SELECT {id_} AS id FROM {table} WHERE {test}" for id_, table, test in places)
        # In order, they are merged as they are found: the first ones do not wait for all others.
        return Condition(EVERY.text, ids=f"{' UNION '.join(queries)} ORDER BY 1", ids_values=values)

    def _figures_with(self, needle: str) -> list[str]:
        """Patterns for the texts of figures that hold the text, or its end behind a key that ends as it begins."""
        head, equals, tail = needle.rpartition("=")
        if not tail or len(tail) > LONGEST_FIGURE or not DIGITS.issuperset(tail):
            return []
        if not head:
            return [f"*{equals}{tail}*"]
        return [f"*\n{letters(key)}={tail}*" for key in self._keys_ending(head)]

    def _keys_ending(self, text: str) -> list[int]:
        """The keys of metadata that end so, when folded."""
        rows = self._db.execute("SELECT id, name FROM keys")
        return [key for key, name in rows if folded(name).endswith(text)]

    def of_filters(self, filters: Iterable[Filter], now: datetime, *, few: bool = False) -> Condition:
        """The filters, but for those that are too large for a statement. few: facts are looked up version by version,
        which is faster where few versions are looked at, instead of once for all."""
        parts = [(tree, one) for one in filters if fits_statement(one.tree) for tree in _conjuncts(one.tree)]
        scanned = None if few else self._narrowest([(tree, one) for tree, one in parts if _can_scan(tree)])
        self._probes = few or scanned is not None
        ids, ids_values = "", list[Any]()
        texts, values = list[str](), list[Any]()
        for tree, one in parts:
            if tree is scanned:
                test, more = self._of_facts(tree, one)
                ids = f"SELECT DISTINCT version AS id FROM facts WHERE key = ?{test}"
                ids_values = [self.key(tree.key.name), *more]
                continue
            text, more = self._tree(tree, one, microseconds(now))
            texts.append(text)
            values += more
        return Condition(" AND ".join(texts) or EVERY.text, values, ids, ids_values)

    def _narrowest(self, parts: Sequence[tuple[Test, Filter]]) -> Test | None:
        """The test that the fewest versions are likely to pass."""
        if len(parts) < 2 or not self.sample:
            return min((test for test, _ in parts), key=_breadth, default=None)
        return min(parts, key=lambda part: (self._passing(*part), _breadth(part[0])))[0]

    def _passing(self, test: Test, found: Filter) -> int:
        """How many versions of the sample pass."""
        if test.op in OPERATORS:  # to tell, all texts of the key would have to be looked at
            return SAMPLE // 3
        text, values = self._of_facts(test, found)
        query = f"SELECT count(DISTINCT version) FROM facts WHERE version IN ({self.sample}) AND key = ?{text}"
        return int(self._db.execute(query, (self.key(test.key.name), *values)).fetchone()[0])

    def bounds(self, filters: Iterable[Filter], key: Key) -> Condition:
        """What the filters ask of one key of metadata: a test of `value`, the only one of a version."""
        parts = ((tree, one) for one in filters if fits_statement(one.tree) for tree in _conjuncts(one.tree))
        found = [self._of_facts(tree, one) for tree, one in parts if _can_scan(tree) and tree.key == key]
        texts = [text.removeprefix(" AND ") for text, _ in found if text]
        return Condition(" AND ".join(texts) or EVERY.text, [value for _, values in found for value in values])

    def _of_facts(self, test: Test, found: Filter) -> tuple[str, list[Any]]:
        """What a test that is not negated asks of facts with its key; begins with AND if it asks anything."""
        if test.op == "has":
            return "", []
        number = self.key(test.key.name)
        texts = f"SELECT DISTINCT value FROM facts WHERE key = ? AND {TEXTS.format('value')}"
        text, values = self._compare("value", test.op, test.values, found, texts, (number,))
        return f" AND {text}", values

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
            return f"v.artifact {_CHOSEN}", [self.choose(fitting)]
        if key.name == "age":
            test = _as_created(test, now)
        column = COLUMNS[test.key.name]
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
        texts = f"SELECT DISTINCT {column} FROM {table} WHERE {which} AND {TEXTS.format(column)}"
        text, values = self._compare(column, op, test.values, found, texts, (parameter,))
        if not negated:
            return f"{having} AND {text})", [parameter, *values]
        if is_set:
            return f"NOT {having} AND {text})", [parameter, *values]
        kinds = needed(test)
        typed = f" AND {(TEXTS if kinds == {'text'} else NUMBERS).format(column)}" if kinds else ""
        return f"({having}{typed}) AND NOT {having} AND {text}))", [parameter, parameter, *values]

    def _compare(
        self, column: str, op: str, wanted: tuple[Value, ...], found: Filter, texts: str, parameters: Sequence[Any]
    ) -> tuple[str, list[Any]]:
        """Whether a value in the column fits. texts: the query for all texts of the column, for patterns."""
        if op in OPERATORS:
            fits = found.matchers[op, str(wanted[0].value)]
            number = self.choose([text for (text,) in self._db.execute(texts, parameters) if fits(text)])
            return f"({column} {_CHOSEN})", [number]
        values = [_stored(value) for value in wanted]
        numbers, words = NUMBERS.format(column), TEXTS.format(column)
        if op == "is":
            return f"({column} = ? OR ({numbers} AND {column} != 0))", [TRUE]
        if op == "in":
            return f"({column} IN ({', '.join('?' * len(values))}))", values
        if op == "=":
            return f"({column} = ?)", values
        test = "BETWEEN ? AND ?" if op == "between" else f"{op} ?"
        return f"({words if wanted[0].type == 'text' else numbers} AND {column} {test})", values

    def choose(self, values: Iterable[Any]) -> int:
        """The values, as a table that a statement can name."""
        self._chosen += 1
        self._db.executemany("INSERT INTO chosen VALUES (?, ?)", ((self._chosen, value) for value in values))
        return self._chosen

    def _choose_versions(self, versions: Iterable[tuple[str, int]]) -> int:
        self._chosen += 1
        query = "INSERT INTO chosen SELECT ?, id FROM versions WHERE artifact = ? AND number = ?"
        self._db.executemany(query, ((self._chosen, *one) for one in versions))
        return self._chosen

    def _fill_held(self) -> None:
        if self._has_held:
            return
        self._has_held = True
        query = "INSERT INTO held SELECT ?, ?, id FROM versions WHERE artifact = ? AND number = ?"
        self._db.executemany(query, self._held())
        self._db.execute("INSERT INTO held SELECT 'tag', value, version FROM facts WHERE key = ?", (TAGS,))


def _holds(column: str, needle: str) -> tuple[str, str]:
    """A condition that the column holds the text, and its parameter."""
    pattern = f"*{''.join(f'[{char}]' if char in '*?[' else char for char in needle)}*"
    if len(pattern) <= _LONGEST_PATTERN:
        return f"{column} GLOB ?", pattern  # the faster one
    return f"instr({column}, ?)", needle


def both(*conditions: Condition) -> Condition:
    """All of the conditions."""
    first, *others = sorted(conditions, key=lambda one: not one.ids)
    texts, values = [first.text], [*first.values]
    for one in others:
        texts += [one.text, f"v.id IN ({one.ids})"] if one.ids else [one.text]
        values += [*one.values, *one.ids_values]
    asked = [text for text in texts if text != EVERY.text]
    return first._replace(text=" AND ".join(asked) or EVERY.text, values=values)


def fits_statement(tree: Tree) -> bool:
    """Whether one statement can hold the expression."""
    return len(tests(tree)) <= MOST_TESTS and _depth(tree) <= DEEPEST


def _conjuncts(tree: Tree) -> Sequence[Tree]:
    return tree.parts if isinstance(tree, And) else (tree,)


def _can_scan(tree: Tree) -> TypeGuard[Test]:
    """Whether the versions that fit are found by looking at the facts of one key."""
    return isinstance(tree, Test) and not tree.key.field and not positive(tree.op)[1]


def _breadth(test: Test) -> int:
    """How many versions are likely to fit."""
    return {"=": 0, "in": 1, "has": 3}.get(test.op, 2)


def _stored(value: Value) -> Any:
    if value.type == "boolean":
        return TRUE if value.value else FALSE
    return NAN if value.type == "nan" else value.value


def _as_created(test: Test, now: int) -> Test:
    """A test of the age as one of the time."""
    values = tuple(
        Value("date", max(-LARGEST, min(LARGEST, now - int(value.value)))) for value in reversed(test.values)
    )
    return Test(Key("created", True), _TURNED.get(test.op, test.op), values)


def _depth(tree: Tree) -> int:
    if isinstance(tree, Test):
        return 0
    return 1 + max(map(_depth, (tree.part,) if isinstance(tree, Not) else tree.parts))
