"""The commands that the tables of the pages for newcomers name do run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mreg.repository import Repository

DOCS = Path(__file__).parents[2] / "docs"
MEANT = {
    "PATH": "ckpt",
    "NAME": "mnist",
    "name": "mnist",
    "MODEL": "digits",
    "ALIAS": "best",
    "A": "best",
    "ID": "run-7",
    "DIR": "out",
    "K=V": "epoch=3",
    "SEQ": "",
    "METRIC": "acc",
    "URI": "doi:10.1000/1",
    "FILE": "plot.svg",
    "vN": "v0",
}
WORD = re.compile("|".join(rf"(?<![\w-]){re.escape(word)}(?![\w-])" for word in MEANT))


def commands(page: str) -> set[str]:
    rows = [line for line in (DOCS / page).read_text().splitlines() if line.startswith("|")]
    return {found for row in rows for found in re.findall(r"`(mreg [^`]+)`", row)}


CASES = sorted({(page, command) for page in ("from-mlflow.md", "from-wandb.md") for command in commands(page)})


@pytest.mark.parametrize(("page", "command"), CASES, ids=[f"{page} {command}" for page, command in CASES])
def test_a_command_of_a_table_runs(page: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache"))
    (tmp_path / "ckpt").mkdir()
    (tmp_path / "ckpt" / "w").write_bytes(b"9")
    with Repository.init(tmp_path) as repository:
        for number in range(5):
            repository.log({"w": b"%d" % number}, "mnist", metadata={"metrics": {"acc": number}})
        repository.set_alias("best", "mnist:v0")
        repository.create_model("digits")
        repository.set_property("mnist", "k", "v")
        last = str(repository.history()[-1].seq)
    meant = {**MEANT, "SEQ": last}
    arguments = shlex.split(WORD.sub(lambda found: meant[found[0]], command))[1:]
    if len(arguments) == 1:  # its name alone
        arguments.append("--help")

    done = subprocess.run([sys.executable, "-m", "mreg", *arguments], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_there_are_commands() -> None:
    assert {
        "mreg link name:v3 MODEL",
        "mreg history --since SEQ --json",
        "mreg alias set ALIAS NAME:v3",
    } <= {command for _, command in CASES}
