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


def test_a_clone_never_overwrites_another_repository(mreg: Any, team: Path, tmp_path: Path) -> None:
    mreg.must("init", str(tmp_path / "other"))

    mreg.must("--repo", str(tmp_path / "other"), "artifact", "create", "mine")

    refused = mreg("clone", str(team), str(tmp_path / "other"))

    assert (refused.code, refused.out) == (6, "")
    assert "is an mreg repository already" in refused.errors


def test_a_repository_without_versions_is_cloned_too(mreg: Any, tmp_path: Path) -> None:
    mreg.must("init", str(tmp_path / "team"))

    cloned = mreg("clone", str(tmp_path / "team"), "copy")

    assert (cloned.code, cloned.out) == (0, f"{mreg.home}/copy/.mreg\n")
    assert "team" in mreg.must("-C", "copy", "remote", "ls")


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
