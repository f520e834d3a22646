"""`--columns`, `--sort` and other options that would otherwise be left without effect."""

from __future__ import annotations

import shutil
from typing import Any

import pytest


@pytest.mark.parametrize("asked", ["m.ac", "m.acc,m.ac", "nothing"])
@pytest.mark.parametrize("command", [["ls", "digits"], ["ls", "Classifier"], ["ls", "digits", "--at", "2"], ["search"]])
def test_a_column_that_no_version_has_is_an_error(filled: Any, command: list[str], asked: str) -> None:
    # when
    result = filled(*command, "--columns", asked)

    # then
    assert (result.code, result.out) == (2, "")
    assert f"error: no version has the key `{asked.rpartition(',')[2]}`\n" in result.errors
    assert asked == "nothing" or "did you mean `m.acc`?" in result.errors


def test_a_column_that_only_versions_have_that_are_not_shown_is_empty(filled: Any) -> None:
    # given
    filled.must("annotate", "digits:v0", "--meta", "lr=1")

    # when, then
    assert filled.must("ls", "digits", "--limit", "1", "--columns", "lr").split("\t")[5:] == ["", "second\n"]


def test_a_column_may_be_asked_for_before_anything_is_logged(filled: Any) -> None:
    # given
    filled.must("artifact", "create", "empty")

    # when, then
    assert filled("ls", "empty", "--columns", "m.acc") == (0, "", "")


def test_a_field_is_shown_once(filled: Any) -> None:
    # when
    plain, with_fields, with_author = (
        filled.must("ls", "digits", *more)
        for more in ([], ["--columns", "size,alias,created"], ["--columns", "size,run"])
    )

    # then
    assert with_fields == plain
    assert [row.split("\t")[5] for row in with_author.splitlines()] == ["", "r1"]


def test_a_field_of_versions_is_shown_of_links(filled: Any) -> None:
    [row] = filled.must("ls", "Classifier", "--columns", "alias,artifact,size").splitlines()

    assert row.split("\t")[:3] == ["v0", "prod", "digits:v0"]
    assert row.split("\t")[6:] == ["digits", "first"]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("ls --columns m.acc", "--columns: requires the name of an artifact or a model"),
        ("ls --sort size", "--sort: requires the name of an artifact or a model"),
        ("ls digits --keys --limit 1", "--keys: cannot be combined with --limit"),
        ("ls digits --keys --tag x", "--keys: cannot be combined with --tag"),
        ("ls digits --count --columns m.acc", "--count: cannot be combined with --columns"),
        ("search x --keys", "--keys: cannot be combined with TEXT"),
        ("search --count --sort size --limit 1", "--count: cannot be combined with --sort or --limit"),
        ("search --kind model --columns m.acc", "--kind model: cannot be combined with --columns"),
        ("search --kind artifact --in digits", "--kind artifact: cannot be combined with --in"),
        ("search x --path one", "--path: cannot be combined with TEXT"),
        ("search --path one --sort size", "--path: cannot be combined with --sort"),
        ("use digits:best --sort size", "cannot sort by 'size': the reference selects a single version"),
        ("get digits:v0 --where size>0 --sort size", "cannot sort by 'size': the reference selects a single version"),
        ("ls digits --sort m.ac", "no version has the key `m.ac`"),
    ],
)
def test_an_option_without_effect_is_refused(filled: Any, command: str, told: str) -> None:
    # when
    result = filled(*command.split())

    # then
    assert (result.code, result.out) == (2, "")
    assert result.errors.startswith(f"error: {told}")


def test_search_without_a_filter_shows_what_differs(filled: Any) -> None:
    assert [row.split("\t")[5] for row in filled.must("search", "--only-changed").splitlines()] == ["0.9", "0.8"]


def test_a_key_that_is_mistyped_in_has_is_an_error_with_the_near_one(filled: Any) -> None:
    # when
    result = filled("ls", "digits", "--where", "has m.ac")

    # then
    assert (result.code, result.out) == (2, "")
    assert result.errors.endswith("hint: did you mean `m.acc`?\n")


@pytest.mark.parametrize(
    "command", ["ls", "ls digits", "search", "history", "alias ls", "model ls", "tag ls", "du", "show digits:v0"]
)
def test_a_repository_that_lost_its_journal_is_damaged_and_not_new(filled: Any, command: str) -> None:
    # given
    shutil.rmtree(filled.home / ".mreg" / "journal")
    shutil.rmtree(filled.home.parent / "cache")

    # when
    result = filled(*command.split())

    # then
    assert (result.code, result.out) == (5, "")
    assert "error: journal entry 1 is damaged: it is missing" in result.errors
