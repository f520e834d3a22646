"""Versions, stages, tags and aliases, as MLflow's own SQL store has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag

from mreg.repository import Repository

Make = Callable[..., Any]
ABSENT = "RESOURCE_DOES_NOT_EXIST"
INVALID = "INVALID_PARAMETER_VALUE"


def stages(found: list[Any]) -> dict[str, int]:
    return {one.current_stage: one.version for one in found}


def test_a_version_is_as_it_was_made(store: Any, model: Make, version: Make, folder: Path) -> None:
    model()

    made = version(run_id="ab" * 16, tags={"k": "v"}, run_link="http://run", description="first")

    found = store.get_model_version("digits", 1)
    assert dict(found) == dict(made)
    assert (found.name, found.version, found.current_stage, found.status) == ("digits", 1, "None", "READY")
    assert (found.source, found.run_id, found.run_link) == (str(folder), "ab" * 16, "http://run")
    assert (found.description, found.tags, found.aliases, found.status_message) == ("first", {"k": "v"}, [], None)
    assert found.creation_timestamp <= found.last_updated_timestamp


def test_what_is_not_said_of_a_version_is_none(store: Any, model: Make, version: Make) -> None:
    model()

    found = version()

    assert (found.run_id, found.run_link, found.description, found.tags) == (None, None, None, {})


def test_versions_are_numbered_from_1_for_each_model(model: Make, version: Make) -> None:
    model("digits")
    model("other")

    numbers = [version(name).version for name in ("digits", "digits", "other", "digits", "other")]

    assert numbers == [1, 2, 1, 3, 2]


def test_the_same_model_registered_again_is_another_version(model: Make, version: Make, repository: Repository) -> None:
    model()

    assert [version().version, version().version] == [1, 2]
    first, second = repository.versions("digits")
    assert first.manifest == second.manifest


@pytest.mark.parametrize("run_id", ["12345", "dummy source", "a/b", "run:1"])
def test_a_run_id_of_any_form_is_kept(store: Any, model: Make, version: Make, run_id: str) -> None:
    model()
    version(run_id=run_id)

    assert store.get_model_version("digits", 1).run_id == run_id
    assert [one.version for one in store.search_model_versions(f"run_id = '{run_id}'")] == [1]


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.get_model_version("digits", 2),
        lambda store: store.update_model_version("digits", 2, "text"),
        lambda store: store.delete_model_version("digits", 2),
        lambda store: store.get_model_version_download_uri("digits", 2),
        lambda store: store.transition_model_version_stage("digits", 2, "Staging", False),
        lambda store: store.set_model_version_tag("digits", 2, ModelVersionTag("k", "v")),
        lambda store: store.delete_model_version_tag("digits", 2, "k"),
        lambda store: store.set_registered_model_alias("digits", "a", 2),
    ],
)
def test_a_version_that_is_not_there_is_told(store: Any, model: Make, version: Make, refused: Make, call: Any) -> None:
    model()
    version()
    version()
    store.delete_model_version("digits", 2)

    with refused(ABSENT, r"Model Version \(name=digits, version=2\) not found"):
        call(store)


def test_a_version_is_a_whole_number(store: Any, model: Make, refused: Make) -> None:
    model()

    with refused(INVALID, "must be an integer"):
        store.set_model_version_tag("digits", "none", ModelVersionTag("k", "v"))
    with refused(INVALID, "must be an integer"):
        store.delete_model_version_tag("digits", "none", "k")
    with refused(INVALID, "must be an integer"):
        store.get_model_version("digits", "none")


def test_versions_may_be_given_as_texts(store: Any, model: Make, version: Make) -> None:
    model()
    version()

    store.set_registered_model_alias("digits", "best", "1")

    assert store.get_model_version("digits", "1").aliases == ["best"]


def test_a_description_is_replaced_and_emptied(store: Any, model: Make, version: Make) -> None:
    model()
    version(description="first")

    assert store.update_model_version("digits", 1, "second").description == "second"
    assert store.get_model_version("digits", 1).description == "second"
    assert store.update_model_version("digits", 1).description is None


def test_a_number_is_not_given_again(store: Any, model: Make, version: Make) -> None:
    model()
    version()
    version()

    store.delete_model_version("digits", 2)

    assert version().version == 3
    assert [one.version for one in store.search_model_versions(order_by=["version_number ASC"])] == [1, 3]


def test_tags_are_set_replaced_and_removed(store: Any, model: Make, version: Make) -> None:
    model()
    version(tags={"k": "1", "other": "x"})
    version(tags={"k": "1"})

    store.set_model_version_tag("digits", 1, ModelVersionTag("k", "2"))
    store.set_model_version_tag("digits", 1, ModelVersionTag("new.key", ""))

    assert store.get_model_version("digits", 1).tags == {"k": "2", "other": "x", "new.key": ""}
    store.delete_model_version_tag("digits", 1, "k")
    store.delete_model_version_tag("digits", 1, "k")
    assert store.get_model_version("digits", 1).tags == {"other": "x", "new.key": ""}
    assert store.get_model_version("digits", 2).tags == {"k": "1"}


def test_tags_that_mlflow_refuses_are_refused(store: Any, model: Make, version: Make, refused: Make) -> None:
    model()
    version()

    with refused(INVALID, r"'value' exceeds the maximum length of \d+ characters"):
        store.set_model_version_tag("digits", 1, ModelVersionTag("k", "x" * 100_001))
    with refused(INVALID, "Missing value for required parameter 'key'"):
        store.set_model_version_tag("digits", 1, ModelVersionTag(None, ""))
    with refused(INVALID, "Missing value for required parameter 'key'"):
        store.delete_model_version_tag("digits", 1, None)
    with refused(INVALID, "Missing value for required parameter 'name'"):
        store.set_model_version_tag(None, 1, ModelVersionTag("k", "v"))
    with refused(INVALID, r"'value' exceeds the maximum length of \d+ characters"):
        version(tags={"k": "x" * 100_001})
    assert len(store.search_model_versions()) == 1


# Stages.


@pytest.mark.parametrize("stage", ["Staging", "STAGING", "sTaGiNg"])
def test_stages_are_understood_in_any_case(store: Any, model: Make, version: Make, stage: str) -> None:
    model()
    version()

    assert store.transition_model_version_stage("digits", 1, stage, False).current_stage == "Staging"
    assert store.get_model_version("digits", 1).current_stage == "Staging"


def test_a_stage_goes_back_to_none(store: Any, model: Make, version: Make) -> None:
    model()
    version()
    store.transition_model_version_stage("digits", 1, "Production", False)

    store.transition_model_version_stage("digits", 1, "None", False)
    store.transition_model_version_stage("digits", 1, "None", False)

    assert store.get_model_version("digits", 1).current_stage == "None"


def test_unknown_stages_are_refused(store: Any, model: Make, version: Make, refused: Make) -> None:
    model()
    version()

    with refused(
        INVALID, "Invalid Model Version stage: live. Value must be one of None, Staging, Production, Archived"
    ):
        store.transition_model_version_stage("digits", 1, "live", False)
    with refused(INVALID, "Invalid Model Version stage: live"):
        store.get_latest_versions("digits", ["live"])


def test_a_transition_leaves_the_others_or_archives_them(store: Any, model: Make, version: Make) -> None:
    model()
    for number, stage in enumerate(["Production", "Staging", "Production", "None"], 1):
        version()
        store.transition_model_version_stage("digits", number, stage, False)

    moved = store.transition_model_version_stage("digits", 4, "production", True)

    found = [store.get_model_version("digits", number) for number in (1, 2, 3, 4)]
    assert [one.current_stage for one in found] == ["Archived", "Staging", "Archived", "Production"]
    assert moved.current_stage == "Production"


@pytest.mark.parametrize("stage", ["Archived", "None"])
def test_others_are_archived_for_active_stages_only(
    store: Any, model: Make, version: Make, refused: Make, stage: str
) -> None:
    model()
    version()

    with refused("INTERNAL_ERROR", "cannot archive existing model versions because .+ is not an Active stage"):
        store.transition_model_version_stage("digits", 1, stage, True)


def test_latest_versions_are_those_of_each_stage(store: Any, model: Make, version: Make) -> None:
    model()
    for number, stage in enumerate(["None", "Production", "Production", "Staging"], 1):
        version()
        store.transition_model_version_stage("digits", number, stage, False)

    assert stages(store.get_registered_model("digits").latest_versions) == {"None": 1, "Production": 3, "Staging": 4}
    for wanted in (None, []):
        assert stages(store.get_latest_versions("digits", wanted)) == {"None": 1, "Production": 3, "Staging": 4}
    assert stages(store.get_latest_versions("digits", ["pROduction"])) == {"Production": 3}
    assert stages(store.get_latest_versions("digits", ["None", "Archived"])) == {"None": 1}
    store.delete_model_version("digits", 3)
    assert stages(store.get_registered_model("digits").latest_versions) == {"None": 1, "Production": 2, "Staging": 4}


# Aliases.


def test_an_alias_is_known_of_the_model_and_of_the_version(store: Any, model: Make, version: Make) -> None:
    model()
    version()
    version()

    store.set_registered_model_alias("digits", "best", 2)

    assert store.get_registered_model("digits").aliases == {"best": 2}
    assert [store.get_model_version("digits", number).aliases for number in (1, 2)] == [[], ["best"]]
    assert [one.aliases for one in store.get_latest_versions("digits")] == [["best"]]
    found = store.get_model_version_by_alias("digits", "best")
    assert (found.version, found.aliases) == (2, ["best"])


def test_an_alias_moves_and_goes(store: Any, model: Make, version: Make, refused: Make) -> None:
    model()
    version()
    version()
    store.set_registered_model_alias("digits", "best", 2)

    store.set_registered_model_alias("digits", "best", 1)
    assert store.get_model_version_by_alias("digits", "best").version == 1
    store.delete_registered_model_alias("digits", "best")
    store.delete_registered_model_alias("digits", "best")

    assert store.get_registered_model("digits").aliases == {}
    with refused(INVALID, "Registered model alias best not found"):
        store.get_model_version_by_alias("digits", "best")


def test_an_alias_goes_with_its_version(store: Any, model: Make, version: Make, refused: Make) -> None:
    model()
    version()
    store.set_registered_model_alias("digits", "best", 1)

    store.delete_model_version("digits", 1)

    assert store.get_registered_model("digits").aliases == {}
    with refused(INVALID, "Registered model alias best not found"):
        store.get_model_version_by_alias("digits", "best")


def test_latest_is_the_highest_version_of_all_stages(store: Any, model: Make, version: Make, refused: Make) -> None:
    model()
    with refused(ABSENT, "Latest version not found for model digits"):
        store.get_model_version_by_alias("digits", "latest")
    version()
    version()
    store.transition_model_version_stage("digits", 1, "Production", False)

    assert store.get_model_version_by_alias("digits", "Latest").version == 2


@pytest.mark.parametrize("alias", ["", "a b", "a.b", "latest", "LATEST", "v1", "V12"])
def test_aliases_that_mlflow_refuses_are_refused(
    store: Any, model: Make, version: Make, refused: Make, alias: str
) -> None:
    model()
    version()

    with refused(INVALID, "lias"):
        store.set_registered_model_alias("digits", alias, 1)


@pytest.mark.parametrize("alias", ["Best", "con"])
def test_aliases_that_mreg_refuses_are_refused_with_its_reason(
    store: Any, model: Make, version: Make, alias: str
) -> None:
    """MLflow's database would take them."""
    from mlflow.exceptions import MlflowException

    model()
    version()
    store.set_registered_model_alias("digits", "best", 1)

    with pytest.raises(MlflowException, match=r"^mreg: "):
        store.set_registered_model_alias("digits", alias, 1)

    assert store.get_registered_model("digits").aliases == {"best": 1}


# Copies.


@pytest.mark.parametrize("name", ["digits", "copies", "Copies of it!"])
def test_a_copy_has_what_the_original_has_but_its_stage(
    store: Any, repository: Repository, model: Make, version: Make, name: str
) -> None:
    # given
    model()
    version(tags={"k": "v"}, run_id="12ab", run_link="http://run", description="first")
    store.transition_model_version_stage("digits", 1, "Production", False)

    # when
    copy = store.copy_model_version(store.get_model_version("digits", 1), name)

    # then
    assert (copy.name, copy.version) == (name, 2 if name == "digits" else 1)
    assert (copy.source, copy.current_stage, copy.status) == ("models:/digits/1", "None", "READY")
    assert (copy.tags, copy.run_id, copy.run_link) == ({"k": "v"}, "12ab", "http://run")
    assert copy.description == "first"
    made = repository.version(store.get_model_version_download_uri(copy.name, copy.version).rpartition("/")[2])
    assert made.manifest == repository.version("digits:v1").manifest
    assert [one.reference for one in made.inputs] == ["digits:v1"]


def test_a_copy_of_a_copy_names_the_copy(store: Any, model: Make, version: Make) -> None:
    model()
    first = store.copy_model_version(version(), "second")

    assert store.copy_model_version(first, "third").source == "models:/second/1"


def test_a_copy_of_nothing_is_refused(store: Any, model: Make, version: Make) -> None:
    from mlflow.exceptions import MlflowException

    model()
    gone = version()
    store.delete_model_version("digits", 1)

    with pytest.raises(MlflowException, match="Failed to create model version copy"):
        store.copy_model_version(gone, "copy")
    with pytest.raises(MlflowException, match="Unable to fetch model from model URI source artifact location"):
        store.create_model_version("digits", "models:/absent/1")

    assert store.search_model_versions() == []
