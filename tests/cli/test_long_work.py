"""What long work tells: lines without a terminal, effort with -v, and files that were hardly meant."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from mreg.cli.progress import Bar
from mreg.cli.state import State

Model = Callable[..., str]
MIB = 1 << 20


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def advance(bar: Bar, clock: Clock, steps: list[tuple[float, int]], total: int) -> None:
    for seconds, done in steps:
        clock.now = 1000.0 + seconds
        bar(done, total)


def test_without_a_terminal_a_line_every_30_seconds_tells_bytes_and_speed(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    steps = [(0, 0), (29, 290 * MIB), (31, 310 * MIB), (60, 350 * MIB), (61, 370 * MIB), (80, 400 * MIB)]

    with Bar("logging", State(), clock=clock) as bar:
        advance(bar, clock, steps, 400 * MIB)

    assert capsys.readouterr() == (
        "",
        "logging: 310.0 MiB of 400.0 MiB, 10.0 MiB/s\nlogging: 370.0 MiB of 400.0 MiB, 2.0 MiB/s\n",
    )


def test_what_need_not_be_read_is_not_speed(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()

    with Bar("logging", State(), clock=clock) as bar:
        advance(bar, clock, [(0, 900 * MIB), (40, 940 * MIB)], 1000 * MIB)

    assert capsys.readouterr().err == "logging: 940.0 MiB of 1000.0 MiB, 1.0 MiB/s\n"


@pytest.mark.parametrize("field", ["quiet", "json"])
def test_quiet_and_json_print_no_lines(field: str, capsys: pytest.CaptureFixture[str]) -> None:
    clock, state = Clock(), State()
    setattr(state, field, True)

    with Bar("logging", state, clock=clock) as bar:
        advance(bar, clock, [(0, 0), (31, 310), (62, 620)], 1000)

    assert capsys.readouterr() == ("", "")


def test_verbose_sums_up(capsys: pytest.CaptureFixture[str]) -> None:
    clock, state = Clock(), State()
    state.verbose = True

    with Bar("writing", state, clock=clock) as bar:
        advance(bar, clock, [(0, 0), (10, 40 * MIB)], 40 * MIB)

    assert capsys.readouterr().err == "writing: 40.0 MiB in 10.0 s, 4.0 MiB/s\n"


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each look at the clock is 20 seconds after the one before."""
    times = count(0.0, 20.0)
    monkeypatch.setattr("mreg.cli.progress.monotonic", lambda: next(times))
    return iter(())


COMMANDS = {
    "log": ("log", "big", "-a", "new"),
    "use": ("use", "big"),
    "get": ("get", "big", "-o", "out"),
    "fsck": ("fsck", "--full"),
}


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_moves_bytes_tells_so_in_a_pipe(mreg: Any, model: Model, command: str) -> None:
    files = {f"{number}.bin": bytes([number]) * 70_000 for number in range(9)}
    mreg.must("log", model("big", files), "-a", "big")
    for number in range(9):
        (mreg.home / f"big/{number}.bin").write_bytes(bytes([number + 100]) * 70_000)

    told, quiet = mreg(*COMMANDS[command]), mreg("-q", *COMMANDS[command])

    assert told.code == quiet.code == 0
    assert re.search(r"^\w+: [\d.]+ (B|KiB) of [\d.]+ (B|KiB), [\d.]+ (B|KiB)/s$", told.errors, re.MULTILINE)
    assert "B/s" not in told.out
    assert quiet.errors == ""


@pytest.mark.usefixtures("slow")
def test_repacking_tells_how_far_it_is_in_a_pipe(mreg: Any, model: Model) -> None:
    noise = {f"{number}.bin": os.urandom(9000) for number in range(9)}
    mreg.must("log", model("big", noise), "-a", "big")
    mreg.must("log", model("small", {name: noise[name] for name in ("0.bin", "1.bin", "2.bin")}), "-a", "small")
    mreg.must("rm", "big:v0")

    result = mreg("gc", "--grace", "0", "--repack")

    assert (result.code, int(result.out) > 50_000) == (0, True)
    assert re.search(r"^repacking: [\d.]+ KiB of [\d.]+ KiB, [\d.]+ B/s$", result.errors, re.MULTILINE)


# With -v.


def test_verbose_log_says_what_was_read_what_was_new_and_where_the_time_went(mreg: Any, model: Model) -> None:
    folder = model("m", {"a.bin": b"a" * 2048, "b.bin": b"b" * 1024})
    first = mreg("log", folder, "-a", "m", "-v")
    (mreg.home / "m/b.bin").write_bytes(b"c" * 3072)

    second = mreg("log", folder, "-a", "m", "-v")

    assert "read 3.0 KiB in 2 files\n" in first.errors
    assert "read 3.0 KiB in 1 file; 1 file unchanged since it was last logged" in second.errors
    assert re.search(r"^3\.0 KiB new to the repository, stored in \d+ B$", second.errors, re.MULTILINE)
    phases = r"^\d+\.\d\d s: scan \d+\.\d\d s, read \d+\.\d\d s, write \d+\.\d\d s, commit \d+\.\d\d s$"
    assert re.search(phases, second.errors, re.MULTILINE)
    assert second.out == "m:v1\n"


def test_without_verbose_nothing_of_that_is_said(mreg: Any, model: Model) -> None:
    assert mreg("log", model(), "-a", "m").errors == "m:v0  7 B in 1 file, 7 B new\n"


# Files that were hardly meant.

CARELESS = {
    "weights.bin": b"w",
    ".env": b"TOKEN=1",
    "keys/id_rsa": b"k",
    "tls.pem": b"p",
    ".DS_Store": b"",
    "__pycache__/a.pyc": b"",
    "__pycache__/b.pyc": b"",
}


def test_secrets_and_clutter_are_named_with_what_leaves_them_out(mreg: Any, model: Model) -> None:
    result = mreg("log", model("m", CARELESS), "-a", "m")

    assert result == (
        0,
        "m:v0\n",
        "m:v0  10 B in 7 files, 10 B new\n"
        "may hold secrets: .env, keys/id_rsa, tls.pem\n"
        "seldom wanted: .DS_Store, __pycache__/ (2 files)\n"
        "to leave them out: --exclude .env --exclude id_rsa --exclude '*.pem' "
        "--exclude .DS_Store --exclude __pycache__/\n",
    )


def test_the_options_that_are_shown_leave_them_out(mreg: Any, model: Model) -> None:
    folder = model("m", CARELESS)
    options = mreg("log", folder, "-a", "m").errors.splitlines()[-1].removeprefix("to leave them out: ")

    result = mreg("log", folder, "-a", "m", *(word.strip("'") for word in options.split()))

    assert (result.code, result.errors.splitlines()[0]) == (0, "m:v1  1 B in 1 file, 0 B new")
    assert mreg.must("files", "m:v1").endswith("\t1\tweights.bin\n")
    assert "secrets" not in result.errors


def test_a_dry_run_names_them_before_anything_is_stored(mreg: Any, model: Model) -> None:
    result = mreg("log", model("m", CARELESS), "-a", "m", "--dry-run")

    assert "may hold secrets: .env" in result.errors
    assert mreg.must("ls") == ""


def test_a_file_that_was_named_is_wanted(mreg: Any, model: Model) -> None:
    model("m", {"cert.pem": b"p"})

    assert "secrets" not in mreg("log", "m/cert.pem", "-a", "m").errors


def test_json_has_all_of_it_and_stderr_stays_empty(mreg: Any, model: Model) -> None:
    result = mreg("log", model("m", CARELESS), "-a", "m", "--json")

    assert (result.code, result.errors) == (0, "")
    assert [one["pattern"] for one in result.json["noticed"]][:2] == [".env", "id_rsa"]
    assert (result.json["files_read"], result.json["bytes_read"]) == (7, 10)
    assert list(result.json["milliseconds"]) == ["scan", "read", "write", "commit"]
