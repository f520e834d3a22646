"""Whatever the chunk, the dtype and the base: what was encoded is decoded, and never takes more than the chunk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from samples import DTYPES, KINDS, decode, encode, gaussian, weights

from mreg.content import codecs
from mreg.content.buffers import CAPACITY
from mreg.content.codecs import DELTA, PLANES, RAW, planes
from mreg.content.codecs.choice import WIDTH_OF

FLOATS = ["F64", "F32", "F16", "BF16"]
seeds = st.integers(0, 2**32 - 1)
lengths = st.integers(0, 600) | st.integers(0, 70_000)
kinds = st.sampled_from(sorted(KINDS))


def chance(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(data=st.binary(max_size=900), base=st.none() | st.binary(max_size=900), dtype=st.sampled_from(DTYPES))
@settings(max_examples=150, deadline=None)
def test_any_bytes_come_back(data: bytes, base: bytes | None, dtype: str) -> None:
    if base is not None:
        base = (base + bytes(len(data)))[: len(data)]

    stored = encode(data, dtype, base)

    assert decode(stored, len(data), base) == data
    assert len(stored.data) <= len(data)


@given(seed=seeds, kind=kinds, near=st.none() | kinds, length=lengths, dtype=st.sampled_from(DTYPES))
@settings(max_examples=250, deadline=None)
def test_chunks_of_every_kind_come_back(seed: int, kind: str, near: str | None, length: int, dtype: str) -> None:
    data = KINDS[kind](chance(seed), length)
    base = KINDS[near](chance(seed + 1), length) if near else None

    stored = encode(data, dtype, base)

    assert decode(stored, length, base) == data
    assert len(stored.data) < length or (stored.codec == RAW and stored.data == data)
    assert stored.codec in ((RAW, PLANES) if base is None else (RAW, PLANES, DELTA))


@given(
    seed=seeds,
    kind=kinds,
    length=st.integers(0, 40) | lengths,
    width=st.sampled_from(planes.WIDTHS),
    near=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_each_width_comes_back_also_where_the_choice_would_be_another(
    seed: int, kind: str, length: int, width: int, near: bool
) -> None:
    """Down to no element at all, with every tail."""
    data = KINDS[kind](chance(seed), length)
    base = KINDS["noise"](chance(seed + 1), length) if near else None
    room = memoryview(bytearray(b"\xa5") * (length + codecs.EXTRA))
    out = bytearray(b"\x5a") * length

    stored = planes.write(data, room, width, base)
    codecs.decode(DELTA if near else PLANES, stored, memoryview(out), base)

    assert out == data
    assert len(stored) <= length + 1 + 4 * width


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tail", [0, 1, 7])
def test_a_step_of_training_is_stored_as_a_smaller_difference(dtype: str, tail: int) -> None:
    before = gaussian(chance(1), 20_000, 20.0 if dtype in ("I8", "U8", "BOOL", "F8_E8M0") else 0.02)
    after = before + gaussian(chance(2), len(before), 0.0001)
    if dtype.startswith("F8") or dtype == "":
        before, after = (np.frombuffer(weights(values, "F32"), np.uint8) for values in (before, after))
        base, data = before.tobytes() + b"x" * tail, after.tobytes() + b"y" * tail
    else:
        base, data = weights(before, dtype) + b"x" * tail, weights(after, dtype) + b"y" * tail

    alone, delta = encode(data, dtype), encode(data, dtype, base)

    assert delta.codec == DELTA
    assert len(delta.data) < 0.9 * len(alone.data)
    assert decode(delta, len(data), base) == data


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_tensor_that_was_drawn_anew_is_stored_by_itself(dtype: str) -> None:
    base, data = (weights(gaussian(chance(seed), 20_000), dtype) for seed in (1, 2))

    stored = encode(data, dtype, base)

    assert stored.codec == PLANES
    assert stored == encode(data, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [codecs.SMALL - 1, codecs.SMALL, 5000, 300_000])
def test_noise_is_stored_as_it_is(dtype: str, length: int) -> None:
    noise = chance(3).bytes(length)

    for base in (None, chance(4).bytes(length)):
        stored = encode(noise, dtype, base)
        assert (stored.codec, len(stored.data)) == (RAW, length)


@pytest.mark.parametrize("length", [0, 1, codecs.SMALL - 1])
def test_a_tiny_chunk_is_stored_as_it_is(length: int) -> None:
    assert encode(bytes(length), "F32", bytes(length)) == (RAW, bytes(length))


def test_equal_chunks_differ_by_nothing() -> None:
    data = chance(5).bytes(100_000)

    stored = encode(data, "F32", data)

    assert stored.codec == DELTA and len(stored.data) < 200
    assert decode(stored, len(data), data) == data


@pytest.mark.parametrize("length", [CAPACITY, CAPACITY + 1, (3 << 20) + 5, 16 << 20])
def test_chunks_longer_than_the_buffers_that_are_kept_come_back(length: int) -> None:
    data = weights(gaussian(chance(6), length // 4 + 1), "F32")[:length]
    base = bytes(length)

    for near in (None, base):
        stored = encode(data, "F32", near)
        assert len(stored.data) < 0.95 * length
        assert decode(stored, length, near) == data
    moved = np.frombuffer(data[: length // 4 * 4], "<u4") + 3
    stored = encode(moved.tobytes() + data[len(moved) * 4 :], "F32", data)
    assert (stored.codec, len(stored.data) < length // 100) == (DELTA, True)
    assert decode(stored, length, data) == moved.tobytes() + data[len(moved) * 4 :]


def test_a_chunk_after_a_longer_one_sees_nothing_of_it() -> None:
    """Scratch memory and compressors are used again."""
    first = weights(gaussian(chance(7), 200_000), "F32")
    fresh = encode(first[:4000], "F32")

    encode(first, "BF16", bytes(len(first)))

    assert encode(first[:4000], "F32") == fresh
    assert decode(fresh, 4000) == first[:4000]


def test_several_threads_do_not_disturb_one_another() -> None:
    chunks = [KINDS[kind](chance(seed), 60_000 + seed) for seed, kind in enumerate(sorted(KINDS) * 4)]
    bases = [None if number % 2 else bytes(len(chunk)) for number, chunk in enumerate(chunks)]
    dtypes = [DTYPES[number % len(DTYPES)] for number in range(len(chunks))]
    one_by_one = list(map(encode, chunks, dtypes, bases))

    with ThreadPoolExecutor(4) as threads:
        stored = list(threads.map(encode, chunks, dtypes, bases))
        read = list(threads.map(decode, stored, map(len, chunks), bases))

    assert stored == one_by_one
    assert read == chunks


def test_every_width_is_one_of_a_stored_form() -> None:
    assert set(WIDTH_OF.values()) == set(planes.WIDTHS)
