"""Registered models, as MLflow's own SQL store has them."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest
from mlflow.entities.model_registry import RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import _validate_model_name

from mreg.integrations.mlflow.titles import made_of
from mreg.repository import Repository
from mreg.values.names import is_name

Make = Callable[..., Any]
ABSENT = "RESOURCE_DOES_NOT_EXIST"
TAKEN = "RESOURCE_ALREADY_EXISTS"
INVALID = "INVALID_PARAMETER_VALUE"


def test_a_model_is_as_it_was_made(store: Any, model: Make) -> None:
    made = model("digits", "reads digits", team="red", owner="ann")

    found = store.get_registered_model("digits")
    assert dict(found) == dict(made)
    assert (found.name, found.description, found.tags) == ("digits", "reads digits", {"team": "red", "owner": "ann"})
    assert (found.latest_versions, found.aliases) == ([], {})
    assert found.creation_timestamp <= found.last_updated_timestamp


def test_a_model_without_description_has_none(model: Make) -> None:
    assert model().description is None


def test_a_name_is_given_once(store: Any, model: Make, refused: Make) -> None:
    model("digits")

    with refused(TAKEN, r"Registered Model \(name=digits\) already exists"):
        model("digits")

    assert [one.name for one in store.search_registered_models()] == ["digits"]


def is_refused(name: str) -> bool:
    """By this release of MLflow: older ones took more."""
    try:
        _validate_model_name(name)
    except MlflowException:
        return True
    return False


@pytest.mark.parametrize("name", filter(is_refused, [None, "", "  "]))
def test_a_name_must_be_given(model: Make, refused: Make, name: Any) -> None:
    with refused(INVALID, "Missing value for required parameter 'name'"):
        model(name)


@pytest.mark.parametrize("name", filter(is_refused, ["", "a/b", "a:b", "..", "./a"]))
def test_names_that_mlflow_refuses_are_refused(store: Any, model: Make, refused: Make, name: str) -> None:
    with refused(INVALID, "nvalid|Missing"):
        model(name)

    assert store.search_registered_models() == []


def test_the_last_of_equal_tags_counts(store: Any) -> None:
    store.create_registered_model("digits", [RegisteredModelTag("k", "1"), RegisteredModelTag("k", "2")])

    assert store.get_registered_model("digits").tags == {"k": "2"}


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.get_registered_model("absent"),
        lambda store: store.update_registered_model("absent", "text"),
        lambda store: store.rename_registered_model("absent", "other"),
        lambda store: store.delete_registered_model("absent"),
        lambda store: store.get_latest_versions("absent"),
        lambda store: store.set_registered_model_tag("absent", RegisteredModelTag("k", "v")),
        lambda store: store.delete_registered_model_tag("absent", "k"),
        lambda store: store.create_model_version("absent", "/source"),
        lambda store: store.delete_registered_model_alias("absent", "a"),
        lambda store: store.get_model_version_by_alias("absent", "a"),
        lambda store: store.get_model_version_by_alias("absent", "latest"),
    ],
)
def test_a_model_that_is_not_there_is_told(store: Any, refused: Make, call: Any) -> None:
    with refused(ABSENT, "Registered Model with name=absent not found"):
        call(store)


def test_a_description_is_replaced_and_emptied(store: Any, model: Make) -> None:
    model("digits", "first")

    assert store.update_registered_model("digits", "second").description == "second"
    assert store.get_registered_model("digits").description == "second"
    assert store.update_registered_model("digits", None).description is None


def test_a_rename_takes_versions_tags_and_aliases_along(store: Any, model: Make, version: Make, refused: Make) -> None:
    # given
    model("digits", "text", team="red")
    version("digits")
    version("digits", tags={"k": "v"})
    store.set_registered_model_alias("digits", "best", 2)

    # when
    renamed = store.rename_registered_model("digits", "numbers")

    # then
    assert (renamed.name, renamed.description, renamed.tags) == ("numbers", "text", {"team": "red"})
    assert [store.get_model_version("numbers", n).name for n in (1, 2)] == ["numbers", "numbers"]
    assert store.get_model_version_by_alias("numbers", "best").tags == {"k": "v"}
    with refused(ABSENT, "name=digits not found"):
        store.get_registered_model("digits")
    assert model("digits").latest_versions == []


def test_a_rename_to_a_name_in_use_is_refused(store: Any, model: Make, refused: Make) -> None:
    model("digits")
    model("numbers")

    with refused(TAKEN, r"Registered Model \(name=numbers\) already exists"):
        store.rename_registered_model("digits", "numbers")

    assert store.get_registered_model("digits").name == "digits"


@pytest.mark.parametrize("name", [None, ""])
def test_a_rename_to_nothing_is_refused(store: Any, model: Make, refused: Make, name: Any) -> None:
    model("digits")

    with refused(INVALID, "Missing value for required parameter 'new_name'"):
        store.rename_registered_model("digits", name)


def test_a_deleted_model_is_gone_with_all_that_it_had(store: Any, model: Make, version: Make, refused: Make) -> None:
    model("digits", team="red")
    version("digits")
    store.set_registered_model_alias("digits", "best", 1)

    store.delete_registered_model("digits")

    with refused(ABSENT, "name=digits not found"):
        store.get_registered_model("digits")
    with refused(ABSENT, r"Model Version \(name=digits, version=1\) not found"):
        store.get_model_version("digits", 1)
    with refused(ABSENT, "name=digits not found"):
        store.get_model_version_by_alias("digits", "best")
    assert (store.search_registered_models(), store.search_model_versions()) == ([], [])


def test_a_name_that_is_made_again_goes_on_counting(store: Any, model: Make, version: Make) -> None:
    """MLflow would begin at 1 again; in mreg, NAME:vN means one version for ever."""
    model("digits", team="red")
    version("digits")
    store.delete_registered_model("digits")

    again = model("digits")

    assert (again.tags, again.latest_versions) == ({}, [])
    assert version("digits").version == 2


def test_tags_are_set_replaced_and_removed(store: Any, model: Make) -> None:
    model("digits", k="1")
    model("other", k="1")

    store.set_registered_model_tag("digits", RegisteredModelTag("k", "2"))
    store.set_registered_model_tag("digits", RegisteredModelTag("a key/with.all-of_it", "ä 1"))

    assert store.get_registered_model("digits").tags == {"k": "2", "a key/with.all-of_it": "ä 1"}
    store.delete_registered_model_tag("digits", "k")
    store.delete_registered_model_tag("digits", "k")  # which MLflow does not mind
    assert store.get_registered_model("digits").tags == {"a key/with.all-of_it": "ä 1"}
    assert store.get_registered_model("other").tags == {"k": "1"}


def test_tags_that_mlflow_refuses_are_refused(store: Any, model: Make, refused: Make) -> None:
    model("digits")

    with refused(INVALID, r"'value' exceeds the maximum length of \d+ characters"):
        store.set_registered_model_tag("digits", RegisteredModelTag("k", "x" * 100_001))
    with refused(INVALID, "Missing value for required parameter 'key'"):
        store.set_registered_model_tag("digits", RegisteredModelTag(None, ""))
    with refused(INVALID, "Missing value for required parameter 'key'"):
        store.delete_registered_model_tag("digits", None)
    with refused(INVALID, "Missing value for required parameter 'name'"):
        store.set_registered_model_tag(None, RegisteredModelTag("k", "v"))
    with refused(INVALID, "Missing value for required parameter 'name'"):
        store.delete_registered_model_tag(None, "k")
    store.set_registered_model_tag("digits", RegisteredModelTag("k", "x" * 100_000))
    assert len(store.get_registered_model("digits").tags["k"]) == 100_000


@pytest.mark.parametrize(
    "title", ["Fraud Detector!", "Digits", "con", "-x", "ends.", "模型 1", "x" * 200, "e\N{COMBINING ACUTE ACCENT}"]
)
def test_names_that_mreg_does_not_take_have_titles(
    store: Any, repository: Repository, model: Make, version: Make, title: str
) -> None:
    # given
    model("digits")

    # when
    model(title, "text", k="v")
    version(title)
    store.set_registered_model_alias(title, "best", 1)

    # then
    found = store.get_registered_model(title)
    assert (found.name, found.description, found.tags, found.aliases) == (title, "text", {"k": "v"}, {"best": 1})
    assert store.get_model_version_by_alias(title, "best").name == title
    assert [one.name for one in store.search_model_versions(f"name = '{title}'")] == [title]
    assert {one.name for one in store.search_registered_models()} == {"digits", title}
    (name,) = [one.name for one in repository.artifacts() if one.name != "digits"]
    assert repository.properties(name)["mreg.title"] == title
    assert repository.resolve(f"{name}:best").number == 1


def test_the_name_that_a_title_has_got_can_be_a_model_of_its_own(
    store: Any, repository: Repository, model: Make, version: Make, refused: Make
) -> None:
    # given
    model("Fraud Detector", "the first", k="v")
    version("Fraud Detector")
    (name,) = [one.name for one in repository.artifacts()]

    # when
    model(name, "the second")
    store.create_registered_model("third")
    store.rename_registered_model("third", made_of(name))

    # then
    first, second = store.get_registered_model("Fraud Detector"), store.get_registered_model(name)
    assert (first.description, first.tags, len(first.latest_versions)) == ("the first", {"k": "v"}, 1)
    assert (second.name, second.description, second.tags, second.latest_versions) == (name, "the second", {}, [])
    assert store.get_registered_model(made_of(name)).name == made_of(name)
    for title in ("Fraud Detector", name, made_of(name)):
        with refused(TAKEN, "already exists"):
            model(title)
    assert {one.name for one in store.search_registered_models()} == {"Fraud Detector", name, made_of(name)}


def test_a_rename_to_the_name_of_a_title_is_one_of_its_own(store: Any, repository: Repository, model: Make) -> None:
    model("Fraud Detector")
    model("plain")
    (name,) = [one.name for one in repository.artifacts() if one.name != "plain"]

    store.rename_registered_model("plain", name)

    assert {one.name for one in store.search_registered_models()} == {"Fraud Detector", name}


@pytest.mark.parametrize(
    ("title", "begun"),
    [
        ("Détecteur de fraude", "Détecteur-de-fraude-"),
        ("Détecteur!", "Détecteur-"),
        ("e\N{COMBINING ACUTE ACCENT}t\N{COMBINING ACUTE ACCENT} 1", "ét\N{COMBINING ACUTE ACCENT}-1-"),
        ("模型 1", "模型-1-"),
        ("!\N{COMBINING ACUTE ACCENT}x", "x-"),
        ("😀", "model-"),
        ("模" * 200, "模" * 60 + "-"),
        ("x" * 256, "x" * 100 + "-"),
    ],
)
def test_a_name_that_is_made_of_a_title_keeps_its_letters(title: str, begun: str) -> None:
    name = made_of(title)

    assert is_name(name)
    assert name[:-8] == begun


def test_a_name_can_be_made_of_any_title() -> None:
    for code in [*range(0x3000), *range(0x3000, sys.maxunicode + 1, 97)]:
        assert is_name(made_of(f"{chr(code)} {chr(code)}a{chr(code)}")), hex(code)


def test_a_title_is_no_longer_said_where_the_name_will_do(store: Any, repository: Repository, model: Make) -> None:
    model("Fraud Detector!")

    store.rename_registered_model("Fraud Detector!", "fraud")
    assert [one.name for one in repository.artifacts()] == ["fraud"]
    assert "mreg.title" not in repository.properties("fraud")
    store.rename_registered_model("fraud", "Fraud?")

    assert store.get_registered_model("Fraud?").name == "Fraud?"


def test_the_store_can_be_pickled(store: Any, model: Make) -> None:
    model("digits")

    again = pickle.loads(pickle.dumps(store))

    assert again.get_registered_model("digits").name == "digits"
