"""A reader for the part of YAML 1.2 that cards are written in (docs/adr/0023).

Mappings and sequences, also in brackets; plain and quoted scalars; block scalars; comments. Not anchors, aliases and
tags: nothing can refer to anything, so that no value is larger than its text. Time and memory grow with the text.
"""

from __future__ import annotations

import re
from typing import Any

from mreg.values.named_tuple import NamedTuple
from mreg.values.yaml_flow import DEEPEST, Flow, NotUnderstood, plain, value_of


def mapping_in(text: str) -> dict[str, Any]:
    """What a text says that is one mapping. Raises NotUnderstood."""
    return _Reader([_line(line) for line in re.split(r"\r\n|\n|\r", text)]).whole()


class _Line(NamedTuple):
    indent: int
    text: str

    @property
    def is_item(self) -> bool:
        return self.text == "-" or self.text.startswith("- ")

    @property
    def says_nothing(self) -> bool:
        return _is_comment(self.text)


class _Reader:
    """Reads blocks, which are told by how far their lines are indented."""

    def __init__(self, lines: list[_Line]) -> None:
        self._lines = lines
        self._at = 0
        self._depth = 0

    def whole(self) -> dict[str, Any]:
        first = self._next()
        if first is None:
            return {}
        if first.text.startswith("{"):
            self._at += 1
            value = self._inline(first.text, -1)
        else:
            value = self._block(first)
        if self._next() is not None or not isinstance(value, dict):
            raise NotUnderstood
        return value

    def _here(self) -> _Line | None:
        return self._lines[self._at] if self._at < len(self._lines) else None

    def _next(self) -> _Line | None:
        """The next line that says something."""
        while (line := self._here()) is not None and line.says_nothing:
            self._at += 1
        return line

    def _block(self, first: _Line) -> Any:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotUnderstood
        value = self._sequence(first.indent) if first.is_item else self._mapping(first.indent)
        self._depth -= 1
        return value

    def _sequence(self, indent: int) -> list[Any]:
        found = []
        while (line := self._next()) is not None and line.indent == indent and line.is_item:
            rest = line.text[1:].lstrip(" ")
            inner = _Line(indent + len(line.text) - len(rest), rest)
            if _is_comment(rest):
                self._at += 1
                found.append(self._below(indent))
            elif inner.is_item or _key(rest) is not None:
                self._lines[self._at] = inner
                found.append(self._block(inner))
            else:
                self._at += 1
                found.append(self._inline(rest, indent))
        return found

    def _mapping(self, indent: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while (line := self._next()) is not None and line.indent == indent and not line.is_item:
            entry = _key(line.text)
            if entry is None or entry[0] in found:
                raise NotUnderstood
            self._at += 1
            key, rest = entry
            found[key] = self._below(indent, items=True) if _is_comment(rest) else self._inline(rest, indent)
        return found

    def _below(self, indent: int, *, items: bool = False) -> Any:
        """A value on the next lines. items: a sequence need not be indented further."""
        line = self._next()
        if line is None or line.indent < indent or (line.indent == indent and not (items and line.is_item)):
            return None
        if line.is_item or _key(line.text) is not None:
            return self._block(line)
        self._at += 1
        return self._inline(line.text, indent)

    def _inline(self, text: str, indent: int) -> Any:
        """A value that begins in the middle of a line, and goes on on lines that are indented further than `indent`."""
        if text[0] in "|>":
            return self._block_scalar(text, indent)
        further = self._further(indent, ends="]}" if text[0] in "[{" else "")
        if text[0] in "\"'[{":
            return Flow(_folded([text, *further])).whole()
        if any(not line or _is_comment(line) or _key(line) for line in further):
            raise NotUnderstood
        return value_of(" ".join(map(plain, [text, *further])))

    def _further(self, indent: int, ends: str = "") -> list[str]:
        """The lines that are indented further, and blank ones between them; `ends` may begin one that is not."""
        found: list[str] = []
        start = self._at
        for line in self._lines[start:]:
            if line.text and line.indent <= indent and (not ends or line.text[0] not in ends):
                break
            found.append(line.text)
        while found and _is_comment(found[-1]):
            found.pop()
        self._at = start + len(found)
        return found

    def _block_scalar(self, head: str, indent: int) -> str:
        style = re.fullmatch(r"([|>])([-+]?)[ \t]*(?:#.*)?", head)
        if style is None:
            raise NotUnderstood
        start = self._at
        while (line := self._here()) is not None and (line.indent > indent or not line.text):
            self._at += 1
        lines = self._lines[start : self._at]
        inner = next((line.indent for line in lines if line.text), 0)
        if any(line.text and line.indent < inner for line in lines):
            raise NotUnderstood
        kept = "\n".join(" " * (line.indent - inner) + line.text if line.text else "" for line in lines).rstrip("\n")
        if style[1] == ">":
            kept = re.sub(r"\n(\n+)", r"\1", re.sub(r"(?<=\S)\n(?=\S)", " ", kept))
        return kept if style[2] == "-" or not kept else f"{kept}\n"


def _line(line: str) -> _Line:
    text = line.rstrip(" \t")
    bare = text.lstrip(" ")
    if bare.startswith("\t"):
        raise NotUnderstood
    return _Line(len(text) - len(bare), bare)


def _is_comment(text: str) -> bool:
    return not text or text.startswith("#")


def _key(text: str) -> tuple[str, str] | None:
    """The key at the start of a line, and what comes after it."""
    if text[0] in "\"'":
        found = re.match(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'""", text)
        end = re.compile(r" *:(?: +|$)").match(text, found.end()) if found else None
        return (str(Flow(found[0]).whole()), text[end.end() :]) if found and end else None
    colon = re.search(r":(?: +|$)", text)
    if colon is None or text[0] in "[{#" or text.startswith(("- ", "? ")):
        return None
    key = text[: colon.start()].rstrip()
    return (key, text[colon.end() :]) if key and plain(key) == key else None


def _folded(lines: list[str]) -> str:
    """Lines as one: a line break is a space, and n blank lines are n breaks."""
    parts = [lines[0]]
    breaks = 0
    for line in lines[1:]:
        if parts[-1].endswith("\\"):
            raise NotUnderstood
        if not line:
            breaks += 1
            continue
        parts += ["\n" * breaks or " ", line]
        breaks = 0
    return "".join(parts)
