"""docs/backup.md: a copy in the order that the page shows is sound, whatever is logged between its steps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mreg.repository import Repository

FIRST, DATA = ("config.toml", "journal"), ("objects", "packs")


def copied(source: Path, target: Path, *names: str) -> None:
    for name in names:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        else:
            shutil.copy2(source / name, target / name)


def test_a_backup_beside_a_writer_is_the_repository_as_of_its_journal(
    tmp_path: Path, folder: Callable[..., str]
) -> None:
    with Repository.init(tmp_path / "registry", cache=str(tmp_path / "cache")) as repo:
        repo.log(folder({"w.bin": b"one"}), "mnist", aliases=["best"])
        source, target = tmp_path / "registry/.mreg", tmp_path / "copy/.mreg"
        target.mkdir(parents=True)
        copied(source, target, *FIRST)
        repo.log(folder({"w.bin": b"two"}), "mnist", aliases=["best"])
        repo.set_setting("gc.keep-last", "3")
        copied(source, target, *DATA)

    with Repository.open(tmp_path / "copy", cache=str(tmp_path / "cache")) as copy:
        copy.fsck(repair=True)
        assert copy.fsck(full=True).findings == ()
        assert [version.name for version in copy.versions("mnist")] == ["mnist:v0"]
        assert copy.resolve("mnist:best").number == 0
        assert b"".join(copy.read("mnist:best", "w.bin")) == b"one"
        assert copy.setting("gc.keep-last") == 0


@pytest.mark.parametrize("change", ["log", "set"])
def test_a_change_between_settings_and_journal_is_made_up_for(
    change: str, tmp_path: Path, folder: Callable[..., str]
) -> None:
    with Repository.init(tmp_path / "registry", cache=str(tmp_path / "cache")) as repo:
        source, target = tmp_path / "registry/.mreg", tmp_path / "copy/.mreg"
        repo.log(folder({"w.bin": b"one"}), "mnist")
        target.mkdir(parents=True)
        copied(source, target, "config.toml")
        if change == "log":
            repo.log(folder({"w.bin": b"two"}), "mnist")
        else:
            repo.set_setting("gc.keep-last", "3")
        copied(source, target, "journal", *DATA)
        expected = (repo.settings(), [version.name for version in repo.versions("mnist")])

    with Repository.open(tmp_path / "copy", cache=str(tmp_path / "cache")) as copy:
        copy.fsck(repair=True)
        assert copy.fsck(full=True).findings == ()
        assert (copy.settings(), [version.name for version in copy.versions("mnist")]) == expected


def test_a_copy_in_another_order_can_lack_data(tmp_path: Path, folder: Callable[..., str]) -> None:
    with Repository.init(tmp_path / "registry", cache=str(tmp_path / "cache")) as repo:
        repo.log(folder({"w.bin": b"one"}), "mnist")
        source, target = tmp_path / "registry/.mreg", tmp_path / "copy/.mreg"
        target.mkdir(parents=True)
        copied(source, target, *DATA)
        repo.log(folder({"w.bin": b"two"}), "mnist")
        copied(source, target, *FIRST)

    with Repository.open(tmp_path / "copy", cache=str(tmp_path / "cache")) as copy:
        copy.fsck(repair=True)
        assert [finding.hurts for finding in copy.fsck(full=True).findings if finding.hurts] != []
