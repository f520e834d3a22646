"""The example `docs/examples/digits`, run as a person or a CI pipeline runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import mreg

DIGITS = Path(__file__).parents[2] / "docs" / "examples" / "digits"
MODEL, PRODUCTION = "digits-classifier", "digits-classifier:production"

# Stands in for mreg: before a command line that begins with $1, it runs the command in $HOOK, once.
SHIM = """#!/usr/bin/env bash
case "$*" in
"$WHEN"*)
    if mkdir "$ONCE" 2>/dev/null; then bash -ec "$HOOK" >&2; fi
    ;;
esac
exec "$REAL_MREG" "$@"
"""


class Pipeline:
    """A repository, a cache, and the programs of the example."""

    def __init__(self, repo: mreg.Repository, folder: Path) -> None:
        self.folder = folder
        self.repo = repo
        scripts = sysconfig.get_path("scripts")
        self.environment = os.environ | {
            "PATH": os.pathsep.join([scripts, os.environ["PATH"]]),
            "MREG_CACHE": str(folder / "cache"),
            "MREG_REPO": self.repo.location,
            "OMP_NUM_THREADS": "1",
        }

    def start(self, *command: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        process = self.start(*command)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def train(self, epochs: int = 4, seed: int = 0) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, DIGITS / "train.py", "--epochs", str(epochs), "--seed", str(seed))

    def evaluate(self, folder: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, DIGITS / "evaluate.py", folder, *options)

    def promote(self) -> subprocess.CompletedProcess[str]:
        return self.run("bash", DIGITS / "promote.sh")

    def accuracy(self, reference: str) -> float:
        value = self.repo.version(reference).metadata["metrics"]["accuracy"]
        assert isinstance(value, float)
        return value

    def best(self) -> str:
        def key(version: mreg.Version) -> tuple[float, float, int]:
            metrics = version.metadata["metrics"]
            return metrics["accuracy"], -metrics["loss"], version.number

        return max(self.repo.versions("digits"), key=key).name

    def log_worse(self, recorded: float) -> str:
        """Log a model that guesses, with this accuracy in its record."""
        checkpoint = self.folder / "worse"
        shutil.rmtree(checkpoint, ignore_errors=True)
        self.repo.get("digits:v0", checkpoint)
        weights = load_file(checkpoint / "model.safetensors")
        (checkpoint / "model.safetensors").unlink()
        save_file({name: np.zeros_like(values) for name, values in weights.items()}, checkpoint / "model.safetensors")
        metrics = {"accuracy": recorded, "loss": 0.01}
        return self.repo.log(checkpoint, "digits", metadata={"metrics": metrics}).version.name

    def interfere(self, when: str, hook: str) -> None:
        """Let somebody else run `hook` right before the first `mreg WHEN…` of what is started from now on."""
        real = shutil.which("mreg", path=self.environment["PATH"])
        assert real is not None
        shim = self.folder / "shim" / "mreg"
        shim.parent.mkdir()
        shim.write_text(SHIM)
        shim.chmod(0o755)
        self.environment |= {
            "PATH": os.pathsep.join([str(shim.parent), self.environment["PATH"]]),
            "REAL_MREG": real,
            "WHEN": when,
            "HOOK": hook.replace("mreg", '"$REAL_MREG"'),
            "ONCE": str(self.folder / "once"),
        }

    def aliases(self) -> dict[str, str]:
        return {alias.alias: alias.version for alias in self.repo.aliases(MODEL)}

    def links(self) -> list[str]:
        return [link.version for link in self.repo.model(MODEL).links]

    def seq(self) -> int:
        return self.repo.history()[-1].seq


@pytest.fixture(scope="module")
def trained_repository(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Trained once, to be copied by each test."""
    folder = tmp_path_factory.mktemp("trained")
    with mreg.Repository.init(folder, cache=str(folder / "cache")) as repo:
        assert Pipeline(repo, folder).train().returncode == 0
        return repo.location


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Pipeline]:
    with mreg.Repository.init(tmp_path, cache=str(tmp_path / "cache")) as repo:
        yield Pipeline(repo, tmp_path)
        assert repo.fsck(full=True).findings == ()


@pytest.fixture
def trained(tmp_path: Path, trained_repository: str) -> Iterator[Pipeline]:
    shutil.copytree(trained_repository, tmp_path / ".mreg")
    with mreg.Repository.open(tmp_path, cache=str(tmp_path / "cache")) as repo:
        yield Pipeline(repo, tmp_path)
        assert repo.fsck(full=True).findings == ()


def test_train_logs_a_version_an_epoch_with_what_was_measured(empty: Pipeline) -> None:
    # when
    done = empty.train(epochs=5, seed=3)

    # then
    assert (done.returncode, done.stderr) == (0, "")
    versions = empty.repo.versions("digits")
    assert [version.name for version in versions] == [f"digits:v{number}" for number in range(5)]
    for epoch, version in enumerate(versions, start=1):
        assert version.run == "digits-seed3"
        assert version.message == f"epoch {epoch} of 5"
        assert version.metadata["params"] | {"epoch": epoch, "seed": 3} == version.metadata["params"]
        line = f"epoch {epoch}  accuracy {empty.accuracy(version.name):.4f}"
        assert any(text.startswith(line) and text.endswith(version.name) for text in done.stdout.splitlines())
    assert empty.accuracy(empty.best()) > 0.9


def test_training_again_with_the_same_seed_gives_the_same_files(trained: Pipeline) -> None:
    # when
    again = trained.train()

    # then
    assert again.returncode == 0
    manifests = [version.manifest for version in trained.repo.versions("digits")]
    assert manifests[:4] == manifests[4:]


def test_train_without_a_repository_says_so(tmp_path: Path) -> None:
    # when
    done = subprocess.run(
        [sys.executable, DIGITS / "train.py", "--repo", tmp_path / "none"], capture_output=True, text=True, timeout=300
    )

    # then
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_evaluate_gives_the_accuracy_that_train_recorded(trained: Pipeline) -> None:
    for version in trained.repo.versions("digits"):
        # when
        recorded = f"{trained.accuracy(version.name):.4f}"
        done = trained.evaluate(trained.repo.use(version.name), "--expect", recorded)

        # then
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{recorded}\n", "")


def test_evaluate_fails_where_another_accuracy_was_expected(trained: Pipeline) -> None:
    # when
    done = trained.evaluate(trained.repo.use("digits:v0"), "--expect", "0.1234")

    # then
    assert done.returncode == 1
    assert done.stdout == f"{trained.accuracy('digits:v0'):.4f}\n"
    assert "0.1234 was recorded" in done.stderr


def test_promote_serves_the_best(trained: Pipeline) -> None:
    # when
    done = trained.promote()

    # then
    best = trained.best()
    assert (done.returncode, done.stderr) == (0, "")
    assert trained.aliases() == {"production": best}
    assert trained.links() == [best]
    assert f"moved from none to v0\nserved    {PRODUCTION} has accuracy {trained.accuracy(best):.4f}" in done.stdout


def test_promote_again_changes_nothing(trained: Pipeline) -> None:
    # given
    assert trained.promote().returncode == 0
    before = trained.seq()

    # when
    again = trained.promote()

    # then
    assert (again.returncode, again.stderr) == (0, "")
    assert f"{PRODUCTION} is v0 already" in again.stdout
    assert trained.seq() == before


def test_promote_moves_production_when_something_better_was_logged(trained: Pipeline) -> None:
    # given
    assert trained.promote().returncode == 0
    first = trained.best()
    assert trained.train(epochs=12, seed=1).returncode == 0
    assert trained.best() != first

    # when
    done = trained.promote()

    # then
    assert (done.returncode, done.stderr) == (0, "")
    assert "moved from v0 to v1" in done.stdout
    assert trained.aliases() == {"production": trained.best()}
    assert trained.links() == [first, trained.best()]


def test_promote_without_any_measured_version_fails(empty: Pipeline) -> None:
    # given
    (empty.folder / "weights.bin").write_bytes(b"weights")
    empty.repo.log(empty.folder / "weights.bin", "digits")

    # when
    done = empty.promote()

    # then
    assert done.returncode == 1
    assert done.stderr == "error: no version has a metrics.accuracy\n"
    assert empty.aliases() == {}


def test_promote_without_the_artifact_fails_as_mreg_does(empty: Pipeline) -> None:
    # when
    done = empty.promote()

    # then
    assert done.returncode == 3
    assert "'digits'" in done.stderr
    assert "Traceback" not in done.stderr


def test_promote_refuses_a_version_that_is_worse_than_its_record(trained: Pipeline) -> None:
    # given
    assert trained.promote().returncode == 0
    served = trained.aliases()
    worse = trained.log_worse(recorded=0.9999)
    before = trained.seq()

    # when
    done = trained.promote()

    # then
    assert done.returncode == 1
    assert f"error: {worse} is not promoted" in done.stderr
    assert trained.aliases() == served
    assert trained.seq() == before


def test_promote_fails_when_a_worse_model_is_served_in_the_end(trained: Pipeline) -> None:
    # given
    worse = trained.log_worse(recorded=0.1)
    trained.interfere(f"use {PRODUCTION}", f"mreg link {worse} {MODEL} --alias production")

    # when
    done = trained.promote()

    # then
    assert done.returncode == 1
    assert f"error: {PRODUCTION} does not serve what was promoted" in done.stderr
    assert trained.aliases() == {"production": worse}


def test_promote_gives_way_when_somebody_else_promotes_meanwhile(trained: Pipeline) -> None:
    # given
    theirs = trained.log_worse(recorded=0.1)
    trained.interfere("--quiet alias set", f"mreg link {theirs} {MODEL} --alias production")

    # when
    done = trained.promote()

    # then
    assert done.returncode == 7
    assert trained.aliases() == {"production": theirs}

    # and the next run works
    assert trained.promote().returncode == 0
    assert trained.aliases() == {"production": trained.best()}


def test_promote_heals_a_served_copy_that_was_tampered_with(trained: Pipeline) -> None:
    # given
    assert trained.promote().returncode == 0
    weights = Path(trained.repo.use(PRODUCTION)) / "model.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(b"something else")

    # when
    done = trained.promote()

    # then
    assert (done.returncode, done.stderr) == (0, "")
    assert f"has accuracy {trained.accuracy(trained.best()):.4f}" in done.stdout


def test_two_promotions_at_once_leave_one_state(trained: Pipeline) -> None:
    # when
    racing = [trained.start("bash", DIGITS / "promote.sh") for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in racing]

    # then
    codes = sorted(process.returncode for process in racing)
    assert codes in ([0, 0], [0, 7]), outputs
    assert trained.links() == [trained.best()]
    assert trained.aliases() == {"production": trained.best()}
    moves = [entry for entry in trained.repo.history(MODEL) if entry.command.startswith("alias set")]
    assert len(moves) == 1
