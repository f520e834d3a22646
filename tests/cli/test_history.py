"""`mreg history` speaks of what people did: what moved from where to where, who did it when, and why."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mreg.operations import history as module
from mreg.operations.history import ACTIONS
from mreg.repository import Repository

Unchanged = Callable[[], Any]
REASON = "canary was clean\nfor 24 hours"


@pytest.fixture
def told(filled: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """After the five entries of `filled`: 6 a promotion with its reason, 7 one by eve, 8 tags, 9 a rename, 10 an rm,
    11 its undo."""
    filled.must("link", "digits:v1", "Classifier", "--alias", "prod", "-m", REASON)
    monkeypatch.setenv("MREG_AUTHOR", "eve")
    filled.must("alias", "set", "prod", "Classifier:v0", "-m", "it was slow")
    monkeypatch.setenv("MREG_AUTHOR", "ada")
    filled.must("tag", "add", "Classifier", "on device", "-m", "for search")
    filled.must("artifact", "rename", "digits", "numbers")
    filled.must("rm", "numbers:v1", "--force", "-m", "bad data")
    filled.must("undo", "10")
    return filled


def entries(told: Any, *options: str) -> list[int]:
    """The numbers of the entries that are listed."""
    return [entry["seq"] for entry in told("--json", "history", *options).json["entries"]]


def said(told: Any, seq: int) -> list[list[str]]:
    """What is said of one entry in a pipe."""
    rows = [
        line.split("\t") for line in told.must("history", "--since", str(seq - 1), "--until", str(seq)).splitlines()
    ]
    return [row[4:] for row in rows]


def test_each_change_is_said_in_the_words_of_people(told: Any) -> None:
    reason = REASON.replace("\n", "\\n")
    assert said(told, 6) == [
        ["Classifier:v1", "= digits:v1", reason],
        ["Classifier:prod", "v0 -> v1 (digits:v1)", reason],
    ]
    assert said(told, 7) == [["Classifier:prod", "v1 -> v0 (numbers:v0)", "it was slow"]]
    assert said(told, 8) == [["tags of Classifier", "+ on device", "for search"]]
    assert said(told, 9) == [["digits", "renamed to numbers, v0-v1 with it", ""]]
    assert ["numbers:v1", "deleted", "bad data"] in said(told, 10)
    assert said(told, 11)[0] == ["entry 10 undone", "", ""]
    assert ["numbers:v0", "logged", "first"] in [
        [row[0].replace("digits", "numbers"), *row[1:]] for row in said(told, 1)
    ]


def test_a_terminal_shows_local_time_with_its_zone_and_messages_in_full(
    told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = told.terminal("history", environment={"TZ": "EST5", "NO_COLOR": "1"}).out.splitlines()

    line = next(at for at, text in enumerate(shown) if text.startswith(" 6  "))
    assert re.match(r" 6  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d EST  \w+ +Classifier:v1 = digits:v1$", shown[line])
    assert [text.strip() for text in shown[line + 1 : line + 4]] == [
        "Classifier:prod v0 -> v1 (digits:v1)",
        "canary was clean",
        "for 24 hours",
    ]
    assert shown[-1] == "`mreg undo 11` takes the last one back"


def test_a_pipe_gets_times_in_utc(told: Any) -> None:
    for line in told.must("history").splitlines():
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.split("\t")[1])


def test_an_alias_has_its_own_history(told: Any) -> None:
    rows = [line.split("\t") for line in told.must("history", "Classifier:prod").splitlines()]

    assert [(row[0], row[1], row[5]) for row in rows] == [
        ("v0", "numbers:v0", ""),
        ("v1", "digits:v1", REASON.replace("\n", "\\n")),
        ("v0", "numbers:v0", "it was slow"),
    ]
    assert [row[2] for row in rows[1:]] == [row[3] for row in rows[:-1]], "each period ends where the next begins"
    assert rows[-1][3] == ""
    assert entries(told, "Classifier:prod") == [5, 6, 7]
    shown = told.terminal("history", "Classifier:prod", environment={"COLUMNS": "80", "NO_COLOR": "1"}).out
    assert re.search(r"^v0  numbers:v0  \d{4}-\S+ [\d:]{8} to \d{4}-\S+ [\d:]{8} \S+ +\w+$", shown, re.MULTILINE), shown
    assert re.search(r"^v0  numbers:v0  since \d{4}-.* eve\n      it was slow$", shown, re.MULTILINE)
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    "options",
    [("--since", "7"), ("--until", "1"), ("--author", "nobody"), ("--action", "gc"), ("--since", "7", "--limit", "1")],
)
def test_the_history_of_an_alias_without_a_match_is_empty(told: Any, options: tuple[str, ...]) -> None:
    expected = (0, "", "no change matches\n")

    found = told("history", "Classifier:prod", *options)

    assert found == expected
    assert told("history", "Classifier", "--since", "11", *options[2:]) == expected, "as of a collection"
    assert told.terminal("history", "Classifier:prod", *options).out.splitlines() == ["no change matches"]


@pytest.fixture
def renamed(mreg: Any, model: Callable[..., str]) -> Any:
    """1, 2 two versions of `mnist`, `prod` being v0; 3 `prod` moves to v1; 4 it is renamed to `digits`; 5 `prod` moves
    back; 6 it is renamed to `final`."""
    mreg.must("log", model("one", {"w": b"1"}), "-a", "mnist", "--alias", "prod", "-m", "first")
    mreg.must("log", model("two", {"w": b"2"}), "-a", "mnist")
    mreg.must("alias", "set", "prod", "mnist:v1", "-m", "better")
    mreg.must("artifact", "rename", "mnist", "digits")
    mreg.must("alias", "set", "prod", "digits:v0", "-m", "slow")
    mreg.must("artifact", "rename", "digits", "final")
    return mreg


def test_the_history_of_an_alias_follows_renames(renamed: Any) -> None:
    rows = [line.split("\t") for line in renamed.must("history", "final:prod").splitlines()]

    assert [(row[0], row[1], row[5]) for row in rows] == [
        ("v0", "mnist:v0", "first"),
        ("v1", "mnist:v1", "better"),
        ("v1", "digits:v1", "renamed from mnist"),
        ("v0", "digits:v0", "slow"),
        ("v0", "final:v0", "renamed from digits"),
    ]
    moves = [entry["move"] for entry in renamed("--json", "history", "final:prod").json["entries"]]
    assert [(one["name"], one["old"], one["new"]) for one in moves] == [
        ("mnist:prod", None, "v0"),
        ("mnist:prod", "v0", "v1"),
        ("digits:prod", "v1", "v1"),
        ("digits:prod", "v1", "v0"),
        ("final:prod", "v0", "v0"),
    ]


def test_the_history_of_a_collection_follows_renames(renamed: Any) -> None:
    assert entries(renamed, "final") == [1, 2, 3, 4, 5, 6]
    assert entries(renamed, "final", "--until", "3") == [1, 2, 3]
    assert entries(renamed, "final:prod", "--since", "1", "--until", "4") == [3, 4]
    assert entries(renamed, "final:prod", "--limit", "1") == [6]


def test_a_former_name_has_the_history_up_to_its_end(renamed: Any) -> None:
    rows = [line.split("\t") for line in renamed.must("history", "mnist:prod").splitlines()]

    assert [(row[0], row[5]) for row in rows] == [("v0", "first"), ("v1", "better"), ("none", "renamed to digits")]
    assert entries(renamed, "mnist") == [1, 2, 3, 4]


def test_what_an_alias_was_removed_from_is_told(told: Any) -> None:
    told.must("alias", "rm", "prod", "Classifier", "-m", "gone")

    assert told.must("history", "Classifier:prod").splitlines()[-1].split("\t")[0] == "none"
    assert told("history", "Classifier:never").code == 3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--author", "eve"], [7]),
        (["--author", "nobody"], []),
        (["--action", "alias"], [5, 7]),
        (["--action", "alias set"], [5, 7]),
        (["--action", "log --artifact"], [1, 2]),
        (["--action", "gc"], []),
        (["--action", "log"], [1, 2]),
        (["--since", "9"], [10, 11]),
        (["--since", "7", "--until", "9"], [8, 9]),
        (["--until", "2"], [1, 2]),
        (["--until", "999"], list(range(1, 12))),
        (["--since", "1d", "--limit", "2"], [10, 11]),
        (["--until", "1d"], []),
        (["--since", "2999-01-01"], []),
        (["Classifier", "--since", "2000-01-01T00:00Z", "--action", "tag"], [3, 8]),
    ],
)
def test_filters(told: Any, options: list[str], expected: list[int]) -> None:
    assert entries(told, *options) == expected


def test_a_date_means_the_whole_day(told: Any) -> None:
    first = datetime.fromisoformat(told("--json", "history").json["entries"][0]["time"]).astimezone()
    day, next_day = first.date().isoformat(), (first + timedelta(days=1)).date().isoformat()

    assert 1 in entries(told, "--since", day, "--until", day)
    assert 1 not in entries(told, "--since", next_day)


def test_nothing_found_is_said(told: Any) -> None:
    assert told("history", "--author", "nobody") == (0, "", "no change matches\n")


def test_a_reason_is_in_the_journal_or_refused(mreg: Any, bare: Any, model: Callable[..., str]) -> None:
    mreg.must("log", model(), "-a", "a")
    mreg.must("alias", "set", "x", "a", "-m", "why")
    assert mreg("--json", "history", "--limit", "1").json["entries"][0]["message"] == "why"
    assert mreg("alias", "set", "y", "a", "-m", "x" * (65 << 10)).code == 2


def test_a_reason_needs_format_2(bare: Any, model: Callable[..., str], unchanged: Unchanged) -> None:
    bare.must("init", "--format", "1")
    bare.must("log", model(), "-a", "a")

    with unchanged():
        refused = bare("alias", "set", "x", "a", "-m", "why")

    assert (refused.code, refused.out) == (6, "")
    assert "mreg upgrade" in refused.errors
    assert bare("alias", "set", "x", "a").code == 0


@pytest.mark.parametrize("action", ["promote", "ali", "set"])
def test_an_action_that_there_is_not_is_an_error_with_those_that_there_are(told: Any, action: str) -> None:
    # when
    result = told("history", "--action", action)

    # then
    assert (result.code, result.out) == (2, "")
    assert (
        f"error: there is no action {action!r}\nhint: write one of alias rm, alias rollback, alias set, "
        in result.errors
    )


def test_the_actions_are_how_commands_begin_in_the_journal() -> None:
    # given
    said = r"commit\(|_change_tags\(context, name, |_change\(context, |_request\(|everything\("
    kept = r"COMMAND = |\bcommand = |\" if new else (?=\"remote)|return (?=f\"change \()"
    begins = rf'(?:{said}|{kept})f?"([a-z]+(?: (?:create|rename|rm|rollback|set|add))?)'
    package = Path(module.__file__).parents[1]

    # when
    texts = [path.read_text("utf-8") for path in package.rglob("*.py") if "cli" not in path.relative_to(package).parts]
    written = {found for text in texts for found in re.findall(begins, text)}

    # then
    assert written == {*ACTIONS, "bundle create"}, "bundles have a journal, which nobody lists"


def test_changes_of_several_steps_are_an_action(mreg: Any) -> None:
    with Repository.open(mreg.home) as repository, repository.change() as change:
        change.create_artifact("one")
        change.create_artifact("two")
    mreg.must("artifact", "create", "three")

    assert entries(mreg, "--action", "change") == [1]


def test_a_repository_in_which_nothing_has_happened_says_so(mreg: Any) -> None:
    assert mreg("history") == (0, "", "nothing has been changed yet\n")
