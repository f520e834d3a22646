"""Model files as the libraries write them, as bytes; and what holds for every map of a file."""

from __future__ import annotations

import io
import struct
import tempfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from gguf import GGUFWriter
from safetensors.numpy import save

from mreg.content.formats.gguf import TYPES
from mreg.content.formats.spans import ITEM_SIZE, NAME_MOST, Kind, Span


def _torch_zip(members: Mapping[str, bytes]) -> bytes:
    """An archive laid out as `torch.save` of PyTorch 2 does, byte for byte.

    Stored members; an extra field `FB` pads each one's data to a multiple of 64 bytes, in the local header
    only; sizes and CRC are in the central directory and in a descriptor behind the data; the end of the
    directory is written twice, as zip64 and plainly.
    """
    file, central = bytearray(), bytearray()
    for name, data in members.items():
        header, path, crc = len(file), name.encode(), zlib.crc32(data)
        padding = -(header + 30 + len(path) + 4) % 64
        file += struct.pack("<4s5H3I2H", b"PK\3\4", 0, 0x808, 0, 0, 0, 0, 0, 0, len(path), 4 + padding)
        file += path + struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        file += data + struct.pack("<4s3I", b"PK\7\10", crc, len(data), len(data))
        fields = (0, 0, 0x808, 0, 0, 0, crc, len(data), len(data), len(path), 0, 0, 0, 0, 0, header)
        central += struct.pack("<4s6H3I5H2I", b"PK\1\2", *fields) + path
    start, count = len(file), len(members)
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 0x31E, 45, 0, 0, count, count, len(central), start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, start + len(central), 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(central), start, 0)
    return bytes(file + central + end64 + locator + end)


def _npz(arrays: Mapping[str, Any], *, compressed: bool = False) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def _npy(array: np.ndarray[Any, Any], version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


def _gguf(arrays: Mapping[str, Any], *, alignment: int = 32, **metadata: Any) -> bytes:
    """A GGUF file; an array may be a pair, of a block-quantised tensor's bytes (row by row) and its type."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        writer = GGUFWriter(path, "llama")
        if alignment != 32:
            writer.add_custom_alignment(alignment)
        for key, value in metadata.items():
            (writer.add_array if isinstance(value, list) else writer.add_string)(f"test.{key}", value)
        for name, array in arrays.items():
            data, kind = array if isinstance(array, tuple) else (array, None)
            writer.add_tensor(name, data, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()


def _h5(arrays: Mapping[str, Any], **options: Any) -> bytes:
    """An HDF5 file with a dataset in a group of its own for each array, as Keras lays them out."""
    file = io.BytesIO()
    with h5py.File(file, "w", **options) as writer:
        for name, array in arrays.items():
            writer[f"layers/{name}/vars/0"] = array
    return file.getvalue()


def _keras(arrays: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}" * 900)
        archive.writestr("model.weights.h5", _h5(arrays))
    return file.getvalue()


class _Models(dict[str, bytes]):
    def __repr__(self) -> str:  # Hypothesis prints a failing test's arguments
        return f"<{', '.join(self)}>"


@pytest.fixture(scope="session")
def torch_zip() -> Callable[[Mapping[str, bytes]], bytes]:
    return _torch_zip


@pytest.fixture(scope="session")
def npz() -> Callable[..., bytes]:
    return _npz


@pytest.fixture(scope="session")
def npy() -> Callable[..., bytes]:
    return _npy


@pytest.fixture(scope="session")
def gguf() -> Callable[..., bytes]:
    return _gguf


@pytest.fixture(scope="session")
def h5() -> Callable[..., bytes]:
    return _h5


@pytest.fixture(scope="session")
def keras() -> Callable[..., bytes]:
    return _keras


@pytest.fixture(scope="session")
def measured() -> Callable[[Callable[[], Any]], tuple[Any, int]]:
    """What a call returns, and the most memory that it took."""

    def measure(call: Callable[[], Any]) -> tuple[Any, int]:
        tracemalloc.start()
        try:
            return call(), tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measure


@pytest.fixture(scope="session")
def models() -> dict[str, bytes]:
    """One file of every format that is known, each with tensors shorter and longer than any threshold."""
    random = np.random.default_rng(7)
    arrays = {
        "scalar": np.float32(1),
        "bias": random.standard_normal(40).astype("f4"),
        "weight": random.standard_normal((64, 96)).astype("f4"),
        "embedding": random.standard_normal((300, 512)).astype("f8"),
        "empty": np.zeros((0, 3), "f4"),
    }
    torch = {"m/data.pkl": random.bytes(1500), "m/version": b"3\n"}
    torch |= {f"m/data/{number}": array.tobytes() for number, array in enumerate(arrays.values())}
    some = {name: array for name, array in arrays.items() if array.ndim and array.size}
    return _Models(
        {
            "safetensors": save({name: np.asarray(array) for name, array in arrays.items()}),
            "torch": _torch_zip(torch),
            "npz": _npz(arrays),
            "npz compressed": _npz(arrays, compressed=True),
            "keras": _keras(arrays),
            "h5": _h5(arrays),
            "gguf": _gguf(some, words=["a", "list", "of", "words"] * 100),
            "npy": _npy(arrays["embedding"]),
            "opaque": random.bytes(300_000),
        }
    )


QUANTISED = {name for name, block, _ in TYPES.values() if block > 1}


@pytest.fixture(scope="session")
def assert_covers() -> Callable[[list[Span] | None, int], None]:
    """What is promised of every map, whatever the file."""

    def check(spans: list[Span] | None, size: int) -> None:
        assert spans is not None
        ends = [0, *(span.start + span.length for span in spans)]
        assert [span.start for span in spans] == ends[:-1]
        assert ends[-1] == size
        assert all(before < after for before, after in pairwise(ends))
        lengths: dict[bytes, int] = {}
        for span in spans:
            assert (span.name != b"") == (span.kind is Kind.TENSOR)
            assert len(span.name) <= NAME_MOST
            assert span.dtype in {"", *ITEM_SIZE, *QUANTISED}
            assert span.length % ITEM_SIZE.get(span.dtype, 1) == 0
            assert span.kind is Kind.TENSOR or span.dtype == ""
            if span.name:
                assert lengths.setdefault(span.name, span.length) == span.length

    return check
