"""`mreg gc --keep-best` and `--keep-where`, as people meet them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def trained(mreg: Any, model: Callable[..., str]) -> Any:
    """Four versions of `mnist`, v1 being the best."""
    for n, accuracy in enumerate((0.5, 0.9, 0.7, 0.6)):
        mreg.must("log", model("m", {"w": b"%d" % n}), "-a", "mnist", "--meta", f"metrics.acc={accuracy}")
    return mreg


def test_a_dry_run_tells_exactly_what_expires(trained: Any, unchanged: Callable[[], Any]) -> None:
    rules = ["--keep-last", "1", "--keep-best", "max:metrics.acc:1", "--keep-where", "number = 0"]

    with unchanged():
        would = trained("gc", *rules, "--dry-run")
    done = trained("gc", *rules)

    assert (would.code, would.out) == (0, "0\n")
    assert would.errors.startswith("1 version of mnist would expire: v2\n")
    assert done.errors.startswith("1 version of mnist expired: v2\n")


def test_rules_that_only_keep_let_nothing_expire_and_say_so(trained: Any) -> None:
    result = trained("gc", "--keep-best", "max:metrics.acc:1")

    assert (result.code, result.out) == (0, "0\n")
    assert result.errors.startswith(
        "nothing expires without --keep-last or --older-than; the other options only keep versions\n"
    )


@pytest.mark.parametrize(
    ("rule", "code", "error", "hint"),
    [
        (
            ["--keep-best", "metrics.acc:1"],
            "invalid-best",
            "write max:metrics.acc:1 or min:metrics.acc:1",
            "such as max:",
        ),
        (["--keep-best", "max:metrics.ac:1"], "unknown-key", "metrics.ac", "did you mean `metrics.acc`?"),
        (["--keep-where", "metrics.acc >"], "invalid-filter", "value", ""),
        (["--keep-where", "metrics.ac > 1"], "unknown-key", "metrics.ac", "did you mean `metrics.acc`?"),
    ],
)
def test_a_rule_that_says_nothing_lets_nothing_expire(
    trained: Any, unchanged: Callable[[], Any], rule: list[str], code: str, error: str, hint: str
) -> None:
    with unchanged():
        result = trained("--json", "gc", "--keep-last", "1", *rule)

    assert (result.code, result.out) == (2, "")
    assert result.error["code"] == code
    assert error in result.error["message"] or error in result.errors
    assert hint in result.error["hint"]


def test_the_direction_may_come_from_the_setting(trained: Any) -> None:
    trained.must("config", "set", "metrics.direction", "max:*acc")

    assert trained("--json", "gc", "--keep-last", "1", "--keep-best", "metrics.acc:2", "--dry-run").json["expired"] == [
        "mnist:v0"
    ]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("acc", "write max:KEY:N or min:KEY:N; separate several with spaces"),
        ("max:acc", "write max:KEY:N or min:KEY:N; separate several with spaces"),
        ("top:acc:3", "write max:KEY:N or min:KEY:N; separate several with spaces"),
        ("max:acc:three", "the number to keep must be a whole number above 0, not 'three'"),
        ("max:acc:0", "the number to keep must be a whole number above 0, not '0'"),
        ("max:acc:-1", "the number to keep must be a whole number above 0, not '-1'"),
    ],
)
def test_a_setting_that_names_no_best_versions_is_refused(mreg: Any, value: str, reason: str) -> None:
    result = mreg("config", "set", "gc.keep-best", value)

    assert (result.code, result.out) == (2, "")
    assert result.errors.startswith(f"error: {value!r} is not a valid value for the setting 'gc.keep-best': {reason}\n")
