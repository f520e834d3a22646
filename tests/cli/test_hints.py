"""Hints belong to their errors: what they name exists, and applies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from documented import defined_errors

from mreg.cli.completion.data import COMMANDS, COMMON
from mreg.cli.help.topics import NAMES
from mreg.cli.machine import MACHINE
from mreg.values.errors import Damaged, MregError
from mreg.values.hints import BY_REASON, DAMAGE_HINT, HINTS, NOT_THERE
from tests.cli.test_cli_exit_codes import FAILURES, world as world

TEXTS = {
    **HINTS,
    **{" ".join(case): hint for case, hint in BY_REASON.items()},
    "damaged": DAMAGE_HINT,
    "not-there": NOT_THERE,
    **{f"errno {number}": hint for number, (_, hint) in MACHINE.items()},
}


def commands_of(text: str) -> list[list[str]]:
    """The command lines that a hint names, as words."""
    return [line.split() for line in re.findall(r"`mreg ([^`]+)`", text)]


def words_of(line: list[str]) -> str:
    """The command that a line runs."""
    return max((" ".join(line[:n]) for n in (1, 2) if " ".join(line[:n]) in COMMANDS), key=len, default="")


def options_of(text: str) -> Iterator[str]:
    yield from re.findall(r"(?<![\w-])(--?[a-zA-Z][a-z-]*)", text)


@pytest.mark.parametrize("code", TEXTS)
def test_a_hint_names_commands_that_exist_with_options_that_they_have(code: str) -> None:
    for line in commands_of(TEXTS[code]):
        words = words_of(line)
        assert words or line[0].startswith("…") or line[0] in ("{words}",), line
        assert not (words in ("alias", "tag", "model", "artifact", "config", "cache") and line[1:2] != ["--help"]), line
        if words == "help" and line[1:] and line[1].islower():
            assert line[1] in NAMES or line[1] in COMMANDS, line
        for option in options_of(" ".join(line)):
            assert option in {**COMMON, **COMMANDS[words][1]}, line


EVERY_OPTION = {option for _, options, _ in COMMANDS.values() for option in options} | set(COMMON)


@pytest.mark.parametrize("code", TEXTS)
def test_a_hint_names_options_that_exist(code: str) -> None:
    for option in options_of(TEXTS[code].replace("`-metrics.acc,created`", "")):  # keys of an order
        assert option in EVERY_OPTION


def errors() -> list[type[MregError]]:
    """All that a user can meet."""
    found = defined_errors()
    return [one for one in found if "code" in vars(one) and one.template != MregError.template]


SAYS_ALL = {
    "change-over",
    "editor-failed",
    "invalid-first",
    "invalid-goal",
    "invalid-property",
    "invalid-steps",
    "no-model",
    "not-text",
    "put-lost",
    "reserved-number",
    "several-files",
    "table-full",
    "unknown-algorithm",
    "unknown-form",
    "unreadable-tensors",
    "wrong-size",
}
"""Errors whose message needs no hint."""


@pytest.mark.parametrize("error", errors(), ids=lambda error: error.code)
def test_an_error_has_a_hint(error: type[MregError]) -> None:
    has_near = "near" in vars(error).get("__annotations__", {})

    assert error.code in HINTS or has_near or issubclass(error, Damaged) or error.code in SAYS_ALL


def facts_of(error: type[MregError]) -> set[str]:
    return {name for base in error.__mro__ for name in getattr(base, "__annotations__", {})}


@pytest.mark.parametrize("error", errors(), ids=lambda error: error.code)
def test_a_hint_is_made_of_facts_that_its_error_has(error: type[MregError]) -> None:
    wanted = set(re.findall(r"\{(\w+)", HINTS.get(error.code, "")))

    assert wanted <= facts_of(error)


@pytest.mark.parametrize(
    ("line", "error", "hint"),
    [
        ("log .mreg -a reg", "it is the folder of a repository", "log the folder that contains the checkpoint"),
        ("log one one -a digits", "several of the given paths have this name", "give each path once"),
        ("log one -a con", "Windows reserves this name for a device", "choose another name"),
        ("model create Classifier --type dataset", "is of type", "omit --type, or choose another name"),
        ("annotate digits:v0 --unset m.nope", "there is no such key", "`mreg show REFERENCE` lists the metadata"),
        ("log one -a digits --meta a..b=1", "a part of its key is empty", "separate two parts with a single dot"),
        ("log one -a digits --meta-file m.yaml", "YAML is not supported", "write metadata as KEY=VALUE pairs, or"),
        (
            "log one -a digits --meta-file m.txt",
            "the file is not JSON; the name of a TOML",
            "write metadata as KEY=VALUE",
        ),
        (
            "log one -a digits --meta-file m.json",
            "the file is not JSON: Expecting",
            "write metadata as KEY=VALUE pairs",
        ),
        ("log --remove weights.bin -a digits", "and requires it", "name the version with `--onto`"),
        ("log -a digits", "PATH... is missing", "see `mreg log --help`"),
        ("log m.txt/ -a digits", "there is no file or folder 'm.txt/'", "it is a file: leave out the slash at the end"),
        (
            "annotate digits --meta-file m.json/",
            "there is no file or folder 'm.json/'",
            "it is a file: leave out the slash at the end",
        ),
        ("annotate digits --meta-file m.json/a", "there is no file or folder 'm.json/a'", "check the path"),
    ],
)
def test_a_hint_applies_to_the_reason(filled: Any, line: str, error: str, hint: str) -> None:
    for ending in ("yaml", "txt", "json"):
        (filled.home / f"m.{ending}").write_text("a: 1")

    result = filled(*line.split(" "))

    told, hinted = result.errors.splitlines()
    assert (result.code in (1, 2, 3, 6), result.out) == (True, "")
    assert error in told
    assert hinted.startswith(f"hint: {hint}")


def test_what_the_hint_for_the_folder_of_a_repository_says_can_be_done(filled: Any) -> None:
    filled.must("log", ".", "-a", "here")

    files = filled.must("files", "here")

    assert "one/weights.bin" in files
    assert ".mreg" not in files


@pytest.mark.parametrize(
    ("exit_code", "code", "line"), [row[:3] for row in FAILURES], ids=[f"{row[0]} {row[2]}" for row in FAILURES]
)
def test_what_a_hint_names_can_be_run(world: Any, exit_code: int, code: str, line: str) -> None:
    """The commands without placeholders, where the command failed; and what was meant, instead of what was typed."""
    told, *hints = world(*line.split(" ")).errors.splitlines()
    hint = "".join(hints)

    for command in commands_of(hint):
        if not any(re.search(r"\b[A-Z]{2,}|\bvN\b|…", word) for word in command):
            result = world(*command)
            assert result.code in (0, 5), (command, result)
    for meant in re.findall(r"did you mean `([^`]+)`", hint):
        typed = max(re.findall(r"'([^']+)'", told), key=lambda word: len(set(word) & set(meant)))
        better = [word.replace(typed, meant) for word in line.split(" ")]
        again = world(*" ".join(better).split(" "))
        assert f"error: {told}" not in again.errors
        assert "did you mean" not in again.errors, again
