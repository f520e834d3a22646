from __future__ import annotations

import io
import struct
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mreg.content.formats import zipped
from mreg.content.formats.hdf5 import READ_MOST, spans
from mreg.content.formats.spans import Kind, Span

MIB = 1 << 20


def mapped(data: bytes | bytearray) -> list[Span] | None:
    return spans(io.BytesIO(data), len(data))


def tensors(data: bytes | bytearray) -> list[Span]:
    return [span for span in mapped(data) or () if span.kind is Kind.TENSOR]


def datasets(data: bytes) -> dict[str, tuple[int, int]]:
    """Offset and length of each dataset that lies in one piece, as the library sees it."""
    found: dict[str, tuple[int, int]] = {}

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.id.get_offset() is not None:
            found[name] = (item.id.get_offset(), item.id.get_storage_size())

    with h5py.File(io.BytesIO(data), "r") as file:
        file.visititems(visit)
    return found


# What the library writes.


@settings(max_examples=60, deadline=None)
@given(
    arrays=st.dictionaries(
        st.text("abcdefgh_ :", min_size=1, max_size=30),
        st.builds(
            np.ones,
            st.lists(st.integers(0, 4), max_size=3),
            st.sampled_from(["f8", "f4", "f2", "i8", "i1", "u4", "u1", ">f4", "?"]),
        ),
        max_size=40,
    )
)
def test_what_the_library_writes_is_mapped(h5, assert_covers, arrays):
    data = h5(arrays)

    assert_covers(mapped(data), len(data))
    assert {(span.start, span.length) for span in tensors(data)} == set(datasets(data).values())
    assert len({span.name for span in tensors(data)}) == len(datasets(data))


def test_groups_of_many_members_are_followed():
    """Large ones have B-trees of several levels, and headers with many attributes go on elsewhere."""
    file = io.BytesIO()
    with h5py.File(file, "w") as writer:
        for number in range(2000):
            writer[f"flat/{number}"] = np.full(3, number)
        for number in range(30):
            writer["flat/7"].attrs[f"attribute {number}"] = "text" * 20
            writer.create_group("/".join(str(number) * 2 for number in range(number + 1)))[f"{number}"] = np.ones(4)
    data = file.getvalue()
    assert data.count(b"TREE\0\1") > 0

    assert {(span.start, span.length) for span in tensors(data)} == set(datasets(data).values())
    assert len(tensors(data)) == 2030


@pytest.mark.parametrize(
    ("written", "dtype"),
    [
        *(("<f8", "F64"), ("<f4", "F32"), ("<f2", "F16")),
        *(("<i8", "I64"), ("<i4", "I32"), ("<i2", "I16"), ("i1", "I8")),
        *(("<u8", "U64"), ("<u4", "U32"), ("<u2", "U16"), ("u1", "U8")),
        *((">f4", ""), (">i8", ""), ("?", ""), ("<c8", ""), ("S5", ""), ("<f4,<i2", "")),
    ],
)
def test_dtypes_of_datasets(h5, written, dtype):
    (tensor,) = tensors(h5({"a": np.zeros(8, written)}))

    assert tensor.dtype == dtype


@pytest.mark.parametrize(("mantissa", "dtype"), [(10, "F16"), (7, "BF16"), (9, "")])
def test_floats_of_two_bytes_are_told_apart(mantissa, dtype):
    file = io.BytesIO()
    kind = h5py.h5t.IEEE_F16LE.copy()
    kind.set_fields(15, mantissa, 15 - mantissa, 0, mantissa)  # sign, exponent, mantissa: first bit and length
    kind.set_ebias(127)
    with h5py.File(file, "w") as writer:
        h5py.h5d.create(writer.id, b"a", kind, h5py.h5s.create_simple((8,))).write(
            h5py.h5s.ALL, h5py.h5s.ALL, np.zeros(8, "u2"), mtype=kind
        )

    assert [span.dtype for span in tensors(file.getvalue())] == [dtype]


def test_datasets_of_other_layouts_are_passed_over():
    file = io.BytesIO()
    with h5py.File(file, "w") as writer:
        writer.create_dataset("in chunks", data=np.arange(1000.0), chunks=(100,))
        writer.create_dataset("compressed", data=np.arange(1000.0), compression="gzip")
        writer.create_dataset("without bytes", shape=(1000,), dtype="f4")
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        h5py.h5d.create(writer.id, b"in its header", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((3,)), compact)
        writer.create_dataset("in one piece", data=np.arange(50.0))
    data = file.getvalue()

    assert [span.length for span in tensors(data)] == [400]


def test_a_dataset_of_two_names_is_one_tensor():
    file = io.BytesIO()
    with h5py.File(file, "w") as writer:
        writer["a/weight"] = np.ones(100)
        writer["b/weight"] = writer["a/weight"]
        writer["a/self"] = writer["a"]
        writer["soft"] = h5py.SoftLink("/a/weight")

    assert [span.length for span in tensors(file.getvalue())] == [800]


@pytest.mark.parametrize("options", [{"libver": "latest"}, {"userblock_size": 512}, {"track_order": True}])
def test_what_is_laid_out_otherwise_is_opaque(h5, options):
    data = h5({"a": np.arange(100.0)}, **options)

    assert tensors(data) == []


def test_members_whose_names_are_not_ascii_are_passed_over(h5):
    """The library gives the group of such a name the newer style."""
    data = h5({"a": np.arange(100.0), "é": np.arange(90.0)})

    assert [span.length for span in tensors(data)] == [800]


# Inside of a Keras archive.


def test_datasets_inside_a_keras_archive_are_those_of_the_file(keras, h5, assert_covers):
    arrays = {"a": np.arange(1000.0), "b": np.arange(77, dtype="f4")}
    alone, inside = h5(arrays), keras(arrays)
    start = inside.find(alone)
    assert start > 0

    found = zipped.spans(io.BytesIO(inside), len(inside))

    assert_covers(found, len(inside))
    assert [span for span in found if span.kind is Kind.TENSOR] == [
        span._replace(start=start + span.start) for span in tensors(alone)
    ]


def test_a_compressed_or_damaged_weights_file_is_an_opaque_member(h5, assert_covers):
    weights = h5({"a": np.arange(1000.0)})
    for method, content in [(zipfile.ZIP_DEFLATED, weights), (zipfile.ZIP_STORED, weights[:100] + bytes(9000))]:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.writestr("model.weights.h5", content)
            archive.writestr("x.npy", b"no array")
        data = file.getvalue()

        found = zipped.spans(io.BytesIO(data), len(data))

        assert_covers(found, len(data))
        assert {span.kind for span in found} == {Kind.OPAQUE}
        assert len(found) == 5  # a local header before each member, and the directory


def test_a_dataset_that_leaves_its_member_makes_it_opaque(h5, assert_covers):
    weights = bytearray(h5({"a": np.arange(100.0)}))
    (begin, length) = datasets(bytes(weights))["layers/a/vars/0"]
    struct.pack_into("<Q", weights, weights.find(struct.pack("<QQ", begin, length)) + 8, len(weights) - begin + 1)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model.weights.h5", weights)
    data = file.getvalue()

    found = zipped.spans(io.BytesIO(data), len(data))

    assert_covers(found, len(data))
    assert (data.find(weights), len(weights), Kind.OPAQUE) in [span[:3] for span in found]


def test_only_the_first_weights_file_of_an_archive_is_looked_into(h5):
    """Else many members that point at one place would each cost what a file may cost."""
    first, second = h5({"a": np.arange(100.0)}), h5({"b": np.arange(90.0)})
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.h5", first)
        archive.writestr("b.h5", second)
    data = file.getvalue()

    found = zipped.spans(io.BytesIO(data), len(data))

    assert [span.length for span in found if span.kind is Kind.TENSOR] == [800]


# What follows lies.


def sound() -> bytearray:
    file = io.BytesIO()
    with h5py.File(file, "w") as writer:
        writer["group/a"] = np.arange(16.0)
        writer["group/b"] = np.arange(30.0)
    return bytearray(file.getvalue())


def edited(signature: bytes, field: int, kind: str, value: int) -> bytearray:
    """A sound file with a field of the first record of this signature overwritten."""
    data = sound()
    struct.pack_into(kind, data, data.find(signature) + field, value)
    return data


def with_extent(place: int, length: int) -> bytearray:
    """A sound file in which the second dataset claims to lie elsewhere."""
    data = sound()
    (begin, size) = datasets(bytes(data))["group/b"]
    at = data.find(struct.pack("<QQ", begin, size))
    struct.pack_into("<QQ", data, at, place, length)
    return data


ROOT = b"\x89HDF"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(edited(ROOT, 8, "<B", 2), id="another superblock"),
        pytest.param(edited(ROOT, 13, "<B", 4), id="addresses of four bytes"),
        pytest.param(edited(ROOT, 24, "<Q", 512), id="base address"),
        *(pytest.param(edited(ROOT, 64, "<Q", value), id=f"root at {value}") for value in (1 << 40, 2**64 - 1)),
        pytest.param(edited(b"HEAP", 0, "<I", 0), id="heap without signature"),
        pytest.param(edited(b"HEAP", 8, "<Q", 2**64 - 1), id="heap of 2**64-1 bytes"),
        pytest.param(edited(b"HEAP", 24, "<Q", 2**63), id="names behind everything"),
        pytest.param(edited(b"TREE", 0, "<I", 0), id="tree without signature"),
        pytest.param(edited(b"TREE", 4, "<B", 1), id="tree of chunks"),
        pytest.param(edited(b"TREE", 6, "<H", 0xFFFF), id="tree of 65535 children"),
        pytest.param(edited(b"TREE", 32, "<Q", 2**63), id="child behind everything"),
        pytest.param(edited(b"SNOD", 6, "<H", 0xFFFF), id="65535 members"),
        pytest.param(edited(b"SNOD", 8, "<Q", 2**63), id="name behind everything"),
        pytest.param(edited(b"SNOD", 16, "<Q", 2**63), id="member behind everything"),
        pytest.param(with_extent(8, 2**64 - 1), id="dataset of 2**64-1 bytes"),
        pytest.param(with_extent(2**63, 8), id="dataset behind everything"),
        pytest.param(with_extent(8, len(sound())), id="dataset ends behind the file"),
    ],
)
def test_a_file_that_contradicts_itself_has_no_tensors(data):
    assert len(tensors(sound())) == 2
    assert tensors(data) == []


def test_tensors_that_overlap_give_no_map():
    begin, _ = datasets(bytes(sound()))["group/a"]

    assert mapped(with_extent(begin + 8, 8)) is None


def tree_of_itself() -> bytearray:
    data = sound()
    at = data.find(b"TREE")
    struct.pack_into("<Q", data, at + 32, at)
    return data


def header_that_goes_on_in_itself() -> bytearray:
    data = sound()
    (root,) = struct.unpack_from("<Q", data, 64)
    struct.pack_into("<HHIQQ", data, root + 16, 16, 16, 0, root + 16, 24)
    return data


def nested_groups(names: list[bytes], members: int) -> bytes:
    """The root holds one group, that one another, and so on; the innermost holds many objects of one name."""
    superblock, header = bytes(sound()[:96]), struct.Struct("<BxHIIxxxxHHIQQ")
    nothing = len(superblock) + header.size * len(names)  # an object header of no known version, wherever it begins
    place = nothing + members + 16
    headers, structures = b"", b""
    for depth, name in enumerate(names):
        inside = [len(superblock) + header.size * (depth + 1)]
        if depth == len(names) - 1:
            inside = [nothing + number for number in range(members)]
        heap, symbols = place + 40, place + 72 + len(name) + 1
        structure = struct.pack("<4sBBHQQQQ", b"TREE", 0, 0, 1, 0, 0, 0, symbols)
        structure += struct.pack("<4s4xQQQ", b"HEAP", len(name) + 1, 0, heap + 32) + name + b"\0"
        structure += struct.pack("<4sBBH", b"SNOD", 1, 0, len(inside))
        structure += b"".join(struct.pack("<QQ24x", 0, address) for address in inside)
        headers += header.pack(1, 1, 1, 24, 17, 16, 0, place, heap)
        structures += structure
        place += len(structure)
    root = struct.pack("<Q", len(superblock))
    return superblock[:64] + root + superblock[72:] + headers + bytes(members + 16) + structures


def members_of_long_names() -> bytes:
    return nested_groups([b"n" * 4000], 65_000)


def members_of_long_paths() -> bytes:
    return nested_groups([b"n" * 8000] * 10 + [b"x"], 8_000)


@pytest.mark.parametrize(
    "make", [tree_of_itself, header_that_goes_on_in_itself, members_of_long_names, members_of_long_paths]
)
def test_structure_that_never_ends_costs_bounded_memory(make, measured):
    file = io.BytesIO(data := bytes(make()))

    found, peak = measured(lambda: spans(file, len(data)))

    assert found == [Span(0, len(data), Kind.OPAQUE)]
    assert peak < 2 * READ_MOST


def test_as_many_datasets_as_may_be_are_mapped_in_bounded_memory(h5, assert_covers, measured):
    data = h5({f"layer_{number}": np.zeros(4, "f4") for number in range(5_000)})
    file = io.BytesIO(data)

    found, peak = measured(lambda: spans(file, len(data)))

    assert_covers(found, len(data))
    assert sum(span.kind is Kind.TENSOR for span in found) == 5_000
    assert peak < 8 * MIB
