"""The three verbs of W&B, on a repository that is given or the one that the command line would find."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import mreg
from mreg.repository import Repository


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The repository that is found from the working folder."""
    repository = Repository.init(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return repository


def test_the_verbs_work_on_the_repository_that_is_found(found: Repository, folder: Callable[..., str]) -> None:
    version = mreg.log_model(folder({"weights": b"1"}), "mnist", aliases=["best"], metadata={"acc": 0.9})
    link = mreg.link_model("mnist:best", "digits", aliases=["production"])
    path = mreg.use_model("digits:production", run="train-7")

    assert (version.name, version.metadata) == ("mnist:v0", {"acc": 0.9})
    assert (link.name, link.version) == ("digits:v0", "mnist:v0")
    assert Path(path, "weights").read_bytes() == b"1"
    assert found.resolve("digits:production").name == "mnist:v0"


def test_a_repository_that_is_given_is_used_and_stays_open(
    found: Repository, repo: Repository, folder: Callable[..., str]
) -> None:
    mreg.log_model(folder({"weights": b"1"}), "mnist", repository=repo)

    assert Path(mreg.use_model("mnist", repository=repo), "weights").read_bytes() == b"1"
    assert mreg.link_model("mnist", "digits", repository=repo).name == "digits:v0"
    assert repo.resolve("digits").name == "mnist:v0"
    assert found.artifacts() == []
