"""A real training run: a small network learns to read digits, and keeps a checkpoint an epoch with all that it needs
to go on, the state of Adam included.

NumPy, and the images that come with scikit-learn. The seed decides everything but the last bits of matrix products,
which NumPy's linear algebra may round in another way on another processor.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Weights = dict[str, Floats]

INPUTS, OUTPUTS = 64, 10
PRETRAINED = 6
"""Epochs before a network is fine-tuned."""

SMALL_BATCH = 8
BATCH, LEARNING_RATE, DECAY, DECAY_OF_SQUARES, TINY = 32, 1e-3, 0.9, 0.999, 1e-8


def train(folder: Path, hidden: int, epochs: int) -> float:
    """Write `epochs` checkpoints, a folder for each; how many of the digits are read rightly at the end.

    Two hidden layers of `hidden` units, float32. The order of the tensors in a file is that of their names.
    Raises ImportError where scikit-learn or safetensors is missing.
    """
    import numpy as np
    from safetensors.numpy import save_file
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    accuracy = 0.0
    for epoch, state in enumerate(_epochs(images, labels, hidden, epochs)):
        below = folder / f"step-{epoch:02}"
        below.mkdir(parents=True)
        save_file(state, below / "checkpoint.safetensors")
        weights = {name.removeprefix("model."): values for name, values in state.items() if name.startswith("model.")}
        accuracy = float((_forward(weights, images)[-1].argmax(axis=1) == labels).mean())
    return accuracy


def fine_tune(hidden: int, rate: float, steps: int) -> Iterator[dict[str, Floats]]:
    """The tensors of a trained network, after `steps` and twice as many steps at a small learning rate."""
    import numpy as np
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    *_, trained = _epochs(images, labels, hidden, PRETRAINED)
    adam = _Adam({name.removeprefix("model."): trained[name] for name in trained if name.startswith("model.")})
    random = np.random.default_rng(1)
    for _ in range(2):
        for _ in range(steps):
            batch = random.integers(0, len(labels), SMALL_BATCH)
            adam.step(images[batch], labels[batch], rate)
        yield adam.state()


def _epochs(images: Floats, labels: NDArray[np.int64], hidden: int, epochs: int) -> Iterator[dict[str, Floats]]:
    """The tensors of the checkpoint after each epoch."""
    import numpy as np

    random = np.random.default_rng(0)
    adam = _Adam(_initial(random, hidden))
    for _ in range(epochs):
        order = random.permutation(len(labels))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            adam.step(images[batch], labels[batch], LEARNING_RATE)
        yield adam.state()


class _Adam:
    """The weights, and what Adam remembers of their gradients."""

    def __init__(self, weights: Weights) -> None:
        import numpy as np

        self._steps = 0
        self._weights = weights
        self._means = {name: np.zeros_like(values) for name, values in weights.items()}
        self._squares = {name: np.zeros_like(values) for name, values in weights.items()}

    def step(self, images: Floats, labels: NDArray[np.int64], rate: float) -> None:
        import numpy as np

        self._steps += 1
        # The two corrections of the young averages are put into the rate.
        rate = np.float32(rate * (1 - DECAY_OF_SQUARES**self._steps) ** 0.5 / (1 - DECAY**self._steps))
        means, squares = self._means, self._squares
        for name, gradient in _gradients(self._weights, images, labels).items():
            means[name] += np.float32(1 - DECAY) * (gradient - means[name])
            squares[name] += np.float32(1 - DECAY_OF_SQUARES) * (gradient * gradient - squares[name])
            self._weights[name] -= rate * means[name] / (np.sqrt(squares[name]) + np.float32(TINY))

    def state(self) -> dict[str, Floats]:
        """All tensors of a checkpoint, which later steps change no more."""
        import numpy as np

        kinds = {"model": self._weights, "adam.mean": self._means, "adam.square": self._squares}
        state = {f"{kind}.{name}": values.copy() for kind, tensors in kinds.items() for name, values in tensors.items()}
        return state | {"adam.step": np.array([self._steps], np.int64)}


def _initial(random: np.random.Generator, hidden: int) -> Weights:
    """He initialisation."""
    import numpy as np

    sizes = [INPUTS, hidden, hidden, OUTPUTS]
    weights = {}
    for number, (above, below) in enumerate(pairwise(sizes)):
        spread = np.float32((2 / above) ** 0.5)
        weights[f"layers.{number}.weight"] = random.standard_normal((above, below), np.float32) * spread
        weights[f"layers.{number}.bias"] = np.zeros(below, np.float32)
    return weights


def _forward(weights: Weights, images: Floats) -> list[Floats]:
    """What goes into each layer, and last the scores."""
    import numpy as np

    values = [images]
    for number in range(3):
        scores = values[-1] @ weights[f"layers.{number}.weight"] + weights[f"layers.{number}.bias"]
        values.append(np.maximum(scores, 0) if number < 2 else scores)
    return values


def _gradients(weights: Weights, images: Floats, labels: NDArray[np.int64]) -> Weights:
    """Of the mean cross-entropy."""
    import numpy as np

    *inputs, scores = _forward(weights, images)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    error = odds / odds.sum(axis=1, keepdims=True)
    error[np.arange(len(labels)), labels] -= 1
    error /= len(labels)
    gradients = {}
    for number in (2, 1, 0):
        gradients[f"layers.{number}.weight"] = inputs[number].T @ error
        gradients[f"layers.{number}.bias"] = error.sum(axis=0)
        error = (error @ weights[f"layers.{number}.weight"].T) * (inputs[number] > 0)
    return gradients
