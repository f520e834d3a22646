"""A copy of mreg some modules of which are broken, and Python run with it in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import mreg

SYNTAX = "def broken(:\n"
MISSING = "import a_package_that_is_not_there\n"


def copy(top: Path, broken: dict[str, str]) -> Path:
    """broken: what stands in which modules, by their paths in `mreg/integrations`."""
    shutil.copytree(Path(mreg.__file__).parent, top / "mreg", ignore=shutil.ignore_patterns("__pycache__"))
    for name, code in broken.items():
        (top / "mreg" / "integrations" / name).write_text(code)
    return top


def python(top: Path, code: str, *arguments: str) -> str:
    """What the code prints."""
    path = os.pathsep.join(filter(None, [str(top), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=environment, cwd=top, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
