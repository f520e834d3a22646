"""`mreg export`: one form at a time, what it wrote, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("form", ["folder", "hf", "oci"])
def test_it_prints_the_folder_and_tells_what_is_in_it(filled: Any, form: str) -> None:
    result = filled("export", "digits:best", f"--{form}", "out")

    files = {"folder": 3, "hf": 3, "oci": 6}[form]
    assert (result.code, result.out) == (0, f"{filled.home}/out\n")
    assert result.errors.startswith(f"digits:v0: exported, {files} files, ")


def test_json_tells_all(filled: Any) -> None:
    document = filled("--json", "export", "Classifier", "--oci", "out", "--dry-run").json

    assert document == {
        "path": f"{filled.home}/out",
        "version": "digits:v0",
        "form": "oci",
        "files": 2,
        "size": 302,
        "cloned": 0,
        "notes": [],
        "dry_run": True,
    }
    assert not (filled.home / "out").exists()


def test_a_dry_run_says_so(filled: Any) -> None:
    result = filled("export", "digits:v0", "--hf", "out", "--dry-run")

    assert result.errors == "digits:v0: would be exported, 2 files, 302 B\n"


@pytest.mark.parametrize("line", ["export digits", "export digits --oci a --hf b"])
def test_one_form_is_wanted(filled: Any, line: str) -> None:
    result = filled(*line.split())

    assert (result.code, result.out) == (2, "")
    assert "give one of --folder, --hf and --oci" in result.errors


def test_a_folder_that_is_there_is_refused(filled: Any) -> None:
    result = filled("export", "digits", "--folder", "one")

    assert (result.code, result.out) == (6, "")
    assert result.errors == (
        f"error: '{filled.home}/one' exists already\nhint: name a folder that does not exist, or an empty one\n"
    )


def test_a_layout_comes_back_by_import(filled: Any) -> None:
    filled.must("export", "digits:best", "--oci", "layout")
    filled.must("init", "other")

    assert filled.must("--repo", "other", "import", "layout") == "digits:v0\n"
    assert filled.must("--repo", "other", "files", "digits:best") == filled.must("files", "digits:best")
