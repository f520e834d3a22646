"""An expression without quotes: the shell takes `>` for itself, and what it leaves looks like another command."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest


def shell(mreg: Any, line: str) -> subprocess.CompletedProcess[str]:
    mreg.must("annotate", "digits:v0", "--meta", "metrics.acc=0.9")
    command = line.replace("mreg", " ".join(mreg.line()))
    return subprocess.run(["bash", "-c", command], cwd=mreg.home, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("line", "code", "file", "meant"),
    [
        ("mreg ls digits --where metrics.acc >= 0.9", 3, "=", "'metrics.acc >= 0.9'"),
        ("mreg resolve digits --where metrics.acc >= 0.9", 2, "=", "'metrics.acc >= 0.9'"),
        ("mreg search --where metrics.acc >= 0.9", 0, "=", "'metrics.acc >= 0.9'"),
        ("mreg ls digits --where metrics.acc > 0.9", 0, "0.9", "'metrics.acc > 0.9'"),
        ("mreg ls digits --where metrics.acc >0.9", 0, "0.9", "'metrics.acc > 0.9'"),
        ("mreg ls digits --where metrics.acc >=0.9", 0, "=0.9", "'metrics.acc >=0.9'"),
    ],
)
def test_quotes_are_spoken_of(filled: Any, line: str, code: int, file: str, meant: str) -> None:
    done = shell(filled, line)

    assert (done.returncode, done.stdout) == (code, "")
    assert f"quote the expression, --where {meant}; the output went to the file '{file}'" in done.stderr
    assert (filled.home / file).exists()


@pytest.mark.parametrize(
    "line", ["mreg ls digits --where metrics.acc > best.txt", "mreg ls digits --where 'metrics.acc > 0' > 7"]
)
def test_output_that_was_meant_for_a_file_is_not_spoken_of(filled: Any, line: str) -> None:
    done = shell(filled, line)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_name_of_a_remote_alone_is_answered_with_a_slash(filled: Any) -> None:
    # given
    filled.must("init", "other")
    filled.must("remote", "add", "team", "other")

    # when
    alone, within = filled("ls", "team"), filled("ls", "team/digits")

    # then
    assert (alone.code, alone.out, within.code, within.out) == (3, "", 3, "")
    for result in (alone, within):
        assert result.errors.splitlines()[-1] == "hint: list what the remote has with `mreg ls team/`"
