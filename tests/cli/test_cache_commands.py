"""`mreg cache ls` and `mreg cache prune`: what they print, where, and how they end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DAY = 24 * 3600


@pytest.fixture
def used(filled: Any, tmp_path: Path) -> Any:
    """Copies of digits:v0, two days old, and of digits:v1, used now."""
    for number, days in ((0, 2), (1, 0)):
        path = filled.must("use", f"digits:v{number}").rstrip("\n")
        os.utime(path, (time.time() - days * DAY,) * 2)
    return filled


def test_ls_in_a_pipe_names_each_copy_with_exact_times(used: Any, tmp_path: Path) -> None:
    result = used("cache", "ls")

    fields, rows = result.out.split("\ndigits", 1)
    assert fields.splitlines()[0] == f"cache:         {tmp_path / 'cache'}"
    assert [line.split(":")[0] for line in fields.splitlines()] == ["cache", "ready copies", "lookup tables"]
    first, second = f"digits{rows}".splitlines()
    name, size, when, repository = first.split("\t")
    assert (name, size, repository) == ("digits:v1", "8.0 KiB", str(used.home / ".mreg"))
    assert when.endswith("Z")
    assert second.startswith("digits:v0\t8.0 KiB\t")
    assert (result.code, result.errors) == (0, "")


@pytest.mark.parametrize("columns", [40, 80, 140])
def test_ls_on_a_terminal_shows_ages_and_cuts_nothing(used: Any, columns: int) -> None:
    shown = used.terminal("cache", "ls", environment={"COLUMNS": str(columns), "NO_COLOR": "1"}).out

    for text in ("digits:v0", "digits:v1", "8.0 KiB", "2 d ago", str(used.home / ".mreg")):
        assert text in shown


def test_both_need_no_repository(bare: Any, tmp_path: Path) -> None:
    for command in (("cache", "ls"), ("cache", "prune")):
        result = bare(*command)
        assert result.code == 0, result
    assert not (tmp_path / "cache").exists()


def test_prune_tells_what_went_and_what_stayed(used: Any) -> None:
    result = used("cache", "prune")

    assert result == (
        0,
        "8192\n",
        "8.0 KiB freed: 1 copy\n"
        "  digits:v0  8.0 KiB  used 2 d ago\n"
        "1 copy was kept, used within the last 24 hours: digits:v1\n"
        "`mreg cache prune --force` deletes them too\n",
    )


def test_prune_by_force_takes_all(used: Any, tmp_path: Path) -> None:
    result = used("cache", "prune", "--force", "-q")

    assert result == (0, "16384\n", "")
    assert os.listdir(tmp_path / "cache/versions") == []
    assert used("use", "digits").code == 0


def test_prune_by_age_and_size(used: Any) -> None:
    assert used("cache", "prune", "--older-than", "3d").out == "0\n"
    assert used("cache", "prune", "--size", "1GiB").out == "0\n"
    assert used("cache", "prune", "--size", "8KiB").out == "8192\n"


def test_a_dry_run_says_would(used: Any, tmp_path: Path) -> None:
    result = used("cache", "prune", "--dry-run")

    assert (result.code, result.out) == (0, "8192\n")
    assert result.errors.startswith("8.0 KiB would be freed: 1 copy\n")
    assert len(list((tmp_path / "cache/versions").glob("*.json"))) == 2


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--older-than", "soon"), "'soon': write a number and a unit: s, m, h, d or w"),
        (("--size", "big"), "'big': write a number and a unit: B, kB, MB, GB, TB, KiB, MiB, GiB or TiB"),
        (("--size", "-1"), "'-1': write a number and a unit"),
        (("--size", "1e300TiB"), "'1e300TiB': write a number and a unit"),
    ],
)
def test_what_cannot_be_meant_is_refused(used: Any, given: tuple[str, str], told: str, tmp_path: Path) -> None:
    result = used("cache", "prune", "--force", *given)

    assert (result.code, result.out) == (2, "")
    assert told in result.errors
    assert len(list((tmp_path / "cache/versions").glob("*.json"))) == 2


def test_without_a_home_there_is_no_cache(bare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mreg.checkout.cache.default_cache", lambda: None)

    result = bare("cache", "ls")

    assert (result.code, result.out) == (2, "")
    assert result.errors == (
        "error: there is no cache folder: you have no home folder, and MREG_CACHE is not set\n"
        "hint: set MREG_CACHE to a folder that you can write to\n"
    )


def test_a_cache_that_cannot_be_written_stays_whole(used: Any, refuse_renames: None, tmp_path: Path) -> None:
    result = used("cache", "prune")

    assert (result.code, result.out) == (1, "")
    assert result.errors.startswith("error: the file system is read-only")
    assert len(list((tmp_path / "cache/versions").glob("*.json"))) == 2


@pytest.fixture
def refuse_renames(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "rename", refuse)
    return refuse
