from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from safetensors.numpy import save

from mreg.content.formats.safetensors import HEADER_MOST, spans
from mreg.content.formats.spans import ITEM_SIZE, TEXT_MOST, Kind, Span


def mapped(data: bytes) -> list[Span] | None:
    return spans(io.BytesIO(data), len(data))


def model(header: bytes, data: bytes = bytes(64)) -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def tensors(data: bytes) -> list[bytes]:
    return [data[s.start : s.start + s.length] for s in mapped(data) or () if s.kind is Kind.TENSOR]


def tensor_spans(data: bytes) -> list[Span]:
    return [span for span in mapped(data) or () if span.kind is Kind.TENSOR]


names = st.text(max_size=80) | st.sampled_from(['"', "\\", '\\"', "__metadata", "a" * 64, '":{"data_offsets":[0,8]}'])
dtypes = st.sampled_from(["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", "c8"])


@settings(deadline=None)
@given(
    arrays=st.dictionaries(
        names.filter(lambda name: name != "__metadata__"),
        st.builds(np.zeros, st.lists(st.integers(0, 4), max_size=3), dtypes),
        min_size=1,
        max_size=5,
    ),
    metadata=st.none() | st.dictionaries(names, names, max_size=3),
)
def test_what_safetensors_writes_is_mapped(arrays, metadata, assert_covers):
    data = save(arrays, metadata=metadata)

    found = mapped(data)

    assert_covers(found, len(data))
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    header.pop("__metadata__", None)
    start = found[0].length
    assert sorted((span.start - start, span.length, span.dtype) for span in tensor_spans(data)) == sorted(
        (begin, end - begin, entry["dtype"])
        for entry in header.values()
        for begin, end in [entry["data_offsets"]]
        if begin < end
    )
    assert len({span.name for span in tensor_spans(data)}) == len(tensor_spans(data))


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

    assert [span[:3] for span in mapped(model(header, bytes(40)))] == [
        (0, start + 8, Kind.OPAQUE),
        (start + 8, 8, Kind.TENSOR),
        (start + 16, 8, Kind.TENSOR),
        (start + 24, 16, Kind.OPAQUE),
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


def test_a_file_of_nothing_but_metadata_is_opaque():
    data = model(b'{"__metadata__":{"a":"b"}}')

    assert mapped(data) == [Span(0, len(data), Kind.OPAQUE)]


@pytest.mark.parametrize("dtype", [b"F4", b"F6_E2M3", b"F6_E3M2", b"F128", b"", b"f32"])
def test_dtypes_that_are_new_or_of_no_whole_bytes_are_unknown(dtype):
    (found,) = tensor_spans(model(b'{"a":{"dtype":"%b","shape":[16],"data_offsets":[0,64]}}' % dtype)) or [None]

    if dtype in (b"", b"f32"):
        assert found is None
    else:
        assert (found.dtype, found.length) == ("", 64)


@pytest.mark.parametrize("dtype", sorted(ITEM_SIZE))
def test_a_dtype_is_known_only_where_it_makes_up_the_tensor(dtype):
    header = b'{"a":{"dtype":"%b","shape":[2],"data_offsets":[0,%d]}}'

    (sound,) = tensor_spans(model(header % (dtype.encode(), 2 * ITEM_SIZE[dtype])))
    (odd,) = tensor_spans(model(header % (dtype.encode(), 63)))

    assert sound.dtype == dtype
    assert odd.dtype == ("" if ITEM_SIZE[dtype] > 1 else dtype)


ENTRY = b'"a":{"dtype":"U8","shape":[8],"data_offsets":%s}'
OFFSETS = b"{%b}" % ENTRY


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
        pytest.param(model(b"[%b}" % ENTRY % b"[0,8]"), id="header begins otherwise"),
        pytest.param(model(OFFSETS % b"[0,65]"), id="ends behind the file"),
        pytest.param(model(OFFSETS % b"[8,0]"), id="ends before it begins"),
        pytest.param(model(OFFSETS % b"[0,9999999999999999]"), id="huge end"),
        pytest.param(model(b"{%b,%b}" % (ENTRY % b"[0,8]", ENTRY % b"[4,12]")), id="overlap"),
        pytest.param(model(b"{%b,%b}" % (ENTRY % b"[0,8]", ENTRY % b"[0,8]")), id="two tensors at one place"),
        pytest.param(model(b"{%b %b}" % (ENTRY % b"[0,8]", ENTRY % b"[8,16]")), id="no comma"),
        pytest.param(model(OFFSETS % b"[0,8]" + b"x"), id="text behind the object"),
        pytest.param(model(OFFSETS % b"[0,8]" + OFFSETS % b"[8,16]"), id="two objects"),
        pytest.param(model(b"{%b" % ENTRY % b"[0,8]"), id="object without an end"),
        pytest.param(model(b'{"a":{"dtype":"U8","shape":[8]}}'), id="no offsets"),
        pytest.param(model(b'{"a":{"data_offsets":[0,8],"new":1}}'), id="field that is not known"),
        pytest.param(model(b'{"a":{"data_offsets":[0,8]},"b":1}'), id="entry that is no object"),
        pytest.param(model(b'{"__metadata__":{"a":1},%b}' % ENTRY % b"[0,8]"), id="metadata that is no text"),
        pytest.param(model(b'{"%b":{"data_offsets":[0,8]}}' % (b"x" * TEXT_MOST)), id="name without bounds"),
    ],
)
def test_a_header_that_contradicts_itself_gives_no_map(data):
    assert mapped(data) is None


@pytest.mark.parametrize(
    "offsets",
    [
        *(b"[-8,8]", b"[0,-8]", b"[true,8]", b"[0.0,8.0]", b"[0,1e1]", b"[0," + b"9" * 10_000 + b"]"),
        b"[%b,8]" % (b"0" * 10_000),
        *(b"[0]", b"[0,8,16]", b"[[0,8]]", b"[0,", b'["0","8"]', b'{"0":8}', b"null", b"8"),
    ],
)
def test_offsets_that_are_not_two_natural_numbers_give_no_map(offsets):
    assert mapped(model(OFFSETS % b"[0,8]")) is not None
    assert mapped(model(OFFSETS % offsets)) is None


def test_a_truncated_file_gives_no_map():
    data = save({"a": np.arange(1000.0)})

    assert all(mapped(data[:length]) is None for length in range(len(data)))


def test_a_file_shorter_than_said_gives_no_map():
    data = model(OFFSETS % b"[0,8]")[:20]

    assert spans(io.BytesIO(data), 1 << 40) is None


def test_a_header_cut_short_in_its_padding_gives_no_map():
    data = model(OFFSETS % b"[0,8]" + b" " * 50)

    assert spans(io.BytesIO(data[:-100]), len(data)) is None


def test_a_header_that_ends_behind_the_size_said_gives_no_map():
    assert spans(io.BytesIO(model(b'{"__metadata__":{}}')), 20) is None


MIB = 1 << 20


def filled(begin: bytes, unit: bytes, end: bytes = b"") -> bytes:
    """A header as long as any that is looked at."""
    return begin + unit * ((HEADER_MOST - len(begin) - len(end)) // len(unit)) + end


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(filled(b'{"a":', b"["), id="nested lists"),
        pytest.param(filled(b'{"a":', b'{"":'), id="nested objects"),
        pytest.param(filled(b'{"a":', b"[],"), id="lists"),
        pytest.param(filled(b"{", b" "), id="spaces"),
        pytest.param(filled(b'{"', b"x"), id="a string without end"),
        pytest.param(filled(b'{"', rb"\""), id="escapes without end"),
        pytest.param(filled(b'{"', b"x", b'":{"data_offsets":[0,8]}}'), id="a name"),
        pytest.param(filled(b'{"a":{"data_offsets":[0,', b"9"), id="digits"),
        pytest.param(filled(b'{"a":{"shape":[', b"1,"), id="dimensions"),
        pytest.param(filled(b'{"a":{', b'"shape":[],'), id="shapes"),
        pytest.param(filled(b"{", b'"a":{"data_offsets":[0,9223372036854775808]},'), id="2**63"),
        pytest.param(filled(b'{"__metadata__":{', b'"":"",'), id="pairs without end"),
    ],
)
def test_a_hostile_header_costs_its_own_size_in_memory(header, measured):
    file, size = io.BytesIO(model(header)), 8 + len(header) + 64

    found, peak = measured(lambda: spans(file, size))

    assert found is None
    assert peak < len(header) + MIB


def test_metadata_of_any_length_is_passed_over(measured):
    header = filled(b'{"__metadata__":{"":"', rb"\"", b'"},' + ENTRY % b"[0,64]" + b"}")
    file, size = io.BytesIO(model(header)), 8 + len(header) + 64

    found, peak = measured(lambda: spans(file, size))

    assert [span.kind for span in found] == [Kind.OPAQUE, Kind.TENSOR]
    assert peak < len(header) + MIB


def test_a_header_longer_than_the_limit_is_not_read(measured):
    file, size = io.BytesIO(model(b"{" + bytes(HEADER_MOST))), HEADER_MOST + 73

    found, peak = measured(lambda: spans(file, size))

    assert found is None
    assert peak < 64 << 10


def test_a_million_claimed_tensors_give_no_map_in_bounded_memory(measured):
    entry = b'"a":{"data_offsets":[1,1]}'
    file = io.BytesIO(data := model(filled(b"{", entry + b",", entry + b"}")))
    assert len(data) // len(entry) > 1_000_000

    found, peak = measured(lambda: spans(file, len(data)))

    assert found is None
    assert peak < 96 * MIB


def test_as_many_tensors_as_may_be_are_mapped_in_bounded_memory(assert_covers, measured):
    count, name = 245_000, b"x" * 53
    entries = (
        b'"%06d%b":{"dtype":"F32","shape":[4],"data_offsets":[%d,%d]}' % (i, name, 32 * i, 32 * i + 16)
        for i in range(count)
    )
    data = model(b"{%b}" % b",".join(entries), bytes(32 * count))
    file, size = io.BytesIO(data), len(data)
    assert HEADER_MOST * 0.85 < len(data) - 32 * count < HEADER_MOST

    found, peak = measured(lambda: spans(file, size))

    assert_covers(found, size)
    assert len({span.name for span in found if span.kind is Kind.TENSOR}) == count
    assert peak < 96 * MIB
