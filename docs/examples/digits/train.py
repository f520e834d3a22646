"""Train a small network to read handwritten digits, and log a checkpoint an epoch.

    mreg init && python train.py

Plain NumPy: one hidden layer, stochastic gradient descent with momentum. The same seed gives the same checkpoints.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from evaluate import WEIGHTS, Images, Labels, Weights, digits, forward, measure
from safetensors.numpy import save_file

import mreg

INPUTS, HIDDEN, OUTPUTS = 64, 48, 10
BATCH, LEARNING_RATE, MOMENTUM = 32, 0.1, 0.9


def initial(random: np.random.Generator) -> Weights:
    """He initialisation."""
    return {
        "hidden.weight": (random.standard_normal((INPUTS, HIDDEN)) * (2 / INPUTS) ** 0.5).astype(np.float32),
        "hidden.bias": np.zeros(HIDDEN, np.float32),
        "output.weight": (random.standard_normal((HIDDEN, OUTPUTS)) * (2 / HIDDEN) ** 0.5).astype(np.float32),
        "output.bias": np.zeros(OUTPUTS, np.float32),
    }


def gradients(weights: Weights, images: Images, labels: Labels) -> Weights:
    """Of the mean cross-entropy."""
    hidden, error = forward(weights, images)
    error[np.arange(len(labels)), labels] -= 1
    error /= len(labels)
    hidden_error = (error @ weights["output.weight"].T) * (hidden > 0)
    return {
        "hidden.weight": images.T @ hidden_error,
        "hidden.bias": hidden_error.sum(axis=0),
        "output.weight": hidden.T @ error,
        "output.bias": error.sum(axis=0),
    }


def train(images: Images, labels: Labels, epochs: int, seed: int) -> Iterator[Weights]:
    """The weights after each epoch."""
    random = np.random.default_rng(seed)
    weights = initial(random)
    velocity = {name: np.zeros_like(values) for name, values in weights.items()}
    for _ in range(epochs):
        order = random.permutation(len(labels))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            for name, gradient in gradients(weights, images[batch], labels[batch]).items():
                velocity[name] = MOMENTUM * velocity[name] - LEARNING_RATE * gradient
                weights[name] = weights[name] + velocity[name]
        yield weights


def save(folder: Path, weights: Weights) -> None:
    """A checkpoint is a folder: the weights, and what is needed to load them."""
    save_file({name: np.ascontiguousarray(values) for name, values in weights.items()}, folder / WEIGHTS)
    config = {"architecture": "mlp", "inputs": INPUTS, "hidden": HIDDEN, "outputs": OUTPUTS}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Train on the digits, logging a checkpoint an epoch.")
    parser.add_argument("--repo", help="the repository (default: as mreg itself finds it)")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    images, labels, validation, validation_labels = digits()
    params = {"batch": BATCH, "learning_rate": LEARNING_RATE, "momentum": MOMENTUM, "hidden": HIDDEN, "seed": args.seed}
    with (
        mreg.Repository.open(args.repo) if args.repo else mreg.Repository.find() as repo,
        tempfile.TemporaryDirectory() as checkpoint,
    ):
        for epoch, weights in enumerate(train(images, labels, args.epochs, args.seed), start=1):
            accuracy, loss = measure(weights, validation, validation_labels)
            save(Path(checkpoint), weights)
            result = repo.log(
                checkpoint,
                "digits",
                run=f"digits-seed{args.seed}",
                message=f"epoch {epoch} of {args.epochs}",
                metadata={
                    "metrics": {"accuracy": accuracy, "loss": loss},
                    "params": {**params, "epoch": epoch},
                },
            )
            print(f"epoch {epoch}  accuracy {accuracy:.4f}  loss {loss:.4f}  {result.version.name}", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except mreg.MregError as error:
        sys.exit(f"error: {error}")
