"""`mreg lineage` and what `mreg log` records of the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests import mermaid


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


HOSTILE = [
    'a"]; end',
    "x --> y",
    "<script>alert(1)</script>",
    "%%{init: {}}%%",
    "#35;quot",
    "`md`",
    "\u202egnp.exe",
    "end",
]


@pytest.fixture
def hostile(family: Any) -> Any:
    """tuned is made from files and addresses whose names mean something to Mermaid, or to HTML."""
    for number, name in enumerate(HOSTILE):
        (family.home / f"{number}").mkdir()
        (family.home / f"{number}" / name.replace("/", "|")).write_text(name)
    given = [f"--input-file={number}/{name.replace('/', '|')}" for number, name in enumerate(HOSTILE)]
    given += [f"--input-uri=s3://corp/{name}" for name in HOSTILE]
    family.must("log", "tuned", "-a", "tuned", *given)
    return family


def test_mermaid_shows_each_node_and_step(family: Any) -> None:
    found = mermaid.parse(family.must("lineage", "tuned", "--format", "mermaid"))

    named = {name: lines[0] for name, lines in found.labels.items()}
    assert {(named[one], named[other]) for one, other in found.edges} == {
        ("base:v0", "tuned:v0"),
        ("tuned:v0", "small:v0"),
        ("tuned:v0", "eval-1"),
        ('data "<b>.csv', "base:v0"),
        ("s3://corp/set#v5", "base:v0"),
    }
    assert ["tuned:v0", "run r1"] in found.labels.values()


def test_mermaid_shows_hostile_names_as_they_are(hostile: Any) -> None:
    found = mermaid.parse(hostile.must("lineage", "tuned", "--format", "mermaid"))

    labels = {lines[0] for lines in found.labels.values()}
    assert {f"s3://corp/{name}" for name in HOSTILE} <= labels
    assert {f"{number}/{name.replace('/', '|')}" for number, name in enumerate(HOSTILE)} <= labels


@pytest.mark.parametrize(
    "text",
    [
        "graph LR",
        'flowchart LR\n  a["x"y"]',
        'flowchart LR\n  a["x")]',
        'flowchart LR\n  a["x"]\n  a --> b',
        'flowchart LR\n  end["x"]',
    ],
)
def test_what_is_no_flowchart_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="."):  # noqa: RUF043 - whatever it says
        mermaid.parse(text)


@pytest.mark.slow
def test_the_parser_of_mermaid_takes_it(hostile: Any) -> None:
    folder = Path(__file__).parents[2] / ".testdata" / "mermaid"
    if not folder.exists():
        pytest.skip("`make mermaid` fetches the parser of Mermaid")
    for name in ("tuned", "small", "base"):
        (hostile.home / f"{name}.mmd").write_text(hostile.must("lineage", name, "--format", "mermaid"))
    (hostile.home / "wrong.mmd").write_text('flowchart LR\n    n0["a"b"]\n')
    command = ["node", str(Path(mermaid.__file__).with_suffix(".mjs")), str(folder)]

    taken = subprocess.run(
        [*command, "tuned.mmd", "small.mmd", "base.mmd"], cwd=hostile.home, capture_output=True, text=True
    )
    refused = subprocess.run([*command, "wrong.mmd"], cwd=hostile.home, capture_output=True, text=True)

    assert (taken.returncode, taken.stdout) == (0, "flowchart-v2\n" * 3), taken.stderr
    assert refused.returncode != 0 and "Parse error" in refused.stderr


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


def test_the_bill_of_materials_has_the_licences_of_the_cards(family: Any) -> None:
    (family.home / "card.md").write_text("---\nlicense: [apache-2.0, my own]\n---\nA model.\n")
    family.must("card", "prod", "--file", "card.md")

    text = family.must("lineage", "tuned", "--format", "cyclonedx")

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    licences = json.loads(text)["metadata"]["component"]["licenses"]
    assert licences == [{"license": {"id": "Apache-2.0"}}, {"license": {"name": "my own"}}]
    assert (
        "licenses" not in json.loads(family.must("lineage", "base", "--format", "cyclonedx"))["metadata"]["component"]
    )


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
    assert checkout("config", "set", "log.capture", "everything").code == 2
    assert checkout("log", "ckpt", "-a", "net", "--capture", "git,none").code == 2


@pytest.fixture
def asked(mreg: Any) -> Any:
    """An interpreter that counts how often it is started."""
    script = mreg.home / "python-of-training"
    script.write_text(f'#!/bin/sh\necho x >>"{mreg.home}/started"\nexec "{sys.executable}" "$@"\n')
    script.chmod(0o755)
    return script


def test_log_records_the_interpreter_that_trains_on_request(checkout: Any, asked: Path) -> None:
    checkout.must("log", "ckpt", "-a", "net", "--capture", "git,packages,argv", "--python", str(asked))

    said = checkout("show", "net:v0", "--json").json["metadata"]
    assert said.keys() == {"git", "env", "source"}
    assert said["env"].keys() == {"packages"}
    assert any(one.startswith("pytest==") for one in said["env"]["packages"])
    assert said["source"]["argv"], "of whoever called mreg"
    assert (checkout.home / "started").read_text() == "x\n"


def test_no_interpreter_is_started_for_nothing(checkout: Any, asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = checkout("log", "ckpt", "-a", "net", "--python", str(asked))
    checkout.must("log", "ckpt", "-a", "net", "--capture", "argv", "--python", str(asked))

    assert (refused.code, "--python" in refused.errors) == (2, True)
    assert not (checkout.home / "started").exists()


def test_a_setting_asks_for_more_and_turns_each_off(checkout: Any) -> None:
    for number, words in enumerate(("git,python", "python", "none")):
        checkout.must("config", "set", "log.capture", words)
        (checkout.home / "ckpt" / "weights").write_text(f"{number}")
        checkout.must("log", "ckpt", "-a", "net")

    found = [checkout("show", f"net:v{n}", "--json").json["metadata"] for n in range(3)]
    assert [sorted(one) for one in found] == [["env", "git"], ["env"], []]
    assert found[0]["env"].keys() == {"platform", "python"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no/such/python", "No such file"),
        ("/bin/true", "it is not a Python interpreter"),
        ("/bin/false", "exit code 1"),
    ],
)
def test_an_interpreter_that_does_not_answer_stops_the_log_before_it_begins(
    checkout: Any, text: str, reason: str
) -> None:
    result = checkout("log", "ckpt", "-a", "net", "--capture", "packages", "--python", text)

    assert (result.code, result.out) == (2, "")
    assert f"cannot list the packages of the interpreter '{text}': {reason}" in result.errors
    assert "--python PATH" in result.errors
    assert checkout("ls").out == ""


def test_a_setting_that_cannot_be_followed_does_not_stop_the_log(
    checkout: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.must("config", "set", "log.capture", "git,packages")
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PATH"):
        monkeypatch.setenv(name, "")

    result = checkout("log", "ckpt", "-a", "net")

    assert (result.code, result.out) == (0, "net:v0\n")
    assert "there is none on PATH; logged without that information (setting log.capture)" in result.errors


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
