"""The bytes of a version that MLflow registers, and what its run says of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import PROMPT_TEXT_TAG_KEY, PROMPT_TYPE_CHAT, PROMPT_TYPE_TAG_KEY
from mlflow.store.artifact.utils.models import _parse_model_uri
from mlflow.tracking import MlflowClient
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import get_uri_scheme

from mreg.integrations.mlflow.collections import SAID
from mreg.integrations.mlflow.entities import is_prompt
from mreg.repository import Paths
from mreg.small_files import scratch_folder
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import is_name

_logger = logging.getLogger(__name__)

NOTE: Final = "mlflow-source.txt"
"""The file of a version whose model could not be had: it says where that is."""

_SQLITE: Final = "sqlite:///"


class Registered(NamedTuple):
    """A version `name`, `number` of this registry as the source of another one."""

    name: str
    number: str


class Bytes(NamedTuple):
    """paths: what to log. address: of the model, where it could not be had."""

    paths: Paths | Mapping[str, bytes]
    address: str | None = None


class Lineage(NamedTuple):
    """What tracking knows of where a version comes from."""

    run_id: str | None
    location: str | None
    metrics: dict[str, float]
    params: dict[str, str]

    @property
    def run(self) -> str | None:
        """The id of the run, where mreg takes it for one."""
        return self.run_id if self.run_id and is_name(self.run_id) else None

    def metadata(self, said: Mapping[str, str | None]) -> dict[str, Any]:
        """That of the version. said: what else MLflow says of it."""
        said = {**said, "run_id": None if self.run else self.run_id}
        found = {SAID: {key: value for key, value in said.items() if value}}
        return {**found, **{"metrics": self.metrics or None, "params": self.params or None}}


def registered(source: str) -> Registered | None:
    """The version that `models:/NAME/VERSION` means."""
    if get_uri_scheme(source) != "models":
        return None
    found = _parse_model_uri(source)
    if found.model_id is not None:
        return None
    if found.name is None or found.version is None:
        raise MlflowException.invalid_parameter_value(f"the source {source!r} names no version: models:/NAME/VERSION")
    return Registered(found.name, found.version)


def fetch(source: str, local: str | None, tags: Mapping[str, str], location: str | None, stack: ExitStack) -> Bytes:
    """The files of a model. local: where they are already, if somewhere. location: of the logged model that is meant.
    What is downloaded is gone when the stack is closed. A model that cannot be had is no error to
    MLflow: it is told."""
    if is_prompt(tags):
        ending = "json" if tags.get(PROMPT_TYPE_TAG_KEY) == PROMPT_TYPE_CHAT else "txt"
        return Bytes({f"prompt.{ending}": tags.get(PROMPT_TEXT_TAG_KEY, "").encode()})
    if local and os.path.isdir(local):
        return Bytes(local)
    address = location or source
    if get_uri_scheme(address) in ("", "file"):
        path = local_file_uri_to_path(address)
        return Bytes(path) if os.path.exists(path) else _only(address, "nothing is there")
    folder = stack.enter_context(scratch_folder())
    try:
        return Bytes(mlflow.artifacts.download_artifacts(artifact_uri=address, dst_path=folder))
    except Exception as error:  # whatever the store behind the address raises
        return _only(address, str(error))


def _only(address: str, reason: str) -> Bytes:
    _logger.warning("The version holds no model, only the address %s: %s", address, reason)
    return Bytes({NOTE: f"{address}\n".encode()}, address)


def lineage(source: str, run_id: str | None, model_id: str | None) -> Lineage:
    """What tracking knows; nothing of a run that it does not know. Raises MlflowException where the source is a logged
    model that it does not know."""
    model_id = model_id or (_parse_model_uri(source).model_id if get_uri_scheme(source) == "models" else None)
    metrics: dict[str, float] = {}
    params: dict[str, str] = {}
    location = None
    if model_id:
        model = MlflowClient().get_logged_model(model_id)
        run_id = run_id or model.source_run_id
        location = model.artifact_location
        metrics = {metric.key: metric.value for metric in model.metrics or []}
        params = dict(model.params or {})
    run = _run(run_id) if run_id else None
    if run is not None:
        metrics, params = {**run.data.metrics, **metrics}, {**run.data.params, **params}
    return Lineage(run_id, location, metrics, params)


def _run(run_id: str) -> Any:
    """The run, None where tracking does not know it."""
    if not _is_there(mlflow.get_tracking_uri()):
        return None
    try:
        return MlflowClient().get_run(run_id)
    except Exception as error:  # there may be no tracking at all, as in mlflow-skinny
        _logger.debug("The metrics of run %s are not recorded: %s", run_id, error)
        return None


def _is_there(tracking: str) -> bool:
    """Whether there can be runs. A database, or a folder, that is not there would be made by the question."""
    if tracking.startswith(_SQLITE):
        return os.path.exists(tracking.removeprefix(_SQLITE))
    if get_uri_scheme(tracking) in ("", "file"):
        return os.path.exists(local_file_uri_to_path(tracking) or "mlruns")
    return True
