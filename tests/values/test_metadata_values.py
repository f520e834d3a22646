"""Metadata, annotations and settings: from what people and programs give to what is stored."""

from __future__ import annotations

import datetime
import enum
import json
import math
from collections import UserDict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from mreg.refs.ref_files import Ref, encode
from mreg.repository import Repository
from mreg.session import config
from mreg.session.config import DamagedConfig, InvalidSetting, NewerFormat, UnknownSetting
from mreg.session.context import Context
from mreg.storage.memory import MemoryStorage
from mreg.values import ages, annotation, canonical
from mreg.values.annotation import DamagedAnnotation, Said
from mreg.values.digest import digest
from mreg.values.errors import MregError
from mreg.values.metadata import (
    InvalidMetadata,
    flatten,
    merge,
    normalise,
    parse_file,
    parse_pairs,
    parse_value,
    remove,
)
from mreg.values.records import Input

# KEY=VALUE


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("007", "007"),
        ("9223372036854775807", 2**63 - 1),
        ("0.5", 0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-3", 0.001),
        ("-1E3", -1000.0),
        ("true", True),
        ("false", False),
        ("", ""),
        ("True", "True"),
        ("null", "null"),
        ("None", "None"),
        ("inf", math.inf),
        ("-inf", -math.inf),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        ("Nan", "Nan"),
        ("nan%", "nan%"),
        ("information", "information"),
        ("1_000", "1_000"),
        ("1,5", "1,5"),
        ("0x10", "0x10"),
        ("1e999", "1e999"),
        ("9" * 30, "9" * 30),
        ("9" * 5000, "9" * 5000),
        ("1.2.3", "1.2.3"),
        ("1-2", "1-2"),
        ("e", "e"),
        ("-", "-"),
        (" 1", " 1"),
        ("\u0661", "\u0661"),
        ("adam", "adam"),
        ("[1]", "[1]"),
    ],
)
def test_a_value_is_a_number_a_boolean_or_the_text_itself(text: str, value: Any) -> None:
    parsed = parse_value(text)

    assert parsed == value and type(parsed) is type(value)


@pytest.mark.parametrize("text", ["nan", "NaN", str(math.nan), json.dumps(math.nan)])
def test_nan_is_a_number_as_python_and_json_print_it(text: str) -> None:
    assert math.isnan(parse_value(text))  # type: ignore[arg-type]
    assert normalise(parse_pairs([f"loss={text}"])) == {"loss": "NaN"}


@given(value=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63) | st.booleans())
@settings(deadline=None)
def test_a_number_is_read_as_it_prints(value: float) -> None:
    parsed = parse_value(json.dumps(value))

    assert parsed == value and type(parsed) is type(value)


@given(text=st.text())
@settings(deadline=None, max_examples=200)
def test_whatever_is_typed_can_be_stored(text: str) -> None:
    stored = normalise(parse_pairs([f"key={text}"]))
    assert canonical.loads(canonical.dumps(stored)) == stored


def test_dots_in_the_key_nest() -> None:
    assert parse_pairs(["a.b.c=1", "a.b.d=x", "a.e=true", "f==="]) == {
        "a": {"b": {"c": 1, "d": "x"}, "e": True},
        "f": "==",
    }


@pytest.mark.parametrize(
    ("pairs", "key"),
    [
        (["a=1", "a=2"], "a"),
        (["a=1", "b=0", "a.b=2"], "a"),
        (["a.b=2", "a=1"], "a"),
        (["x.a.b=1", "x.a.b.c.d=2"], "x.a.b"),
        (["a=1", "a=true"], "a"),
    ],
)
def test_pairs_that_contradict_each_other_are_refused(pairs: list[str], key: str) -> None:
    with pytest.raises(InvalidMetadata) as refused:
        parse_pairs(pairs)

    assert str(refused.value) == f"metadata {key!r}: {pairs[0]!r} and {pairs[-1]!r} contradict each other"


def test_the_same_pair_twice_is_one() -> None:
    assert parse_pairs(["a=1", "a=1", "b=x", "a=1"]) == {"a": 1, "b": "x"}


@pytest.mark.parametrize("pair", ["", "a", "=1", ".=1", "a.=1", ".a=1", "a..b=1"])
def test_what_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(InvalidMetadata):
        parse_pairs([pair])


# What programs give.


class Colour(enum.IntEnum):
    RED = 1


class Kind(str, enum.Enum):  # noqa: UP042 - its str() is "Kind.VISION"
    VISION = "vision"


class Word(enum.StrEnum):
    HELLO = "hello"


def test_plain_values_stay_as_they_are() -> None:
    value = {"i": 1, "f": 0.5, "b": False, "s": "x", "l": [1, [2.0]], "m": {"n": {}}, "big": 2**63 - 1}

    assert normalise(value) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        ((1, 2), [1, 2]),
        (Colour.RED, 1),
        (Word.HELLO, "hello"),
        (Kind.VISION, "vision"),
        ({Kind.VISION: Kind.VISION}, {"vision": "vision"}),
        (UserDict({"a": 1}), {"a": 1}),
    ],
    ids=ascii,
)
def test_other_values_become_json(value: Any, expected: Any) -> None:
    stored = normalise({"key": value})["key"]

    assert stored == expected and type(stored) is type(expected)


def test_numpy_scalars_become_numbers_of_their_kind() -> None:
    np = pytest.importorskip("numpy")
    values = {
        "f16": np.float16(0.5),
        "f32": np.float32(0.5),
        "f64": np.float64(0.5),
        "nan": np.float32("nan"),
        "i8": np.int8(-1),
        "u64": np.uint64(2**63),
        "bool": np.bool_(True),
        "str": np.str_("x"),
        "one": np.array([3]),
        "none": np.array(3.5),
    }

    stored = normalise(values)

    assert stored == {
        "f16": 0.5,
        "f32": 0.5,
        "f64": 0.5,
        "nan": "NaN",
        "i8": -1,
        "u64": 2**63,
        "bool": True,
        "str": "x",
        "one": 3,
        "none": 3.5,
    }
    assert {type(value) for value in stored.values()} == {float, int, bool, str}
    for refused in (np.array([1, 2]), np.array([]), np.complex64(1), np.datetime64("2026-01-01"), np.bytes_(b"x")):
        with pytest.raises(InvalidMetadata):
            normalise({"key": refused})


def test_a_key_without_a_value_is_left_out() -> None:
    assert normalise({"a": None, "b": {"c": None}}) == {"b": {}}


class Sly:
    def item(self) -> object:
        return self


CYCLE: dict[str, Any] = {}
CYCLE["self"] = CYCLE


@pytest.mark.parametrize(
    "values",
    [
        {1: "x"},
        {None: "x"},
        {"": "x"},
        {"a": {"": 1}},
        {"a\udcff": 1},
        {"a": "half \udcff a pair"},
        {"a": ["half \ud800 a pair"]},
        {"a": [None]},
        {"a": {1, 2}},
        {"a": b"x"},
        {"a": object()},
        {"a": Sly()},
        {"a": Decimal("1")},
        {"a": 1j},
        {"a": datetime.date(2026, 1, 1)},
        {"a": 2**63 + 1},
        {"a": -(2**63) - 1},
        {"a": 10**5000},
        {"a": lambda: 1},
        CYCLE,
    ],
    ids=range(20),
)
def test_what_json_cannot_say_is_refused_with_its_key(values: dict[Any, Any]) -> None:
    with pytest.raises(InvalidMetadata) as raised:
        normalise(values)

    assert isinstance(raised.value.key, str)


keys = st.text(min_size=1, max_size=6).filter(lambda key: not any(0xD800 <= ord(c) < 0xE000 for c in key))
leaves = st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=8)
trees = st.dictionaries(
    keys,
    st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
    ),
    max_size=4,
)


@given(values=trees)
@settings(deadline=None, max_examples=150)
def test_what_was_normalised_is_plain_json_and_stays_as_it_is(values: dict[str, Any]) -> None:
    stored = normalise(values)

    assert json.loads(canonical.dumps(stored)) == stored
    assert normalise(stored) == stored


@given(values=trees, text=st.text(st.characters(exclude_categories=["Cs"])))
@settings(deadline=None, max_examples=150)
def test_an_annotation_is_read_as_it_was_written(values: dict[str, Any], text: str) -> None:
    said = Said(text, normalise(values), (Input("base:v0", digest(b"x")),))

    again = annotation.decode(annotation.encode(said), "artifacts/m/v0.toml")

    assert again == said
    assert canonical.dumps(again.metadata) == canonical.dumps(said.metadata)  # 1 is not 1.0, nor true


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "message = 1",
        'message = "m"\ntags = []',
        'tags = ["b", "a"]',
        'tags = ["a/b"]',
        "tags = [1]",
        'other = "m"',
        'message = "m"\ninputs = [["a", "b"]]\n[metadata]',
        'message = "m"\ninputs = [1]\n[metadata]',
        'message = "m"\ninputs = []\nmetadata = 1',
        'message = "m"\ninputs = []\n[metadata]\nx = 9223372036854775809',
        'message = "m"\ninputs = []\n[metadata]\n' + "x." * 2000 + "x = 1",
        'message = "m"\ninputs = []\n[metadata]\nx = nan',
        'message = "m"\ninputs = []\n[metadata]\nx = [-inf]',
        'message = "m"\ninputs = []\n[metadata]\nx = 2026-01-01',
        f'message = "m"\ninputs = [["no reference", "{digest(b"x")}"]]\n[metadata]',
        f'message = "m"\ninputs = []\n[metadata]\nx = [{{y = 0x{"f" * 5000}}}]',
        f'message = "{"m" * (4 << 20)}"\ninputs = []\n[metadata]',
    ],
    ids=range(19),
)
def test_an_annotation_of_another_form_is_damage(text: str) -> None:
    with pytest.raises(DamagedAnnotation):
        annotation.decode(text, "artifacts/m/v0.toml")


def test_metadata_as_deep_as_is_taken_can_be_logged_annotated_and_read(
    repo: Repository, folder: Callable[..., str]
) -> None:
    def nest(depth: int) -> dict[str, Any]:
        value: Any = 1
        for _ in range(depth):
            value = {"x": value}
        return dict(value)

    depth = 1
    while True:
        try:
            normalise(nest(depth + 1))
        except InvalidMetadata:
            break
        depth += 1

    repo.log(folder({"a": b"1"}), "mnist", metadata=nest(depth))
    repo.annotate("mnist", message="m")

    assert depth >= 20
    assert repo.version("mnist").metadata == nest(depth)
    assert repo.fsck().findings == ()
    with pytest.raises(InvalidMetadata):
        repo.annotate("mnist", metadata=nest(depth + 1))


# Files of metadata.


def test_a_toml_file_s_dates_become_text() -> None:
    text = "a = 1\nday = 2026-01-02\nat = 2026-01-02T03:04:05Z\n[b]\nl = [1.5, true, {t = 03:04:05}]\n"

    assert parse_file(text.encode(), "meta.TOML") == {
        "a": 1,
        "day": "2026-01-02",
        "at": "2026-01-02T03:04:05+00:00",
        "b": {"l": [1.5, True, {"t": "03:04:05"}]},
    }


def test_a_json_file_is_json() -> None:
    assert parse_file(b'{"a": {"b": 1}, "nan": NaN, "none": null}', "meta.json") == {"a": {"b": 1}, "nan": "NaN"}


@pytest.mark.parametrize(("text", "name"), [('{"a": 1}', "meta.json"), ("a = 1", "meta.toml")])
def test_a_byte_order_mark_as_windows_writes_it_is_passed_over(text: str, name: str) -> None:
    assert parse_file(text.encode("utf-8-sig"), name) == {"a": 1}


@pytest.mark.parametrize("text", ["", "[]", "1", "{", '{"": 1}', "[" * 100_000, '{"a":' * 100_000, '{"a": [null]}'])
def test_a_file_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidMetadata):
        parse_file(text.encode(), "meta.json")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' occurs twice"),
        ('{"x": [{"b": 1, "a": 1, "a": 1}]}', "the key 'a' occurs twice"),
        (r'{"a": "\ud800"}', "not valid Unicode"),
        (r'{"\ud800": 1}', "not valid Unicode"),
    ],
)
def test_a_file_that_other_programs_would_read_otherwise_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidMetadata, match=reason):
        parse_file(text.encode(), "meta.json")


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b'{"a": "\xff"}', "meta.json", "not UTF-8"),
        (b"a = 1 # \xff", "meta.toml", "not UTF-8"),
        (b"a." * 2000 + b"a = 1", "meta.toml", "nested too deeply"),
        *((b'{"a":' * deep + b"1" + b"}" * deep, "meta.json", "nested too deeply") for deep in (300, 600, 800, 900)),
        (b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", "meta.json", "nested too deeply"),
        (b'{"a": 1}' + b" " * (8 << 20), "meta.json", "larger than 8 MiB"),
        (b'{"a": ' + b"9" * 5000 + b"}", "meta.json", "the file is not JSON: a number in it has too many digits\n"),
        (b"a = " + b"9" * 5000, "meta.toml", "the file is not TOML: a number in it has too many digits\n"),
        (b'{"a": [-1e309]}', "meta.json", "the file is not JSON: the number -1e309 is too large\n"),
        (b"a = 1e309", "meta.toml", "the file is not TOML: the number 1e309 is too large\n"),
    ],
    ids=[
        "JSON of bytes",
        "TOML of bytes",
        "dots",
        *(f"{deep} objects" for deep in (300, 600, 800, 900)),
        "lists",
        "long",
        "JSON of digits",
        "TOML of digits",
        "JSON of size",
        "TOML of size",
    ],
)
def test_a_file_that_cannot_be_metadata_is_told_with_the_reason(data: bytes, name: str, reason: str) -> None:
    with pytest.raises(InvalidMetadata, match=reason):
        parse_file(data, name)


def test_pairs_of_a_command_line_that_are_not_unicode_are_refused() -> None:
    for pair in ("k=\udcff", "\udcff=1"):
        with pytest.raises(InvalidMetadata, match="not valid Unicode"):
            normalise(parse_pairs([pair]))


# Together and apart.


@given(base=trees, more=trees)
@settings(deadline=None, max_examples=100)
def test_merging_keeps_what_only_one_has_and_prefers_the_later(base: dict[str, Any], more: dict[str, Any]) -> None:
    base, more = normalise(base), normalise(more)
    merged = merge(base, more)

    assert merge(merged, more) == merged
    assert merge(base, {}) == base and merge({}, more) == more
    assert merged.keys() == base.keys() | more.keys()
    for key, value in more.items():
        if not isinstance(value, dict):
            assert merged[key] == value
    for key in base.keys() - more.keys():
        assert merged[key] == base[key]


def test_merging_changes_neither_of_the_two() -> None:
    base, more = {"a": {"b": 1}}, {"a": {"c": 2}}

    assert merge(base, more) == {"a": {"b": 1, "c": 2}}
    assert (base, more) == ({"a": {"b": 1}}, {"a": {"c": 2}})


def test_removing_takes_out_one_key_and_changes_nothing_else() -> None:
    values = {"a": {"b": 1, "c": 2}, "d": 3}

    assert remove(values, "a.b") == {"a": {"c": 2}, "d": 3}
    assert remove(values, "a") == {"d": 3}
    assert values == {"a": {"b": 1, "c": 2}, "d": 3}


@pytest.mark.parametrize("dotted", ["x", "a.x", "d.x", "a.b.c", "", "a.", ".a"])
def test_removing_what_is_not_there_is_refused(dotted: str) -> None:
    with pytest.raises(InvalidMetadata):
        remove({"a": {"b": 1}, "d": 3}, dotted)


plain_keys = st.text("abc", min_size=1, max_size=2)
plain = st.recursive(st.integers(), lambda inner: st.dictionaries(plain_keys, inner, max_size=3), max_leaves=8)


@given(values=st.dictionaries(plain_keys, plain, max_size=3))
@settings(deadline=None, max_examples=100)
def test_flattened_keys_name_what_can_be_removed_one_by_one(values: dict[str, Any]) -> None:
    flat = flatten(values)

    assert not any(isinstance(value, dict) and value for value in flat.values())
    for key in flat:
        values = remove(values, key)
    assert flatten(values) == {} or all(value == {} for value in flatten(values).values())


# What cannot be written is refused, and nothing changed.


@pytest.mark.parametrize(
    "act",
    [
        lambda repo, at: repo.log(at, "mnist", message="\udcff"),
        lambda repo, at: repo.create_artifact("new", type="\udcff"),
        lambda repo, at: repo.create_model("new", description="\udcff"),
        lambda repo, at: repo.describe("mnist", "\udcff"),
        lambda repo, at: repo.annotate("mnist", message="\udcff"),
        lambda repo, at: repo.set_card("Digits", "\udcff"),
        lambda repo, at: repo.set_setting("log.exclude", "\udcff"),
        lambda repo, at: repo.set_card("Digits", "x" * ((1 << 20) + 1)),
        lambda repo, at: repo.add_tags("Digits", ["\udcff"]),
        lambda repo, at: repo.log(at, "mnist", metadata={"a": b"x"}),
        lambda repo, at: repo.annotate("mnist", metadata={"a": object()}),
        lambda repo, at: repo.annotate("mnist", unset=["nothing"]),
        lambda repo, at: repo.remove_tags("Digits", ["vision", "nothing"]),
    ],
    ids=range(13),
)
def test_text_that_cannot_be_stored_is_refused_and_nothing_changes(
    act: Callable[[Repository, str], object], repo: Repository, folder: Callable[..., str]
) -> None:
    repo.log(folder({"a": b"1"}), "mnist", links=["Digits"])
    repo.add_tags("Digits", ["vision"])
    before = repo.history()

    with pytest.raises(MregError):
        act(repo, folder({"a": b"2"}))

    assert repo.history() == before
    assert repo.fsck().findings == ()


# Settings.


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("14d", 1209600), ("1w", 604800), ("1.5h", 5400)],
)
def test_an_age_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert ages.parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "-1", "-1d", "1y", "one", "nan", "inf", "1e400", "9e99d", "1 month"])
def test_what_is_no_age_is_refused(text: str, repo: Repository) -> None:
    with pytest.raises(ValueError):
        ages.parse_seconds(text)
    with pytest.raises(InvalidSetting):
        repo.set_setting("gc.grace", text)

    assert repo.history() == []
    assert repo.setting("gc.grace") == "14d"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (1.5, "1.5s"), (90, "90s"), (120, "2m"), (7200, "2h"), (129600, "36h"), (1e7, "1e+07s")],
)
def test_an_age_is_told_in_words_that_mean_it(seconds: float, text: str) -> None:
    assert ages.age_text(seconds) == text
    assert ages.parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1.5", "x", "²", "1" * 10])
def test_what_is_no_count_is_refused(text: str, repo: Repository) -> None:
    with pytest.raises(InvalidSetting):
        repo.set_setting("gc.keep-last", text)

    assert repo.setting("gc.keep-last") == 0


def test_a_setting_is_kept_and_told_and_its_default_otherwise(repo: Repository) -> None:
    repo.set_setting("gc.grace", "3d")
    repo.set_setting("log.exclude", "*.tmp cache/")
    repo.set_setting("gc.grace", "4d")

    repo.set_setting("gc.keep-last", "7")
    repo.set_setting("log.compress", "false")

    assert repo.settings() == {
        "core.shared": "umask",
        "gc.grace": "4d",
        "gc.keep-best": [],
        "gc.keep-last": 7,
        "gc.keep-where": "",
        "gc.older-than": "0",
        "lock.timeout": "30s",
        "log.capture": "git",
        "log.compress": False,
        "log.exclude": ["*.tmp", "cache/"],
        "metrics.direction": [],
        "use.hard-links": False,
    }
    assert repo.fsck().findings == ()
    with pytest.raises(UnknownSetting):
        repo.set_setting("gc.grase", "3d")


def test_a_repository_of_a_newer_format_is_refused_before_anything_else() -> None:
    with pytest.raises(NewerFormat) as raised:
        config.identify(b"format = 3\nall else moved\n")

    assert (raised.value.found, raised.value.known) == (3, 2)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"format = \n",
        b"format = x\n",
        b"format=1\n",
        b"format = 1",
        b"format = 1\n",
        b"format = 0\n",
        b"format = 01\n",
        b"format = 1\nid = \n",
        b'format = 1\nid = "short"\n',
        b'format = 1\nid = "0123456789abcdef/123456789abcdef"\n',
        b"format = " + b"9" * 5000 + b"\n",
        "format = ²\n".encode(),
        b"\xff\xfe",
    ],
)
def test_a_config_whose_first_lines_are_others_is_damage(data: bytes) -> None:
    with pytest.raises(DamagedConfig):
        config.identify(data)


def test_a_config_that_was_edited_by_hand_is_noticed(repo: Repository, storage: MemoryStorage) -> None:
    value = storage.get("config.toml")
    assert value is not None
    storage.put("config.toml", value.data.replace(b"\n#", b'\n[gc]\ngrace = "0s"\n#'))
    with pytest.raises(MregError):
        Context(storage, "memory").settings()

    for text in (".".join("x" * 2000) + " = 1\n", f'[a]\nb = "{"x" * (1 << 20)}"\n'):
        with pytest.raises(DamagedConfig):
            config.decode(Ref(config.initial("0" * 32) + text, 0))

    storage.put("config.toml", encode("config.toml", Ref("format = 1\nid = 3", 0)))
    with pytest.raises(DamagedConfig):
        Context(storage, "memory")
