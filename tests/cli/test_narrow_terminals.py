"""What a person reads at 40 and 80 columns: lines are wrapped between words, and nothing that matters is cut."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from mreg.cli.layout import width_of


def lines(mreg: Any, width: int, *command: str) -> list[str]:
    shown = mreg.terminal(*command, environment={"COLUMNS": str(width), "NO_COLOR": "1"})
    assert shown.code == 0, shown
    found: list[str] = shown.out.splitlines()
    return found


@pytest.mark.parametrize("width", [40, 80, 140])
def test_the_files_of_a_version_are_a_table(filled: Any, width: int) -> None:
    # when
    short, full = lines(filled, width, "files", "digits:v0"), lines(filled, width, "files", "digits:v0", "--full")
    piped = filled.must("files", "digits:v0").splitlines()

    # then
    digest = piped[0].split("\t")[0]
    assert short[0].split() == ["digest", "size", "path"]
    assert short[1].split() == [digest[:12], "2", "B", "config/arch.json"]
    assert max(map(len, short)) <= width
    assert len(digest) == 64 and any(digest in line for line in full)
    assert filled.must("files", "digits:v0", "--full").splitlines() == piped


@pytest.mark.parametrize("width", [40, 80, 140])
def test_the_history_is_wrapped(filled: Any, width: int) -> None:
    # given
    filled.must("alias", "set", "prod", "Classifier:v0", "-m", "canary was clean for 24 hours, and nobody complained")
    filled.must("tag", "add", "Classifier", "a-rather-long-tag", "another-long-tag", "-m", "words " * 20)

    # when
    shown = lines(filled, width, "history")

    # then
    assert max(len(line) for line in shown if not line.startswith("`")) <= width
    text = " ".join(" ".join(shown).split())
    assert "tags of Classifier: + a-rather-long-tag, + another-long-tag" in text
    assert "words " * 19 in text


@pytest.mark.parametrize("width", [40, 80])
def test_digests_are_wrapped_and_whole(filled: Any, width: int) -> None:
    digest = filled("--json", "show", "digits:v0").json["digest"]

    shown = lines(filled, width, "show", "digits:v0")

    assert max(map(len, shown)) <= width
    assert digest in "".join(line.removeprefix("digest").strip() for line in shown)


def test_the_meaning_of_a_setting_is_not_cut(mreg: Any) -> None:
    for width in (40, 80):
        shown = lines(mreg, width, "config", "ls")
        assert max(map(len, shown)) <= width
        assert "…" not in "".join(shown)
        assert "how long gc keeps unreachable data" in " ".join(" ".join(line[20:] for line in shown).split())


@pytest.mark.parametrize("width", [40, 60, 140])
def test_tensors_that_fit_no_line_take_several(mreg: Any, model: Callable[..., str], width: int) -> None:
    # given
    name = "model.layers.10.self_attn.q_proj.weight"
    for number, scale in enumerate((1, 2)):
        weights = np.arange(1, 5001, dtype="f4") * scale
        mreg.must("log", model(f"m{number}", {"m.safetensors": save({name: weights})}), "-a", "net")

    # when
    shown = lines(mreg, width, "diff", "net:v0", "net:v1", "--tensors")

    # then
    assert max(len(line) for line in shown if name not in line and "->" not in line) <= width
    assert any(name in line for line in shown)
    assert "[5000]" in " ".join(shown) and "100 %" in " ".join(shown)


EXPRESSION = "metrics.accuracy_of_the_set > 0.9 and params.rate_of_the_schedule < 3 or size >> 4 and params.other = 5"


@pytest.mark.parametrize(("width", "expression"), [(40, EXPRESSION), (80, EXPRESSION), (40, "学習率" * 9 + " >> 3")])
def test_the_place_of_an_error_in_a_filter_is_marked_on_one_line(filled: Any, width: int, expression: str) -> None:
    # when
    shown = filled.terminal("ls", "digits", "--where", expression, environment={"COLUMNS": str(width), "NO_COLOR": "1"})

    # then
    line, carets = shown.out.splitlines()[1:3]
    assert max(map(width_of, (line, carets))) <= width
    assert carets.strip() == "^"
    before = line[: line.index(">>") + 1]
    assert width_of(before) == carets.index("^"), shown.out


@pytest.mark.parametrize("width", [40, 80])
def test_the_names_of_a_renamed_tensor_are_wrapped(mreg: Any, model: Callable[..., str], width: int) -> None:
    # given
    weights = np.arange(1, 5001, dtype="f4")
    names = "model.layers.10.attn.q_proj.weight", "model.layers.10.attention.query.w"
    for number, name in enumerate(names):
        mreg.must("log", model(f"m{number}", {"m.safetensors": save({name: weights})}), "-a", "net")

    # when
    shown = lines(mreg, width, "diff", "net:v0", "net:v1", "--tensors")

    # then
    assert max(map(len, shown[1:])) <= width
    assert f"{names[0]} -> {names[1]}" in " ".join(" ".join(shown).split())


def test_one_long_name_does_not_take_the_table_from_the_others(filled: Any) -> None:
    # given
    long = "a-name-that-is-longer-than-any-other-one-is-and-was-made-by-a-program"
    filled.must("artifact", "create", long)

    # when
    shown = lines(filled, 80, "ls")

    # then
    assert shown[0].split()[:3] == ["name", "kind", "latest"]
    assert long in shown
    assert next(line for line in shown if line.startswith("digits")).split()[1:3] == ["artifact", "v1"]


@pytest.mark.parametrize("width", [40, 80, 140])
def test_the_history_of_an_alias_fits(mreg: Any, model: Callable[..., str], width: int) -> None:
    # given
    log = ["log", model(), "-a", "llama-3-8b-instruct-sft", "--always", "--alias", "first-stable", "-m"]
    mreg.must(*log, "first of all")
    mreg.must(*log, "and " * 30)

    # when
    shown = lines(mreg, width, "history", "llama-3-8b-instruct-sft:first-stable")

    # then
    assert max(map(len, shown)) <= width
    text = " ".join(" ".join(shown).split())
    assert "v0 llama-3-8b-instruct-sft:v0 20" in text and "and " * 29 in text and "first of all" in text


@pytest.mark.parametrize("width", [40, 80, 140])
def test_an_error_and_its_hint_are_wrapped_between_words(filled: Any, width: int) -> None:
    # given
    command = ("alias", "set", "production", "digits:v0", "--expect", "v9")
    piped = filled(*command).errors.splitlines()

    # when
    shown = filled.terminal(*command, environment={"COLUMNS": str(width), "NO_COLOR": "1"})

    # then
    found = shown.out.splitlines()
    copied = [text for text in re.findall("`[^`]*`", "".join(piped)) if len(text) + 6 <= width]
    assert shown.code == 7
    assert [" ".join(line.split()) for line in piped] == [
        " ".join(line.split()) for line in re.sub(r"\n {6,}", " ", shown.out).splitlines()
    ]
    assert len(piped) == 2, "in a pipe nothing is wrapped"
    assert all(any(text in line for line in found) for text in copied)
    assert all(len(line) <= width or "`" in line for line in found)


def test_a_quoted_text_is_not_broken(filled: Any) -> None:
    name = "a name with blanks that is longer than a line of this terminal"

    shown = filled.terminal("show", name, environment={"COLUMNS": "40", "NO_COLOR": "1"})

    assert shown.code == 2
    assert name in shown.out


@pytest.mark.parametrize("width", [40, 80, 140])
@pytest.mark.parametrize("command", ["fsck", "gc --keep-best max:m.acc:1", "log two -a digits --ttl 1d"])
def test_notes_are_wrapped_between_words(filled: Any, width: int, command: str) -> None:
    # given
    piped = filled(*command.split(" "))

    # when
    shown = filled.terminal(*command.split(" "), environment={"COLUMNS": str(width), "NO_COLOR": "1"})

    # then
    notes = [line for line in shown.out.splitlines() if line not in piped.out.splitlines()]
    assert shown.code == piped.code == 0
    assert re.sub(r"\n +", " ", "\n".join(notes)) == piped.errors.strip("\n"), "in a pipe nothing is wrapped"
    assert all(width_of(line) <= width or line.lstrip().startswith("`") for line in notes), notes
    assert len(notes) > piped.errors.count("\n") or max(map(width_of, piped.errors.splitlines())) <= width


def test_the_rest_of_a_wrapped_row_of_notes_is_indented(filled: Any) -> None:
    filled.must("alias", "set", "a-name-that-takes-most-of-the-line", "digits:v1")

    shown = filled.terminal("rm", "digits:v1", "--force", environment={"COLUMNS": "44", "NO_COLOR": "1"})

    assert shown.code == 0
    assert "\n  digits:a-name-that-takes-most-of-the-line\n    was v1\n" in shown.out
