"""`mreg alias rollback`: to where the alias was before, judged by the journal."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

Unchanged = Callable[[], Any]


@pytest.fixture
def moved(mreg: Any, model: Callable[..., str]) -> Any:
    """Entries 1 to 4 log v0 to v3 of `mnist`, and 1 sets `prod` to v0; 5, 6 and 7 move it to v1, v2 and v3."""
    for n in range(4):
        first = ["--alias", "prod"] if n == 0 else []
        mreg.must("log", model(f"m{n}", {"w": b"%d" % n}), "-a", "mnist", *first)
    for n in (1, 2, 3):
        mreg.must("alias", "set", "prod", f"mnist:v{n}")
    return mreg


def back(cli: Any, *options: str) -> str:
    return str(cli.must("alias", "rollback", "prod", "mnist", *options).strip())


def test_the_alias_is_where_it_was_and_how_to_take_it_back_is_told(moved: Any) -> None:
    result = moved("alias", "rollback", "prod", "mnist", "-m", "v3 is slow")

    assert result == (0, "mnist:v2\n", "mnist:prod  v3 -> v2\n`mreg undo 8` takes it back\n")
    assert moved.must("resolve", "mnist:prod") == "mnist:v2\n"
    assert moved.must("history", "mnist:prod").splitlines()[-1].split("\t")[5] == "v3 is slow"


def test_a_second_rollback_goes_further_back(moved: Any) -> None:
    assert [back(moved) for _ in range(3)] == ["mnist:v2", "mnist:v1", "mnist:v0"]


def test_several_steps_at_once(moved: Any) -> None:
    assert back(moved, "--steps", "3") == "mnist:v0"


def test_a_rollback_that_was_undone_does_not_count(moved: Any) -> None:
    back(moved)
    moved.must("undo", "8")
    assert moved.must("resolve", "mnist:prod") == "mnist:v3\n"

    assert back(moved) == "mnist:v2"


def test_a_move_that_was_undone_does_not_count(moved: Any) -> None:
    moved.must("undo", "7")

    assert back(moved) == "mnist:v1"


def test_a_place_that_somebody_went_back_to_by_hand_counts(moved: Any) -> None:
    moved.must("alias", "set", "prod", "mnist:v0")

    assert back(moved) == "mnist:v3"


def test_what_is_before_a_rename_is_found(moved: Any) -> None:
    moved.must("artifact", "rename", "mnist", "digits")

    assert moved.must("alias", "rollback", "prod", "digits") == "digits:v2\n"


def test_an_alias_that_was_removed_comes_back(moved: Any) -> None:
    moved.must("alias", "rm", "prod", "mnist")

    assert back(moved, "--expect", "none") == "mnist:v3"
    assert back(moved) == "mnist:v2"


def test_an_alias_of_a_registered_model_goes_back_to_its_link(moved: Any) -> None:
    moved.must("link", "mnist:v1", "digits", "--alias", "live")
    moved.must("link", "mnist:v3", "digits", "--alias", "live")

    assert moved.must("alias", "rollback", "live", "digits") == "digits:v0\n"
    assert moved.must("resolve", "digits:live") == "mnist:v1\n"


def test_json_is_that_of_alias_set(moved: Any) -> None:
    done = moved("--json", "alias", "rollback", "prod", "mnist").json

    assert {key: done[key] for key in ("name", "alias", "number", "before", "version", "seq")} == {
        "name": "mnist",
        "alias": "prod",
        "number": 2,
        "before": 3,
        "version": "mnist:v2",
        "seq": 8,
    }


@pytest.mark.parametrize(
    ("arguments", "code", "error", "hint"),
    [
        (["prod", "mnist", "--expect", "v0"], 7, "mnist:prod is at v3, not at v0", "`mreg alias ls`"),
        (
            ["prod", "mnist", "--steps", "4"],
            3,
            "mnist:prod cannot go back 4 (earlier versions: 3)",
            "`mreg history mnist:prod` shows where it was",
        ),
        (["none", "mnist"], 3, "'mnist' has no alias 'none'", ""),
        (["prod", "mnits"], 3, "there is no artifact or registered model 'mnits'", "did you mean `mnist`?"),
        (["prod", "mnist", "--steps", "0"], 2, "0 is less than 1", ""),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    moved: Any, unchanged: Unchanged, arguments: list[str], code: int, error: str, hint: str
) -> None:
    with unchanged():
        result = moved("alias", "rollback", *arguments)

    assert (result.code, result.out) == (code, "")
    assert error in result.errors
    assert hint in result.errors


def test_a_place_that_was_deleted_is_named_and_not_skipped(moved: Any, unchanged: Unchanged) -> None:
    moved.must("rm", "mnist:v2")

    with unchanged():
        result = moved("alias", "rollback", "prod", "mnist")

    assert (result.code, result.out) == (3, "")
    assert "version v2 of 'mnist' was deleted\nhint: `--steps 2` goes back further" in result.errors
    assert back(moved, "--steps", "2") == "mnist:v1"


def test_tables_are_not_asked(moved: Any) -> None:
    shutil.rmtree(moved.home.parent / "cache")

    assert back(moved) == "mnist:v2"
