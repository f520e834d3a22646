"""`get --reflink` on file systems that can clone files, for real, and on one that cannot."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from mreg.repository import Repository

LARGE = random.Random(3).randbytes(12 << 20)
FILES = {"weights.bin": LARGE, "deep/config.json": b"{}", "empty": b""}

Tree = Callable[[str], dict[str, bytes]]


@pytest.fixture
def source(folder: Callable[..., str]) -> str:
    at = folder(FILES)
    os.chmod(f"{at}/weights.bin", 0o755)
    return at


def test_files_are_clones_where_that_can_be(
    cloning_disk: Path, source: str, tree: Tree, room_taken: Callable[[Path], int]
) -> None:
    with Repository.init(cloning_disk / "repo", cache=str(cloning_disk / "cache")) as repo:
        repo.log(source, "mnist")
        repo.use("mnist")
        before = room_taken(cloning_disk)

        done = repo.get("mnist", cloning_disk / "out", reflink=True)

    assert (done.written, done.cloned) == (3, 3)
    assert tree(str(cloning_disk / "out")) == FILES
    assert room_taken(cloning_disk) - before < len(LARGE) // 4
    weights = (cloning_disk / "out" / "weights.bin").stat()
    assert weights.st_mode & 0o777 == 0o755 and weights.st_nlink == 1
    assert len({path.stat().st_mtime_ns for path in (cloning_disk / "out").rglob("*")}) == 1


def test_the_cache_is_filled_first_where_that_helps(cloning_disk: Path, source: str, tree: Tree) -> None:
    with Repository.init(cloning_disk / "repo", cache=str(cloning_disk / "cache")) as repo:
        repo.log(source, "mnist")

        done = repo.get("mnist", cloning_disk / "out", reflink=True)

    assert done.cloned == 3
    assert tree(str(cloning_disk / "out")) == FILES


def test_a_clone_that_is_written_to_leaves_the_cache_as_it_is(cloning_disk: Path, source: str, tree: Tree) -> None:
    with Repository.init(cloning_disk / "repo", cache=str(cloning_disk / "cache")) as repo:
        repo.log(source, "mnist")
        repo.get("mnist", cloning_disk / "out", reflink=True)

        with open(cloning_disk / "out" / "weights.bin", "r+b") as file:
            file.write(b"mine")

        assert tree(repo.use("mnist")) == FILES


def test_a_copy_that_was_altered_unseen_is_not_cloned(cloning_disk: Path, source: str, tree: Tree) -> None:
    with Repository.init(cloning_disk / "repo", cache=str(cloning_disk / "cache")) as repo:
        repo.log(source, "mnist")
        weights = Path(repo.use("mnist"), "weights.bin")
        before = weights.stat()
        with open(weights, "r+b") as file:
            file.write(b"altered")
        os.utime(weights, ns=(before.st_mtime_ns, before.st_mtime_ns))

        done = repo.get("mnist", cloning_disk / "out", reflink=True)

    assert (done.written, done.cloned) == (3, 2)
    assert tree(str(cloning_disk / "out")) == FILES


def test_where_nothing_can_be_cloned_files_are_written(plain_disk: Path, source: str, tree: Tree) -> None:
    with Repository.init(plain_disk / "repo", cache=str(plain_disk / "cache")) as repo:
        repo.log(source, "mnist")

        done = repo.get("mnist", plain_disk / "out", reflink=True)

    assert (done.written, done.cloned) == (3, 0)
    assert tree(str(plain_disk / "out")) == FILES
    assert not list((plain_disk / "cache").glob("versions/*")), "it was filled in vain"
    assert not list((plain_disk / "cache").glob("tmp/*"))


def test_between_two_disks_files_are_written(cloning_disk: Path, source: str, tmp_path: Path, tree: Tree) -> None:
    with Repository.init(cloning_disk / "repo", cache=str(cloning_disk / "cache")) as repo:
        repo.log(source, "mnist")
        repo.use("mnist")

        done = repo.get("mnist", tmp_path / "out", reflink=True)

    assert (done.written, done.cloned) == (3, 0)
    assert tree(str(tmp_path / "out")) == FILES
