"""One line each for plain PyTorch, scikit-learn and XGBoost: REPOSITORY. What is loaded equals what was saved."""

from __future__ import annotations

import os
import sys

import numpy as np
import torch
import xgboost
from sklearn.linear_model import LogisticRegression

from mreg import Repository
from mreg.integrations import sklearn as mreg_sklearn, torch as mreg_torch


def main(location: str) -> None:
    os.chdir(location)
    layer = torch.nn.Linear(3, 2)
    for step, loss in enumerate([torch.tensor(0.5), torch.tensor(0.25), torch.tensor(float("nan"))]):
        mreg_torch.save(layer.state_dict(), "layer", step=step, metrics={"loss": loss}, best="min:loss")
    x, y = np.arange(12.0).reshape(6, 2), np.array([0, 0, 0, 1, 1, 1])
    model = LogisticRegression().fit(x, y)
    version = mreg_sklearn.save(model, "iris", metrics={"accuracy": model.score(x, y)}, best="max:accuracy")
    trees = xgboost.XGBClassifier(n_estimators=2).fit(x, y)
    mreg_sklearn.save(trees, "trees")

    assert version is not None and version.name == "iris:v0"
    with Repository.find() as repository:
        assert repository.resolve("layer:best").number == 1
        loaded = torch.load(repository.use("layer:best") / mreg_torch.FILE)
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in layer.state_dict().items())
    assert np.array_equal(mreg_sklearn.load("iris:best").coef_, model.coef_)
    again = mreg_sklearn.load("trees", xgboost.XGBClassifier())
    assert np.array_equal(again.predict_proba(x), trees.predict_proba(x))


main(*sys.argv[1:])
