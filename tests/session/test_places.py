"""Where things are for who has no home folder, and where they must not be."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from mreg import Cache, Repository, default_cache
from mreg.checkout.ready_copies import NoCache
from mreg.session import places, trust
from mreg.session.places import CacheInRepository
from mreg.session.trust import NoHome


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An account without HOME and without an entry in the table of accounts; its working folder."""

    def nobody(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("HOME", "MREG_CACHE", "MREG_SAFE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def test_without_a_home_there_is_no_cache_and_are_no_settings(homeless: Path) -> None:
    assert default_cache() is None
    assert places.user_config() is None
    assert trust.safe_directories() == []
    with pytest.raises(NoHome):
        trust.add_safe_directory("*")

    assert os.listdir(homeless) == []


def test_without_a_home_all_but_use_works_and_makes_nothing_beside(homeless: Path, folder: Callable[..., str]) -> None:
    source = folder({"a": b"one"})
    with Repository.init() as repository:
        repository.log(source, "a")
        assert [version.name for version in repository.versions("a")] == ["a:v0"]
        with pytest.raises(NoCache):
            repository.use("a")

    assert os.listdir(homeless) == [".mreg"]


def test_settings_in_the_working_folder_are_not_believed(homeless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("~/.config", "relative"):
        (homeless / name / "mreg").mkdir(parents=True)
        (homeless / name / "mreg" / "config.toml").write_text('[safe]\ndirectory = ["*"]\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")

    assert trust.safe_directories() == []


def test_the_home_of_the_account_takes_the_place_of_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MREG_CACHE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "")

    assert (places.user_config() or "").startswith(pwd.getpwuid(os.getuid()).pw_dir)


@pytest.mark.parametrize("inside", [".mreg", ".mreg/cache", "link/cache"])
def test_a_cache_in_the_repository_is_refused_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Callable[..., str], inside: str
) -> None:
    Repository.init(tmp_path).close()
    (tmp_path / "link").symlink_to(".mreg")
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / inside))
    before = sorted(os.listdir(tmp_path / ".mreg"))

    with Repository.open(tmp_path) as repository:
        for change in (lambda: repository.log(folder({"a": b"one"}), "a"), lambda: repository.use("a")):
            with pytest.raises(CacheInRepository):
                change()

    assert sorted(os.listdir(tmp_path / ".mreg")) == before


@pytest.mark.parametrize("inside", [".mreg", ".mreg/cache", "link/cache"])
def test_a_cache_in_another_repository_is_refused_and_nothing_in_it_is_taken_for_one(
    tmp_path: Path, folder: Callable[..., str], inside: str
) -> None:
    other = tmp_path / "other"
    Repository.init(other).close()
    (other / "link").symlink_to(".mreg")
    left = other / ".mreg" / "tmp" / "left"
    left.write_bytes(b"of a dead writer, and for gc to decide on")
    os.utime(left, (0, 0))
    before = sorted(os.listdir(other / ".mreg"))

    with (
        Repository.init(tmp_path / "own", cache=str(other / inside)) as repository,
        pytest.raises(CacheInRepository),
    ):
        repository.log(folder({"a": b"one"}), "a")
    with pytest.raises(CacheInRepository):
        Cache(other / inside)

    assert sorted(os.listdir(other / ".mreg")) == before
    assert left.exists()


def test_a_cache_in_a_folder_that_is_only_called_like_a_repository_is_in_none(tmp_path: Path) -> None:
    assert Cache(tmp_path / ".mreg" / "cache").contents().copies == ()


def test_a_cache_beside_the_repository_is_not_in_it(tmp_path: Path, folder: Callable[..., str]) -> None:
    with Repository.init(tmp_path, cache=str(tmp_path / ".mreg-cache")) as repository:
        repository.log(folder({"a": b"one"}), "a")

    assert (tmp_path / ".mreg-cache").is_dir()
