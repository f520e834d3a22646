"""Tensors are read out of a version without a copy: the right values, few chunks, and nothing of a hostile file."""

from __future__ import annotations

import io
import json
import math
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings, strategies as st

from mreg.checkout.reader import DamagedFile, Reader
from mreg.integrations import numpy as mreg_numpy, safetensors as mreg_safetensors
from mreg.integrations._tensors import UnreadableTensors
from mreg.operations.files import UnknownFile, WrongSize
from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage

DTYPES: dict[str, Any] = {
    **{"F64": "f8", "F32": "f4", "F16": "f2", "C64": "c8", "BOOL": "?"},
    **{"I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1", "U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1"},
    **{"BF16": ml_dtypes.bfloat16, "F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2},
}


def file_of(tensors: dict[str, tuple[str, list[int], bytes]], **said: str) -> bytes:
    """A safetensors file."""
    header: dict[str, Any] = {"__metadata__": said} if said else {}
    data = b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    return with_header(json.dumps(header).encode(), data)


def with_header(header: bytes, data: bytes = b"") -> bytes:
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data


def equal(one: Any, other: Any) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


RANDOM = np.random.default_rng(1)
ARRAYS = {
    "scalar": np.array(3.5, "f4"),
    "empty": np.zeros((0, 4), "f4"),
    "matrix": RANDOM.standard_normal((1000, 300), np.float32),
    "cube": RANDOM.integers(0, 100, (7, 5, 3)).astype("i8"),
    "flags": RANDOM.integers(0, 2, 77).astype("?"),
}
MODEL = safetensors.numpy.save(ARRAYS, {"format": "pt", "step": "100"})


@pytest.fixture(scope="module")
def stored() -> Iterator[Repository]:
    with Repository.init_storage(MemoryStorage(), "memory") as repo:
        repo.log({"model.safetensors": MODEL, "config.json": b"{}"}, "net", aliases=["best"])
        yield repo


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the chunks that were decoded since."""
    found: list[int] = []
    chunk = Reader.chunk

    def counted(self: Reader, file: Any, piece: Any, kept: Any = None) -> memoryview:
        found.append(piece.size)
        return chunk(self, file, piece, kept)

    monkeypatch.setattr(Reader, "chunk", counted)
    return found


# One by one.


def test_a_file_is_read_as_safetensors_reads_it(stored: Repository) -> None:
    with mreg_safetensors.open("net:best", repo=stored) as model:
        assert model.keys() == sorted(ARRAYS)
        assert model.metadata() == {"format": "pt", "step": "100"}
        assert model.version == "net:v0"
        for name, array in ARRAYS.items():
            assert equal(model.get_tensor(name), array)
            assert model.get_slice(name).get_shape() == list(array.shape)
        assert model.get_slice("matrix").get_dtype() == "F32"
        with pytest.raises(KeyError):
            model.get_tensor("matrxi")


@pytest.mark.parametrize("dtype", DTYPES)
def test_each_dtype_comes_with_its_values(repo: Repository, dtype: str) -> None:
    array = RANDOM.integers(0, 100, (4, 6)).astype(DTYPES[dtype])
    repo.log({"m.safetensors": file_of({"w": (dtype, [4, 6], array.tobytes())})}, "net")

    with mreg_safetensors.open("net", repo=repo) as model:
        assert equal(model.get_tensor("w"), array)
        assert equal(model.get_slice("w")[1:3, ::2], array[1:3, ::2])
    assert equal(mreg_numpy.load("net", repo=repo)["w"], array)


def test_without_ml_dtypes_bits_come_as_integers(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    repo.log({"m.safetensors": file_of({"w": ("BF16", [2], b"\x80\x3f\x00\x40")})}, "net")

    assert mreg_numpy.load("net", repo=repo)["w"].tolist() == [0x3F80, 0x4000]


PART = st.one_of(
    st.integers(-9, 9),
    st.slices(8),
    st.just(...),
    st.none(),
    st.builds(
        slice, st.none() | st.integers(-9, 9), st.none() | st.integers(-9, 9), st.sampled_from([None, 1, 2, -1, -3])
    ),
)


@given(name=st.sampled_from(["cube", "flags", "scalar", "empty"]), index=PART | st.lists(PART, max_size=4).map(tuple))
@settings(max_examples=400)
def test_slices_are_those_of_numpy(stored: Repository, name: str, index: Any) -> None:
    try:
        wanted = ARRAYS[name][index]
    except IndexError:
        wanted = None

    with mreg_safetensors.open("net", repo=stored) as model:
        if wanted is None:
            with pytest.raises(IndexError):
                model.get_slice(name)[index]
        else:
            assert equal(model.get_slice(name)[index], np.asarray(wanted))


def test_of_a_large_file_little_more_is_decoded_than_what_is_wanted(
    repo: Repository, tmp_path: Path, decoded: list[int]
) -> None:
    # given: 1 GiB, 4 MiB of it a tensor between others
    size, at = 1 << 30, 512 << 20
    wanted = RANDOM.bytes(4 << 20)
    sizes = {"before": at, "wanted": len(wanted), "behind": size - at - len(wanted)}
    ends = dict(zip(sizes, np.cumsum(list(sizes.values())).tolist(), strict=True))
    header = {
        name: {"dtype": "U8", "shape": [count], "data_offsets": [ends[name] - count, ends[name]]}
        for name, count in sizes.items()
    }
    with open(tmp_path / "big.safetensors", "wb") as file:
        file.write(with_header(json.dumps(header).encode()))
        start = file.tell()
        file.seek(start + at)
        file.write(wanted)
        file.truncate(start + size)
    repo.log(tmp_path / "big.safetensors", "big")

    # when
    with mreg_safetensors.open("big", repo=repo) as model:
        found = model.get_tensor("wanted")
        once = list(decoded)
        rows = model.get_slice("wanted")[1 << 20 : 2 << 20]

    # then
    assert found.tobytes() == wanted and rows.tobytes() == wanted[1 << 20 : 2 << 20]
    beyond = len(once) - math.ceil(len(wanted) / (1 << 20))
    assert beyond <= 2, once
    assert sum(once) <= len(wanted) + (2 << 20)
    assert len(decoded) - len(once) <= 2


# Shards.


def sharded(index: Any = None, **files: bytes) -> dict[str, bytes]:
    listed = {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-2.safetensors"}
    found = {"metadata": {"total_size": 24}, "weight_map": listed} if index is None else index
    return {
        "sub/model.safetensors.index.json": json.dumps(found).encode(),
        "sub/model-1.safetensors": safetensors.numpy.save({"a": np.arange(2)}),
        "sub/model-2.safetensors": safetensors.numpy.save({"b": np.arange(3), "c": np.ones(1)}),
        "sub/other.safetensors": safetensors.numpy.save({"d": np.ones(1)}),
        **{f"sub/{name}": data for name, data in files.items()},
    }


def test_shards_are_one_model(repo: Repository) -> None:
    repo.log(sharded(), "net")

    with mreg_safetensors.open("net", repo=repo) as model:
        assert model.keys() == ["a", "b", "c"]
        assert model.metadata() == {"total_size": "24"}
        assert model.get_tensor("b").tolist() == [0, 1, 2]
    assert {name: array.tolist() for name, array in mreg_numpy.load("net", repo=repo).items()} == {
        "a": [0, 1],
        "b": [0, 1, 2],
        "c": [1.0],
    }
    with mreg_safetensors.open("net", "sub/other.safetensors", repo=repo) as other:
        assert other.keys() == ["d"]


@pytest.mark.parametrize(
    ("index", "error"),
    [
        ({"weight_map": {"a": "../../../etc/passwd"}}, UnknownFile),
        ({"weight_map": {"a": "/etc/passwd"}}, UnknownFile),
        ({"weight_map": {"a": "model-9.safetensors"}}, UnknownFile),
        ({"weight_map": {"a": "model-2.safetensors"}}, UnreadableTensors),
        ({"weight_map": {"a": 5}}, UnknownFile),
        ({"weight_map": ["a"]}, UnreadableTensors),
        ({"weights": {}}, UnreadableTensors),
        ([], UnreadableTensors),
    ],
)
def test_an_index_that_is_wrong_is_refused(repo: Repository, index: Any, error: type[Exception]) -> None:
    repo.log(sharded(index), "net")

    with pytest.raises(error), mreg_safetensors.open("net", repo=repo) as model:
        model.get_tensor("a")


def test_an_index_of_brackets_is_refused(repo: Repository) -> None:
    repo.log({"m.safetensors.index.json": b"[" * 1_000_000}, "net")

    with pytest.raises(UnreadableTensors):
        mreg_safetensors.open("net", repo=repo)


# Hostile files.

ONE = '"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (struct.pack("<Q", 1 << 62) + b"{}" + b"x" * 50, "it contradicts its format"),
        (struct.pack("<Q", 100) + b"{" + b"x" * 50, "it contradicts its format"),
        (with_header(b"{" + b"[" * 1000 + b"}"), "it contradicts its format"),
        (with_header(b'{"a": {"dtype": "U8", "shape": [9], "data_offsets": [0, 9]}}', b"1234"), "lie outside"),
        (with_header(b'{"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}', b"1234"), "lie outside"),
        (with_header(b'{"a": {"dtype": "U8", "shape": [4], "data_offsets": [4, 0]}}', b"1234"), "lie outside"),
        (
            with_header(
                b"{%b, %b}" % (ONE.encode(), ONE.replace('"a"', '"b"').replace("[0, 4]", "[2, 6]").encode()), b"123456"
            ),
            "overlaps another tensor",
        ),
        (with_header(b"{%b, %b}" % (ONE.encode(), ONE.replace("[0, 4]", "[4, 8]").encode()), b"12345678"), "one name"),
    ],
)
def test_a_hostile_header_is_refused(repo: Repository, data: bytes, reason: str) -> None:
    repo.log({"m.safetensors": data}, "net")

    with pytest.raises(UnreadableTensors, match=reason):
        mreg_safetensors.open("net", repo=repo)
    with pytest.raises(UnreadableTensors, match=reason):
        mreg_numpy.load("net", repo=repo)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 132\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (POINTER, "it is a Git LFS pointer; `git lfs pull` fetches the file itself"),
        (b"<!DOCTYPE html><html>404</html>", "it does not start like a {kind} file"),
        (bytes(5), "it does not start like a {kind} file"),
        (bytes(5000), "it does not start like a {kind} file"),
    ],
)
@pytest.mark.parametrize("kind", ["safetensors", "npy", "npz"])
def test_a_file_that_only_its_name_makes_one_of_tensors_is_refused_by_name(
    repo: Repository, kind: str, data: bytes, reason: str
) -> None:
    repo.log({f"weights.{kind}": data}, "net")

    with pytest.raises(UnreadableTensors, match=f"'weights.{kind}' of net:v0 .*{reason.format(kind=kind)}"):
        mreg_numpy.load("net", repo=repo)
    with pytest.raises(UnreadableTensors, match=f"'weights.{kind}' of net:v0 .*{reason.format(kind=kind)}"):
        mreg_safetensors.open("net", f"weights.{kind}", repo=repo)


@pytest.mark.parametrize("end", [1, 5, 8, 9, 20, len(MODEL) // 2, len(MODEL) - 1])
def test_a_truncated_file_is_refused(repo: Repository, end: int) -> None:
    repo.log({"model.safetensors": MODEL[:end]}, "net")

    with pytest.raises(UnreadableTensors, match=r"'model.safetensors' of net:v0"):
        mreg_numpy.load("net", repo=repo)
    with pytest.raises(UnreadableTensors, match=r"'model.safetensors' of net:v0"):
        mreg_safetensors.open("net", repo=repo)


def test_a_shard_that_is_none_is_refused_by_name(repo: Repository) -> None:
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    shard = file_of({"a": ("U8", [2], b"12")})
    repo.log(
        {
            "model.safetensors.index.json": json.dumps(index).encode(),
            "model-1.safetensors": shard,
            "model-2.safetensors": POINTER,
        },
        "net",
    )

    with mreg_safetensors.open("net", repo=repo) as model:
        assert model.get_tensor("a").tolist() == [49, 50]
        with pytest.raises(UnreadableTensors, match=r"'model-2.safetensors' of net:v0"):
            model.get_tensor("b")
    with pytest.raises(UnreadableTensors, match=r"'model-2.safetensors' of net:v0"):
        mreg_numpy.load("net", repo=repo)


def test_a_file_of_no_tensors_is_loaded(repo: Repository) -> None:
    repo.log({"m.safetensors": file_of({}), "m.npz": npz(np.savez)}, "net")

    with mreg_safetensors.open("net", repo=repo) as model:
        assert model.keys() == []
    assert mreg_numpy.load("net", "m.safetensors", repo=repo) == {} == mreg_numpy.load("net", "m.npz", repo=repo)


def test_elements_that_are_no_plain_numbers_are_refused(repo: Repository) -> None:
    repo.log({"m.safetensors": file_of({"w": ("F4", [4], b"12"), "v": ("U8", [2], b"12")})}, "net")

    with mreg_safetensors.open("net", repo=repo) as model:
        assert model.get_tensor("v").tolist() == [49, 50]
        with pytest.raises(UnreadableTensors, match="'w' has elements that are not plain numbers"):
            model.get_tensor("w")


def test_damaged_bytes_are_never_handed_out() -> None:
    # given
    storage = MemoryStorage()
    with Repository.init_storage(storage, "memory") as repo:
        repo.log({"model.safetensors": MODEL}, "net")
        (pack,) = storage.list("packs")
        value = storage.get(pack)
        assert value is not None
        middle = len(value.data) // 2
        storage.put(pack, value.data[:middle] + bytes([value.data[middle] ^ 1]) + value.data[middle + 1 :])

        # then
        with mreg_safetensors.open("net", repo=repo) as model, pytest.raises(DamagedFile):
            model.get_tensor("matrix")
        with pytest.raises(DamagedFile):
            mreg_numpy.load("net", repo=repo)


# All at once.


def npz(save: Callable[..., None], **arrays: Any) -> bytes:
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def test_numpys_own_files_are_loaded(repo: Repository) -> None:
    columns = np.asfortranarray(ARRAYS["matrix"])
    records = np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])
    repo.log(
        {
            "c.npy": npy(ARRAYS["cube"]),
            "columns.npy": npy(columns),
            "records.npy": npy(records),
            "plain.npz": npz(np.savez, x=ARRAYS["cube"], y=ARRAYS["flags"]),
            "small.npz": npz(np.savez_compressed, x=ARRAYS["cube"], y=ARRAYS["flags"]),
            "objects.npy": npy(np.array([{}], dtype=object)),
            "broken.npy": npy(ARRAYS["cube"])[:-1],
        },
        "net",
    )

    assert equal(mreg_numpy.load("net", "c.npy", repo=repo), ARRAYS["cube"])
    assert equal(mreg_numpy.load("net", "columns.npy", repo=repo), columns)
    assert equal(mreg_numpy.load("net", "records.npy", repo=repo), records)
    for name in ("plain.npz", "small.npz"):
        found = mreg_numpy.load("net", name, repo=repo)
        assert sorted(found) == ["x", "y"] and equal(found["x"], ARRAYS["cube"])
    for name in ("objects.npy", "broken.npy"):
        with pytest.raises(UnreadableTensors):
            mreg_numpy.load("net", name, repo=repo)
    with pytest.raises(UnreadableTensors, match="7 files with arrays; name one of them"):
        mreg_numpy.load("net", repo=repo)


def test_arrays_can_be_written_to_and_the_version_stays(repo: Repository) -> None:
    repo.log({"model.safetensors": MODEL}, "net")
    found = mreg_numpy.load("net", repo=repo)

    found["matrix"][:] = 0

    assert equal(mreg_numpy.load("net", repo=repo)["matrix"], ARRAYS["matrix"])
    assert repo.fsck(full=True).findings == ()


def test_a_repository_is_found_or_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Repository.init(tmp_path) as repo:
        repo.log({"a.npy": npy(ARRAYS["cube"])}, "net")
    monkeypatch.chdir(tmp_path)

    assert equal(mreg_numpy.load("net"), ARRAYS["cube"])
    assert equal(mreg_numpy.load("net", repo=tmp_path), ARRAYS["cube"])


# What the facade gives for it.


def test_tensors_are_listed_with_what_their_files_say(repo: Repository) -> None:
    repo.log({"a.safetensors": MODEL, "b.npy": npy(ARRAYS["cube"]), "c.safetensors": b"no", "d": b""}, "net")

    found = repo.tensors("net")

    assert {(one.name, one.file) for one in found.tensors} == {
        *((name, "a.safetensors") for name in ARRAYS),
        ("", "b.npy"),
    }
    assert [one[:3] for one in found.skipped] == [("c.safetensors", None, "it does not start like a safetensors file")]
    assert found.metadata == {"a.safetensors": {"format": "pt", "step": "100"}}
    assert repo.tensors("net", "b.npy").tensors[0].shape == (7, 5, 3)
    with pytest.raises(UnknownFile):
        repo.tensors("net", "e")


def test_a_file_is_read_into_a_buffer_of_its_size(stored: Repository) -> None:
    buffer = bytearray(len(MODEL))

    stored.read_into("net", "model.safetensors", buffer)

    assert buffer == MODEL
    with pytest.raises(WrongSize):
        stored.read_into("net", "model.safetensors", bytearray(3))
