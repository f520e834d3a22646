"""The scanner: an expression as tokens, each with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from mreg.values.canonical import is_unicode
from mreg.values.filters.errors import InvalidFilter
from mreg.values.filters.tree import ALIASES, FIELDS, KEYWORDS, Key, Value, microseconds
from mreg.values.named_tuple import NamedTuple
from mreg.values.sizes import UNITS

LONGEST: Final = 10_000
"""Characters of an expression."""

_AGES = {"us": 1, "s": 10**6, "m": 60 * 10**6, "min": 60 * 10**6, "h": 3600 * 10**6}
_AGES |= {"d": 86400 * 10**6, "w": 604800 * 10**6}
_LARGEST = 2**63 - 1

_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?(?![\w:])", re.ASCII
)
_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?", re.ASCII)
_SIGNED_INF = re.compile(r"[+-]inf(?![\w.-])", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d][\w-]*")
_PART = re.compile(r"[\w-]+")
_TRAILING = re.compile(r"[^\W\d_]\w*")
_OPERATOR = re.compile("==|=~|!=|!~|<>|<=|>=|=|<|>|~")
_SAME = {"==": "=", "<>": "!=", "=~": "~"}


class Token(NamedTuple):
    """kind: key (Key), value (Value), word (a keyword), op, one of `(),`, or end."""

    kind: str
    value: Any
    at: int
    length: int


def tokens(text: str) -> list[Token]:
    """Raises InvalidFilter."""
    if len(text) > LONGEST:
        reason = f"an expression has at most {LONGEST:,} characters"
        raise InvalidFilter(text=text[:100], at=0, length=1, reason=reason, hint="")
    if not is_unicode(text):
        raise InvalidFilter(text=text, at=0, length=1, reason="the expression is not valid Unicode", hint="")
    return list(_Scanner(text).scan())


def date_of(text: str) -> Value | None:
    """The date and time that the text says, in UTC where it names no zone."""
    if not _DATE.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text)
        return Value("date", microseconds(time if time.tzinfo else time.replace(tzinfo=UTC)))
    except (ValueError, OverflowError):
        return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def scan(self) -> Iterator[Token]:
        while self.at < len(self.text):
            if self.text[self.at].isspace():
                self.at += 1
            else:
                start = self.at
                kind, value = self._next()
                yield Token(kind, value, start, self.at - start)
        yield Token("end", None, len(self.text), 1)

    def _next(self) -> tuple[str, Any]:
        char = self.text[self.at]
        if char in "(),":
            self.at += 1
            return char, char
        if char in "'\"":
            return "value", Value("text", self._text(char))
        if char == "`" or _WORD.match(char):
            return self._key()
        if found := self._take(_OPERATOR):
            return "op", _SAME.get(found, found)
        if found := self._take(_SIGNED_INF):
            return "value", Value("number", float(found))
        if char.isdecimal() or char in "+-.":
            return "value", self._number()
        raise self._strange(char)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found[0]

    def _text(self, quote: str) -> str:
        """What stands between quotes. Of backslashes before a quote, two mean one, and one takes the quote in."""
        start, parts = self.at, []
        piece = re.compile(rf"([^{quote}\\]+)|(\\*)({quote}{quote}?)|(\\+)")
        self.at += 1
        while found := piece.match(self.text, self.at):
            self.at = found.end()
            plain, slashes, quotes, others = found.groups()
            if not quotes:
                parts.append(plain or others)
                continue
            parts.append("\\" * (len(slashes) // 2))
            if len(slashes) % 2:
                self.at = found.end(2) + 1
            elif quotes == quote:
                return "".join(parts)
            parts.append(quote)
        raise self._error(start, 1, "this string is never closed", f"close it with {quote}")

    def _key(self) -> tuple[str, Any]:
        start = self.at
        first = self._ticked() if self.text[start] == "`" else self._take(_WORD)
        parts = [first]
        while self.text.startswith(".", self.at):
            self.at += 1
            parts.append(self._part())
        if self.text[start] == "`":
            return "key", Key(".".join(parts))
        if len(parts) > 1:
            return "key", Key(".".join(parts[first.lower() == "meta" :]))
        word = first.lower()
        if word in KEYWORDS:
            return "word", word
        word = ALIASES.get(word, word)
        return "key", Key(word, True) if word in FIELDS else Key(first)

    def _part(self) -> str:
        char = self.text[self.at : self.at + 1]
        if char == "`":
            return self._ticked()
        if char == '"':
            return self._text(char)
        part = self._take(_PART)
        if not part:
            raise self._error(
                self.at, 1, "a part of the key is missing here", "put a part with special characters in backticks"
            )
        return part

    def _ticked(self) -> str:
        end = self.text.find("`", self.at + 1)
        if end < 0:
            raise self._error(
                self.at, 1, "this backtick is never closed", "put a key with special characters in backticks"
            )
        name = self.text[self.at + 1 : end]
        if not name:
            raise self._error(self.at, 2, "a key is missing between the backticks", None)
        self.at = end + 1
        return name

    def _number(self) -> Value:
        start = self.at
        if found := self._take(_DATE):
            value = date_of(found)
            if value is None:
                raise self._error(start, len(found), "there is no such day or time", "write dates as YYYY-MM-DD")
            return value
        digits = self._take(_NUMBER)
        if not digits:
            raise self._strange(self.text[start])
        unit_at, unit = self.at, self._take(_TRAILING)
        try:
            number = _number(digits)
        except ValueError:
            raise self._error(start, len(digits), "this is not a number", None) from None
        if not unit:
            return Value("number", number)
        for kind, units in (("size", UNITS), ("age", _AGES)):
            if unit in units:
                return self._measure(kind, number, units[unit], start)
        hint = "ages: s m h d w; sizes: B kB MB GB TB KiB MiB GiB TiB"
        raise self._error(unit_at, len(unit), f"{unit!r} is not a unit", hint)

    def _measure(self, kind: str, number: float, unit: int, start: int) -> Value:
        amount = number * unit
        if not abs(amount) <= _LARGEST:
            raise self._error(start, self.at - start, f"this {kind} is too large", None)
        return Value(kind, amount if kind == "size" and amount != int(amount) else int(amount))

    def _strange(self, char: str) -> InvalidFilter:
        if char in "&|!":
            return self._error(self.at, 1, f"`{char}` is not an operator", "write `and`, `or`, `not`")
        shown = char if char.isprintable() else repr(char)
        hint = "filters have no arithmetic and no percentages" if char in "%+-*/" else "put strings in quotes"
        return self._error(self.at, 1, f"`{shown}` has no meaning here", hint)

    def _error(self, at: int, length: int, reason: str, hint: str | None) -> InvalidFilter:
        return InvalidFilter(text=self.text, at=at, length=length, reason=reason, hint=hint or "")


def _number(digits: str) -> int | float:
    plain: Callable[[str], Any] = float if any(c in ".eE" for c in digits) else int
    number: int | float = plain(digits)
    return number if isinstance(number, float) or abs(number) <= _LARGEST else float(digits)  # or infinity
