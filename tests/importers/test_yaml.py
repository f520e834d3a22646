"""YAML of other tools: plain values, or an error of one class."""

from __future__ import annotations

import pytest

from mreg.importers.faults import MalformedSource
from mreg.importers.yaml_files import parse_yaml

pytest.importorskip("yaml")

TAGS = ["!!bool", "!!int", "!!float", "!!timestamp", "!!null", "!!str", "!!binary", "!!seq", "!!map"]
TAGS += ["!!set", "!!omap", "!!pairs", "!!merge", "!!value", "!!python/name:os.system", "!", "!x"]
VALUES = [
    "",
    '""',
    "x",
    "abc",
    "-",
    "+",
    "0x",
    "0b",
    ":",
    "1:",
    "é",
    "2026-13-45",
    "[]",
    "[1]",
    "[[1]]",
    "{}",
    "{1: 2}",
]
VALUES += ["[{a: 1}]", "[{a: 1, b: 2}]", "{[1]: 2}", "{? {a: 1} : 2}", "1e999", "9" * 5000, "0:" * 500 + "1"]


@pytest.mark.parametrize("tag", TAGS)
def test_whatever_follows_a_tag_is_understood_or_refused(tag: str) -> None:
    refused = 0
    for value in VALUES:
        for text in (f"a: {tag} {value}", f"{tag} {value}", f"? {tag} {value}\n: 1", f"- {tag} {value}"):
            try:
                parse_yaml(text, "some.yaml")
            except MalformedSource:
                refused += 1

    assert refused
