"""What the front matter of a card says that mreg understands."""

from __future__ import annotations

from typing import Any

from mreg import values
from mreg.values.named_tuple import NamedTuple


class CardFacts(NamedTuple):
    """tags: as they are written, which need not be tags that a model can have. licenses: also the name of one that has
    no short form (`license_name`)."""

    tags: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()


def facts_of(card: str) -> CardFacts:
    if not card.removeprefix("\ufeff").startswith("---"):  # most have none, and every listing asks
        return CardFacts()
    fields = values.front_matter.front_matter(card).fields
    licenses = (*_texts(fields.get("license")), *_texts(fields.get("license_name")))
    return CardFacts(_texts(fields.get("tags")), licenses, _texts(fields.get("base_model")))


def _texts(value: Any) -> tuple[str, ...]:
    """A text, or those of a list; a number is meant as a text."""
    every = value if isinstance(value, list) else [value]
    return tuple(str(one) for one in every if isinstance(one, str | int | float) and not isinstance(one, bool))
