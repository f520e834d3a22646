"""MLflow's filters, orders and pages over what the repository has. The words of errors are those of its SQL store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry import (
    SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT,
    SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD,
    SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT,
    SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD,
)
from mlflow.utils.search_utils import SearchModelUtils, SearchModelVersionUtils, SearchUtils

from mreg.values.named_tuple import NamedTuple

_E = TypeVar("_E")

_TEXT: Final = ("=", "!=", "LIKE", "ILIKE")
_LISTS: Final = ("IN", "NOT IN")
_NUMBER: Final = ("=", "!=", "<", "<=", ">", ">=")
_VERSION_DEFAULT: Final = ["last_updated_timestamp DESC", "name ASC", "version_number DESC"]
_FIELDS: Final = {"version_number": "number", "creation_timestamp": "created", "last_updated_timestamp": "updated"}


class Row(NamedTuple):
    """What is looked at of a model or a version. found: what the entity is made of, should it be asked for."""

    name: str
    number: int
    created: int
    updated: int
    run_id: str | None
    source_path: str | None
    tags: Mapping[str, str]
    is_prompt: bool
    found: Any


class Clause(NamedTuple):
    """One test. tag: whether `key` is the key of a tag, else of a field of the row."""

    tag: bool
    key: str
    comparator: str
    value: Any

    def matches(self, row: Row) -> bool:
        """As in SQL, nothing is true of what is not there."""
        has = row.tags.get(self.key) if self.tag else getattr(row, _FIELDS.get(self.key, self.key))
        return has is not None and bool(SearchUtils.get_comparison_func(self.comparator)(has, self.value))


class Filter(NamedTuple):
    """All of these tests, and either prompts or what is none."""

    clauses: tuple[Clause, ...]
    prompts: bool

    def matches(self, row: Row) -> bool:
        return row.is_prompt == self.prompts and all(clause.matches(row) for clause in self.clauses)

    @property
    def names(self) -> set[str] | None:
        """The models that can match, None where any can."""
        found = [clause for clause in self.clauses if not clause.tag and clause.key == "name"]
        sets = [{clause.value} if clause.comparator == "=" else set(clause.value) for clause in found if _names(clause)]
        return set.intersection(*sets) if sets else None


def _names(clause: Clause) -> bool:
    return clause.comparator in ("=", "IN")


def model_filter(text: str | None) -> Filter:
    """The filter of a search for models. Raises MlflowException."""
    return _filter(SearchModelUtils.parse_search_filter(text), SearchModelUtils, lists=("name",))


def version_filter(text: str | None) -> Filter:
    """The filter of a search for versions. Raises MlflowException."""
    return _filter(SearchModelVersionUtils.parse_search_filter(text), SearchModelVersionUtils, lists=("name", "run_id"))


def _filter(parsed: Iterable[Mapping[str, Any]], known: Any, *, lists: Sequence[str]) -> Filter:
    clauses = [_clause(one, known, lists) for one in parsed]
    of_prompts = [clause for clause in clauses if clause.tag and clause.key == IS_PROMPT_TAG_KEY]
    prompts = any((one.comparator, one.value.lower()) in (("=", "true"), ("!=", "false")) for one in of_prompts[:1])
    return Filter(tuple(clause for clause in clauses if clause not in of_prompts), prompts)


def _clause(one: Mapping[str, Any], known: Any, lists: Sequence[str]) -> Clause:
    kind, key, comparator, value = one["type"], one["key"], one["comparator"].upper(), one["value"]
    if kind == "tag":
        _check(comparator in _TEXT, f"Invalid comparator for tag: {comparator}")
        return Clause(True, key, comparator, value)
    _check(kind == "attribute", f"Invalid token type: {kind}")
    _check(key in known.VALID_SEARCH_ATTRIBUTE_KEYS, f"Invalid attribute name: {key}")
    if key in known.NUMERIC_ATTRIBUTES:
        _check(comparator in _NUMBER, f"Invalid comparator for attribute {key}: {comparator}")
        return Clause(False, key, comparator, _integer(key, value))
    allowed = comparator in _TEXT or (comparator in _LISTS and key in lists)
    _check(allowed, f"Invalid comparator for attribute: {comparator}")
    return Clause(False, key, comparator, value)


def _integer(key: str, value: Any) -> int:
    try:
        if isinstance(value, float):
            raise ValueError
        return int(value)
    except (TypeError, ValueError):
        raise MlflowException(
            f"Invalid value for numeric attribute '{key}': {value!r}", INVALID_PARAMETER_VALUE
        ) from None


class Order(NamedTuple):
    """A field of the rows, and its direction."""

    field: str
    ascending: bool


def model_order(texts: Sequence[str] | None) -> list[Order]:
    """The order of a search for models. Raises MlflowException."""
    orders = []
    for text in texts or []:
        key, ascending = SearchUtils.parse_order_by_for_search_registered_models(text)
        orders.append(Order("name" if key == "name" else "updated", ascending))
    return _complete(orders, texts, [Order("name", True)])


def version_order(texts: Sequence[str] | None) -> list[Order]:
    """The order of a search for versions. Raises MlflowException."""
    parse = SearchModelVersionUtils.parse_order_by_for_search_model_versions
    parsed = [parse(text) for text in texts or _VERSION_DEFAULT]
    orders = [Order(_FIELDS.get(key, key), ascending) for _, key, ascending in parsed]
    return _complete(orders, texts, [Order("name", True), Order("number", False)])


def _complete(orders: list[Order], texts: Sequence[str] | None, ties: list[Order]) -> list[Order]:
    fields = [order.field for order in orders]
    _check(len(set(fields)) == len(fields), f"`order_by` contains duplicate fields: {texts}")
    return [*orders, *(tie for tie in ties if tie.field not in fields)]


def asks_for_records(wanted: Filter, orders: list[Order]) -> bool:
    """Whether a search looks at what only the records of versions say."""
    fields = {clause.key for clause in wanted.clauses if not clause.tag} | {order.field for order in orders}
    return not fields.isdisjoint(("run_id", "source_path", "created"))


def page(
    rows: Iterable[Row],
    wanted: Filter,
    orders: list[Order],
    most: int,
    token: str | None,
    entities: Callable[[list[Row]], list[_E]],
) -> PagedList[_E]:
    """One page of the rows that match. Entities are made of what is on it only."""
    found = [row for row in rows if wanted.matches(row)]
    for order in reversed(orders):
        found.sort(key=lambda row: getattr(row, order.field), reverse=not order.ascending)
    start = SearchUtils.parse_start_offset_from_page_token(token)
    following = SearchUtils.create_page_token(start + most) if len(found) > start + most else None
    return PagedList(entities(found[start : start + most]), following)


def check_models(most: Any) -> int:
    """The number of models on a page, 100 where nothing is said. Raises MlflowException."""
    most = SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT if most is None else most
    _check_limit(most, SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD)
    _check_whole(most)
    return int(most)


def check_versions(most: Any) -> int:
    """The number of versions on a page, 10,000 where nothing is said. Raises MlflowException."""
    most = SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT if most is None else most
    _check_whole(most)
    _check_limit(most, SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD)
    return int(most)


def _check_whole(most: Any) -> None:
    whole = isinstance(most, int) and most >= 1
    _check(whole, f"Invalid value for max_results. It must be a positive integer, but got {most}")


def _check_limit(most: Any, limit: int) -> None:
    words = f"Invalid value for request parameter max_results. It must be at most {limit}, but got value {most}"
    _check(most <= limit, words)


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise MlflowException(message, INVALID_PARAMETER_VALUE)
