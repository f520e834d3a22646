"""What the suites share. They run in processes of their own, beside MLflow: see tests/integrations/test_mlflow.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mreg.repository import Repository

MLMODEL = "flavors:\n  python_function:\n    loader_module: loader\n    code: code\n"
LOADER = """
import os
class Model:
    def __init__(self, path):
        self.files = sorted(os.listdir(path))
    def predict(self, numbers, params=None):
        return [2 * number for number in numbers]
def _load_pyfunc(path):
    return Model(path)
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with Repository.init(tmp_path / "models") as repository:
        yield repository


@pytest.fixture
def store(repository: Repository, tmp_path: Path) -> Any:
    """The registry store, as MLflow makes it."""
    from mlflow.tracking._model_registry.utils import _get_store

    return _get_store(f"mreg://{tmp_path}/models")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model as MLflow saves one, which doubles numbers."""
    (tmp_path / "saved" / "code").mkdir(parents=True)
    (tmp_path / "saved" / "MLmodel").write_text(MLMODEL)
    (tmp_path / "saved" / "code" / "loader.py").write_text(LOADER)
    return tmp_path / "saved"


@pytest.fixture
def model(store: Any) -> Callable[..., Any]:
    """Makes a registered model with these tags."""
    from mlflow.entities.model_registry import RegisteredModelTag

    def make(name: str = "digits", description: str | None = None, **tags: str) -> Any:
        return store.create_registered_model(name, [RegisteredModelTag(k, v) for k, v in tags.items()], description)

    return make


@pytest.fixture
def version(store: Any, folder: Path) -> Callable[..., Any]:
    """Makes a version with these tags."""
    from mlflow.entities.model_registry import ModelVersionTag

    def make(name: str = "digits", source: object = folder, *, tags: dict[str, str] | None = None, **more: Any) -> Any:
        found = [ModelVersionTag(key, value) for key, value in (tags or {}).items()]
        return store.create_model_version(name, str(source), tags=found, **more)

    return make


@pytest.fixture
def refused() -> Callable[..., Any]:
    """Expects MLflow's exception with that code and those words."""
    from mlflow.exceptions import MlflowException

    class Refused:
        def __init__(self, code: str, words: str) -> None:
            self.code, self.raises = code, pytest.raises(MlflowException, match=words)

        def __enter__(self) -> None:
            self.raised = self.raises.__enter__()

        def __exit__(self, *exception: Any) -> bool:
            held = self.raises.__exit__(*exception)
            assert self.raised.value.error_code == self.code
            return bool(held)

    return Refused
