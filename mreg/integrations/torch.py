"""One line in a training loop of plain PyTorch:

    from mreg.integrations import torch as mreg_torch

    state = {"model": model.state_dict(), "step": step}
    mreg_torch.save(state, "mnist", metrics={"accuracy": 0.97}, best="max:accuracy")

What `torch.save` writes is a version, and `torch.load(repo.use("mnist:best") / "checkpoint.pt")` is what was saved.
For many checkpoints, off the training thread: `mreg.integrations.training.Checkpoints`. `mreg_torch.load("bert:best")`
gives the tensors of safetensors files without a copy on disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mreg.integrations._tensors import Given, every_array, opened, shards
from mreg.integrations.needed import needs
from mreg.integrations.training import Checkpoints

with needs("PyTorch", "torch"):
    import torch

if TYPE_CHECKING:
    from mreg.values.entities import Version

__all__ = ["FILE", "load", "save"]

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


def load(reference: str, path: str | None = None, *, repo: Given = None) -> dict[str, torch.Tensor]:
    """The tensors of a version's safetensors file, or of all that its index lists, by name. They are read once, by
    several threads, compared with the files' digests, and share the memory of their file. Arguments and errors are
    those of `mreg.integrations.safetensors.open`, which reads single tensors."""
    with opened(repo) as repository:
        version = repository.resolve(reference).name
        return {
            name: tensor
            for file in shards(repository, version, path).paths
            for name, tensor in every_array(repository, version, file, as_torch)
        }


def as_torch(array: np.ndarray[Any, Any], dtype: str) -> torch.Tensor:
    """The tensor whose bits the array has; dtype: in the spelling of safetensors."""
    array = np.ascontiguousarray(array).reshape(array.shape)  # which makes one dimension of none
    if dtype not in _DTYPES:
        return torch.from_numpy(array)
    return torch.from_numpy(array.view(f"i{array.itemsize}")).view(getattr(torch, _DTYPES[dtype]))


_DTYPES = {
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
}


def _write(state: Any, folder: str) -> None:
    torch.save(state, os.path.join(folder, FILE))
