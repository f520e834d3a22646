"""`get` writes all of a version's files, verified, or nothing; and nothing outside of its folder."""

from __future__ import annotations

import os
import random
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.checkout import reader
from mreg.checkout.get import UnsafeDestination
from mreg.checkout.new_folder import Tree
from mreg.checkout.reader import DamagedFile
from mreg.content import packs
from mreg.content.objects import key_of as object_key
from mreg.content.pack_writer import PackWriter
from mreg.content.packs import Piece
from mreg.operations.files import NothingIncluded, UnknownFile
from mreg.refs.keys import ArtifactKey, VersionKey
from mreg.refs.transaction import timestamp
from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage
from mreg.values import canonical
from mreg.values.digest import EMPTY, digest
from mreg.values.errors import Damaged, MregError
from mreg.values.records import File, VersionRecord

LARGE = random.Random(7).randbytes(3 << 20)
FILES = {"config.json": b"{}", "weights.bin": LARGE, "deep/er/vocab.txt": b"a\nb\n", "empty": b""}


@pytest.fixture
def logged(repo: Repository, folder: Callable[..., str]) -> Repository:
    repo.log(folder(FILES), "mnist")
    return repo


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "out" / "model"


def put(path: Path, data: bytes = b"mine") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def look(path: Path) -> tuple[int, int, int]:
    """What changes when somebody writes a file, and not when somebody reads it."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def leftovers(there: Path) -> list[str]:
    """What lies beside the destination."""
    return [name for name in os.listdir(there.parent) if name != there.name]


# Where nothing was.


def test_a_new_folder_gets_all_files(logged: Repository, there: Path, tree: Callable[[str], dict[str, bytes]]) -> None:
    done = logged.get("mnist", there)

    assert tree(str(there)) == FILES
    assert (done.path, done.version, done.written, done.kept) == (str(there), "mnist:v0", 4, 0)
    assert leftovers(there) == []


def test_files_that_are_included_are_written_and_no_others(
    logged: Repository, there: Path, tree: Callable[[str], dict[str, bytes]]
) -> None:
    logged.get("mnist", there, include=["*.json", "deep/"])

    assert set(tree(str(there))) == {"config.json", "deep/er/vocab.txt"}


def test_a_pattern_that_matches_nothing_is_refused(logged: Repository, there: Path) -> None:
    with pytest.raises(NothingIncluded):
        logged.get("mnist", there, include=["*.onnx"])

    assert not there.exists()


def test_files_are_executable_where_they_were(repo: Repository, folder: Callable[..., str], there: Path) -> None:
    at = folder({"run.sh": b"#!/bin/sh\n", "data": b"1"})
    os.chmod(f"{at}/run.sh", 0o700)
    repo.log(at, "tool")

    old = os.umask(0o027)
    try:
        repo.get("tool", there)
    finally:
        os.umask(old)

    assert stat.S_IMODE((there / "run.sh").stat().st_mode) == 0o750
    assert stat.S_IMODE((there / "data").stat().st_mode) == 0o640


def test_a_file_that_is_there_is_made_executable_or_not_as_it_was(
    repo: Repository, folder: Callable[..., str], there: Path
) -> None:
    at = Path(folder({"run.sh": b"true", "data": b"x"}))
    (at / "run.sh").chmod(0o755)
    repo.log(at, "mnist")
    repo.get("mnist", there)
    (there / "run.sh").chmod(0o644)
    (there / "data").chmod(0o755)
    inodes = [(there / name).stat().st_ino for name in ("run.sh", "data")]

    done = repo.get("mnist", there)

    assert (done.written, done.kept) == (2, 0)
    assert [bool((there / name).stat().st_mode & 0o100) for name in ("run.sh", "data")] == [True, False]
    assert [(there / name).stat().st_ino for name in ("run.sh", "data")] == inodes


def test_progress_reaches_the_end(logged: Repository, there: Path) -> None:
    steps: list[tuple[int, int]] = []
    size = sum(map(len, FILES.values()))

    logged.get("mnist", there, progress=lambda done, total: steps.append((done, total)))
    logged.get("mnist", there, progress=lambda done, total: steps.append((done, total)))

    assert steps.count((size, size)) >= 2
    assert max(done for done, _ in steps) == size


# Where something was.


def test_what_is_right_already_is_not_written_again(logged: Repository, there: Path) -> None:
    logged.get("mnist", there)
    before = {name: look(there / name) for name in FILES}

    done = logged.get("mnist", there)

    assert (done.written, done.kept) == (0, 4)
    assert {name: look(there / name) for name in FILES} == before
    assert leftovers(there) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda there: (there / "weights.bin").unlink(),
        lambda there: (there / "weights.bin").write_bytes(LARGE[:-1]),
        lambda there: (there / "weights.bin").write_bytes(LARGE + b"x"),
        lambda there: (there / "weights.bin").write_bytes(LARGE[:-1] + bytes([LARGE[-1] ^ 1])),
        lambda there: (there / "weights.bin").write_bytes(b""),
    ],
    ids=["missing", "truncated", "grown", "changed", "emptied"],
)
def test_only_what_is_wrong_is_replaced(
    logged: Repository, there: Path, tree: Callable[[str], dict[str, bytes]], damage: Callable[[Path], object]
) -> None:
    logged.get("mnist", there)
    put(there / "notes.txt")
    untouched = look(there / "config.json")[0]
    damage(there)

    done = logged.get("mnist", there)

    assert (done.written, done.kept) == (1, 3)
    assert tree(str(there)) == FILES | {"notes.txt": b"mine"}
    assert look(there / "config.json")[0] == untouched
    assert leftovers(there) == []


def test_an_empty_folder_is_filled(logged: Repository, there: Path, tree: Callable[[str], dict[str, bytes]]) -> None:
    there.mkdir(parents=True)

    assert logged.get("mnist", there).written == 4

    assert tree(str(there)) == FILES


def test_in_a_folder_that_is_there_files_are_prepared_inside_of_it(
    logged: Repository, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a mount point."""
    there.mkdir(parents=True)
    made: list[str] = []
    real = os.mkdir
    monkeypatch.setattr("os.mkdir", lambda path, *rest, **named: (made.append(str(path)), real(path, *rest, **named)))

    logged.get("mnist", there)

    staged = [Path(path) for path in made if ".mreg-" in path]
    assert staged and all(path.parent == there for path in staged)
    assert sorted(os.listdir(there)) == sorted({path.partition("/")[0] for path in FILES})


def test_a_file_that_others_hard_link_is_replaced_and_not_written_through(logged: Repository, there: Path) -> None:
    shared = put(there.parent / "shared", b"precious")
    there.mkdir()
    os.link(shared, there / "config.json")

    logged.get("mnist", there)

    assert shared.read_bytes() == b"precious"
    assert (there / "config.json").read_bytes() == b"{}"


# Links and other things in the way.


@pytest.mark.parametrize(
    "block",
    [
        lambda there, outside: (there / "config.json").symlink_to(outside / "victim"),
        lambda there, outside: (there / "config.json").symlink_to(outside / "nothing"),
        lambda there, outside: (there / "deep").symlink_to(outside),
        lambda there, outside: ((there / "deep").mkdir(), (there / "deep/er").symlink_to(outside)),
        lambda there, outside: put(there / "deep"),
        lambda there, outside: put(there / "deep/er"),
        lambda there, outside: put(there / "config.json/inner"),
        lambda there, outside: os.mkfifo(there / "config.json"),
    ],
    ids=[
        "a link to a file",
        "a dangling link",
        "a link to a folder",
        "a link further down",
        "a file as a folder",
        "a file as a folder further down",
        "a folder as a file",
        "a pipe",
    ],
)
def test_what_is_in_the_way_refuses_the_whole_and_nothing_is_touched(
    logged: Repository,
    there: Path,
    tmp_path: Path,
    block: Callable[[Path, Path], object],
) -> None:
    outside = tmp_path / "outside"
    put(outside / "victim", b"precious")
    put(there / "weights.bin", b"an older version")
    block(there, outside)
    before = sorted((str(path), path.lstat().st_mtime_ns) for path in there.rglob("*"))

    with pytest.raises(UnsafeDestination):
        logged.get("mnist", there)

    assert sorted((str(path), path.lstat().st_mtime_ns) for path in there.rglob("*")) == before
    assert [path.name for path in outside.rglob("*")] == ["victim"]
    assert (outside / "victim").read_bytes() == b"precious"
    assert (there / "weights.bin").read_bytes() == b"an older version"
    assert leftovers(there) == []


def test_a_file_with_the_destinations_name_is_refused(logged: Repository, there: Path) -> None:
    put(there)

    with pytest.raises(UnsafeDestination):
        logged.get("mnist", there)

    assert there.read_bytes() == b"mine"
    assert leftovers(there) == []


def test_a_folder_that_becomes_a_link_between_look_and_move_is_not_followed(
    logged: Repository, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    there.mkdir(parents=True)
    flush = Tree.flush

    def swap(tree: Tree) -> None:
        (there / "deep").symlink_to(outside)
        flush(tree)

    monkeypatch.setattr(Tree, "flush", swap)
    with pytest.raises(OSError):
        logged.get("mnist", there)

    assert list(outside.iterdir()) == []
    assert leftovers(there) == []


# Damage in the repository.


def flip_chunk(storage: MemoryStorage, at: int = 100) -> None:
    (pack,) = storage.list("packs")
    value = storage.get(pack)
    assert value is not None
    data = bytearray(value.data)
    data[at] ^= 1
    storage.put(pack, bytes(data))


def test_a_damaged_chunk_leaves_no_destination(logged: Repository, storage: MemoryStorage, there: Path) -> None:
    flip_chunk(storage)

    with pytest.raises(DamagedFile):
        logged.get("mnist", there)

    assert not there.exists()
    assert leftovers(there) == []


def test_a_damaged_chunk_leaves_the_destination_as_it_was(
    logged: Repository, storage: MemoryStorage, there: Path, tree: Callable[[str], dict[str, bytes]]
) -> None:
    mine = dict.fromkeys(FILES, b"mine") | {"notes": b"mine"}
    for name, data in mine.items():
        put(there / name, data)
    flip_chunk(storage)

    with pytest.raises(DamagedFile):
        logged.get("mnist", there)

    assert tree(str(there)) == mine
    assert leftovers(there) == []


def damage_file(storage: MemoryStorage, data: bytes) -> None:
    """Flip a bit of the (last) chunk of a file that holds these bytes."""
    (pack,) = packs.pack_names(storage)
    index = packs.read_index(storage, pack)
    name = bytes.fromhex(digest(data))
    chunk = [*index.recipes[name]][-1].digest if name in index.recipes else name
    flip_chunk(storage, next(entry.offset for entry in index.chunks if entry.digest == chunk))


def whole_but(*damaged: str) -> dict[str, bytes]:
    return {path: data for path, data in FILES.items() if path not in damaged}


@pytest.mark.parametrize("path", [path for path, data in FILES.items() if data])
def test_what_is_whole_can_be_had_of_a_damaged_version(
    path: str, logged: Repository, storage: MemoryStorage, there: Path, tree: Callable[[str], dict[str, bytes]]
) -> None:
    damage_file(storage, FILES[path])

    done = logged.get("mnist", there, partial=True)

    assert (done.written, done.kept, done.damaged) == (len(FILES) - 1, 0, (path,))
    assert tree(str(there)) == whole_but(path)
    assert leftovers(there) == []
    again = logged.get("mnist", there, partial=True)
    assert (again.written, again.kept, again.damaged) == (0, len(FILES) - 1, (path,))


def test_a_damaged_file_does_not_take_the_place_of_one_that_is_there(
    logged: Repository, storage: MemoryStorage, there: Path, tree: Callable[[str], dict[str, bytes]]
) -> None:
    for name in FILES:
        put(there / name, b"mine")
    damage_file(storage, LARGE)

    done = logged.get("mnist", there, partial=True)

    assert done.damaged == ("weights.bin",)
    assert tree(str(there)) == whole_but("weights.bin") | {"weights.bin": b"mine"}
    assert leftovers(there) == []


@pytest.mark.parametrize("present", [False, True])
def test_of_a_version_of_which_no_file_is_whole_nothing_can_be_had(
    present: bool, logged: Repository, storage: MemoryStorage, there: Path, tree: Callable[[str], dict[str, bytes]]
) -> None:
    if present:
        put(there / "weights.bin", b"mine")
    damage_file(storage, LARGE)

    with pytest.raises(DamagedFile, match=r"weights\.bin"):
        logged.get("mnist", there, include=["weights.bin"], partial=True)

    assert (tree(str(there)) if present else there.exists()) == ({"weights.bin": b"mine"} if present else False)
    assert leftovers(there) == []


def test_of_a_whole_version_all_can_be_had(logged: Repository, there: Path) -> None:
    done = logged.get("mnist", there, partial=True)

    assert (done.written, done.damaged) == (len(FILES), ())


def test_files_that_are_right_already_need_no_repository(
    logged: Repository, storage: MemoryStorage, there: Path
) -> None:
    logged.get("mnist", there)
    for key in list(storage.list("packs")):
        storage.delete(key)

    assert logged.get("mnist", there).kept == 4


def test_reading_a_file_with_a_damaged_chunk_gives_only_verified_bytes(
    logged: Repository, storage: MemoryStorage
) -> None:
    (pack,) = packs.pack_names(storage)
    recipe = [*packs.read_index(storage, pack).recipes[bytes.fromhex(digest(LARGE))]]
    chunks = {entry.digest: entry for entry in packs.read_index(storage, pack).chunks}
    flip_chunk(storage, chunks[recipe[-1].digest].offset)
    got = bytearray()

    with pytest.raises(DamagedFile, match=r"weights\.bin"):
        for block in logged.read("mnist", "weights.bin"):
            got += block

    assert bytes(got) == LARGE[: len(LARGE) - recipe[-1].size]


def test_an_unknown_file_is_refused_before_anything_is_read(logged: Repository) -> None:
    with pytest.raises(UnknownFile) as raised:
        logged.read("mnist", "weight.bin")

    assert raised.value.near == ["weights.bin"]


# A repository made by somebody hostile.


def craft(repo: Repository, storage: MemoryStorage, manifest: bytes, size: int = 0) -> None:
    """Commit `mnist:v0` with these bytes as its manifest, as no mreg would."""
    storage.put(object_key(digest(manifest)), manifest)
    record = VersionRecord(digest(manifest), 1, size, timestamp(), "eve", "host", None, "", {}, ()).to_bytes()
    storage.put(object_key(digest(record)), record)

    def build(draft: Any) -> None:
        draft.set(ArtifactKey("mnist"), 'type = "model"\ndescription = ""\n')
        draft.set(VersionKey("mnist", 0), digest(record))
        draft.packs = tuple(packs.pack_names(storage))

    repo._context.commit("craft", build)


def manifest_of(*rows: dict[str, Any]) -> bytes:
    return canonical.dumps({"kind": "manifest", "format": 1, "files": list(rows)})


def row(path: str, **changes: Any) -> dict[str, Any]:
    return {"path": path, "size": 0, "digest": EMPTY} | changes


HOSTILE = {
    "parent": [row("../escaped")],
    "parent inside": [row("a/../../escaped")],
    "absolute": [row("/tmp/mreg-escaped")],
    "dot": [row("./a")],
    "empty part": [row("a//b")],
    "folder": [row("a/")],
    "no name": [row("")],
    "repository": [row(".mreg/config.toml")],
    "git": [row("a/.GIT/hooks/post-checkout")],
    "backslash": [row("..\\escaped")],
    "drive": [row("C:escaped")],
    "nul": [row("a\0b")],
    "newline": [row("a\nb")],
    "file and folder": [row("a"), row("a/b")],
    "case": [row("A"), row("a")],
    "twice": [row("a"), row("a")],
    "unsorted": [row("b"), row("a")],
    "link": [row("a", link="/etc/passwd")],
    "mode": [row("a", mode=0o4755)],
    "long name": [row("x" * 256)],
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_manifest_is_not_materialised(
    hostile: str, repo: Repository, storage: MemoryStorage, there: Path, tmp_path: Path
) -> None:
    craft(repo, storage, manifest_of(*HOSTILE[hostile]))
    there.parent.mkdir()
    before = sorted(tmp_path.iterdir())

    with pytest.raises(Damaged):
        repo.get("mnist", there)
    with pytest.raises(Damaged):
        repo.use("mnist")

    assert sorted(path for path in tmp_path.iterdir() if path.name != "cache") == [
        path for path in before if path.name != "cache"
    ]
    assert os.listdir(there.parent) == []
    assert [finding.code for finding in repo.fsck().findings if "mnist:v0" in finding.hurts] == ["record"]


def test_a_file_whose_only_chunk_is_another_ones_is_not_handed_out(
    repo: Repository, storage: MemoryStorage, there: Path
) -> None:
    wanted, given = digest(b"what was signed"), b"something else"
    with PackWriter(storage) as writer:
        writer.add(bytes.fromhex(digest(given)), given)
        writer.add_recipe(bytes.fromhex(wanted), (Piece(bytes.fromhex(digest(given)), len(given)),))
        writer.publish()
    craft(repo, storage, manifest_of(row("a", size=len(given), digest=wanted)), len(given))

    with pytest.raises(DamagedFile):
        repo.get("mnist", there)

    assert not there.exists()
    assert [(one.code, one.hurts) for one in repo.fsck(full=True).findings] == [("recipe", ("mnist:v0",))]


def test_an_empty_file_with_the_digest_of_another_is_not_handed_out(
    repo: Repository, storage: MemoryStorage, there: Path
) -> None:
    craft(repo, storage, manifest_of(row("a", digest=digest(b"not empty"))))

    with pytest.raises(DamagedFile):
        repo.get("mnist", there)

    assert not there.exists()
    assert [(one.code, one.hurts) for one in repo.fsck().findings] == [("file", ("mnist:v0",))]


@pytest.mark.parametrize("size", [1, 14, 16, 1 << 50])
def test_a_file_of_another_size_than_its_manifest_says_is_not_handed_out(
    repo: Repository, storage: MemoryStorage, there: Path, size: int
) -> None:
    data = b"fifteen bytes.."
    with PackWriter(storage) as writer:
        writer.add(bytes.fromhex(digest(data)), data)
        writer.publish()
    craft(repo, storage, manifest_of(row("a", size=size, digest=digest(data))), size)

    with pytest.raises(MregError):
        repo.get("mnist", there)

    assert not there.exists()
    assert [(one.code, one.hurts) for one in repo.fsck().findings] == [("file", ("mnist:v0",))]


def test_a_version_record_that_is_a_manifest_is_refused(repo: Repository, storage: MemoryStorage) -> None:
    manifest = manifest_of()
    craft(repo, storage, manifest)
    key = object_key(repo.resolve("mnist").digest)
    storage.put(key, manifest)

    with pytest.raises(Damaged):
        repo.version("mnist")


# Trees.


def test_a_tree_that_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError), Tree(str(tmp_path / "new")) as tree:
        tree.write("a/b", iter([b"x"]), 0o644)
        raise ValueError

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("taken", ["a folder", "a file"])
def test_a_tree_does_not_take_the_place_of_what_is_there(tmp_path: Path, taken: str) -> None:
    place = tmp_path / "taken"
    put(place / "mine" if taken == "a folder" else place)

    with Tree(str(tmp_path / "new")) as tree:
        tree.write("a", iter([b"x"]), 0o644)
        with pytest.raises(FileExistsError):
            tree.keep(str(place))

    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [b"mine"]


def test_a_tree_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    with Tree(str(tmp_path / "new")) as tree:
        os.symlink(tmp_path / "outside", tmp_path / "new" / "a")

        with pytest.raises(OSError):
            tree.write("a/b", iter([b"x"]), 0o644)

    assert list((tmp_path / "outside").iterdir()) == []


def test_a_chunk_larger_than_the_format_allows_is_not_read(logged: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_CHUNK", 1)

    with pytest.raises(DamagedFile):
        b"".join(logged.read("mnist", "config.json"))


def test_files_are_frozen_descriptions(logged: Repository) -> None:
    (config, *_) = logged.files("mnist")

    assert config == File("config.json", 2, digest(b"{}"))
    with pytest.raises(AttributeError):
        config.size = 3  # type: ignore[misc]


@pytest.mark.parametrize("inside", [".mreg", ".mreg/deep/er", "link"])
def test_nothing_is_written_into_a_repository(logged: Repository, tmp_path: Path, inside: str) -> None:
    (tmp_path / ".mreg").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / ".mreg")

    with pytest.raises(UnsafeDestination, match="inside a repository"):
        logged.get("mnist", tmp_path / inside)

    assert list((tmp_path / ".mreg").iterdir()) == []


def test_ctrl_c_at_any_close_is_ctrl_c_and_leaves_nothing(
    repo: Repository, folder: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.log(folder({"a/b/c": b"1", "a/d": b"2", "e": b"3"}), "deep")
    parent, close = tmp_path / "parent", os.close
    number = closed = 0

    def interrupted(descriptor: int) -> None:
        nonlocal closed
        close(descriptor)
        closed += 1
        if closed == number:
            raise KeyboardInterrupt

    while True:
        number, closed = number + 1, 0
        with monkeypatch.context() as patch:
            patch.setattr(os, "close", interrupted)
            try:
                repo.get("deep", parent / "out")
            except KeyboardInterrupt:
                pass
            else:
                break
        assert [path.name for path in parent.iterdir()] in ([], ["out"])
        shutil.rmtree(parent / "out", ignore_errors=True)
    assert number > 10
