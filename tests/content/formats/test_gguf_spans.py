from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type, GGUFReader
from hypothesis import given, settings, strategies as st

from mreg.content.formats.gguf import HEADER_FIRST, HEADER_MOST, TYPES, spans
from mreg.content.formats.spans import ITEM_SIZE, MOST_PARTS, TEXT_MOST, Kind, Span

MIB = 1 << 20
U8, U32, STRING, ARRAY = 0, 4, 8, 9


def mapped(data: bytes) -> list[Span] | None:
    return spans(io.BytesIO(data), len(data))


def tensors(data: bytes) -> list[Span]:
    return [span for span in mapped(data) or () if span.kind is Kind.TENSOR]


# What the library writes.


def test_numbers_of_types_and_sizes_of_blocks_are_those_of_ggml():
    theirs = {int(kind): (kind.name, *GGML_QUANT_SIZES[kind]) for kind in Type if kind in GGML_QUANT_SIZES}

    assert TYPES.items() >= {number: theirs[number] for number in theirs.keys() & TYPES.keys()}.items()
    assert len(theirs.keys() & TYPES.keys()) > 30


def test_names_of_plain_types_are_those_of_other_formats():
    assert {name for name, block, _ in TYPES.values() if block == 1} <= ITEM_SIZE.keys()
    assert all(ITEM_SIZE[name] == size for name, block, size in TYPES.values() if block == 1)


quantised = st.sampled_from([Type.Q4_0, Type.Q8_0, Type.Q4_K, Type.Q6_K, Type.IQ2_XXS, Type.TQ1_0, Type.BF16])


@st.composite
def arrays(draw):
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    if draw(st.booleans()):
        return np.zeros(shape, draw(st.sampled_from(["f8", "f4", "f2", "i1", "i2", "i4", "i8"])))
    kind = draw(quantised)
    return np.zeros((*shape[:-1], shape[-1] * GGML_QUANT_SIZES[kind][1]), "u1"), kind


@settings(max_examples=60, deadline=None)
@given(
    tensors_written=st.dictionaries(st.text("abc._é", min_size=1, max_size=30), arrays(), min_size=1, max_size=5),
    alignment=st.sampled_from([8, 32, 64, 4096]),
    metadata=st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        st.text() | st.lists(st.text(), min_size=1) | st.lists(st.floats(width=32), min_size=1),
    ),
)
def test_what_the_library_writes_is_mapped(tmp_path_factory, gguf, assert_covers, tensors_written, alignment, metadata):
    data = gguf(tensors_written, alignment=alignment, **metadata)

    found = mapped(data)

    assert_covers(found, len(data))
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    path.write_bytes(data)
    assert [(span.start, span.length, span.dtype) for span in tensors(data)] == [
        (tensor.data_offset, tensor.n_bytes, tensor.tensor_type.name) for tensor in GGUFReader(path).tensors
    ]
    assert len({span.name for span in tensors(data)}) == len(tensors_written)


def test_a_vocabulary_longer_than_what_is_read_first_is_passed_over(gguf):
    words = [f"word {number}" for number in range(100_000)]

    data = gguf({"w": np.ones(8, "f4")}, words=words, scores=[0.5] * 100_000)

    assert len(data) > HEADER_FIRST
    (tensor,) = tensors(data)
    assert data[tensor.start :][: tensor.length] == np.ones(8, "f4").tobytes()


def test_the_file_is_not_read_beyond_what_describes_it(gguf):
    class Counting(io.BytesIO):
        count = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.count += len(data)
            return data

    data = gguf({"w": np.zeros(8 * MIB, "i1")})
    file = Counting(data)

    assert len(spans(file, len(data))) == 2
    assert file.count == HEADER_FIRST


# Files made by hand.


def text(value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(value) if length is None else length) + value


def pair(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def array(kind: int, count: int, values: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, count) + values


def info(name: bytes, offset: int, *dimensions: int, kind: int = 0, rank: int | None = None) -> bytes:
    rank = len(dimensions) if rank is None else rank
    return text(name) + struct.pack(f"<I{len(dimensions)}QIQ", rank, *dimensions, kind, offset)


def file_of(
    infos: list[bytes],
    size: int = 64,
    pairs: list[bytes] | None = None,
    *,
    version: int = 3,
    counts: tuple[int, int] | None = None,
    alignment: int = 32,
) -> bytes:
    pairs = pairs or []
    counts = counts or (len(infos), len(pairs))
    header = b"GGUF" + struct.pack("<IQQ", version, *counts) + b"".join(pairs) + b"".join(infos)
    return header + bytes(-len(header) % alignment + size)


A, B = info(b"a", 0, 8), info(b"b", 32, 4, 2)


@pytest.mark.parametrize("version", [2, 3])
def test_tensors_lie_where_their_offsets_say(version):
    data = file_of([B, A], version=version)
    start = len(data) - 64

    assert [span[:4] for span in mapped(data)] == [
        (0, start, Kind.OPAQUE, ""),
        (start, 32, Kind.TENSOR, "F32"),
        (start + 32, 32, Kind.TENSOR, "F32"),
    ]


def test_holes_and_what_is_behind_are_opaque():
    data = file_of([info(b"a", 32, 3), info(b"b", 96, 0)], 200)

    assert [(span.length, span.kind) for span in mapped(data)[-3:]] == [
        (len(data) - 200 + 32, Kind.OPAQUE),
        (12, Kind.TENSOR),
        (200 - 32 - 12, Kind.OPAQUE),
    ]


@pytest.mark.parametrize("alignment", [1, 8, 64, 1 << 16])
def test_the_data_starts_where_the_alignment_says(alignment):
    pairs = [pair(b"general.alignment", U32, struct.pack("<I", alignment))]
    data = file_of([A], 40, pairs, alignment=alignment)

    assert [span.start for span in tensors(data)] == [len(data) - 40]


def test_a_type_that_is_not_known_reaches_to_the_next_tensor():
    data = file_of([info(b"new", 32, 5, kind=99), A, info(b"last", 64, 5, kind=4), info(b"b", 48, 4)], 100)
    start = len(data) - 100

    assert [(span.start - start, span.length, span.dtype) for span in tensors(data)] == [
        (0, 32, "F32"),
        (32, 16, ""),
        (48, 16, "F32"),
        (64, 36, ""),
    ]


def test_every_kind_of_metadata_is_passed_over():
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    pairs = [pair(b"%d" % kind, kind, b"\xff" * size) for kind, size in sizes.items()]
    pairs += [pair(b"%d of" % kind, ARRAY, array(kind, 7, b"\xff" * 7 * size)) for kind, size in sizes.items()]
    pairs += [pair(b"text", STRING, text(b"x" * 99)), pair(b"texts", ARRAY, array(STRING, 2, text(b"x") + text(b"")))]

    assert len(tensors(file_of([A], pairs=pairs))) == 1


def test_tensors_of_one_name_are_no_error():
    data = file_of([A, info(b"a", 32, 8)])

    first, second = tensors(data)
    assert first.name == second.name


HUGE = [1 << 32, 1 << 62, 1 << 63, (1 << 64) - 1]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(file_of([A], version=1), id="version 1"),
        pytest.param(file_of([A], version=4), id="version of the future"),
        pytest.param(file_of([A], version=3 << 24), id="big-endian"),
        *(pytest.param(file_of([A], counts=(count, 0)), id=f"{count} tensors") for count in (MOST_PARTS + 1, *HUGE)),
        *(pytest.param(file_of([A], counts=(1, count)), id=f"{count} pairs") for count in HUGE),
        *(pytest.param(file_of([info(b"a", 0, count)]), id=f"{count} items") for count in (17, *HUGE)),
        *(pytest.param(file_of([info(b"a", 0, 1, 1, 1, count)]), id=f"{count} rows") for count in (17, *HUGE)),
        pytest.param(file_of([info(b"a", 0, *[(1 << 64) - 1] * 4)]), id="(2**64-1)**4 items"),
        *(pytest.param(file_of([info(b"a", offset, 8)]), id=f"offset {offset}") for offset in (33, *HUGE)),
        *(pytest.param(file_of([info(b"a", offset, 8, kind=99)]), id=f"unknown at {offset}") for offset in (65, *HUGE)),
        *(pytest.param(file_of([text(b"a", n) + A[9:]]), id=f"name of {n}") for n in (TEXT_MOST + 1, *HUGE)),
        *(pytest.param(file_of([A], pairs=[text(b"a", n)]), id=f"key of {n}") for n in (TEXT_MOST + 1, *HUGE)),
        *(pytest.param(file_of([A], pairs=[pair(b"a", STRING, text(b"", n))]), id=f"text of {n}") for n in HUGE),
        *(pytest.param(file_of([A], pairs=[pair(b"a", ARRAY, array(U8, n))]), id=f"{n} bytes") for n in HUGE),
        *(pytest.param(file_of([A], pairs=[pair(b"a", ARRAY, array(STRING, n))]), id=f"{n} texts") for n in HUGE),
        pytest.param(file_of([info(b"x" * (TEXT_MOST + 1), 0, 8)]), id="long name"),
        pytest.param(file_of([A], pairs=[pair(b"x" * (TEXT_MOST + 1), U8, b"1")]), id="long key"),
        pytest.param(file_of([A], pairs=[pair(b"a", ARRAY, array(ARRAY, 1, array(U8, 0)))]), id="array of arrays"),
        pytest.param(file_of([A], pairs=[pair(b"a", 13, b"")]), id="unknown kind of value"),
        pytest.param(file_of([info(b"a", 0, *[1] * 5)]), id="five dimensions"),
        pytest.param(file_of([info(b"a", 0, rank=(1 << 32) - 1)]), id="2**32-1 dimensions"),
        pytest.param(file_of([info(b"a", 0, 33, kind=2)]), id="no whole number of blocks"),
        pytest.param(file_of([A, A]), id="two tensors at one place"),
        pytest.param(file_of([A, info(b"b", 16, 8)]), id="overlap"),
        pytest.param(file_of([info(b"a", 0, 8, kind=99), info(b"b", 0, 8, kind=99)]), id="two unknown at one place"),
        *(
            pytest.param(file_of([A], pairs=[pair(b"general.alignment", kind, value)]), id=f"alignment {value}")
            for kind, value in [(U32, bytes(4)), (U32, b"\x21\0\0\0"), (5, b"\x20\0\0\0")]
        ),
        pytest.param(file_of([A], pairs=[pair(b"general.alignment", U32, b"\0\0\0\x80")]), id="alignment of 2 GiB"),
    ],
)
def test_a_file_that_contradicts_itself_gives_no_map(data):
    assert mapped(file_of([A, B], pairs=[pair(b"a", U8, b"1")])) is not None
    assert mapped(data) is None


def test_a_file_cut_short_gives_no_map():
    data = file_of([A, B], pairs=[pair(b"a", STRING, text(b"text"))])

    assert all(mapped(data[:length]) is None for length in range(len(data)))


@pytest.mark.parametrize(
    ("counts", "body"),
    [
        pytest.param((0, 1 << 63), pair(b"", U8, b"1"), id="pairs"),
        pytest.param((MOST_PARTS, 0), info(b"", 1 << 63, 1), id="infos"),
        pytest.param((1, 1), pair(b"a", ARRAY, array(STRING, 1 << 63)) + bytes(8), id="texts"),
    ],
)
def test_a_header_that_never_ends_costs_bounded_memory(monkeypatch, counts, body, measured):
    monkeypatch.setattr("mreg.content.formats.gguf.HEADER_MOST", 4 * MIB)
    repeated = body[-8:] if counts == (1, 1) else body
    data = file_of([body + repeated * (8 * MIB // len(repeated))], counts=counts)
    file = io.BytesIO(data)

    found, peak = measured(lambda: spans(file, len(data)))

    assert found is None
    assert peak < 12 * MIB


@pytest.mark.slow
@pytest.mark.parametrize("kind", [0, 99], ids=["known", "unknown"])
def test_as_many_tensors_as_may_be_are_mapped_in_bounded_memory(assert_covers, measured, kind):
    count = 250_000
    infos = [info(b"%063d" % number, 32 * number, 4, 1, 1, 1, kind=kind) for number in range(count)]
    data = file_of(infos, 32 * count)
    file = io.BytesIO(data)
    assert HEADER_MOST * 0.85 < sum(map(len, infos)) < HEADER_MOST

    found, peak = measured(lambda: spans(file, len(data)))

    assert_covers(found, len(data))
    assert sum(span.kind is Kind.TENSOR for span in found) == count
    assert peak < 96 * MIB
