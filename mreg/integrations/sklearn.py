"""One line after `fit`, for scikit-learn and XGBoost:

    from mreg.integrations import sklearn as mreg_sklearn

    mreg_sklearn.save(model, "iris", metrics={"accuracy": model.score(x, y)}, best="max:accuracy")
    model = mreg_sklearn.load("iris:best")

An estimator is stored as `model.joblib`, which is a pickle: load only what you trust. A model of XGBoost is stored in
its own format, as `model.ubj`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from mreg import lazy
from mreg.integrations.training import Checkpoints
from mreg.repository import Repository
from mreg.values.errors import NotFound

if TYPE_CHECKING:
    from mreg.values.entities import Version

__all__ = ["load", "save"]

_PICKLED = "model.joblib"
_XGBOOST = "model.ubj"


class NoModel(NotFound):
    code = "no-model"
    template = "{name} has neither model.joblib nor model.ubj: it was not logged by mreg.integrations.sklearn"

    name: str


def save(
    model: Any,
    artifact: str,
    *,
    metrics: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    message: str | None = None,
    strict: bool = True,
    **options: Any,
) -> Version | None:
    """Log the fitted model as the next version of the artifact; the version.

    With `strict=False` a registry that fails stops nothing. The other arguments are those of
    `mreg.integrations.training.Checkpoints`.
    """
    with Checkpoints(artifact, strict=strict, background=False, **options) as checkpoints:
        checkpoints.save_by(partial(_write, model), metrics=metrics, metadata=metadata, message=message)
        return checkpoints.flush()


def load(reference: str, model: Any = None, *, repository: Repository | None = None) -> Any:
    """The model of a version. model: for one of XGBoost, an object of its class to load it into (without it a Booster).

    repository: without it the one that `Repository.find()` gives. Raises NoModel.
    """
    repo = repository or Repository.find()
    try:
        folder = repo.use_path(reference)
    finally:
        if repo is not repository:
            repo.close()
    if os.path.exists(os.path.join(folder, _PICKLED)):
        return lazy.load("joblib").load(os.path.join(folder, _PICKLED))
    if not os.path.exists(os.path.join(folder, _XGBOOST)):
        raise NoModel(name=reference)
    model = lazy.load("xgboost").Booster() if model is None else model
    model.load_model(os.path.join(folder, _XGBOOST))
    return model


def _write(model: Any, folder: str) -> None:
    if hasattr(model, "save_model"):
        model.save_model(os.path.join(folder, _XGBOOST))
    else:
        lazy.load("joblib").dump(model, os.path.join(folder, _PICKLED))
