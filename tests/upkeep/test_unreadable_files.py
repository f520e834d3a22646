"""A file that the disk cannot read (EIO), or in whose place a folder is, is damage like any other: named, mended where
that can be proven, and in the way of nothing else."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from mreg.content import packs
from mreg.refs.keys import CONFIG
from mreg.repository import Repository
from mreg.session.config import DamagedConfig
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import UnreadableStorage
from mreg.upkeep.findings import Report
from mreg.upkeep.repair_refs import rescue
from mreg.values.errors import Damaged

Copy = Callable[[MemoryStorage], MemoryStorage]
Reopen = Callable[[Storage], Repository]
Content = Callable[[Storage], dict[str, bytes]]

CHUNK = 100_000


class Scene(NamedTuple):
    repo: Repository
    storage: MemoryStorage


@pytest.fixture
def scene(repo: Repository, storage: MemoryStorage, folder: Callable[..., str]) -> Scene:
    repo.set_setting("log.compress", "false")
    repo.log(folder({"a": b"a" * CHUNK, "b": b"b" * CHUNK}), "mnist", aliases=["best"], links=["Digits"])
    repo.log(folder({"c": b"c" * CHUNK}), "mnist")
    repo.log(folder({"d": b"d" * CHUNK}), "other")
    repo.annotate("mnist:v1", message="noted")
    repo.set_card("Digits", "# Digits\n")
    repo.use("mnist:v1", run="eval-1")
    return Scene(repo, storage)


def keys(storage: Storage) -> list[str]:
    return list(storage.list(""))


def named(report: Report) -> set[tuple[str, str, tuple[str, ...]]]:
    """Of each thing that is damaged, how, and whom that hurts; chunks by the pack that they are in."""
    return {(one.code, one.what, one.hurts) for one in report.findings if one.code not in ("object", "file")}


def check(storage: Storage, reopen: Reopen) -> Report | None:
    """None where the repository cannot be opened."""
    try:
        return reopen(storage).fsck(full=True)
    except DamagedConfig:
        return None


def by_offset(storage: Storage, pack: str) -> list[packs.ChunkEntry]:
    return sorted(packs.read_index(storage, pack).chunks, key=lambda entry: entry.offset)


@pytest.mark.parametrize("error", [errno.EIO, errno.EBADMSG])
def test_what_cannot_be_read_is_named_like_what_is_damaged(
    error: int, scene: Scene, copy_of: Copy, reopen: Reopen
) -> None:
    for key in keys(scene.storage):
        zeroed = copy_of(scene.storage)
        zeroed.put(key, bytes(len((scene.storage.get(key) or (b"",))[0])))

        report = check(UnreadableStorage(scene.storage, key, error=error), reopen)

        expected = check(zeroed, reopen)
        if report is None or expected is None:
            assert report is expected
            assert key == CONFIG
            continue
        assert report.findings
        assert named(report) == named(expected), key


def test_fsck_says_that_the_disk_is_to_blame(scene: Scene, reopen: Reopen) -> None:
    (pack, *_) = packs.pack_names(scene.storage)

    report = reopen(UnreadableStorage(scene.storage, packs.key_of(pack))).fsck()

    assert "it cannot be read (Input/output error)" in {finding.reason for finding in report.findings}


def test_whatever_the_disk_cannot_read_is_put_back_from_a_copy(
    scene: Scene, copy_of: Copy, reopen: Reopen, content: Content
) -> None:
    before = content(scene.storage)
    copy = reopen(copy_of(scene.storage))
    for key in keys(scene.storage):
        inner = copy_of(scene.storage)
        broken = UnreadableStorage(inner, key)

        rescue(broken, copy._context)
        report = reopen(broken).fsck(full=True, repair=True, source=copy)

        assert report.findings == (), key
        after = content(inner)
        if key != "journal/applied":
            assert after[key] == before[key]
        assert not broken.bad
        assert reopen(inner).fsck(full=True).findings == ()


def test_a_folder_in_the_place_of_any_file_is_named_and_stops_nothing_else(
    scene: Scene, copy_of: Copy, reopen: Reopen
) -> None:
    copy = reopen(copy_of(scene.storage))
    for key in keys(scene.storage):
        broken = UnreadableStorage(copy_of(scene.storage), key, error=errno.EISDIR)

        rescue(broken, copy._context)
        try:
            report = reopen(broken).fsck(full=True, repair=True, source=copy)
        except DamagedConfig:
            assert key == CONFIG
            continue

        # (The files of a pack that cannot be put back come into another one.)
        assert report.findings or key.startswith("packs/"), key
        if not key.startswith("packs/"):
            assert any(finding.what.partition("#")[0] == key for finding in report.findings)


def test_what_the_disk_can_read_of_a_version_is_had_with_partial(
    scene: Scene, tmp_path: Path, reopen: Reopen, tree: Callable[[str], dict[str, bytes]]
) -> None:
    name = max(packs.pack_names(scene.storage), key=lambda name: len(packs.read_index(scene.storage, name).chunks))
    _, second = by_offset(scene.storage, name)
    start, stop = second.offset, second.offset + second.stored
    repo = reopen(UnreadableStorage(scene.storage, packs.key_of(name), start=start, stop=stop))

    with pytest.raises(Damaged):
        repo.get("mnist:v0", str(tmp_path / "all"))
    found = repo.get("mnist:v0", str(tmp_path / "some"), partial=True)

    assert not (tmp_path / "all").exists()
    assert tree(str(tmp_path / "some")) == {"a": b"a" * CHUNK}
    assert found.damaged == ("b",)


def test_a_pack_of_which_the_disk_can_read_a_part_is_kept_until_all_that_is_needed_is_elsewhere(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str], reopen: Reopen
) -> None:
    """Two of its chunks cannot be read, the other repository has one of them. The disk may be able to later."""
    repo.set_setting("log.compress", "false")
    repo.log(folder({name: name.encode() * CHUNK for name in "abc"}), "mnist")
    (name,) = packs.pack_names(storage)
    _, second, third = by_offset(storage, name)
    other = Repository.init_storage(MemoryStorage(), "other", author="bob")
    other.log(folder({"b": b"b" * CHUNK}), "mine")
    start, stop = second.offset, third.offset + third.stored
    broken = UnreadableStorage(storage, packs.key_of(name), start=start, stop=stop)

    report = reopen(broken).fsck(full=True, repair=True, source=other)

    assert {hurt for finding in report.findings for hurt in finding.hurts} == {"mnist:v0"}
    assert any("left there" in one.done for one in report.repaired)
    assert storage.stat(packs.key_of(name)) is not None
    mended = reopen(storage)  # the disk can read it again
    mended.fsck(full=True, repair=True)
    assert mended.fsck(full=True).findings == ()
    assert {path: b"".join(mended.read("mnist:v0", path)) for path in "abc"} == {
        path: path.encode() * CHUNK for path in "abc"
    }
