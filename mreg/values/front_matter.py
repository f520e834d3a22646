"""The front matter of a Markdown text: the YAML between two lines `---` at its start, as cards on the Hugging Face Hub
have it."""

from __future__ import annotations

import re
from typing import Any, Final

from mreg.values.named_tuple import NamedTuple
from mreg.values.yaml_blocks import mapping_in
from mreg.values.yaml_flow import NotUnderstood

__all__ = ["FrontMatter", "front_matter"]

LONGEST: Final = 64 << 10
"""Characters of front matter that is read."""

_FENCED = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)


class FrontMatter(NamedTuple):
    """fields: what the front matter says; nothing where there is none. body: the rest of the text."""

    fields: dict[str, Any]
    body: str


def front_matter(text: str) -> FrontMatter:
    """Take a Markdown text apart. Front matter that is not understood, or is too long, is part of the body."""
    found = _FENCED.match(text[:LONGEST])
    if found is None:
        return FrontMatter({}, text)
    try:
        fields = mapping_in(found[1] or "")
    except NotUnderstood:
        return FrontMatter({}, text)
    return FrontMatter(fields, text[found.end() :].lstrip("\r\n"))


def is_understood(text: str) -> bool:
    """Whether there is no front matter, or what it says is known."""
    return _FENCED.match(text) is None or front_matter(text).body != text
