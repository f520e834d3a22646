"""What is said to people of the refs that a change moved."""

from __future__ import annotations

import pytest

from mreg.values import change_rows
from mreg.values.change_rows import rows_of
from mreg.values.changed import RefChange

LINK = "registered/Digits/links#v0"


def test_a_link_to_an_artifact_that_is_called_reserved_is_removed_as_any() -> None:
    gone = RefChange(LINK, f"reserved:v0 {'ab' * 32}", None, "link", "Digits:v0", "reserved:v0")

    assert rows_of([gone]) == [("Digits:v0", "was reserved:v0")]


def test_a_number_that_was_reserved_is_no_link_that_was_removed() -> None:
    kept = [RefChange(LINK, old, None, "link", "Digits:v0") for old in ("reserved", f"reserved {'ab' * 32}")]

    assert [rows_of([one]) for one in kept] == [[("Digits:v0", "reserved")]] * 2


def test_text_that_is_no_value_of_a_link_is_not_taken_apart() -> None:
    gone = RefChange(LINK, "reserved for later", None, "link", "Digits:v0")

    assert rows_of([gone]) == [("Digits:v0", "was reserved for later")]


@pytest.mark.parametrize("text", ["{", "[]", "7", "[" * 100_000], ids=range(4))
def test_text_that_is_no_list_of_versions_that_were_imported_is_shown_as_it_is(text: str) -> None:
    assert change_rows._remembered(text).startswith(text[:1])
