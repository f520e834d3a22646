"""What an alias or a link holds is not deleted, unless by force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg.operations.collections import Held, NotEmpty
from mreg.repository import Repository
from mreg.values.names import InvalidReference


def text_of(repo: Repository, reference: str) -> str:
    return b"".join(repo.read(reference, "weights")).decode()


def test_a_version_that_an_alias_or_a_link_holds_is_not_deleted(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0", aliases=["best"], links=["Digits"])
    before = repo.history()

    with pytest.raises(Held, match=r"alias 'mnist:best', link 'Digits:v0'"):
        repo.remove("mnist:v0")
    with pytest.raises(Held):
        repo.remove_artifact("mnist")

    assert repo.history() == before
    assert text_of(repo, "Digits:v0") == "0"


def test_deleting_by_force_takes_aliases_and_links_and_the_aliases_of_the_links(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("mnist", "0", aliases=["best"])
    log("mnist", "1", aliases=["newest"])
    repo.link("mnist:v0", "Digits", aliases=["champion"])
    repo.link("mnist:v1", "Digits", aliases=["challenger"])

    repo.remove("mnist:v0", force=True)

    assert [(one.name, one.alias) for one in repo.aliases()] == [("Digits", "challenger"), ("mnist", "newest")]
    assert [link.name for link in repo.model("Digits").links] == ["Digits:v1"]
    assert repo.fsck(full=True).findings == ()


def test_rm_of_a_link_does_not_delete_the_version(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0", links=["Digits"])

    with pytest.raises(InvalidReference, match="unlink"):
        repo.remove("Digits:v0", force=True)

    assert repo.resolve("Digits:v0").name == "mnist:v0"


def test_an_artifact_with_versions_and_a_model_with_links_are_not_deleted_without_force(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("mnist", "0")
    repo.link("mnist:v0", "Digits")
    repo.unlink("Digits:v0")
    log("letters", "1", links=["Glyphs"])

    with pytest.raises(NotEmpty, match="1 version"):
        repo.remove_artifact("mnist")
    with pytest.raises(NotEmpty, match="1 link"):
        repo.remove_model("Glyphs")

    assert repo.kind("mnist") == "artifact"
    assert repo.resolve("Glyphs:v0").name == "letters:v0"
