"""Tensors of a version one by one, without a copy of it on disk:

    from mreg.integrations import safetensors

    with safetensors.open("llama:best") as model:
        print(model.keys(), model.metadata())
        embedding = model.get_tensor("model.embed_tokens.weight")
        rows = model.get_slice("lm_head.weight")[1000:2000]

What is read is the header of the file and the chunks (1 MiB or so) in which the bytes that are wanted lie; each is
verified. The package safetensors is not needed.
"""

from __future__ import annotations

import io
from contextlib import ExitStack
from typing import Any, Self, SupportsIndex

import numpy as np

from mreg.integrations._tensors import (
    Convert,
    Given,
    UnreadableTensors,
    array_in,
    as_numpy,
    bits,
    checked,
    opened,
    shards,
)
from mreg.repository import Repository
from mreg.values.tensors import Tensor

__all__ = ["SafeTensors", "Slice", "open"]

_FRAMEWORKS = {"numpy": "numpy", "np": "numpy", "pt": "torch", "torch": "torch", "pytorch": "torch"}


def open(reference: str, path: str | None = None, *, repo: Given = None, framework: str = "numpy") -> SafeTensors:
    """Open the safetensors file `path` of a version, or the model whose index (`….safetensors.index.json`) it is.

    path: not needed where the version has an index, or one safetensors file. repo: the repository, or where it is;
    without it the one that `Repository.find()` gives. framework: `numpy`, or `torch` (`pt`). What NumPy has no dtype
    for (BF16, FP8) comes as ml_dtypes has it where that is installed, else as unsigned integers of the same bits. The
    reference is resolved once. Raises NotFound, UnreadableTensors; DamagedFile while reading.
    """
    if framework not in _FRAMEWORKS:
        raise ValueError(f"{framework!r} is not one of {', '.join(_FRAMEWORKS)}")
    convert: Convert = as_numpy
    if _FRAMEWORKS[framework] == "torch":
        from mreg.integrations.torch import as_torch  # noqa: PLC0415 - where it is wanted

        convert = as_torch
    with ExitStack() as stack:
        repository = stack.enter_context(opened(repo))
        found = SafeTensors(repository, repository.resolve(reference).name, path, convert)
        found._closing = stack.pop_all()
        return found


class SafeTensors:
    """Use it as a context manager, or `close` it. What it gives are copies of their own."""

    def __init__(self, repository: Repository, version: str, path: str | None, convert: Convert) -> None:
        self.version = version
        self._repository = repository
        self._convert = convert
        self._shards = shards(repository, version, path)
        self._listed: dict[str, tuple[dict[str, Tensor], dict[str, str]]] = {}
        self._files: dict[str, io.BufferedReader] = {}
        self._closing = ExitStack()
        if self._shards.files is None:
            self._of(self._shards.paths[0])

    def keys(self) -> list[str]:
        """The names of the tensors, sorted."""
        files = self._shards.files
        return sorted(self._of(self._shards.paths[0])[0] if files is None else files)

    def metadata(self) -> dict[str, str]:
        """What the file, or the index, says of itself."""
        if self._shards.files is None:
            return dict(self._of(self._shards.paths[0])[1])
        return dict(self._shards.metadata)

    def tensor(self, name: str) -> Tensor:
        """Where the tensor lies, with its dtype and shape. Raises KeyError, UnreadableTensors."""
        files = self._shards.files
        path = self._shards.paths[0] if files is None else files[name]
        found = self._of(path)[0]
        if files is not None and name not in found:
            raise UnreadableTensors(path=path, version=self.version, reason=f"it has no tensor {name!r}")
        return found[name]

    def get_tensor(self, name: str) -> Any:
        """The tensor. Raises KeyError, UnreadableTensors, DamagedFile."""
        return self.get_slice(name)[...]

    def get_slice(self, name: str) -> Slice:
        """The tensor, of which `[rows]` and so on reads only these rows. Raises KeyError, UnreadableTensors."""
        tensor = self.tensor(name)
        bits(tensor, self.version)
        if tensor.order != "C":
            raise UnreadableTensors(
                path=tensor.file, version=self.version, reason=f"{name!r} is stored in column-major order"
            )
        return Slice(self, tensor)

    def close(self) -> None:
        self._files.clear()
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _of(self, path: str) -> tuple[dict[str, Tensor], dict[str, str]]:
        if path not in self._listed:
            self._listed[path] = checked(self._repository, self.version, path)
        return self._listed[path]

    def _rows(self, tensor: Tensor, first: int, end: int) -> np.ndarray[Any, Any]:
        """These rows of the tensor (its outermost dimension)."""
        size = tensor.size // max(1, tensor.shape[0]) if tensor.shape else tensor.size
        shape = (end - first, *tensor.shape[1:]) if tensor.shape else ()
        buffer = np.empty(size * (end - first), np.uint8)
        if tensor.file not in self._files:
            self._files[tensor.file] = self._repository.open_file(self.version, tensor.file)
        raw: Any = self._files[tensor.file].raw
        raw.seek(tensor.start + size * first)
        raw.readinto(buffer.data)
        return array_in(buffer, tensor._replace(shape=shape), self.version, 0)


class Slice:
    """A tensor that is read as far as it is indexed, as NumPy indexes; the outermost index says what is read."""

    def __init__(self, model: SafeTensors, tensor: Tensor) -> None:
        self._model = model
        self._tensor = tensor

    def get_shape(self) -> list[int]:
        return list(self._tensor.shape)

    def get_dtype(self) -> str:
        """In the spelling of safetensors: `BF16`."""
        return self._tensor.dtype

    def __getitem__(self, index: Any) -> Any:
        first, *others = index if isinstance(index, tuple) and index else (index,)
        shape = self._tensor.shape
        if not shape or isinstance(first, bool) or not isinstance(first, slice | SupportsIndex):
            found = self._rows(0, shape[0] if shape else 1)[index]
        elif isinstance(first, slice):
            wanted = range(shape[0])[first]
            ends = (min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1]) + 1) if wanted else (0, 0)
            found = self._rows(*ends)[(slice(None, None, wanted.step), *others)]
        else:
            row = range(shape[0])[first]
            found = self._rows(row, row + 1)[(0, *others)]
        return self._model._convert(np.asarray(found), self._tensor.dtype)

    def _rows(self, first: int, end: int) -> np.ndarray[Any, Any]:
        return self._model._rows(self._tensor, first, end)
