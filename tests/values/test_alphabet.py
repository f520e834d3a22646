"""The table of the characters of which names are made, and what Python does to them."""

from __future__ import annotations

import hashlib
import importlib.util
import unicodedata
from pathlib import Path

import pytest

from mreg.values import alphabet
from mreg.values.names import is_beyond_ascii

_MAKER = Path(__file__).with_name("make_alphabet.py")
FORMS = "3bd276015888fc948adb51c480a3247ce82b2a3a42954facd5a915cb334d99e3"
"""What Python 3.11 (Unicode 14.0.0) makes of each character of the table."""


def every_character() -> list[str]:
    return [chr(code) for code in range(0x80, 0x110000) if is_beyond_ascii(chr(code))]


@pytest.mark.skipif(unicodedata.unidata_version != alphabet.VERSION, reason="this Python has another Unicode")
def test_the_table_is_what_unicode_says() -> None:
    spec = importlib.util.spec_from_file_location("make_alphabet", _MAKER)
    assert spec and spec.loader
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)

    assert maker.source() == Path(alphabet.__file__).read_text("utf-8")


def test_names_have_letters_marks_and_digits_that_can_be_seen() -> None:
    # given: the categories of this Python, which are never of an older Unicode than the table
    found = every_character()

    assert len(found) == 134_495
    assert sum(c in alphabet.letters and c in alphabet.marks for c in found) == 0
    assert not any(unicodedata.category(c) in ("Cn", "Cc", "Cf", "Cs", "Co", "Zs") for c in found)
    assert not any(is_beyond_ascii(c) for c in "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u3164\ufe00\ufe0f\uffa0")
    assert not any(0xE0000 <= ord(c) < 0xE1000 for c in found)


def test_forms_of_the_alphabet_are_the_same_in_every_python() -> None:
    # given: Unicode promises that these never change once a character is assigned
    seen = hashlib.sha256()
    for c in every_character():
        forms = [unicodedata.normalize(form, c) for form in ("NFC", "NFD", "NFKC")]
        seen.update("\0".join([*forms, c.casefold()]).encode() + b"\n")

    assert seen.hexdigest() == FORMS
