"""What readers of tensors share: which files hold them, and the arrays that their bytes are."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from os import PathLike
from typing import Any, Final

import numpy as np

from mreg.repository import Repository
from mreg.values.errors import InvalidInput
from mreg.values.named_tuple import NamedTuple
from mreg.values.tensors import Tensor

INDEX: Final = ".safetensors.index.json"
INDEX_MOST: Final = 32 << 20
"""Longest index of shards that is looked at."""

_PLAIN: Final = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "C64": "<c8", "BOOL": "|b1"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1"},
}
_BITS: Final = {
    "BF16": "<u2",
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), "|u1"),
}
"""What NumPy has no dtype for is read as integers of its bits."""

_ML_DTYPES: Final = {
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
}

Convert = Callable[["np.ndarray[Any, Any]", str], Any]
"""Makes of an array, and the dtype in the spelling of safetensors, what the caller gets."""

Given = Repository | str | PathLike[str] | None


class UnreadableTensors(InvalidInput):
    code = "unreadable-tensors"
    template = "{path!r} of {version} cannot be read as tensors: {reason}"

    path: str
    version: str
    reason: str


class Shards(NamedTuple):
    """The safetensors files that hold a model. files: of each tensor, where an index tells it; else there is one file.
    metadata: what the index says."""

    paths: tuple[str, ...]
    files: Mapping[str, str] | None
    metadata: Mapping[str, str]


def opened(given: Given) -> AbstractContextManager[Repository]:
    if isinstance(given, Repository):
        return nullcontext(given)
    return Repository.find() if given is None else Repository.open(given)


def as_numpy(array: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    """The array with the dtype of ml_dtypes where NumPy has none and ml_dtypes is installed; else its bits."""
    if dtype not in _ML_DTYPES:
        return array
    try:
        import ml_dtypes  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 - if there is any need of it
    except ImportError:
        return array
    return array.view(getattr(ml_dtypes, _ML_DTYPES[dtype]))


def bits(tensor: Tensor, version: str) -> np.dtype[Any]:
    """The dtype of the array that the tensor's bytes are. Raises UnreadableTensors."""
    name = _PLAIN.get(tensor.dtype) or _BITS.get(tensor.dtype)
    if name is None or not tensor.order:
        reason = f"{tensor.name!r} has elements that are not plain numbers ({tensor.dtype or 'unknown dtype'})"
        raise UnreadableTensors(path=tensor.file, version=version, reason=reason)
    return np.dtype(name)


def array_in(buffer: np.ndarray[Any, Any], tensor: Tensor, version: str, start: int) -> np.ndarray[Any, Any]:
    """The tensor in a buffer that has its bytes from `start` on."""
    dtype = bits(tensor, version)
    found: np.ndarray[Any, Any] = np.ndarray(tensor.shape, dtype, buffer, start, order=_order(tensor))
    return found


def _order(tensor: Tensor) -> Any:
    return "F" if tensor.order == "F" else "C"


def checked(repository: Repository, version: str, path: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file by name, and what it says of itself. Raises UnreadableTensors where it contradicts its
    format, or tensors overlap; NotFound."""
    found = repository.tensors(version, path)
    for skipped in found.skipped:
        raise UnreadableTensors(path=path, version=version, reason=skipped.reason)
    end = 0
    for tensor in sorted(found.tensors, key=lambda one: (one.start, one.size)):
        if tensor.start < end:
            raise UnreadableTensors(path=path, version=version, reason=f"{tensor.name!r} overlaps another tensor")
        end = tensor.start + tensor.size
    tensors = {tensor.name: tensor for tensor in found.tensors}
    if len(tensors) != len(found.tensors):
        raise UnreadableTensors(path=path, version=version, reason="two tensors have one name")
    return tensors, found.metadata.get(path, {})


def shards(repository: Repository, version: str, path: str | None) -> Shards:
    """The files that hold the tensors: `path`, the shards that it lists where it is an index, or without it what the
    version has: an index, else its only safetensors file. Raises UnreadableTensors, NotFound."""
    names = [file.path for file in repository.files(version)]
    if path is None:
        indexes = [name for name in names if name.endswith(INDEX)]
        plain = [name for name in names if name.endswith(".safetensors")]
        found = indexes if len(indexes) == 1 else plain
        if len(found) != 1:
            reason = f"the version has {len(found)} safetensors files; name one of them" if found else "it has none"
            raise UnreadableTensors(path="*.safetensors", version=version, reason=reason)
        path = found[0]
    if not path.endswith(INDEX):
        return Shards((path,), None, {})
    files, metadata = _index(repository, version, path)
    return Shards(tuple(dict.fromkeys(files.values())), files, metadata)


def _index(repository: Repository, version: str, path: str) -> tuple[dict[str, str], dict[str, str]]:
    try:
        found = json.loads(repository.read_range(version, path, 0, INDEX_MOST))
        folder = posixpath.dirname(path)
        files = {str(name): posixpath.join(folder, str(file)) for name, file in found["weight_map"].items()}
        said = found.get("metadata") or {}
        return files, {str(key): str(value) for key, value in said.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UnreadableTensors(path=path, version=version, reason="it is not an index of safetensors files") from None


def whole(repository: Repository, version: str, path: str) -> np.ndarray[Any, Any]:
    """The bytes of a file, verified."""
    size = next(file.size for file in repository.files(version) if file.path == path)
    buffer: np.ndarray[Any, Any] = np.empty(size, np.uint8)
    repository.read_into(version, path, buffer)
    return buffer


def every_array(repository: Repository, version: str, path: str, convert: Convert) -> Iterator[tuple[str, Any]]:
    """All tensors of a file, which is read once, as a whole, and verified. They share its memory."""
    tensors, _ = checked(repository, version, path)
    buffer = whole(repository, version, path)
    for name, tensor in tensors.items():
        yield name, convert(array_in(buffer, tensor, version, tensor.start), tensor.dtype)
