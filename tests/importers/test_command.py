"""`mreg import`: what it prints, and its exit codes."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from mreg.cli.main import run
from mreg.cli.report import INCOMPLETE_SOURCE


class Done(NamedTuple):
    code: int
    out: str
    errors: str


@pytest.fixture
def mreg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """In a folder with a repository, and `runs` with two checkpoints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache"))

    def mreg(*words: str) -> Done:
        out, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = run(list(words))
        return Done(code, *(stream.buffer.getvalue().decode() for stream in (out, errors)))  # type: ignore[attr-defined]

    assert mreg("init").code == 0
    for number in (1, 2):
        (tmp_path / "runs" / f"checkpoint-{number}").mkdir(parents=True)
        (tmp_path / "runs" / f"checkpoint-{number}" / "model.bin").write_text(f"step {number}")
    return mreg


def test_it_prints_the_new_versions_and_tells_the_rest(mreg: Callable[..., Done]) -> None:
    done = mreg("import", "runs")

    assert done.code == 0
    assert done.out == "runs:v0\nruns:v1\n"
    assert done.errors == (
        "runs  2 versions of 12 B; 12 B new, stored in 12 B\n  runs  new artifact\n`mreg undo 1` takes it back\n"
    )


def test_again_it_prints_nothing(mreg: Callable[..., Done]) -> None:
    mreg("import", "runs")

    assert mreg("import", "runs") == Done(0, "", "runs  2 imported before\n")
    assert mreg("-q", "import", "runs") == Done(0, "", "")


def test_what_the_artifact_remembers_is_told_in_words(mreg: Callable[..., Done], tmp_path: Path) -> None:
    # given
    mreg("import", "runs")
    (tmp_path / "runs" / "checkpoint-3").mkdir()
    (tmp_path / "runs" / "checkpoint-3" / "model.bin").write_text("step 3")
    mreg("import", "runs")

    # when
    history, refused, undone = mreg("history"), mreg("undo", "1"), mreg("undo", "2")

    # then
    assert "imported checkpoints runs of runs\t2 versions -> 3 versions" in history.out
    assert refused.code != 0
    assert undone.code == 0
    assert "imported checkpoints runs of runs  3 versions -> 2 versions" in undone.errors + undone.out
    assert not [done for done in (history, refused, undone) if "{" in done.out + done.errors]


def test_the_plan_is_a_table_or_a_document(mreg: Callable[..., Done]) -> None:
    table, document = mreg("import", "runs", "--dry-run"), mreg("import", "runs", "--dry-run", "--json")

    assert table.out == "runs:v0\tnew\t1\t6 B\t\tcheckpoint-1\nruns:v1\tnew\t1\t6 B\t\tcheckpoint-2\n"
    assert table.errors == "runs  would import 2 versions of 12 B\n"
    said = json.loads(document.out)
    assert (said["dry_run"], said["system"], document.errors) == (True, "checkpoints", "")
    assert [one["metadata"] for one in said["collections"][0]["versions"]] == [{"step": 1}, {"step": 2}]
    assert mreg("history").out == ""


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["nowhere"], 3, "missing-path"),
        (["cache"], 2, "unknown-source"),
        (["runs", "--from", "csv"], 2, "unknown-kind"),
        (["runs", "--from", "dvc"], 3, "nothing-to-import"),
        (["runs", "--only", "rnus"], 3, "unknown-collection"),
        (["runs", "--artifact", "a/b"], 2, "invalid-name"),
        (["runs", "--data", "nowhere"], 3, "missing-path"),
    ],
)
def test_what_cannot_be_imported_is_refused(
    mreg: Callable[..., Done], tmp_path: Path, words: list[str], code: int, error: str
) -> None:
    (tmp_path / "cache").mkdir(exist_ok=True)

    done = mreg("--json", "import", *words)

    said = json.loads(done.errors)["error"]
    assert (done.code, done.out, said["code"]) == (code, "", error)
    assert said["hint"]
    assert mreg("history").out == ""


def test_a_file_that_the_source_lacks_is_no_wrong_path(mreg: Callable[..., Done], tmp_path: Path) -> None:
    mreg("log", "runs/checkpoint-1", "--artifact", "net")
    mreg("export", "net", "--oci", "layout")
    for blob in (tmp_path / "layout" / "blobs" / "sha256").iterdir():
        blob.unlink()

    done = mreg("import", "layout", "--artifact", "copy")

    assert done.code == 3
    assert f"hint: {INCOMPLETE_SOURCE}" in done.errors


def test_a_single_checkpoint_leads_to_log(mreg: Callable[..., Done]) -> None:
    done = mreg("import", "runs/checkpoint-1")

    assert done.code == 2
    assert "`mreg log PATH --artifact NAME`" in done.errors


def test_folders_without_an_end_are_refused(mreg: Callable[..., Done], tmp_path: Path) -> None:
    depth = 1100  # more than Python calls functions within each other
    there = os.open(tmp_path / "runs" / "checkpoint-1", os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("a", dir_fd=there)
        below = os.open("a", os.O_RDONLY, dir_fd=there)
        os.close(there)
        there = below

    done = mreg("import", "runs", "--from", "checkpoints")
    for _ in range(depth):  # pytest, which clears old folders by recursion, cannot
        above = os.open("..", os.O_RDONLY, dir_fd=there)
        os.close(there)
        os.rmdir("a", dir_fd=above)
        there = above
    os.close(there)

    assert (done.code, done.out) == (2, "")
    assert "folders are nested more than 200 deep\n" in done.errors


def test_a_source_whose_name_is_no_unicode_is_imported(mreg: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "runs").rename(tmp_path / os.fsdecode(b"ru\xffns"))

    done = mreg("import", os.fsdecode(b"ru\xffns"), "--artifact", "runs")

    assert (done.code, done.out) == (0, "runs:v0\nruns:v1\n")
    entry = json.loads(mreg("history", "--limit", "1", "--json").out)
    assert "import ru\\xffns --from checkpoints" in json.dumps(entry).replace("\\\\", "\\")


def test_an_image_layout_is_named_as_export_names_it(mreg: Callable[..., Done]) -> None:
    mreg("log", "runs/checkpoint-1", "--artifact", "net")
    mreg("export", "net", "--oci", "layout")

    done = mreg("import", "--oci", "layout", "--artifact", "copy")

    assert (done.code, done.out) == (0, "copy:v0\n")
    refused = mreg("import", "--oci", "layout", "--from", "dvc")
    assert (refused.code, refused.out) == (2, "")
    assert "--from" in refused.errors


def test_an_artifact_that_is_there_is_not_added_to_by_chance(mreg: Callable[..., Done]) -> None:
    mreg("log", "runs/checkpoint-1", "--artifact", "runs")

    done = mreg("import", "runs")

    assert done.code == 6
    assert (
        "error: 'runs' cannot be imported as 'runs': the artifact exists and was not imported from there\n"
        in done.errors
    )
    assert "--artifact runs" in done.errors
    assert mreg("import", "runs", "--artifact", "runs").out == "runs:v1\nruns:v2\n"
