"""What MLflow asks of the registry: one model, one version, or all that a search is to look through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

from mreg.integrations.mlflow import entities, titles
from mreg.integrations.mlflow.collections import Collection, find, number_of, stage_of
from mreg.integrations.mlflow.errors import refuse
from mreg.integrations.mlflow.search import Row
from mreg.repository import Repository
from mreg.values.entities import Artifact, Model, Noted, Version
from mreg.values.errors import NotFound

_FEW: Final = 100
"""Names that a search is told; of more, it goes through all."""


def require(repository: Repository, title: str) -> Collection:
    """The collection that MLflow calls so. Raises MlflowException."""
    found = find(repository, title)
    return found or refuse(f"Registered Model with name={title} not found", RESOURCE_DOES_NOT_EXIST)


def require_version(repository: Repository, title: str, number: int) -> Collection:
    """The collection that MLflow calls so, where it has that version. Raises MlflowException."""
    collection = find(repository, title)
    try:
        if collection is not None:
            repository.resolve(collection.version(number))
            return collection
    except NotFound:
        pass
    return refuse(f"Model Version (name={title}, version={number}) not found", RESOURCE_DOES_NOT_EXIST)


def model(repository: Repository, collection: Collection) -> RegisteredModel:
    """One model, with its latest versions."""
    return _Look.at(repository, collection, repository.noted(collection.name)).model(collection)


def version(repository: Repository, collection: Collection, number: int) -> ModelVersion:
    """One version. Raises NotFound."""
    noted = repository.noted(collection.version(number))
    return _Look.at(repository, collection, noted).model_version(collection, number)


def latest_versions(repository: Repository, collection: Collection) -> list[ModelVersion]:
    """The version with the highest number of each stage."""
    return _Look.at(repository, collection, repository.noted(collection.name)).latest_versions(collection)


class _Look(NamedTuple):
    """What was found of one collection, or of many. facts: by name. version: that of the name `NAME:vN`."""

    location: str
    noted: Mapping[str, Noted]
    facts: Mapping[str, Artifact | Model]
    version: Callable[[str], Version]

    @classmethod
    def at(cls, repository: Repository, collection: Collection, noted: Mapping[str, Noted]) -> _Look:
        name = collection.name
        facts = repository.model(name) if collection.linking else repository.artifact(name)
        return cls(repository.location, noted, {name: facts}, repository.version)

    def model(self, collection: Collection) -> RegisteredModel:
        numbers, facts = self.numbers(collection), self.facts[collection.name]
        return entities.registered_model(
            collection,
            self.noted[collection.name],
            self.version(collection.version(numbers[0])).created if numbers else None,
            facts.description,
            self.latest_versions(collection),
            {alias: number_of(f":{at}") for alias, at in facts.aliases.items()},
        )

    def latest_versions(self, collection: Collection) -> list[ModelVersion]:
        """Of each stage the last one."""
        stages = {stage_of(self.about(collection, number).properties): number for number in self.numbers(collection)}
        return [self.model_version(collection, number) for number in stages.values()]

    def model_version(self, collection: Collection, number: int) -> ModelVersion:
        aliases = [alias for alias, at in self.facts[collection.name].aliases.items() if at == f"v{number}"]
        found = self.version(collection.version(number))
        return entities.model_version(collection, number, found, self.about(collection, number), aliases, self.location)

    def about(self, collection: Collection, number: int) -> Noted:
        return self.noted[collection.version(number)]

    def numbers(self, collection: Collection) -> list[int]:
        """Of its versions, ascending."""
        start = f"{collection.name}:v"
        return sorted(number_of(name) for name in self.noted if name.startswith(start))


class Catalogue:
    """All models or all versions, for one search. What is on the page that is asked for is all that is made of it."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._noted = repository.noted()
        facts: list[Artifact | Model] = [*repository.artifacts(), *repository.models()]
        self._facts = {one.name: one for one in facts}

    def model_rows(self) -> Iterator[Row]:
        for collection in self._collections():
            about = self._noted[collection.name]
            tags = entities.tags_of(about.properties)
            updated = entities.millis(about.changed)
            yield Row(collection.title, 0, 0, updated, None, None, tags, entities.is_prompt(tags), collection)

    def models(self, rows: list[Row]) -> list[RegisteredModel]:
        """Those of the rows."""
        found = {collection.version(number): one for collection, number, one in self._held([row.found for row in rows])}
        by_name: dict[str, dict[str, Noted]] = {row.found.name: {} for row in rows}
        for name, about in self._noted.items():
            by_name.get(name.partition(":")[0], {})[name] = about
        look = _Look(self._repository.location, self._noted, self._facts, found.__getitem__)
        return [look._replace(noted=by_name[row.found.name]).model(row.found) for row in rows]

    def version_rows(self, wanted: set[str] | None) -> Iterator[Row]:
        """wanted: only of the models that MLflow calls so."""
        of = [one for one in self._collections() if wanted is None or one.title in wanted]
        prompts = {one for one in of if entities.is_prompt(entities.tags_of(self._noted[one.name].properties))}
        for collection, number, found in self._held(of):
            about = self._noted.get(collection.version(number))
            if about is not None:  # else it came after the first look
                yield self._row(collection, number, found, about, collection in prompts)

    def versions(self, rows: list[Row]) -> list[ModelVersion]:
        """Those of the rows."""
        return [self._one(*row.found) for row in rows]

    def _one(self, collection: Collection, number: int, found: Version) -> ModelVersion:
        look = _Look(self._repository.location, self._noted, self._facts, lambda _: found)
        return look.model_version(collection, number)

    def _row(self, collection: Collection, number: int, found: Version, about: Noted, is_prompt: bool) -> Row:
        created = entities.millis(found.created)
        tags = entities.tags_of(about.properties)
        return Row(
            name=collection.title,
            number=number,
            created=created,
            updated=max(created, entities.millis(about.changed)),
            run_id=entities.run_of(found),
            source_path=entities.source_of(collection, number, found, self._repository.location),
            tags=tags,
            is_prompt=is_prompt or entities.is_prompt(tags),
            found=(collection, number, found),
        )

    def _collections(self) -> Iterator[Collection]:
        for name, facts in self._facts.items():
            if name in self._noted:
                title = titles.title_of(name, self._noted[name].properties)
                yield Collection(name, title, isinstance(facts, Model))

    def _held(self, collections: list[Collection]) -> Iterator[tuple[Collection, int, Version]]:
        """The versions that these hold, each under its number there."""
        artifacts = {one.name: one for one in collections if not one.linking}
        if artifacts:
            within = list(artifacts) if len(artifacts) <= _FEW else []
            for found in self._repository.search(where=(), within=within):
                if found.artifact in artifacts:
                    yield artifacts[found.artifact], found.number, found
        for one in collections:
            if one.linking:
                links = self._repository.model(one.name).links
                for link, found in zip(links, self._repository.versions(one.name), strict=True):
                    yield one, link.number, found
