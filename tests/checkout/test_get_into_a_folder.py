"""`get` into a folder in which something lies: whose files are named, which go, and what times they bear."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mreg.checkout.get import UnsafeDestination
from mreg.checkout.others import WouldLose
from mreg.operations.files import NothingIncluded
from mreg.repository import Repository

OLD = {f"model-{number}-of-3.bin": bytes([number]) * 99 for number in (1, 2, 3)} | {"old/extra.txt": b"extra"}
NEW = {f"model-{number}-of-2.bin": bytes([9, number]) * 99 for number in (1, 2)} | {"config/a.json": b"{}"}

Tree = Callable[[str], dict[str, bytes]]


@pytest.fixture
def logged(repo: Repository, folder: Callable[..., str]) -> Repository:
    """Two versions that have no file in common."""
    repo.log(folder(OLD), "mnist")
    repo.log(folder(NEW), "mnist")
    return repo


@pytest.fixture
def there(logged: Repository, tmp_path: Path) -> Path:
    """The folder, with the older version in it."""
    there = tmp_path / "out"
    logged.get("mnist:v0", there)
    return there


def times(there: Path) -> set[int]:
    """Those of the folder and of all that is in it."""
    return {path.lstat().st_mtime_ns for path in (there, *there.rglob("*"))}


# What is not of the version.


def test_files_of_another_version_stay_and_are_named(logged: Repository, there: Path, tree: Tree) -> None:
    done = logged.get("mnist:v1", there)

    assert done.others == tuple(sorted(OLD)) and done.removed == ()
    assert tree(str(there)) == OLD | NEW


def test_in_a_folder_with_nothing_else_nothing_is_named(logged: Repository, there: Path) -> None:
    assert logged.get("mnist:v0", there).others == ()


def test_exact_removes_files_and_folders_of_another_version(logged: Repository, there: Path, tree: Tree) -> None:
    done = logged.get("mnist:v1", there, exact=True)

    assert sorted(done.removed) == sorted(OLD) and done.others == ()
    assert tree(str(there)) == NEW
    assert not (there / "old").exists()


def test_exact_removes_them_also_where_all_files_are_right(logged: Repository, there: Path, tree: Tree) -> None:
    logged.get("mnist:v1", there)

    done = logged.get("mnist:v1", there, exact=True)

    assert (done.written, done.kept) == (0, 3)
    assert tree(str(there)) == NEW


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "deep/er/notes.txt", "config/notes.txt", "model-1-of-3.bin"])
def test_exact_is_refused_where_a_file_would_be_lost(logged: Repository, there: Path, tree: Tree, name: str) -> None:
    (there / name).parent.mkdir(parents=True, exist_ok=True)
    (there / name).write_bytes(b"mine alone")
    before = tree(str(there))

    with pytest.raises(WouldLose) as caught:
        logged.get("mnist:v1", there, exact=True)

    assert (caught.value.path, caught.value.count, caught.value.files) == (str(there), 1, repr(name))
    assert tree(str(there)) == before


def test_exact_by_force_removes_what_nobody_else_has(logged: Repository, there: Path, tree: Tree) -> None:
    (there / "notes.txt").write_bytes(b"mine alone")
    (there / "link").symlink_to("/etc/passwd")
    os.mkfifo(there / "pipe")

    done = logged.get("mnist:v1", there, exact=True, force=True)

    assert {"notes.txt", "link", "pipe"} <= set(done.removed)
    assert tree(str(there)) == NEW
    assert Path("/etc/passwd").exists()


def test_exact_does_not_follow_links(logged: Repository, there: Path, tmp_path: Path, tree: Tree) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "model-1-of-3.bin").write_bytes(OLD["model-1-of-3.bin"])
    (there / "link").symlink_to(outside)

    with pytest.raises(WouldLose):
        logged.get("mnist:v1", there, exact=True)
    done = logged.get("mnist:v1", there, exact=True, force=True)

    assert "link" in done.removed and not (there / "link").is_symlink()
    assert tree(str(outside)) == {"model-1-of-3.bin": OLD["model-1-of-3.bin"]}


@pytest.mark.parametrize("name", [".git", ".mreg", "deep/.git", ".GIT"])
@pytest.mark.parametrize("force", [False, True])
def test_exact_is_refused_in_a_folder_with_a_repository(
    logged: Repository, there: Path, tree: Tree, name: str, force: bool
) -> None:
    (there / name).mkdir(parents=True)
    (there / name / "HEAD").write_bytes(b"")
    before = tree(str(there))

    with pytest.raises(UnsafeDestination):
        logged.get("mnist:v1", there, exact=True, force=force)

    assert tree(str(there)) == before


def test_what_lies_in_a_repository_is_not_named(logged: Repository, there: Path) -> None:
    (there / ".git").mkdir()
    (there / ".git" / "HEAD").write_bytes(b"")

    assert logged.get("mnist:v0", there).others == ()


def test_exact_removes_empty_folders(logged: Repository, there: Path) -> None:
    (there / "some" / "where").mkdir(parents=True)

    done = logged.get("mnist:v0", there, exact=True)

    assert done.removed == ("some/where/",)
    assert not (there / "some").exists()


def test_exact_leaves_files_of_the_version_that_were_not_asked_for(logged: Repository, there: Path, tree: Tree) -> None:
    done = logged.get("mnist:v0", there, include=["model-1*"], exact=True)

    assert done.removed == ()
    assert tree(str(there)) == OLD


def test_a_file_that_changes_before_it_is_removed_stays(
    logged: Repository, there: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mreg.checkout import others

    remove = others.Others.remove

    def remove_late(self: others.Others, found: list[others.Other]) -> tuple[str, ...]:
        (there / "model-1-of-3.bin").write_bytes(b"mine now")
        return remove(self, found)

    monkeypatch.setattr(others.Others, "remove", remove_late)

    done = logged.get("mnist:v1", there, exact=True)

    assert done.others == ("model-1-of-3.bin",) and "model-1-of-3.bin" not in done.removed
    assert tree(str(there)) == NEW | {"model-1-of-3.bin": b"mine now"}


def test_no_more_than_a_thousand_files_are_named(logged: Repository, there: Path) -> None:
    for number in range(1100):
        (there / f"{number}.txt").touch()

    assert len(logged.get("mnist:v0", there).others) == 1000


def test_a_new_folder_can_be_wished_exact(logged: Repository, tmp_path: Path, tree: Tree) -> None:
    done = logged.get("mnist:v1", tmp_path / "new", exact=True)

    assert (done.removed, done.others) == ((), ())
    assert tree(str(tmp_path / "new")) == NEW


# Which files.


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ((), ["old/"], {name for name in OLD if not name.startswith("old")}),
        (["model-*"], ["*1-of*"], {"model-2-of-3.bin", "model-3-of-3.bin"}),
        (["*.bin"], ["*.txt"], {name for name in OLD if name.endswith(".bin")}),
    ],
)
def test_excluded_files_are_not_written(
    logged: Repository, tmp_path: Path, tree: Tree, include: list[str], exclude: list[str], expected: set[str]
) -> None:
    logged.get("mnist:v0", tmp_path / "new", include=include, exclude=exclude)

    assert set(tree(str(tmp_path / "new"))) == expected


def test_patterns_that_leave_nothing_are_refused(logged: Repository, tmp_path: Path) -> None:
    with pytest.raises(NothingIncluded) as caught:
        logged.get("mnist:v0", tmp_path / "new", include=["*.bin"], exclude=["model-*"])

    assert caught.value.patterns == "*.bin !model-*"
    assert not (tmp_path / "new").exists()


# Times.


def test_all_files_and_folders_bear_one_time(there: Path) -> None:
    assert len(times(there)) == 1


@pytest.mark.parametrize("what", ["written", "removed"])
def test_they_do_so_after_a_second_get(logged: Repository, there: Path, folder: Callable[..., str], what: str) -> None:
    first = times(there)
    if what == "written":
        (there / "old" / "extra.txt").unlink()
    else:
        (there / "empty").mkdir()

    logged.get("mnist:v0", there, exact=True)

    assert len(times(there)) == 1
    assert times(there) != first


def test_a_get_that_changes_nothing_changes_no_time(logged: Repository, there: Path) -> None:
    first = times(there)

    logged.get("mnist:v0", there)

    assert times(there) == first


def test_a_system_that_refuses_times_is_done_without(
    logged: Repository, tmp_path: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)

    logged.get("mnist:v0", tmp_path / "new")
    logged.get("mnist:v1", tmp_path / "new", exact=True)

    assert tree(str(tmp_path / "new")) == NEW
