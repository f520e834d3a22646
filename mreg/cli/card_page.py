"""What a card looks like."""

from __future__ import annotations

from typing import Any

from mreg.cli.output import Out
from mreg.values.front_matter import front_matter
from mreg.values.metadata import flatten
from mreg.values.words import value_text


def render_card(out: Out, tags: tuple[str, ...], text: str) -> None:
    """Print a card: for a person with tags and fields first, elsewhere as it is."""
    if not out.terminal:
        if text:
            out.markdown(text)
        return
    front = front_matter(text)
    head = [("tags", ", ".join(tags)), *card_fields(front.fields)]
    out.fields(head)
    if front.body:
        if any(value for _, value in head):
            out.line("")
        out.markdown(front.body)


def card_fields(fields: dict[str, Any]) -> list[tuple[str, str]]:
    """All that the front matter says but the tags, which are the model's: lists of texts in one line."""
    found = []
    for key, value in fields.items():
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            value = ", ".join(value)
        if key != "tags":
            found += [(name, value_text(one)) for name, one in flatten({key: value}).items() if one is not None]
    return found
