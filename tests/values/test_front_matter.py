"""Front matter is read as cards have it; what is not understood stays text, whatever it is."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from mreg.values.card import facts_of
from mreg.values.front_matter import front_matter

CARD = """\
---
language:
- en
- no
license: apache-2.0  # see LICENSE
tags: [vision, 'two words', "caf\\u00e9"]
base_model: google/bert
datasets:
  - squad
  - name: own
    split: test
model-index:
- name: my model
  results:
  - task: {type: text-classification, args: [a, b]}
    metrics:
    - type: accuracy
      value: 0.93
      verified: true
widget:
- text: "Hello: world"
- example_title: >
    folded
    text
  other: |-
    raw
      indented
summary: this goes on
  here
empty:
nothing: ~
wide: [1,
  2]
url: https://example.org/x#y
time: 12:30
---

# Title
"""

FIELDS = {
    "language": ["en", "no"],
    "license": "apache-2.0",
    "tags": ["vision", "two words", "café"],
    "base_model": "google/bert",
    "datasets": ["squad", {"name": "own", "split": "test"}],
    "model-index": [
        {
            "name": "my model",
            "results": [
                {
                    "task": {"type": "text-classification", "args": ["a", "b"]},
                    "metrics": [{"type": "accuracy", "value": 0.93, "verified": True}],
                }
            ],
        }
    ],
    "widget": [{"text": "Hello: world"}, {"example_title": "folded text\n", "other": "raw\n  indented"}],
    "summary": "this goes on here",
    "empty": None,
    "nothing": None,
    "wide": [1, 2],
    "url": "https://example.org/x#y",
    "time": "12:30",
}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_card_of_the_hub_is_fields_and_body(ending: str) -> None:
    assert front_matter(CARD.replace("\n", ending)) == (FIELDS, f"# Title{ending}")


@pytest.mark.parametrize(
    ("yaml", "value"),
    [
        ("1", 1),
        ("-1.5e3", -1500.0),
        ("1e999", "1e999"),
        ("1" * 5000, "1" * 5000),
        (".inf", ".inf"),
        ("yes", "yes"),
        ("2024-01-01", "2024-01-01"),
        ("'it''s'", "it's"),
        ('"a\\tb\\x41\\U0001F600"', "a\tbA😀"),
        ("'one\n\n  two'", "one\ntwo"),
        ("[a, {b: [c]}, ]", ["a", {"b": ["c"]}]),
        ("[\n  a,\n]", ["a"]),
        ("\n- a\n- - b\n  - c", ["a", ["b", "c"]]),
        ("\n  - a: 1\n    b: 2", [{"a": 1, "b": 2}]),
        ("a b # comment", "a b"),
        ("a#b", "a#b"),
        ("", None),
    ],
)
def test_values_mean_what_yaml_1_2_says(yaml: str, value: Any) -> None:
    assert front_matter(f"---\nkey: {yaml}\n---\nbody") == ({"key": value}, "body")


@pytest.mark.parametrize(
    "yaml",
    [
        "a: &x 1\nb: *x",
        "a: !!python/object:os.system x",
        "<<: *x",
        "a: [1",
        "a: 'open",
        "a: {b: 1",
        "a: 1\na: 2",
        "- only\n- a list",
        "just text",
        "a: b: c",
        "\ta: 1",
        "? a\n: b",
        "a: |2\n    x",
        'a: "\\ud800"',
        'a: "\\q"',
        "a: ]",
        "a: " + "[" * 21 + "]" * 21,
        "".join(" " * depth + "a:\n" for depth in range(21)) + " " * 21 + "b: c",
        "- " * 30_000,
        "a: " + "x" * 70_000,
    ],
)
def test_what_is_not_understood_stays_text(yaml: str) -> None:
    text = f"---\n{yaml}\n---\n# Title\n"

    assert front_matter(text) == ({}, text)


@pytest.mark.parametrize("text", ["", "# Title\n", "---\nlicense: mit\n", "--- x\na: 1\n---\n", "\n---\na: 1\n---\n"])
def test_without_front_matter_all_is_body(text: str) -> None:
    assert front_matter(text) == ({}, text)


@pytest.mark.parametrize("text", ["---\n---\nbody", "---\n# only a comment\n---\nbody"])
def test_front_matter_may_say_nothing(text: str) -> None:
    assert front_matter(text) == ({}, "body")


@settings(deadline=None)
@given(st.text(st.sampled_from("ab:- \n#'\"[]{},|>&*!\\\t1.~?%"), max_size=200))
def test_any_text_is_fields_or_body_and_never_an_error(yaml: str) -> None:
    text = f"---\n{yaml}\n---\nbody"
    found = front_matter(text)

    assert text.endswith(found.body)
    assert found.fields or found.body == text or found.body == "body" or "---" in yaml or "..." in yaml


HOSTILE = {
    "spaces": "a" + " " * 60_000,
    "lines of a list": "a: [\n" + "  b,\n" * 12_000,
    "lines of a text": "a: b\n" + "  c\n" * 15_000,
    "escapes": 'a: "' + '\\"' * 30_000,
    "blank lines": 'a: "' + "\n" * 60_000,
    "colons": "a:" * 30_000,
    "quotes": '"a\\' * 20_000,
    "keys": "".join(f"k{number}: v\n" for number in range(6000)),
    "folds": "a: >\n" + " x\n" * 20_000,
}


@pytest.mark.parametrize("yaml", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_front_matter_takes_time_in_proportion_to_its_length(yaml: str) -> None:
    """A reader that is quadratic takes minutes; the processor's time, as the machine may do something else."""
    began = time.process_time()

    front_matter(f"---\n{yaml}\n---\n")

    assert time.process_time() - began < 20


def test_facts_are_the_tags_licenses_and_base_models() -> None:
    card = "---\ntags: [a, 2024, {b: c}]\nlicense: other\nlicense_name: llama3\nbase_model:\n- x/y\n- z\n---\n"

    assert facts_of(card) == (("a", "2024"), ("other", "llama3"), ("x/y", "z"))
    assert facts_of("# no front matter") == ((), (), ())
