"""The rights of a group that shares a store, whatever the umask is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mreg.storage import ABSENT
from mreg.storage.local import LocalStorage


@pytest.fixture
def strict() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.fixture
def shared(strict: None, tmp_path: Path) -> LocalStorage:
    storage = LocalStorage(tmp_path / "above" / "store")
    storage.share()
    return storage


def test_all_that_is_made_has_the_rights_of_the_group(shared: LocalStorage, tmp_path: Path) -> None:
    shared.put("a/b/created", b"x", ABSENT)
    shared.put("a/b/replaced", b"x")
    with shared.lock(), shared.stage() as staged:
        staged.write(b"x")
        shared.put("c/staged", staged)
    root = tmp_path / "above" / "store"

    folders = {path for path in root.rglob("*") if path.is_dir()} | {root}
    files = {path for path in root.rglob("*") if path.is_file()} - {root / "lock"}

    assert {mode_of(path) for path in folders} == {0o2770}
    assert {mode_of(path) for path in files} == {0o440}
    assert mode_of(root / "lock") == 0o660
    assert mode_of(root.parent) == 0o700  # what is above is not the store's
    assert list((root / "tmp").iterdir()) == []


@pytest.mark.parametrize(("umask", "folder", "file"), [(0o022, 0o2775, 0o444), (0o002, 0o2775, 0o444)])
def test_others_have_what_the_umask_leaves_them(tmp_path: Path, umask: int, folder: int, file: int) -> None:
    before = os.umask(umask)
    try:
        storage = LocalStorage(tmp_path / "store")
        storage.share()
        storage.put("a/b", b"x", ABSENT)
    finally:
        os.umask(before)

    assert (mode_of(tmp_path / "store" / "a"), mode_of(tmp_path / "store" / "a" / "b")) == (folder, file)


def test_what_was_there_before_is_opened_to_the_group(strict: None, tmp_path: Path) -> None:
    root = tmp_path / "store"
    storage = LocalStorage(root)
    storage.put("a/b", b"x")
    with storage.lock():
        pass
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"x")
    (root / "link").symlink_to(outside)
    (root / "a" / "link").symlink_to(outside / "secret")

    left = list(storage.open_to_group())

    assert left == []
    assert [mode_of(root / name) for name in ("", "a", "tmp", "a/b", "lock")] == [0o2770, 0o2770, 0o2770, 0o440, 0o660]
    assert (mode_of(outside), mode_of(outside / "secret")) == (0o700, 0o600)


def test_a_folder_that_a_killed_process_left_in_tmp_is_swept(shared: LocalStorage, tmp_path: Path) -> None:
    shared.put("a", b"x")
    left = tmp_path / "above" / "store" / "tmp" / "123-abc"
    left.mkdir()
    os.utime(left, (1e9, 1e9))
    full = left.with_name("full")
    full.mkdir()
    (full / "x").write_bytes(b"x")
    os.utime(full, (1e9, 1e9))

    assert shared.sweep(60.0) == 0

    assert not left.exists()
    assert (full / "x").exists()  # none of mreg's


def test_nothing_is_changed_before_it_is_permitted(tmp_path: Path) -> None:
    class NotYours(Exception):
        pass

    def permit() -> None:
        raise NotYours

    LocalStorage(tmp_path / "store").put("a", b"x")
    storage = LocalStorage(tmp_path / "store", permit=permit)

    changes = [
        lambda: storage.put("a", b"y"),
        lambda: storage.put("b", b"y", ABSENT),
        lambda: storage.delete("a"),
        lambda: storage.touch("a"),
        storage.stage,
        storage.lock,
        lambda: storage.sweep(0.0),
        storage.open_to_group,
    ]
    for change in changes:
        for _ in range(2):  # asked again each time, until it is granted
            with pytest.raises(NotYours):
                change()

    assert storage.get("a") is not None
    assert sorted(path.name for path in (tmp_path / "store").rglob("*")) == ["a", "tmp"]


def test_permission_is_asked_for_once(tmp_path: Path) -> None:
    asked = []
    storage = LocalStorage(tmp_path / "store", permit=lambda: asked.append(1))
    storage.get("a")
    storage.stat("a")
    list(storage.list(""))
    assert asked == []

    storage.put("a", b"x")
    storage.delete("a")

    assert asked == [1]
