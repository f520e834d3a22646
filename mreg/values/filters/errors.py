"""What is wrong with an expression, and where: the place is marked by carets below the text."""

from __future__ import annotations

from collections.abc import Sequence

from mreg import lazy
from mreg.values.errors import InvalidInput

_AROUND = 60
"""Characters shown on either side of what is marked."""


class InvalidFilter(InvalidInput):
    """at, length: the characters of `text` that are meant. hint: what to write instead, or nothing."""

    code = "invalid-filter"
    template = "{reason}"

    text: str
    at: int
    length: int
    reason: str
    hint: str

    def __str__(self) -> str:
        return _marked(self.reason, self.text, self.at, self.length)


class UnknownKey(InvalidInput):
    code = "unknown-key"
    template = "no version has the key `{key}`"

    key: str
    text: str
    at: int
    length: int
    near: Sequence[str]

    def __str__(self) -> str:
        return _marked(_plain(super().__str__()), self.text, self.at, self.length)


def _marked(reason: str, text: str, at: int, length: int) -> str:
    if not text.strip():
        return reason
    start, end = max(0, at - _AROUND), at + length + _AROUND
    before, inside, after = text[start:at], text[at : at + length], text[at + length : end]
    before = "…" * (start > 0) + _plain(before)
    line = before + _plain(inside) + _plain(after) + "…" * (end < len(text))
    return f"{reason}\n  {line.rstrip()}\n  {' ' * _cells(before)}{'^' * max(1, _cells(_plain(inside)))}"


def _plain(text: str) -> str:
    """The text on one line, every character in its place."""
    return "".join(c if c.isprintable() else " " for c in text)


def _cells(text: str) -> int:
    """The columns of a terminal that the text takes."""
    if text.isascii():
        return len(text)
    wide, combining = lazy.unicodedata.east_asian_width, lazy.unicodedata.combining
    return sum(0 if combining(c) else 2 if wide(c) in "WF" else 1 for c in text)
