"""The real tools whose files are imported: in a folder of their own (`make sources`), each run as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / ".testdata" / "sources"


def needs(package: str, folder: Path = SOURCES) -> pytest.MarkDecorator:
    """For tests that use the package."""
    return pytest.mark.skipif(not (folder / package).is_dir(), reason=f"{package} is not there: `make sources`")


def run_python(
    script: str, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, folder: Path = SOURCES
) -> str:
    """What a script prints that may use the tools."""
    return _run([sys.executable, "-c", script, *arguments], cwd, env or {}, folder)


def run_tool(name: str, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """What a command of one of the tools prints."""
    return _run([sys.executable, str(SOURCES / "bin" / name), *arguments], cwd, env or {}, SOURCES)


def _run(command: Sequence[str], cwd: Path, env: Mapping[str, str], folder: Path) -> str:
    """They see nothing of the person's settings and caches, and no network."""
    home = cwd / ".home"
    home.mkdir(exist_ok=True)
    quiet = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(folder),
        "PYTHONWARNINGS": "ignore",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    done = subprocess.run(command, cwd=cwd, env={**quiet, **env}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
