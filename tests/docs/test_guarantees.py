"""The table of promises names, in every cell, a test that there is."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "guarantees.md").read_text(encoding="utf-8")

KEY = PAGE[PAGE.index("Tests, under `tests/`") : PAGE.index("| | race |")]
TABLE = PAGE[PAGE.index("| | race |") :]
LETTERS = re.compile(r"\(([A-Z]+(?: [A-Z]+)*)\)")


def key() -> dict[str, list[str]]:
    """The files that each letter of the table stands for."""
    return {
        letter: [name.strip() for name in names.split(",")]
        for letter, names in re.findall(r"\*\*([A-Z]+)\*\*([^·]+)", KEY)
    }


def test_every_letter_stands_for_tests_that_there_are() -> None:
    missing = [
        name
        for names in key().values()
        for name in names
        if not list(TESTS.glob(f"{name}/test_*.py" if name.endswith("/") else f"{name}.py"))
    ]

    assert missing == []


def test_every_letter_is_explained_and_used() -> None:
    used = {letter for letters in LETTERS.findall(TABLE) for letter in letters.split()}

    assert used == set(key())


def test_every_cell_names_a_test_or_says_why_not() -> None:
    rows = [line.strip("|").split(" | ") for line in TABLE.splitlines()[2:] if line.startswith("|")]

    assert {len(row) for row in rows} == {7}
    bare = [
        (row[0].strip(), cell)
        for row in rows
        for cell in map(str.strip, row[1:])
        if not (cell == "-" or cell.startswith("as ") or "*not shown yet*" in cell or LETTERS.search(cell))
    ]
    assert bare == []
