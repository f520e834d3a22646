"""A Keras model after each epoch as a version:

    from mreg.integrations.keras import MregCallback

    model.fit(x, y, epochs=3, callbacks=[MregCallback("mnist", best="max:val_accuracy")])

In each version the model is `model.keras`: `keras.saving.load_model(repo.use("mnist:best") / "model.keras")`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mreg.integrations.needed import needs
from mreg.integrations.training import Checkpoints

with needs("Keras", "keras"):
    from keras.callbacks import Callback

__all__ = ["FILE", "MregCallback"]

FILE = "model.keras"


class MregCallback(Callback):  # type: ignore[misc, unused-ignore]
    """The options are those of `mreg.integrations.training.Checkpoints`; metrics are what Keras logs of an epoch."""

    def __init__(self, artifact: str, **options: Any) -> None:
        super().__init__()
        self.checkpoints = Checkpoints(artifact, **options)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.checkpoints.save_by(self._write, step=epoch, metrics=logs)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self.checkpoints.flush()

    def _write(self, folder: str) -> None:
        self.model.save(os.path.join(folder, FILE))
