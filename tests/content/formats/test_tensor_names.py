"""Which tensor a span is: what must stay the same between two versions of a file, and what must differ."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType
from hypothesis import given, strategies as st
from safetensors.numpy import save

from mreg.content.formats.detect import spans
from mreg.content.formats.spans import ITEM_SIZE, NAME_MOST, Kind, tensor

Write = Callable[[Mapping[str, Any]], bytes]
NAMED = ["safetensors", "npz", "gguf", "h5", "keras"]


@pytest.fixture
def write(request, npz, gguf, h5, keras) -> Write:
    """Writes arrays in the format that the test is about."""
    return {"safetensors": save, "npz": npz, "gguf": gguf, "h5": h5, "keras": keras}[request.param]


def names(data: bytes) -> dict[bytes, bytes]:
    """The bytes of each tensor by name."""
    found = [span for span in spans(io.BytesIO(data), len(data)) if span.kind is Kind.TENSOR]
    by_name = {span.name: data[span.start : span.start + span.length] for span in found}
    assert len(by_name) == len(found)
    return by_name


def name(data: bytes) -> bytes:
    (only,) = names(data)
    return only


@pytest.mark.parametrize("write", NAMED, indirect=True)
def test_a_tensor_keeps_its_name_when_others_come_and_go_and_values_change(write):
    before = {"layer.b": np.zeros((3, 4), "f4"), "layer.c": np.zeros(7, "i4")}
    after = {"a": np.ones(9, "f4"), "layer.b": np.ones((3, 4), "f4"), "z": np.ones(1, "i1")}

    shared = names(write(before)).keys() & names(write(after)).keys()

    assert [names(write(after))[shared_name] for shared_name in shared] == [np.ones((3, 4), "f4").tobytes()]


@pytest.mark.parametrize("write", NAMED, indirect=True)
@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"b": np.zeros((4, 6), "f4")}, id="name"),
        pytest.param({"a": np.zeros((6, 4), "f4")}, id="shape"),
        pytest.param({"a": np.zeros((4, 6, 1), "f4")}, id="rank"),
        pytest.param({"a": np.zeros((4, 6), "i4")}, id="dtype"),
        pytest.param({"a": np.zeros((4, 3), "f8")}, id="dtype and shape"),
        pytest.param({"a": np.zeros((4, 7), "f4")}, id="length"),
    ],
)
def test_a_tensor_that_differs_in_anything_has_another_name(write, other):
    assert name(write({"a": np.zeros((4, 6), "f4")})) != name(write(other))


def test_a_quantised_tensor_is_named_by_its_type(gguf):
    rows = np.zeros((2, 18), "u1")

    q4 = gguf({"a": (rows, GGMLQuantizationType.Q4_0)})
    nl = gguf({"a": (rows, GGMLQuantizationType.IQ4_NL)})

    assert name(q4) != name(nl)


def test_the_order_of_an_array_is_part_of_its_name(npy):
    array = np.arange(12.0).reshape(3, 4)

    assert name(npy(array)) == name(npy(array + 1))
    assert name(npy(array)) != name(npy(np.asfortranarray(array)))


def test_an_array_is_named_the_same_however_its_header_is_padded(npy):
    data = npy(np.arange(12.0))
    header = data[10:128].rstrip()
    padded = b"\x93NUMPY\1\0" + (250).to_bytes(2, "little") + header.ljust(249) + b"\n" + data[128:]

    assert name(data) == name(padded)


def test_a_storage_keeps_its_name_when_the_archive_is_called_otherwise(torch_zip):
    """PyTorch names the folder inside after the file."""
    first = torch_zip({"epoch_1/data.pkl": b"p", "epoch_1/data/0": b"0" * 40, "epoch_1/data/1": b"1" * 40})
    second = torch_zip({"epoch_2/data.pkl": b"p", "epoch_2/data/0": b"2" * 40, "epoch_2/data/1": b"3" * 44})

    shared = names(first).keys() & names(second).keys()

    assert [names(first)[shared_name] for shared_name in shared] == [b"0" * 40]


def test_storages_and_constants_of_one_number_differ(torch_zip):
    assert len(names(torch_zip({"m/data/0": b"0" * 40, "m/constants/0": b"1" * 40}))) == 2


@pytest.mark.parametrize("write", NAMED, indirect=True)
def test_long_names_are_short_and_still_differ(write):
    long = "layer." * 9

    first, second = write({long + "a": np.zeros(5)}), write({long + "b": np.zeros(5)})

    assert len(name(first)) == 32
    assert name(first) != name(second)


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "c8", "?"])
def test_arrays_and_safetensors_spell_dtypes_alike(npy, dtype):
    array = np.zeros(6, dtype)

    *_, here = spans(io.BytesIO(data := npy(array)), len(data))
    *_, there = spans(io.BytesIO(data := save({"a": array})), len(data))

    assert here.dtype == there.dtype
    assert ITEM_SIZE[here.dtype] == array.itemsize


@pytest.mark.parametrize("dtype", [">f4", ">i8", "c16", "S4", "U3", "M8[s]", "f4,i2", [("'descr': '<f4'", "<f4")]])
def test_arrays_of_other_dtypes_have_a_name_but_no_dtype(npy, dtype):
    array = np.zeros(6, dtype)

    *_, span = spans(io.BytesIO(data := npy(array)), len(data))

    assert (span.kind, span.length, span.dtype) == (Kind.TENSOR, array.nbytes, "")
    assert span.name != b""


def test_an_array_whose_header_is_too_long_to_look_into_is_known_by_its_length(npy):
    array = np.zeros(6, [(f"field {number}", "f4") for number in range(500)])

    _, span = spans(io.BytesIO(data := npy(array, (2, 0))), len(data))

    assert (span.length, span.dtype) == (array.nbytes, "")


def test_a_header_that_is_too_long_is_not_read(measured):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }".ljust(32 << 20)
    data = b"\x93NUMPY\2\0" + len(header).to_bytes(4, "little") + header + bytes(24)

    found, peak = measured(lambda: spans(io.BytesIO(data), len(data)))

    assert found[1][1:4] == (24, Kind.TENSOR, "")
    assert peak < 1 << 20


parts = st.tuples(st.integers(0, 1 << 40), st.binary(max_size=70), st.binary(max_size=20))


@given(parts, parts)
def test_names_are_equal_only_where_all_that_they_are_made_of_is(one, other):
    first, second = (tensor(0, length, text, form=form).name for length, text, form in (one, other))

    assert (first == second) == (one == other)
    assert 0 < len(first) <= NAME_MOST


digits = st.text("0123456789 :", max_size=4).map(str.encode)


@given(st.tuples(st.integers(0, 999), digits, digits), st.tuples(st.integers(0, 999), digits, digits))
def test_names_that_look_like_lengths_are_not_mistaken_for_them(one, other):
    first, second = (tensor(0, length, text, form=form).name for length, text, form in (one, other))

    assert (first == second) == (one == other)
