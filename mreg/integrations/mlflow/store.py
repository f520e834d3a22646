"""MLflow's model registry over a repository.

A registered model is an artifact whose numbers begin at 1, a version is a version of it, and an alias an alias; tags
are properties, a description is that of the artifact or the message of the version. The registered models of mreg's own
are there too; what MLflow copies into one is linked. What differs from MLflow's SQL store: docs/from-mlflow.md.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

from mlflow.entities.model_registry import ModelVersion, ModelVersionTag, RegisteredModel, RegisteredModelTag
from mlflow.entities.model_registry.model_version_stages import (
    ALL_STAGES,
    DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS,
    STAGE_ARCHIVED,
    STAGE_NONE,
    get_canonical_stage,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.utils import validation

from mreg.integrations.mlflow import entities, reading, search, sources, titles, uris, writing
from mreg.integrations.mlflow.collections import ADDRESS, CREATED, STAGE, Collection, find, stage_of
from mreg.integrations.mlflow.errors import refuse, translated
from mreg.integrations.mlflow.webhooks import NoWebhooks
from mreg.repository import Repository
from mreg.repository.change import Change
from mreg.values.errors import NotFound


class ModelRegistry(NoWebhooks, AbstractStore):  # type: ignore[misc, unused-ignore]
    """The repository of a URI (see `uris`), as MLflow's registry store. Usable from several threads, and pickled."""

    @translated
    def __init__(self, store_uri: str, tracking_uri: str | None = None) -> None:
        super().__init__(store_uri, tracking_uri)
        self._uri = store_uri
        self._repository: Repository = uris.parse(store_uri).repository()
        self._found: reading.Catalogue | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__getstate__().items() if key not in ("_repository", "_found")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._repository = uris.parse(self._uri).repository()
        self._found = None

    # Models.

    @translated
    def create_registered_model(
        self,
        name: str,
        tags: Sequence[RegisteredModelTag] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> RegisteredModel:
        validation._validate_model_name(name)
        for tag in tags or []:
            validation._validate_registered_model_tag(tag.key, tag.value)
        said = {CREATED: time.time_ns() // 1_000_000, **writing.by_key(tags)}
        return reading.model(
            self._repository,
            writing.change(self._repository, lambda change: writing.make(change, name, said, description or "")),
        )

    @translated
    def update_registered_model(
        self, name: str, description: str | None, deployment_job_id: str | None = None
    ) -> RegisteredModel:
        collection = self._require(name)
        self._repository.describe(collection.name, description or "")
        return reading.model(self._repository, collection)

    @translated
    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        validation._validate_model_renaming(new_name)
        collection = self._require(name)
        if find(self._repository, new_name):
            refuse(f"Registered Model (name={new_name}) already exists.", RESOURCE_ALREADY_EXISTS)
        rename = self._repository.rename_model if collection.linking else self._repository.rename_artifact
        name = writing.named(
            self._repository,
            new_name,
            lambda name: rename(collection.name, name, properties=titles.said(name, new_name)),
        )
        return reading.model(self._repository, collection._replace(name=name, title=new_name))

    @translated
    def delete_registered_model(self, name: str) -> None:
        collection = self._require(name)
        if collection.linking:
            self._repository.remove_model(collection.name, force=True)
            return
        self._check_free(collection, [found.number for found in self._repository.versions(collection.name)])
        self._repository.remove_artifact(collection.name, force=True)

    def _check_free(self, collection: Collection, numbers: Iterable[int]) -> None:
        """Raises MlflowException where a registered model of mreg's links one of these: MLflow would not see what it
        breaks."""
        for number in numbers:
            links = self._repository.version(collection.version(number)).links
            if links:
                refuse(f"mreg: {collection.version(number)} is linked as {', '.join(links)}; unlink it first")

    @translated
    def get_registered_model(self, name: str) -> RegisteredModel:
        return reading.model(self._repository, self._require(name))

    @translated
    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        most = search.check_models(max_results)
        wanted, orders = search.model_filter(filter_string), search.model_order(order_by)
        found = self._catalogue()
        return search.page(found.model_rows, wanted, orders, most, page_token, found.models)

    @translated
    def get_latest_versions(self, name: str, stages: Sequence[str] | None = None) -> list[ModelVersion]:
        wanted = {get_canonical_stage(stage) for stage in stages or ALL_STAGES}
        found = reading.latest_versions(self._repository, self._require(name))
        return [one for one in found if one.current_stage in wanted]

    @translated
    def set_registered_model_tag(self, name: str, tag: RegisteredModelTag) -> None:
        validation._validate_registered_model_tag(tag.key, tag.value)
        self._repository.set_property(self._require(name).name, tag.key, tag.value)

    @translated
    def delete_registered_model_tag(self, name: str, key: str) -> None:
        validation._validate_tag_name(key)
        writing.remove_property(self._repository, self._require(name).name, key)

    # Versions.

    @translated
    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Sequence[ModelVersionTag] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> ModelVersion:
        validation._validate_model_name(name)
        for tag in tags or []:
            validation._validate_model_version_tag(tag.key, tag.value)
        collection, of = self._require(name), self._registered(source)
        by_key = writing.by_key(tags)
        if collection.linking:
            return self._link(collection, source, of, by_key)
        lineage = sources.lineage(source, run_id, model_id)
        with ExitStack() as stack:
            if of is None:
                got = sources.fetch(source, local_model_path, by_key, lineage.location, stack)
            else:
                got = sources.Bytes({}, entities.address_of(self._repository.version(of)))
            said = {"source": source, "run_link": run_link, "model_id": model_id, ADDRESS: got.address}

            def steps(change: Change) -> int:
                logged = change.log(
                    got.paths,
                    collection.name,
                    message=description,
                    metadata=lineage.metadata(said),
                    run=lineage.run,
                    onto=of,
                    inputs=[of] if of else [],
                    always=True,
                )
                writing.tag(change, logged.version.name, by_key)
                return logged.version.number

            number = writing.change(self._repository, steps)
        return reading.version(self._repository, collection, number)

    def _registered(self, source: str) -> str | None:
        """The reference of the version that is the source, if one of the registry is."""
        found = sources.registered(source)
        if found is None:
            return None
        try:
            collection, number = self._version(found.name, found.number)
            return collection.version(number)
        except MlflowException as error:
            message = f"Unable to fetch model from model URI source artifact location '{source}'. Error: {error}"
            raise MlflowException(message) from error

    def _link(self, collection: Collection, source: str, of: str | None, tags: dict[str, str]) -> ModelVersion:
        if of is None:
            refuse(
                f"mreg: {collection.name} is a registered model that links versions of artifacts: "
                f"register {source} under another name, and then copy that version"
            )

        def steps(change: Change) -> int:
            link = change.link(of, collection.name).link
            writing.tag(change, link.name, tags)
            return link.number

        return reading.version(self._repository, collection, writing.change(self._repository, steps))

    @translated
    def update_model_version(self, name: str, version: Any, description: str | None = None) -> ModelVersion:
        collection, number = self._version(name, version)
        self._repository.annotate(collection.version(number), message=description or "")
        return reading.version(self._repository, collection, number)

    @translated
    def transition_model_version_stage(
        self, name: str, version: Any, stage: str, archive_existing_versions: bool
    ) -> ModelVersion:
        canonical = get_canonical_stage(stage)
        if archive_existing_versions and canonical not in DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS:
            raise MlflowException(
                "Model version transition cannot archive existing model versions because "
                f"'{stage}' is not an Active stage. Valid stages are {DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS}"
            )
        collection, number = self._version(name, version)
        moved = {collection.version(number): canonical}
        if archive_existing_versions:
            for reference, about in self._repository.noted(collection.name).items():
                if ":" in reference and stage_of(about.properties) == canonical and reference not in moved:
                    moved[reference] = STAGE_ARCHIVED

        def steps(change: Change) -> None:
            for reference, now in moved.items():
                if now == STAGE_NONE:
                    writing.remove_property(change, reference, STAGE)
                else:
                    change.set_property(reference, STAGE, now)

        writing.change(self._repository, steps)
        return reading.version(self._repository, collection, number)

    @translated
    def delete_model_version(self, name: str, version: Any) -> None:
        collection, number = self._version(name, version)
        if collection.linking:
            self._repository.unlink(collection.version(number), force=True)
            return
        self._check_free(collection, [number])
        self._repository.remove(collection.version(number), force=True)

    @translated
    def get_model_version(self, name: str, version: Any) -> ModelVersion:
        collection, number = self._version(name, version)
        return reading.version(self._repository, collection, number)

    @translated
    def get_model_version_download_uri(self, name: str, version: Any) -> str:
        collection, number = self._version(name, version)
        address = entities.address_of(self._repository.version(collection.version(number)))
        return address or uris.of_version(self._repository.location, collection.version(number))

    @translated
    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        most = search.check_versions(max_results)
        wanted, orders = search.version_filter(filter_string), search.version_order(order_by)
        found = self._catalogue()
        rows = found.version_rows(wanted.names, search.asks_for_records(wanted, orders))
        return search.page(rows, wanted, orders, most, page_token, found.versions)

    @translated
    def set_model_version_tag(self, name: str, version: Any, tag: ModelVersionTag) -> None:
        validation._validate_model_version_tag(tag.key, tag.value)
        collection, number = self._version(name, version)
        self._repository.set_property(collection.version(number), tag.key, tag.value)

    @translated
    def delete_model_version_tag(self, name: str, version: Any, key: str) -> None:
        validation._validate_tag_name(key)
        collection, number = self._version(name, version)
        writing.remove_property(self._repository, collection.version(number), key)

    # Aliases.

    @translated
    def set_registered_model_alias(self, name: str, alias: str, version: Any) -> None:
        validation._validate_model_alias_name(alias)
        validation._validate_model_alias_name_reserved(alias)
        collection, number = self._version(name, version)
        self._repository.set_alias(alias, collection.version(number))

    @translated
    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        validation._validate_model_alias_name(alias)
        collection = self._require(name)
        if any(one.alias == alias for one in self._repository.aliases(collection.name)):
            self._repository.remove_alias(alias, collection.name)

    @translated
    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        validation._validate_model_alias_name(alias)
        collection = self._require(name)
        if alias.lower() == "latest":
            return self._latest(collection)
        found = [one.number for one in self._repository.aliases(collection.name) if one.alias == alias]
        if not found:
            refuse(f"Registered model alias {alias} not found.", INVALID_PARAMETER_VALUE)
        return reading.version(self._repository, collection, found[0])

    def _latest(self, collection: Collection) -> ModelVersion:
        try:
            found = self._repository.resolve(collection.name)
        except NotFound:
            refuse(f"Latest version not found for model {collection.title}.", RESOURCE_DOES_NOT_EXIST)
        number = found.number if found.link is None else found.link
        return reading.version(self._repository, collection, number)

    # What else MLflow asks of a store.

    def _await_model_version_creation(self, mv: ModelVersion, await_creation_for: int) -> None:
        """A version is whole when its creation returns."""

    def _catalogue(self) -> reading.Catalogue:
        """All that there is now."""
        if self._found is None or not self._found.is_current():
            self._found = reading.Catalogue(self._repository)
        return self._found

    def _require(self, name: str) -> Collection:
        validation._validate_model_name(name)
        return reading.require(self._repository, name)

    def _version(self, name: str, version: Any) -> tuple[Collection, int]:
        validation._validate_model_name(name)
        validation._validate_model_version(version)
        number = int(version)
        return reading.require_version(self._repository, name, number), number
