"""Keys of properties as they stand in a repository, and their values."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from mreg.refs.keys import ArtifactKey, LinkKey, ModelKey, Owner, PropertyKey, UnknownKey, VersionKey, is_ref, parse
from mreg.values import properties
from mreg.values.canonical import Malformed
from mreg.values.properties import InvalidProperty

OWNERS = [ArtifactKey("a"), VersionKey("a", 12), ModelKey("M"), LinkKey("M", 3)]
JSON = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("owner", OWNERS)
@given(text=st.text(min_size=1, max_size=60))
def test_any_text_without_controls_is_a_key_that_is_read_as_it_was_written(owner: Owner, text: str) -> None:
    # given
    try:
        name = properties.check_key(text)
    except InvalidProperty:
        return

    # when
    key = PropertyKey(owner, name)

    # then
    read = parse(str(key))
    assert is_ref(key)
    assert isinstance(read, PropertyKey)
    assert (read, read.owner, read.name) == (key, owner, name)
    assert not set(key.line) & set(" \n/#")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the key is empty"),
        ("x" * 251, "the key is longer than 250 characters"),
        ("a\nb", "the key contains a control character, U+000A"),
        ("a\u200bb", "the key contains a control character, U+200B ZERO WIDTH SPACE"),
        ("\ud800", "the key is not valid Unicode"),
    ],
)
def test_what_is_no_key_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidProperty) as raised:
        properties.check_key(text)

    assert raised.value.reason == reason


@pytest.mark.parametrize(
    "line",
    [
        "",
        "a%2fb",  # small digits
        "%61",  # a letter, escaped
        "a%",
        "%C3",  # half a character
        "e%CC%81",  # a mark, escaped
        "e\u0301",  # not in NFC
        "a%0Ab",
        "a#b",
    ],
)
@pytest.mark.parametrize("owner", ["", "v1."])
def test_another_spelling_of_a_key_is_none(owner: str, line: str) -> None:
    assert isinstance(parse(f"artifacts/a/{owner}properties#{line}"), UnknownKey)


@pytest.mark.parametrize("file", ["xproperties", "v01.properties", "v1properties", ".properties", "links.properties"])
def test_properties_of_nothing_are_no_refs(file: str) -> None:
    assert isinstance(parse(f"registered/M/{file}#a"), UnknownKey)


@given(JSON)
def test_a_value_is_read_as_it_was_written(value: object) -> None:
    text = properties.encode("k", value)

    assert properties.encode("k", properties.decode(text)) == text
    assert "\n" not in text


@pytest.mark.parametrize(
    "text",
    ["", "null", "[null]", "NaN", "1e999", " 1", '{"b":1,"a":2}', '"\\ud800"', "1 2", "1" * 30, "[" * 40 + "]" * 40],
)
def test_what_is_no_value_is_told(text: str) -> None:
    with pytest.raises(Malformed):
        properties.decode(text)

    assert properties.fault(text)


def test_a_value_larger_than_1_mib_is_refused() -> None:
    with pytest.raises(InvalidProperty) as raised:
        properties.encode("k", "x" * (1 << 20))

    assert raised.value.reason == "the value is larger than 1 MiB"
