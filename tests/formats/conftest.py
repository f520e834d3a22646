"""Model files as the libraries write them, as bytes; and what holds for every map of a file."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from mreg.formats.spans import Span


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
    keras = io.BytesIO()
    with zipfile.ZipFile(keras, "w") as archive:
        archive.writestr("config.json", "{}" * 900, zipfile.ZIP_DEFLATED)
        archive.writestr("model.weights.h5", random.bytes(200_000))
    return _Models(
        {
            "safetensors": save({name: np.asarray(array) for name, array in arrays.items()}),
            "torch": _torch_zip(torch),
            "npz": _npz(arrays),
            "npz compressed": _npz(arrays, compressed=True),
            "keras": keras.getvalue(),
            "npy": _npy(arrays["embedding"]),
            "opaque": random.bytes(300_000),
        }
    )


@pytest.fixture(scope="session")
def assert_covers() -> Callable[[list[Span] | None, int], None]:
    def check(spans: list[Span] | None, size: int) -> None:
        assert spans is not None
        ends = [0, *(span.start + span.length for span in spans)]
        assert [span.start for span in spans] == ends[:-1]
        assert ends[-1] == size
        assert all(before < after for before, after in pairwise(ends))

    return check
