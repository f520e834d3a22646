"""The grammar of names, aliases, tags and references."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings, strategies as st

from mreg.storage.keys import is_key
from mreg.values.errors import InvalidInput
from mreg.values.names import (
    InvalidName,
    InvalidReference,
    Reference,
    Selector,
    check_alias,
    check_name,
    check_tag,
    fold,
    is_name,
    is_tag,
    look_alikes,
    parse_reference,
    parse_version,
)

HEX = "0123456789abcdef" * 4

GOOD_NAMES = [
    "a",
    "A",
    "0",
    "_",
    "_a",
    "mnist",
    "ResNet-50",
    "a.b",
    "a..b",
    "v1",
    "latest",
    "a-",
    "a_",
    "con-1",
    "x" * 128,
    "producción",
    "Größe",
    "最良",
    "модель-v2",
    "한국어",
    "हिन्दी",
    "٣",
    "\u0430",  # looks like an a
    "\uff11",
    "\U0001d49c",
    "é" * 100,
]
BAD_NAMES = {
    "": "empty",
    "x" * 129: "longer than 128",
    ".": "starts with",
    "..": "starts with",
    ".hidden": "starts with",
    "-x": "starts with",
    "a.": "ends with a dot",
    "a.lock": ".lock",
    "A.LOCK": ".lock",
    "a b": "only letters",
    "a/b": "only letters",
    "a\\b": "only letters",
    "a:b": "only letters",
    "a@b": "only letters",
    "a#b": "only letters",
    "a\n": "only letters",
    "\na": "only letters",
    "a\0b": "only letters",
    "é b": "only letters",
    "é/b": "only letters",
    "é:b": "not `:`",
    "é\n": "not U+000A",
    "10€": "not U+20AC EURO SIGN",
    "½": "only letters",
    "v²": "only letters",
    "Ⅷ": "only letters",
    "🏆": "only letters",
    "a\u200bb": "not U+200B ZERO WIDTH SPACE",
    "a\u200db": "not U+200D ZERO WIDTH JOINER",
    "a\u202eb": "not U+202E RIGHT-TO-LEFT OVERRIDE",
    "a\u2066b": "not U+2066",
    "a\u00adb": "not U+00AD SOFT HYPHEN",
    "a\u0085b": "not U+0085",
    "a\u034fb": "not U+034F",  # default-ignorable marks and letters
    "a\ufe0fb": "not U+FE0F",
    "a\U000e0100b": "not U+E0100",
    "\u115f": "not U+115F",
    "\u3164": "not U+3164",
    "a\ue000": "not U+E000",
    "a\uffff": "not U+FFFF",
    "\u0378": "not U+0378",  # assigned by no version
    "\U00031350": "not U+31350",  # assigned by Unicode 15
    "\udcff": "not U+DCFF",
    "\u0301a": "starts with a combining mark",
    "\u093fa": "starts with a combining mark",
    "é" * 101: "longer than 200 bytes",
    "最" * 67: "longer than 200 bytes",
    ".é": "starts with",
    "-é": "starts with",
    "é.": "ends with a dot",
    "é.LOCK": ".lock",
    "Con.é": "device",
    "con": "device",
    "CON": "device",
    "nul.txt": "device",
    "Aux.tar.gz": "device",
    "com1": "device",
    "LPT9.bin": "device",
}


@pytest.mark.parametrize("check", [check_name, check_alias, check_tag, lambda text: parse_reference(text).name])
def test_a_member_of_an_enumeration_is_its_value(check: Callable[[str], str]) -> None:
    class Model(str, enum.Enum):  # noqa: UP042 - its str() is "Model.BERT"
        BERT = "bert"

    assert f"{check(Model.BERT)}/" == "bert/"


@pytest.mark.parametrize("text", GOOD_NAMES)
def test_a_good_name_is_taken_as_it_is(text: str) -> None:
    assert check_name(text) == text
    assert parse_reference(text) == Reference(text)


@pytest.mark.parametrize(("text", "reason"), BAD_NAMES.items(), ids=ascii)
def test_a_bad_name_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidName) as raised:
        check_name(text, "artifact name")

    assert reason in raised.value.reason
    assert (raised.value.text, raised.value.kind) == (text, "artifact name")
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        *("latest", "LATEST", "Latest", "v0", "v12", "V12", "v007", "v" + "9" * 50),
        *(
            "\uff4c\uff41\uff54\uff45\uff53\uff54",
            "late\u017ft",
            "\uff2c\uff21\uff34\uff25\uff33\uff34",
            "\uff56\uff11",
            "v٣",
            "\U0001d42f\U0001d7cf",
            "\uff36\uff11",
            "v१२",
        ),
    ],
)
def test_an_alias_that_would_mean_something_else_is_refused(text: str) -> None:
    check_name(text)
    with pytest.raises(InvalidName):
        check_alias(text)


@pytest.mark.parametrize(
    "text",
    [
        "best",
        "production",
        "v",
        "v1.0",
        "v1-rc",
        "version1",
        "vv1",
        "latest-1",
        "1",
        "最良",
        "\uff56",
        "vé1",
        "v一",
        "campeón",
    ],
)
def test_other_words_may_be_aliases(text: str) -> None:
    assert check_alias(text) == text
    assert parse_reference(f"m:{text}").selector == Selector(alias=text)


@pytest.mark.parametrize(
    "text", ["a", "image classification", "state-of_the art", "größe", "2026", "日本 語", "Ⅷ", "½", "हिन्दी भाषा"]
)
def test_a_good_tag_is_taken(text: str) -> None:
    assert check_tag(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " a",
        "a ",
        "a  b",
        "a\tb",
        "a\nb",
        "a,b",
        "a/b",
        "#a",
        "a.b",
        "x" * 129,
        "\udcff",
        "\u0301",
        "a \u0301",
        "a\u200b",
        "a\ufe0f",
    ],
)
def test_a_bad_tag_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        check_tag(text)


@pytest.mark.parametrize(("text", "number"), [("v0", 0), ("v7", 7), ("v123456789012345", 123456789012345)])
def test_a_version_is_v_and_its_number(text: str, number: int) -> None:
    assert parse_version(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "v", "0", "V0", "v00", "v01", "v-1", "v+1", "v1 ", " v1", "v1.0", "v1_0", "v²", "v\u0661", "v" + "9" * 16],
)
def test_a_version_has_one_form_only(text: str) -> None:
    assert parse_version(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mnist", Reference("mnist")),
        ("mnist:latest", Reference("mnist")),
        ("mnist:v3", Reference("mnist", Selector(number=3))),
        ("mnist:v0", Reference("mnist", Selector(number=0))),
        ("mnist:best", Reference("mnist", Selector(alias="best"))),
        ("mnist:@0123ABCD", Reference("mnist", Selector(prefix="0123abcd"))),
        (f"mnist:@{HEX}", Reference("mnist", Selector(prefix=HEX))),
        ("prod/mnist:v3", Reference("mnist", Selector(number=3), "prod")),
        ("prod/mnist", Reference("mnist", Selector(), "prod")),
    ],
)
def test_a_reference_is_taken_apart(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        ":v1",
        "/",
        "prod/",
        "prod/:v1",
        "/mnist",
        "a/b/c/mnist",
        "mnist:",
        "mnist::v1",
        "mnist:v1:v2",
        "mnist:V1",
        "mnist:v01",
        "mnist:v²",
        "mnist:v" + "9" * 16,
        "mnist:LATEST",
        "mnist:@",
        "mnist:@0123abc",
        "mnist:@0123abcg",
        f"mnist:@{HEX}0",
        "mnist:a/b",
        "mnist:.x",
        "mnist v1",
        "mnist@0123abcd",
        " mnist",
        "mnist\n",
    ],
)
def test_what_is_no_reference_is_refused_as_wrong_input(text: str) -> None:
    with pytest.raises((InvalidReference, InvalidName)) as raised:
        parse_reference(text)

    assert isinstance(raised.value, InvalidInput)
    assert raised.value.reason


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("produccio\u0301n", "producción"),
        ("\u1112\u1161\u11ab", "한"),
        ("\u212aelvin", "Kelvin"),
        ("a\u0323\u0302", "ậ"),
        ("\uf900", "豈"),
    ],
)
def test_what_is_typed_in_another_form_is_brought_to_nfc(typed: str, name: str) -> None:
    assert check_name(typed) == check_alias(typed) == check_tag(typed) == name
    assert parse_reference(f"{typed}/{typed}:{typed}") == Reference(name, Selector(alias=name), name)
    assert is_name(name) and not is_name(typed)


def test_tags_of_format_1_stay_tags_in_any_form() -> None:
    for text in ("größe", "gro\u00dfe", "\u1112\u1161", "½", "日本 語"):
        assert is_tag(text)
    assert not is_tag("a,b")


@pytest.mark.parametrize(
    ("one", "other"), [("Größe", "GRÖSSE"), ("МОДЕЛЬ", "модель"), ("ςας", "ΣΑΣ"), ("ﬁn", "FIN"), ("İ", "i\u0307")]
)
def test_names_that_differ_only_in_case_fold_to_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("typed", "near", "said"),
    [
        ("\u0440roduction", "production", "'\u0440roduction' has U+0440 CYRILLIC SMALL LETTER ER"),
        ("best", "b\u0435st", "'b\u0435st' has U+0435 CYRILLIC SMALL LETTER IE"),
        ("produccion", "producción", ""),
        ("best", "bets", ""),
        ("最好", "最良", ""),
    ],
)
def test_words_of_different_scripts_are_told_apart_by_code_points(typed: str, near: str, said: str) -> None:
    assert look_alikes(typed, near) == said


names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,30}", fullmatch=True)
words = st.text(st.sampled_from("abvV019._-:/@# lock") | st.characters(), max_size=24)


@given(text=words | names)
@settings(max_examples=300, deadline=None)
def test_every_accepted_name_is_a_safe_file_name_and_every_other_is_refused_with_a_reason(text: str) -> None:
    try:
        text = check_name(text)
    except InvalidName as error:
        assert error.reason
        return

    assert is_name(text) and unicodedata.is_normalized("NFC", text)
    assert all(c in "._-" or unicodedata.category(c)[0] in "LM" or unicodedata.category(c) == "Nd" for c in text)
    assert len(text) <= 128 and len(text.encode()) <= 200
    assert not text.isascii() or re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", text)
    assert is_key(f"artifacts/{text}/v0") and is_key(f"aliases/{text}/{text}")
    assert not text.endswith(".") and not text.lower().endswith(".lock")
    assert text.split(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT1"}


@given(text=words | names)
@settings(max_examples=200, deadline=None)
def test_every_accepted_alias_is_a_name_and_selects_itself(text: str) -> None:
    try:
        text = check_alias(text)
    except InvalidName:
        return

    assert check_name(text) == text
    assert parse_reference(f"m:{text}").selector == Selector(alias=text)


@given(text=words | st.builds("{}:{}".format, names, words) | st.builds("{}/{}:{}".format, names, names, words))
@settings(max_examples=300, deadline=None)
def test_an_accepted_reference_means_the_same_when_it_is_written_out(text: str) -> None:
    try:
        reference = parse_reference(text)
    except (InvalidName, InvalidReference):
        return

    assert parse_reference(str(reference)) == reference
    assert str(parse_reference(str(reference))) == str(reference)


@given(number=st.integers(0, 10**15 - 1))
@settings(deadline=None)
def test_every_number_is_a_version(number: int) -> None:
    assert parse_version(f"v{number}") == number
    assert str(Selector(number=number)) == f"v{number}"
