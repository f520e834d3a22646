from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import save

from mreg.formats.safetensors import HEADER_MOST, spans
from mreg.formats.spans import Kind, Span


def mapped(data: bytes) -> list[Span] | None:
    return spans(io.BytesIO(data), len(data))


def model(header: bytes, data: bytes = bytes(64)) -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def tensors(data: bytes) -> list[bytes]:
    return [data[s.start : s.start + s.length] for s in mapped(data) or () if s.kind is Kind.TENSOR]


def test_each_tensor_is_a_span_behind_one_opaque_header(assert_covers):
    arrays = {"a": np.arange(100.0), "b": np.arange(7, dtype="u1"), "c": np.ones((3, 5), "f4")}
    data = save(arrays)

    found = mapped(data)

    assert_covers(found, len(data))
    assert found[0] == Span(0, 8 + int.from_bytes(data[:8], "little"), Kind.OPAQUE)
    assert sorted(tensors(data)) == sorted(array.tobytes() for array in arrays.values())


def test_bytes_that_belong_to_no_tensor_are_opaque():
    header = b'{"a":{"data_offsets":[8,16]},"b":{"data_offsets":[16,24]}}'
    start = 8 + len(header)

    assert mapped(model(header, bytes(40))) == [
        Span(0, start + 8, Kind.OPAQUE),
        Span(start + 8, 8, Kind.TENSOR),
        Span(start + 16, 8, Kind.TENSOR),
        Span(start + 24, 16, Kind.OPAQUE),
    ]


def test_white_space_and_order_of_keys_in_the_header_do_not_matter():
    header = b'{ "a" : {"data_offsets"\n:\t[ 0 ,\r\n64 ] , "shape":[64], "dtype":"U8"} }   '

    assert tensors(model(header)) == [bytes(64)]


def test_text_in_the_metadata_does_not_pass_for_offsets():
    arrays = {"a": np.arange(10.0)}
    plain, with_text = save(arrays), save(arrays, metadata={"note": '"data_offsets":[0,8],"x":[1]'})

    assert b"data_offsets" in with_text.split(b"note")[1]
    assert tensors(with_text) == tensors(plain)


def test_a_tensor_without_elements_is_no_span(assert_covers):
    data = save({"none": np.zeros((0, 4)), "some": np.ones(9)})

    assert_covers(mapped(data), len(data))
    assert tensors(data) == [np.ones(9).tobytes()]


def test_a_repeated_name_is_not_an_error():
    header = b'{"a":{"data_offsets":[0,8]},"a":{"data_offsets":[8,16]}}'

    assert tensors(model(header)) == [bytes(8), bytes(8)]


OFFSETS = b'{"a":{"dtype":"U8","shape":[8],"data_offsets":%s}}'


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\2\0\0", id="shorter than the length field"),
        pytest.param((1 << 63).to_bytes(8, "little") + b"{}", id="header of 2**63 bytes"),
        pytest.param((2**64 - 1).to_bytes(8, "little") + b"{}", id="header of 2**64-1 bytes"),
        pytest.param((1 << 32).to_bytes(8, "little") + b"{}", id="header of 4 GiB"),
        pytest.param((3).to_bytes(8, "little") + b"{}", id="header one byte too long"),
        pytest.param(model(b""), id="no header"),
        pytest.param(model(b'["data_offsets":[0,8]]'), id="header is no object"),
        pytest.param(model(OFFSETS % b"[0,65]"), id="ends behind the file"),
        pytest.param(model(OFFSETS % b"[8,0]"), id="ends before it begins"),
        pytest.param(model(OFFSETS % b"[0,9999999999999999]"), id="huge end"),
        pytest.param(model(OFFSETS % b"[0,8]" + OFFSETS % b"[4,12]"), id="overlap"),
        pytest.param(model(OFFSETS % b"[0,8]" + OFFSETS % b"[0,8]"), id="two tensors at one place"),
    ],
)
def test_a_header_that_contradicts_itself_gives_no_map(data):
    assert mapped(data) is None


@pytest.mark.parametrize(
    "offsets",
    [
        *(b"[-8,8]", b"[0,-8]", b"[true,8]", b"[0.0,8.0]", b"[0,1e1]", b"[0," + b"9" * 10_000 + b"]"),
        *(b"[0]", b"[0,8,16]", b"[[0,8]]", b"[0,", b'["0","8"]', b'{"0":8}', b"null", b"8"),
    ],
)
def test_offsets_that_are_not_two_natural_numbers_name_no_tensor(offsets):
    data = model(OFFSETS % offsets)

    assert mapped(data) == [Span(0, len(data), Kind.OPAQUE)]


def test_a_truncated_file_gives_no_map():
    data = save({"a": np.arange(1000.0)})

    assert all(mapped(data[:length]) is None for length in range(len(data)))


def test_a_file_shorter_than_said_gives_no_map():
    data = model(OFFSETS % b"[0,8]")[:20]

    assert spans(io.BytesIO(data), 1 << 40) is None


def test_a_header_that_ends_behind_the_size_said_gives_no_map():
    assert spans(io.BytesIO(model(b'{"__metadata__":{}}')), 20) is None


def mapped_with_peak(data: bytes) -> tuple[list[Span] | None, int]:
    """The map, and the most memory that making it took."""
    file = io.BytesIO(data)
    tracemalloc.start()
    try:
        return spans(file, len(data)), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("filling", [b"[", b"[],", b'{"":', b"9", b" ", b'"data_offsets":[0'])
def test_a_hostile_header_costs_its_own_size_in_memory(filling):
    header = b'{"a":' + filling * ((4 << 20) // len(filling))

    found, peak = mapped_with_peak(model(header, b""))

    assert found == [Span(0, 8 + len(header), Kind.OPAQUE)]
    assert peak < len(header) + (64 << 10)


def test_a_header_longer_than_the_limit_is_not_read():
    found, peak = mapped_with_peak(model(b"{" + bytes(HEADER_MOST)))

    assert found is None
    assert peak < 64 << 10


def test_a_million_claimed_tensors_give_no_map_in_bounded_memory():
    header = b"{" + b'"data_offsets":[1,1]' * 1_000_000

    found, peak = mapped_with_peak(model(header))

    assert found is None
    assert peak < len(header) + (64 << 20)
