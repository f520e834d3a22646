"""Arrays of a version, without a copy of it on disk:

    from mreg.integrations import numpy as mreg_numpy

    weights = mreg_numpy.load("mnist:best")  # {name: array}, of safetensors (also in shards) or NPZ; an array, of NPY

Files are read once, by several threads, and compared with their digests. For single tensors of large files:
`mreg.integrations.safetensors`.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np

from mreg.integrations._tensors import Given, UnreadableTensors, as_numpy, every_array, opened, shards, whole
from mreg.repository import Repository

__all__ = ["load"]

_TENSORS = (".safetensors", ".safetensors.index.json")
_ARRAYS = (".npy", ".npz")


def load(reference: str, path: str | None = None, *, repo: Given = None) -> Any:
    """The arrays of a file, by name; of an NPY file the array.

    path: in the version; not needed where it has one file of these kinds, or a safetensors index. repo: the repository,
    or where it is; without it the one that `Repository.find()` gives. What NumPy has no dtype for (BF16, FP8) comes as
    ml_dtypes has it where that is installed, else as unsigned integers of the same bits. Nothing is unpickled. Raises
    NotFound, UnreadableTensors, DamagedFile.
    """
    with opened(repo) as repository:
        version = repository.resolve(reference).name
        path = path or _only_array(repository, version)
        if path is not None and path.endswith(_ARRAYS):
            return _load(repository, version, path)
        return {
            name: array
            for file in shards(repository, version, path).paths
            for name, array in every_array(repository, version, file, as_numpy)
        }


def _only_array(repository: Repository, version: str) -> str | None:
    """The NPY or NPZ file of a version without safetensors files, if it has one. Raises UnreadableTensors."""
    files = [file.path for file in repository.files(version)]
    if any(name.endswith(_TENSORS) for name in files):
        return None
    arrays = [name for name in files if name.endswith(_ARRAYS)]
    if len(arrays) != 1:
        reason = f"the version has {len(arrays)} files with arrays; name one of them" if arrays else "it has none"
        raise UnreadableTensors(path="*.npy", version=version, reason=reason)
    return arrays[0]


def _load(repository: Repository, version: str, path: str) -> Any:
    """What `numpy.load` gives, of an NPZ file all of it; without its copies where the arrays lie in the file as they
    are."""
    listed = repository.tensors(version, path)
    if listed.tensors and not listed.skipped and all(one.dtype for one in listed.tensors):
        found = dict(every_array(repository, version, path, as_numpy))
        return found[""] if path.endswith(".npy") else found
    data = whole(repository, version, path).tobytes()
    if listed.skipped and not data.startswith((b"\x93NUMPY", b"PK")):
        raise UnreadableTensors(path=path, version=version, reason=listed.skipped[0].reason)
    try:
        loaded = np.load(io.BytesIO(data), allow_pickle=False)
        return loaded if path.endswith(".npy") else dict(loaded)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise UnreadableTensors(path=path, version=version, reason=str(error).partition("\n")[0]) from None
