"""What other tools load of mreg by themselves, named in `pyproject.toml`.

MLflow loads its entry points when it is imported, and would not come up if that failed. So this module imports nothing,
and loads an adapter when it is first used. One that cannot be loaded, broken or short of a package, is told in a
sentence that says what to install.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from mreg.integrations.fsspec import MregFileSystem as MregFileSystem
    from mreg.integrations.mlflow.artifacts import VersionArtifacts
    from mreg.integrations.mlflow.store import ModelRegistry
else:

    def __getattr__(name):
        """fsspec wants a class, which it loads with the first `mreg://`."""
        if name != "MregFileSystem":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return _load("fsspec", "fsspec", name, RuntimeError)  # of an ImportError, fsspec would show its own words only


def open_registry(store_uri: str, tracking_uri: str | None = None) -> ModelRegistry:
    """MLflow's registry URIs. Where metrics come from, MLflow's own settings say."""
    opened: ModelRegistry = _of_mlflow("store", "ModelRegistry")(store_uri, tracking_uri)
    return opened


def open_artifacts(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
) -> VersionArtifacts:
    """MLflow's URIs of versions, which the registry gives out."""
    opened: VersionArtifacts = _of_mlflow("artifacts", "VersionArtifacts")(artifact_uri, tracking_uri, registry_uri)
    return opened


def _of_mlflow(module: str, name: str) -> Any:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see above

    return _load("MLflow", f"mlflow.{module}", name, MlflowException)


def _load(tool: str, module: str, name: str, kind: type[Exception]) -> Any:
    """What an adapter calls so. Raises `kind`."""
    import importlib  # noqa: PLC0415 - see above

    try:
        return getattr(importlib.import_module(f"mreg.integrations.{module}"), name)
    except Exception as error:  # whatever a broken module raises
        reason = f"{type(error).__name__}: {error}"
        install = f"pip install --upgrade 'mreg[{tool.lower()}]'"
        raise kind(f"mreg's adapter for {tool} cannot be loaded: {reason}. Install it again: {install}") from error
