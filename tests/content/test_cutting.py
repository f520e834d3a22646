"""Where files are cut: what two of them share, and what moves no cut."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from safetensors.numpy import save

from mreg.content.buffers import Buffers
from mreg.content.cutting import CDC_MAX, CDC_MIN, TENSOR_PIECE, WORTH_A_CHUNK, ShortFile, chunks
from mreg.content.packs import MAX_CHUNK

MIB = 1 << 20


def cut(data: bytes) -> list[bytes]:
    return [bytes(piece.data) for piece in chunks(io.BytesIO(data), len(data), Buffers())]


def noise(length: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(length)


def floats(seed: int, *shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).standard_normal(shape).astype("f4")


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray[Any, Any]]:
    """Tensors of one piece and of many, all of them worth a chunk."""
    return {
        "a": floats(1, 700, 1000),
        "b": floats(2, 512),
        "c": floats(3, 30, 40),
        "d": floats(4, 3, MIB // 4),
    }


def pieces_of(arrays: dict[str, np.ndarray[Any, Any]]) -> set[bytes]:
    return {
        array.tobytes()[start : start + TENSOR_PIECE]
        for array in arrays.values()
        for start in range(0, array.nbytes, TENSOR_PIECE)
    }


# What every file gets.


def test_an_empty_file_has_no_chunks():
    assert cut(b"") == []


@pytest.mark.parametrize("length", [1, WORTH_A_CHUNK, 4096, CDC_MIN])
def test_a_short_file_is_one_chunk(length):
    assert cut(noise(length)) == [noise(length)]


def test_a_small_model_is_one_chunk(torch_zip, npz):
    tiny = {"x": np.arange(3.0), "y": np.arange(4.0)}

    for data in (save(tiny), npz(tiny), torch_zip({"data/0": b"zero", "data/1": b"one"})):
        assert cut(data) == [data]


def test_chunks_of_every_format_make_up_the_file(models):
    for data in models.values():
        pieces = cut(data)

        assert b"".join(pieces) == data
        assert all(0 < len(piece) <= MAX_CHUNK for piece in pieces)


sizes = st.sampled_from([0, 1, WORTH_A_CHUNK, CDC_MIN, CDC_MIN + 1, CDC_MAX + 1, 3 * MIB])


@settings(max_examples=40, deadline=None)
@given(size=sizes, more=st.integers(0, 3), seed=st.integers(0, 99), period=st.sampled_from([1, 1000, 5 * MIB]))
def test_chunks_of_arbitrary_bytes_make_up_the_file(size, more, seed, period):
    size += more
    unit = noise(min(size, period), seed)
    data = (unit * (size // max(1, len(unit)) + 1))[:size]

    pieces = cut(data)

    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= CDC_MAX for piece in pieces)
    assert cut(data) == pieces


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from(["safetensors", "torch", "npz", "npy"]),
    at=st.integers(-400, 400),
    value=st.binary(min_size=1, max_size=8),
)
def test_chunks_of_damaged_models_make_up_the_file(models, name, at, value):
    data = bytearray(models[name])
    at %= len(data)
    data[at : at + len(value)] = value

    assert b"".join(cut(bytes(data))) == data


def test_a_hostile_file_is_not_cut_into_crumbs():
    header = b"{%s}" % b",".join(b'"":{"data_offsets":[%d,%d]}' % (i, i + 1) for i in range(50_000))
    data = len(header).to_bytes(8, "little") + header + noise(50_000)

    assert len(cut(data)) < len(data) / CDC_MIN + 2


def test_reads_that_return_little_change_no_cut(models):
    class Trickling(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            return super().readinto(memoryview(buffer)[:5000])

    for data in (*models.values(), noise(2 * MIB)):
        pieces = [bytes(piece.data) for piece in chunks(Trickling(data), len(data), Buffers())]
        assert pieces == cut(data)


def test_a_file_that_is_not_buffered_is_cut_the_same(models, tmp_path):
    for data in models.values():
        (tmp_path / "file").write_bytes(data)
        with (tmp_path / "file").open("rb", buffering=0) as file:
            assert [bytes(piece.data) for piece in chunks(file, len(data), Buffers())] == cut(data)


def test_bytes_behind_the_size_are_left_alone():
    data = noise(2 * MIB)

    assert b"".join(bytes(piece.data) for piece in chunks(io.BytesIO(data), MIB + 5, Buffers())) == data[: MIB + 5]


@pytest.mark.parametrize("length", [0, 10, CDC_MIN, 2 * MIB, 3 * MIB - 1])
def test_a_file_that_became_shorter_is_noticed(weights, length):
    for data in (noise(3 * MIB), save(weights)):
        size = len(data) if length else 1
        with pytest.raises(ShortFile):
            for _ in chunks(io.BytesIO(data[:length]), size, Buffers()):
                pass


def test_a_file_truncated_while_it_is_read_is_noticed(tmp_path, weights):
    path = tmp_path / "model"
    for data in (noise(4 * MIB), save(weights)):
        path.write_bytes(data)
        with path.open("rb", buffering=0) as file:
            pieces = chunks(file, len(data), Buffers())
            next(pieces)
            with path.open("r+b") as other:
                other.truncate(len(data) - MIB)
            with pytest.raises(ShortFile):
                list(pieces)


def test_errors_of_real_input_are_not_hidden(weights):
    class Failing(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            if self.tell() > 100_000:
                raise OSError("the disk is gone")
            return super().readinto(memoryview(buffer)[:50_000])

    for data in (noise(3 * MIB), save(weights)):
        with pytest.raises(OSError, match="the disk is gone"):
            for _ in chunks(Failing(data), len(data), Buffers()):
                pass


@pytest.mark.parametrize("kind", ["tensor", "opaque"])
def test_memory_does_not_grow_with_the_file(tmp_path, kind):
    path, size = tmp_path / "large", 200 * MIB
    header = b'{"a":{"data_offsets":[0,%d]}}' % (100 * MIB) if kind == "tensor" else b""
    with path.open("wb") as file:  # sparse
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(size)

    with path.open("rb") as file:
        assert sum(len(piece.data) for piece in chunks(file, MIB, Buffers())) == MIB  # everything is imported
        tracemalloc.start()
        try:
            assert sum(len(piece.data) for piece in chunks(file, size, Buffers())) == size
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak < 5 * MIB


def test_importing_and_cutting_small_files_does_not_load_the_cutter():
    script = (
        "import io, sys; from mreg.content.buffers import Buffers; from mreg.content.cutting import chunks\n"
        "assert list(chunks(io.BytesIO(b'x' * 65536), 65536, Buffers()))\n"
        "assert 'pyfastcdc' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", script], check=True)


# What is shared by files that differ. The tensors here are all worth a chunk.


def test_a_tensor_is_cut_in_equal_pieces_from_its_start(weights):
    data = save(weights)

    assert pieces_of(weights) <= set(cut(data))


def test_a_tensor_in_front_of_others_moves_no_cut_in_safetensors(weights):
    more = {"0": floats(9, 333, 77), **weights}
    before, after = save(weights), save(more)
    assert after.find(weights["a"].tobytes()) > before.find(weights["a"].tobytes())

    assert pieces_of(weights) <= set(cut(before)) & set(cut(after))


def test_a_tensor_in_front_of_others_moves_no_cut_in_a_torch_archive(torch_zip, weights):
    tensors = {f"m/data/{name}": array.tobytes() for name, array in zip("0123", weights.values(), strict=True)}
    before = torch_zip({"m/data.pkl": b"pickle", **tensors})
    after = torch_zip({"m/data.pkl": b"longer pickle", "m/data/9": noise(7777), **tensors})

    assert pieces_of(weights) <= set(cut(before)) & set(cut(after))


def test_a_tensor_in_front_of_others_moves_no_cut_in_an_npz(npz, weights):
    before, after = npz(weights), npz({"0": floats(9, 33, 77), **weights})

    assert pieces_of(weights) <= set(cut(before)) & set(cut(after))


def test_a_changed_header_moves_no_cut(weights):
    before, after = save(weights), save(weights, metadata={"epoch": "12", "note": "n" * 5000})
    assert len(before) != len(after)

    changed = set(cut(after)) - set(cut(before))

    assert all(b"epoch" in piece for piece in changed)


def test_an_npy_file_and_an_npz_share_the_array(npy, npz, weights):
    array = weights["a"]

    assert set(cut(npy(array))) & set(cut(npz({"x": array}))) >= pieces_of({"a": array})


def test_the_same_tensors_are_shared_across_formats(npz, torch_zip, weights):
    torch = torch_zip({"m/data/0": weights["a"].tobytes()})

    assert pieces_of({"a": weights["a"]}) <= set(cut(torch)) & set(cut(npz(weights))) & set(cut(save(weights)))


def test_a_changed_value_changes_one_chunk(weights):
    changed = dict(weights, a=weights["a"].copy())
    changed["a"][600, 0] += 1

    assert len(set(cut(save(changed))) - set(cut(save(weights)))) == 1


def test_a_byte_put_in_front_of_an_opaque_file_changes_few_chunks():
    before = noise(4 * MIB)

    new = set(cut(b"!" + before)) - set(cut(before))

    assert len(cut(before)) > 8
    assert len(new) <= 2


def test_bytes_put_into_a_member_move_no_cut_in_another(torch_zip):
    code, rest = noise(200_000, 1), noise(3 * MIB, 2)
    before = cut(torch_zip({"m/code.py": code, "m/extra/blob": rest}))
    after = cut(torch_zip({"m/code.py": code + b"# more", "m/extra/blob": rest}))

    assert set(cut(rest)) <= set(before) & set(after)


def test_cuts_stay_where_earlier_releases_put_them():
    """Not a promise to users; but a change here costs everyone space, and must not happen unseen."""
    lengths = [467099, 295356, 447141, 67272, 285923, 102150, 432211]

    assert [len(piece) for piece in cut(noise(2 * MIB))] == lengths
