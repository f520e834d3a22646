"""Files that a user or a repository names and that mreg reads whole: they may be anything, of any length."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mreg.intake.scan import IGNORE_FILE


@pytest.mark.parametrize("command", ["card Classifier --file {}", "log one -a other --meta-file {}"])
@pytest.mark.parametrize("what", ["/dev/zero", "long", "bytes"])
def test_a_named_file_that_is_too_long_or_no_text_is_refused_as_what_it_was_to_be(
    filled: Any, command: str, what: str
) -> None:
    os.close(os.open(filled.home / "long", os.O_CREAT))
    os.truncate(filled.home / "long", 2 << 30)
    (filled.home / "bytes").write_bytes(b'{"a": "\xff"}')

    result = filled(*command.format(what).split(), "--json")

    code = "invalid-card" if command.startswith("card") else "invalid-metadata"
    assert (result.code, result.error["code"]) == (2, code)


@pytest.mark.parametrize("command", ["card Classifier --file {}", "log one -a other --meta-file {}"])
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(filled: Any, command: str) -> None:
    os.mkfifo(filled.home / "pipe")

    result = filled(*command.format("pipe").split(), "--json")

    assert (result.code, result.error["code"]) == (1, "unreadable-file")


def test_a_pipe_that_a_shell_makes_is_read(filled: Any) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"# From a command\n")
    os.close(writing)

    result = filled("card", "Classifier", "--file", f"/dev/fd/{reading}")

    os.close(reading)
    assert result.code == 0
    assert filled("card", "Classifier").out == "# From a command\n"


@pytest.mark.parametrize("what", ["pipe", "/dev/zero", "long", "bytes"])
def test_an_ignore_file_that_is_none_is_told(filled: Any, what: str) -> None:
    os.mkfifo(filled.home / "pipe")
    (filled.home / "long").write_bytes(b"a\n" * (600 << 10))
    (filled.home / "bytes").write_bytes(b"\xff")
    os.symlink(what if what.startswith("/") else f"../{what}", filled.home / "one" / IGNORE_FILE)

    result = filled("log", "one", "-a", "other", "--json")

    assert (result.code, result.error["code"]) == (1, "unreadable-file")
    assert result.error["path"] == os.path.join("one", IGNORE_FILE)


@pytest.mark.parametrize("what", ["pipe", "/dev/zero", "long", "dots"])
def test_settings_of_a_user_that_are_none_are_told(filled: Any, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    os.mkfifo(filled.home / "pipe")
    (filled.home / "long").write_bytes(b"#" * (2 << 20))
    (filled.home / "dots").write_bytes(b"a." * 2000 + b"a = 1")
    (filled.home / "config" / "mreg").mkdir(parents=True)
    os.symlink(what if what.startswith("/") else f"../../{what}", filled.home / "config" / "mreg" / "config.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(filled.home / "config"))

    result = filled("config", "set", "--user", "safe.directory", "*", "--json")

    assert (result.code, result.error["code"]) == (5, "damaged-user-config")
