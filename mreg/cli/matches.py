"""What of a thing matches a text that is searched for, in one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mreg import values
from mreg.values.metadata import flatten
from mreg.values.words import value_text

if TYPE_CHECKING:
    from mreg import Artifact, Model, Version

BEFORE = 20
"""Characters that are shown before what was found."""


def in_model(one: Model, text: str) -> str:
    front = values.front_matter.front_matter(one.card)
    fields = [("tags", ", ".join(one.tags)), ("description", one.description)]
    fields += [(key, value_text(value)) for key, value in flatten(front.fields).items()]
    fields += [("card", " ".join(front.body.split())), ("card", " ".join(one.card.split()))]
    return _matched(text, {"name": [one.name], "alias": one.aliases}, fields)


def in_artifact(one: Artifact, text: str) -> str:
    return _matched(
        text, {"name": [one.name], "alias": one.aliases}, [("description", one.description), ("type", one.type)]
    )


def in_version(one: Version, text: str) -> str:
    flat = flatten(one.metadata)
    tags = [] if text else [("tags", ", ".join(sorted({*one.tags, *one.model_tags})))]  # they were searched for
    fields = [*tags, ("message", one.message), ("run", one.run or ""), *((key, value_text(flat[key])) for key in flat)]
    return _matched(text, {"alias": one.aliases}, fields)


def _matched(text: str, shown: Mapping[str, Iterable[str]], fields: list[tuple[str, str]]) -> str:
    """The field that holds the text, and some of it around that; `name` or `alias` where these hold it, as they are
    shown beside it. Where there is no text: the first field, to say more of the thing."""
    needle = text.casefold()
    for name, words in shown.items() if needle else ():
        if any(needle in word.casefold() for word in words):
            return name
    if needle:
        for name, value in fields:
            at = value.casefold().find(needle)
            if at >= 0 or needle in f"{name}={value}".casefold():
                start = max(0, at - BEFORE)
                return f"{name}: {'…' if start else ''}{value[start:]}"
    name, value = next((field for field in fields if field[1]), ("", ""))
    return f"{name}: {value}" if value else ""
