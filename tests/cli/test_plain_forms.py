"""The plain forms of frequent commands, which are answered without the parser, say what the parser's commands say."""

from __future__ import annotations

from typing import Any

import pytest

from mreg.cli import main

LINES = [
    ("resolve", "digits"),
    ("resolve", "digits:best"),
    ("resolve", "digits:v9"),
    ("resolve", "nothing:best"),
    ("resolve", "digits:"),
    ("resolve", ""),
    ("resolve",),
    ("resolve", "digits", "digits"),
    ("use", "digits:v0"),
    ("use", "digits:worst"),
    ("use",),
    ("alias", "ls"),
    ("alias", "ls", "digits"),
    ("alias", "ls", "nothing"),
    ("alias", "ls", "digits", "digits"),
    ("alias", "set", "best", "digits:v0"),
    ("alias", "set", "best", "digits:v9"),
    ("alias", "set", "be/st", "digits"),
    ("alias", "set", "best"),
    ("alias",),
    (),
]
FLAGS = [(), ("--json",), ("-q",), ("--quiet", "--json")]


@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
@pytest.mark.parametrize("line", LINES, ids=" ".join)
@pytest.mark.parametrize("place", ["before", "behind"])
def test_a_plain_form_says_what_the_parser_says(
    filled: Any, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...], flags: tuple[str, ...], place: str
) -> None:
    words = (*flags, *line) if place == "before" else (*line, *flags)
    plain = filled(*words)
    monkeypatch.setattr(main, "answer", lambda *_: False)

    parsed = filled(*words)

    assert plain == parsed
