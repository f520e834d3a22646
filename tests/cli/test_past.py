"""`--at`: what was so then, judged by the journal, told with the entry that decided."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from mreg import Moment, Repository
from mreg.refs import transaction


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set the clock that entries are stamped by, to an hour of a day in November 2026 (`20 14:00`), in UTC."""

    def clock(text: str) -> None:
        day, hour = text.split(" ")
        monkeypatch.setattr(transaction, "timestamp", lambda: f"2026-11-{day}T{hour}:00.000000Z")

    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("MREG_AUTHOR", "ada")
    return clock


@pytest.fixture
def lived(mreg: Any, model: Callable[..., str], clock: Callable[[str], None]) -> Any:
    """1 to 3 log v0 to v2 of `mnist` and link v0 and v1 in `digits`; its `production` is set to v0 (4), moved to
    v1 (5); 6 renames `mnist` to `numbers`; 7 annotates v0; 8 deletes v2."""
    clock("01 10:00")
    mreg.must("log", model("a", {"w": b"a"}), "-a", "mnist", "-m", "first", "--link", "digits")
    clock("02 10:00")
    mreg.must("log", model("b", {"w": b"b"}), "-a", "mnist", "-m", "second", "--link", "digits", "--meta", "m.acc=0.5")
    clock("03 10:00")
    mreg.must("log", model("c", {"w": b"c"}), "-a", "mnist", "-m", "third")
    clock("04 10:00")
    mreg.must("alias", "set", "production", "digits:v0", "-m", "canary was clean")
    clock("05 10:00")
    mreg.must("alias", "set", "production", "digits:v1")
    clock("06 10:00")
    mreg.must("artifact", "rename", "mnist", "numbers")
    clock("07 10:00")
    mreg.must("annotate", "numbers:v0", "-m", "said later")
    clock("08 10:00")
    mreg.must("rm", "numbers:v2")
    return mreg


def test_what_was_in_production_on_that_day(lived: Any) -> None:
    assert lived("resolve", "digits:production", "--at", "2026-11-04") == (
        0,
        "numbers:v0\n",
        "set by entry 4, 2026-11-04T10:00:00.000000Z, ada: alias set production digits:v0; canary was clean\n"
        "mnist:v0 is called numbers:v0 now\n",
    )


@pytest.mark.parametrize(
    ("at", "reference", "expected"),
    [
        ("4", "digits:production", "numbers:v0"),
        ("5", "digits:production", "numbers:v1"),
        ("2026-11-05", "digits:production", "numbers:v1"),
        ("2026-11-05T09:59:59Z", "digits:production", "numbers:v0"),
        ("2026-11-05T10:00:00Z", "digits:production", "numbers:v1"),
        ("2026-11-05 10:00:00.000000Z", "digits:production", "numbers:v1"),
        ("2026-11-05T11:00:00+01:00", "digits:production", "numbers:v1"),
        ("2999-01-01", "digits:production", "numbers:v1"),
        ("1", "mnist", "numbers:v0"),
        ("2", "mnist:latest", "numbers:v1"),
        ("3", "numbers", "mnist:v2"),
        ("2", "numbers:v0", "numbers:v0"),
        ("1", "digits", "numbers:v0"),
        ("2", "digits:v1", "numbers:v1"),
    ],
)
def test_a_reference_means_what_it_meant_then(lived: Any, at: str, reference: str, expected: str) -> None:
    assert lived.must("resolve", reference, "--at", at) == f"{expected}\n"


def test_a_version_that_was_deleted_since_has_the_name_of_then(lived: Any) -> None:
    result = lived("resolve", "mnist", "--at", "3")

    assert (result.code, result.out) == (0, "mnist:v2\n")
    assert result.errors.endswith("mnist:v2 has been deleted since\n")


def test_json_has_the_entry_that_decided(lived: Any) -> None:
    result = lived("--json", "resolve", "digits:production", "--at", "2026-11-04")

    document = result.json
    assert (result.code, result.errors) == (0, "")
    assert document["at"] == {"seq": 4, "time": "2026-11-04T10:00:00.000000Z", "ahead": []}
    assert [document[key] for key in ("name", "model", "link", "now")] == ["mnist:v0", "digits", 0, "numbers:v0"]
    assert document["digest"] == lived("--json", "resolve", "numbers:v0").json["digest"]
    assert [document["entry"][key] for key in ("seq", "who", "command", "message")] == [
        4,
        "ada",
        "alias set production digits:v0",
        "canary was clean",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "error", "hint"),
    [
        (
            ["digits:production", "--at", "3"],
            3,
            "'digits' has no alias 'production', as of entry 3 (2026-11-03T10:00:00Z)",
            "`mreg history digits` shows what happened when",
        ),
        (["mnist:v2", "--at", "2"], 3, "'mnist' has no version v2, as of entry 2", ""),
        (["numbers:v2", "--at", "8"], 3, "version v2 of 'numbers' was deleted, as of entry 8", ""),
        (["digits", "--at", "2026-10-31"], 3, "no artifact or registered model 'digits', before the first entry", ""),
        (["mnits", "--at", "3"], 3, "there is no artifact or registered model 'mnits'", "did you mean `numbers`?"),
        (["digits", "--at", "99"], 2, "the journal has no entry 99; the last one is 8", ""),
        (["digits", "--at", "lately"], 2, "'lately' is not an entry number, age, date or time", "`2026-01-31`"),
        (["digits", "--at", "3", "--where", "has m.acc"], 2, "--at", ""),
    ],
)
def test_what_was_not_so_is_an_error(lived: Any, arguments: list[str], code: int, error: str, hint: str) -> None:
    result = lived("resolve", *arguments)

    assert (result.code, result.out) == (code, "")
    assert error in result.errors
    if "mnits" not in arguments:  # what is near depends on the names that there are
        assert hint in result.errors


def test_a_clock_that_ran_backwards_is_told(mreg: Any, model: Callable[..., str], clock: Callable[[str], None]) -> None:
    clock("01 10:00")
    mreg.must("log", model("a", {"w": b"a"}), "-a", "mnist", "--alias", "best")
    mreg.must("log", model("b", {"w": b"b"}), "-a", "mnist")
    clock("05 10:00")  # of another host, days ahead
    mreg.must("alias", "set", "best", "mnist:v1")
    clock("02 10:00")
    mreg.must("tag", "ls")
    mreg.must("log", model("c", {"w": b"c"}), "-a", "other")

    result = mreg("resolve", "mnist:best", "--at", "2026-11-03")

    assert (result.code, result.out) == (0, "mnist:v1\n")
    assert (
        "entry 3 is included, although its time is later, 2026-11-05T10:00:00.000000Z: a clock ran backwards\n"
        "`--at 2` excludes them, `mreg history` lists all entries\n"
    ) in result.errors
    assert mreg("--json", "alias", "ls", "--at", "2026-11-03").json["at"]["ahead"] == [
        {"seq": 3, "time": "2026-11-05T10:00:00.000000Z"}
    ]
    assert mreg.must("resolve", "mnist:best", "--at", "2") == "mnist:v0\n"
    assert "backwards" not in mreg("resolve", "mnist:best", "--at", "2026-11-01").errors
    assert "backwards" not in mreg("resolve", "mnist:best", "--at", "2026-11-06").errors


def test_aliases_as_they_were_with_the_entries_that_moved_them(lived: Any) -> None:
    lived.must("alias", "set", "best", "numbers:v0")

    assert lived("alias", "ls", "--at", "4") == (
        0,
        "digits\tproduction\tv0\tmnist:v0\t4\t2026-11-04T10:00:00.000000Z\tada\n",
        "as of entry 4, 2026-11-04T10:00:00.000000Z\n",
    )
    assert [row.split("\t")[1:5] for row in lived.must("alias", "ls", "--at", "9").splitlines()] == [
        ["production", "v1", "numbers:v1", "5"],
        ["best", "v0", "numbers:v0", "9"],
    ]
    assert lived.must("alias", "ls", "numbers", "--at", "8") == ""
    assert lived("alias", "ls", "digits", "--at", "0").code == 3


def test_collections_as_they_were(lived: Any) -> None:
    assert [row.split("\t")[:7] for row in lived.must("ls", "--at", "4").splitlines()] == [
        ["digits", "model", "", "v1", "2", "production=v0", "4"],
        ["mnist", "artifact", "model", "v2", "3", "", "3"],
    ]
    assert [one["name"] for one in lived("--json", "ls", "--at", "1d").json["collections"]] == ["digits", "numbers"]
    assert lived("ls", "--at", "0") == (0, "", "before the first entry\n")


def test_collections_of_the_past_are_told_as_those_of_today(lived: Any, model: Callable[..., str]) -> None:
    def kinds(*options: str) -> dict[str, list[str]]:
        rows = (row.split("\t") for row in lived.must("ls", *options).splitlines())
        return {row[0]: row[1:5] for row in rows}

    def headings(*options: str) -> list[str]:
        shown = lived.terminal("ls", *options, environment={"NO_COLOR": "1"})
        assert "\nname " in "\n" + shown.out, shown
        return next(line.split() for line in shown.out.splitlines() if line.startswith("name "))

    assert kinds("--at", "8") == kinds()
    assert headings("--at", "8")[:4] == headings()[:4] == ["name", "kind", "latest", "versions"]
    lived.must("log", model("d"), "-a", "tokens", "--type", "dataset")
    assert headings("--at", "9")[:5] == headings()[:5] == ["name", "kind", "type", "latest", "versions"]


def test_versions_as_they_were(lived: Any) -> None:
    rows = [row.split("\t") for row in lived.must("ls", "mnist", "--at", "3", "--columns", "m.acc").splitlines()]

    assert [[row[0], row[4], row[5], row[6], row[8]] for row in rows] == [
        ["v0", "", "first", "1", "ada"],
        ["v1", "0.5", "second", "2", "ada"],
        ["v2", "", "third", "3", "ada"],
    ]
    assert [row.split("\t")[4] for row in lived.must("ls", "numbers", "--at", "7").splitlines()] == [
        "said later",
        "second",
        "third",
    ]
    assert lived.must("ls", "mnist", "--at", "3", "--limit", "1").startswith("v2\t")


def test_no_more_records_are_read_than_versions_are_shown(lived: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    read: list[Any] = []
    version = Moment._version
    monkeypatch.setattr(Moment, "_version", lambda self, *one: read.append(one) or version(self, *one))

    # when
    shown = lived.must("ls", "mnist", "--at", "3", "--limit", "1")

    # then
    assert shown.startswith("v2\t")
    assert len(read) == 1


def test_links_as_they_were(lived: Any) -> None:
    rows = [row.split("\t") for row in lived.must("ls", "digits", "--at", "4").splitlines()]
    document = lived("--json", "ls", "digits", "--at", "4").json

    assert [(row[0], row[1], row[2], row[6]) for row in rows] == [
        ("v0", "production", "mnist:v0", "4"),
        ("v1", "", "mnist:v1", "2"),
    ]
    assert document["kind"] == "model"
    assert document["versions"][0]["version"]["model_aliases"] == ["digits:production"]


def test_a_version_whose_record_is_gone_has_its_name(lived: Any) -> None:
    lived.must("gc", "--grace", "0")

    result = lived("ls", "mnist", "--at", "3")

    assert result.out.splitlines()[2].startswith("v2\t\t\t\t\t3\t")
    assert "gc has deleted all but the name of 1 version" in result.errors
    assert lived("--json", "ls", "mnist", "--at", "3").json["versions"][2]["version"] is None
    assert lived.must("resolve", "mnist", "--at", "3") == "mnist:v2\n"


@pytest.mark.parametrize("options", [["--where", "has m"], ["--sort", "size"], ["--count"], ["mnist:v1"], ["--keys"]])
def test_a_list_of_the_past_takes_a_name_and_few_options(lived: Any, options: list[str]) -> None:
    assert lived("ls", "mnist", "--at", "3", *options).code == 2


def test_the_tables_are_not_believed(lived: Any) -> None:
    shutil.rmtree(lived.home.parent / "cache")

    assert lived.must("resolve", "digits:production", "--at", "4") == "numbers:v0\n"


def test_a_missing_entry_refuses(lived: Any) -> None:
    (lived.home / ".mreg" / "journal" / "000000" / "000000002.json").unlink()

    for line in (["resolve", "digits:production"], ["ls"], ["alias", "ls", "digits"]):
        result = lived(*line, "--at", "5")

        assert (result.code, result.out) == (5, "")
        assert "entry 2" in result.errors


def test_a_terminal_shows_local_times(lived: Any) -> None:
    shown = lived.terminal("alias", "ls", "--at", "4", environment={"TZ": "EST5", "NO_COLOR": "1"}).out

    assert re.search(r"^as of entry 4, 2026-11-04 05:00:00 EST$", shown, re.MULTILINE)
    assert re.search(r"^name +alias +number +version +entry +since +by$", shown, re.MULTILINE)


def test_the_second_that_history_shows_is_meant_as_a_whole(lived: Any) -> None:
    seen = lived("--json", "history", "--since", "2026-11-04", "--until", "2026-11-05T10:00:00Z").json["entries"]

    assert [entry["seq"] for entry in seen] == [4, 5]


def test_python_has_the_same(lived: Any) -> None:
    with Repository.open(lived.home) as repo:
        first = datetime.fromisoformat("2026-11-04T10:00:00+00:00")

        then = repo.at(first)

        assert (then.seq, then.time, then.ahead) == (4, first, ())
        assert then.resolve("digits:production").now == "numbers:v0"
        assert [one.number for one in then.aliases("digits")] == [0]
        assert [one.name for one in then.versions("mnist")] == ["mnist:v0", "mnist:v1", "mnist:v2"]
        assert repo.at(first - timedelta(seconds=1)).seq == 3
        repo.remove("numbers:v0", force=True)
        assert then.resolve("mnist:v0").digest, "what was so does not change"


def test_a_time_that_has_not_come_is_told(lived: Any) -> None:
    # when
    resolved, listed, today = (
        lived("resolve", "numbers", "--at", "2999-01-01"),
        lived("ls", "--at", "2999-01-01"),
        lived("resolve", "numbers", "--at", datetime.now().astimezone().date().isoformat()),
    )

    # then
    assert resolved.out == lived.must("resolve", "numbers")
    for result in (resolved, listed):
        assert (
            result.code == 0 and "that time is in the future: showing the current state" in result.errors.splitlines()
        )
    assert today.code == 0 and "future" not in today.errors
