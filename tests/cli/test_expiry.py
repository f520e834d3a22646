"""`mreg log --ttl`, `mreg annotate --ttl`, and `mreg config --artifact`, as people meet them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def logged(mreg: Any, model: Callable[..., str]) -> Any:
    """mnist:v0 with an expiry of 30 days, v1 and v2 without."""
    for n, more in enumerate((["--ttl", "30d"], [], [])):
        mreg.must("log", model("m", {"w": b"%d" % n}), "-a", "mnist", *more)
    return mreg


def test_the_expiry_is_told_when_it_is_set_and_shown(mreg: Any, model: Callable[..., str]) -> None:
    done = mreg("log", model("m", {"w": b"1"}), "-a", "mnist", "--ttl", "30d")
    shown = mreg("show", "mnist:v0")

    assert (done.code, done.out) == (0, "mnist:v0\n")
    assert "expires: " in shown.out
    assert "mreg.ttl = 2592000" in shown.out
    assert mreg("--json", "show", "mnist:v0").json["expires"] is not None


def test_content_that_is_to_stay_says_that_it_keeps_no_expiry(mreg: Any, model: Callable[..., str]) -> None:
    path = model("m", {"w": b"1"})
    mreg.must("log", path, "-a", "mnist")

    again = mreg("log", path, "-a", "mnist", "--ttl", "1d")

    assert (again.code, again.out) == (0, "mnist:v0\n")
    assert again.errors == (
        "same content as mnist:v0: no new version\n"
        "mnist:v0 was logged without an expiry before, and still has none: "
        "`mreg annotate mnist:v0 --ttl 1d` changes that\n"
    )


def test_content_with_a_later_expiry_says_that_it_keeps_that(mreg: Any, model: Callable[..., str]) -> None:
    path = model("m", {"w": b"1"})
    mreg.must("log", path, "-a", "mnist", "--ttl", "30d")

    again = mreg("log", path, "-a", "mnist", "--ttl", "1d")

    assert again.code == 0
    assert "mnist:v0 keeps its later expiry, " in again.errors


def test_logging_the_content_to_stay_takes_its_expiry_away_and_says_so(mreg: Any, model: Callable[..., str]) -> None:
    path = model("m", {"w": b"1"})
    mreg.must("log", path, "-a", "mnist", "--ttl", "30d")

    again = mreg("log", path, "-a", "mnist")

    assert (again.code, again.out) == (0, "mnist:v0\n")
    assert again.errors == (
        "same content as mnist:v0: no new version\n  expiry of mnist:v0  was 30d\n`mreg undo 2` takes it back\n"
    )


def test_an_expiry_is_changed_afterwards(logged: Any) -> None:
    changed = logged("annotate", "mnist:v0", "--ttl", "2d")
    taken = logged("annotate", "mnist:v0", "--ttl", "none")
    again = logged("annotate", "mnist:v0", "--ttl", "none")

    assert (changed.code, changed.out) == (0, "mnist:v0\n")
    assert changed.errors.startswith("expiry of mnist:v0  30d -> 2d\n")
    assert taken.errors.startswith("expiry of mnist:v0  was 2d\n")
    assert (again.code, again.errors) == (0, "mnist:v0 is unchanged\n")


@pytest.mark.parametrize("text", ["0", "-1d", "soon", "nan", "inf", ""])
def test_what_is_no_age_is_refused(
    mreg: Any, model: Callable[..., str], unchanged: Callable[[], Any], text: str
) -> None:
    path = model("m", {"w": b"1"})

    with unchanged():
        result = mreg("log", path, "-a", "mnist", "--ttl", text)

    assert (result.code, result.out) == (2, "")
    assert f"--ttl: {text!r}" in result.errors


def test_gc_names_what_lets_versions_expire(logged: Any, unchanged: Callable[[], Any], model: Any) -> None:
    for n in range(2):
        logged.must("log", model("m", {"w": b"x%d" % n}), "-a", "letters")
    logged.must("config", "set", "gc.keep-last", "2", "--artifact", "mnist")

    with unchanged():
        would = logged("gc", "--keep-last", "1", "--dry-run")
        told = logged("--json", "gc", "--keep-last", "1", "--dry-run").json
    done = logged("gc", "--keep-last", "1")

    assert would.errors.startswith(
        "1 version of letters would expire: v0\n1 version of mnist would expire by the artifact's own rule: v0\n"
    )
    assert told["reasons"] == {"letters:v0": "repository", "mnist:v0": "artifact"}
    assert done.errors.startswith(
        "1 version of letters expired: v0\n1 version of mnist expired by the artifact's own rule: v0\n"
    )


def test_settings_of_an_artifact_are_set_shown_and_taken_away(logged: Any) -> None:
    done = logged("config", "set", "gc.keep-best", "max:metrics.acc:3", "--artifact", "mnist")
    one = logged("config", "get", "gc.keep-best", "--artifact", "mnist")
    all_of_it = logged("--json", "config", "ls", "--artifact", "mnist")
    of_the_repository = logged("config", "get", "gc.keep-best")
    back = logged("config", "set", "gc.keep-best", "inherit", "--artifact", "mnist")

    assert (done.code, done.out, done.errors) == (0, "", "gc.keep-best is max:metrics.acc:3 now for mnist\n")
    assert one.out == "max:metrics.acc:3\n"
    assert all_of_it.json == {"settings": {"gc.keep-best": ["max:metrics.acc:3"]}, "faults": {}}
    assert of_the_repository.out == "\n"
    assert (back.code, logged("config", "ls", "--artifact", "mnist").out) == (0, "")


@pytest.mark.parametrize(
    ("line", "code", "error", "hint"),
    [
        ("config set gc.grace 1d --artifact mnist", 2, "not-of-an-artifact", "gc.keep-last, gc.older-than"),
        ("config set gc.keep-last x --artifact mnist", 2, "invalid-setting", ""),
        ("config set gc.keep-last 1 --artifact mnst", 3, "unknown-artifact", "mnist"),
        ("config get gc.keep-last --artifact mnst", 3, "unknown-artifact", "mnist"),
        ("config ls --artifact mnst", 3, "unknown-artifact", "mnist"),
        ("config ls --artifact mnist --user", 2, "usage", ""),
    ],
)
def test_settings_that_no_artifact_has_are_refused(
    logged: Any, unchanged: Callable[[], Any], line: str, code: int, error: str, hint: str
) -> None:
    with unchanged():
        result = logged("--json", *line.split())

    assert (result.code, result.out) == (code, "")
    assert result.error["code"] == error
    assert hint in result.error.get("hint", "")
