"""Model files as the libraries write them, as bytes."""

from __future__ import annotations

import io
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from gguf import GGUFWriter


def torch_zip(members: Mapping[str, bytes]) -> bytes:
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


def npz(arrays: Mapping[str, Any], *, compressed: bool = False) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def npy(array: np.ndarray[Any, Any], version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


def gguf(arrays: Mapping[str, Any], *, alignment: int = 32, **metadata: Any) -> bytes:
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


def h5(arrays: Mapping[str, Any], *, chunked: Mapping[str, Any] | None = None, **options: Any) -> bytes:
    """An HDF5 file with a dataset in a group of its own for each array, as Keras lays them out. chunked: others, of
    which each row is apart."""
    file = io.BytesIO()
    with h5py.File(file, "w", **options) as writer:
        for name, array in arrays.items():
            writer[f"layers/{name}/vars/0"] = array
        for name, array in (chunked or {}).items():
            writer.create_dataset(name, data=array, chunks=(1, *array.shape[1:]))
    return file.getvalue()


def keras(arrays: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}" * 900)
        archive.writestr("model.weights.h5", h5(arrays))
    return file.getvalue()


STORAGES = {
    **{"<f8": "Double", "<f4": "Float", "<f2": "Half", "<i8": "Long", "<i4": "Int", "<i2": "Short", "|i1": "Char"},
    **{"|u1": "Byte", "|b1": "Bool", "BF16": "BFloat16"},
}


class Strided(NamedTuple):
    """A tensor over `storage`: offset and strides in elements. kind: of the storage, as torch calls it."""

    storage: str
    kind: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int = 0


def torch_pickle(tensors: Mapping[str, Strided], sizes: Mapping[str, int]) -> bytes:
    """What `torch.save` of a state dict writes as `data.pkl`, opcode by opcode. sizes: of storages, in elements."""
    found = b"\x80\x02ccollections\nOrderedDict\nq\0)Rq\1("
    for name, one in tensors.items():
        found += _text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n"
        found += b"((" + _text("storage") + f"ctorch\n{one.kind}Storage\n".encode() + _text(one.storage) + _text("cpu")
        found += _number(sizes[one.storage]) + b"tQ" + _number(one.offset)
        for numbers in (one.shape, one.stride):
            found += b"(" + b"".join(map(_number, numbers)) + b"t"
        found += b"\x89h\0)RtR"
    return found + b"u."


def torch_file(arrays: Mapping[str, Any], *, bf16: Collection[str] = (), name: str = "archive") -> bytes:
    """A state dict as `torch.save` writes it, a storage for each array. bf16: those whose items are bfloat16."""
    members = {str(number): np.asarray(array) for number, array in enumerate(arrays.values())}
    tensors = {
        key: Strided(
            storage,
            STORAGES["BF16" if key in bf16 else array.dtype.str],
            array.shape,
            tuple(step // array.itemsize for step in array.strides),
        )
        for key, (storage, array) in zip(arrays, members.items(), strict=True)
    }
    pickled = torch_pickle(tensors, {storage: array.size for storage, array in members.items()})
    data = {f"{name}/data/{storage}": array.tobytes(order="A") for storage, array in members.items()}
    return torch_zip({f"{name}/data.pkl": pickled, f"{name}/byteorder": b"little", **data, f"{name}/version": b"3\n"})


def _text(text: str) -> bytes:
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _number(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)
