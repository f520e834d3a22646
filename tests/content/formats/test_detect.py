from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from safetensors.numpy import save

from mreg.content.formats.detect import spans
from mreg.content.formats.spans import Kind, Span

KNOWN = ["safetensors", "torch", "npz", "npy", "gguf", "h5", "keras"]


def mapped(data: bytes) -> list[Span]:
    return spans(io.BytesIO(data), len(data))


def tensor_bytes(data: bytes) -> int:
    return sum(span.length for span in mapped(data) if span.kind is Kind.TENSOR)


def test_an_empty_file_has_no_spans():
    assert mapped(b"") == []


@pytest.mark.parametrize("name", KNOWN)
def test_tensors_are_found_in_each_known_format(models, assert_covers, name):
    data = models[name]

    assert_covers(mapped(data), len(data))
    assert tensor_bytes(data) > 0.9 * len(data)


@pytest.mark.parametrize("name", ["npz compressed", "opaque"])
def test_no_tensors_are_found_where_bytes_are_compressed_or_unknown(models, assert_covers, name):
    data = models[name]

    assert_covers(mapped(data), len(data))
    assert tensor_bytes(data) == 0


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_an_npy_file_is_its_header_and_one_tensor(npy, version):
    array = np.arange(100.0)
    data = npy(array, version)
    start = len(data) - array.nbytes

    header, tensor = mapped(data)
    assert header == Span(0, start, Kind.OPAQUE)
    assert tensor[:4] == (start, array.nbytes, Kind.TENSOR, "F64")


def test_an_npy_file_of_an_empty_array_is_all_header(npy):
    data = npy(np.zeros(0))

    assert mapped(data) == [Span(0, len(data), Kind.OPAQUE)]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x93NUMPY", id="npy: magic only"),
        pytest.param(b"\x93NUMPY\1\0\xff", id="npy: half a length"),
        pytest.param(b"\x93NUMPY\1\0\xff\xff" + bytes(200), id="npy: header longer than the file"),
        pytest.param(b"\x93NUMPY\2\0" + struct.pack("<I", 2**32 - 1) + bytes(200), id="npy: 4 GiB header"),
        pytest.param(b"\x93NUMPY\4\0" + bytes(200), id="npy: unknown version"),
        pytest.param(b"PK\3\4" + bytes(200), id="zip: magic only"),
        pytest.param(b"PK\5\6" + bytes(18), id="zip: no members"),
        pytest.param(b"\xff" * 8 + b"{" + bytes(200), id="safetensors: huge header"),
        pytest.param(b"GGUF", id="gguf: magic only"),
        pytest.param(b"GGUF" + b"\3\0\0\0" + b"\xff" * 200, id="gguf: 2**64-1 tensors"),
        pytest.param(b"\x89HDF\r\n\x1a\n", id="hdf5: magic only"),
        pytest.param(b"\x89HDF\r\n\x1a\n" + bytes(200), id="hdf5: all zeros"),
        pytest.param(b"{" * 200, id="only brackets"),
        pytest.param(b"a long {\nJSON-like text}", id="text"),
        pytest.param(b"\0", id="one byte"),
    ],
)
def test_a_file_that_only_looks_like_a_model_is_one_opaque_span(data):
    assert mapped(data) == [Span(0, len(data), Kind.OPAQUE)]


def test_errors_of_real_input_are_not_hidden(models):
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 0:
                raise OSError("the disk is gone")
            return super().read(size)

    for name in ("torch", "npz", "h5", "keras"):
        with pytest.raises(OSError, match="the disk is gone"):
            spans(Failing(models[name]), len(models[name]))


def test_the_position_of_the_file_before_does_not_matter(models):
    for data in models.values():
        file = io.BytesIO(data)
        file.seek(0, io.SEEK_END)
        assert spans(file, len(data)) == mapped(data)


# Whatever the bytes: there is a map, it covers the file, and it is the same the next time.

edits = st.lists(
    st.tuples(
        st.sampled_from(["overwrite", "insert", "delete", "truncate"]),
        st.floats(0, 1, exclude_max=True),
        st.booleans(),
        st.binary(min_size=1, max_size=9) | st.sampled_from([b"\xff" * 4, b"\xff" * 8, bytes(8), b"-1"]),
    ),
    min_size=1,
    max_size=4,
)


def edit(data: bytes, changes: list[tuple[str, float, bool, bytes]]) -> bytes:
    """`data` with changes, half of them in its outer 400 bytes, where headers and directories lie."""
    for action, where, outside, value in changes:
        at = int(where * len(data))
        if outside:
            at = int(where * 400 - 200) % len(data) if data else 0
        rest = {"overwrite": at + len(value), "insert": at, "delete": at + len(value), "truncate": len(data)}
        data = data[:at] + (value if action in ("overwrite", "insert") else b"") + data[rest[action] :]
    return data


magics = st.sampled_from(
    [
        *(b"", b"PK\3\4", b"\x93NUMPY\1\0", b"\x93NUMPY\2\0", b"\x20" + bytes(7) + b"{", b"GGUF\3\0\0\0"),
        b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0",
    ]
)


@given(magic=magics, body=st.binary(max_size=200))
def test_arbitrary_bytes_have_a_map(magic, body, assert_covers):
    data = magic + body

    assert_covers(mapped(data), len(data))
    assert mapped(data) == mapped(data)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(KNOWN), changes=edits)
def test_damaged_models_have_a_map(models, assert_covers, name, changes):
    data = edit(models[name], changes)

    assert_covers(mapped(data), len(data))
    assert mapped(data) == mapped(data)


@settings(deadline=None)
@given(name=st.sampled_from(KNOWN), lie=st.integers(1, (1 << 63) - 1))
def test_a_size_that_is_wrong_does_no_harm(models, assert_covers, name, lie):
    file = io.BytesIO(models[name])

    assert_covers(spans(file, lie), lie)


@pytest.fixture(scope="module")
def small(torch_zip, npz, npy, gguf, h5, keras) -> dict[str, bytes]:
    """A file of each format that is small enough to try every one of its bytes."""
    arrays = {"a": np.arange(12, dtype="f4").reshape(3, 4), "b": np.arange(5, dtype="i2")}
    return {
        "safetensors": save(arrays, metadata={"note": "text"}),
        "torch": torch_zip({f"m/data/{name}": arrays[key].tobytes() for name, key in zip("01", "ab", strict=True)}),
        "npz": npz(arrays),
        "npy": npy(arrays["a"]),
        "gguf": gguf(arrays, words=["one", "two"], text="text"),
        "h5": h5(arrays),
        "keras": keras(arrays),
    }


@pytest.mark.parametrize("name", KNOWN)
def test_a_file_cut_short_anywhere_has_a_map(small, assert_covers, name):
    data = small[name]
    assert tensor_bytes(data) > 0

    for length in range(1, len(data)):
        assert_covers(mapped(data[:length]), length)
        assert_covers(spans(io.BytesIO(data[:length]), len(data)), len(data))


@pytest.mark.parametrize("name", KNOWN)
def test_a_file_with_any_byte_damaged_has_a_map(small, assert_covers, name):
    data = bytearray(small[name])

    for at in range(len(data)):
        for value in (0x00, 0x7F, 0xFF):
            before, data[at] = data[at], value
            assert_covers(mapped(bytes(data)), len(data))
            data[at] = before
