from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from mreg.content.formats.spans import Kind, Span
from mreg.content.formats.zipped import DIRECTORY_MOST, spans

TENSOR, OPAQUE = Kind.TENSOR, Kind.OPAQUE


def mapped(data: bytes | bytearray) -> list[Span] | None:
    return spans(io.BytesIO(data), len(data))


def pieces(data: bytes, kind: Kind) -> list[bytes]:
    return [data[s.start : s.start + s.length] for s in mapped(data) or () if s.kind is kind]


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as writer:
        for name, data in members:
            writer.writestr(name, data)
    return file.getvalue()


TORCH = {"m/data.pkl": b"pickle", "m/byteorder": b"little", "m/data/0": b"0" * 500, "m/data/10": b"1" * 70}


def test_the_torch_layout_of_these_tests_is_a_sound_archive(torch_zip):
    with zipfile.ZipFile(io.BytesIO(torch_zip(TORCH))) as reader:
        assert reader.testzip() is None
        assert {name: reader.read(name) for name in reader.namelist()} == TORCH


def test_tensors_of_a_torch_archive_are_found_and_nothing_else(torch_zip, assert_covers):
    data = torch_zip(TORCH)

    found = mapped(data)

    assert_covers(found, len(data))
    assert pieces(data, TENSOR) == [b"0" * 500, b"1" * 70]
    assert all(span.start % 64 == 0 for span in found if span.kind is TENSOR)
    assert b"pickle" in pieces(data, OPAQUE)


def test_constants_of_a_torch_script_archive_are_tensors(torch_zip):
    data = torch_zip({"m/code/__torch__.py": b"def", "m/constants/0": b"c" * 9, "m/constants.pkl": b"p"})

    assert pieces(data, TENSOR) == [b"c" * 9]


@pytest.mark.parametrize("name", ["data/0", "a/data/7", "a/b/data/12", "a\nb/data/1", "é/constants/3"])
def test_names_of_torch_tensors(name):
    assert pieces(archive((name, b"x" * 20)), TENSOR) == [b"x" * 20]


@pytest.mark.parametrize("name", ["data/0x", "data/", "mydata/0", "a/data/0/b", "data0", "a/data/0\n", "x"])
def test_names_of_other_members(name):
    assert pieces(archive((name, b"x" * 20)), TENSOR) == []


def test_arrays_of_an_npz_start_at_their_first_byte(npz, assert_covers):
    arrays = {"w": np.arange(1000.0), "b": np.arange(5, dtype="i2"), "none": np.zeros(0)}
    data = npz(arrays)

    assert_covers(mapped(data), len(data))
    assert pieces(data, TENSOR) == [arrays["w"].tobytes(), arrays["b"].tobytes()]


def test_a_member_named_npy_that_is_none_is_opaque():
    data = archive(("a.npy", b"something else entirely"), ("b.npy", b"\x93NUMPY"))

    assert pieces(data, TENSOR) == []
    assert {b"something else entirely", b"\x93NUMPY"} <= set(pieces(data, OPAQUE))


def test_an_npy_header_that_claims_more_than_its_member_makes_it_opaque():
    body = b"\x93NUMPY\2\0" + struct.pack("<I", 1000) + b"x" * 500
    data = archive(("a.npy", body), ("b", b"y" * 2000))

    assert pieces(data, TENSOR) == []
    assert body in pieces(data, OPAQUE)


def test_each_compressed_member_is_an_opaque_span_of_its_own():
    data = archive(("data/0", b"a" * 999), ("b.npy", b"b" * 999), method=zipfile.ZIP_DEFLATED)

    found = mapped(data)

    with zipfile.ZipFile(io.BytesIO(data)) as reader:
        sizes = [info.compress_size for info in reader.infolist()]
    assert [span.kind for span in found] == [OPAQUE] * 5  # header, data, header, data, directory
    assert [span.length for span in found][1:4:2] == sizes


def test_members_of_a_keras_archive_are_opaque_spans_of_their_own():
    members = {"metadata.json": b"{}", "config.json": b"{...}", "model.weights.h5": b"\x89HDF" * 50}
    data = archive(*members.items())

    assert pieces(data, TENSOR) == []
    assert set(members.values()) <= set(pieces(data, OPAQUE))


def test_sizes_and_offsets_are_read_from_zip64_fields(monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 300)  # as if it were 4 GiB

    data = archive(("data/0", b"s" * 10), ("data/1", b"l" * 2000), ("data/2", b"t" * 10))

    assert b"PK\6\6" in data
    assert data.count(struct.pack("<I", 0xFFFFFFFF)) > 2
    assert pieces(data, TENSOR) == [b"s" * 10, b"l" * 2000, b"t" * 10]


@pytest.mark.parametrize("only_full_size", [False, True])
def test_the_size_of_a_compressed_member_is_not_mistaken_in_zip64_fields(monkeypatch, only_full_size):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 300)
    data = bytearray(archive(("a", bytes(2000)), method=zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(io.BytesIO(data)) as reader:
        size = reader.getinfo("a").compress_size
    assert size < 100

    if only_full_size:  # a member may fit only when compressed
        struct.pack_into("<I", data, data.find(CENTRAL) + 20, size)

    assert mapped(data)[1].length == size


def test_zip64_fields_are_found_among_other_extra_fields(monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 300)
    zip64 = struct.pack("<HHQQ", 1, 16, 2000, 2000)
    other = struct.pack("<HHQQ", 0x9999, 16, 1, 2)
    info = zipfile.ZipInfo("data/0")
    info.extra = other
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as writer:
        writer.writestr(info, b"l" * 2000)
    data = file.getvalue()
    assert data.count(zip64 + other) == 1  # in the directory

    assert pieces(data.replace(zip64 + other, other + zip64), TENSOR) == [b"l" * 2000]


def test_a_zip64_field_may_end_with_the_number_of_a_disk(monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 300)
    info = zipfile.ZipInfo("data/0")
    info.extra = bytes.fromhex("99990000")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as writer:
        writer.writestr(info, b"l" * 2000)
    data = bytearray(file.getvalue())

    struct.pack_into("<H", data, data.find(CENTRAL) + 46 + len("data/0") + 2, 16 + 4)

    assert pieces(bytes(data), TENSOR) == [b"l" * 2000]


def test_comments_of_members_are_passed_over():
    first = zipfile.ZipInfo("data/0")
    first.comment = b"a comment"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as writer:
        writer.writestr(first, b"x" * 20)
        writer.writestr("data/1", b"y" * 20)

    assert pieces(file.getvalue(), TENSOR) == [b"x" * 20, b"y" * 20]


def test_an_archive_with_a_comment_is_read():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as writer:
        writer.writestr("data/0", b"x" * 20)
        writer.comment = b"c" * 0xFFFF

    assert pieces(file.getvalue(), TENSOR) == [b"x" * 20]


def test_an_archive_without_members_has_a_map():
    assert mapped(archive()) == [Span(0, 22, OPAQUE)]


# What follows lies. Each case edits a sound archive of two members, a (20 bytes) and b (30 bytes).


def sound() -> bytearray:
    return bytearray(archive(("data/0", b"a" * 20), ("data/1", b"b" * 30)))


def edited(signature: bytes, field: int, kind: str, value: int, *, last: bool = False) -> bytearray:
    """A sound archive with one field of the first (or last) record of this signature overwritten."""
    data = sound()
    struct.pack_into(kind, data, (data.rfind if last else data.find)(signature) + field, value)
    return data


LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"PK\3\4", id="magic only"),
        pytest.param(b"PK\5\6", id="half an end record"),
        pytest.param(b"PK\3\4" + bytes(100), id="no end record"),
        pytest.param(sound()[:-1], id="end record cut"),
        pytest.param(sound() + b"more", id="bytes behind the end record"),
        pytest.param(sound()[:-30] + sound()[-22:], id="directory cut"),
        pytest.param(edited(END, 12, "<I", 1 << 31), id="directory longer than the file"),
        pytest.param(edited(END, 12, "<I", 50), id="directory ends inside a record"),
        pytest.param(edited(END, 16, "<I", 5), id="directory elsewhere"),
        pytest.param(edited(END, 16, "<I", 0xFFFFFFFF), id="directory behind the file"),
        pytest.param(edited(END, 20, "<H", 7), id="comment behind the file"),
        pytest.param(edited(CENTRAL, 0, "<I", 0), id="record of another kind"),
        pytest.param(edited(CENTRAL, 20, "<I", 100), id="member runs into the next"),
        pytest.param(edited(CENTRAL, 20, "<I", 1 << 30), id="member longer than the file"),
        pytest.param(edited(CENTRAL, 20, "<I", 0xFFFFFFFF), id="zip64 size without zip64 field"),
        pytest.param(edited(CENTRAL, 28, "<H", 0xFFFF), id="name longer than the directory"),
        pytest.param(edited(CENTRAL, 42, "<I", 5), id="no local header at the offset"),
        pytest.param(edited(CENTRAL, 42, "<I", 1 << 30), id="local header behind the file"),
        pytest.param(edited(CENTRAL, 42, "<I", 0xFFFFFFFF), id="zip64 offset without zip64 field"),
        pytest.param(edited(CENTRAL, 42, "<I", 0, last=True), id="two members share their bytes"),
        pytest.param(edited(LOCAL, 0, "<I", 0), id="no signature at the local header"),
        pytest.param(edited(LOCAL, 26, "<H", 0xFFFF), id="data behind the file"),
    ],
)
def test_an_archive_that_contradicts_itself_gives_no_map(data):
    assert mapped(sound()) is not None
    assert mapped(data) is None


@pytest.mark.parametrize(
    ("signature", "field", "value"),
    [
        pytest.param(b"PK\6\7", 8, 2**64 - 1, id="end record behind everything"),
        pytest.param(b"PK\6\7", 8, 0, id="end record is something else"),
        pytest.param(b"PK\6\6", 0, 0, id="end record without signature"),
        pytest.param(b"PK\6\6", 40, 2**64 - 1, id="directory of 2**64-1 bytes"),
        pytest.param(b"PK\6\6", 40, 1 << 40, id="directory of a tebibyte"),
        pytest.param(b"PK\6\6", 48, 2**64 - 1, id="directory behind everything"),
        pytest.param(b"PK\6\6", 48, 1, id="directory elsewhere"),
    ],
)
def test_a_zip64_end_record_that_lies_gives_no_map(torch_zip, signature, field, value):
    data = bytearray(torch_zip(TORCH))
    assert mapped(data) is not None

    struct.pack_into("<Q", data, data.rfind(signature) + field, value)

    assert mapped(data) is None


@pytest.mark.parametrize("value", [2**64 - 1, 1 << 63, 1 << 40])
@pytest.mark.parametrize(("last", "field", "true"), [(False, 8, 2000), (True, 0, 2056)], ids=["size", "offset"])
def test_zip64_fields_that_lie_give_no_map(monkeypatch, last, field, true, value):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 300)
    data = bytearray(archive(("data/0", b"l" * 2000), ("data/1", b"t" * 10)))
    record = (data.rfind if last else data.find)(CENTRAL)
    field += record + 46 + len("data/0") + 4
    assert mapped(data) is not None
    assert struct.unpack_from("<Q", data, field) == (true,)

    struct.pack_into("<Q", data, field, value)

    assert mapped(data) is None


def test_members_that_overlap_as_in_a_zip_bomb_give_no_map(torch_zip):
    inner = bytes(torch_zip({"data/1": b"b" * 100}))
    data = bytearray(archive(("data/0", inner), ("data/1", b"b" * 100)))
    assert mapped(data) is not None

    # The second member's local header is quoted inside the first one's bytes.
    struct.pack_into("<I", data, data.rfind(CENTRAL) + 42, data.find(inner))

    assert mapped(data) is None


def test_a_truncated_archive_gives_no_map(torch_zip):
    data = torch_zip(TORCH)

    assert all(mapped(data[:length]) is None for length in range(len(data)))


def mapped_with_peak(file: io.BufferedIOBase, size: int) -> tuple[list[Span] | None, int]:
    """The map, and the most memory that making it took."""
    tracemalloc.start()
    try:
        return spans(file, size), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_directory_longer_than_the_limit_is_not_read(tmp_path):
    path, length = tmp_path / "model.pt", DIRECTORY_MOST + 1
    with path.open("wb") as file:  # sparse
        file.truncate(length)
        file.seek(length)
        file.write(struct.pack("<4s4H2IH", END, 0, 0, 0, 0, length, 0, 0))

    with path.open("rb") as file:
        found, peak = mapped_with_peak(file, length + 22)

    assert found is None
    assert peak < 1 << 20


def test_more_members_than_the_limit_give_no_map_in_bounded_memory(monkeypatch):
    monkeypatch.setattr("mreg.content.formats.spans.MOST_PARTS", 1000)
    local = LOCAL + bytes(26)
    directory = (CENTRAL + bytes(42)) * 200_000
    end = struct.pack("<4s4H2IH", END, 0, 0, 0, 0, len(directory), len(local), 0)
    data = local + directory + end

    found, peak = mapped_with_peak(io.BytesIO(data), len(data))

    assert found is None
    assert peak < len(directory) + (1 << 20)
