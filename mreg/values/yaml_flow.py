"""Scalars of YAML, and values in brackets and quotes. See `mreg.values.yaml_blocks`."""

from __future__ import annotations

import math
import re
from typing import Any, Final

DEEPEST: Final = 20

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_LONGEST_NUMBER: Final = 40
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NEVER_FIRST: Final = tuple("&*!|>%@`,]}")
"""What no plain scalar begins with: most of it is YAML that is not understood."""
_ESCAPES: Final = dict(zip('0abtnvfre "/\\N_LP', '\0\a\b\t\n\v\f\r\x1b "/\\\x85\xa0\u2028\u2029', strict=True))
_HEX: Final = {"x": 2, "u": 4, "U": 8}


class NotUnderstood(Exception):
    """It is no YAML, or more of YAML than is understood."""


def plain(text: str) -> str:
    """A scalar without quotes, and without the comment after it."""
    text = re.split(r"\s#", text, maxsplit=1)[0].rstrip()
    if text.startswith(_NEVER_FIRST) or re.search(r":(?:\s|$)", text):
        raise NotUnderstood
    return text


def value_of(text: str) -> Any:
    """What a plain scalar means, as YAML 1.2 has it: there are no dates, and `no` is a word (and a language)."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if len(text) <= _LONGEST_NUMBER and _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


class Flow:
    """A value in brackets or quotes, all of it in one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> Any:
        """The value, after which nothing comes but a comment."""
        value = self._value("")
        if self._text[self._at :].lstrip(" \n")[:1] not in ("", "#"):
            raise NotUnderstood
        return value

    def _value(self, ends: str) -> Any:
        self._skip()
        match self._peek():
            case "[":
                return self._list()
            case "{":
                return self._map()
            case '"' | "'" as quote:
                return self._quoted(quote)
        return value_of(self._word(ends))

    def _peek(self) -> str:
        if self._at >= len(self._text):
            raise NotUnderstood
        return self._text[self._at]

    def _skip(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in " \t\n":
            self._at += 1

    def _take(self, wanted: str) -> bool:
        self._skip()
        if self._peek() != wanted:
            return False
        self._at += 1
        return True

    def _enter(self) -> None:
        self._at += 1
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotUnderstood

    def _list(self) -> list[Any]:
        self._enter()
        found: list[Any] = []
        while not self._take("]"):
            found.append(self._value(",]"))
            self._separate("]")
        self._depth -= 1
        return found

    def _map(self) -> dict[str, Any]:
        self._enter()
        found: dict[str, Any] = {}
        while not self._take("}"):
            key = self._quoted(self._peek()) if self._peek() in "\"'" else self._word(":,}")
            if not self._take(":") or key in found:
                raise NotUnderstood
            found[key] = self._value(",}")
            self._separate("}")
        self._depth -= 1
        return found

    def _separate(self, end: str) -> None:
        """A comma, or the bracket that ends it all, which is left."""
        if not self._take(",") and self._peek() != end:
            raise NotUnderstood

    def _word(self, ends: str) -> str:
        start = self._at
        while self._peek() not in ends:
            if self._peek() in "[]{}\"'#\n":
                raise NotUnderstood
            self._at += 1
        return plain(self._text[start : self._at].strip())

    def _quoted(self, quote: str) -> str:
        self._at += 1
        parts = []
        while (char := self._peek()) != quote or (quote == "'" and self._text.startswith("''", self._at)):
            self._at += 1
            if char == "\\" and quote == '"':
                char = self._escaped()
            elif char == quote:
                self._at += 1
            elif char == "\n" and self._depth:  # how blank lines in brackets fold is not understood
                raise NotUnderstood
            parts.append(char)
        self._at += 1
        return "".join(parts)

    def _escaped(self) -> str:
        char = self._peek()
        self._at += 1
        if char in _ESCAPES:
            return _ESCAPES[char]
        digits = self._text[self._at : self._at + _HEX.get(char, 0)]
        self._at += len(digits)
        if not re.fullmatch("[0-9a-fA-F]{2,8}", digits):
            raise NotUnderstood
        code = int(digits, 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise NotUnderstood
        return chr(code)
