"""The options that every command has, the choice of the repository, and what a terminal changes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Model = Callable[..., str]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("option", ["-q", "--quiet"])
def test_quiet_leaves_the_data_and_the_errors(filled: Any, option: str, place: str) -> None:
    def quietly(*line: str) -> Any:
        return filled(option, *line) if place == "before" else filled(*line, option)

    assert quietly("log", "two", "-a", "digits") == (0, "digits:v1\n", "")
    assert quietly("alias", "set", "best", "digits:v1") == (0, "digits:v1\n", "")
    assert quietly("resolve", "nope").errors.startswith("error: ")


@pytest.mark.parametrize("option", ["-v", "--verbose", "--no-color"])
def test_every_command_takes_the_common_options(filled: Any, option: str) -> None:
    assert filled(option, "resolve", "digits").out == "digits:v1\n"
    assert filled("resolve", "digits", option).out == "digits:v1\n"
    assert filled("alias", option, "ls", "digits").out == "digits\tbest\tv0\tdigits:v0\n"


def test_options_of_one_run_are_forgotten_by_the_next(filled: Any) -> None:
    filled.must("--json", "-q", "--repo", ".", "ls")

    assert filled("log", "two", "-a", "digits") == (0, "digits:v1\n", "same content as digits:v1: no new version\n")


# Which repository.


def test_the_repository_is_looked_for_upwards(filled: Any) -> None:
    deep = filled.home / "a" / "b"
    deep.mkdir(parents=True)

    assert filled("-C", "a/b", "resolve", "digits").out == "digits:v1\n"
    assert filled("resolve", "-C", str(deep), "digits").out == "digits:v1\n"


def test_the_nearest_repository_is_taken(filled: Any) -> None:
    filled.must("init", "inner")
    (filled.home / "inner" / "deep").mkdir()

    assert filled("-C", "inner/deep", "ls").out == ""


def test_paths_are_relative_to_the_folder_entered(filled: Any, model: Model) -> None:
    model("sub/m", {"w": b"1"})

    assert filled("-C", "sub", "log", "m", "-a", "inner").out == "inner:v0\n"
    assert filled("-C", "sub", "get", "inner").out == f"{filled.home}/sub/inner-v0\n"


@pytest.mark.parametrize("location", [".", ".mreg", "absolute"])
def test_repo_names_the_folder_or_the_repository_itself(filled: Any, tmp_path: Path, location: str) -> None:
    place = str(filled.home / ".mreg") if location == "absolute" else os.path.join(filled.home, location)

    assert filled("-C", str(tmp_path), "--repo", place, "resolve", "digits").out == "digits:v1\n"


def test_the_environment_chooses_and_the_option_wins(
    filled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.must("init", str(tmp_path / "other"))
    monkeypatch.setenv("MREG_REPO", str(tmp_path / "other"))

    assert filled("ls").out == ""
    assert filled("--repo", str(filled.home), "resolve", "digits").out == "digits:v1\n"


@pytest.mark.parametrize("line", ["ls", "log . -a a", "use a", "fsck", "gc", "config ls", "alias ls"])
def test_without_a_repository_commands_say_how_to_get_one(bare: Any, line: str) -> None:
    before = sorted(bare.home.rglob("*"))

    result = bare(*line.split())

    assert (result.code, result.out) == (3, "")
    assert result.errors == (
        f"error: there is no mreg repository in {bare.home} or above it\n"
        "hint: make one with `mreg init`, or choose one with `-C DIR`, `--repo` or MREG_REPO\n"
    )
    assert sorted(bare.home.rglob("*")) == before


# Pipes and terminals.


@pytest.mark.parametrize(
    "line",
    [
        "ls",
        "ls digits",
        "show digits:v1",
        "show Classifier",
        "files digits",
        "alias ls",
        "history",
        "diff digits:v0 digits",
    ],
)
def test_pipes_get_plain_text_without_wrapping(filled: Any, line: str) -> None:
    result = filled.process(*line.split(), env={**os.environ, "COLUMNS": "20", "TERM": "xterm-256color"})

    assert result.code == 0
    assert "\x1b" not in result.out + result.errors
    assert result.out == filled(*line.split()).out or "history" in line or "ls digits" in line
    assert not any(char in result.out for char in "━│╭")


def test_terminals_get_headings_and_colours(filled: Any) -> None:
    shown = filled.terminal("ls", "digits").out

    lines = COLOUR.sub("", shown).splitlines()
    assert lines[0].split() == ["version", "aliases", "size", "files", "age", "message"]
    assert lines[1].split() == ["v0", "best", "302", "B", "2", "just", "now", "first"]
    assert COLOUR.search(shown)


def test_terminals_get_the_card_rendered(filled: Any) -> None:
    shown = COLOUR.sub("", filled.terminal("card", "Classifier").out)

    assert "Tells digits." in shown
    assert "*digits*" not in shown


def test_errors_are_red_on_terminals_only(filled: Any) -> None:
    assert filled.terminal("resolve", "nope").out.startswith("\x1b[31merror:\x1b[0m ")
    assert filled.process("resolve", "nope").errors.startswith("error: ")


@pytest.mark.parametrize(
    "line", ["ls digits", "resolve nope", "card Classifier", "--help", "log --help", "log --no-color --help"]
)
@pytest.mark.parametrize("way", ["NO_COLOR", "option"])
def test_no_colour_where_none_is_wanted(filled: Any, line: str, way: str) -> None:
    if way == "NO_COLOR":
        shown = filled.terminal(*line.split(), environment={"NO_COLOR": "1"}).out
    else:
        shown = filled.terminal("--no-color", *line.split()).out

    assert COLOUR.findall(shown) == []


def test_json_is_plain_on_terminals_too(filled: Any) -> None:
    import json

    shown = filled.terminal("ls", "--json").out

    assert "\x1b" not in shown
    assert sorted(json.loads(shown)) == ["artifacts", "models"]


def test_long_work_shows_progress_on_terminals_only(mreg: Any) -> None:
    with (mreg.home / "big.bin").open("wb") as file:
        for n in range(96):
            file.write(n.to_bytes(1, "little") * 1000 + os.urandom((1 << 20) - 1000))
    code = (
        "import sys, mreg.cli.progress as p; p.PATIENCE = 0; sys.argv[0] = 'mreg';"
        "from mreg.__main__ import main; sys.exit(main())"
    )

    piped = mreg.process("log", "big.bin", "-a", "piped")
    os.utime(mreg.home / "big.bin")  # else it is known by its stat, and not read again
    mreg.line = lambda *command: [__import__("sys").executable, "-c", code, *command]
    shown = mreg.terminal("log", "big.bin", "-a", "shown")
    os.utime(mreg.home / "big.bin")
    quiet = mreg.terminal("-q", "log", "big.bin", "-a", "quiet")

    assert piped.errors == "piped:v0  96.0 MiB in 1 file, 96.0 MiB new\n"
    assert re.search(r"logging.*/96\.0 MiB", COLOUR.sub("", shown.errors))
    assert COLOUR.sub("", shown.out) == "shown:v0  96.0 MiB in 1 file, 0 B new\nshown:v0\n"
    assert quiet[1:] == ("quiet:v0\n", "")


def test_letters_that_the_output_lacks_are_shown_as_escapes(mreg: Any) -> None:
    mreg.must("artifact", "create", "a", "-d", "größer")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}

    assert "gr\\xf6\\xdfer" in mreg.process("artifact", "show", "a", env=environment).out
    document = mreg.process("--json", "artifact", "show", "a", env=environment)
    assert document.json["description"] == "größer"


def test_control_characters_are_shown_and_not_obeyed(filled: Any) -> None:
    filled.must("annotate", "digits", "-m", "\x1b]0;title\x07 \x1b[31mred")

    for result in (filled("show", "digits:v1"), filled("ls", "digits"), filled("search", "title")):
        assert result.code == 0
        assert "\x1b" not in result.out
        assert "\\x1b" in result.out
    assert "\x1b]" not in filled.terminal("ls", "digits").out
    bad = filled("resolve", "a\x1b[31m")
    assert (bad.code, "\x1b" in bad.errors) == (2, False)


def test_column_headings_are_shown_and_not_obeyed(filled: Any) -> None:
    key = "[red]\x1b]0;title\x07\tx"
    filled.must("annotate", "digits", "--meta", f"{key}=1")

    unknown = filled.terminal("ls", "digits", "--columns", f"{key}y").out
    shown = filled.terminal("ls", "digits", "--columns", key).out

    assert not any("\x1b]" in text or "\t" in text for text in (shown, unknown))
    assert "[red]\\x1b]0;title\\x07\\tx" in COLOUR.sub("", shown)


DRIVERS = "\x1b]52;c;QUFB\x07 \x9b31m \x7f \u202e \u2028"


def assert_undriven(shown: str) -> None:
    """Nothing of DRIVERS is obeyed; the colours and links of mreg's own may be there."""
    assert "\x1b]52" not in shown
    assert not set(shown) & set("\x07\x9b\x7f\u202e\u2028")


def test_a_card_cannot_drive_the_terminal_and_goes_unchanged_into_pipes(filled: Any) -> None:
    card = f"# Card {DRIVERS}\r\n\nno\xa0break &#8238; <http://x/%1b[31mred>\n\n```\n{DRIVERS}\n```\n"
    (filled.home / "card.md").write_text(card, newline="")
    filled.must("card", "Classifier", "--file", "card.md")

    for line in ("card Classifier", "show Classifier", "model show Classifier"):
        shown = filled.terminal(*line.split())
        assert shown.code == 0
        assert_undriven(shown.out)
        assert "\x1b[31mred" not in shown.out
        assert "\\x1b]52;c;QUFB\\x07" in COLOUR.sub("", shown.out), "it is shown"
        assert "no\xa0break" in shown.out
    with filled.start("card", "Classifier") as process:
        assert process.stdout.read() == card.encode()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_metadata_keys_cannot_drive_the_terminal_nor_make_lines(filled: Any) -> None:
    filled.must("annotate", "digits:v0", "--meta", f"k{DRIVERS}\nauthor:=1")

    for result, own in ((filled("show", "digits:v0"), 1), (filled.terminal("show", "digits:v0"), 0)):
        assert (result.code, result.errors) == (0, "")
        assert_undriven(result.out)
        assert "\\x1b]52;c;QUFB\\x07" in result.out
        assert len([line for line in result.out.splitlines() if line.startswith("author:")]) == own


def test_json_cannot_drive_the_terminal_and_tells_the_text_exactly(filled: Any) -> None:
    import json

    filled.must("annotate", "digits", "-m", f"größer {DRIVERS}\u2066")

    for result in (filled.terminal("--json", "show", "digits:v1"), filled("--json", "show", "digits:v1")):
        assert (result.code, result.errors) == (0, "")
        assert_undriven(result.out)
        assert "\u2066" not in result.out and "größer" in result.out
        assert json.loads(result.out)["message"] == f"größer {DRIVERS}\u2066"


def test_nothing_breaks_out_of_its_cell(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    forged = "x\n99\tforged\r\x1b"
    monkeypatch.setenv("MREG_AUTHOR", forged)
    filled.must("artifact", "describe", "digits", forged)
    filled.must("model", "describe", "Classifier", forged)
    filled.must("annotate", "digits:v0", "--meta", f"note={forged}")
    tables = {  # columns of each
        "history": 7,
        "ls digits --columns note": 7,
        "ls Classifier --columns note": 8,
        "artifact ls": 5,
        "model ls": 6,
        "search x": 4,
        "diff digits:v0 digits:v1": 3,
    }

    for line, columns in tables.items():
        piped, shown = filled(*line.split()), filled.terminal(*line.split())

        assert (piped.code, shown.code) == (0, 0), line
        rows = piped.out.splitlines()
        assert {row.count("\t") + 1 for row in rows} == {columns}, line
        assert any("x\\n99\\tforged\\r\\x1b" in row for row in rows), line
        lines = COLOUR.sub("", shown.out).split("\n")
        assert not any(row.lstrip().startswith(("99", "forged")) for row in lines), line
        assert "\t" not in shown.out and "\r" not in shown.out


def test_verbose_tells_which_repository_is_used(filled: Any) -> None:
    assert filled("-v", "resolve", "digits").errors == f"repository: {filled.home / '.mreg'}\n"
    assert filled("-v", "-q", "resolve", "digits").errors == ""
