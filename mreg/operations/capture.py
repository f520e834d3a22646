"""What surrounds a training run, for the metadata of a version: the state of the git checkout, and on request the
interpreter, its packages, its arguments and its GPU."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Any, Final

from mreg import lazy, operations
from mreg.values.errors import InvalidInput

PATIENCE: Final = 2.0
"""Seconds that git may take: in a very large checkout it has to look at many files."""

OUTPUT_MOST: Final = 1 << 20

__all__ = ["CAPTURED", "capture"]

_USERINFO: Final = re.compile(r"(?<=://)[^/@]*@")


class UnknownCapture(InvalidInput):
    code = "unknown-capture"
    template = "{what!r} cannot be recorded"

    what: str


def capture(
    *what: str, folder: str | os.PathLike[str] = ".", python: str | os.PathLike[str] | bool = False
) -> dict[str, Any]:
    """Metadata for `log(captured=…)`. what: "git" (of the checkout that `folder` lies in), and of this interpreter
    "python", "packages", "argv", "gpu". What cannot be told is left out. python: the path of another interpreter, which
    is asked in place of this one (true: that of the environment that is active); argv is then that of the process that
    has started this one, and gpu what the driver says. Raises UnknownCapture, CannotAsk."""
    for name in what:
        if name not in CAPTURED:
            raise UnknownCapture(what=name)
    found: dict[str, Any] = {}
    for group, values in _of_other(python, what) if python else ():
        found.setdefault(group, {}).update(values)
    for name in set(what) & {"git"} if python else what:
        for group, values in CAPTURED[name](os.fspath(folder)).items():
            found.setdefault(group, {}).update(values)
    return {group: values for group, values in found.items() if values}


def _of_other(python: str | os.PathLike[str] | bool, what: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    asked = {"python": ("python", "platform"), "packages": ("packages",), "gpu": ("cuda",)}
    keys = [key for name, keys in asked.items() if name in what for key in keys]
    if keys:
        said = operations.interpreter.ask(
            operations.interpreter.active() if isinstance(python, bool) else os.fspath(python)
        )
        yield "env", {key: said[key] for key in keys if key in said}
    if "gpu" in what and (gpus := operations.interpreter.gpus()):
        yield "env", {"gpu": gpus}
    if "argv" in what and (argv := operations.interpreter.caller()):
        yield "source", {"argv": argv}


def _git(folder: str) -> Mapping[str, Mapping[str, Any]]:
    """Nothing outside of a checkout, where there is no git, or where git refuses: it says whose checkouts it trusts."""
    if not _in_checkout(folder):
        return {}
    end = monotonic() + PATIENCE
    found = _status(_run(folder, end, "status", "--porcelain=v2", "--branch", "--untracked-files=no"))
    if not found:  # it took too long, or there is no working tree
        found = _without_status(folder)
    if not found:
        return {}
    if remote := _remote(_run(folder, end + 1, "config", "--get-regexp", r"^remote\..*\.url$")):
        found["remote"] = remote
    if prefix := _run(folder, end + 1, "rev-parse", "--show-prefix").strip("/\n"):
        found["path"] = prefix
    return {"git": found}


def _in_checkout(folder: str) -> bool:
    """Found without starting a program."""
    if "GIT_DIR" in os.environ:  # git's own
        return True
    here = os.path.realpath(folder)
    while True:
        if os.path.lexists(os.path.join(here, ".git")):
            return True
        above = os.path.dirname(here)
        if above == here:
            return False
        here = above


def _run(folder: str, end: float, *arguments: str) -> str:
    """What git prints, or nothing. It must neither write to the checkout (`status` refreshes the index), nor start the
    program that the checkout's settings name as its file system monitor, nor ask anybody anything."""
    command = ["git", "-c", "core.fsmonitor=false", *arguments]
    quiet = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **quiet},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=max(0.1, end - monotonic()),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout[:OUTPUT_MOST].decode("utf-8", "replace") if done.returncode == 0 else ""


def _status(text: str) -> dict[str, Any]:
    """From `git status --porcelain=v2 --branch`: headers, then a line for each file that differs from the commit."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        if line.startswith("# branch.oid ") and not line.endswith("(initial)"):
            found["commit"] = line.split(" ", 2)[2]
        elif line.startswith("# branch.head ") and not line.endswith("(detached)"):
            found["branch"] = line.split(" ", 2)[2]
    if "commit" not in found:
        return {}
    return found | {"dirty": any(not line.startswith("#") for line in text.splitlines())}


def _without_status(folder: str) -> dict[str, Any]:
    """Only the commit: whether the files are those of it is not known."""
    commit = _run(folder, monotonic() + 1, "rev-parse", "--verify", "--quiet", "HEAD").strip()
    inside = _run(folder, monotonic() + 1, "rev-parse", "--is-inside-work-tree").strip()
    return {"commit": commit} if commit and inside == "true" else {}


def _remote(text: str) -> str:
    """The address of `origin`, or of the first remote, without name and password."""
    found = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    url = found.get("remote.origin.url") or next(iter(found.values()), "")
    if "://" not in url:
        return url
    return _USERINFO.sub("", url).partition("?")[0].partition("#")[0]


def _python(folder: str) -> Mapping[str, Mapping[str, Any]]:
    return {"env": {"python": lazy.platform.python_version(), "platform": lazy.platform.platform()}}


def _packages(folder: str) -> Mapping[str, Mapping[str, Any]]:
    metadata = lazy.load("importlib.metadata")
    named = {f"{one.metadata['Name']}=={one.version}" for one in metadata.distributions() if one.metadata["Name"]}
    return {"env": {"packages": sorted(named, key=str.lower)}}


def _argv(folder: str) -> Mapping[str, Mapping[str, Any]]:
    return {"source": {"argv": list(sys.argv)}}


def _gpu(folder: str) -> Mapping[str, Mapping[str, Any]]:
    """As torch tells, if the program has loaded it: loading it takes seconds."""
    torch = sys.modules.get("torch")
    try:
        names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())] if torch else []
        version = torch.version.cuda if torch and names else None
    except Exception:  # whatever drivers say: this is no reason not to log
        return {}
    return {"env": {"gpu": names, "cuda": version}} if names else {}


CAPTURED: Final[Mapping[str, Callable[[str], Mapping[str, Mapping[str, Any]]]]] = {
    **{"git": _git, "python": _python, "packages": _packages, "argv": _argv, "gpu": _gpu},
}
