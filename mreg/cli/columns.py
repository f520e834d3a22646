"""The columns that `--columns` asks for: keys of metadata, or fields, as filters name them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mreg.cli.layout import Column
from mreg.cli.output import time_text
from mreg.values import names
from mreg.values.filters.errors import InvalidFilter, UnknownKey
from mreg.values.filters.meaning import Subject
from mreg.values.filters.tokens import tokens
from mreg.values.filters.tree import FIELDS, Key
from mreg.values.metadata import flatten
from mreg.values.named_tuple import NamedTuple
from mreg.values.words import value_text

if TYPE_CHECKING:
    from mreg import Repository, Version

SHOWN = {
    "name": "version",
    "number": "version",
    "alias": "aliases",
    "tag": "tags",
    "size": "size",
    "files": "files",
    "created": "age",
    "age": "age",
    "message": "message",
}
"""The headings of columns that tables of versions have anyway, by the fields that they show."""


class Asked(NamedTuple):
    """text: the key as it was typed."""

    text: str
    key: Key

    def value(self, version: Version) -> Any:
        """None where the version says nothing of it."""
        return _field(version, self.key.name) if self.key.field else flatten(version.metadata).get(self.key.name)


def of_metadata(keys: Iterable[str]) -> list[Asked]:
    """Columns for keys that some version is known to have."""
    return [Asked(key, Key(key)) for key in keys]


def asked(
    repository: Repository, columns: Sequence[str], versions: Sequence[Version], within: Sequence[str] = ()
) -> list[Asked]:
    """What the columns mean, for a table of these versions. within: the collections that they are chosen from. Raises
    UnknownKey for one that neither they nor others of these have."""
    had = {key for one in versions for key in flatten(one.metadata)} if columns else set()
    found = [Asked(text, Key(text) if text in had else _key(text)) for text in columns]
    rare = [one for one in found if not one.key.field and one.key.name not in had]
    known = {one.key for one in repository.metadata_keys(within=within)} if rare else had
    for one in rare:
        if one.key.name not in known and repository.count(within=within):
            near = names.near(one.key.name, sorted({*known, *FIELDS}))
            raise UnknownKey(key=one.key.name, text="", at=0, length=0, near=near)
    return found


def _key(text: str) -> Key:
    """The key that is spelt so in a filter."""
    try:
        first, *rest = tokens(text)
    except InvalidFilter:
        return Key(text)
    return first.value if first.kind == "key" and len(rest) == 1 else Key(text)


def beside(columns: Sequence[Asked], headings: Sequence[str]) -> list[Asked]:
    """Those that a table with these headings does not have anyway."""
    return [one for one in columns if not (one.key.field and SHOWN.get(one.key.name) in headings)]


def headings(columns: Sequence[Asked], versions: Sequence[Version]) -> list[Column]:
    """Numbers are set to the right."""
    values = [[one.value(version) for version in versions] for one in columns]
    right = [all(isinstance(value, int | float | None) for value in some) for some in values]
    return [Column(one.text, right=number, asked=True) for one, number in zip(columns, right, strict=True)]


def cells(columns: Sequence[Asked], version: Version) -> list[str]:
    values = [one.value(version) for one in columns]
    return ["" if value is None else value_text(value) for value in values]


def _field(version: Version, name: str) -> Any:
    """A field as text, or a number."""
    if name in ("created", "age"):
        return time_text(version.created)
    found = Subject(version, version.created).elements(Key(name, True)) or [None]
    return ", ".join(found) if FIELDS[name] == "set" and found != [None] else found[0]
