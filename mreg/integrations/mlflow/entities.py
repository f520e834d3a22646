"""What the repository knows, as MLflow's entities."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mlflow.entities import Metric
from mlflow.entities.logged_model_parameter import LoggedModelParameter
from mlflow.entities.model_registry import (
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelAlias,
    RegisteredModelTag,
)
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY

from mreg.integrations.mlflow import uris
from mreg.integrations.mlflow.collections import ADDRESS, CREATED, SAID, Collection, stage_of
from mreg.values.entities import Noted, Version
from mreg.values.metadata import flatten


def registered_model(
    collection: Collection,
    about: Noted,
    created: datetime | None,
    description: str,
    latest: list[ModelVersion],
    aliases: Mapping[str, int],
) -> RegisteredModel:
    """created: of its first version, for a model that MLflow did not make."""
    at = about.properties.get(CREATED)
    return RegisteredModel(
        collection.title,
        at if isinstance(at, int) else millis(created or about.changed),
        millis(about.changed),
        description or None,
        latest,
        [RegisteredModelTag(key, value) for key, value in tags_of(about.properties).items()],
        [RegisteredModelAlias(alias, number) for alias, number in aliases.items()],
    )


def model_version(
    collection: Collection, number: int, version: Version, about: Noted, aliases: Sequence[str], location: str
) -> ModelVersion:
    """aliases: of the collection, on this version. location: of the repository."""
    said = said_of(version)
    created = millis(version.created)
    return ModelVersion(
        name=collection.title,
        version=number,  # type: ignore[arg-type, unused-ignore] # as MLflow's SQL store does it
        creation_timestamp=created,
        last_updated_timestamp=max(created, millis(about.changed)),
        description=version.message or None,
        user_id=version.author,
        current_stage=stage_of(about.properties),
        source=source_of(collection, number, version, location),
        run_id=run_of(version),
        tags=[ModelVersionTag(key, value) for key, value in tags_of(about.properties).items()],
        run_link=said.get("run_link"),
        aliases=list(aliases),
        model_id=said.get("model_id"),
        params=[LoggedModelParameter(key, _text(value)) for key, value in _group(version, "params").items()],
        metrics=list(_metrics(version, created)),
    )


def said_of(version: Version) -> Mapping[str, Any]:
    """What MLflow said when it registered the version."""
    said = version.metadata.get(SAID)
    return said if isinstance(said, Mapping) else {}


def source_of(collection: Collection, number: int, version: Version, location: str) -> str:
    """Where MLflow had the version from; its place in the repository, where it was not MLflow that logged it."""
    return str(said_of(version).get("source") or uris.of_version(location, collection.version(number)))


def run_of(version: Version) -> str | None:
    return version.run or said_of(version).get("run_id")


def address_of(version: Version) -> str | None:
    """Where the model is, if the version does not have it."""
    address = said_of(version).get(ADDRESS)
    return address if isinstance(address, str) else None


def tags_of(properties: Mapping[str, Any]) -> dict[str, str]:
    """The properties that are tags in MLflow: all but mreg's own."""
    own = ("mreg.", f"{SAID}@")
    return {key: _text(value) for key, value in properties.items() if not key.startswith(own)}


def is_prompt(tags: Mapping[str, Any]) -> bool:
    return str(tags.get(IS_PROMPT_TAG_KEY, "")).lower() == "true"


def millis(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _group(version: Version, name: str) -> dict[str, Any]:
    found = version.metadata.get(name)
    return flatten(found) if isinstance(found, Mapping) else {}


def _metrics(version: Version, created: int) -> Iterable[Metric]:
    for key, value in _group(version, "metrics").items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield Metric(key, float(value), created, 0)
