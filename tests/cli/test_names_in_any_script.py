"""Names of any script on the command line: what is typed, printed, and found on the disk."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mreg.cli.completion import answer

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

NFD = "produccio\u0301n"
NO_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture
def there(mreg: Cli) -> Cli:
    """A repository with one version of `producción`."""
    (mreg.home / "weights").write_bytes(b"1")
    mreg.must("log", "weights", "--artifact", "producción", "--alias", "最良")
    return mreg


def test_a_session_in_other_scripts(there: Cli) -> None:
    cli = there

    assert cli.must("alias", "set", "campeón", "producción:最良") == "producción:v0\n"
    assert cli.must("resolve", f"{NFD}:campeo\u0301n") == "producción:v0\n"
    assert "campeón=v0 最良=v0" in cli.must("ls")
    assert cli.must("artifact", "rename", NFD, "größe") == "größe\n"
    assert cli.must("alias", "ls", "größe").splitlines()[0] == "größe\tcampeón\tv0\tgröße:v0"
    cli.must("undo", "3")
    assert "renamed to producción" in cli.must("history", NFD)
    cli.must("gc")
    assert cli("fsck", "--full").code == 0
    assert Path(cli.home, ".mreg/aliases/producción/最良").is_file()


def test_json_has_names_as_they_are(there: Cli) -> None:
    out = there.must("resolve", NFD, "--json")

    assert '"producción:v0"' in out
    assert json.loads(out)["artifact"] == "producción"


def test_a_locale_that_is_not_utf8_gets_escapes_and_the_same_files(there: Cli) -> None:
    environment = os.environ | NO_UTF8

    there.process("alias", "set", "campeón", "producción:v0", env=environment)
    shown = there.process("alias", "ls", "producción", env=environment)
    told = there.process("resolve", "producción:最良", "--json", env=environment)

    assert (shown.code, shown.errors) == (0, "")
    assert shown.out.splitlines()[0] == "producci\\xf3n\tcampe\\xf3n\tv0\tproducci\\xf3n:v0"
    assert told.out.isascii() and json.loads(told.out)["name"] == "producción:v0"
    assert there.must("resolve", "producción:campeón") == "producción:v0\n"
    assert sorted(os.listdir(there.home / ".mreg/aliases/producción")) == ["campeón", "最良"]


def test_the_c_locale_shows_names(there: Cli) -> None:
    shown = there.process("resolve", "producción:最良", env=os.environ | {"LC_ALL": "C"})

    assert (shown.code, shown.out, shown.errors) == (0, "producción:v0\n", "")


def test_a_look_alike_is_shown_with_its_code_points(there: Cli) -> None:
    there.must("alias", "set", "production", "producción:v0")

    result = there("resolve", "producción:\u0440roduction")

    assert (result.code, result.out) == (3, "")
    assert "did you mean `production`? '\u0440roduction' has U+0440 CYRILLIC SMALL LETTER ER" in result.errors


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a\u200bb", "not U+200B ZERO WIDTH SPACE"),
        ("a\u202eb", "not U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("\u0301a", "it starts with a combining mark, U+0301 COMBINING ACUTE ACCENT"),
        ("é" * 101, "longer than 200 bytes in UTF-8"),
    ],
)
def test_what_is_no_name_is_refused_with_the_character_named(there: Cli, name: str, said: str) -> None:
    result = there("log", "weights", "--artifact", name)

    assert (result.code, result.out) == (2, "")
    assert said in result.errors and "\u202e" not in result.errors and "\u200b" not in result.errors
    assert there.must("artifact", "ls").count("\n") == 1


def test_format_1_says_what_to_do(bare: Cli) -> None:
    bare.must("init", "--format", "1")
    (bare.home / "weights").write_bytes(b"1")

    result = bare("log", "weights", "--artifact", "producción")

    assert (result.code, result.out) == (6, "")
    assert "the name 'producción' requires repository format 2; this repository has format 1" in result.errors
    assert "hint: `mreg upgrade`" in result.errors
    assert not (bare.home / ".mreg/packs").exists()


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (f"artifact create {NFD}2", "name"),
        (f"model create {NFD}2", "name"),
        (f"artifact describe {NFD} text", "name"),
        (f"artifact rename {NFD} {NFD}3", "before"),
        (f"artifact rename {NFD} {NFD}3", "name"),
        (f"alias set {NFD} {NFD}", "alias"),
        (f"ls {NFD}", "name"),
    ],
)
def test_what_is_told_is_the_name_in_nfc(there: Cli, command: str, field: str) -> None:
    result = there("--json", *command.split(" "))

    assert result.code == 0
    assert str(result.json[field]).startswith("producción")
    assert NFD not in result.out


def test_search_finds_a_name_in_either_form_and_case(there: Cli) -> None:
    for text in ("ucció", "ucci\u006f\u0301", "UCCIÓN", "良"):
        assert "producción" in there.must("search", text)


def test_completion_offers_names_in_other_scripts(there: Cli) -> None:
    there.must("artifact", "create", "हिन्दी")

    with contextlib.chdir(there.home):
        found = [
            [line.partition("\t")[0] for line in answer.answer(text)]
            for text in ("mreg show produ", "mreg show producción:最", "mreg show हिन्")
        ]

    assert found == [["producción", "producción:"], ["producción:最良"], ["हिन्दी", "हिन्दी:"]]
