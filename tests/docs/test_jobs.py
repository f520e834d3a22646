"""Scripts in the documentation that need what tests do not have: a daemon of Docker, a cluster, the network. Their
syntax is checked, and what is mreg's in them is run, with shell functions in the place of `docker` and `srun`."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
from documented import ROOT, Shell

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^( *)```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SCRIPTS = [
    pytest.param(match[2], id=f"{page.name}:{page.read_text().count(chr(10), 0, match.start()) + 1}")
    for page in PAGES
    for match in FENCED.finditer(page.read_text())
]

STAND_INS = """
docker() (  # the folders of the machine are those of the container
    [ "$1" = run ] && shift
    while [[ $1 == -* ]]; do
        case $1 in -v) shift 2 ;; -e) export "$2"; shift 2 ;; *) shift ;; esac
    done
    shift && "$@"
)
srun() { while [[ $1 == -* ]]; do shift; done; "$@"; }
"""


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_shell_can_read_a_script(script: str) -> None:
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")


def scripts_of_containers() -> list[str]:
    page = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    return [match[2] for match in FENCED.finditer(page)]


@pytest.fixture
def bash(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path.resolve(), sysconfig.get_path("scripts"))
    shell.environment |= {"SLURM_TMPDIR": f"{tmp_path}/node", "SLURM_JOB_ID": "7"}
    shell.environment["PATH"] = f"{tmp_path}/bin:{shell.environment['PATH']}"
    programs = {"serve": 'echo "served $2"', "python": 'echo "trained $*"; mkdir -p ckpt; echo w >ckpt/w'}
    (tmp_path / "bin").mkdir()
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return shell


def made(shell: Shell, *commands: str) -> None:
    for shown in shell.type(["mkdir registry && mreg -q -C registry init >/dev/null", *commands]):
        assert "error" not in shown


def test_the_container_of_the_documentation_serves_from_its_cache(bash: Shell) -> None:
    # given
    made(bash, "cd registry; echo w >w; mreg -q log w -a m --link digits:production >/dev/null; cd ..")
    script = scripts_of_containers()[0].replace("/data/registry", "/registry").replace("/var/cache/mreg", "/cache")
    script = re.sub(r"(?<=[ =])/(registry|cache)", rf"{bash.home}/\1", script)

    # when
    [shown] = bash.type([STAND_INS + script])

    # then
    assert re.fullmatch(r"served /home/ada/cache/versions/[0-9a-f]{64}", shown)


def test_the_job_of_the_documentation_makes_one_version_however_often_it_is_started(bash: Shell) -> None:
    # given
    made(
        bash,
        "cd registry; echo w >w; for n in 0 1 2 3; do echo $n >>w; mreg -q log w -a llama-base >/dev/null; done; cd ..",
    )
    script = STAND_INS + scripts_of_containers()[1].replace("/shared/registry", f"{bash.home}/registry")

    # when
    shown = [bash.type([script])[0].splitlines() for _ in range(2)]
    [lineage] = bash.type(["mreg -C registry --json show llama-7:v0"])

    # then
    for lines in shown:
        assert re.fullmatch(r"trained train.py --base /home/ada/node/mreg/versions/[0-9a-f]{64} --run 7", lines[1])
        assert lines[-1] == "llama-7:v0"
    assert '"run": "7"' in lineage and "llama-base:v3" in lineage
