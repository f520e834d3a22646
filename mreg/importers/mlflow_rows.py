"""What both stores of MLflow, files and SQLite, say of registered models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from mreg.importers.omissions import Omissions
from mreg.importers.yaml_files import text
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


def version_row(number: int, said: Mapping[str, Any], tags: Mapping[str, str]) -> VersionRow:
    """said: by the names of the database's columns, most of which are those of the files; whatever the types."""
    return VersionRow(
        number=number,
        source=text(said.get("source")),
        place=text(said.get("storage_location")),
        created=whole(said.get("creation_timestamp", said.get("creation_time"))),
        description=text(said.get("description")),
        author=text(said.get("user_id")),
        stage=text(said.get("current_stage")),
        status=text(said.get("status")),
        run=text(said.get("run_id")),
        run_link=text(said.get("run_link")),
        model=text(said.get("model_id")),
        tags=tags,
    )


def model_row(
    name: str,
    said: Mapping[str, Any],
    tags: Mapping[str, str],
    aliases: Mapping[str, int],
    versions: Iterable[VersionRow],
) -> ModelRow:
    created = whole(said.get("creation_timestamp", said.get("creation_time")))
    return ModelRow(name, text(said.get("description")), created, tags, aliases, tuple(versions))


def whole(value: Any) -> int | None:
    """The value, where it is a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


class Facts(NamedTuple):
    """Of a run, or of a logged model. metrics: the last value of each. place: where its files lie."""

    place: str = ""
    user: str = ""
    metrics: Mapping[str, float] = {}
    params: Mapping[str, str] = {}


class Store(Protocol):
    """omitted: what is not understood, as far as was asked. Raises MalformedSource, OutsideSource, UnreadableFile,
    NeedsYaml."""

    omitted: Omissions

    def models(self) -> list[ModelRow]: ...

    def run(self, run: str) -> Facts:
        """Nothing where there is none."""

    def logged(self, model: str) -> Facts:
        """Of a logged model; nothing where there is none."""
