"""A training with Keras: REPOSITORY OUTPUT EPOCHS [DIE_IN_EPOCH]. Goes on from `net:last`, if that is there."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np

from mreg import NotFound, Repository
from mreg.integrations.keras import FILE, MregCallback


class Dies(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.epoch:
            os.kill(os.getpid(), signal.SIGKILL)


def main(location: str, output: str, epochs: str, die_in: str = "-1") -> None:
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    y = x.sum(1, keepdims=True)
    with Repository.open(location) as repository:
        try:
            version = repository.version("net:last")
            model = keras.saving.load_model(repository.use("net:last") / FILE)
            first = version.metadata["step"] + 1
        except NotFound:
            model, first = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]), 0
            model.compile("adam", "mse")
        saving = MregCallback("net", best="min:val_loss", repository=location, strict=True)
        callbacks = [saving, Dies(int(die_in))]
        given = {"validation_data": (x, y), "verbose": 0, "shuffle": False}
        model.fit(x, y, epochs=int(epochs), initial_epoch=first, callbacks=callbacks, **given)
        loaded = keras.saving.load_model(repository.use("net:last") / FILE)
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(one, other)
    np.savez(os.path.join(output, "final.npz"), *model.get_weights())


main(*sys.argv[1:])
