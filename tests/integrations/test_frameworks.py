"""Trainings with the real frameworks, on tiny models: what is logged, and how they go on after a kill.

The frameworks lie in a folder of their own (`make frameworks`), and each training is a process of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mreg.repository import Repository

ROOT = Path(__file__).parents[2]
FRAMEWORKS = ROOT / ".testdata" / "frameworks"
SCRIPTS = Path(__file__).parent / "frameworks"

pytestmark = [
    pytest.mark.skipif(not FRAMEWORKS.is_dir(), reason="the training frameworks are not there: `make frameworks`"),
    pytest.mark.xdist_group("frameworks"),  # each takes all of a core
]


def run(script: str, *arguments: object, ends: int = 0) -> None:
    environment = {**os.environ, "PYTHONPATH": str(FRAMEWORKS), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPTS / f"{script}.py"), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == ends, done.stderr[-4000:]


def final(folder: Path) -> list[Any]:
    """What the weights were at the end of a training: bytes of each."""
    import numpy as np

    if (folder / "final.npz").exists():
        with np.load(folder / "final.npz") as arrays:
            return [arrays[name].tobytes() for name in sorted(arrays)]
    return [(folder / "final.pt").read_bytes()]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A repository, and a folder for what a training writes."""
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache"))
    Repository.init(tmp_path / "repository").close()
    (tmp_path / "out").mkdir()
    return tmp_path / "repository", tmp_path / "out"


@pytest.mark.parametrize(
    ("script", "artifact", "metric", "length", "steps"),
    [
        ("train_transformers", "bert", "eval_loss", 6, [2, 4, 6]),
        ("train_lightning", "net", "val_loss", 3, [4, 8, 12]),
        ("train_keras", "net", "val_loss", 3, [0, 1, 2]),
    ],
)
def test_each_checkpoint_is_a_version_and_the_best_is_known(
    places: tuple[Path, Path], script: str, artifact: str, metric: str, length: int, steps: list[int]
) -> None:
    run(script, *places, length)

    with Repository.open(places[0]) as repository:
        found = repository.versions(artifact)
        aliases = {alias.alias: alias.number for alias in repository.aliases(artifact)}
        assert repository.fsck(full=True).findings == ()
    scores = [version.metadata["metrics"][metric] for version in found]
    assert [version.metadata["step"] for version in found] == steps
    assert aliases == {"best": scores.index(min(scores)), "last": 2}


@pytest.mark.parametrize(
    ("script", "artifact", "length", "die_at"),
    [("train_transformers", "bert", 6, 5), ("train_lightning", "net", 3, 2), ("train_keras", "net", 3, 2)],
)
def test_training_that_was_killed_goes_on_from_the_last_version(
    places: tuple[Path, Path], tmp_path: Path, script: str, artifact: str, length: int, die_at: int
) -> None:
    # given
    run(script, *places, length, die_at, ends=-signal.SIGKILL)
    with Repository.open(places[0]) as repository:
        assert 1 <= len(repository.versions(artifact)) <= 2
        assert repository.fsck(full=True).findings == ()

    # when
    run(script, *places, length)

    # then
    Repository.init(tmp_path / "other").close()
    (tmp_path / "whole").mkdir()
    run(script, tmp_path / "other", tmp_path / "whole", length)
    assert final(places[1]) == final(tmp_path / "whole")
    assert not list(places[1].glob(".mreg-snapshot-*"))


def test_lightning_writes_in_the_background(places: tuple[Path, Path]) -> None:
    run("train_lightning", *places, 3, -1, "asynchronous")

    with Repository.open(places[0]) as repository:
        assert [version.metadata["step"] for version in repository.versions("net")] == [4, 8, 12]


def test_checkpoint_that_lightning_removes_at_once_is_logged_nevertheless(places: tuple[Path, Path]) -> None:
    run("remove_lightning", *places)

    with Repository.open(places[0]) as repository:
        assert [version.metadata["step"] for version in repository.versions("net")] == [4]


def test_lightning_may_save_again_while_a_signal_interrupts_a_save(places: tuple[Path, Path]) -> None:
    run("signal_lightning", *places)

    with Repository.open(places[0]) as repository:
        assert {version.metadata["step"] for version in repository.versions("net")} == {4, 5}


def test_lightning_raises_what_failed_last_in_the_background(places: tuple[Path, Path]) -> None:
    run("fail_lightning", *places)


def test_one_line_saves_a_model_of_torch_scikit_learn_and_xgboost(places: tuple[Path, Path]) -> None:
    run("save_models", places[0])


def test_tensors_of_every_dtype_are_read_without_a_copy_on_disk(places: tuple[Path, Path], tmp_path: Path) -> None:
    run("load_tensors", places[0])

    assert not list(tmp_path.rglob("*.safetensors"))
