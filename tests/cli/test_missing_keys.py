"""What `!=` leaves out, as the key is not there, is told on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg import LeftOut, Repository

NOTE = "2 versions have no params.arch; \"not params.arch = 'vit'\" includes them\n"


@pytest.fixture
def mixed(mreg: Any, model: Callable[..., str]) -> Any:
    """Four versions of `mnist`: a vit, a resnet, and two that do not say what they are."""
    for n, said in enumerate((["params.arch=vit"], ["params.arch=resnet"], [], ["k=1"])):
        options = [word for one in said for word in ("--meta", one)]
        mreg.must("log", model("m", {"w": b"%d" % n}), "-a", "mnist", *options)
    return mreg


@pytest.mark.parametrize("command", [["ls", "mnist"], ["search"], ["search", "--in", "mnist", "--sort", "number"]])
def test_a_terminal_tells_what_is_left_out(mixed: Any, command: list[str]) -> None:
    shown = mixed.terminal(*command, "--where", "params.arch != 'vit'", environment={"NO_COLOR": "1"})

    assert shown.code == 0
    assert shown.out.endswith(NOTE)


@pytest.mark.parametrize(
    "expression",
    ["not params.arch = 'vit'", "params.arch = 'vit'", "has params.arch and params.arch != 'vit'", "tag != 'x'"],
)
def test_nothing_is_told_where_nothing_is_left_out(mixed: Any, expression: str) -> None:
    assert "takes" not in mixed.terminal("ls", "mnist", "--where", expression).out


def test_a_pipe_gets_no_note(mixed: Any) -> None:
    result = mixed("ls", "mnist", "--where", "params.arch != 'vit'")

    assert (result.code, result.errors) == (0, "")


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("params.arch != 'vit'", [LeftOut("params.arch", 2, "not params.arch = 'vit'")]),
        ("params.arch !~ 'x' and number > 2", [LeftOut("params.arch", 1, "not params.arch ~ 'x'")]),
        ("params.arch not in ('vit') or k != 2", [LeftOut("params.arch", 1, "not params.arch in ('vit')")]),
        ("not (params.arch != 'vit')", []),
    ],
)
def test_only_what_the_other_test_would_take_is_counted(mixed: Any, where: str, found: list[LeftOut]) -> None:
    if "~" in where:
        pytest.importorskip("re2")
    with Repository.open(mixed.home) as repo:
        assert repo.left_out(where=where)[: len(found) or None] == found
