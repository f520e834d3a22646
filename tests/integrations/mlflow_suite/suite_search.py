"""Searches, as MLflow's own SQL store has them: filters, orders, pages, and prompts beside models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.utils.search_utils import SearchModelUtils, SearchModelVersionUtils

from mreg.integrations.mlflow.store import ModelRegistry
from mreg.repository import Repository

Make = Callable[..., Any]
INVALID = "INVALID_PARAMETER_VALUE"
PROMPT = "mlflow.prompt.is_prompt"


def is_known(search: type, text: str | None) -> bool:
    """Older releases of MLflow know no lists of names."""
    return (
        " IN (" not in (text or "") or "name" not in str(text) or "name" in getattr(search, "LIST_SUPPORTED_KEYS", ())
    )


def known(search: type, cases: list[tuple[str | None, str]]) -> list[tuple[str | None, str]]:
    return [case for case in cases if is_known(search, case[0])]


def filled(folder: Path, models: dict[str, dict[str, str]]) -> Any:
    """A registry with models of these names and tags, for tests that only look."""
    Repository.init(folder / "models").close()
    store = ModelRegistry(f"mreg://{folder}/models")
    for name, tags in models.items():
        store.create_registered_model(name, [RegisteredModelTag(key, value) for key, value in tags.items()])
    return store


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    tags = {"RM1": {"t": "abc", "u": "xyz"}, "RM2": {"t": "abcd", "u": "xyz123", "w": "XYZ"}}
    return filled(tmp_path_factory.mktemp("models"), tags | {name: {} for name in ("RM4", "RM4A", "RM4b", "RM4a x")})


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Any:
    store = filled(tmp_path_factory.mktemp("versions"), {"digits": {}, "other": {}})
    for name, source, run, tags in (
        ("digits", "/A/B", "r1x", {"t": "abc", "u": "xyz"}),
        ("digits", "/A/C", "r2x", {"t": "abc", "u": "x123"}),
        ("digits", "/A/D", "r2x", {}),
        ("digits", "/A/D", "r3x", {}),
        ("other", "/A/D", None, {}),
    ):
        store.create_model_version(name, source, run, [ModelVersionTag(key, value) for key, value in tags.items()])
    return store


@pytest.mark.parametrize(
    ("text", "expected"),
    known(
        SearchModelUtils,
        [
            (None, "RM1 RM2 RM4 RM4A RM4a+x RM4b"),
            ("", "RM1 RM2 RM4 RM4A RM4a+x RM4b"),
            ("name = 'RM1'", "RM1"),
            ("name = 'rm1'", ""),
            ("name != 'RM1'", "RM2 RM4 RM4A RM4a+x RM4b"),
            ("name LIKE 'RM4%'", "RM4 RM4A RM4a+x RM4b"),
            ("name LIKE '%M4A%'", "RM4A"),
            ("name LIKE '_M1'", "RM1"),
            ("name LIKE 'rm%'", ""),
            ("name lIkE 'RM4A%'", "RM4A"),
            ("name ILIKE 'rm4a%'", "RM4A RM4a+x"),
            ("name iLike '%%'", "RM1 RM2 RM4 RM4A RM4a+x RM4b"),
            ("name IN ('RM1', 'RM4')", "RM1 RM4"),
            ("name NOT IN ('RM1', 'RM4')", "RM2 RM4A RM4a+x RM4b"),
            ("tag.w = 'XYZ'", "RM2"),
            ("tags.w = 'XYZ'", "RM2"),
            ("tag.`w` = 'XYz'", ""),
            ("tag.W = 'XYZ'", ""),
            ("tag.t != 'abc'", "RM2"),
            ("tag.t LIKE 'ab%' AND tag.u LIKE 'xy%'", "RM1 RM2"),
            ("tag.t ILIKE 'aB%'", "RM1 RM2"),
            ("tag.t != 'abcd' and tag.t LIKE 'ab%'", "RM1"),
            ("name = 'RM1' and tag.t = 'abc'", "RM1"),
            ("name = 'RM2' and tag.t = 'abc'", ""),
        ],
    ),
)
def test_models_that_a_filter_matches(models: Any, text: str | None, expected: str) -> None:
    found = [one.name for one in models.search_registered_models(text)]

    assert found == [name.replace("+", " ") for name in expected.split()]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name!=something", "either not quoted or unidentified quote types"),
        ("run_id='1'", "Invalid attribute key 'run_id'"),
        ("source_path = 'A/D'", "Invalid attribute key 'source_path'"),
        ("evil = true", r"Invalid clause\(s\) in filter string"),
        ("name LIKE", r"Invalid clause\(s\) in filter string"),
        ("param.x = '1'", "Invalid entity type 'param'"),
        ("name > 'a'", "Invalid comparator for attribute: >"),
        ("tag.t > 'a'", "Invalid comparator for tag: >"),
    ],
)
def test_filters_of_models_that_mlflow_refuses_are_refused(models: Any, refused: Make, text: str, words: str) -> None:
    with refused(INVALID, words):
        models.search_registered_models(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    known(
        SearchModelVersionUtils,
        [
            ("name='digits'", "d1 d2 d3 d4"),
            ("name='absent'", ""),
            ("name IN ('digits', 'other') and version_number = 1", "d1 o1"),
            ("name NOT IN ('digits')", "o1"),
            ("name LIKE 'd%' and name != 'other'", "d1 d2 d3 d4"),
            ("version_number=2", "d2"),
            ("version_number<=3 and version_number > 1", "d2 d3"),
            ("version_number != 1", "d2 d3 d4"),
            ("run_id = 'r1x'", "d1"),
            ("run_id != 'r1x'", "d2 d3 d4"),
            ("run_id IN ('r1x','r2x')", "d1 d2 d3"),
            ("run_id IN ('R1X', 'r2x')", "d2 d3"),
            ("run_id NOT IN ('r2x')", "d1 d4"),
            ("run_id LIKE 'r2%'", "d2 d3"),
            ("run_id ILIKE 'R2%'", "d2 d3"),
            ("source_path = '/A/D'", "d3 d4 o1"),
            ("source_path = '/A'", ""),
            ("source_path LIKE '/A/%' and run_id = 'r3x'", "d4"),
            ("tag.u = 'xyz'", "d1"),
            ("tag.u != 'xy'", "d1 d2"),
            ("tag.u LIKE 'xY%'", ""),
            ("tag.u ILIKE 'xY%'", "d1"),
            ("tag.U = 'xyz'", ""),
            ("tag.absent = 'xyz'", ""),
            ("tag.t = 'abc' and tag.u LIKE 'y%'", ""),
            ("tag.u like 'x%' and tag.u != 'xyz'", "d2"),
        ],
    ),
)
def test_versions_that_a_filter_matches(versions: Any, text: str, expected: str) -> None:
    found = versions.search_model_versions(text, order_by=["name ASC", "version_number ASC"])

    assert [f"{one.name[0]}{one.version}" for one in found] == expected.split()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("run_id IN (1,2,3)", "expected string value, punctuation, or whitespace, but got different type in list"),
        ("run_id IN ()", "expected a non-empty list of string values, but got empty list"),
        ("run_id IN (,)", "but got ill-formed list"),
        ("run_id IN ('a',,'b')", "but got ill-formed list"),
        ("run_id IN (", r"Invalid clause\(s\) in filter string"),
        ("run_id IN", r"Invalid clause\(s\) in filter string"),
        ("version_number = 1.5", "Invalid value for numeric attribute 'version_number'|Expected"),
        ("version_number LIKE '1'", "nvalid|Expected"),
        ("tag.t >= 'a'", "Invalid comparator for tag: >="),
        ("source_path IN ('a')", "nvalid|Only"),
        ("stage = 'x'", "Invalid attribute key 'stage'"),
    ],
)
def test_filters_of_versions_that_mlflow_refuses_are_refused(
    versions: Any, refused: Make, text: str, words: str
) -> None:
    with refused(INVALID, words):
        versions.search_model_versions(text)


@pytest.fixture
def two(model: Make, version: Make) -> None:
    model("digits", team="red")
    model("other")
    version("digits", run_id="r1x", tags={"t": "abc"})
    version("digits")
    version("other")


def test_a_version_that_is_found_is_whole(store: Any, two: None) -> None:
    store.transition_model_version_stage("digits", 1, "Production", False)
    store.update_model_version("digits", 1, "text")
    store.set_registered_model_alias("digits", "best", 1)

    (found,) = store.search_model_versions("run_id = 'r1x'")

    assert dict(found) == dict(store.get_model_version("digits", 1))
    assert (found.current_stage, found.description, found.aliases) == ("Production", "text", ["best"])


def test_a_model_that_is_found_is_whole(store: Any, two: None) -> None:
    store.transition_model_version_stage("digits", 1, "Production", False)
    store.set_registered_model_alias("digits", "best", 1)

    found = {one.name: one for one in store.search_registered_models()}

    for name in ("digits", "other"):
        alone = store.get_registered_model(name)
        assert [dict(one) for one in found[name].latest_versions] == [dict(one) for one in alone.latest_versions]
        assert {**dict(found[name]), "latest_versions": 0} == {**dict(alone), "latest_versions": 0}


def test_a_search_sees_what_others_did_since_the_last_one(store: Any, two: None, repository: Repository) -> None:
    def seen() -> tuple[list[str], list[int], list[int]]:
        found = store.search_registered_models(), store.search_model_versions(order_by=["name"])
        runs = store.search_model_versions("run_id = 'r9x'")
        return named(found[0]), [one.version for one in found[1]], [one.version for one in runs]

    before = seen()

    repository.log({"w": b"1"}, "new", run="r9x")

    assert before == (["digits", "other"], [2, 1, 1], [])
    assert seen() == (["digits", "new", "other"], [2, 1, 0, 1], [0])


# Orders.


def named(found: list[Any]) -> list[str]:
    return [one.name for one in found]


def test_models_are_in_the_order_that_is_asked_for(store: Any, model: Make) -> None:
    for name in ("c", "a", "b"):
        model(name)

    for text, expected in (
        (None, "a b c"),
        ("name DESC", "c b a"),
        ("name   asc", "a b c"),
        ("timestamp", "c a b"),
        ("timestamp\tDESC", "b a c"),
        ("last_updated_timestamp aSC", "c a b"),
    ):
        order = None if text is None else [text]
        assert named(store.search_registered_models(order_by=order)) == expected.split()
    store.update_registered_model("c", "text")
    assert named(store.search_registered_models(order_by=["timestamp DESC", "name"])) == ["c", "b", "a"]


def test_versions_are_in_the_order_that_is_asked_for(store: Any, model: Make, version: Make) -> None:
    for name in ("b", "a"):
        model(name)
    for name in ("b", "a", "b"):
        version(name)

    for order, expected in (
        (None, "b2 a1 b1"),
        (["creation_timestamp DESC"], "b2 a1 b1"),
        (["name DESC"], "b2 b1 a1"),
        (["version_number DESC"], "b2 a1 b1"),
        (["version_number ASC", "name DESC"], "b1 a1 b2"),
        (["last_updated_timestamp ASC"], "b1 a1 b2"),
    ):
        assert [f"{one.name}{one.version}" for one in store.search_model_versions(order_by=order)] == expected.split()
    store.update_model_version("b", 1, "text")
    assert store.search_model_versions()[0].version == 1


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (["name ASC", "creation_timestamp DESC"], "Invalid order by key '.+' specified"),
        (["name ASC", "last_updated_timestamp DESC blah"], "Invalid order_by clause '.+'"),
    ],
)
def test_orders_of_models_that_mlflow_refuses_are_refused(
    store: Any, refused: Make, order: list[str], words: str
) -> None:
    with refused(INVALID, words):
        store.search_registered_models(order_by=order)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (["name ASC", "run_id DESC"], "Invalid attribute key '.+' specified"),
        (["name ASC", "last_updated_timestamp DESC blah"], "Invalid order_by clause '.+'"),
    ],
)
def test_orders_of_versions_that_mlflow_refuses_are_refused(
    store: Any, refused: Make, order: list[str], words: str
) -> None:
    with refused(INVALID, words):
        store.search_model_versions(order_by=order)


def test_a_field_is_in_an_order_once(store: Any, refused: Make) -> None:
    for order in (["timestamp", "last_updated_timestamp"], ["timestamp ASC", "timestamp DESC"]):
        with refused(INVALID, "`order_by` contains duplicate fields"):
            store.search_registered_models(order_by=order)
    with refused(INVALID, "`order_by` contains duplicate fields"):
        store.search_model_versions(order_by=["name", "name DESC"])


# Pages.


def test_pages_make_up_the_whole(store: Any, model: Make) -> None:
    expected = [model(f"RM{number:02}").name for number in range(12)]

    pages, token = [], None
    while not pages or token:
        page = store.search_registered_models("name LIKE 'RM%'", max_results=5, page_token=token)
        pages.append(named(page))
        token = page.token

    assert [len(page) for page in pages] == [5, 5, 2]
    assert [name for page in pages for name in page] == expected
    first = store.search_registered_models(max_results=2)
    assert named(store.search_registered_models(max_results=20, page_token=first.token)) == expected[2:]


def test_a_page_that_holds_all_has_no_token(versions: Any) -> None:
    assert versions.search_model_versions(max_results=5).token is None
    page = versions.search_model_versions(max_results=4)
    assert (len(page), len(versions.search_model_versions(max_results=4, page_token=page.token))) == (4, 1)


def test_pages_that_mlflow_refuses_are_refused(store: Any, refused: Make) -> None:
    for search in (store.search_registered_models, store.search_model_versions):
        with refused(INVALID, "Invalid page token, could not base64-decode"):
            search(page_token="evilhax", max_results=20)
    with refused(INVALID, "Invalid value for request parameter max_results"):
        store.search_registered_models(max_results=1e15)
    with refused(INVALID, "Invalid value for request parameter max_results. It must be at most 1000"):
        store.search_registered_models(max_results=1001)
    with refused(INVALID, r"Invalid value for max_results\."):
        store.search_model_versions(max_results=1e15)
    with refused(INVALID, "It must be at most 200000"):
        store.search_model_versions(max_results=200_001)
    with refused(INVALID, "must be a positive integer"):
        store.search_model_versions(max_results=0)


# Prompts.


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    store = filled(tmp_path_factory.mktemp("prompts"), {"model": {"fruit": "apple"}})
    tag = RegisteredModelTag(PROMPT, "true")
    store.create_model_version("model", "/x", tags=[ModelVersionTag("fruit", "apple")])
    for name, tags in {"p1": [], "p2": [RegisteredModelTag("fruit", "apple")]}.items():
        store.create_registered_model(name, [tag, *tags])
        for fruit in ("apple", "orange")[: int(name[1])]:
            store.create_model_version(
                name, "x", tags=[ModelVersionTag(PROMPT, "true"), ModelVersionTag("fruit", fruit)]
            )
    return store


@pytest.mark.parametrize(
    ("text", "models", "versions"),
    [
        (None, "model", "model1"),
        ("tags.fruit = 'apple'", "model", "model1"),
        ("name = 'p1'", "", ""),
        (f"tags.`{PROMPT}` = 'false'", "model", "model1"),
        (f"tags.`{PROMPT}` != 'true'", "model", "model1"),
        (f"tags.`{PROMPT}` = 'true'", "p1 p2", "p11 p21 p22"),
        (f"name = 'p1' and tags.`{PROMPT}` = 'true'", "p1", "p11"),
        (f"tags.`{PROMPT}` = 'true' and tags.fruit = 'apple'", "p2", "p11 p21"),
    ],
)
def test_prompts_are_found_where_they_are_asked_for(prompts: Any, text: str | None, models: str, versions: str) -> None:
    assert named(prompts.search_registered_models(text)) == models.split()
    found = prompts.search_model_versions(text, order_by=["name", "version_number"])
    assert [f"{one.name}{one.version}" for one in found] == versions.split()


def test_the_versions_of_a_prompt_come_in_pages_the_newest_first(store: Any, model: Make, version: Make) -> None:
    # given
    if mlflow.__version__.startswith("3.7."):  # which has no such search
        return
    prompt = {"mlflow.prompt.is_prompt": "true"}
    for name in ("greeting", "other"):
        model(name, **prompt)
    for number in range(3):
        version("greeting", "dummy", tags={**prompt, "mlflow.prompt.text": f"Hello {number}"})
    version("other", "dummy", tags={**prompt, "mlflow.prompt.text": "Bye"})
    model("digits")

    # when
    first = store.search_prompt_versions("greeting", max_results=2)
    rest = store.search_prompt_versions("greeting", max_results=2, page_token=first.token)

    # then
    assert [(one.name, one.version) for one in (*first, *rest)] == [("greeting", number) for number in (3, 2, 1)]
    assert first.token is not None and rest.token is None
    assert [one.name for one in store.search_prompt_versions("other")] == ["other"]
    for name, words in (("nothing", "not found"), ("digits", "registered as a model, not a prompt")):
        with pytest.raises(MlflowException, match=words):
            store.search_prompt_versions(name)


def test_a_model_and_a_prompt_cannot_have_one_name(prompts: Any, refused: Make) -> None:
    taken, tag = "RESOURCE_ALREADY_EXISTS", [RegisteredModelTag(PROMPT, "true")]
    with refused(taken, r"Registered Model \(name=model\) already exists"):
        prompts.create_registered_model("model")
    with refused(taken, r"Prompt \(name=p1\) already exists"):
        prompts.create_registered_model("p1", tag)
    with refused(taken, "create a prompt with name 'model', but the name is already taken by a registered model"):
        prompts.create_registered_model("model", tag)
    with refused(taken, "create a registered model with name 'p1', but the name is already taken by a prompt"):
        prompts.create_registered_model("p1")


def test_there_are_no_webhooks(store: Any) -> None:
    assert (list(store.list_webhooks()), list(store.list_webhooks_by_event(None))) == ([], [])


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("create_webhook", ("hook", "https://example.org/hook", [])),
        ("get_webhook", ("id",)),
        ("update_webhook", ("id", "name")),
        ("delete_webhook", ("id",)),
        ("test_webhook", ("id",)),
    ],
)
def test_a_webhook_is_refused_with_what_there_is_instead(
    store: Any, refused: Make, method: str, arguments: tuple[Any, ...]
) -> None:
    with refused("NOT_IMPLEMENTED", "no webhooks: what has changed is told by `mreg history --since SEQ --json`"):
        getattr(store, method)(*arguments)


def test_every_method_for_webhooks_is_overridden() -> None:
    asked = [name for name in vars(AbstractStore) if "webhook" in name]

    assert len(asked) >= 7
    assert [name for name in asked if getattr(ModelRegistry, name) is getattr(AbstractStore, name)] == []
