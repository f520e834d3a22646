"""What both stores of MLflow, files and SQLite, say of registered models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mreg.values.named_tuple import NamedTuple

DELETED = "Deleted_Internal"
"""The stage of a version that was deleted."""


class VersionRow(NamedTuple):
    """source: what was registered; place: where the model lies, if that is told. created: in milliseconds."""

    number: int
    source: str
    place: str
    created: int | None
    description: str
    author: str
    stage: str
    status: str
    run: str
    run_link: str
    model: str
    tags: Mapping[str, str]


class ModelRow(NamedTuple):
    """aliases: with the number that each is on."""

    name: str
    description: str
    created: int | None
    tags: Mapping[str, str]
    aliases: Mapping[str, int]
    versions: tuple[VersionRow, ...]


class Facts(NamedTuple):
    """Of a run, or of a logged model. metrics: the last value of each. place: where its files lie."""

    place: str = ""
    user: str = ""
    metrics: Mapping[str, float] = {}
    params: Mapping[str, str] = {}


class Store(Protocol):
    """Raises MalformedSource, OutsideSource, UnreadableFile, NeedsYaml."""

    def models(self) -> list[ModelRow]: ...

    def run(self, run: str) -> Facts:
        """Nothing where there is none."""

    def logged(self, model: str) -> Facts:
        """Of a logged model; nothing where there is none."""
