"""The tables of facts answer filters as `Filter.matches` does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from mreg import Filter, Input, Version
from mreg.operations.search import mentions
from mreg.session import facts, ref_mirror
from mreg.session.fact_conditions import EVERY, Held
from mreg.session.fact_queries import Order, Query
from mreg.session.facts import Facts, Records
from mreg.values import metadata
from mreg.values.annotation import Said, encode
from mreg.values.filters.tree import And, Key, Not, Or, Test as Condition, Value
from mreg.values.records import VersionRecord

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Tables(Facts):
    """Facts alone, in memory, of refs that a test says."""

    def __init__(self) -> None:
        every = (*ref_mirror.TABLES, *facts.TABLES)
        super().__init__(None, 1, every)

    def _catch_up(self) -> None: ...

    def set_ref(self, key: str, value: str | None, seq: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO refs VALUES (?, ?, ?)", (key, value, seq))


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_numbers = st.one_of(
    st.sampled_from([0, 1, -1, 0.5, 1e300, 2**53, 2**53 + 1, float(2**53), 2**63 - 1, -(2**63)]),
    st.integers(-(2**63), 2**63),
    st.floats(),
)
_scalars = st.one_of(
    _numbers, _text, st.booleans(), st.sampled_from(["NaN", "Infinity", "-Infinity", "1", "vit", "a%b"])
)
_keys = st.sampled_from(["a", "b", "m.x", "m.y", "size", "m/`x`", 'q"', "ä ö"])
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=2), max_leaves=4
)
_metadata = st.dictionaries(_keys, _values, max_size=4)

_flat_keys = _keys | st.sampled_from(["m.x.a", "a.b"])


def _value(value: Any) -> Value:
    if isinstance(value, bool):
        return Value("boolean", value)
    if isinstance(value, str):
        return Value("text", value)
    if value != value:
        return Value("nan", float("nan"))
    return Value("number", float(value) if isinstance(value, int) and abs(value) >= 2**63 else value)


@st.composite
def _tests(draw: st.DrawFn) -> Condition:
    key = Key(draw(_flat_keys))
    op = draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "has", "is", "in", "not in", "between", "not between"]))
    negation = draw(st.sampled_from(["", "not "]))
    if draw(st.integers(0, 4)) == 0:
        op = negation + draw(st.sampled_from(["like", "ilike", "glob", "contains"]))
        return Condition(key, op, (Value("text", draw(_text | st.sampled_from(["%", "a*", "1", "[!a]*", "_"]))),))
    if op in ("has", "is"):
        return Condition(key, op)
    if op in ("=", "!="):
        return Condition(key, op, (_value(draw(_scalars)),))
    if op in ("in", "not in"):
        return Condition(key, op, tuple(map(_value, draw(st.lists(_scalars, min_size=1, max_size=3)))))
    ordered = draw(st.sampled_from([_text, _numbers.filter(lambda number: number == number)]))
    return Condition(key, op, tuple(_value(draw(ordered)) for _ in range(2 if "between" in op else 1)))


_field_tests = st.sampled_from(
    [
        "name = 'vit:v0'", "name glob 'v*:v[02]'", "artifact != 'vit'", "number >= 1", "files in (1, 3)", "size > 1kB",
        "size between 0 and 1000", "created >= 2026-11-20", "created != 2026-11-20", "age < 7d",
        "age between 1d and 8d",
        "not age > 8d", "author like 'a%'", "author not like 'a%'", "run = 'r'", "run != 'r'", "run is null",
        "run not in ('r', 'x')", "message contains 'EPOCH'", "message < 'm'", "message not between 'a' and 'f'",
        "alias = 'best'", "alias != 'best'", "alias = 'm:best'", "alias glob 'b*'", "tag not in ('old', 'x')",
        "tag !~ 'o'", "has tag", "alias is null", "link = 'm:v0'", "model = 'm'", "input = 'base:v1'", "has input",
        "input != 'base:v1'", "kind = 'version'", "kind != 'version'", "type = 'model'", "type not like 'm%'",
        "manifest = 'x'", "digest glob '*0'", "host > 'a'",
    ]
).map(lambda text: Filter(text).tree)  # fmt: skip

_trees = st.recursive(
    _tests() | _field_tests,
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts)))
    ),
    max_leaves=6,
)

_described = st.tuples(
    _metadata,
    st.sampled_from(["", "epoch 9", "z"]),
    st.sampled_from([None, "r", "s"]),
    st.integers(0, 2000),
    st.lists(st.sampled_from(["base:v1", "x:v0"]), max_size=2, unique=True),
    st.lists(st.sampled_from(["best", "old"]), max_size=2, unique=True),
    st.booleans(),
    st.booleans(),
)


def version(number: int, described: Any) -> tuple[Version, VersionRecord, str | None]:
    values, message, run, size, inputs, aliases, linked, annotated = described
    values = metadata.normalise(values)
    created = datetime(2026, 11, 20, tzinfo=UTC) + timedelta(days=number - 1, microseconds=number)
    entries = tuple(Input(name, "f" * 64) for name in inputs)
    said = Said(message, values, entries)
    artifact = "vit" if number % 2 else "other"
    plain = Said("other", {"a": 7}, ()) if annotated else said
    record = VersionRecord(
        "e" * 64, number, size, created.isoformat(timespec="microseconds").replace("+00:00", "Z"), "ada", "n7", run,
        plain.message, plain.metadata, plain.inputs,
    )  # fmt: skip
    whole = Version(
        artifact, number, f"{number:064}", record.manifest, number, size, created, "ada", "n7", run, message, values,
        entries, tuple(aliases), ("m:v0",) if linked else (), "dataset" if artifact == "other" else "model",
        ("m:best",) if linked else (), ("old", "on device") if linked else (),
    )  # fmt: skip
    return whole, record, encode(said) if annotated else None


def filled(versions: list[tuple[Version, VersionRecord, str | None]]) -> tuple[Tables, Records]:
    tables = Tables()
    records = {one.digest: record for one, record, _ in versions}
    for seq, (one, _, note) in enumerate(versions, 1):
        tables.set_ref(f"artifacts/{one.artifact}/v{one.number}", one.digest, seq)
        if note is not None:
            tables.set_ref(f"artifacts/{one.artifact}/v{one.number}.toml", note, seq)
    return tables, Records(lambda digests: {digest: records[digest] for digest in digests}, lambda _: None)


def held(one: Version) -> list[Held]:
    words = [("alias", alias) for alias in one.aliases] + [("tag", tag) for tag in one.model_tags]
    for link in one.links:
        words += [("link", link), ("model", "m"), ("alias", "m:best"), ("alias", "best")]
    return [Held(kind, word, one.artifact, one.number) for kind, word in words]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(_described, min_size=1, max_size=5), _trees)
@example([({"a": []}, "", None, 0, [], [], False, False)], Condition(Key("a"), "!=", (Value("number", 1),)))
@example(
    [({"a": 2**63}, "", None, 0, [], [], False, False)], Condition(Key("a"), "=", (Value("number", float(2**63)),))
)
def test_the_tables_find_what_the_filter_matches(described: list[Any], tree: Any) -> None:
    # given
    versions = [version(number, one) for number, one in enumerate(described)]
    tables, records = filled(versions)
    wanted = Filter(str(tree))

    # when
    def ask(db: Any) -> Any:
        types = {"other": "dataset", "vit": "model"}
        query = Query(db, lambda: [word for one, _, _ in versions for word in held(one)], lambda: types)
        ways = [query.conditions.of_filters([wanted], NOW, few=few) for few in (False, True)]
        return [(query.find(way, [], None), query.count(way)) for way in ways]

    answers = tables.asked(records, ask)

    # then
    right = {(one.artifact, one.number) for one, _, _ in versions if wanted.matches(one, now=NOW)}
    assert [{(artifact, number) for artifact, number, _ in rows} for rows, _ in answers] == [right] * 2
    assert [count for _, count in answers] == [len(right)] * 2


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("first", [2, 4, 10, 1000])
@pytest.mark.parametrize("where", ["l != 1", "k >= 2", "k >= 2 and k < 5 and l = 2", "k = 2 or l = 1", "k > 'Z'"])
@pytest.mark.parametrize("key", [Key("k"), Key("created", True), Key("age", True)], ids=str)
def test_the_best_of_some_are_the_best_of_all_or_are_not_told(
    key: Key, where: str, first: int, descending: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr("mreg.session.fact_conditions.FIRST", first)
    given_values = [{"k": value, "l": n % 3} for n, value in enumerate([3, 1, 2, 2, 2, 4, "a", "NaN", 2.0, 5, True])]
    versions = [version(n, (value, "", None, n // 2, [], [], False, False)) for n, value in enumerate(given_values)]
    tables, records = filled(versions)
    order = [Order(key, descending), Order(Key("number", True), True)]
    filters = [Filter(where)]

    # when
    def ask(db: Any) -> list[tuple[Any, Any]]:
        query = Query(db, list, dict)
        every, few = (query.conditions.of_filters(filters, NOW, few=few) for few in (False, True))
        bounds = query.conditions.bounds(filters, key)
        return [(query.best(few, order, limit, bounds), query.find(every, order, limit)) for limit in range(1, 9)]

    answers = tables.asked(records, ask)

    # then
    assert [best for best, _ in answers if best is not None] == [all_ for best, all_ in answers if best is not None]
    assert first < 1000 or where != "l != 1" or answers[0][0] is not None


@pytest.mark.parametrize("needle", ["a*c", "[b", "?", "x]y", "é", "b\nc", "plain", "k=a", "'", "z" * 20_000])
def test_a_text_is_found_as_it_is_written(needle: str) -> None:
    # given
    texts = ["a*c", "abc", "[b]", "b", "?", "x]y", "É", "b\0c", "plainly", "'", "z" * 30_000]
    versions = [version(n, ({"k": text}, "", None, 0, [], [], False, False)) for n, text in enumerate(texts)]
    tables, records = filled(versions)
    right = [n for n, text in enumerate(texts) if needle in f"k={text.casefold()}".replace("\0", "\n")]

    # when
    def ask(db: Any) -> Any:
        query = Query(db, list, dict)
        return query.find(query.conditions.of_text(needle, []), [Order(Key("number", True), False)], None)

    found = [number for _, number, _ in tables.asked(records, ask)]

    # then
    assert found == right


_needles = st.sampled_from(
    ["=", "a", "a=", "a=1", "=1", "m.x", ".x=0.", "x=-1", "0", "5", "0.5", "e", "1e", "-", "=-", "+3",
     "9223372036854775808", "=9223372036854775807", "true", "nan", "=inf", "best", "och", "r", "[1", "0" * 31,
     "m/`x`=1", 'q"=0', "ä ö=1", "=x"]
) | _text  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(_described, min_size=1, max_size=5), _needles)
@example([({"k=1": 2.5}, "", None, 0, [], [], False, False)], "=1=2")
@example([({"ab": 12, "b": 3}, "", None, 0, [], [], False, False)], "b=1")
@example([({"ab": 31, "b": 3}, "", None, 0, [], [], False, False)], "b=31")
@example([({"k": 1e22, "l": -0.0}, "", None, 0, [], [], False, False)], "e+2")
@example([({"K\0": 7}, "", None, 0, [], [], False, False)], "k\0=7")
def test_texts_are_found_in_words_keys_and_numbers(described: list[Any], needle: str) -> None:
    # given
    versions = [version(number, one) for number, one in enumerate(described)]
    tables, records = filled(versions)
    needle = needle.casefold()
    named = [(one.artifact, one.number) for one, _, _ in versions if any(needle in alias for alias in one.aliases)]

    # when
    def ask(db: Any) -> Any:
        query = Query(db, list, dict)
        ways = [query.conditions.of_text(needle, named, few=few) for few in (False, True)]
        return [(query.find(way, [], None), query.count(way), query.count(way, 1)) for way in ways]

    answers = tables.asked(records, ask)

    # then
    right = {(one.artifact, one.number) for one, _, _ in versions if mentions(one, needle)}
    for rows, number, at_most_one in answers:
        found = {(artifact, number) for artifact, number, _ in rows}
        assert found == right or (right <= found and "\n" in needle.replace("\0", "\n"))
        assert (number, at_most_one) == (len(found), min(len(found), 1))


def _touched(tables: Tables, records: Records, ask: Callable[[Query], Any]) -> tuple[set[str], int]:
    """Which tables a question reads, and how many steps SQLite takes."""
    read, steps = set[str](), 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    def authorise(action: int, table: str | None, *_: Any) -> int:
        if action == sqlite3.SQLITE_READ and table:
            read.add(table)
        return sqlite3.SQLITE_OK

    def asked(db: sqlite3.Connection) -> None:
        query = Query(db, list, dict)
        db.set_authorizer(authorise)
        db.set_progress_handler(step, 1)
        ask(query)

    tables.asked(records, asked)
    return read, steps


def test_a_word_is_not_looked_for_in_numbers() -> None:
    # given
    tables, records = filled([version(n, ({"k": n}, "epoch 9", None, 0, [], [], False, False)) for n in range(3)])

    # when
    read = {
        needle: _touched(
            tables, records, lambda query, needle=needle: query.count(query.conditions.of_text(needle, []))
        )[0]
        for needle in ("epoch", "k=", "9", "k=9", "l=9")
    }

    # then
    assert {needle for needle, names in read.items() if "figures" in names} == {"9", "k=9"}


def test_a_count_by_keys_reads_facts_only() -> None:
    # given
    tables, records = filled([version(n, ({"k": n}, "", None, 0, [], [], False, False)) for n in range(3)])
    filters = [Filter("k >= 1 and not k = 2")]

    # when
    read, _ = _touched(tables, records, lambda query: query.count(query.conditions.of_filters(filters, NOW)))

    # then
    assert "facts" in read
    assert "versions" not in read


@pytest.mark.parametrize("sample", [40, 100])
@pytest.mark.parametrize("order", ["shuffled", "rising", "equal"])
@pytest.mark.parametrize("descending", [False, True])
def test_the_best_are_the_same_whatever_a_sample_says(
    sample: int, order: str, descending: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr("mreg.session.fact_conditions.FIRST", 5)
    values = {"shuffled": lambda n: n * 37 % 200, "rising": lambda n: n, "equal": lambda n: n // 50}[order]
    every = [version(n, ({"k": values(n), "l": n % 2}, "", None, 0, [], [], False, False)) for n in range(200)]
    tables, records = filled(every)
    filters, sort = [Filter("k >= 1 and l = 1")], [Order(Key("k"), descending)]

    def best(query: Query) -> Any:
        return query.best(
            query.conditions.of_filters(filters, NOW, few=True), sort, 1, query.conditions.bounds(filters, Key("k"))
        )

    # when
    found, steps = [], []
    for size in (0, sample):
        monkeypatch.setattr("mreg.session.fact_conditions.SAMPLE", size)
        found.append(tables.asked(records, lambda db: best(Query(db, list, dict))))
        steps.append(_touched(tables, records, best)[1])

    # then
    assert found[0] == found[1]
    assert order == "equal" or found[0] is not None
    assert order == "equal" or sample > 40 or steps[1] < steps[0]


@pytest.mark.parametrize("where", ["k >= 0 and l > 190", "l > 190 and k >= 0"])
def test_the_test_that_few_pass_is_asked_first(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr("mreg.session.fact_conditions.FIRST", 5)
    monkeypatch.setattr("mreg.session.fact_conditions.SAMPLE", 20)
    every = [version(n, ({"k": n, "l": n}, "", None, 0, [], [], False, False)) for n in range(200)]
    tables, records = filled(every)

    # when
    def ask(db: Any) -> Any:
        query = Query(db, list, dict)
        return query.conditions.of_filters([Filter(where)], NOW), query.conditions.key("l")

    condition, key = tables.asked(records, ask)

    # then
    assert condition.ids_values[0] == key


def test_versions_without_the_key_come_last_in_both_directions() -> None:
    # given
    given_values = [{"k": 2}, {"k": "b"}, {}, {"k": 1}, {"k": [3]}, {"k": "a"}, {"k": 2}, {"k": "NaN"}]
    versions = [version(n, (value, "", None, 0, [], [], False, False)) for n, value in enumerate(given_values)]
    tables, records = filled(versions)

    # when
    def ask(descending: bool, limit: int | None) -> list[int]:
        order = [Order(Key("k"), descending)]
        rows = tables.asked(records, lambda db: Query(db, list, dict).find(EVERY, order, limit))
        return [number for _, number, _ in rows]

    # then
    assert ask(False, None) == [3, 0, 6, 5, 1, 2, 4, 7]
    assert ask(True, None) == [0, 6, 3, 1, 5, 2, 4, 7]
    assert ask(True, 3) == [0, 6, 3]
    assert ask(True, 6) == [0, 6, 3, 1, 5, 2]


def test_facts_follow_annotations_deletions_and_their_undoing() -> None:
    # given
    versions = [version(n, ({"k": n}, "", None, 0, [], [], False, False)) for n in range(3)]
    tables, records = filled(versions)

    def numbers() -> list[int]:
        def ask(db: Any) -> Any:
            query = Query(db, list, dict)
            return query.find(query.conditions.of_filters([Filter("k >= 1")], NOW), [], None)

        return sorted(number for _, number, _ in tables.asked(records, ask))

    before = numbers()

    # when
    tables.set_ref("artifacts/other/v0.toml", encode(Said("", {"k": 5}, ())), 10)
    tables.set_ref("artifacts/vit/v1", None, 11)
    after = numbers()
    tables.set_ref("artifacts/vit/v1", versions[1][0].digest, 12)

    # then
    assert (before, after, numbers()) == ([1, 2], [0, 2], [0, 1, 2])
