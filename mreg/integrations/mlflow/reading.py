"""What MLflow asks of the registry: one model, one version, or all that a search is to look through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

from mreg.integrations.mlflow import entities, titles
from mreg.integrations.mlflow.collections import Collection, find, number_of, stage_of
from mreg.integrations.mlflow.errors import refuse
from mreg.integrations.mlflow.search import Row
from mreg.repository import Repository
from mreg.values.entities import Artifact, Model, Noted, Version
from mreg.values.errors import NotFound
from mreg.values.named_tuple import NamedTuple

_FEW, _MANY = 100, 100
"""Versions that are read one by one, and collections that a search is told of; of more, it goes through all."""


class Held(NamedTuple):
    """A version by its number in the collection."""

    collection: Collection
    number: int
    about: Noted


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
        return [self.model_version(collection, number) for number in self.latest(collection)]

    def latest(self, collection: Collection) -> list[int]:
        """The highest number of each stage."""
        stages = {stage_of(self.about(collection, number).properties): number for number in self.numbers(collection)}
        return list(stages.values())

    def shown(self, collection: Collection) -> set[int]:
        """The numbers of the versions that `model` looks at: the latest, and the first."""
        return {*self.latest(collection), *self.numbers(collection)[:1]}

    def model_version(self, collection: Collection, number: int) -> ModelVersion:
        found, aliases = self.version(collection.version(number)), self.aliases_on(collection, number)
        return entities.model_version(collection, number, found, self.about(collection, number), aliases, self.location)

    def aliases_on(self, collection: Collection, number: int) -> list[str]:
        return [alias for alias, at in self.facts[collection.name].aliases.items() if at == f"v{number}"]

    def about(self, collection: Collection, number: int) -> Noted:
        return self.noted[collection.version(number)]

    def numbers(self, collection: Collection) -> list[int]:
        """Of its versions, ascending."""
        start = f"{collection.name}:v"
        return sorted(number_of(name) for name in self.noted if name.startswith(start))


class Catalogue:
    """All models and all versions, for searches. What is on the page that is asked for is all that is made of it, so
    looking through them is most of the work, and is done once for each state of the repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._state = _state(repository)

    def is_current(self) -> bool:
        return self._state == _state(self._repository)

    @cached_property
    def model_rows(self) -> list[Row]:
        """All models."""
        rows = []
        for collection, about in self._collections.items():
            tags, updated = entities.tags_of(about.properties), entities.millis(about.changed)
            rows.append(Row(collection.title, 0, 0, updated, None, None, tags, entities.is_prompt(tags), collection))
        return rows

    def models(self, rows: list[Row]) -> list[RegisteredModel]:
        """Those of the rows."""
        looks = {row.found: self._look(row.found) for row in rows}
        wanted = [
            Held(one, number, look.about(one, number)) for one, look in looks.items() for number in look.shown(one)
        ]
        versions = {
            one.collection.version(one.number): found for one, found in zip(wanted, self._versions(wanted), strict=True)
        }
        return [look._replace(version=versions.__getitem__).model(one) for one, look in looks.items()]

    def version_rows(self, titles: set[str] | None, whole: bool) -> list[Row]:
        """All versions, or those of the models that MLflow calls so. whole: also what only the records of the versions
        say: when they were made, and of which run and source."""
        if titles is None:
            return self._all_whole if whole else self._all
        of = {found.name: found for title in titles if (found := find(self._repository, title))}
        rows = [row for name in of for row in self._rows(of, self._repository.noted(name))]
        return self._completed(rows) if whole else rows

    def versions(self, rows: list[Row]) -> list[ModelVersion]:
        """Those of the rows."""
        versions = self._versions([row.found for row in rows])
        return [self._version(row.found, version) for row, version in zip(rows, versions, strict=True)]

    @cached_property
    def _all(self) -> list[Row]:
        return self._rows({one.name: one for one in self._collections}, self._repository.noted())

    @cached_property
    def _all_whole(self) -> list[Row]:
        return self._completed(self._all)

    def _rows(self, of: Mapping[str, Collection], noted: Mapping[str, Noted]) -> list[Row]:
        rows = []
        for name, about in noted.items():
            model, colon, number = name.partition(":v")
            if colon and model in of:
                tags, updated = entities.tags_of(about.properties), entities.millis(about.changed)
                is_prompt = entities.is_prompt(tags) or entities.is_prompt(noted[model].properties)
                found = Held(of[model], int(number), about)
                rows.append(Row(found.collection.title, found.number, 0, updated, None, None, tags, is_prompt, found))
        return rows

    def _completed(self, rows: list[Row]) -> list[Row]:
        versions, location = self._versions([row.found for row in rows]), self._repository.location
        return [
            row._replace(
                created=entities.millis(version.created),
                run_id=entities.run_of(version),
                source_path=entities.source_of(row.found.collection, row.number, version, location),
            )
            for row, version in zip(rows, versions, strict=True)
        ]

    def _versions(self, wanted: list[Held]) -> list[Version]:
        """What these are in the repository."""
        names = [one.collection.version(one.number) for one in wanted]
        found: dict[str, Version] = {}
        if len(names) > _FEW:
            within = list({one.collection.name for one in wanted if not one.collection.linking})
            every = self._repository.search(where=(), within=within if len(within) <= _MANY else [])
            found = {one.name: one for one in every}
        return [found.get(name) or self._repository.version(name) for name in names]

    def _version(self, held: Held, version: Version) -> ModelVersion:
        collection, number, about = held
        aliases = self._look(collection).aliases_on(collection, number) if collection.linking else version.aliases
        return entities.model_version(collection, number, version, about, aliases, self._repository.location)

    def _look(self, collection: Collection) -> _Look:
        return _Look.at(self._repository, collection, self._repository.noted(collection.name))

    @cached_property
    def _collections(self) -> dict[Collection, Noted]:
        linking = {one.name for one in self._repository.models()}
        found = self._repository.noted(within=False).items()
        return {
            Collection(name, titles.title_of(name, about.properties), name in linking): about for name, about in found
        }


def _state(repository: Repository) -> object:
    """What is another one once anything was changed."""
    last = repository.history(limit=1)
    return (last[0].seq, last[0].time) if last else None
