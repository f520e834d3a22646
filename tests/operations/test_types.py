"""Types of registered models: which versions one is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg.operations.collections import TypeDiffers
from mreg.operations.types import OtherType
from mreg.refs.journal import Change, Journal
from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage
from mreg.values.formats import NeedsFormat


@pytest.fixture
def filled(repo: Repository, log: Callable[..., Any]) -> Repository:
    log("mnist", "1")
    log("images", "2", type="dataset")
    return repo


def test_a_registered_model_is_for_models_where_nothing_is_said(filled: Repository) -> None:
    filled.create_model("Digits")

    with pytest.raises(OtherType) as raised:
        filled.link("images:v0", "Digits")

    assert filled.model("Digits").type == "model"
    assert filled.model("Digits").links == ()
    assert str(raised.value) == ("images:v0 is of type 'dataset', and registered model 'Digits' is for type 'model'")
    assert filled.link("mnist:v0", "Digits").created


def test_force_links_a_version_of_another_type(filled: Repository) -> None:
    filled.create_model("Digits")

    assert filled.link("images:v0", "Digits", force=True).created
    assert filled.link("images:v0", "Digits", aliases=["best"]).link.name == "Digits:v0"  # it is linked already
    assert filled.fsck(full=True).findings == ()


def test_a_model_that_is_made_by_a_link_is_for_versions_of_that_type(
    filled: Repository, log: Callable[..., Any]
) -> None:
    filled.link("images:v0", "Pictures")
    log("other", "3", type="dataset", links=["Others"])

    assert (filled.model("Pictures").type, filled.model("Others").type) == ("dataset", "dataset")
    with pytest.raises(OtherType):
        filled.link("mnist:v0", "Pictures")
    assert filled.fsck(full=True).findings == ()


def test_log_refuses_the_link_before_anything_is_read(filled: Repository, content: Any, storage: MemoryStorage) -> None:
    filled.create_model("Digits")
    before = content(storage)

    with pytest.raises(OtherType) as raised:
        filled.log("/no/such/folder", "new", type="dataset", links=["Digits"])

    assert str(raised.value).startswith("a version of 'new' is of type 'dataset'")
    assert content(storage) == before


def test_the_type_stays_when_the_model_is_renamed_tagged_and_described(filled: Repository) -> None:
    filled.create_model("Pictures", type="dataset", description="d", tags=["t"])
    filled.add_tags("Pictures", ["u"])
    filled.describe("Pictures", "e")
    filled.rename_model("Pictures", "Paintings")

    found = filled.model("Paintings")
    assert (found.type, found.tags, found.description) == ("dataset", ("t", "u"), "e")
    assert filled.fsck(full=True).findings == ()


def test_a_model_of_another_type_is_not_taken_for_the_one_asked_for(filled: Repository) -> None:
    filled.create_model("Pictures", type="dataset")

    assert not filled.create_model("Pictures")
    assert not filled.create_model("Pictures", type="dataset")
    with pytest.raises(TypeDiffers) as raised:
        filled.create_model("Pictures", type="model")
    assert str(raised.value) == "registered model 'Pictures' is of type 'dataset', not 'model'"


def test_in_a_repository_of_format_1_models_take_versions_of_any_type(
    tmp_path: Any, folder: Callable[..., str]
) -> None:
    repo = Repository.init_storage(MemoryStorage(), "memory", cache=str(tmp_path / "cache"), format=1)
    repo.log(folder({"w": b"1"}), "images", type="dataset", links=["Pictures"])

    with pytest.raises(NeedsFormat) as raised:
        repo.create_model("Typed", type="dataset")

    assert str(raised.value) == (
        "the type of registered model 'Typed' requires repository format 2; this repository has format 1"
    )
    assert [model.name for model in repo.models()] == ["Pictures"]
    assert repo.model("Pictures").type == "model"
    repo.upgrade()
    repo.create_model("Typed", type="dataset")
    assert repo.fsck(full=True).findings == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('type = "model"\ndescription = ""\ntags = []\n', "its keys are not description and tags"),
        ('type = 1\ndescription = ""\ntags = []\n', "a property has the wrong type"),
        ('type = "x"\ntags = []\n', "its keys are not description and tags"),
    ],
)
def test_fsck_names_a_model_that_cannot_be(filled: Repository, storage: MemoryStorage, text: str, reason: str) -> None:
    journal = Journal(storage, filled.id)
    head = journal.look().head
    change = Change("registered/X/model.toml", None, text)
    forged = journal.entry(head.seq)._replace(
        seq=head.seq + 1, prev=head.digest, id="0" * 32, changes=(change,), packs=(), drops=(), message=None
    )
    assert journal.append(forged)

    found = filled.fsck().findings

    assert ("pointer", "registered/X/model.toml", reason) in {(one.code, one.what, one.reason) for one in found}
