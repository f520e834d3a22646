"""`get` and `use` where the file system does not take every name: a stick in FAT, a Mac, a folder that ignores case.

None of them can be mounted here, so the system calls are made to answer as they do there.
"""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.checkout.get import UnsafeDestination
from mreg.checkout.holding import NameNotHeld
from mreg.repository import Repository
from mreg.storage.temporary import is_temporary

Tree = Callable[[str], dict[str, bytes]]


@pytest.fixture
def no_colons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names with a colon cannot be made, as in FAT."""
    real_open, real_mkdir = os.open, os.mkdir

    def check(path: Any) -> None:
        if ":" in os.path.basename(os.fsdecode(path)):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)

    def open_(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_CREAT:
            check(path)
        return real_open(path, flags, mode, dir_fd=dir_fd)

    def mkdir(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        check(path)
        real_mkdir(path, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "mkdir", mkdir)


@pytest.fixture
def no_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that differ only in case are one, and keep the case that they were made in."""
    real_open, real_stat = os.open, os.stat

    def there(name: Any, dir_fd: int | None) -> Any:
        if dir_fd is None or "/" in os.fsdecode(name):
            return name
        folded = os.fsdecode(name).casefold()
        return next((known for known in os.listdir(dir_fd) if known.casefold() == folded), name)

    def open_(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        return real_open(there(path, dir_fd), flags, mode, dir_fd=dir_fd)

    def stat(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        return real_stat(there(path, dir_fd), dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "stat", stat)


@pytest.fixture
def renames(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], str]], None]:
    """From now on names that are listed are others than those that they were made by."""

    def renames(shown: Callable[[str], str]) -> None:
        real_list, real_unlink = os.listdir, os.unlink
        known: dict[str, str] = {}

        def listdir(path: Any = ".") -> list[str]:
            found = real_list(path)
            known.update({shown(name): name for name in found} if isinstance(path, int) else {})
            return [shown(name) for name in found] if isinstance(path, int) else found

        def unlink(path: Any, *, dir_fd: int | None = None) -> None:
            real_unlink(known.get(path, path), dir_fd=dir_fd)

        monkeypatch.setattr(os, "listdir", listdir)
        monkeypatch.setattr(os, "unlink", unlink)

    return renames


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are created from now on."""
    created: list[str] = []
    real = os.open

    def open_(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_CREAT:
            created.append(os.fsdecode(path))
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", open_)
    return created


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that are made from now on."""
    made: list[str] = []
    real = os.mkdir

    def mkdir(path: Any, *rest: Any, **options: Any) -> None:
        made.append(os.fsdecode(path))
        real(path, *rest, **options)

    monkeypatch.setattr(os, "mkdir", mkdir)
    return made


def takes(repo: Repository, there: Path) -> list[Callable[[], object]]:
    """The ways in which files come out: into a new folder, one that is there, and the cache."""
    (there / "old").mkdir(parents=True)
    (there / "old" / "mine").write_bytes(b"mine")
    return [lambda: repo.get("m", there / "new"), lambda: repo.get("m", there / "old"), lambda: repo.use("m")]


@pytest.mark.parametrize("name", ["epoch:3.ckpt", "sub/epoch:3.ckpt", "a:b/x"])
def test_a_name_that_cannot_be_held_is_refused_before_anything_is_written(
    repo: Repository, folder: Callable[..., str], tmp_path: Path, tree: Tree, no_colons: None, name: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.undo()
        repo.log({name: b"x" * 100, "first": b"1"}, "m")

    for take in takes(repo, tmp_path / "out"):
        with pytest.raises(NameNotHeld, match=r"cannot hold '.*:.*': the file system says: Invalid argument"):
            take()
        assert tree(str(tmp_path / "out")) == {"old/mine": b"mine"}
        assert os.listdir(tmp_path / "out") == ["old"]
    assert not list((tmp_path / "cache").rglob("first"))


def test_an_empty_folder_whose_name_cannot_be_held_is_refused(
    repo: Repository, folder: Callable[..., str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    root = Path(folder({"first": b"1"}))
    (root / "sub" / "e:1").mkdir(parents=True)
    repo.log(root, "m")
    request.getfixturevalue("no_colons")

    for take in takes(repo, tmp_path / "out"):
        with pytest.raises(NameNotHeld, match=r"'sub/e:1'"):
            take()
        assert os.listdir(tmp_path / "out") == ["old"]


@pytest.mark.parametrize(
    ("names", "other"), [(["A", "a"], "A"), (["x/Layer", "x/layer", "y"], "Layer"), (["A/x", "a/y"], "A")], ids=str
)
def test_two_names_never_become_one(
    repo: Repository, tmp_path: Path, tree: Tree, request: pytest.FixtureRequest, names: list[str], other: str
) -> None:
    repo.log({name: name.encode() for name in names}, "m")
    request.getfixturevalue("no_case")

    for take in takes(repo, tmp_path / "out"):
        with pytest.raises(NameNotHeld, match=f"it is the same name as '{other}' there"):
            take()
        assert tree(str(tmp_path / "out")) == {"old/mine": b"mine"}
        assert os.listdir(tmp_path / "out") == ["old"]


def test_a_file_that_is_there_is_not_taken_for_one_that_differs_in_case(
    repo: Repository, tmp_path: Path, tree: Tree, request: pytest.FixtureRequest
) -> None:
    """All of the version is right already, as far as each name by itself can tell."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "A").write_bytes(b"equal")
    repo.log({"A": b"equal", "a": b"equal"}, "m")
    request.getfixturevalue("no_case")

    with pytest.raises(NameNotHeld):
        repo.get("m", tmp_path / "out")

    assert tree(str(tmp_path / "out")) == {"A": b"equal"}


def test_names_may_be_kept_in_another_normal_form(
    repo: Repository, tmp_path: Path, tree: Tree, renames: Callable[..., None]
) -> None:
    repo.log({"größe": b"1", "e\u0301": b"2"}, "m")
    renames(lambda name: unicodedata.normalize("NFD", name))

    repo.get("m", tmp_path / "out")

    assert tree(str(tmp_path / "out")) == {"größe": b"1", "e\u0301": b"2"}


def test_a_name_that_is_kept_as_another_is_refused(
    repo: Repository, tmp_path: Path, renames: Callable[..., None]
) -> None:
    repo.log({"dot.": b"1", "first": b"1"}, "m")
    renames(lambda name: name.rstrip("."))

    with pytest.raises(NameNotHeld, match=r"'dot\.': the file system stores it under another name"):
        repo.get("m", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_can_be_held_is_written_where_the_rest_is_excluded(
    repo: Repository, tmp_path: Path, tree: Tree, request: pytest.FixtureRequest
) -> None:
    repo.log({"e:1": b"1", "first": b"1"}, "m")
    request.getfixturevalue("no_colons")

    repo.get("m", tmp_path / "out", exclude=["e:1"])

    assert tree(str(tmp_path / "out")) == {"first": b"1"}


def test_only_names_that_may_not_be_held_are_tried(repo: Repository, tmp_path: Path, made: list[str]) -> None:
    repo.log({"weights/model-00001.safetensors": b"1", "config.json": b"2"}, "plain")
    repo.log({"e:1": b"1", "config.json": b"2"}, "odd")
    (tmp_path / "out").mkdir()

    made.clear()
    repo.get("plain", tmp_path / "out")
    plainly = [name for name in made if is_temporary(os.path.basename(name), ".")]
    made.clear()
    repo.get("odd", tmp_path / "out")
    oddly = [name for name in made if is_temporary(os.path.basename(name), ".")]

    assert (len(plainly), len(oddly)) == (1, 2)  # where files are written first, and where names are tried
    assert sorted(os.listdir(tmp_path / "out")) == ["config.json", "e:1", "weights"]


def test_of_many_odd_names_only_kinds_are_tried(repo: Repository, tmp_path: Path, created: list[str]) -> None:
    names = [f"sub-{number % 3}/größe:{number}" for number in range(300)]
    repo.log(dict.fromkeys(names, b"x"), "m")
    created.clear()

    repo.get("m", tmp_path / "out")

    assert len([name for name in created if "größe" in name]) == 300
    assert len(created) < 400


def test_of_many_odd_names_the_one_that_cannot_be_held_is_named(
    repo: Repository, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    repo.log({f"größe-{number}": b"x" for number in range(300)} | {"a:1": b"x"}, "m")
    request.getfixturevalue("no_colons")

    with pytest.raises(NameNotHeld, match="'a:1'"):
        repo.get("m", tmp_path / "out")
    assert not (tmp_path / "out").exists()


# Empty folders.


@pytest.fixture
def hollow(repo: Repository, folder: Callable[..., str]) -> Repository:
    """`m:v0` with empty folders."""
    root = Path(folder({"model.pb": b"1", "variables/a": b"2"}))
    for name in ("assets", "deep/er/still"):
        (root / name).mkdir(parents=True)
    repo.log(root, "m")
    return repo


def folders(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_dir())


ALL = ["assets", "deep", "deep/er", "deep/er/still", "variables"]


def test_empty_folders_come_back_everywhere(hollow: Repository, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()

    hollow.get("m", tmp_path / "new")
    hollow.get("m", there)
    used = Path(hollow.use("m"))

    assert folders(tmp_path / "new") == folders(there) == folders(used) == ALL
    assert len({path.lstat().st_mtime_ns for path in (there, *there.rglob("*"))}) == 1
    assert not hollow.log(used, "m").created


def test_an_empty_folder_that_is_gone_is_made_again(hollow: Repository, tmp_path: Path) -> None:
    hollow.get("m", tmp_path / "out")
    (tmp_path / "out" / "assets").rmdir()

    done = hollow.get("m", tmp_path / "out")

    assert folders(tmp_path / "out") == ALL
    assert (done.written, done.kept) == (0, 2)


def test_a_ready_copy_that_lacks_an_empty_folder_is_made_anew(hollow: Repository) -> None:
    used = Path(hollow.use("m"))
    used.chmod(0o755)
    (used / "assets").rmdir()

    again = Path(hollow.use("m"))

    assert folders(again) == ALL


def test_exact_removes_other_empty_folders_and_keeps_those_of_the_version(hollow: Repository, tmp_path: Path) -> None:
    hollow.get("m", tmp_path / "out")
    (tmp_path / "out" / "other" / "inner").mkdir(parents=True)

    done = hollow.get("m", tmp_path / "out", exact=True)

    assert folders(tmp_path / "out") == ALL
    assert done.others == ()


@pytest.mark.parametrize("in_the_way", ["file", "link"])
def test_what_is_in_the_way_of_an_empty_folder_refuses(
    hollow: Repository, tmp_path: Path, tree: Tree, in_the_way: str
) -> None:
    there = tmp_path / "out"
    there.mkdir()
    if in_the_way == "file":
        (there / "assets").write_bytes(b"mine")
    else:
        (there / "assets").symlink_to(tmp_path)
    before = tree(str(there))

    with pytest.raises(UnsafeDestination, match="assets"):
        hollow.get("m", there)

    assert tree(str(there)) == before


def test_empty_folders_are_chosen_by_patterns(hollow: Repository, tmp_path: Path) -> None:
    hollow.get("m", tmp_path / "one", include=["assets/"])
    hollow.get("m", tmp_path / "other", exclude=["deep/"])

    assert folders(tmp_path / "one") == ["assets"]
    assert folders(tmp_path / "other") == ["assets", "variables"]
