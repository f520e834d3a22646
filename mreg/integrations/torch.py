"""One line in a training loop of plain PyTorch:

    from mreg.integrations import torch as mreg_torch

    state = {"model": model.state_dict(), "step": step}
    mreg_torch.save(state, "mnist", metrics={"accuracy": 0.97}, best="max:accuracy")

What `torch.save` writes is a version, and `torch.load(repo.use("mnist:best") / "checkpoint.pt")` is what was saved.
For many checkpoints, off the training thread: `mreg.integrations.training.Checkpoints`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from mreg.integrations.training import Checkpoints

if TYPE_CHECKING:
    from mreg.values.entities import Version

__all__ = ["FILE", "save"]

FILE = "checkpoint.pt"


def save(
    state: Any,
    artifact: str,
    *,
    step: int | None = None,
    metrics: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    message: str | None = None,
    strict: bool = True,
    **options: Any,
) -> Version | None:
    """Log what `torch.save(state, …)` writes as the next version of the artifact; the version.

    In a process that is not the first one (rank 0) nothing happens. With `strict=False` a registry that fails stops
    nothing. The other arguments are those of `mreg.integrations.training.Checkpoints`.
    """
    with Checkpoints(artifact, strict=strict, background=False, **options) as checkpoints:
        write = partial(_write, state)
        checkpoints.save_by(write, step=step, metrics=metrics, metadata=metadata, message=message)
        return checkpoints.flush()


def _write(state: Any, folder: str) -> None:
    torch.save(state, os.path.join(folder, FILE))
