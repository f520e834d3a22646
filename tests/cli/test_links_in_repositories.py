"""A repository in which somebody put symbolic links or pipes: nothing outside of it is read, written or deleted for
them, and nothing waits."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Model = Callable[..., str]

PLACES = [
    "tmp",
    "lock",
    "config.toml",
    "journal",
    "journal/000000",
    "journal/applied",
    "journal/000000/000000002.json",
    "journal/000000/000000005.json",
    "artifacts",
    "artifacts/a",
    "artifacts/a/v0",
    "aliases",
    "aliases/a",
    "aliases/a/best",
    "registered",
    "registered/m",
    "runs",
    "objects",
    "packs",
]
COMMANDS = [
    ("ls",),
    ("ls", "a"),
    ("resolve", "a:best"),
    ("history",),
    ("fsck", "--full"),
    ("get", "a:best", "-o", "got"),
    ("use", "a:best", "--run", "r"),
    ("log", "new", "-a", "a", "--alias", "best"),
    ("alias", "set", "best", "a:v0"),
    ("alias", "set", "key", "a:v0"),
    ("tag", "add", "m", "x"),
    ("config", "set", "gc.grace", "1d"),
    ("gc", "--grace", "0"),
    ("fsck", "--full", "--repair"),
    ("undo", "2"),
    ("config", "set", "core.shared", "group"),
]


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of somebody's, with files older than any grace."""
    folder = tmp_path / "victim"
    (folder / "deep").mkdir(parents=True)
    for name in ("key", "deep/secret", "000000001.json"):
        (folder / name).write_text(f"SECRET of {name}")
        os.chmod(folder / name, 0o600)
        os.utime(folder / name, (1e9, 1e9))
    for path in (folder / "deep", folder):
        os.utime(path, (1e9, 1e9))
    return folder


def looks(folder: Path) -> dict[str, tuple[int, float, bytes]]:
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            path.stat().st_mtime,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in [folder, *folder.rglob("*")]
    }


@pytest.fixture
def filled(mreg: Any, model: Model) -> Any:
    mreg.must("log", model("model"), "-a", "a", "--alias", "best", "--link", "m")
    mreg.must("use", "a:v0", "--run", "r")
    mreg.must("log", model("other"), "-a", "b")
    model("new")
    return mreg


def fresh(mreg: Any, place: str) -> Iterator[Path]:
    """For each command the repository as it was, and where to put something."""
    kept = mreg.home / "kept"
    shutil.copytree(mreg.home / ".mreg", kept)
    for _ in COMMANDS:
        shutil.rmtree(mreg.home / ".mreg")
        shutil.copytree(kept, mreg.home / ".mreg")
        target = mreg.home / ".mreg" / place
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
        target.parent.mkdir(exist_ok=True)
        yield target


@pytest.mark.parametrize("place", PLACES)
def test_a_link_leads_no_command_out_of_the_repository(filled: Any, victim: Path, place: str) -> None:
    to = victim if "." not in place and not place.endswith(("lock", "v0", "best", "applied")) else victim / "key"
    before = looks(victim)

    for command, target in zip(COMMANDS, fresh(filled, place), strict=True):
        target.symlink_to(to)
        done = filled(*command)

        assert looks(victim) == before, command
        assert done.code in (0, 1, 3, 4, 5, 6), (command, done)
        assert "bug in mreg" not in done.errors, (command, done)
        inside = [path for path in (filled.home / ".mreg").rglob("*") if path.is_file() and not path.is_symlink()]
        assert not [path for path in inside if b"SECRET" in path.read_bytes()], command


@pytest.mark.parametrize("place", ["config.toml", "journal/applied", "journal/000000/000000004.json", "aliases/a/best"])
def test_nobody_waits_for_a_pipe(filled: Any, place: str) -> None:
    for command, target in zip(COMMANDS, fresh(filled, place), strict=True):
        os.mkfifo(target)

        done = filled(*command)

        assert "bug in mreg" not in done.errors, (command, done)


def test_a_link_is_named_with_what_to_do(filled: Any, victim: Path) -> None:
    shutil.rmtree(filled.home / ".mreg" / "tmp")
    (filled.home / ".mreg" / "tmp").symlink_to(victim)

    done = filled("gc")

    assert (done.code, done.out) == (6, "")
    assert done.errors == (
        f"error: '{filled.home}/.mreg/tmp' is a symbolic link, and mreg follows no links inside a repository\n"
        "hint: replace it with its target, or remove it\n"
    )
