"""`mreg bundle create` and `mreg pull` of a bundle, as files and through pipes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

Ran = subprocess.CompletedProcess


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with two repositories: one with a version, and an empty one."""
    (tmp_path / "w").write_bytes(b"weights" * 1000)
    for line in ("init .", "init there", "log w --artifact m --alias best"):
        run(tmp_path, *line.split())
    return tmp_path


def run(folder: Path, *line: str, stdin: bytes = b"") -> Ran[bytes]:
    command = [sys.executable, "-m", "mreg", *line]
    return subprocess.run(command, cwd=folder, input=stdin, capture_output=True, check=False)


def test_a_bundle_goes_through_a_pipe(place: Path) -> None:
    made = run(place, "bundle", "create", "-", "m:best")
    pulled = run(place, "--repo", "there", "pull", "-", "--alias", "best", stdin=made.stdout)

    assert (made.returncode, made.stdout[:8]) == (0, b"MREGBNDL")
    assert b"written to standard output" in made.stderr
    assert (pulled.returncode, pulled.stdout) == (0, b"m:v0\n")
    assert b"fetched from a stream" in pulled.stderr
    assert not (place / "-").exists() and not (place / "-.part").exists()
    assert run(place, "--repo", "there", "cat", "m:best", "w").stdout == b"weights" * 1000


def test_what_has_no_place_on_standard_output_is_refused(place: Path) -> None:
    done = run(place, "--json", "bundle", "create", "-", "m:best")

    assert done.returncode == 2
    assert b"MREGBNDL" not in done.stdout and b"cannot be written beside --json" in done.stdout + done.stderr


def test_a_bundle_without_a_name_is_refused(place: Path) -> None:
    done = run(place, "bundle", "create", "", "m:best")

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"a bundle requires a file name" in done.stderr and b"hint:" in done.stderr
    assert not (place / ".part").exists()


def test_what_is_no_bundle_brings_nothing(place: Path) -> None:
    done = run(place, "--repo", "there", "pull", "-", stdin=b"not a bundle at all")

    assert (done.returncode, done.stdout) == (5, b"")
    assert b"a stream is not a complete bundle: it does not start like one" in done.stderr
