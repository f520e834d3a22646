"""What reads works where nothing can be written: neither the repository nor the cache. What writes says why it
cannot, and leaves all as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mounts
import pytest

READING = (
    "ls",
    "ls digits",
    "ls Classifier",
    "show digits",
    "show digits:v0",
    "show Classifier",
    "resolve digits:best",
    "resolve Classifier:prod",
    "files digits",
    "cat digits:v0 weights.bin",
    "diff digits:v0 digits:v1",
    "card Classifier",
    "tag ls",
    "alias ls",
    "search digits",
    "history",
    "du",
    "du digits",
    "fsck",
    "fsck --full",
    "gc --dry-run",
    "log one -a digits --dry-run",
    "config get gc.grace",
    "config ls",
    "get digits:v0 -o ../got",
)
WRITING = (
    "log one -a digits",
    "log one -a new",
    "annotate digits:v0 -m x",
    "alias set best digits:v1",
    "alias rm best digits",
    "link digits:v1 Classifier",
    "unlink Classifier:v0 --force",
    "tag add Classifier x",
    "tag rm Classifier vision",
    "card Classifier --file one/weights.bin",
    "artifact create new",
    "artifact rename digits letters",
    "model rm Classifier --force",
    "rm digits:v1",
    "undo 1",
    "gc",
    "gc --grace 0",
    "config set gc.grace 1d",
    "config set core.shared group",
    "use digits --run r9",
    "get digits:v0 -o got",
)


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Let nobody write below the folder; root only."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount something read-only")
    done: list[str] = []

    def read_only(folder: Path) -> None:
        made = subprocess.run(["mount", "--bind", folder, folder], capture_output=True, text=True, check=False)
        if made.returncode:
            pytest.skip(f"cannot mount here: {made.stderr.strip()}")
        done.append(str(folder))
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)

    yield read_only
    for folder in reversed(done):
        mounts.unmount(folder)


def content_of(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, time and bytes of all that lies below the folder."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def assert_fails(result: Any, *reasons: str) -> None:
    assert result.code == 1, result
    assert any(f"error: {reason}" in result.errors for reason in reasons), result
    assert "\nhint: " in result.errors


@pytest.mark.parametrize("cached", [True, False])
def test_a_read_only_file_system_with_a_read_only_cache(
    filled: Any, read_only: Callable[[Path], None], tmp_path: Path, cached: bool
) -> None:
    (filled.home / "three").mkdir()
    (filled.home / "three" / "weights.bin").write_bytes(b"three" * 100)
    cache = tmp_path / "cache"
    ready = filled.must("use", "digits:best") if cached else ""
    if not cached:
        shutil.rmtree(cache)
        cache.mkdir()
    read_only(filled.home)
    read_only(cache)
    before = content_of(tmp_path)

    for line in READING:
        assert filled(*line.split()).code == 0, line
    for line in (*WRITING, "log three -a digits"):
        assert_fails(filled(*line.split()), "the file system is read-only")
    if cached:
        assert filled("use", "digits:best") == (0, ready, "")  # made before
    else:
        assert_fails(filled("use", "digits:best"), "the file system is read-only")
        assert "MREG_CACHE" in filled("use", "digits:best").errors

    assert (tmp_path / "got" / "weights.bin").read_bytes() == b"one" * 100
    shutil.rmtree(tmp_path / "got")
    assert content_of(tmp_path) == before


@pytest.mark.parametrize("cached", [True, False])
def test_a_repository_and_a_cache_without_the_right_to_write(people: Any, cached: bool) -> None:
    ann, bob, work = people
    ann.must("init", "--shared")
    ann.must("log", "one", "-a", "digits", "--alias", "best", "--link", "Classifier", "-m", "first")
    ann.must("log", "two", "-a", "digits")
    ann.must("tag", "add", "Classifier", "vision")
    ann.must("card", "Classifier", "--file", "one/config.json")
    ann.must("alias", "set", "prod", "Classifier:v0")
    for path in [work, *work.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    bob.safe = str(work)
    ready = bob.must("use", "digits:best") if cached else ""
    for path in [bob.home, *bob.home.rglob("*")]:
        path.chmod(0o500 if path.is_dir() else path.stat().st_mode & 0o555)
    before = content_of(work.parent)

    for line in READING:
        if not line.startswith("get"):
            assert bob(*line.split()).code == 0, line
    for line in WRITING:
        assert_fails(bob(*line.split()), "permission denied", "the operation is not permitted")
    if cached:
        assert bob("use", "digits:best") == (0, ready, "")
    else:
        assert_fails(bob("use", "digits:best"), "permission denied")
        assert "MREG_CACHE" in bob("use", "digits:best").errors

    assert content_of(work.parent) == before
