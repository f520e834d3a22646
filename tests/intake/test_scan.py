"""Which files `log` takes, under which names; and what it refuses before anything changes."""

from __future__ import annotations

import errno
import os
import random
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mreg.checkout.reader import Reader
from mreg.intake import pipeline, scan as scan_module
from mreg.intake.scan import NothingToLog, Selection, SourceChanged, UnsupportedFile, scan
from mreg.repository import Repository
from mreg.session import statcache
from mreg.session.statcache import key, keys, stamp
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.testing.refusals import CALLS, refused
from mreg.values import canonical
from mreg.values.digest import EMPTY, digest
from mreg.values.errors import InvalidInput, MissingPath, MregError, UnreadableFile
from mreg.values.formats import NeedsFormat
from mreg.values.paths import MAX_DEPTH, path_fault

LARGE = random.Random(11).randbytes(1_500_000)


def paths_of(*given: str | os.PathLike[str], **selection: list[str]) -> list[str]:
    return [source.path for source in scan(list(given), Selection(**selection)).sources]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "empty folder").mkdir()
    for name in ("b.bin", "a.json", "sub/c.bin", "sub/deep/d.txt", ".hidden"):
        (root / name).write_bytes(name.encode())
    return root


ALL = [".hidden", "a.json", "b.bin", "sub/c.bin", "sub/deep/d.txt"]


# Names.


def test_a_folder_stands_for_its_contents_sorted(root: Path) -> None:
    assert paths_of(root) == ALL


def test_a_file_has_its_own_name(root: Path) -> None:
    assert paths_of(root / "sub" / "c.bin") == ["c.bin"]


def test_of_several_paths_the_last_component_is_kept(root: Path) -> None:
    assert paths_of(root / "sub", root / "a.json") == ["a.json", "sub/c.bin", "sub/deep/d.txt"]


def test_a_relative_path_and_a_dot_mean_what_they_lead_to(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "sub")

    assert paths_of(".") == ["c.bin", "deep/d.txt"]
    assert paths_of("deep/..", "../a.json") == ["a.json", "sub/c.bin", "sub/deep/d.txt"]
    assert paths_of("c.bin") == ["c.bin"]


def test_names_are_sorted_as_manifests_demand(tmp_path: Path) -> None:
    names = ["a", "a-", "a.b", "a/x", "a0", "B", "ä", "z", "日", "\U0001f600"]
    for name in names:
        path = tmp_path / "model" / name.replace("a/x", "aa/x")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")

    found = paths_of(tmp_path / "model")

    assert found == sorted(found) and len(found) == len(names)


@pytest.mark.parametrize("given", [["a", "a"], ["a", "./a"], ["a", "sub/a"], ["sub", "other/sub"]])
def test_two_paths_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str]) -> None:
    for name in ("a", "sub/a", "other/sub/a"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UnsupportedFile):
        scan(given)


@pytest.mark.parametrize("names", [["e\u0301", "é"], ["e\u0301/x", "é/y"]], ids=ascii)
def test_names_that_are_one_in_another_normal_form_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")

    with pytest.raises(UnsupportedFile):
        scan([tmp_path / "model"])


WHERE = ["in the folder", "as the folder", "as an empty folder", "as one of two folders", "as the file"]


def with_name(tmp_path: Path, name: bytes, where: str) -> list[str]:
    """What to log, so that something called `name` is part of it."""
    root = os.fsencode(tmp_path / "model")
    odd = os.path.join(root, name)
    os.makedirs(odd if "folder" in where and where != "in the folder" else root)
    if where in ("in the folder", "as the file"):
        with open(odd, "wb") as file:
            file.write(b"x")
    elif where == "as an empty folder":
        (tmp_path / "model" / "file").write_bytes(b"x")
    else:
        with open(os.path.join(odd, b"inner"), "wb") as file:
            file.write(b"x")
    (tmp_path / "other").write_bytes(b"x")
    given: dict[str, list[bytes]] = {
        "in the folder": [root],
        "as the folder": [root],
        "as an empty folder": [root],
        "as one of two folders": [odd, os.fsencode(tmp_path / "other")],
        "as the file": [odd],
    }
    return [os.fsdecode(path) for path in given[where]]


@pytest.mark.parametrize("name", [b"caf\xe9"], ids=ascii)
@pytest.mark.parametrize("where", WHERE)
def test_a_name_that_no_manifest_may_hold_is_refused(
    repo: Repository, tmp_path: Path, name: bytes, where: str, content: Callable[..., Any], storage: MemoryStorage
) -> None:
    given = with_name(tmp_path, name, where)
    before = content(storage)

    with pytest.raises(UnsupportedFile) as raised:
        repo.log(given, "mnist")

    assert str(raised.value).isprintable()
    assert content(storage) == before


@pytest.mark.parametrize("name", [b"a:b", b"a\\b", b"a\nb", b"\x7f", b"\xc2\x85", b"\n"], ids=ascii)
@pytest.mark.parametrize("where", WHERE)
def test_an_odd_name_is_kept_as_it_is(repo: Repository, tmp_path: Path, name: bytes, where: str) -> None:
    given = with_name(tmp_path, name, where)

    repo.log(given, "mnist")

    paths = [file.path for file in repo.files("mnist")] + list(repo.folders("mnist"))
    assert any(name.decode() in path.split("/") for path in paths)


@pytest.mark.parametrize("name", [b"a:b", b"a\\b", b"a\nb"], ids=ascii)
@pytest.mark.parametrize("where", [one for one in WHERE if "empty" not in one])
def test_an_odd_name_needs_a_repository_of_format_2(
    tmp_path: Path, name: bytes, where: str, content: Callable[..., Any]
) -> None:
    storage = MemoryStorage()
    given = with_name(tmp_path, name, where)
    with Repository.init_storage(storage, "old", format=1, cache=str(tmp_path / "cache")) as repo:
        before = content(storage)

        with pytest.raises(NeedsFormat, match=r"the file name .* requires repository format 2; this"):
            repo.log(given, "mnist")

        assert content(storage) == before


@pytest.mark.parametrize("names", [["Readme", "README"], ["A/x", "a/y"], ["A", "a/y"]], ids=ascii)
def test_names_that_differ_in_case_are_kept_apart_from_format_2_on(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    with Repository.init_storage(MemoryStorage(), "old", format=1, cache=str(tmp_path / "cache")) as repo:
        with pytest.raises(NeedsFormat, match=r"keeping .* apart requires repository format 2"):
            repo.log(tmp_path / "model", "mnist")
        repo.upgrade()

        repo.log(tmp_path / "model", "mnist")

        assert [file.path for file in repo.files("mnist")] == sorted(names)


# Empty folders.


def folders_of(*given: Path, **selection: Any) -> list[str]:
    return list(scan(list(given), Selection(**selection)).folders)


@pytest.fixture
def hollow(root: Path) -> Path:
    """`root` with empty folders in it."""
    for name in ("assets", "sub/empty", "one/in/another", "only excluded", "only git/.git"):
        (root / name).mkdir(parents=True)
    (root / "only excluded" / "x.tmp").write_bytes(b"x")
    return root


def test_folders_without_files_are_found(hollow: Path) -> None:
    assert folders_of(hollow) == ["assets", "empty folder", "one/in/another", "only git", "sub/empty"]
    assert paths_of(hollow, exclude=["*.tmp"]) == ALL


def test_what_is_excluded_counts_as_not_there(hollow: Path) -> None:
    assert folders_of(hollow, exclude=["*.tmp", "assets/", "in", "sub/empty"]) == [
        "empty folder",
        "one",
        "only excluded",
        "only git",
    ]


def test_empty_folders_are_included_by_patterns_as_files_are(hollow: Path) -> None:
    assert folders_of(hollow, include=["*.json"]) == []
    assert folders_of(hollow, include=["*.json", "assets/", "one/"]) == ["assets", "one/in/another"]


def test_of_several_paths_an_empty_folder_is_one_of_them(hollow: Path) -> None:
    assert folders_of(hollow / "assets", hollow / "one", hollow / "a.json") == ["assets", "one/in/another"]


def test_a_version_of_format_1_leaves_empty_folders_out_and_says_so(hollow: Path, tmp_path: Path) -> None:
    with Repository.init_storage(MemoryStorage(), "old", format=1, cache=str(tmp_path / "cache")) as repo:
        told = [repo.log(hollow, "mnist", dry_run=True), repo.log(hollow, "mnist"), repo.log(hollow, "mnist")]

        assert [one.created for one in told] == [True, True, False]
        assert {one.left_out for one in told} == {("assets", "empty folder", "one/in/another", "only git", "sub/empty")}
        assert repo.folders("mnist") == ()


def test_an_empty_folder_alone_makes_a_new_version(repo: Repository, root: Path) -> None:
    repo.log(root, "mnist")
    (root / "assets").mkdir()

    done = repo.log(root, "mnist")

    assert (done.created, done.left_out) == (True, ())
    diff = repo.diff("mnist:v0", "mnist:v1")
    assert (diff.added_folders, diff.removed_folders) == (("assets",), ())
    assert not diff.added and not diff.changed


def test_a_folder_that_two_paths_bring_is_refused(hollow: Path, tmp_path: Path) -> None:
    (tmp_path / "other" / "assets").mkdir(parents=True)

    with pytest.raises(UnsupportedFile, match="several of the given paths have this name"):
        scan([hollow / "assets", tmp_path / "other" / "assets", hollow / "a.json"])


def test_folders_that_versions_systems_keep_are_left_out(root: Path) -> None:
    for name in (".git", ".mreg", "sub/.git"):
        (root / name).mkdir()
        (root / name / "config").write_bytes(b"x")

    assert paths_of(root) == ALL


def test_a_repository_s_own_folder_is_not_logged(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / ".mreg").mkdir()
    (tmp_path / ".mreg" / "weights").write_bytes(b"1")

    with pytest.raises(UnsupportedFile):
        repo.log(tmp_path / ".mreg", "mnist")


def test_folders_that_nest_without_end_are_refused(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(MAX_DEPTH + 5):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("f", os.O_CREAT, dir_fd=here))
    os.close(here)

    with pytest.raises(UnsupportedFile, match="nest"):
        paths_of(tmp_path / "d")

    assert path_fault("d/" * (MAX_DEPTH + 1) + "f") is not None


# Links and things that are no files.


def test_links_to_files_and_folders_are_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "blobs"
    (outside / "more").mkdir(parents=True)
    (outside / "blob").write_bytes(b"pointed at")
    (outside / "more" / "x").write_bytes(b"x")
    (root / "weights.bin").symlink_to(outside / "blob")
    (root / "linked").symlink_to(outside / "more")
    (root / "twice").symlink_to(root / "weights.bin")

    found = {source.path: source for source in scan([root]).sources}

    assert set(found) == {*ALL, "weights.bin", "linked/x", "twice"}
    assert found["twice"].status.st_size == len(b"pointed at")


def test_a_folder_linked_twice_is_taken_twice_and_is_no_loop(root: Path) -> None:
    (root / "one").symlink_to(root / "sub")
    (root / "two").symlink_to(root / "sub")

    assert {"one/c.bin", "two/c.bin", "sub/c.bin"} <= set(paths_of(root))


def make_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "dangling link": (lambda at: at.symlink_to("nowhere"), "broken symbolic link"),
    "link to itself": (lambda at: at.symlink_to(at), "leads to itself"),
    "link to the folder above": (lambda at: at.symlink_to(".."), "folder that contains it"),
    "link to its own folder": (lambda at: at.symlink_to("."), "folder that contains it"),
    "pipe": (lambda at: os.mkfifo(at), "pipe"),
    "socket": (make_socket, "socket"),
    "link to a device": (lambda at: at.symlink_to("/dev/null"), "device"),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_file_is_refused_and_nothing_is_logged(repo: Repository, root: Path, odd: str) -> None:
    make, reason = ODD[odd]
    make(root / "sub" / "odd")

    with pytest.raises(UnsupportedFile, match=reason):
        repo.log(root, "mnist")

    assert repo.history() == []
    assert repo.log(root, "mnist", exclude=["odd"]).version.files == len(ALL)


def test_a_pipe_that_took_a_files_place_does_not_block(repo: Repository, root: Path, monkeypatch: Any) -> None:
    def scan_then_swap(*args: Any) -> Any:
        found = scan(*args)
        (root / "b.bin").unlink()
        os.mkfifo(root / "b.bin")
        return found

    monkeypatch.setattr("mreg.operations.log_files.scan", scan_then_swap)

    with pytest.raises(SourceChanged):
        repo.log(root, "mnist")

    assert repo.history() == []


def test_a_path_that_is_not_there_is_told(root: Path) -> None:
    with pytest.raises(MissingPath):
        scan([root, root / "nothing"])


UNREADABLE = """
import os, sys
from mreg.values.errors import MregError
from mreg.storage.memory import MemoryStorage
from mreg import Repository

with Repository.init_storage(MemoryStorage(), "memory") as repo:
    repo.log(sys.argv[1], "warm", exclude=["secret*"])  # loads all modules
    head = len(repo.history())
    os.setuid(65534)
    try:
        repo.log(sys.argv[1], "mnist")
    except MregError as error:
        print(type(error).__name__, len(repo.history()) - head)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody who may not read")
@pytest.mark.parametrize("secret", ["file", "folder"])
def test_what_may_not_be_read_is_told_and_nothing_is_logged(root: Path, open_to_all: Path, secret: str) -> None:
    if secret == "file":
        (root / "secret").write_bytes(b"x")
    else:
        (root / "secret").mkdir()
    (root / "secret").chmod(0)

    done = subprocess.run([sys.executable, "-c", UNREADABLE, str(root)], capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("UnreadableFile 0\n", "")


# Choosing.


def test_patterns_choose_as_gitignore_does(root: Path) -> None:
    assert paths_of(root, include=["*.bin"]) == ["b.bin", "sub/c.bin"]
    assert paths_of(root, include=["/*.bin"]) == ["b.bin"]
    assert paths_of(root, exclude=["sub/"]) == [".hidden", "a.json", "b.bin"]
    assert paths_of(root, exclude=["deep"]) == [".hidden", "a.json", "b.bin", "sub/c.bin"]
    assert paths_of(root, include=["sub/**"], exclude=["*.txt"]) == ["sub/c.bin"]
    assert paths_of(root, exclude=["*", "!a.json"]) == ["a.json"]


def test_a_folder_that_is_excluded_is_not_looked_into(root: Path) -> None:
    (root / "cache").mkdir()
    os.mkfifo(root / "cache" / "pipe")

    assert paths_of(root, exclude=["cache/"]) == ALL


@pytest.mark.parametrize("chosen", [{"include": ["*.bin"]}, {"exclude": ["bad*"]}], ids=["include", "exclude"])
def test_what_patterns_leave_out_may_be_anything(root: Path, chosen: dict[str, list[str]]) -> None:
    (root / "bad link").symlink_to("nothing")
    (root / "bad loop").symlink_to("bad loop")
    os.mkfifo(root / "bad pipe")
    (root / os.fsdecode(b"bad \xff")).write_bytes(b"")

    left = paths_of(root, **chosen)

    assert left == ([path for path in ALL if path.endswith(".bin")] if "include" in chosen else ALL)
    for name in ("bad link", "bad loop", "bad pipe"):
        with pytest.raises(UnsupportedFile, match=name):
            scan([root], Selection(include=[name]))


def test_a_file_with_a_slash_behind_its_name_is_not_there(root: Path) -> None:
    for path in (f"{root}/b.bin/", f"{root}/b.bin/below"):
        with pytest.raises(MissingPath):
            scan([path])


def test_the_ignore_file_leaves_out_what_it_names_and_itself(root: Path) -> None:
    (root / ".mregignore").write_text("# what others make\n\n*.bin\n!/b.bin\n")

    assert paths_of(root) == [".hidden", "a.json", "b.bin", "sub/deep/d.txt"]
    assert paths_of(root, exclude=["b.bin"]) == [".hidden", "a.json", "sub/deep/d.txt"]


def test_an_ignore_file_further_down_is_a_file_like_others(root: Path) -> None:
    (root / "sub" / ".mregignore").write_text("*\n")

    assert "sub/.mregignore" in paths_of(root) and "sub/c.bin" in paths_of(root)


def test_an_ignore_file_that_is_no_text_is_told(root: Path) -> None:
    (root / ".mregignore").write_bytes(b"\xff\xfe")

    with pytest.raises(UnreadableFile):
        scan([root])


def test_settings_and_options_exclude_together(repo: Repository, root: Path) -> None:
    repo.set_setting("log.exclude", "*.bin .hidden")

    repo.log(root, "mnist", exclude=["deep"])

    assert [file.path for file in repo.files("mnist")] == ["a.json"]


@pytest.mark.parametrize("selection", [{"include": ["*.onnx"]}, {"exclude": ["*"]}])
def test_nothing_to_log_is_refused(repo: Repository, root: Path, selection: dict[str, list[str]]) -> None:
    with pytest.raises(NothingToLog):
        repo.log(root, "mnist", **selection)  # type: ignore[arg-type]
    with pytest.raises(NothingToLog):
        repo.log(root / "empty folder", "mnist")
    with pytest.raises(NothingToLog):
        repo.log([], "mnist")

    assert repo.history() == []


def test_a_pattern_that_is_none_is_refused(root: Path) -> None:
    with pytest.raises(InvalidInput):
        scan([root], Selection(exclude=["!"]))


def test_too_many_files_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_module, "MAX_FILES", 4)

    with pytest.raises(UnsupportedFile, match="at most 4"):
        scan([root])


def test_a_manifest_too_large_to_be_read_again_is_not_logged(
    repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canonical, "MAX_BYTES", 300)

    with pytest.raises(MregError, match="larger"):
        repo.log(root, "mnist")

    assert repo.history() == []


# Reading.


@pytest.mark.parametrize("data", [b"", b"x", LARGE], ids=["empty", "small", "large"])
def test_a_file_has_the_digest_of_its_bytes_and_comes_out_as_it_went_in(
    repo: Repository, folder: Callable[..., str], data: bytes
) -> None:
    repo.log(folder({"a": data}), "mnist")

    (file,) = repo.files("mnist")
    assert (file.digest, file.size) == (digest(data), len(data))
    assert b"".join(repo.read("mnist", "a")) == data


def test_the_same_bytes_are_stored_once(repo: Repository, folder: Callable[..., str]) -> None:
    first = repo.log(folder({"a": LARGE, "copy": LARGE}), "mnist")
    again = repo.log(folder({"elsewhere": LARGE, "new": b"new"}), "letters")

    assert first.stored == len(LARGE)
    assert again.stored == len(b"new")


def test_a_dry_run_foretells_and_changes_nothing(
    repo: Repository,
    storage: MemoryStorage,
    folder: Callable[..., str],
    content: Callable[[Storage], dict[str, bytes]],
) -> None:
    repo.log(folder({"a": LARGE}), "mnist")
    at = folder({"a": LARGE, "b": b"12345"})
    before = content(storage)

    foretold = repo.log(at, "mnist", dry_run=True)
    new = repo.log(at, "letters", dry_run=True, aliases=["best"], links=["Digits"])
    same = repo.log(folder({"a": LARGE}), "mnist", dry_run=True)

    assert content(storage) == before
    assert (foretold.created, foretold.version.name, foretold.stored) == (True, "mnist:v1", 5)
    assert (new.created, new.version.name) == (True, "letters:v0")
    assert (same.created, same.version.name) == (False, "mnist:v0")
    assert repo.log(at, "mnist").stored == foretold.stored


def test_only_the_owners_right_to_execute_is_kept(repo: Repository, folder: Callable[..., str]) -> None:
    at = folder({"a": b"1", "b": b"2", "c": b"3"})
    for name, mode in (("a", 0o4711), ("b", 0o611), ("c", 0o644)):
        os.chmod(f"{at}/{name}", mode)

    repo.log(at, "mnist")

    assert [file.executable for file in repo.files("mnist")] == [True, False, False]


def test_a_file_that_became_executable_makes_a_new_version_that_stores_nothing(
    repo: Repository, folder: Callable[..., str]
) -> None:
    at = folder({"run": b"#!"})
    repo.log(at, "mnist")

    os.chmod(f"{at}/run", 0o755)
    made = repo.log(at, "mnist")
    again = repo.log(at, "mnist")

    assert (made.created, made.version.name, made.stored) == (True, "mnist:v1", 0)
    assert (again.created, again.version.name) == (False, "mnist:v1")
    assert [repo.files(f"mnist:v{number}")[0].executable for number in (0, 1)] == [False, True]
    assert repo.fsck().findings == ()


CHANGES: dict[str, Callable[[Path], object]] = {
    "grew": lambda path: path.write_bytes(LARGE + b"more"),
    "shrank": lambda path: os.truncate(path, 700_000),
    "was emptied": lambda path: os.truncate(path, 0),
    "was written over": lambda path: path.write_bytes(LARGE[::-1]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_read_is_not_logged(
    repo: Repository, folder: Callable[..., str], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    at = Path(folder({"a": LARGE}))
    chunks = pipeline.chunks

    def changing(*args: Any) -> Iterator[Any]:
        for n, chunk in enumerate(chunks(*args)):
            yield chunk
            if n == 0:
                CHANGES[change](at / "a")

    monkeypatch.setattr(pipeline, "chunks", changing)

    with pytest.raises(SourceChanged):
        repo.log(at, "mnist")

    assert repo.history() == []
    assert list(repo._context.storage.list("packs")) == []
    monkeypatch.undo()
    assert repo.log(at, "mnist").created


def test_a_file_that_vanished_since_the_look_is_told(
    repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scan_then_remove(*args: Any) -> Any:
        found = scan(*args)
        (root / "b.bin").unlink()
        return found

    monkeypatch.setattr("mreg.operations.log_files.scan", scan_then_remove)

    with pytest.raises(SourceChanged, match=r"b\.bin"):
        repo.log(root, "mnist")

    assert repo.history() == []


@pytest.mark.parametrize("name", ["b.bin", "sub"])
def test_what_vanishes_while_its_folder_is_read_is_told_as_a_change(
    repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    listdir = os.listdir

    def remove_then_list(folder: str) -> list[str]:
        names = listdir(folder)
        if folder == str(root):
            (root / name).rename(root.parent / "elsewhere")
        return names

    monkeypatch.setattr(scan_module.os, "listdir", remove_then_list)

    with pytest.raises(SourceChanged, match=name):
        repo.log(root, "mnist")

    assert repo.history() == []


READERS: dict[str, Callable[[Repository, Path], object]] = {
    "log": lambda repo, root: repo.log(root, "mnist"),
    "diff": lambda repo, root: repo.diff("other", root),
    "data_source": lambda repo, root: repo.data_source(root),
}


@pytest.mark.parametrize("size", [1, 1_500_000])
@pytest.mark.parametrize("call", ["stat", "listdir", "open", "fstat", "readv", "preadv"])
@pytest.mark.parametrize("reader", READERS)
def test_what_another_machine_removes_while_it_is_read_is_told_as_a_change(
    repo: Repository, root: Path, reader: str, call: str, size: int
) -> None:
    repo.log(root / "sub" / "deep", "other")
    (root / "sub" / "c.bin").write_bytes(bytes(size))

    with refused(CALLS[call], errno.ESTALE, below=root / "sub") as asked:
        try:
            READERS[reader](repo, root)
            assert not asked
        except SourceChanged as error:
            assert error.path.startswith(str(root / "sub"))

    assert len(repo.history()) == (2 if reader == "log" and not asked else 1)


def test_a_file_that_cannot_be_read_any_more_is_told_as_a_change_by_diff(
    repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.log(root, "mnist")
    found = scan([root])
    monkeypatch.setattr(scan_module, "scan", lambda _: found)
    (root / "b.bin").unlink()

    with pytest.raises(SourceChanged, match=r"b\.bin"):
        repo.diff("mnist", root)


class Reads:
    """`os`, but for what happens when a short file is read."""

    def __init__(self, readv: Callable[[int, Sequence[memoryview]], int]) -> None:
        self.readv = readv

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


def test_a_read_error_names_the_file(repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(pipeline, "os", Reads(broken))
    monkeypatch.setattr(pipeline, "chunks", lambda *_: map(broken, [1]))
    with pytest.raises(UnreadableFile, match=r"\.hidden"):
        repo.log(root, "mnist")

    assert repo.history() == []


def change_when_read(root: Path) -> Callable[[int, Sequence[memoryview]], int]:
    def read(descriptor: int, room: Sequence[memoryview]) -> int:
        count = os.readv(descriptor, room)
        (root / "b.bin").write_bytes(b"other")
        return count

    return read


def test_a_short_file_that_changes_while_it_is_read_is_read_again(
    repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time.sleep(2 * statcache.FINE_SECONDS)
    monkeypatch.setattr(pipeline, "os", Reads(change_when_read(root)))

    repo.log(root, "mnist")

    assert b"".join(repo.read("mnist", "b.bin")) == b"other"


def test_a_short_file_that_goes_on_changing_is_not_logged(
    repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = pipeline.chunks

    def changing(*args: Any) -> Iterator[Any]:
        yield from pieces(*args)
        (root / "b.bin").write_bytes(b"third")

    time.sleep(2 * statcache.FINE_SECONDS)
    monkeypatch.setattr(pipeline, "os", Reads(change_when_read(root)))
    monkeypatch.setattr(pipeline, "chunks", changing)

    with pytest.raises(SourceChanged, match=r"b\.bin"):
        repo.log(root / "b.bin", "mnist")

    assert repo.history() == []


@pytest.mark.parametrize("data", [b"longer than it was", b"x" * 5_000, b""])
def test_a_short_file_that_changed_before_it_was_read_is_logged_as_it_is(
    data: bytes, repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scan_then_change(*args: Any) -> Any:
        found = scan(*args)
        (root / "b.bin").write_bytes(data)
        return found

    monkeypatch.setattr("mreg.operations.log_files.scan", scan_then_change)

    repo.log(root, "mnist")

    assert b"".join(repo.read("mnist", "b.bin")) == data


@pytest.mark.parametrize("name", ["b.bin", "large"])
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_file_whose_place_something_else_has_taken_is_named(
    name: str, make: Callable[[Path], None], repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "large").write_bytes(LARGE)

    def scan_then_replace(*args: Any) -> Any:
        found = scan(*args)
        (root / name).unlink()
        make(root / name)
        return found

    monkeypatch.setattr("mreg.operations.log_files.scan", scan_then_replace)

    with pytest.raises(SourceChanged, match=name):
        repo.log(root, "mnist")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/proc/version", "its size is reported as 0, but it is not empty"),
        ("/sys/kernel/profiling", "it is shorter than its reported size"),
    ],
)
def test_a_file_that_the_kernel_makes_up_is_refused(path: str, reason: str, repo: Repository) -> None:
    if not os.path.exists(path):
        pytest.skip(f"this kernel has no {path}")

    with pytest.raises(UnsupportedFile, match=reason):
        repo.log(path, "mnist")

    assert repo.history() == []


@pytest.mark.parametrize("size", [100, 5_000])
def test_a_file_written_just_now_is_read_when_one_more_write_would_show_in_its_times(
    size: int, repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, pieces, read_short = tmp_path / "weights.bin", pipeline.chunks, pipeline._fill
    ages = []

    def reading(*args: Any) -> Any:
        ages.append(time.time() - path.stat().st_ctime)
        return pieces(*args)

    def reading_short(*args: Any) -> bool:
        ages.append(time.time() - path.stat().st_ctime)
        return read_short(*args)

    monkeypatch.setattr(pipeline, "chunks", reading)
    monkeypatch.setattr(pipeline, "_fill", reading_short)
    path.write_bytes(bytes(size))

    repo.log(path, "mnist")

    assert len(ages) == 1 and ages[0] >= statcache.FINE_SECONDS


# The stat cache.


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were opened and read to be logged."""
    seen: list[str] = []
    opened = pipeline._open

    def recorded(source: Any) -> Any:
        seen.append(source.path)
        return opened(source)

    monkeypatch.setattr(pipeline, "_open", recorded)
    return seen


@pytest.fixture
def nothing_is_racy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statcache, "FINE_SECONDS", -1e9)


def test_an_old_file_that_did_not_change_is_not_read_again(
    repo: Repository, folder: Callable[..., str], reads: list[str], nothing_is_racy: None
) -> None:
    at = Path(folder({"a": LARGE, "b": b"1", "empty": b""}))
    repo.log(at, "mnist")
    (at / "b").write_bytes(b"22")
    reads.clear()

    result = repo.log(at, "mnist")

    assert reads == ["b"]
    assert (result.created, result.version.files) == (True, 3)
    assert [file.digest for file in repo.files("mnist")] == [digest(LARGE), digest(b"22"), EMPTY]


def test_a_file_whose_times_cannot_be_trusted_is_read_again(
    repo: Repository, folder: Callable[..., str], reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "settled", lambda *_: False)
    at = folder({"a": b"1"})
    repo.log(at, "mnist")
    reads.clear()

    repo.log(at, "mnist")

    assert reads == ["a"]


@pytest.mark.parametrize("change", ["its bytes", "its time", "its inode"])
def test_a_file_that_looks_different_is_read_again(
    repo: Repository, folder: Callable[..., str], reads: list[str], nothing_is_racy: None, change: str
) -> None:
    at = Path(folder({"a": b"1234"}))
    repo.log(at, "mnist")
    reads.clear()
    before = (at / "a").stat()
    if change == "its bytes":
        (at / "a").write_bytes(b"4321")
        os.utime(at / "a", ns=(before.st_atime_ns, before.st_mtime_ns))  # the change time tells
    elif change == "its time":
        os.utime(at / "a", (1, 1))
    else:
        (at / "new").write_bytes(b"4321")
        os.utime(at / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
        (at / "new").rename(at / "a")

    result = repo.log(at, "mnist")

    assert reads == ["a"]
    assert result.created is (change != "its time")
    assert stat.S_ISREG((at / "a").stat().st_mode) and stamp((at / "a").stat()) != stamp(before)


def test_a_link_that_points_elsewhere_now_is_read_again(
    repo: Repository, folder: Callable[..., str], reads: list[str], nothing_is_racy: None
) -> None:
    at = Path(folder({"one": b"1", "two": b"2"}))
    model = Path(folder({}))
    (model / "a").symlink_to(at / "one")
    repo.log(model, "mnist")
    (model / "a").unlink()
    (model / "a").symlink_to(at / "two")

    assert repo.log(model, "mnist").created
    assert b"".join(repo.read("mnist", "a")) == b"2"


def test_a_file_whose_data_was_swept_is_read_again(
    repo: Repository, folder: Callable[..., str], reads: list[str], nothing_is_racy: None
) -> None:
    at = folder({"a": LARGE})
    repo.log(at, "mnist")
    repo.remove("mnist:v0")
    repo.gc(grace=0)
    reads.clear()

    result = repo.log(at, "mnist")

    assert reads == ["a"]
    assert result.stored == len(LARGE)
    assert b"".join(repo.read("mnist", "a")) == LARGE


def test_another_repository_does_not_trust_what_this_one_knows(
    repo: Repository,
    folder: Callable[..., str],
    reads: list[str],
    nothing_is_racy: None,
    tmp_path: Path,
) -> None:
    at = folder({"a": LARGE})
    repo.log(at, "mnist")
    reads.clear()

    with Repository.init_storage(MemoryStorage(), "memory", cache=str(tmp_path / "cache")) as other:
        other.log(at, "mnist")

        assert reads == ["a"]
        assert b"".join(Reader(other._context, "x").read(other.files("mnist")[0])) == LARGE


@given(st.lists(st.text("ab./", min_size=1, max_size=8)))
def test_files_have_the_same_name_in_the_stat_cache_one_by_one_and_together(paths: list[str]) -> None:
    assert list(keys(paths)) == [key(path) for path in paths]


@pytest.mark.skipif(not os.path.exists("/proc/version"), reason="there is no /proc")
def test_a_file_that_only_says_that_it_is_empty_is_refused(repo: Repository) -> None:
    with pytest.raises(UnsupportedFile, match="is reported as 0"):
        repo.log("/proc/version", "a")

    assert list(repo.artifacts()) == []


@pytest.mark.parametrize("name", [".git", ".GIT", ".Mreg"])
def test_what_no_version_may_hold_is_left_out_in_any_case_and_told(root: Path, name: str) -> None:
    # given
    (root / "sub" / name).mkdir(parents=True)
    (root / "sub" / name / "config").write_bytes(b"x")

    # when
    found = scan([root])

    # then
    assert [source.path for source in found.sources] == ALL
    assert found.reserved == (f"sub/{name}",)
    assert scan([root], Selection(exclude=[name])).reserved == ()
    with pytest.raises(UnsupportedFile):
        scan([root / "sub" / name])
