"""`mreg clone`: a copy with a name, and a way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def team(mreg: Any, tmp_path: Path) -> Path:
    """A repository with one version, beside the folder that commands are run in."""
    (tmp_path / "ckpt").mkdir()
    (tmp_path / "ckpt" / "w").write_bytes(b"weights")
    mreg.must("init", str(tmp_path / "team"))
    mreg.must("--repo", str(tmp_path / "team"), "log", str(tmp_path / "ckpt"), "-a", "net", "--alias", "best")
    return tmp_path / "team"


def test_a_clone_is_called_as_what_it_is_from(
    mreg: Any, team: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home-of-bob").mkdir()
    mreg.home = tmp_path / "home-of-bob"

    cloned = mreg("clone", str(team))

    assert (cloned.code, cloned.out) == (0, f"{tmp_path}/home-of-bob/team/.mreg\n")
    assert f"1 version fetched from {team}/.mreg" in cloned.errors
    assert mreg.must("-C", "team", "resolve", "net:best") == "net:v0\n"


def test_a_clone_knows_where_it_is_from(mreg: Any, team: Path, tmp_path: Path) -> None:
    mreg.must("clone", str(team), str(tmp_path / "copy"))
    mreg.home = tmp_path / "copy"

    assert mreg.must("resolve", "origin/net:best") == "origin/net:v0\n"
    (tmp_path / "ckpt" / "w").write_bytes(b"better")
    mreg.must("log", str(tmp_path / "ckpt"), "-a", "net")
    assert mreg.must("push", "origin", "net:v1") == "net:v1\n"
    assert mreg.must("--repo", str(team), "ls", "net").count("\n") == 2


def test_a_clone_of_a_clone_has_an_origin_of_its_own(mreg: Any, team: Path, tmp_path: Path) -> None:
    mreg.must("clone", str(team), str(tmp_path / "first"))

    mreg.must("clone", str(tmp_path / "first"), str(tmp_path / "second"))

    assert str(tmp_path / "first") in mreg.must("--repo", str(tmp_path / "second"), "remote", "ls")


def test_a_clone_that_was_killed_at_its_very_end_is_made_again(mreg: Any, team: Path) -> None:
    mreg.must("clone", str(team), "copy")

    again = mreg("clone", str(team), "copy")

    assert (again.code, again.out) == (0, f"{mreg.home}/copy/.mreg\n")
    assert "0 versions fetched" in again.errors


def test_a_clone_never_overwrites_another_repository(mreg: Any, team: Path, tmp_path: Path) -> None:
    mreg.must("init", str(tmp_path / "other"))

    mreg.must("--repo", str(tmp_path / "other"), "artifact", "create", "mine")

    refused = mreg("clone", str(team), str(tmp_path / "other"))

    assert (refused.code, refused.out) == (6, "")
    assert "is already an mreg repository" in refused.errors
    assert "hint: choose another folder; `mreg pull LOCATION --all` fetches into" in refused.errors


def test_a_repository_without_versions_is_cloned_too(mreg: Any, tmp_path: Path) -> None:
    mreg.must("init", str(tmp_path / "team"))

    cloned = mreg("clone", str(tmp_path / "team"), "copy")

    assert (cloned.code, cloned.out) == (0, f"{mreg.home}/copy/.mreg\n")
    assert "team" in mreg.must("-C", "copy", "remote", "ls")


def test_collections_without_a_version_are_cloned_too(mreg: Any, team: Path, tmp_path: Path) -> None:
    # given: an artifact that never had a version and one that lost it, a model without a link and one that lost it
    there = ["--repo", str(team)]
    mreg.must(*there, "artifact", "create", "planned", "--type", "dataset", "--description", "to come")
    mreg.must(*there, "log", str(tmp_path / "ckpt" / "w"), "-a", "gone", "--link", "Left")
    mreg.must(*there, "unlink", "Left:v0")
    mreg.must(*there, "rm", "gone:v0")
    mreg.must(*there, "model", "create", "Reader")
    mreg.must(*there, "tag", "add", "Reader", "digits")
    (tmp_path / "card.md").write_text("# Reads digits\n")
    mreg.must(*there, "card", "Reader", "--file", str(tmp_path / "card.md"))

    # when
    mreg.must("clone", str(team), "copy")

    # then
    mreg.home = mreg.home / "copy"
    names = {"gone", "net", "planned", "Left", "Reader"}
    shown = mreg.must("ls")
    assert all(name in shown for name in names)
    assert "to come" in mreg.must("show", "planned") and "dataset" in mreg.must("show", "planned")
    assert "digits" in mreg.must("show", "Reader") and "# Reads digits" in mreg.must("card", "Reader")
    assert mreg.must("log", str(tmp_path / "ckpt"), "-a", "gone", "--link", "Left") == "gone:v1\n"
    assert mreg.must("resolve", "Left") == "gone:v1\n" and mreg("resolve", "Left:v0").code == 3
    assert mreg("fsck", "--full").code == 0


@pytest.mark.parametrize("folder", ["copy", "there"])
def test_a_clone_that_fails_leaves_nothing(mreg: Any, team: Path, folder: str) -> None:
    (mreg.home / "there").mkdir()
    for file in (team / ".mreg" / "objects").rglob("*"):
        if file.is_file():
            file.unlink()

    failed = mreg("clone", str(team), folder)

    assert (failed.code, failed.out) == (5, "")
    assert (mreg.home / folder).exists() == (folder == "there")
    assert list((mreg.home / "there").iterdir()) == []


def test_a_clone_of_nowhere_is_refused(mreg: Any, team: Path) -> None:
    refused = mreg("-C", str(team), "clone", "")

    assert (refused.code, refused.out) == (2, "")
    assert refused.errors.startswith("error: '' is not a valid location: it is empty\n")
    assert not (team / "team").exists()


@pytest.mark.parametrize("path", ["./nosuch.bundle", "../nosuch/file", "/nosuch/file"])
def test_a_mistyped_path_is_not_taken_apart(mreg: Any, team: Path, path: str) -> None:
    refused = mreg("-C", str(team), "pull", path, "--all")

    assert (refused.code, refused.out) == (3, "")
    assert "nosuch" in refused.errors.partition("\n")[0]
