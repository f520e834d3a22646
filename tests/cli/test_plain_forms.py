"""The plain forms of frequent commands, which are answered without the parser, say what the parser's commands say."""

from __future__ import annotations

import re
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
    ("lineage", "digits"),
    ("lineage", "digits:best"),
    ("lineage", "nothing"),
    ("lineage",),
    ("lineage", "digits:v0", "digits"),
    ("alias", "ls"),
    ("alias", "ls", "digits"),
    ("alias", "ls", "nothing"),
    ("alias", "ls", "digits", "digits"),
    ("alias", "set", "best", "digits:v0"),
    ("alias", "set", "best", "digits:v9"),
    ("alias", "set", "be/st", "digits"),
    ("alias", "set", "best"),
    ("alias",),
    ("show", "digits:v0"),
    ("show", "digits:best"),
    ("show", "digits"),
    ("show", "Classifier"),
    ("show", "nothing"),
    ("show", "digits:v9"),
    ("show",),
    ("history",),
    ("history", "digits"),
    ("history", "digits:best"),
    ("history", "nothing"),
    ("history", "digits", "digits"),
    (),
]
CHOOSING = [
    ("search", "--where", "m.acc > 0.85"),
    ("search", "--where", "m.acc > 0.5", "--where", "number >= 0", "--sort", "-m.acc", "--limit", "1"),
    ("search", "first", "--where", "m.acc > 0.5"),
    ("search", "first", "second", "--where", "m.acc > 0.5"),
    ("search", "--where", "m.acx > 0.5"),
    ("search", "--where", "m.acc >"),
    ("search", "--where", "m.acc > 7"),
    ("search", "--where"),
    ("search", "--where", "m.acc > 0.5", "--limit", "x"),
    ("search", "--where", "m.acc > 0.5", "--limit", "-1"),
    ("search", "--where", "m.acc > 0.5", "--sort", "m.acc", "--sort", "number"),
    ("search", "--where", "m.acc > 0.5", "--sort", "alias"),
    ("search", "--limit", "1"),
    ("search", "--sort", "m.acc"),
    ("ls", "digits", "--where", "m.acc > 0.5"),
    ("ls", "digits", "--where", "m.acc > 0.5", "--sort", "m.acc", "--limit", "1"),
    ("ls", "Classifier", "--where", "m.acc > 0.5"),
    ("ls", "nothing", "--where", "m.acc > 0.5"),
    ("ls", "digits:v0", "--where", "m.acc > 0.5"),
    ("ls", "--where", "m.acc > 0.5"),
    ("resolve", "digits", "--where", "m.acc > 0.5"),
]
REPEATED = [
    ("get", "digits:v0"),
    ("get", "digits:v0", "-o", "out"),
    ("get", "digits:v0", "--output", "out", "-o", "other"),
    ("get", "digits:v9"),
    ("get", "digits:v0", "-o"),
    ("get", "digits:v0", "-o", "--exact"),
    ("get",),
    ("log", "model", "--artifact", "other"),
    ("log", "model", "-a", "other", "--alias", "a", "--alias", "b", "--link", "M:a", "-m", "said", "--meta", "m.x=1"),
    ("log", "model", "-a", "other", "-a", "another"),
    ("log", "model", "-a", "be/st"),
    ("log", "model", "-a", "other", "--meta", "x"),
    ("log", "model", "-a", "other", "-m", "-1"),
    ("log", "nothing", "-a", "other"),
    ("log", "model"),
    ("log", "-a", "other"),
    ("log", "--artifact"),
    ("-a", "log", "log", "model"),
    ("-o", "get", "get", "digits:v0"),
]
"""Each says the same whenever it is repeated, but not at first."""
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


@pytest.mark.parametrize("flags", [(), ("--json",), ("-q",)], ids=" ".join)
def test_what_a_filter_chooses_is_told_as_by_the_parser(
    filled: Any, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    plain = [filled(*line, *flags) for line in CHOOSING]
    monkeypatch.setattr(main, "answer", lambda *_: False)

    assert plain == [filled(*line, *flags) for line in CHOOSING]


@pytest.mark.parametrize("flags", [(), ("--json",), ("-q",)], ids=" ".join)
@pytest.mark.parametrize("line", REPEATED, ids=" ".join)
def test_files_go_in_and_out_as_by_the_parser(
    filled: Any, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...], flags: tuple[str, ...]
) -> None:
    (filled.home / "model").mkdir(exist_ok=True)
    (filled.home / "model" / "weights.bin").write_bytes(b"weights")
    filled(*line)
    plain = filled(*flags, *line)
    monkeypatch.setattr(main, "answer", lambda *_: False)

    parsed = filled(*flags, *line)

    assert untimed(plain) == untimed(parsed)


def untimed(result: Any) -> Any:
    return result._replace(out=re.sub(r'"milliseconds": {[^}]*}', "", result.out))


@pytest.mark.parametrize(
    "line", ["show digits:v0", "history", "get digits:v0", "log model -a other --alias best --meta m.acc=1 -m said"]
)
def test_what_people_do_most_is_done_without_the_parser(
    filled: Any, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    answered: list[bool] = []
    answer = main.answer
    monkeypatch.setattr(main, "answer", lambda *words: answered.append(answer(*words)) or answered[-1])

    (filled.home / "model").mkdir(exist_ok=True)
    (filled.home / "model" / "weights.bin").write_bytes(b"weights")
    filled.must(*line.split())

    assert answered == [True]


def test_frequent_questions_do_without_the_parser(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answered: list[bool] = []
    answer = main.answer
    monkeypatch.setattr(main, "answer", lambda *words: answered.append(answer(*words)) or answered[-1])

    filled.must("search", "--where", "m.acc > 0.5", "--sort", "-m.acc", "--limit", "1")
    filled.must("ls", "digits", "--where", "m.acc > 0.5")

    filled.must("lineage", "digits")

    assert answered == [True, True, True]
