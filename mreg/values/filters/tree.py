"""Expressions as trees. `str()` of a tree is an expression that is parsed to the same tree."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from mreg.values.named_tuple import NamedTuple

KEYWORDS: Final = frozenset(
    [
        "and",
        "or",
        "not",
        "in",
        "like",
        "ilike",
        "glob",
        "contains",
        "between",
        "is",
        "null",
        "has",
        "exists",
        "true",
        "false",
        "nan",
        "inf",
    ]
)
FIELDS: Final = {
    **dict.fromkeys(
        ("name", "artifact", "digest", "manifest", "message", "run", "author", "host", "type", "kind"), "text"
    ),
    **dict.fromkeys(("number", "files", "size"), "number"),
    "created": "date",
    "age": "age",
    **dict.fromkeys(("alias", "tag", "link", "model", "input", "license", "base_model"), "set"),
}
"""What is known of every version, and the type of its values."""
ALIASES: Final = {
    "version": "number",
    "aliases": "alias",
    "tags": "tag",
    "links": "link",
    "models": "model",
    "inputs": "input",
    "licenses": "license",
    "base_models": "base_model",
}
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_WORDS = re.compile(r"[^\W\d][\w-]*(?:\.[\w-]+)*").fullmatch


class Key(NamedTuple):
    """field: whether it is one of FIELDS; else the name of metadata, its parts joined by dots."""

    name: str
    field: bool = False

    def __str__(self) -> str:
        if self.field:
            return self.name
        first, dot, _ = self.name.partition(".")
        taken = first.lower() in KEYWORDS or first.lower() == "meta" or (not dot and _is_field(first))
        if _WORDS(self.name) and not taken:
            return self.name
        return f"`{self.name}`" if self.name and "`" not in self.name else "meta." + quoted(self.name, '"')


class Value(NamedTuple):
    """type: text, number, size (in bytes), boolean, nan; age and date in microseconds."""

    type: str
    value: str | int | float | bool

    def __str__(self) -> str:
        if self.type == "text":
            return quoted(str(self.value), "'")
        if self.type == "boolean":
            return "true" if self.value else "false"
        if self.type == "date":
            return (EPOCH + timedelta(microseconds=int(self.value))).isoformat().replace("+00:00", "Z")
        if self.type == "nan":
            return "nan"
        text = repr(self.value)
        return text + {"age": "us", "size": "B"}.get(self.type, "")


NAN: Final = Value("nan", math.nan)
"""One for all, so that trees with it are equal."""


class Test(NamedTuple):
    """op: a comparison, a word such as `like` (`not like`), `in` or `between`, `has`, or `is` (the key alone)."""

    key: Key
    op: str
    values: tuple[Value, ...] = ()

    def __str__(self) -> str:
        match self.op:
            case "is":
                return str(self.key)
            case "has":
                return f"has {self.key}"
            case "in" | "not in":
                return f"{self.key} {self.op} ({', '.join(map(str, self.values))})"
            case "between" | "not between":
                return f"{self.key} {self.op} {self.values[0]} and {self.values[1]}"
            case _:
                return f"{self.key} {self.op} {self.values[0]}"


class Not(NamedTuple):
    part: Tree

    def __str__(self) -> str:
        return f"not {_inner(self.part)}"


class And(NamedTuple):
    parts: tuple[Tree, ...]

    def __str__(self) -> str:
        return " and ".join(map(_inner, self.parts))


class Or(NamedTuple):
    parts: tuple[Tree, ...]

    def __str__(self) -> str:
        return " or ".join(map(_inner, self.parts))


Tree = Test | Not | And | Or


def tests(tree: Tree) -> list[Test]:
    """All tests of the expression, in their order."""
    if isinstance(tree, Test):
        return [tree]
    parts = (tree.part,) if isinstance(tree, Not) else tree.parts
    return [test for part in parts for test in tests(part)]


def replaced(tree: Tree, old: Test, new: Tree) -> Tree:
    """The expression with another one in the place of a test."""
    match tree:
        case Test():
            return new if tree == old else tree
        case Not():
            return Not(replaced(tree.part, old, new))
    return type(tree)(tuple(replaced(part, old, new) for part in tree.parts))


def microseconds(time: datetime) -> int:
    """The time as a whole number of microseconds, which compares exactly."""
    return (time - EPOCH) // timedelta(microseconds=1)


def is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def quoted(text: str, quote: str) -> str:
    """The text as an expression has it. Backslashes count only where a quote follows them."""
    text = re.sub(rf"(\\+)(?={quote}|\Z)", lambda found: found[0] * 2, text)
    return quote + text.replace(quote, quote * 2) + quote


def _is_field(word: str) -> bool:
    return word.lower() in FIELDS or word.lower() in ALIASES


def _inner(tree: Tree) -> str:
    return f"({tree})" if isinstance(tree, And | Or) else str(tree)
