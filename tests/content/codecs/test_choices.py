"""What is chosen for a chunk fits all of it, not only the part in its middle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from samples import decode, encode, gaussian, order0, weights

from mreg.content.codecs import DELTA, PLANES, RAW, entropy

KIB = 1 << 10
LENGTH = 512 * KIB
"""Of a plane: that of a chunk in bf16."""

WAYS = ("without", "with")

Array = np.ndarray[Any, Any]


def chance(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def sparse(length: int, share: float) -> Array:
    """Bytes that are 0 but for a few, and 0 in the middle sixteenth as well."""
    values = np.where(chance(1).random(length) < share, chance(2).integers(1, 4, length), 0).astype(np.uint8)
    values[length * 15 // 32 : length * 17 // 32] = 0
    return values


def exponents(length: int) -> Array:
    return np.frombuffer(weights(gaussian(chance(3), length), "F32"), "<u4").view() >> 23 & 0xFF


def noise(length: int) -> Array:
    return np.frombuffer(chance(4).bytes(length), np.uint8)


def with_middle(outer: Array, inner: Array) -> bytes:
    """`outer`, but for `inner` in its middle."""
    whole = outer.astype(np.uint8)
    start = (len(whole) - len(inner)) // 2
    whole[start : start + len(inner)] = inner
    return whole.tobytes()


PLANES_BY_NAME = {
    "zeros, a few others, none in the middle": sparse(LENGTH, 0.0003).tobytes(),
    "zeros, some others, none in the middle": sparse(LENGTH, 0.02).tobytes(),
    "zeros around exponents": with_middle(np.zeros(LENGTH), exponents(70 * KIB)),
    "zeros around noise": with_middle(np.zeros(LENGTH), noise(70 * KIB)),
    "exponents around zeros": with_middle(exponents(LENGTH), np.zeros(20 * KIB)),
    "exponents around noise": with_middle(exponents(LENGTH), noise(70 * KIB)),
    "noise, then zeros": noise(LENGTH * 4 // 7).tobytes() + bytes(LENGTH * 3 // 7),
}


@pytest.mark.parametrize("name", PLANES_BY_NAME)
def test_a_plane_is_compressed_in_the_best_way_whatever_its_middle_looks_like(name: str) -> None:
    plane = memoryview(PLANES_BY_NAME[name])
    best = min(len(entropy._frame(way, plane)) for way in WAYS)

    found = entropy.compress(plane)

    assert found is not None
    assert len(found) <= best / entropy.MATCHES_PAY


@pytest.mark.parametrize(("dtype", "most"), [("BF16", 2.0), ("F16", 1.6), ("F32", 1.05)])
def test_a_small_step_takes_little_more_than_the_entropy_of_its_differences(dtype: str, most: float) -> None:
    """Where the learning rate is small, one weight in twenty is another in bf16, and the upper bytes of the
    differences are 0 but for weights near to 0, of which a sample may hold none."""
    before = gaussian(chance(5), 8 * LENGTH)
    data, base = weights(before + gaussian(chance(6), 8 * LENGTH, 0.0000016), dtype), weights(before, dtype)
    size = len(data) // 8
    chunks = [(data[at : at + size], base[at : at + size]) for at in range(0, len(data), size)]

    stored = [encode(chunk, dtype, near) for chunk, near in chunks]

    assert {form.codec for form in stored} == {DELTA}
    for (chunk, near), form in zip(chunks, stored, strict=True):
        assert len(form.data) <= most * order0(chunk, near, dtype)
        assert decode(form, size, near) == chunk


def test_sparse_moments_of_an_optimizer_take_little_more_than_what_is_not_zero() -> None:
    """Those of an embedding: rows of words that did not come up are 0."""
    rows = np.zeros((512, 512), np.float32)
    rows[::40] = gaussian(chance(7), 512, 0.0001)
    rows[240:272] = 0
    data = rows.tobytes()

    stored = encode(data, "F32")

    assert len(stored.data) < 1.3 * np.count_nonzero(rows) * 4


def test_a_difference_is_stored_where_only_the_middle_of_the_chunk_was_drawn_anew() -> None:
    data, base = (weights(gaussian(chance(8), LENGTH), "BF16") for _ in range(2))
    drawn = np.frombuffer(weights(gaussian(chance(9), 20 * KIB), "BF16"), np.uint8)
    data = with_middle(np.frombuffer(base, np.uint8), drawn)

    stored = encode(data, "BF16", base)

    assert stored.codec == DELTA
    assert len(stored.data) < 2 * len(drawn)
    assert decode(stored, len(data), base) == data


def test_no_difference_is_stored_where_only_the_middle_of_the_chunk_was_kept() -> None:
    base, data = (np.frombuffer(weights(gaussian(chance(seed), LENGTH), "BF16"), np.uint8) for seed in (10, 11))
    kept = with_middle(data, base[len(base) // 2 - 10 * KIB : len(base) // 2 + 10 * KIB])

    stored = encode(kept, "BF16", base.tobytes())

    assert stored.codec == PLANES
    assert stored == encode(kept, "BF16")


@pytest.mark.parametrize("middle", ["zeros", "noise"])
def test_the_width_of_elements_is_found_whatever_the_middle_looks_like(middle: str) -> None:
    inner = np.zeros(20 * KIB, np.uint8) if middle == "zeros" else noise(20 * KIB)
    data = with_middle(np.frombuffer(weights(gaussian(chance(12), LENGTH // 2), "F32"), np.uint8), inner)
    told = encode(data, "F32")

    found = encode(data)

    assert told.codec == PLANES
    assert len(found.data) == len(told.data)


def test_noise_with_zeros_at_its_ends_is_not_stored_as_it_is() -> None:
    zeros = bytes(100 * KIB)
    data = zeros + chance(13).bytes(824 * KIB) + zeros

    stored = encode(data)

    assert stored.codec != RAW
    assert len(stored.data) < 0.85 * len(data)
