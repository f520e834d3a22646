"""MLflow's model registry in a repository: `mlflow.set_registry_uri("mreg:///srv/models")`. See docs/from-mlflow.md.

MLflow loads these two functions when it is imported, and would not come up if that failed. So they load the rest when
they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mreg.integrations.mlflow.artifacts import VersionArtifacts
    from mreg.integrations.mlflow.store import ModelRegistry


def open_registry(store_uri: str, tracking_uri: str | None = None) -> ModelRegistry:
    """The entry point for registry URIs. Where metrics come from, MLflow's own settings say."""
    from mreg.integrations.mlflow.store import ModelRegistry  # noqa: PLC0415 - see above

    return ModelRegistry(store_uri, tracking_uri)


def open_artifacts(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
) -> VersionArtifacts:
    """The entry point for the URIs of versions, which the registry gives out."""
    from mreg.integrations.mlflow.artifacts import VersionArtifacts  # noqa: PLC0415 - see above

    return VersionArtifacts(artifact_uri, tracking_uri, registry_uri)
