"""`mreg lineage` and what `mreg log` records of the checkout."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


@pytest.fixture
def family(mreg: Any) -> Any:
    """base -> tuned -> small, with a file, an address, a run, a user, an alias."""
    for name in ("base", "tuned", "small"):
        (mreg.home / name).mkdir()
        (mreg.home / name / "weights").write_text(name)
    (mreg.home / 'data "<b>.csv').write_text("data")
    mreg.must("log", "base", "-a", "base", "--input-file", 'data "<b>.csv', "--input-uri", "s3://corp/set#v5")
    mreg.must("log", "tuned", "-a", "tuned", "--input", "base", "--run", "r1", "--link", "prod:best")
    mreg.must("log", "small", "-a", "small", "--input", "tuned", "--input", "base", "--meta", "metrics.acc=0.9")
    mreg.must("use", "tuned", "--run", "eval-1")
    return mreg


def test_a_tree_shows_what_went_in_what_came_out_and_who_has_it(family: Any) -> None:
    shown = family.terminal("lineage", "prod:best", "--no-color")

    assert shown.code == 0
    assert shown.out.splitlines() == [
        "prod:best = tuned:v0  run r1",
        "└── from base:v0",
        '    ├── from file data "<b>.csv  (28a249c2e4d3, 4 B)',
        "    └── from uri s3://corp/set#v5",
        "made into",
        "└── small:v0",
        "held by    prod:v0, prod:best",
        "used by    eval-1 (just now)",
    ]


def test_what_was_shown_already_is_not_shown_again(family: Any) -> None:
    shown = family.terminal("lineage", "small:v0", "--up", "--no-color").out.splitlines()

    assert shown[-1] == "└── from base:v0  (see above)"


def test_in_a_pipe_there_is_a_row_for_each_step(family: Any) -> None:
    rows = [line.split("\t")[:3] for line in family.must("lineage", "tuned").splitlines()]

    assert rows == [
        ["from", "base:v0", "tuned:v0"],
        ["from", "tuned:v0", "small:v0"],
        ["link", "prod:v0", "tuned:v0"],
        ["alias", "prod:best", "tuned:v0"],
        ["run", "eval-1", "tuned:v0"],
        ["file", 'data "<b>.csv', "base:v0"],
        ["uri", "s3://corp/set#v5", "base:v0"],
    ]


def test_mermaid_has_a_line_for_each_node_and_step_and_escapes_names(family: Any) -> None:
    lines = family.must("lineage", "tuned", "--format", "mermaid").splitlines()

    assert lines[0] == "flowchart LR"
    node = r'    \w+(\[|\(\[|\[\()"[\w ./\-]*(?:(#\d+;|<br/>)[\w ./\-]*)*"(\]|\]\)|\)\])'
    assert all(re.fullmatch(rf"{node}|    \w+ --> \w+", line) for line in lines[1:])
    assert '    x1[("data #34;#60;b#62;.csv")]' in lines
    assert len([line for line in lines if "-->" in line]) == 5


def test_the_bill_of_materials_is_valid_and_the_same_each_time(family: Any) -> None:
    text = family.must("lineage", "tuned", "--format", "cyclonedx")

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert family.must("lineage", "tuned:v0", "--format", "cyclonedx") == text
    found = json.loads(text)["metadata"]["component"]
    (file,) = family("files", "tuned", "--json").json["files"]
    assert found["components"][0]["hashes"] == [{"alg": "BLAKE3", "content": file["digest"]}]
    assert [one["name"] for one in found["pedigree"]["ancestors"]] == ["base"]


def test_the_bill_of_materials_of_whatever_is_logged_is_valid(family: Any) -> None:
    for name in ("base", "small"):
        text = family.must("lineage", name, "--format", "cyclonedx")

        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    card = json.loads(text)["metadata"]["component"]["modelCard"]
    assert card["quantitativeAnalysis"]["performanceMetrics"] == [{"type": "acc", "value": "0.9"}]


@pytest.mark.parametrize("options", [("--format", "dot"), ("--depth", "-1")])
def test_options_that_cannot_be_meant_are_refused(options: tuple[str, ...], family: Any) -> None:
    result = family("lineage", "tuned", *options)

    assert (result.code, result.out) == (2, "")


def test_an_unknown_version_is_told(family: Any) -> None:
    assert family("lineage", "tunde").code == 3


# What `log` records.


@pytest.fixture
def checkout(mreg: Any) -> Any:
    """The working folder is a git checkout."""
    identity = ("-c", "user.name=Ann", "-c", "user.email=a@example.com")
    (mreg.home / "train.py").write_text("1")
    for command in (("init", "-q", "-b", "main"), ("add", "train.py"), (*identity, "commit", "-qm", "first")):
        subprocess.run(["git", *command], cwd=mreg.home, check=True)
    (mreg.home / "ckpt").mkdir()
    (mreg.home / "ckpt" / "weights").write_text("1")
    return mreg


def recorded(mreg: Any, version: str = "net:v0") -> Any:
    return mreg("show", version, "--json").json["metadata"].get("git")


def test_log_records_the_checkout(checkout: Any) -> None:
    checkout.must("log", "ckpt", "-a", "net")

    assert recorded(checkout).keys() == {"commit", "branch", "dirty"}


def test_the_setting_and_the_option_turn_it_off(checkout: Any) -> None:
    checkout.must("log", "ckpt", "-a", "net", "--capture", "none")
    checkout.must("config", "set", "log.capture", "none")
    (checkout.home / "ckpt" / "weights").write_text("2")
    checkout.must("log", "ckpt", "-a", "net")
    (checkout.home / "ckpt" / "weights").write_text("3")
    checkout.must("log", "ckpt", "-a", "net", "--capture", "git")

    assert [recorded(checkout, f"net:v{n}") is None for n in range(3)] == [True, True, False]
    assert checkout("config", "set", "log.capture", "all").code == 2
    assert checkout("log", "ckpt", "-a", "net", "--capture", "all").code == 2


def test_content_that_is_there_gets_nothing_recorded(checkout: Any) -> None:
    checkout.must("log", "ckpt", "-a", "net", "--capture", "none")

    checkout.must("log", "ckpt", "-a", "net", "--alias", "best")

    assert recorded(checkout) is None


def test_what_was_recorded_comes_last_in_a_comparison(checkout: Any) -> None:
    checkout.must("log", "ckpt", "-a", "net", "--meta", "z=1", "--capture", "none")
    Path(checkout.home / "ckpt" / "weights").write_text("2")
    checkout.must("log", "ckpt", "-a", "net", "--meta", "z=2")

    rows = checkout.must("diff", "net:v0", "net:v1", "--metadata").splitlines()

    assert [row.split("\t")[1] for row in rows] == ["z", "git.branch", "git.commit", "git.dirty"]
