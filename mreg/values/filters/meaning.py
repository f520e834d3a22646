"""What expressions mean: which versions they match."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from mreg.values.filters.tree import FIELDS, And, Key, Not, Test, Tree, Value, is_nan, microseconds
from mreg.values.metadata import flatten

if TYPE_CHECKING:
    from mreg.values.entities import Version

Matchers = Mapping[tuple[str, str], Callable[[str], bool]]

NOTHING: Final = None
"""An element that has no value of its own: a list or a mapping within a list."""

NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
"""Texts that stand for numbers which JSON does not have."""

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: bool(one == other),
    "<": lambda one, other: bool(one < other),
    "<=": lambda one, other: bool(one <= other),
    ">": lambda one, other: bool(one > other),
    ">=": lambda one, other: bool(one >= other),
}


class Subject:
    """A version, and the time as of which ages count."""

    def __init__(self, version: Version, now: datetime) -> None:
        self._version = version
        self._now = now
        self._flat: dict[str, Any] | None = None

    def elements(self, key: Key) -> Sequence[Any] | None:
        """The values of the key; None if it is missing."""
        if key.field:
            return self._field(key.name)
        if self._flat is None:
            self._flat = flatten(self._version.metadata)
        return elements_of(self._flat[key.name]) if key.name in self._flat else None

    def _field(self, name: str) -> Sequence[Any] | None:
        version = self._version
        match name:
            case "alias":
                return aliases_of(version.aliases, version.model_aliases)
            case "tag":
                return sorted({*version.tags, *version.model_tags})
            case "license":
                return version.licenses
            case "base_model":
                return version.base_models
            case "link":
                return version.links
            case "model":
                return [link.rpartition(":")[0] for link in version.links]
            case "input":
                return [entry.reference for entry in version.inputs]
            case "created":
                return [microseconds(version.created)]
            case "age":
                return [microseconds(self._now) - microseconds(version.created)]
            case "kind":
                return ["version"]
        value = getattr(version, name)
        return None if value is None else [value]


def aliases_of(own: Sequence[str], of_models: Sequence[str]) -> list[str]:
    """The words that `alias` means: those of models (`model:alias`) with and without the model's name."""
    return [*own, *of_models, *(word.rpartition(":")[2] for word in of_models)]


def elements_of(value: Any) -> list[Any]:
    """A value of metadata as a set: itself, or the elements of a list."""
    if isinstance(value, list):
        return [_element(item) for item in value]
    return [] if isinstance(value, dict) else [_element(value)]


def _element(value: Any) -> Any:
    if isinstance(value, str):
        return NUMBERS.get(value, value)
    return value if isinstance(value, bool | int | float) else NOTHING


def type_of(element: Any) -> str:
    """As `Value.type` has it."""
    if isinstance(element, bool):
        return "boolean"
    if isinstance(element, str):
        return "text"
    if element is NOTHING:
        return ""
    return "nan" if is_nan(element) else "number"


def holds(tree: Tree, subject: Subject, matchers: Matchers) -> bool:
    """Whether the expression is true of it."""
    if isinstance(tree, Test):
        return elements_fit(tree, subject.elements(tree.key), matchers)
    if isinstance(tree, Not):
        return not holds(tree.part, subject, matchers)
    every = all if isinstance(tree, And) else any
    return every(holds(part, subject, matchers) for part in tree.parts)


def elements_fit(test: Test, elements: Sequence[Any] | None, matchers: Matchers) -> bool:
    """Whether the test is true of a key with these values; None: without the key."""
    is_set = test.key.field and FIELDS[test.key.name] == "set"
    if elements is None:
        return False
    if test.op == "has":
        return bool(elements) or not is_set
    op, negated = positive(test.op)
    kinds = set() if is_set or not negated else needed(test)
    if kinds and not any(type_of(element) in kinds for element in elements):
        return False
    return negated != any(_fits(op, test.values, element, matchers) for element in elements)


def needed(test: Test) -> set[str]:
    """Of which types a value must be for a negated test to be true; none if any will do."""
    op, _ = positive(test.op)
    if op in ("=", "in"):
        return set()
    return {_type(test.values[0])} if op == "between" else {"text"}


def positive(op: str) -> tuple[str, bool]:
    """The operator, and whether it is negated."""
    if op in ("!=", "!~"):
        return {"!=": "=", "!~": "~"}[op], True
    return op.removeprefix("not "), op.startswith("not ")


def _fits(op: str, values: tuple[Value, ...], element: Any, matchers: Matchers) -> bool:
    kind = type_of(element)
    match op:
        case "is":
            return element is True or (kind == "number" and element != 0)
        case "in":
            return any(_fits("=", (value,), element, matchers) for value in values)
        case "between":
            return _fits(">=", values[:1], element, matchers) and _fits("<=", values[1:], element, matchers)
    value = values[0]
    if _type(value) != kind:
        return False
    if op in _COMPARE:
        return kind == "nan" or _COMPARE[op](element, value.value)
    return matchers[op, str(value.value)](element)


def _type(value: Value) -> str:
    """What `type_of` says of elements that it can be equal to."""
    return value.type if value.type in ("text", "boolean", "nan") else "number"
