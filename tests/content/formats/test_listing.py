"""The tensors of a file by name, dtype, shape and place, in every format; and files that lie about them."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
from collections.abc import Callable
from typing import Any

import model_files
import numpy as np
import pytest
from gguf import GGMLQuantizationType
from model_files import Strided, torch_pickle, torch_zip
from safetensors.numpy import save

from mreg.content.formats import torch_pickle as walker
from mreg.content.formats.listing import Listing, tensors_of
from mreg.values.tensors import Tensor

ARRAYS = {
    "layer.weight": np.arange(12, dtype="f4").reshape(3, 4),
    "layer.bias": np.arange(3, dtype="f8"),
    "ids": np.arange(5),
    "mask": np.array([True, False]),
}
DTYPES = {"layer.weight": "F32", "layer.bias": "F64", "ids": "I64", "mask": "BOOL"}


def listed(data: bytes) -> Listing:
    return tensors_of(io.BytesIO(data), len(data), "file")


def bytes_of(data: bytes, tensor: Tensor) -> bytes:
    return data[tensor.start : tensor.start + tensor.size]


@pytest.mark.parametrize(
    ("write", "name"),
    [
        pytest.param(save, "{}", id="safetensors"),
        pytest.param(model_files.npz, "{}", id="npz"),
        pytest.param(model_files.torch_file, "{}", id="torch"),
    ],
)
def test_each_tensor_is_told_with_its_bytes(write: Callable[..., bytes], name: str) -> None:
    data = write(ARRAYS)

    found = listed(data)

    assert found.reason == ""
    assert {one.name: (one.dtype, one.shape, bytes_of(data, one), one.order) for one in found.tensors} == {
        name.format(key): (DTYPES[key], array.shape, array.tobytes(), "C") for key, array in ARRAYS.items()
    }


@pytest.mark.parametrize("write", [model_files.h5, model_files.keras])
def test_datasets_are_told_by_their_paths(write: Callable[..., bytes]) -> None:
    some = {"dense": np.arange(12, dtype="f4").reshape(3, 4), "bias": np.arange(40, dtype="f8")}
    data = write(some)

    found = listed(data)

    assert found.reason == ""
    assert {one.name: (one.dtype, one.shape, bytes_of(data, one)) for one in found.tensors} == {
        f"layers/{key}/vars/0": ({"f4": "F32", "f8": "F64"}[array.dtype.str[1:]], array.shape, array.tobytes())
        for key, array in some.items()
    }


def test_tensors_of_gguf_have_the_types_of_ggml() -> None:
    rows = np.zeros((2, 18), "u1")
    data = model_files.gguf({"a": (rows, GGMLQuantizationType.Q4_0), "b": np.ones((2, 3), "f4")})

    assert {one.name: (one.dtype, one.shape, one.size) for one in listed(data).tensors} == {
        "a": ("Q4_0", (2, 32), 36),
        "b": ("F32", (2, 3), 24),
    }


class Watched(io.BytesIO):
    """Knows how much was read of it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def test_of_a_gguf_file_little_more_than_its_header_is_read() -> None:
    data = model_files.gguf({f"t{n}": np.zeros(1 << 20, "f4") for n in range(5)})
    file = Watched(data)

    found = tensors_of(file, len(data), "file")

    assert len(found.tensors) == 5
    assert file.count < 2 << 20


def test_one_array_by_itself_has_no_name() -> None:
    data = model_files.npy(np.asfortranarray(np.arange(12.0).reshape(3, 4)))

    (only,) = listed(data).tensors

    assert (only.name, only.dtype, only.shape, only.order) == ("", "F64", (3, 4), "F")


def test_a_name_in_json_is_told_as_it_is_meant() -> None:
    data = save({'a"\n\x1b[31mé': np.zeros(1, "f4")})

    assert [one.name for one in listed(data).tensors] == ['a"\n\x1b[31mé']


def test_big_endian_arrays_are_told_without_a_dtype() -> None:
    (only,) = listed(model_files.npy(np.arange(3, dtype=">f4"))).tensors

    assert (only.dtype, only.shape, only.size) == ("", (3,), 12)


def test_compressed_members_are_told_as_what_cannot_be_compared() -> None:
    data = model_files.npz({"a": np.zeros(1000), "b": np.zeros(1000)}, compressed=True)

    assert listed(data) == Listing((), "2 arrays of it are compressed")


def test_compressed_members_are_told_to_who_can_inflate_them() -> None:
    data = model_files.npz({"a": np.zeros((10, 100), "f4"), "b": np.zeros(0)}, compressed=True)

    found = tensors_of(io.BytesIO(data), len(data), "m.npz", inflated=True)

    assert [(one.name, one.dtype, one.shape, one.size) for one in found.tensors] == [
        ("a", "F32", (10, 100), 4000),
        ("b", "F64", (0,), 0),
    ]
    assert found.reason == "" and all(one.deflated for one in found.tensors)


def test_a_member_that_claims_more_than_deflate_can_make_is_not_inflated() -> None:
    data = bytearray(model_files.npz({"a": np.zeros(1000)}, compressed=True))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = (1 << 31).to_bytes(4, "little")

    found = tensors_of(io.BytesIO(data), len(data), "m.npz", inflated=True)

    assert found == Listing(reason="it contradicts its format, or itself")


def test_chunked_datasets_are_told_as_what_cannot_be_compared() -> None:
    found = listed(model_files.h5({"b": np.zeros(3)}, chunked={"a": np.zeros((10, 100))}))

    assert [one.name for one in found.tensors] == ["layers/b/vars/0"]
    assert found.reason == "1 dataset of it is stored in chunks, or apart"


def test_files_of_other_kinds_have_no_tensors() -> None:
    for data in (b"", b"{}", b"#!/bin/sh\n" * 9, os.urandom(10_000), b"PK\5\6" + bytes(18)):
        assert listed(data) == Listing()


def test_torch_files_of_the_old_form_are_told_as_what_cannot_be_compared() -> None:
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)

    assert listed(magic + bytes(100)) == Listing(
        reason="it is in PyTorch's format from before 1.6, which is not a ZIP archive"
    )


# Views, and whatever else a pickle of torch holds.


def torch(tensors: dict[str, Strided], elements: int = 12) -> bytes:
    return torch_zip(
        {"m/data.pkl": torch_pickle(tensors, {"0": elements}), "m/data/0": np.arange(elements, dtype="f4").tobytes()}
    )


def test_views_of_one_storage_are_told_where_they_lie() -> None:
    data = torch(
        {
            "whole": Strided("0", "Float", (3, 4), (4, 1)),
            "row": Strided("0", "Float", (4,), (1,), 4),
            "turned": Strided("0", "Float", (4, 3), (1, 4)),
            "column": Strided("0", "Float", (3,), (4,), 1),
            "scalar": Strided("0", "Float", (), (), 11),
        }
    )

    found = {one.name: one for one in listed(data).tensors}

    assert {name: one.order for name, one in found.items()} == {
        **{"whole": "C", "row": "C", "turned": "F", "column": "", "scalar": "C"}
    }
    assert bytes_of(data, found["row"]) == np.arange(4, 8, dtype="f4").tobytes()
    assert bytes_of(data, found["scalar"]) == np.float32(11).tobytes()


@pytest.mark.parametrize(
    "view",
    [
        Strided("0", "Float", (13,), (1,)),
        Strided("0", "Float", (1,), (1,), 12),
        Strided("0", "Float", (2, 2), (1000, 1)),
        Strided("0", "Double", (12,), (1,)),
        Strided("0", "Float", (2,), (1,), -1),
    ],
)
def test_a_tensor_outside_of_its_storage_makes_the_file_unsound(view: Strided) -> None:
    found = listed(torch({"a": view}))

    assert found.tensors == ()


def test_sparse_and_quantised_tensors_are_told_as_what_cannot_be_compared() -> None:
    pickled = b"\x80\x02}X\1\0\0\0actorch._utils\n_rebuild_sparse_tensor\n)Rs."
    data = torch_zip({"m/data.pkl": pickled, "m/data/0": bytes(4)})

    assert listed(data) == Listing(reason="some of its tensors are sparse, quantised or of other dtypes")


def test_tensors_in_nested_dictionaries_and_lists_are_named_by_the_way_to_them() -> None:
    """As in a checkpoint with the model's and the optimizer's state."""
    one = torch_pickle({"w": Strided("0", "Float", (12,), (1,))}, {"0": 12})[2:-1]  # without PROTO and STOP
    text = model_files._text
    whole = b"\x80\x02}(" + text("model") + one + text("steps") + b"](" + one + b"e" + text("epoch") + b"K\x05u."
    data = torch_zip({"m/data.pkl": whole, "m/data/0": np.arange(12, dtype="f4").tobytes()})

    assert [one.name for one in listed(data).tensors] == ["model.w", "steps.0.w"]


class Bomb:
    """Its pickle calls a function of a module that nothing else loads."""

    def __reduce__(self) -> Any:
        import colorsys

        return colorsys.rgb_to_hls, (1, 2, 3)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_that_a_pickle_names_is_imported_or_called(protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = torch_zip({"m/data.pkl": pickle.dumps({"a": Bomb(), "b": [Bomb()]}, protocol), "m/data/0": bytes(4)})
    monkeypatch.delitem(sys.modules, "colorsys")

    found = listed(data)

    assert (found, "colorsys" in sys.modules) == (Listing(), False)


@pytest.mark.parametrize(
    "pickled",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b".", id="nothing on the stack"),
        pytest.param(b"\x80\x02}", id="no end"),
        pytest.param(b"\x80\x02}u.", id="no mark"),
        pytest.param(b"\x80\x02h\x07.", id="nothing in the memo"),
        pytest.param(b"\x80\x02" + b"(" * 1000 + b"t" * 1001 + b".", id="too few marks"),
        pytest.param(b"\x80\x02X\xff\xff\xff\xffabc.", id="text longer than the file"),
        pytest.param(b"\x80\x02\x8b\xff\xff\xff\x7f.", id="number longer than the file"),
        pytest.param(b"\x80\x05\x8d" + b"\xff" * 8 + b".", id="text of 2**64 bytes"),
        pytest.param(b"\x80\x02}q\0(X\1\0\0\0ah\0u.", id="a dictionary in itself"),
        pytest.param(b"\x80\x02]q\0h\0a.", id="a list in itself"),
        pytest.param(b"\x80\x02" + b"]q\0" * 1 + b"(" + b"h\0" * 999 + b"e.", id="a list 999 times in itself"),
        pytest.param(b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".", id="5,000 lists deep"),
        pytest.param(b"cos\nsystem\n(S'x'\ntR.", id="a call"),
        pytest.param(b"\x80\x02(cos\nsystem\nX\1\0\0\0xo.", id="a call by OBJ"),
        pytest.param(b"(ios\nsystem\n.", id="a call by INST"),
        pytest.param(b"\x80\x02c\n\n.", id="a name without letters"),
        pytest.param(b"\x80\x02\x82\x01.", id="an extension code"),
        pytest.param(b"P0\n.", id="a persistent id of protocol 0"),
        pytest.param(b"\xff\xff\xff", id="no opcodes"),
    ],
)
def test_a_pickle_that_makes_no_sense_has_no_tensors(pickled: bytes) -> None:
    found = listed(torch_zip({"m/data.pkl": pickled, "m/data/0": bytes(4)}))

    assert found.tensors == ()


def test_hostile_pickles_take_bounded_memory(measured: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walker, "OPCODES_MOST", 100_000)
    for pickled in (b"}" * 200_000, b"}\x94" * 100_000, b"N" + b"\x94" * 200_000, b"(" * 200_000, b"N2" * 100_000):
        data = torch_zip({"m/data.pkl": b"\x80\x04" + pickled + b".", "m/data/0": bytes(4)})

        found, most = measured(lambda data=data: listed(data))

        assert found.tensors == () and found.reason
        assert most < 24 << 20


def test_a_dictionary_that_is_reached_over_and_over_is_looked_at_once() -> None:
    """2**40 ways lead to the innermost one."""
    levels = b"}q\0" + b"".join(b"](h" + bytes([n]) + b"h" + bytes([n]) + b"eq" + bytes([n + 1]) for n in range(40))
    found = listed(torch_zip({"m/data.pkl": b"\x80\x02" + levels + b".", "m/data/0": bytes(4)}))

    assert found == Listing()


def test_more_bytes_of_pickle_than_anybody_writes_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walker, "PICKLE_MOST", 1000)

    found = listed(torch_zip({"m/data.pkl": b"N" * 1001, "m/data/0": bytes(4)}))

    assert found.reason.startswith("its pickle is larger")


def safetensors(header: str, data: bytes = bytes(64)) -> bytes:
    return struct.pack("<Q", len(header)) + header.encode() + data


@pytest.mark.parametrize(
    "header",
    [
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}',
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}',
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[60,68]}}',
        '{"a":{"dtype":"F32","shape":[99999999999,99999999999],"data_offsets":[0,64]}}',
        '{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}',
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}',
        '{"\\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}, }',
    ],
)
def test_a_header_that_lies_names_no_tensor_outside_of_the_file(header: str) -> None:
    found = listed(safetensors(header))

    assert found.tensors == () and found.reason


def test_a_sparse_file_of_a_header_alone_takes_little_memory(measured: Callable[..., Any]) -> None:
    length = struct.pack("<Q", 1 << 40)

    found, most = measured(lambda: listed(length + b"{" + bytes(100)))

    assert (found.tensors, most < 1 << 20) == ((), True)
