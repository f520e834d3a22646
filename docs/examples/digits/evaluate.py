"""Measure a checkpoint on the validation set, digits that it was not trained on, and print its accuracy.

    python evaluate.py "$(mreg use digits-classifier:production)"

With `--expect 0.975` it fails (exit status 1) where another accuracy comes out: that is how promote.sh proves
that what is served is what was recorded.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

Weights = dict[str, NDArray[np.float32]]
Images = NDArray[np.float32]
Labels = NDArray[np.int64]

WEIGHTS = "model.safetensors"


def digits() -> tuple[Images, Labels, Images, Labels]:
    """1,437 images of 64 pixels to train on and what they show, then 360 for validation: always the same ones."""
    images, labels = load_digits(return_X_y=True)
    train, validation, train_labels, validation_labels = train_test_split(
        (images / 16).astype(np.float32), labels, test_size=360, random_state=0, stratify=labels
    )
    return train, train_labels, validation, validation_labels


def forward(weights: Weights, images: Images) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The hidden layer, and for every image the probability of each digit."""
    hidden = np.maximum(images @ weights["hidden.weight"] + weights["hidden.bias"], 0)
    scores = hidden @ weights["output.weight"] + weights["output.bias"]
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return hidden, odds / odds.sum(axis=1, keepdims=True)


def measure(weights: Weights, images: Images, labels: Labels) -> tuple[float, float]:
    """Accuracy, and mean cross-entropy."""
    _, probabilities = forward(weights, images)
    accuracy = float((probabilities.argmax(axis=1) == labels).mean())
    likelihood = np.clip(probabilities[np.arange(len(labels)), labels], 1e-9, 1)
    return round(accuracy, 4), round(float(-np.log(likelihood).mean()), 4)


def main() -> int:
    parser = argparse.ArgumentParser(description="Print the accuracy of a checkpoint on the validation set.")
    parser.add_argument("folder", type=Path, help="a checkpoint, as train.py logs it")
    parser.add_argument("--expect", type=float, metavar="ACCURACY", help="fail where it is not this one")
    args = parser.parse_args()

    _, _, images, labels = digits()
    accuracy, _ = measure(load_file(args.folder / WEIGHTS), images, labels)
    print(f"{accuracy:.4f}")
    if args.expect is not None and abs(accuracy - args.expect) > 1e-9:
        print(f"error: the accuracy is {accuracy:.4f}, but {args.expect:.4f} was recorded", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
