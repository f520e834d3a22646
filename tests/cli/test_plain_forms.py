"""Command lines that are understood without the parser do what they do with it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from docs.command_examples import EXAMPLES
from mreg.cli import main, plain
from mreg.cli.help.data import PAGES
from mreg.cli.state import State

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
RARE = [
    ("ls", "--limit=1"),
    ("ls", "--limit", "01"),
    ("ls", "--limit", " 1"),
    ("ls", "--limit", "1_0"),
    ("ls", "--limit", "-1"),
    ("ls", "digits", "--columns", "m.acc", "--columns=number"),
    ("ls", "digits", "Classifier"),
    ("-qv", "ls"),
    ("ls", "-qv"),
    ("ls", "--", "digits"),
    ("ls", "digits", "--sort", "-m.acc"),
    ("ls", "digits", "--sort", "--"),
    ("ls", "digits", "--sort", "-h"),
    ("--", "ls"),
    ("ls", "-"),
    ("ls", "--json=1"),
    ("ls", "--no-color", "--no-color"),
    ("-C", "nowhere", "ls"),
    ("-C", ".", "ls", "digits"),
    ("ls", "-C", ".", "-C", "nowhere"),
    ("ls", "--repo", "nowhere"),
    ("--repo=nowhere", "ls"),
    ("ls", "--repo"),
    ("ls", "--repo="),
    ("--repo", "", "ls"),
    ("-C", "", "ls"),
    ("ls", "digits", "--sort", ""),
    ("ls", "--limit", "9" * 5000),
    ("alias", "--json", "ls"),
    ("alias", "rm", "best"),
    ("alias", "set", "--expect", "none", "best", "digits:v0"),
    ("alias", "set", "--expect=v7", "best", "digits:v0"),
    ("undo", "0"),
    ("undo", "x"),
    ("undo", "9999"),
    ("history", "--limit", "1", "--author", "nobody"),
    ("history", "--since", ""),
    ("metrics", "digits", "--svg", "x.svg", "--html", "x.html"),
    ("diff", "digits:v0", "digits:v1", "--sort", "bad", "--tensors"),
    ("search", "--kind", "bad"),
    ("get", "digits:v0", "--force"),
    ("lineage", "digits", "--format", "bad"),
    ("log", "model", "-a", "digits", "--capture", "none", "--python", "x"),
    ("log", "model", "-a", "digits", "--ttl", "bad"),
    ("log", "model", "-adigits"),
    ("frobnicate",),
    ("alias", "frobnicate"),
    ("log", "--artefact", "x"),
    ("--version", "ls"),
    ("ls", "--help", "--frob"),
    ("ls", "-h", "digits"),
    ("-h", "--json"),
    ("--json", "alias", "-h"),
    ("help", "nothing"),
    ("help", "references"),
]
MISTAKEN = [
    (),
    ("alias",),
    ("frobnicate",),
    ("alias", "frobnicate"),
    ("resolve",),
    ("resolve", "a", "b"),
    ("alias", "set", "best"),
    ("log", "model"),
    ("log", "model", "--artifact"),
    ("log", "model", "-a", "m", "-a", "n"),
    ("ls", "--limit", "x"),
    ("ls", "--limit", "-1"),
    ("undo", "0"),
    ("ls", "--frob"),
    ("ls", "--json=1"),
    ("ls", "-qv"),
    ("ls", "--", "x"),
    ("ls", "--help", "--frob"),
]
COMMAND_WORDS = ["", *PAGES]
FLAGS = [(), ("--json",), ("-q",), ("--quiet", "--json")]


@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
@pytest.mark.parametrize("line", LINES, ids=" ".join)
@pytest.mark.parametrize("place", ["before", "behind"])
def test_a_plain_form_says_what_the_parser_says(
    filled: Any, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...], flags: tuple[str, ...], place: str
) -> None:
    words = (*flags, *line) if place == "before" else (*line, *flags)
    plain = filled(*words)
    monkeypatch.setattr(main, "understood", lambda *_: None)

    parsed = filled(*words)

    assert plain == parsed


@pytest.mark.parametrize("flags", [(), ("--json",), ("-q",)], ids=" ".join)
def test_what_a_filter_chooses_is_told_as_by_the_parser(
    filled: Any, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    plain = [filled(*line, *flags) for line in CHOOSING]
    monkeypatch.setattr(main, "understood", lambda *_: None)

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
    monkeypatch.setattr(main, "understood", lambda *_: None)

    parsed = filled(*flags, *line)

    assert untimed(plain) == untimed(parsed)


def untimed(result: Any) -> Any:
    return result._replace(out=re.sub(r'"milliseconds": {[^}]*}', "", result.out))


@pytest.mark.parametrize("flags", [(), ("--json",), ("-q",)], ids=" ".join)
@pytest.mark.parametrize("line", RARE, ids=" ".join)
def test_rare_spellings_mean_what_the_parser_takes_them_for(
    filled: Any, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...], flags: tuple[str, ...]
) -> None:
    plain = filled(*line, *flags)
    monkeypatch.setattr(main, "understood", lambda *_: None)

    assert plain == filled(*line, *flags)


WITHOUT_PARSER = [
    shlex.split(line)[1:] for lines in EXAMPLES.values() for line in lines if re.match(r"mreg [^|>&;<$]*$", line)
]


@pytest.mark.parametrize("line", WITHOUT_PARSER, ids=" ".join)
def test_every_example_of_the_help_is_understood_without_the_parser(line: list[str]) -> None:
    assert plain.understood(line, State()) is not None


@pytest.mark.parametrize("words", COMMAND_WORDS)
def test_the_help_of_every_command_is_shown_without_the_parser(words: str) -> None:
    assert plain.understood([*words.split(), "--help"], State()) is not None


@pytest.mark.parametrize("line", MISTAKEN, ids=" ".join)
def test_a_mistake_is_left_to_the_parser(line: tuple[str, ...]) -> None:
    assert plain.understood(list(line), State()) is None


def test_understanding_a_line_does_not_yet_do_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = State()

    plain.understood(["-C", "/", "--json", "--no-color", "init", "here"], state)

    assert (Path.cwd(), state.json, state.color, list(tmp_path.iterdir())) == (tmp_path, False, True, [])
