"""`mreg search` and the options that take a filter."""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from mreg.cli import tables
from mreg.cli.main import run
from mreg.cli.state import State

ROWS = "mnist:v1\nmnist:v2\n"


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache"))
    assert run(["init"]) == 0
    for number, arch in enumerate(["vit", "resnet50", "vit"]):
        Path("model.bin").write_text(str(number))
        assert (
            run(["log", "model.bin", "-a", "mnist", "--meta", f"metrics.acc=0.9{number}", "--meta", f"arch={arch}"])
            == 0
        )
    assert run(["link", "mnist:v2", "digits", "--alias", "production"]) == 0
    assert run(["tag", "add", "digits", "vision"]) == 0
    capsys.readouterr()
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(list(words))
    return (code, *capsys.readouterr())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--where", "metrics.acc >= 0.91"], "mnist:v1\nmnist:v2\n"),
        (["--where", "metrics.acc >= 0.91", "--where", "arch = 'vit'"], "mnist:v2\n"),
        (["--where", "alias = 'production'"], "mnist:v2\n"),
        (["--where", "arch = 'vit'", "--tag", "vision"], "mnist:v2\n"),
        (["--sort", "-metrics.acc"], "mnist:v2\nmnist:v1\nmnist:v0\n"),
        (["--sort", "arch,-metrics.acc", "--limit", "2"], "mnist:v1\nmnist:v2\n"),
        (["--in", "digits"], "mnist:v2\n"),
        (["resnet", "--kind", "version"], "mnist:v1\n"),
        (["--path", "model.bin"], "mnist:v2\n"),
        (["--where", "metrics.acc > 2"], ""),
    ],
)
def test_versions_are_found_and_named(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "search", "-q", *words) == (0, expected, "")


def test_a_table_shows_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "search", "--where", "arch = 'vit'", "--only-changed")
    assert (code, err) == (0, "")
    assert [line.split("\t")[0] + " " + line.split("\t")[5] for line in out.splitlines()] == [
        "mnist:v0 0.9",
        "mnist:v2 0.92",
    ]


def test_an_unknown_key_is_an_error_with_its_place_and_near_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "search", "--where", "arch = 'vit' and metrics.ac > 0.9") == (
        2,
        "",
        "error: no version has the key `metrics.ac`\n"
        "  arch = 'vit' and metrics.ac > 0.9\n"
        "                   ^^^^^^^^^^\n"
        "hint: did you mean `metrics.acc`?\n",
    )


def test_an_expression_that_tests_for_the_key_may_name_an_unknown_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "search", "-q", "--where", "has bleu and bleu > 1") == (0, "", "")


def test_nothing_is_unknown_where_nothing_was_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path / "new")
    run(["init"])
    capsys.readouterr()

    # when, then
    assert said(capsys, "search", "--where", "metrics.acc > 1") == (0, "", "nothing found\n")


def test_an_invalid_filter_is_told_in_json_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "search", "--json", "--where", "arch = vit")
    told = json.loads(err)["error"]
    assert (code, out) == (2, "")
    assert {key: told[key] for key in ("code", "text", "at", "length", "reason", "hint")} == {
        "code": "invalid-filter",
        "text": "arch = vit",
        "at": 7,
        "length": 3,
        "reason": "a string needs quotes",
        "hint": "write 'vit'",
    }


def test_counts_keys_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "search", "--count", "--where", "arch = 'vit'") == (0, "2\n", "")
    assert said(capsys, "search", "--exit-code", "--where", "arch = 'x'") == (7, "", "nothing found\n")
    assert said(capsys, "search", "--keys") == (
        0,
        "arch\ttext\t3\tresnet50\tvit\nmetrics.acc\tnumber\t3\t0.9\t0.92\n",
        "",
    )


def test_a_kind_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "search", "--kind", "run")
    assert (code, out) == (2, "")
    assert "'run' is not one of model, artifact, version" in err


def test_a_name_with_a_filter_means_the_first_that_matches(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "resolve", "mnist", "--where", "arch = 'vit'") == (0, "mnist:v2\n", "")
    assert said(capsys, "resolve", "mnist", "--where", "arch = 'vit'", "--sort", "metrics.acc") == (0, "mnist:v0\n", "")
    code, out, err = said(capsys, "use", "mnist", "--where", "arch = 'x'")
    assert (code, out) == (7, "")
    assert err.startswith("error: no version of mnist matches the condition: arch = 'x'\n")


def test_a_reference_with_a_filter_is_a_gate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert said(capsys, "resolve", "digits:production", "--where", "metrics.acc > 0.91") == (0, "mnist:v2\n", "")
    code, out, err = said(capsys, "get", "mnist:v0", "-o", "out", "--where", "metrics.acc > 0.91")
    assert (code, out) == (7, "")
    assert err.startswith("error: mnist:v0 is not a version that matches the condition: metrics.acc > 0.91\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", ["delete", "truncate", "values", "versions"])
def test_tables_that_lie_change_no_version_that_is_shown(
    damage: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    said(capsys, "search", "--where", "metrics.acc >= 0.91")
    [path] = (repository / "cache" / "index").glob("*.sqlite")
    if damage == "delete":
        path.unlink()
    elif damage == "truncate":
        path.write_bytes(path.read_bytes()[:5000])
        for rest in ("-wal", "-shm"):
            path.with_name(path.name + rest).unlink(missing_ok=True)
    else:
        with sqlite3.connect(path) as db:
            db.execute(
                "UPDATE facts SET value = 0.99 WHERE value = 0.9"
                if damage == "values"
                else "UPDATE versions SET digest = (SELECT digest FROM versions WHERE number = 0)"
            )
        db.close()

    # when, then
    assert said(capsys, "search", "-q", "--where", "metrics.acc >= 0.91") == (0, ROWS, "")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM facts",
        "DELETE FROM facts WHERE value = 0.92",
        "UPDATE facts SET value = 0.1 WHERE value = 0.92",
        "INSERT INTO facts SELECT key, 99, 0, 0.95 FROM facts LIMIT 1",
        "INSERT INTO facts SELECT key, version, 7, 0.1 FROM facts WHERE value = 0.92",
        "DELETE FROM keys",
        "UPDATE keys SET name = 'metrics.acd' WHERE name = 'metrics.acc'",
        "DELETE FROM versions WHERE number = 2",
        "UPDATE versions SET artifact = 'other'",
        "INSERT INTO versions (artifact, number, digest) SELECT artifact, 9, digest FROM versions WHERE number = 2",
        "UPDATE words SET text = ''",
        "UPDATE facts_mark SET seq = 1000000",
        "DELETE FROM refs",
        "DELETE FROM refs WHERE key LIKE '%/v2'",
        "UPDATE refs SET value = NULL WHERE key LIKE '%/v2'",
        "DROP TABLE facts",
        "DROP TABLE refs",
    ],
)
def test_tables_altered_by_hand_change_no_answer(
    statement: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    lines = [
        ["search", "-q", "--where", "metrics.acc >= 0.91"],
        ["search", "--count", "--where", "metrics.acc >= 0.91"],
        ["search", "--keys"],
        ["search", "-q", "--where", "not metrics.acc < 0.91"],
        ["search", "-q", "vit"],
        ["ls", "mnist"],
    ]
    before = [said(capsys, *line) for line in lines]
    [path] = (repository / "cache" / "index").glob("*.sqlite")

    # when
    after = []
    for line in lines:
        said(capsys, "search", "--where", "metrics.acc >= 0.91")
        if path.exists():
            with sqlite3.connect(path) as db, suppress(sqlite3.OperationalError):  # no such table: it was dropped
                db.execute(statement)
            db.close()
        after.append(said(capsys, *line))

    # then
    assert all(out for _, out, _ in before)
    assert after == before


def test_a_search_writes_nothing_into_the_repository(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # given
    before = {path: path.stat().st_mtime_ns for path in (repository / ".mreg").rglob("*")}

    # when
    said(capsys, "search", "--where", "metrics.acc >= 0.91")

    # then
    assert {path: path.stat().st_mtime_ns for path in (repository / ".mreg").rglob("*")} == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["mnist", "--where", "arch = 'vit'", "--sort", "-metrics.acc"], "mnist:v2\nmnist:v0\n"),
        (["digits", "--where", "metrics.acc > 0.9"], "mnist:v2\n"),
        (["mnist", "--tag", "vision"], "mnist:v2\n"),
        (["mnist", "--sort", "arch,-metrics.acc", "--limit", "2"], "mnist:v1\nmnist:v2\n"),
        (["mnist", "--count"], "3\n"),
        (["digits:production", "mnist:v0"], "mnist:v2\nmnist:v0\n"),
    ],
)
def test_ls_chooses_versions_of_a_collection(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "ls", "-q", *words) == (0, expected, "")


def test_references_are_compared_by_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "ls", "digits:production", "mnist:v0")
    assert (code, err) == (0, "")
    assert [line.split("\t")[5:] for line in out.splitlines()] == [["0.92", ""], ["0.9", ""]]


def test_references_to_be_compared_are_not_chosen_from(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "ls", "mnist:v1", "mnist:v0", "--sort", "arch")
    assert (code, out) == (2, "")
    assert "references are compared as given, without --where, --tag, --sort and --count" in err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--where", "arch = '\udcff'"], 2),
        (["\udcff"], 0),
        (["\udcff", "--count"], 0),
        (["--where", "age > -9223372036854s", "--limit", "9" * 30], 0),
        (["--where", "number < 9999999999999999999999 and size < 1e300"], 0),
        (["--where", "arch = 'a\0b' or message = '\0'"], 0),
    ],
)
def test_words_that_tables_cannot_hold_are_no_accident(
    words: list[str], expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = said(capsys, "search", *words)
    assert code == expected, err


@pytest.mark.parametrize(("text", "where"), [("nan", "a = nan"), ("inf", "a > 1e300"), ("-inf", "a = -inf")])
def test_what_python_prints_of_no_finite_number_is_found_as_the_number(
    text: str, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "annotate", "mnist:v1", "--meta", f"a={text}", "-q")[0] == 0

    assert said(capsys, "search", "-q", "--where", where) == (0, "mnist:v1\n", "")


@pytest.mark.parametrize("command", [("log", "model.bin", "-a", "new"), ("annotate", "mnist:v1")])
@pytest.mark.parametrize("contradicting", [("a=1", "a.b=2"), ("a.b=2", "a=1"), ("a=1", "a=2")])
def test_metadata_that_contradicts_itself_is_refused(
    command: tuple[str, ...], contradicting: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = contradicting

    refused = said(capsys, *command, "--meta", first, "--meta", "c=1", "--meta", second)

    assert refused[:2] == (2, "")
    assert refused[2].startswith(f"error: metadata 'a': {first!r} and {second!r} contradict each other\n")
    assert said(capsys, "search", "-q", "--where", "has c") == (0, "", "")


@pytest.mark.parametrize("command", [("log", "model.bin", "-a", "new"), ("annotate", "mnist:v1")])
def test_a_value_does_not_take_the_place_of_a_group_in_the_file(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("meta.json").write_text('{"a": {"b": 1, "c": 2}, "lr": 1}')

    refused = said(capsys, *command, "--meta-file", "meta.json", "--meta", "a=1")
    done = said(capsys, *command, "--meta-file", "meta.json", "--meta", "a.b=5", "--meta", "lr=2")

    assert refused[:2] == (2, "")
    assert refused[2].startswith("error: metadata 'a': it is a group of 2 values in meta.json\n")
    assert done[0] == 0
    assert said(capsys, "search", "-q", "--where", "a.b = 5 and a.c = 2 and lr = 2")[1] != ""


def test_a_tag_alone_finds_versions_and_shows_their_tags(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "tag", "add", "mnist:v1", "reviewed", "-q")[0] == 0

    assert said(capsys, "search", "--tag", "reviewed") == (0, "version\tmnist:v1\t\ttags: reviewed\n", "")
    assert said(capsys, "search", "--tag", "vision") == (
        0,
        "model\tdigits\tproduction=v0\ttags: vision\nversion\tmnist:v2\t\ttags: vision\n",
        "",
    )


def test_tags_are_told_apart_by_case_and_near_ones_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    run(["tag", "add", "mnist:v1", "Vision"])
    capsys.readouterr()

    assert said(capsys, "search", "--tag", "Vision")[1] == "version\tmnist:v1\t\ttags: Vision\n"
    assert said(capsys, "search", "--tag", "vision")[1].splitlines()[0] == "model\tdigits\tproduction=v0\ttags: vision"
    for command in (["search", "--tag", "vizion"], ["ls", "mnist", "--tag", "vizion"], ["search", "-q", "--tag", "x"]):
        code, out, err = said(capsys, *command)
        expected = "" if "-q" in command else "nothing found\nnothing has the tag 'vizion'; did you mean `Vision`?\n"
        assert (code, out, err) == (0, "", expected)


def test_only_a_search_stops_counting_what_its_limit_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    for count, most in ((1000, 1000), (1001, 1000), (1001, None)):
        tables.tell_left_out(State(), count, "older version", "older versions", most)

    assert capsys.readouterr().err.splitlines() == [
        "1000 older versions; --limit 0 shows all",
        "more than 1000 older versions; --limit 0 shows all",
        "1001 older versions; --limit 0 shows all",
    ]
