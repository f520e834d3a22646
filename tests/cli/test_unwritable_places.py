"""What cannot be written is named as people named it, never by the name of an unfinished file."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mreg.testing.refusals import SystemCall, refused

UNFINISHED = re.compile(r"mreg-[0-9a-f]{8}|\.tmp|\.part|/tmp/mreg")


@pytest.fixture
def measured(filled: Any) -> Any:
    filled.must("annotate", "digits:v0", "--meta", "metrics.acc=0.9")
    return filled


@pytest.mark.parametrize(
    ("command", "place"),
    [
        ("metrics digits acc --svg {}", "/proc/chart.svg"),
        ("metrics digits acc --html {}", "/proc/chart.html"),
        ("html {}", "/proc/report.html"),
        ("html {}", "/proc/pages"),
        ("get digits:v0 -o {}", "/proc/got"),
        ("export digits:v0 --folder {}", "/proc/got"),
        ("bundle create {} digits:v0", "/proc/all.bundle"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(measured: Any, command: str, place: str) -> None:
    result = measured(*command.format(place).split())

    assert (result.code, result.out) == (1, "")
    assert f"({place})" in result.errors.splitlines()[0]
    assert not UNFINISHED.search(result.errors)


@pytest.mark.parametrize(
    "command",
    [
        "metrics digits acc --svg {}.svg",
        "metrics digits acc --html {}.html",
        "html {}.html",
        "bundle create {}.bundle digits:v0",
    ],
)
def test_a_file_in_a_folder_that_is_not_there_is_refused(measured: Any, command: str) -> None:
    result = measured(*command.format("mistyped/out").split())

    assert (result.code, result.out) == (1, "")
    assert "No such file or directory (" in result.errors
    assert "hint: check the path: its folder must exist" in result.errors
    assert not (measured.home / "mistyped").exists()


@pytest.mark.parametrize(
    "command",
    [
        "metrics digits acc --svg {}",
        "metrics digits acc --html {}",
        "html {}.html",
        "html {}",
        "get digits:v0 -o {}",
        "export digits:v0 --folder {}",
    ],
)
@pytest.mark.parametrize("name", ["out", "o" * 240])
def test_what_a_killed_command_left_goes_with_the_next_one(measured: Any, command: str, name: str) -> None:
    out = command.split()[-1].format(name)
    script = "import sys; from mreg.storage.temporary import *; print(temporary_name(prefix_beside(sys.argv[1])))"
    left = subprocess.run([sys.executable, "-c", script, out], capture_output=True, text=True, check=True)
    (measured.home / left.stdout.strip()).mkdir()
    before = set(os.listdir(measured.home))

    measured.must(*command.format(name).split())

    assert set(os.listdir(measured.home)) ^ before == {out, left.stdout.strip()}


@pytest.mark.parametrize(
    "command",
    ["html {}", "get digits:v0 -o {}", "export digits:v0 --folder {}", "mirror {}", "clone . {}", "init {}"],
)
def test_a_folder_is_made_with_those_above_it(measured: Any, command: str) -> None:
    measured.must(*command.format("new/out").split())

    assert (measured.home / "new" / "out").is_dir()


@pytest.mark.parametrize("call", [SystemCall("os", "open"), SystemCall("os", "mkdir")])
@pytest.mark.parametrize(
    "command", ["alias set best digits:v1", "log model -a digits", "use digits:v1", "get digits:v0"]
)
def test_a_repository_that_cannot_be_written_is_named(measured: Any, call: SystemCall, command: str) -> None:
    (measured.home / "model").mkdir(exist_ok=True)
    (measured.home / "model" / "new").write_bytes(b"new")
    with refused(call, errno.EACCES, below=measured.home.parent):
        result = measured(*command.split())

    assert result.code != 0 or not result.errors.startswith("error")
    assert not UNFINISHED.search(result.errors)


def test_a_file_of_settings_that_cannot_be_written_is_named(measured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/proc/nobody")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/proc")

    result = measured("config", "set", "--user", "safe.directory", str(Path(os.sep) / "elsewhere"))

    assert result.code == 1 and not UNFINISHED.search(result.errors)
