"""Renaming keeps numbers, contents, aliases and links, and takes no name that means something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg.operations.collections import NameTaken
from mreg.operations.resolve import DeletedElsewhere, DeletedVersion, RenamedVersion, UnknownArtifact, UnknownName
from mreg.repository import Repository
from mreg.values.errors import InvalidInput


def text_of(repo: Repository, reference: str) -> str:
    return b"".join(repo.read(reference, "weights")).decode()


def test_a_renamed_artifact_keeps_numbers_contents_annotations_aliases_and_links(
    repo: Repository, log: Callable[..., Any]
) -> None:
    for text in "012":
        log("mnist", text)
    repo.set_alias("best", "mnist:v0")
    repo.link("mnist:v2", "Digits", aliases=["champion"])
    repo.annotate("mnist:v0", message="noted")
    repo.remove("mnist:v1")

    repo.rename_artifact("mnist", "numbers")

    with pytest.raises(UnknownName):
        repo.resolve("mnist:v0")
    assert (text_of(repo, "numbers:best"), repo.version("numbers:v0").message) == ("0", "noted")
    assert text_of(repo, "Digits:champion") == "2"
    assert repo.resolve("Digits:v0").name == "numbers:v2"
    with pytest.raises(DeletedVersion):
        repo.resolve("numbers:v1")
    assert log("numbers", "3").version.name == "numbers:v3"
    assert repo.fsck(full=True).findings == ()


@pytest.mark.parametrize(("new", "model"), [("numbers", "Numerals"), ("mnist", "Digits")])
def test_a_rename_sets_and_removes_properties_in_the_same_change(
    repo: Repository, log: Callable[..., Any], new: str, model: str
) -> None:
    log("mnist", "0", links=["Digits"])
    for name in ("mnist", "Digits"):
        repo.set_properties(name, {"a": 1, "b": 2})
    head = repo.history()[-1].seq

    repo.rename_artifact("mnist", new, properties={"b": None, "c": [3], "absent": None})
    repo.rename_model("Digits", model, properties={"a": "x"})

    first, second = repo.history(since=head)
    assert repo.properties(new) == {"a": 1, "c": [3]}
    assert repo.properties(model) == {"a": "x", "b": 2}
    repo.undo(second.seq)
    repo.undo(first.seq)
    assert repo.properties("mnist") == repo.properties("Digits") == {"a": 1, "b": 2}


def test_a_rename_with_a_property_that_cannot_be_changes_nothing(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0")

    with pytest.raises(InvalidInput):
        repo.rename_artifact("mnist", "numbers", properties={"a": object()})

    assert [one.name for one in repo.artifacts()] == ["mnist"]


def test_a_rename_can_be_taken_back_and_made_again(repo: Repository, log: Callable[..., Any]) -> None:
    for text in "01":
        log("mnist", text, aliases=["best"], links=["Digits"])
    repo.remove("mnist:v0", force=True)

    for old, new in [("mnist", "numbers"), ("numbers", "mnist"), ("mnist", "numbers"), ("numbers", "mnist")]:
        repo.rename_artifact(old, new)

        assert text_of(repo, f"{new}:best") == "1"
        assert repo.resolve("Digits:v1").name == f"{new}:v1"
        with pytest.raises(DeletedVersion):
            repo.resolve(f"{new}:v0")
        assert repo.fsck().findings == ()
    assert log("mnist", "2").version.name == "mnist:v2"


def test_a_version_of_a_name_given_anew_says_where_it_went(repo: Repository, log: Callable[..., Any]) -> None:
    # given
    log("old", "0")
    log("old", "1")
    repo.link("old:v0", "Zoo")
    repo.remove("old:v1")
    repo.rename_artifact("old", "new")
    repo.rename_artifact("new", "newest")
    repo.rename_model("Zoo", "Park")
    log("old", "2", links=["Zoo"])

    # when
    with pytest.raises(RenamedVersion) as version:
        repo.resolve("old:v0")
    with pytest.raises(RenamedVersion) as link:
        repo.resolve("Zoo:v0")
    with pytest.raises(DeletedVersion) as deleted:
        repo.resolve("old:v1")

    # then
    assert str(version.value) == "version v0 of 'old' was renamed: it is newest:v0 now"
    assert link.value.now == "Park:v0"
    assert type(deleted.value) is DeletedVersion


def test_a_version_that_was_deleted_under_another_name_says_which(repo: Repository, log: Callable[..., Any]) -> None:
    # given
    log("old", "0")
    repo.link("old:v0", "Zoo")
    repo.rename_artifact("old", "new")
    repo.rename_model("Zoo", "Park")
    log("old", "2", links=["Zoo"])
    repo.remove("new:v0", force=True)

    # when
    with pytest.raises(DeletedElsewhere) as version:
        repo.resolve("old:v0")
    with pytest.raises(DeletedElsewhere) as link:
        repo.resolve("Zoo:v0")

    # then
    assert str(version.value) == "version v0 of 'old' was renamed to new:v0, and that was deleted"
    assert (version.value.last, link.value.last, link.value.now) == ("new", "Park", "Park:v0")


def test_an_old_name_leads_to_the_new_one(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0", links=["Digits"])
    log("mnisty", "1")
    repo.rename_artifact("mnist", "handwriting")
    repo.rename_model("Digits", "Recognition")

    with pytest.raises(UnknownName) as name:
        repo.resolve("mnist:v0")
    with pytest.raises(UnknownArtifact) as artifact:
        repo.artifact("mnist")
    with pytest.raises(UnknownName) as model:
        repo.resolve("Digits")

    assert (name.value.near, artifact.value.near) == (["handwriting"], ["handwriting"])
    assert model.value.near == ["Recognition"]


def test_a_rename_is_taken_back_after_new_versions_came(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0")
    repo.rename_artifact("mnist", "numbers")
    log("numbers", "1")

    repo.rename_artifact("numbers", "mnist")

    assert [text_of(repo, f"mnist:v{n}") for n in (0, 1)] == ["0", "1"]
    assert repo.fsck().findings == ()


def test_a_name_that_had_other_versions_is_not_given_by_a_rename(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0")
    log("letters", "a")
    repo.remove_artifact("letters", force=True)
    before = repo.history()

    with pytest.raises(NameTaken, match="history of a deleted artifact"):
        repo.rename_artifact("mnist", "letters")

    assert repo.history() == before
    assert text_of(repo, "mnist:v0") == "0"


def test_a_name_that_was_deleted_empty_can_be_given_by_a_rename(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0")
    repo.create_artifact("empty")
    repo.remove_artifact("empty")

    repo.rename_artifact("mnist", "empty")

    assert text_of(repo, "empty:v0") == "0"


@pytest.mark.parametrize("new", ["letters", "Digits", "MNIST", "Letters", "DIGITS"])
def test_a_rename_to_a_taken_name_is_refused(repo: Repository, log: Callable[..., Any], new: str) -> None:
    log("mnist", "0", links=["Digits"])
    log("letters", "a")
    before = repo.history()

    with pytest.raises(NameTaken):
        repo.rename_artifact("mnist", new)
    with pytest.raises(NameTaken):
        repo.rename_model("Digits", "letters")

    assert repo.history() == before


def test_renaming_what_is_not_there_is_refused(repo: Repository) -> None:
    with pytest.raises(UnknownArtifact):
        repo.rename_artifact("mnist", "numbers")

    assert repo.history() == []


def test_a_rename_to_the_same_name_changes_nothing(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0", links=["Digits"])
    before = repo.history()

    repo.rename_artifact("mnist", "mnist")
    repo.rename_model("Digits", "Digits")

    assert repo.history() == before


def test_a_renamed_model_keeps_links_numbers_aliases_card_and_tags(repo: Repository, log: Callable[..., Any]) -> None:
    for text in "012":
        log("mnist", text, links=["Digits"])
    repo.set_alias("champion", "Digits:v2")
    repo.set_card("Digits", "# Digits")
    repo.add_tags("Digits", ["vision"])
    repo.unlink("Digits:v1")

    for old, new in [("Digits", "Numbers"), ("Numbers", "Digits"), ("Digits", "Numbers")]:
        repo.rename_model(old, new)

        model = repo.model(new)
        assert [link.name for link in model.links] == [f"{new}:v0", f"{new}:v2"]
        assert (model.aliases, model.card, model.tags) == ({"champion": "v2"}, "# Digits", ("vision",))
        assert repo.kind(old) is None
        assert repo.fsck().findings == ()
    assert repo.link("mnist:v1", "Numbers").link.number == 3


def test_a_model_is_not_renamed_to_one_that_had_other_links(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0", links=["Digits"])
    log("mnist", "1", links=["Letters"])
    repo.remove_model("Letters", force=True)
    before = repo.history()

    with pytest.raises(NameTaken):
        repo.rename_model("Digits", "Letters")

    assert repo.history() == before
