"""MLflow's registry in a repository, with the oldest and the newest MLflow that `mreg[mlflow]` allows.

Each lies in a folder of its own (`make mlflow-skinny`, and all of it by `make mlflow`), and each suite is a process of
its own: MLflow brings much that mreg's other tests must not see.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITES = Path(__file__).parent / "mlflow_suite"

pytestmark = pytest.mark.xdist_group("mlflow")  # each takes all of a core


def installed(name: str) -> Path:
    """The folder with that MLflow."""
    folder = ROOT / ".testdata" / name
    if not folder.is_dir():
        pytest.skip(f"there is no MLflow in .testdata/{name}: `make mlflow-skinny mlflow`")
    return folder


def run(name: str, pattern: str, **settings: str) -> str:
    """The last lines of pytest for the suites of that pattern. settings: environment variables."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MLFLOW_"))}
    environment |= {"PYTHONPATH": str(installed(name)), **settings}
    options = ["-p", "no:cacheprovider", "-o", f"python_files={pattern}", "-o", "filterwarnings=ignore", "-q", "-rs"]
    command = [sys.executable, "-m", "pytest", *options, str(SUITES)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.mark.parametrize("name", ["mlflow-lowest", "mlflow-newest"])
def test_the_registry_does_what_mlflows_own_does(name: str) -> None:
    assert "SKIPPED" not in run(name, "suite_*.py")


@pytest.mark.slow
def test_the_registry_does_so_in_all_of_mlflow() -> None:
    assert "SKIPPED" not in run("mlflow", "suite_*.py", KILLED_EVERY="1")


@pytest.mark.slow
def test_models_are_trained_loaded_and_shown() -> None:
    told = run("mlflow", "full_*.py")
    if shutil.which("chromium") is None:
        pytest.skip("there is no chromium: `make mlflow`; all but its page was tested")
    assert "SKIPPED" not in told


def test_the_lowest_is_the_one_that_is_declared() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (declared,) = [re.fullmatch(r"mlflow-skinny>=([\d.]+),<(\d+)", one) for one in extras["mlflow"]]
    assert declared is not None

    found = {
        name: distribution.version
        for name in ("lowest", "newest")
        for distribution in distributions(path=[str(installed(f"mlflow-{name}"))])
        if distribution.name == "mlflow-skinny"
    }

    assert found["lowest"].startswith(f"{declared[1]}.")
    assert int(found["newest"].split(".")[0]) < int(declared[2])
