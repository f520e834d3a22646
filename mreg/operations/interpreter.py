"""What another Python interpreter says of itself, asked from the command line: mreg may run in one of its own, which is
not the one that trains."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any, Final

from mreg.values.errors import InvalidInput

__all__ = ["CannotAsk"]

PATIENCE: Final = 30.0
"""Seconds that it may take: an interpreter on a network file system reads the metadata of some hundred packages."""

GPU_PATIENCE: Final = 5.0

OUTPUT_MOST: Final = 4 << 20

_ASK: Final = """
import importlib.metadata, importlib.util, json, os, platform, re
found = {"python": platform.python_version(), "platform": platform.platform()}
names = {(one.metadata["Name"], one.version) for one in importlib.metadata.distributions() if one.metadata["Name"]}
found["packages"] = sorted((f"{name}=={version}" for name, version in names), key=str.lower)
try:
    spec = importlib.util.find_spec("torch")
    text = open(os.path.join(os.path.dirname(spec.origin), "version.py"), encoding="utf-8").read()
    found["cuda"] = re.search(r"^cuda\\b[^=\\n]*=\\s*'([\\w.]+)'", text, re.M)[1]
except Exception:
    pass
print(json.dumps(found))
"""
"""Nothing is imported that the environment has installed: loading torch takes seconds."""


class CannotAsk(InvalidInput):
    code = "cannot-ask"
    template = "cannot list the packages of the interpreter {python!r}: {reason}"

    python: str
    reason: str


def active() -> str:
    """The interpreter of the environment that is active, else the first on the PATH. Raises CannotAsk."""
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        for parts in (("bin", "python"), ("Scripts", "python.exe"), ("python.exe",)):
            path = os.path.join(os.environ.get(variable, ""), *parts)
            if os.environ.get(variable) and os.path.exists(path):
                return path
    found = shutil.which("python3") or shutil.which("python")
    if found is None:
        raise CannotAsk(python="python3", reason="there is none on PATH")
    return found


def ask(python: str) -> Mapping[str, Any]:
    """Its version, platform, packages, and the CUDA that its torch was built for. It is started in isolated mode, in
    which it runs nothing from the working folder. Raises CannotAsk."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", _ASK], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise CannotAsk(python=python, reason=f"it took more than {PATIENCE:.0f} seconds") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotAsk(python=python, reason=reason) from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CannotAsk(python=python, reason=said[-1][:200] if said else f"exit code {done.returncode}")
    try:
        found = json.loads(done.stdout[:OUTPUT_MOST])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CannotAsk(python=python, reason="it is not a Python interpreter")
    return found


def caller() -> list[str]:
    """The command line of the process that has started this one: of the training, where that calls mreg."""
    try:
        with open(f"/proc/{os.getppid()}/cmdline", "rb") as file:
            said = file.read(OUTPUT_MOST).rstrip(b"\0")
        return [os.fsdecode(one).encode("utf-8", "replace").decode() for one in said.split(b"\0")]
    except OSError:
        line = _run("ps", "-o", "command=", "-p", str(os.getppid()))
        return [line] if line else []


def gpus() -> list[str]:
    """The names of the GPUs, as NVIDIA's driver lists them."""
    return _run("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").splitlines()


def _run(*command: str) -> str:
    """What it prints; nothing where it is not there, fails, or takes too long."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=GPU_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout[:OUTPUT_MOST].decode("utf-8", "replace").strip() if done.returncode == 0 else ""
