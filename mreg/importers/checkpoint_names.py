"""What the names of checkpoints say: `checkpoint-500`, `epoch=3-val_loss=0.1`, `model_step_0001000`."""

from __future__ import annotations

import re
from typing import Final

from mreg.values.named_tuple import NamedTuple

STEPS: Final = ("global_step", "step", "steps", "iteration", "iter", "checkpoint", "ckpt", "epoch", "epochs", "batch")
"""Words before a number that counts training, the finest first."""

_PAIR: Final = re.compile(r"([A-Za-z][\w/.]*?)=(-?(?:\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|nan|inf))(?=$|[-_. ])")
_EXACT: Final = 2**53
"""Below it, a float is the whole number that it was read from. No training counts so far."""

_WORD: Final = re.compile(r"([A-Za-z]+)[-_]?(\d{1,15})(?!\d)")
_NUMBER: Final = re.compile(r"\d{1,15}")
_SEPARATORS: Final = "-_. ="


class CheckpointName(NamedTuple):
    """kind: how the names of its kind begin. order: by which they are sorted. steps, metrics: what its numbers mean."""

    kind: str
    order: tuple[float, ...]
    steps: dict[str, int]
    metrics: dict[str, float]


def understood(name: str) -> CheckpointName | None:
    """What a name without its ending says; None where no number stands in it."""
    pairs = {key: float(value) for key, value in _PAIR.findall(name)}
    steps = {key: int(value) for key, value in pairs.items() if is_step(key) and value.is_integer() and value < _EXACT}
    metrics = {key: value for key, value in pairs.items() if key not in steps}
    rest = _PAIR.sub("", name)
    for word, number in _WORD.findall(rest):
        if is_step(word):
            steps.setdefault("step" if word.casefold() in ("checkpoint", "ckpt") else word, int(number))
    numbers = [float(number) for number in _NUMBER.findall(rest)]
    order = [float(steps[key]) for key in sorted(steps, key=_rank)]
    if not (order or numbers):
        return None
    kind = re.split(r"[-_. ]*[A-Za-z][\w/.]*?=", name)[0] if pairs else _NUMBER.sub("", name)
    return CheckpointName(kind.casefold().strip(_SEPARATORS), (*order, *numbers), steps, metrics)


def is_step(word: str) -> bool:
    """Does a number after it count training?"""
    return word.casefold() in STEPS


def _rank(word: str) -> int:
    return STEPS.index(word.casefold())
