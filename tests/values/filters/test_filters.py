"""The filter language: what expressions mean, and what is said of those that mean nothing."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mreg import Filter, Input, MregError, Version
from mreg.values.filters.errors import InvalidFilter
from mreg.values.filters.parser import Parsed
from mreg.values.hints import hint_of

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def version(metadata: dict[str, Any] | None = None, **fields: Any) -> Version:
    known: dict[str, Any] = {
        "artifact": "vit-base",
        "number": 90,
        "digest": "d" * 64,
        "manifest": "e" * 64,
        "files": 2,
        "size": 2_000_000_000,
        "created": datetime(2026, 11, 20, tzinfo=UTC),
        "author": "ada",
        "host": "node7",
        "run": "run-1",
        "message": "after Epoch 9",
        "metadata": metadata or {},
        "inputs": (Input("mnist:v3", "f" * 64),),
    }
    return Version(**{**known, **fields})


def matches(text: str, given_version: Version) -> bool:
    return Filter(text).matches(given_version, now=NOW)


_VIT = {"metrics": {"acc": 0.95, "loss": 0.2}, "params": {"arch": "vit", "lr": 1e-3, "seed": 42, "fp16": True}}
_RESNET = {"metrics": {"acc": 0.995, "loss": "NaN", "bleu": 3}, "params": {"arch": "resnet50", "lr": "1e-3"}}
_EMPTY: dict[str, Any] = {}
_ODD = {"metrics": {"val/acc@1": 0.97, "acc": "Infinity"}, "layers": {"0": {"lr": 0.1}}, "params": {"seed": "42"}}

# The forty queries of docs/filters.md, and which of the four versions above each one takes.
QUERIES = [
    ("metrics.acc >= 0.9 and params.arch in ('resnet50', 'vit') and not tag = 'deprecated'", "VR"),
    ("metrics.acc > 0.99", "RO"),
    ("metrics.loss < 0.5", "V"),
    ("metrics.loss < 5e-1", "V"),
    ("metrics.acc between 0.9 and 0.95", "V"),
    ("params.lr = 1e-3", "V"),
    ("params.seed = 42", "V"),
    ("params.seed = '42'", "O"),
    ('params.arch = "vit"', "V"),
    ("params.arch != 'vit'", "R"),
    ("not params.arch = 'vit'", "REO"),
    ("params.arch like 'res%'", "R"),
    ("params.arch ilike 'RES%'", "R"),
    ("params.arch glob 'res*'", "R"),
    ("params.arch ~ '^(res|vit)'", "VR"),
    ("params.arch !~ 'net'", "V"),
    ("git.branch glob 'exp/1*' or git.branch = 'main'", ""),
    ("has metrics.bleu", "R"),
    ("has(metrics.bleu)", "R"),
    ("metrics.bleu is not null", "R"),
    ("metrics.bleu is null", "VEO"),
    ("params.fp16", "V"),
    ("params.fp16 = true", "V"),
    ("not params.fp16", "REO"),
    ("git.dirty = false", ""),
    ("age < 30d", "VREO"),
    ("age > 12h and age < 2w", "VREO"),
    ("created >= 2026-11-20", "VREO"),
    ("created >= '2026-11-20T12:00+01:00'", ""),
    ("size > 1GB", "VREO"),
    ("size <= 512MiB", ""),
    ("size > 1_000_000_000", "VREO"),
    ("alias = 'production'", "V"),
    ("alias glob 'prod*' and not alias = 'production-old'", "V"),
    ("tag != 'deprecated'", "VREO"),
    ("tag in ('vision', 'on device')", "V"),
    ("artifact glob 'vit-*' and number >= 90", "VREO"),
    ("author = 'ada' and message contains 'epoch 9'", "VREO"),
    ("metrics.`val/acc@1` > 0.9 and layers.0.lr > 0", "O"),
    ("metrics.loss = nan or run is null", "RE"),
]


def the_four() -> dict[str, Version]:
    linked = {"model_aliases": ("vision:production",), "model_tags": ("vision",), "links": ("vision:v0",)}
    return {
        "V": version(_VIT, **linked),
        "R": version(_RESNET),
        "E": version(_EMPTY, run=None),
        "O": version(_ODD),
    }


@pytest.mark.parametrize(("text", "expected"), QUERIES)
def test_the_forty_queries_take_what_their_meaning_says(text: str, expected: str) -> None:
    # given
    versions = the_four()

    # when
    found = "".join(letter for letter, one in versions.items() if matches(text, one))

    # then
    assert found == expected


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a = 1", "a == 1"),
        ("a != 1", "a <> 1"),
        ("a = 1 and b = 2", "  a=1   AND\tb =2 "),
        ("a in (1, 2)", "a IN (1,2,)"),
        ("a ~ 'x'", "a =~ 'x'"),
        ("a is null", "not has a"),
        ("number = 3", "version = 3"),
        ("`val/acc`.x = 1", "`val/acc.x` = 1"),
        ("a.b = 1", "meta.a.b = 1"),
        ("`size` = 1", "meta.size = 1"),
        ("a = 'it''s'", "a = 'it\\'s'"),
    ],
)
def test_other_spellings_mean_the_same(text: str, same: str) -> None:
    assert Filter(text) == Filter(same)


@pytest.mark.parametrize(
    ("text", "metadata", "expected"),
    [
        ("k = 'b'", {"k": ["a", "b"]}, True),
        ("k != 'b'", {"k": ["a", "b"]}, False),
        ("k != 'c'", {"k": ["a", "b"]}, True),
        ("k != 'c'", {"k": []}, True),
        ("has k", {"k": []}, True),
        ("k = 1", {"k": True}, False),
        ("k != 1", {"k": True}, True),
        ("k = 'NaN'", {"k": "NaN"}, False),
        ("k > 0.9", {"k": "NaN"}, False),
        ("k != nan", {"k": "NaN"}, False),
        ("k = inf", {"k": "Infinity"}, True),
        ("k = -inf", {"k": "-Infinity"}, True),
        ("k", {"k": 0}, False),
        ("k", {"k": 0.5}, True),
        ("k", {"k": "yes"}, False),
        ("k = 9007199254740993", {"k": 9007199254740992}, False),
        ("k like 'a_c%'", {"k": "abcd"}, True),
        ("k like 'A%'", {"k": "abcd"}, False),
        ("k like 'a*'", {"k": "abcd"}, False),
        ("k glob 'a[!x]c'", {"k": "abc"}, True),
        ("k not like 'a%'", {"k": 3}, False),
        ("k not between 1 and 2", {"k": 3}, True),
        ("k between 0.9 and 0.95", {"k": 0.9}, True),  # both ends are in
        ("k between 0.9 and 0.95", {"k": 0.951}, False),
        ("k not in (1, 2)", {"k": "1"}, True),
        ("k >= 'b'", {"k": "bc"}, True),
        ("has k", {"k": {"l": 1}}, False),
        ("k.l > 0", {"k": {"l": 1}}, True),
        ("k > 1kB", {"k": 1001}, True),
    ],
)
def test_values_compare_with_those_of_their_type(text: str, metadata: dict[str, Any], expected: bool) -> None:
    assert matches(text, version(metadata)) is expected


ERRORS = [
    ("(metrics.acc > 0.9", "this parenthesis is never closed", 0, 1, None),
    ("params.arch = resnet50", "a string needs quotes", 14, 8, "write 'resnet50'"),
    ("metrics.acc > 0.9 && tag = 'x'", "`&` is not an operator", 18, 1, "write `and`, `or`, `not`"),
    ("age < 30days", "'days' is not a unit", 8, 4, "ages: s m h d w; sizes: B kB MB GB TB KiB MiB GiB TiB"),
    ("0.9 < metrics.acc", "a key is expected here, not a value", 0, 3, "write `metrics.acc > 0.9`"),
    ("metrics.acc >", "a value is missing here", 13, 1, None),
    ("metrics.acc 0.9", "an operator is missing here", 12, 3, "write one of = != < <= > >= ~ in like glob between"),
    ("metrics.acc >= 0,9", "a comma has no meaning here", 16, 1, "write numbers with a decimal point: 0.9"),
    ("params.arch = 'vit", "this string is never closed", 14, 1, "close it with '"),
    ("params.arch in 'vit'", "a list needs parentheses", 15, 5, "write ('vit')"),
    ("params.arch in ('a' 'b')", "a comma is missing here", 20, 3, None),
    ("params.arch in ()", "the list is empty", 16, 1, None),
    ("age < 30", "a unit is missing", 6, 2, "ages need a unit: 30s, 15m, 12h, 30d, 2w"),
    ("size > '1GB'", "`size` is a number, not a string", 7, 5, "write it without quotes: 1GB"),
    ("created > 5", "`created` is a time, not a number", 10, 1, "write a date such as 2026-01-31, or `age < 1d`"),
    (
        "created > yesterday",
        "`created` is a time, not a string",
        10,
        9,
        "write a date such as 2026-01-31, or `age < 1d`",
    ),
    ("size > big", "`size` is a number, not a string", 7, 3, "write a number"),
    ("age < day", "`age` is an age", 6, 3, "ages need a unit: 30s, 15m, 12h, 30d, 2w"),
    ("params.arch = null", "nothing is equal to null", 14, 4, "write `params.arch is null`"),
    ("params.arch ~ '('", "this is not a regular expression: missing ): (", 14, 3, None),
    ("and metrics.acc > 1", "a key is expected here, not `and`", 0, 3, "put a key of this name in backticks: `and`"),
    ("a > 1 b > 2", "`and` or `or` is missing here", 6, 1, "two tests need one between them"),
    ("", "the expression is empty", 0, 1, "write one such as metrics.acc > 0.9"),
    ("tag > 'x'", "`tag` is a set of strings, which has no order", 4, 1, "use =, in, like, glob or contains"),
    ("a.b = c.d", "two keys cannot be compared", 6, 3, "put strings in quotes"),
    ("a = 5%", "`%` has no meaning here", 5, 1, "filters have no arithmetic and no percentages"),
    ("tag", "`tag` is a set of strings and needs a comparison", 0, 3, "compare it, or write `has tag`"),
    ("a > true", "nothing is less or greater than `true`", 4, 4, "write `a = true`"),
    (
        "a > 2026-11-20",
        "dates can only be compared with `created`",
        4,
        10,
        "as a string, it needs quotes: '2026-11-20'",
    ),
    ("created > 2026-02-30", "there is no such day or time", 10, 10, "write dates as YYYY-MM-DD"),
    ("a = 1)", "this parenthesis was never opened", 5, 1, None),
    ("a between 1 and 'b'", "this is not a number", 16, 3, "both ends must have the same type"),
]


@pytest.mark.parametrize(("text", "reason", "at", "length", "hint"), ERRORS)
def test_an_expression_that_means_nothing_is_told_where(
    text: str, reason: str, at: int, length: int, hint: str | None
) -> None:
    # when
    with pytest.raises(InvalidFilter) as caught:
        Filter(text)

    # then
    assert caught.value.code == "invalid-filter"
    assert caught.value.facts == {"text": text, "at": at, "length": length, "reason": reason, "hint": hint or ""}
    assert hint_of(caught.value) == (hint or "`mreg help filters` explains the language")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metrics.acc > 0.9 && x", "`&` is not an operator\n  metrics.acc > 0.9 && x\n                    ^"),
        ("größe = 'ä' & x", "`&` is not an operator\n  größe = 'ä' & x\n              ^"),
        ("名 = 日本", "a string needs quotes\n  名 = 日本\n       ^^^^"),
        ("a =\t\nb", "a string needs quotes\n  a =  b\n       ^"),
        ("\x1b[2J = 1", "`'\\x1b'` has no meaning here\n   [2J = 1\n  ^"),
    ],
)
def test_carets_stand_below_what_is_wrong_as_a_terminal_shows_it(text: str, expected: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        Filter(text)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = 1 " * 2000, "an expression has at most 10,000 characters"),
        ("(" * 101 + "a" + ")" * 101, "parentheses and `not` are nested more than 100 deep"),
        ("not " * 101 + "a", "parentheses and `not` are nested more than 100 deep"),
        (f"a in ({'1,' * 1001})", "a list has at most 1,000 values"),
        (f"a like '{'%' * 1001}'", "a pattern has at most 1,000 characters"),
        ("a > 1e400TB", "this size is too large"),
    ],
)
def test_an_expression_beyond_the_limits_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        Filter(text)
    assert caught.value.reason == reason


def test_a_hundred_levels_of_brackets_are_understood() -> None:
    assert matches("(" * 100 + "k" + ")" * 100, version({"k": 1}))


def test_a_hostile_pattern_takes_no_longer_than_its_text() -> None:
    """With a matcher that goes back, none of these ends before the sun does."""
    subject = version({"k": "a" * 20_000 + "!"})
    for text in (f"k glob '{'*a' * 300}*b'", f"k like '{'%a' * 300}%b'", "k ~ '(a+)+(a+)+(a+)+$'"):
        assert not matches(text, subject)


def test_regular_expressions_are_refused_with_the_reason_without_re2(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setitem(__import__("sys").modules, "re2", None)

    # when
    with pytest.raises(InvalidFilter) as caught:
        Filter("params.arch ~ 'vit'")

    # then
    assert caught.value.reason == "regular expressions require the package google-re2, which is not installed"
    assert caught.value.hint == "pip install 'mreg[regex]', or use `like` or `glob`"


def test_ages_are_younger_than_what_is_said() -> None:
    young = version(created=NOW - timedelta(days=29))
    assert matches("age < 30d", young)
    assert not matches("age >= 30d", young)


def test_an_error_survives_pickling() -> None:
    with pytest.raises(InvalidFilter) as caught:
        Filter("a >")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


_pieces = st.sampled_from(
    [
        "and",
        "or",
        "not",
        "in",
        "like",
        "glob",
        "contains",
        "between",
        "is",
        "null",
        "has",
        "(",
        ")",
        ",",
        "=",
        "!=",
        "<",
        ">=",
        "~",
        "'x'",
        "'it''s'",
        '"y\\"',
        "1",
        "-2.5",
        "1e3",
        "inf",
        "nan",
        "true",
        "30d",
        "1GB",
        "2026-11-20",
        "a",
        "a.b",
        "size",
        "created",
        "age",
        "tag",
        "alias",
        "name",
        "`v/w`",
        "metrics.`a",
        "b`",
        'meta."q"',
        "&&",
        "%",
        "'",
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(_pieces, max_size=12).map(" ".join)))
def test_any_text_is_an_expression_or_an_invalid_filter(text: str) -> None:
    try:
        parsed = Parsed(text)
    except MregError as error:
        assert error.code == "invalid-filter"
        assert str(error)
        return
    assert Parsed(str(parsed.tree)).tree == parsed.tree


_names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(key=_names, value=st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_every_key_and_text_can_be_spelt(key: str, value: str) -> None:
    from mreg.values.filters.tree import Key, Test, Value

    tree = Test(Key(key), "=", (Value("text", value),))
    assert Parsed(str(tree)).tree == tree


def test_the_page_for_people_has_the_forty_queries() -> None:
    rows = (Path(__file__).parents[3] / "docs" / "filters.md").read_text().split("\n## Forty queries\n")[1]
    queries = [row.split("` |")[0].strip("| `").replace("\\|", "|") for row in rows.splitlines() if "` |" in row]
    assert [Filter(query) for query in queries] == [Filter(query) for query, _ in QUERIES]
