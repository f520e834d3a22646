"""The parser: by recursive descent, `or` before `and` before `not`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from mreg.values.filters import texts
from mreg.values.filters.errors import InvalidFilter
from mreg.values.filters.tokens import Token, date_of, tokens
from mreg.values.filters.tree import FIELDS, NAN, And, Key, Not, Or, Test, Tree, Value

DEEPEST: Final = 100
"""Levels of brackets and `not`."""
MOST_VALUES: Final = 1000
"""Values in a list."""

ORDERS: Final = ("<", "<=", ">", ">=")
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_WORDS = ("in", "like", "ilike", "glob", "contains", "between")
_NOUNS = {"text": "a string", "number": "a number", "date": "a time", "age": "an age", "set": "a set of strings"}
_UNJOINED = "`and` or `or` is missing here"
_AGE_HINT = "ages need a unit: 30s, 15m, 12h, 30d, 2w"


class Parsed:
    """tree, and where each key stands first. Raises InvalidFilter."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.places: dict[Key, tuple[int, int]] = {}
        self.matchers: dict[tuple[str, str], Callable[[str], bool]] = {}
        self._tokens = tokens(text)
        self._next = 0
        self._depth = 0
        if self._here.kind == "end":
            raise self._error(self._here, "the expression is empty", "write one such as metrics.acc > 0.9")
        self.tree = self._or()
        self._expect_end()

    # Tokens.

    @property
    def _here(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._here
        self._next += token.kind != "end"
        return token

    def _is(self, kind: str, *values: str) -> bool:
        return self._here.kind == kind and (not values or self._here.value in values)

    def _taken(self, kind: str, *values: str) -> bool:
        """Whether it is there; it is taken then."""
        found = self._is(kind, *values)
        self._next += found
        return found

    def _error(self, token: Token, reason: str, hint: str | None = None) -> InvalidFilter:
        return InvalidFilter(text=self.text, at=token.at, length=token.length, reason=reason, hint=hint or "")

    def _spelt(self, token: Token) -> str:
        return self.text[token.at : token.at + token.length]

    # Expressions.

    def _or(self) -> Tree:
        parts = [self._and()]
        while self._taken("word", "or"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _and(self) -> Tree:
        parts = [self._not()]
        while self._taken("word", "and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _not(self) -> Tree:
        token = self._here
        if not self._taken("word", "not"):
            return self._atom()
        self._deeper(token)
        part = self._not()
        self._depth -= 1
        return Not(part)

    def _atom(self) -> Tree:
        token = self._take()
        if token.kind == "(":
            self._deeper(token)
            inner = self._or()
            self._close(token, _UNJOINED)
            self._depth -= 1
            return inner
        if token.kind == "word" and token.value in ("has", "exists"):
            bracket = self._here
            inside = self._taken("(")
            key = self._key(self._take())
            if inside:
                self._close(bracket, "`has` takes a single key")
            return Test(key, "has")
        return self._test(token, self._key(token))

    def _deeper(self, token: Token) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error(token, f"parentheses and `not` are nested more than {DEEPEST} deep")

    def _close(self, bracket: Token, reason: str) -> None:
        if self._is("end"):
            raise self._error(bracket, "this parenthesis is never closed")
        if not self._taken(")"):
            raise self._unexpected(reason)

    def _expect_end(self) -> None:
        if self._is(")"):
            raise self._error(self._here, "this parenthesis was never opened")
        if not self._is("end"):
            raise self._unexpected(_UNJOINED)

    def _unexpected(self, reason: str) -> InvalidFilter:
        last = self._tokens[self._next - 1]
        if self._is(",") and last.kind == "value" and last.value.type == "number":
            return self._error(self._here, "a comma has no meaning here", "write numbers with a decimal point: 0.9")
        return self._error(self._here, reason, "two tests need one between them" if reason == _UNJOINED else None)

    def _key(self, token: Token) -> Key:
        if token.kind == "key":
            self.places.setdefault(token.value, (token.at, token.length))
            key: Key = token.value
            return key
        if token.kind == "end":
            raise self._error(token, "a test is missing here")
        if token.kind == "value" or (token.kind == "word" and token.value in ("true", "false", "nan", "inf")):
            raise self._error(token, "a key is expected here, not a value", self._turned(token))
        hint = f"put a key of this name in backticks: `{self._spelt(token)}`" if token.kind == "word" else None
        raise self._error(token, f"a key is expected here, not `{self._spelt(token)}`", hint)

    def _turned(self, value: Token) -> str | None:
        """`0.9 < k` the other way round."""
        if not self._is("op") or self._tokens[self._next + 1].kind != "key":
            return None
        op = str(self._here.value)
        key = self._spelt(self._tokens[self._next + 1])
        return f"write `{key} {_TURNED.get(op, op)} {self._spelt(value)}`"

    # Tests.

    def _test(self, start: Token, key: Key) -> Tree:
        token = self._here
        if self._taken("op"):
            return self._compare(key, token)
        if self._taken("word", "is"):
            absent = not self._taken("word", "not")
            if not self._taken("word", "null"):
                raise self._error(self._here, "`null` is expected here", "write `is null` or `is not null`")
            return Not(Test(key, "has")) if absent else Test(key, "has")
        negated = self._is("word", "not") and self._tokens[self._next + 1].value in _WORDS
        self._next += negated
        token = self._here
        if self._taken("word", *_WORDS):
            return self._worded(key, token, "not " * negated)
        if self._is("value") or self._is("("):
            raise self._error(
                token, "an operator is missing here", "write one of = != < <= > >= ~ in like glob between"
            )
        if key.field:
            noun = _NOUNS[FIELDS[key.name]]
            raise self._error(start, f"`{key}` is {noun} and needs a comparison", f"compare it, or write `has {key}`")
        return Test(key, "is")

    def _compare(self, key: Key, token: Token) -> Tree:
        op = token.value
        value = self._value(key, token)
        if op in ("~", "!~"):
            return self._pattern(key, "~", "!~" if op == "!~" else "~", token, value)
        return Test(key, op, (self._fitting(key, op, token, value),))

    def _worded(self, key: Key, token: Token, negation: str) -> Tree:
        op = token.value
        if op == "in":
            return Test(key, f"{negation}in", self._list(key, token))
        if op == "between":
            low = self._fitting(key, "between", token, self._value(key, token))
            if not self._taken("word", "and"):
                raise self._error(self._here, "`and` is expected here", "write `between 0.9 and 0.95`")
            high_at = self._here
            high = self._fitting(key, "between", token, self._value(key, token))
            if _sort(low) != _sort(high):
                raise self._error(high_at, f"this is not {_article(_sort(low))}", "both ends must have the same type")
            return Test(key, f"{negation}between", (low, high))
        return self._pattern(key, op, f"{negation}{op}", token, self._value(key, token))

    def _list(self, key: Key, token: Token) -> tuple[Value, ...]:
        bracket = self._here
        if not self._taken("("):
            hint = f"write ({self._spelt(bracket)})" if bracket.kind == "value" else "write in ('a', 'b')"
            raise self._error(bracket, "a list needs parentheses", hint)
        if self._is(")"):
            raise self._error(self._here, "the list is empty")
        found = [self._fitting(key, "in", token, self._value(key, token))]
        while self._taken(","):
            if self._is(")"):
                break
            if len(found) == MOST_VALUES:
                raise self._error(self._here, f"a list has at most {MOST_VALUES:,} values")
            found.append(self._fitting(key, "in", token, self._value(key, token)))
        if self._is("value"):
            raise self._error(self._here, "a comma is missing here")
        self._close(bracket, "a comma or a closing parenthesis is expected here")
        return tuple(found)

    def _pattern(self, key: Key, op: str, whole: str, token: Token, value: Value) -> Tree:
        at = self._tokens[self._next - 1]
        kind = FIELDS[key.name] if key.field else "text"
        if kind not in ("text", "set"):
            raise self._error(token, f"`{self._spelt(token)}` compares strings, but `{key}` is {_NOUNS[kind]}")
        if value.type != "text":
            raise self._error(at, f"`{self._spelt(token)}` needs a string", f"write '{self._spelt(at)}'")
        try:
            self.matchers[op, str(value.value)] = texts.matcher(op, str(value.value))
        except texts.BadPattern as error:
            raise self._error(at, *error.args) from None
        return Test(key, whole, (value,))

    def _value(self, key: Key, op: Token) -> Value:
        token = self._take()
        if token.kind == "value":
            value: Value = token.value
            return value
        if token.kind == "word":
            named = {"true": True, "false": False}
            if token.value in named:
                return Value("boolean", named[token.value])
            if token.value in ("nan", "inf"):
                return NAN if token.value == "nan" else Value("number", math.inf)
            if token.value == "null":
                hint = f"write `{key} is {'not ' * (op.value == '!=')}null`"
                raise self._error(token, "nothing is equal to null", hint)
        if token.kind == "key":
            spelt = self._spelt(token)
            if "." in spelt or "`" in spelt:
                raise self._error(token, "two keys cannot be compared", "put strings in quotes")
            kind = FIELDS[key.name] if key.field else "metadata"
            if "text" not in _ALLOWED[kind]:
                reason, instead = self._misfit(key, kind, Value("text", spelt), spelt)
                raise self._error(token, reason, "write a number" if kind == "number" else instead)
            raise self._error(token, "a string needs quotes", f"write '{spelt}'")
        raise self._error(token, "a value is missing here" if token.kind == "end" else "a value is expected here")

    def _fitting(self, key: Key, op: str, token: Token, value: Value) -> Value:
        """The value, of a type that the key can be compared with."""
        at = self._tokens[self._next - 1]
        kind = FIELDS[key.name] if key.field else "metadata"
        if kind == "date" and value.type == "text":
            value = date_of(str(value.value)) or value
        if kind == "set" and op not in ("=", "!=", "in"):
            raise self._error(
                token, f"`{key}` is a set of strings, which has no order", "use =, in, like, glob or contains"
            )
        allowed = _ALLOWED[kind] | ({"size"} if key.name == "size" else set())
        if value.type not in allowed:
            raise self._error(at, *self._misfit(key, kind, value, self._spelt(at)))
        if op in (*ORDERS, "between") and value.type in ("boolean", "nan"):
            raise self._error(at, f"nothing is less or greater than `{value}`", f"write `{key} = {value}`")
        return value

    def _misfit(self, key: Key, kind: str, value: Value, spelt: str) -> tuple[str, str | None]:
        match kind, value.type:
            case "age", "number":
                return "a unit is missing", _AGE_HINT
            case "age", _:
                return f"`{key}` is an age", _AGE_HINT
            case "number", "text":
                return f"`{key}` is a number, not a string", f"write it without quotes: {value.value}"
            case "date", _:
                return (
                    f"`{key}` is a time, not {_article(value.type)}",
                    "write a date such as 2026-01-31, or `age < 1d`",
                )
            case "metadata", "date":
                return "dates can only be compared with `created`", f"as a string, it needs quotes: '{spelt}'"
            case "metadata", _:
                return "ages can only be compared with `age`", None
            case _:
                hint = f"put strings in quotes: '{spelt}'" if kind in ("text", "set") else None
                return f"`{key}` is {_NOUNS[kind]}, not {_article(value.type)}", hint


_ALLOWED: dict[str, set[str]] = {
    "text": {"text"},
    "set": {"text"},
    "number": {"number"},
    "date": {"date"},
    "age": {"age"},
    "metadata": {"text", "number", "size", "boolean", "nan"},
}


def _sort(value: Value) -> str:
    return "number" if value.type == "size" else value.type


def _article(kind: str) -> str:
    return {"age": "an age", "nan": "nan", "text": "a string"}.get(kind, f"a {kind}")
