"""What a killed `get` left behind goes with the next one, if it is certain that nobody fills it any more."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mreg.checkout.abandoned import drop_abandoned, staging_name
from mreg.repository import Repository
from mreg.storage.lock import Holder

pytestmark = pytest.mark.skipif(not Holder.me().boot, reason="the kernel has no boot id: nothing is certain here")

MAKE = """
import os, sys
from mreg.staging import staging_name
path = os.path.join(sys.argv[1], staging_name(sys.argv[2]))
os.makedirs(os.path.join(path, "deep"))
open(os.path.join(path, "deep", "part"), "w").close()
print(path, flush=True)
sys.stdin.read()
"""


def start(folder: Path, prefix: str) -> tuple[subprocess.Popen[str], Path]:
    """A process that is filling a folder there."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", MAKE, str(folder), prefix], stdin=pipe, stdout=pipe, encoding="utf-8"
    )
    assert process.stdout
    return process, Path(process.stdout.readline().rstrip("\n"))


@pytest.fixture
def living(tmp_path: Path) -> Iterator[Path]:
    process, path = start(tmp_path, ".model.")
    yield path
    process.kill()
    process.communicate()


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    process, path = start(tmp_path, ".model.")
    process.kill()
    process.communicate()
    return path


def test_what_the_dead_were_filling_goes_and_what_the_living_fill_stays(
    living: Path, dead: Path, tmp_path: Path
) -> None:
    mine = tmp_path / staging_name(".model.")
    mine.mkdir()

    drop_abandoned(str(tmp_path), ".model.")

    assert (living.exists(), mine.exists(), dead.exists()) == (True, True, False)


def test_one_that_was_killed_and_not_waited_for_is_dead(tmp_path: Path) -> None:
    process, path = start(tmp_path, ".model.")
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    drop_abandoned(str(tmp_path), ".model.")

    assert not path.exists()
    process.communicate()


def test_what_is_not_certain_stays(dead: Path, tmp_path: Path) -> None:
    _, kernel, pid, begun, chance = dead.name.removeprefix(".model.").split("-")
    stay = [
        f".model.mreg-{'0' * 8}-{pid}-{begun}-{chance}",  # of another machine, or before a restart
        f".other.mreg-{kernel}-{pid}-{begun}-{chance}",  # of another destination
        f".model.mreg-{kernel}-{pid}-{begun}-{chance}.txt",
        f".model.mreg-{kernel}-{pid}-{begun}",
        ".model.mreg-0123456789ab",
        f"model.mreg-{kernel}-{pid}-{begun}-{chance}",
    ]
    for name in stay:
        (tmp_path / name).mkdir()
    link = tmp_path / f".model.mreg-{kernel}-{pid}-{begun}-{'0' * 8}"
    link.symlink_to(tmp_path / stay[0])

    drop_abandoned(str(tmp_path), ".model.")

    assert sorted(os.listdir(tmp_path)) == sorted([*stay, link.name])


@pytest.mark.parametrize("inside", [False, True], ids=["beside", "inside"])
def test_the_next_get_takes_away_what_a_killed_one_left(
    inside: bool, repo: Repository, folder: Callable[..., str], tmp_path: Path
) -> None:
    repo.log(folder({"a": b"one", "b": b"two"}), "mnist")
    there = tmp_path / "out" / "model"
    if inside:
        there.mkdir(parents=True)
    (tmp_path / "out").mkdir(exist_ok=True)
    process, left = start(there if inside else tmp_path / "out", "." if inside else ".model.")
    process.kill()
    process.communicate()
    assert left.exists()

    repo.get("mnist", there)

    assert sorted(os.listdir(there)) == ["a", "b"]
    assert os.listdir(tmp_path / "out") == ["model"]
