"""A parser of the flowcharts that mreg writes: https://mermaid.js.org/syntax/flowchart.html, strictly the part it uses.

It refuses what the real parser would take for something else. The slow tests ask that one too.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SHAPES = {"[": "]", "([": "])", "[(": ")]"}
_WORDS = {"end", "graph", "flowchart", "subgraph", "style", "class", "click", "linkStyle", "classDef", "default"}
_ID = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_NODE = re.compile(r'(\w+)(\[\(|\(\[|\[)"([^"]*)"(\)\]|\]\)|\])')
_EDGE = re.compile(r"(\w+) --> (\w+)")
_TEXT = re.compile(r"(?:[^\W_]|[ ._/-]|<br/>|#[0-9]{1,7};)*")


class Flowchart(NamedTuple):
    """labels: the lines of text of each node. edges: from, to."""

    labels: dict[str, list[str]]
    edges: list[tuple[str, str]]


def parse(text: str) -> Flowchart:
    """Raises ValueError with the line."""
    head, *lines = text.splitlines()
    if head != "flowchart LR":
        raise ValueError(f"no flowchart: {head!r}")
    found = Flowchart({}, [])
    for line in lines:
        statement = line.strip()
        if edge := _EDGE.fullmatch(statement):
            found.edges.append((_declared(found, edge[1]), _declared(found, edge[2])))
        elif node := _NODE.fullmatch(statement):
            _add(found, *node.groups())
        else:
            raise ValueError(f"no statement: {line!r}")
    return found


def _add(found: Flowchart, name: str, opened: str, text: str, closed: str) -> None:
    if not _ID.fullmatch(name) or name in _WORDS or name in found.labels:
        raise ValueError(f"no name of a node: {name!r}")
    if _SHAPES[opened] != closed:
        raise ValueError(f"{opened} is closed by {closed}")
    if not _TEXT.fullmatch(text):
        raise ValueError(f"text that means something: {text!r}")
    found.labels[name] = [_decoded(line) for line in text.split("<br/>")]


def _declared(found: Flowchart, name: str) -> str:
    if name not in found.labels:
        raise ValueError(f"an edge of a node that is not there: {name!r}")
    return name


def _decoded(text: str) -> str:
    return re.sub("#([0-9]+);", lambda code: chr(int(code[1])), text)
