"""The registered models that MLflow sees: artifacts, and mreg's own registered models, whose links are the versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mreg.integrations.mlflow import titles
from mreg.repository import Repository
from mreg.repository.change import Change
from mreg.values.named_tuple import NamedTuple

CREATED: Final = "mlflow@created"
"""Property of a model: when MLflow made it. (No tag of MLflow can have an @ in its key.)"""

STAGE: Final = "mlflow@stage"
"""Property of a version: its stage, if that is not None."""

SAID: Final = "mlflow"
"""Metadata of a version: what MLflow said of it when it was registered."""

ADDRESS: Final = "address"
"""In that, where the model is, of a version that could not have it."""


class Collection(NamedTuple):
    """title: what MLflow calls it. linking: whether it is a registered model of mreg's, and else an artifact."""

    name: str
    title: str
    linking: bool

    def version(self, number: int) -> str:
        return f"{self.name}:v{number}"


def find(repository: Repository | Change, title: str) -> Collection | None:
    """The collection that MLflow calls so."""
    for name in titles.names_of(title):
        kind = repository.kind(name)
        if kind and titles.title_of(name, repository.properties(name)) == title:
            return Collection(name, title, kind == "model")
    return None


def number_of(name: str) -> int:
    """The N of `NAME:vN`."""
    return int(name.rpartition(":v")[2])


def stage_of(properties: Mapping[str, Any]) -> str:
    return str(properties.get(STAGE, "None"))
