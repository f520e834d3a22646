"""What is said of a change beside the refs that it moved: how to take it back, and what went with what was deleted."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from mreg import MregError, Repository
from mreg.cli.commands.fetch import _holds_more


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["log", "two", "-a", "digits", "-m", "again"], "  message of digits:v1  second -> again\n"),
        (["annotate", "digits:v1", "-m", "again"], "message of digits:v1  second -> again\n"),
        (["tag", "add", "digits:v1", "keep"], "tags of digits:v1  + keep\n"),
        (["model", "describe", "Classifier", "digits"], 'description of Classifier  "" -> digits\n'),
    ],
)
def test_a_change_of_what_is_said_can_be_taken_back(filled: Any, command: list[str], told: str) -> None:
    # when
    result = filled(*command)

    # then
    assert result.code == 0
    assert result.errors.endswith(f"{told}`mreg undo 6` takes it back\n")
    filled.must("undo", "6")


def test_the_tags_and_the_description_of_a_deleted_model_are_named(filled: Any) -> None:
    # given
    filled.must("model", "describe", "Classifier", "of digits")

    # when
    result = filled("model", "rm", "Classifier", "--force")

    # then
    assert (result.code, result.out) == (0, "Classifier\n")
    assert result.errors == (
        "deleted model Classifier, and with it\n"
        "  Classifier:prod            was v0 (digits:v0)\n"
        "  Classifier:v0              was digits:v0\n"
        "  card of Classifier         +0 -3 lines\n"
        "  description of Classifier  of digits -> none\n"
        "  tags of Classifier         - vision\n"
        "`mreg undo 7` restores it\n"
    )
    rows = [row.split("\t")[4:6] for row in filled.must("history", "--since", "6").splitlines()]
    assert rows[-3:] == [
        ["Classifier", "deleted registered model"],
        ["description of Classifier", "of digits -> none"],
        ["tags of Classifier", "- vision"],
    ]


@pytest.mark.parametrize(
    ("first", "second", "what", "now"),
    [
        ("alias set new digits:v0", "alias set new digits:v1", "alias 'digits:new'", "v1"),
        (
            "model describe Classifier one",
            "model describe Classifier two",
            "registered model 'Classifier'",
            "different",
        ),
        ("tag add digits:v0 one", "tag add digits:v0 two", "the annotation of digits:v0", "different"),
        ("link digits:v1 Classifier", "unlink Classifier:v1", "link 'Classifier:v1'", "deleted"),
        ("config set gc.grace 3d", "config set gc.grace 4d", "the settings", "different"),
    ],
)
def test_what_cannot_be_undone_is_named_in_the_words_of_people(
    filled: Any, unchanged: Callable[[], Any], first: str, second: str, what: str, now: str
) -> None:
    # given
    filled.must(*first.split())
    filled.must(*second.split())

    # when
    with unchanged():
        result = filled("undo", "6")

    # then
    assert (result.code, result.out) == (4, "")
    assert f"error: entry 6 cannot be undone: entry 7 has changed {what} since; it is {now} now\n" in result.errors


def test_what_is_left_out_for_its_name_is_told(mreg: Any, model: Callable[..., str]) -> None:
    # given
    folder = model("m", {"w": b"1", ".git/config": b"", "sub/.GIT/config": b"", "sub/x": b"2"})

    # when
    result = mreg("log", folder, "-a", "mnist")
    with_json = mreg("--json", "log", folder, "-a", "mnist")
    excluded = mreg("log", folder, "-a", "mnist", "--exclude", ".git", "--exclude", ".GIT")

    # then
    assert (result.code, result.out) == (0, "mnist:v0\n")
    assert result.errors.endswith("left out, as versions cannot contain it: sub/.GIT, .git\n")
    assert [one["kind"] for one in with_json.json["noticed"]] == ["reserved", "reserved"]
    assert "left out" not in excluded.errors
    assert [row.split("\t")[2] for row in mreg.must("files", "mnist").splitlines()] == ["sub/x", "w"]


@pytest.mark.parametrize(("folder", "is_hinted"), [("out", True), (".", False), ("..", False), ("/", None)])
def test_exact_is_not_proposed_for_a_folder_that_people_work_in(
    filled: Any, folder: str, is_hinted: bool | None
) -> None:
    # given
    if is_hinted is None:  # nobody writes to / in a test: what is asked is whether it would be proposed
        assert _holds_more("/", str(filled.home / ".mreg"))
        return
    (filled.home / folder).mkdir(exist_ok=True)
    (filled.home / folder / "other").write_bytes(b"")

    # when
    result = filled("get", "digits", "-o", folder)

    # then
    assert result.code == 0
    assert "other" in result.errors
    assert ("mreg get --exact" in result.errors) == is_hinted


def test_a_check_says_that_it_did_not_read_the_bytes_of_files(filled: Any) -> None:
    plain, full, repaired = filled("fsck"), filled("fsck", "--full"), filled("fsck", "--repair")

    assert plain.errors.startswith("no damage found; ")
    assert plain.errors.endswith(", but not at the bytes of files (--full)\n")
    assert repaired.errors.startswith("no damage left; ")
    assert repaired.errors.endswith(", but not at the bytes of files (--full)\n")
    assert "--full" not in full.errors


def test_a_python_program_is_told_what_to_do_about_an_error(filled: Any) -> None:
    # given
    with Repository.open(filled.home) as repo, pytest.raises(MregError) as raised:
        # when
        repo.resolve("digits:bst")

    # then
    assert raised.value.hint == "did you mean `best`?"
    shown = "".join(traceback.format_exception(raised.value))
    assert shown.endswith("UnknownAlias: 'digits' has no alias 'bst'\nhint: did you mean `best`?\n")
    raised.value.add_note("seen in a test")
    assert raised.value.__notes__ == ["hint: did you mean `best`?", "seen in a test"]


def test_what_is_undone_already_is_told_and_no_ring_of_hints(filled: Any, unchanged: Callable[[], Any]) -> None:
    # given
    filled.must("alias", "set", "best", "digits:v1")
    filled.must("undo", "6")

    # when
    with unchanged():
        result = filled("undo", "6")

    # then
    assert result == (
        6,
        "",
        "error: entry 6 was already undone, by entry 7\nhint: `mreg undo 7` makes the change again\n",
    )
