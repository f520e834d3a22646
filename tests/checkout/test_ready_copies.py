"""`use` hands out one verified, read-only folder a version, and mends it when it was touched."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from mreg.checkout import ready_copies
from mreg.checkout.reader import DamagedFile, Reader
from mreg.checkout.ready_copies import NoCache, ReadyCopies
from mreg.repository import Repository
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.values.records import File

FILES = {"config.json": b"{}", "weights.bin": b"weights" * 1000, "deep/vocab.txt": b"a\nb\n", "empty": b""}


@pytest.fixture
def logged(repo: Repository, folder: Callable[..., str]) -> Repository:
    repo.log(folder(FILES), "mnist")
    return repo


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the files that were read from the repository."""
    seen: list[str] = []

    original = Reader.stream

    def recorded(self: Reader, files: Sequence[File]) -> Any:
        seen.extend(file.path for file in files)
        return original(self, files)

    monkeypatch.setattr(Reader, "stream", recorded)
    return seen


def test_the_same_folder_is_given_again_and_nothing_is_read(
    logged: Repository, reads: list[str], tree: Callable[[str], dict[str, bytes]]
) -> None:
    path = logged.use("mnist")
    assert tree(path) == FILES
    reads.clear()

    assert logged.use("mnist:v0") == path
    assert reads == []


def test_files_are_read_only_and_executable_where_they_were(repo: Repository, folder: Callable[..., str]) -> None:
    at = folder({"run.sh": b"same", "data": b"same"})
    os.chmod(f"{at}/run.sh", 0o755)
    repo.log(at, "tool")

    path = Path(repo.use("tool"))

    assert stat.S_IMODE((path / "run.sh").stat().st_mode) == 0o555
    assert stat.S_IMODE((path / "data").stat().st_mode) == 0o444


def test_versions_share_the_files_that_they_have_in_common(
    logged: Repository, folder: Callable[..., str], reads: list[str]
) -> None:
    logged.set_setting("use.hard-links", "true")
    first = Path(logged.use("mnist"))
    logged.log(folder(FILES | {"config.json": b"[]"}), "mnist")
    reads.clear()

    second = Path(logged.use("mnist:v1"))

    assert reads == ["config.json"]
    assert (second / "weights.bin").stat().st_ino == (first / "weights.bin").stat().st_ino
    assert logged.use("mnist:v0") == first


def unlock(path: Path) -> Path:
    os.chmod(path, 0o644)
    return path


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing file": lambda at: (at / "weights.bin").unlink(),
    "truncated file": lambda at: os.truncate(unlock(at / "weights.bin"), 10),
    "file changed in place": lambda at: unlock(at / "weights.bin").write_bytes(b"WEIGHTS" * 1000),
    "file replaced": lambda at: ((at / "weights.bin").unlink(), (at / "weights.bin").write_bytes(b"x")),
    "file replaced by a link": lambda at: (
        (at / "weights.bin").unlink(),
        (at / "weights.bin").symlink_to(at / "config.json"),
    ),
    "extra file": lambda at: (at / "extra").write_bytes(b"x"),
    "extra file below": lambda at: (at / "deep/extra").write_bytes(b"x"),
    "made writable": lambda at: unlock(at / "weights.bin"),
    "folder missing": lambda at: shutil.rmtree(at / "deep"),
    "all missing": lambda at: shutil.rmtree(at),
    "a file in its place": lambda at: (shutil.rmtree(at), at.write_bytes(b"x")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_copy_that_was_touched_is_made_right_again(
    damage: str, logged: Repository, tree: Callable[[str], dict[str, bytes]]
) -> None:
    path = logged.use("mnist")
    DAMAGES[damage](Path(path))

    assert logged.use("mnist") == path

    assert tree(path) == FILES
    modes = {stat.S_IMODE(p.stat().st_mode) for p in Path(path).rglob("*") if p.is_file()}
    assert modes == {0o444}
    assert not list(Path(path).rglob("extra"))


@pytest.mark.parametrize("damage", ["changed", "truncated", "replaced by a link", "missing"])
def test_a_shared_file_that_was_damaged_is_not_linked_into_the_next_copy(
    damage: str, logged: Repository, tmp_path: Path, tree: Callable[[str], dict[str, bytes]]
) -> None:
    logged.set_setting("use.hard-links", "true")
    path = Path(logged.use("mnist"))
    (shared,) = [p for p in (tmp_path / "cache/files").rglob("*") if p.is_file() and p.stat().st_size == 7000]
    shutil.rmtree(path)
    if damage == "changed":
        unlock(shared).write_bytes(b"WEIGHTS" * 1000)
    elif damage == "truncated":
        os.truncate(unlock(shared), 10)
    else:
        shared.unlink()
    if damage == "replaced by a link":
        shared.symlink_to("/dev/null")

    assert tree(logged.use("mnist")) == FILES


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "{", "\0", "[" * 100_000], ids=range(7))
def test_unreadable_notes_about_a_copy_cost_a_look_and_nothing_else(
    text: str, logged: Repository, tmp_path: Path, tree: Callable[[str], dict[str, bytes]]
) -> None:
    path = logged.use("mnist")
    inode = os.stat(path).st_ino
    (notes,) = (tmp_path / "cache/versions").glob("*.json")
    notes.write_text(text)

    assert logged.use("mnist") == path

    assert os.stat(path).st_ino == inode  # somebody may be reading from it
    assert tree(path) == FILES


def _loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("make", [os.mkfifo, _loop, Path.mkdir])
@pytest.mark.parametrize("place", ["copy", "notes"])
def test_what_is_in_the_place_of_a_copy_or_of_its_notes_is_not_waited_for(
    make: Callable[[Path], None], place: str, logged: Repository, tree: Callable[[str], dict[str, bytes]]
) -> None:
    copy = Path(logged.use("mnist"))
    if place == "copy":
        shutil.rmtree(copy)
        make(copy)
    else:
        notes = copy.with_name(f"{copy.name}.json")
        notes.unlink()
        make(notes)

    assert tree(logged.use("mnist")) == FILES


def test_no_copy_is_made_of_a_damaged_version(logged: Repository, storage: MemoryStorage, tmp_path: Path) -> None:
    (pack,) = storage.list("packs")
    value = storage.get(pack)
    assert value is not None
    storage.put(pack, value.data[:40] + b"XXXX" + value.data[44:])

    with pytest.raises(DamagedFile):
        logged.use("mnist")

    assert list((tmp_path / "cache/versions").iterdir()) == []
    assert list((tmp_path / "cache/tmp").iterdir()) == []


def test_a_copy_outlives_the_damage_of_the_repository(
    logged: Repository, storage: MemoryStorage, tree: Callable[[str], dict[str, bytes]]
) -> None:
    path = logged.use("mnist")
    for key in list(storage.list("packs")):
        storage.delete(key)

    assert tree(logged.use("mnist")) == FILES
    assert path == logged.use("mnist")


def test_a_run_is_recorded_once(logged: Repository) -> None:
    logged.use("mnist", run="eval-1")
    logged.use("mnist", run="eval-1")

    changes = [change for entry in logged.history() for change in entry.changes if change.ref.startswith("runs/")]
    assert [(change.old, change.new) for change in changes] == [(None, "mnist:v0")]


def test_a_repository_without_a_cache_makes_no_copies(folder: Callable[..., str]) -> None:
    with Repository.init_storage(MemoryStorage(), "memory") as repo:
        repo.log(folder(FILES), "mnist")

        with pytest.raises(NoCache):
            repo.use("mnist")


def test_eight_at_once_get_one_folder_that_nobody_takes_away(
    logged: Repository,
    storage: MemoryStorage,
    tmp_path: Path,
    tree: Callable[[str], dict[str, bytes]],
) -> None:
    from mreg.session.context import Context

    for turn in range(5):
        cache = str(tmp_path / f"shared-{turn}")
        users = [Repository(Context(storage, "memory", cache=cache)) for _ in range(8)]
        start = Barrier(8)

        def use(repo: Repository, start: Barrier = start) -> tuple[str, int]:
            start.wait()
            path = repo.use("mnist")
            return path, os.stat(path).st_ino

        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(use, users))

        assert len(found) == 1, "the folder was taken away from somebody and made again"
        assert tree(found.pop()[0]) == FILES
        assert os.listdir(f"{cache}/tmp") == []
        for user in users:
            user.close()


REPLACE = """
import os, sys
places = sys.argv[1:]
contents = [open(place, "rb").read() for place in places]
while True:
    for place, data in zip(places, contents):
        with open(place + ".new", "wb") as file:
            file.write(data)
        os.chmod(place + ".new", 0o444)
        os.rename(place + ".new", place)
"""


def test_copies_that_another_process_replaces_all_the_time_are_linked_or_copied(
    logged: Repository, tmp_path: Path, tree: Callable[[str], dict[str, bytes]]
) -> None:
    """To link a file in the moment in which it is replaced is an error of its own: it has no name any more."""
    path = logged.use("mnist")
    places = [str(place) for place in (tmp_path / "cache/files").rglob("*") if place.is_file()]
    with subprocess.Popen([sys.executable, "-c", REPLACE, *places]) as other:
        try:
            for _ in range(40):
                shutil.rmtree(path)
                assert logged.use("mnist") == path
                assert tree(path) == FILES
        finally:
            other.kill()


def test_a_folder_made_meanwhile_from_another_copy_of_the_same_bytes_stays(
    logged: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes fetch a file at once; the second puts its own in the shared place after the first
    linked it. The first has handed its folder out already."""
    path = logged.use("mnist")
    inode = os.stat(path).st_ino
    for shared in (tmp_path / "cache/files").rglob("*"):
        if shared.is_file():
            data = shared.read_bytes()
            shared.unlink()
            shared.write_bytes(data)
            shared.chmod(0o444)
    for notes in (tmp_path / "cache/versions").glob("*.json"):
        notes.unlink()

    assert logged.use("mnist") == path

    assert os.stat(path).st_ino == inode


def test_a_copy_is_made_by_copying_where_links_are_not_possible(
    logged: Repository, monkeypatch: pytest.MonkeyPatch, tree: Callable[[str], dict[str, bytes]]
) -> None:
    def no_link(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)

    path = logged.use("mnist")

    assert tree(path) == FILES
    assert logged.use("mnist") == path
    assert {stat.S_IMODE(p.stat().st_mode) for p in Path(path).rglob("*") if p.is_file()} == {0o444}


def test_a_copy_is_found_without_the_repository_being_asked_for_records(
    logged: Repository, tmp_path: Path, reopen: Callable[[Storage], Repository], storage: MemoryStorage
) -> None:
    path = str(logged.use("mnist"))
    digest = logged.resolve("mnist").digest

    assert ReadyCopies(str(tmp_path / "cache")).find(digest) == path
    assert ReadyCopies(str(tmp_path / "elsewhere")).find(digest) is None


# One name for each file.


@pytest.fixture
def two_versions(repo: Repository, folder: Callable[..., str]) -> Repository:
    """Two versions that have a file in common, with two equal files in each."""
    for number in range(2):
        repo.log(folder({"shared.bin": b"s" * 9000, "same.bin": b"s" * 9000, "own.bin": b"%d" % number}), "mnist")
    return repo


def link_counts(folder: str | Path) -> set[int]:
    return {path.stat().st_nlink for path in Path(folder).rglob("*") if path.is_file()}


def test_a_later_use_leaves_the_link_counts_of_an_earlier_copy(two_versions: Repository) -> None:
    first = two_versions.use("mnist:v0")
    second = two_versions.use("mnist:v1")

    assert link_counts(first) == link_counts(second) == {1}


def test_an_edit_of_one_copy_is_not_served_to_another_version(two_versions: Repository) -> None:
    first = Path(two_versions.use("mnist:v0"), "shared.bin")
    before = first.stat()
    first.chmod(0o644)
    first.write_bytes(b"x" * 9000)
    os.utime(first, ns=(before.st_mtime_ns, before.st_mtime_ns))
    first.chmod(0o444)

    second = Path(two_versions.use("mnist:v1"), "shared.bin")

    assert second.read_bytes() == b"s" * 9000


def test_a_copy_made_with_links_is_made_anew_without_them(two_versions: Repository) -> None:
    two_versions.set_setting("use.hard-links", "true")
    two_versions.use("mnist:v0")
    assert link_counts(two_versions.use("mnist:v1")) != {1}
    two_versions.set_setting("use.hard-links", "false")

    assert link_counts(two_versions.use("mnist:v1")) == {1}


def test_a_cache_that_was_copied_is_verified_once(
    two_versions: Repository, storage: MemoryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_versions.use("mnist:v0")
    shutil.copytree(tmp_path / "cache", tmp_path / "copy")
    reopened = Repository.open_storage(storage, "memory", cache=str(tmp_path / "copy"))
    hashed: list[str] = []
    hash_one = ready_copies._hash
    monkeypatch.setattr(ready_copies, "_hash", lambda path: hashed.append(path) or hash_one(path))
    inodes = {path: path.stat().st_ino for path in (tmp_path / "copy").rglob("*.bin")}

    reopened.use("mnist:v0")
    reopened.use("mnist:v0")

    assert len(hashed) == 3
    assert {path: path.stat().st_ino for path in (tmp_path / "copy").rglob("*.bin")} == inodes


def test_a_copied_cache_that_cannot_be_written_is_handed_out(
    two_versions: Repository, storage: MemoryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = two_versions.use("mnist:v0")
    shutil.copytree(tmp_path / "cache", tmp_path / "copy")
    reopened = Repository.open_storage(storage, "memory", cache=str(tmp_path / "copy"))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    for call in ("mkdir", "rename", "chmod", "link"):
        monkeypatch.setattr(os, call, refuse)

    found = reopened.use("mnist:v0")

    assert str(found) == str(made).replace(str(tmp_path / "cache"), str(tmp_path / "copy"))


def test_versions_share_the_room_of_their_files_where_they_can_be_cloned(
    cloning_disk: Path, folder: Callable[..., str], room_taken: Callable[[Path], int]
) -> None:
    shared = os.urandom(12 << 20)
    with Repository.init(cloning_disk / "repo", cache=str(cloning_disk / "cache")) as repo:
        for number in range(3):
            repo.log(folder({"shared.bin": shared, "own.bin": b"%d" % number}), "mnist")
        repo.use("mnist:v0")
        before = room_taken(cloning_disk)

        copies = [Path(repo.use(f"mnist:v{number}")) for number in range(3)]

    assert room_taken(cloning_disk) - before < len(shared) // 4
    assert [(copy / "shared.bin").read_bytes() == shared for copy in copies] == [True] * 3
    assert [link_counts(copy) for copy in copies] == [{1}] * 3
