"""How much two tensors differ, beside what NumPy makes of all of their values at once in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mreg.content.formats.spans import ITEM_SIZE
from mreg.content.statistics import BLOCK, Comparison
from mreg.values.tensors import Statistics

FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
INTEGERS = {
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "<u1"},
}
SMALL_FLOATS = {"F8_E4M3": (4, 3, 7), "F8_E5M2": (5, 2, 15), "F8_E4M3FNUZ": (4, 3, 8), "F8_E5M2FNUZ": (5, 2, 16)}
FLOATING = sorted(ITEM_SIZE.keys() - INTEGERS.keys())


def small_float(bits: int, dtype: str) -> float:
    """A float of 8 bits, as its standard spells it out (OFP8 for the first two, the Graphcore/AMD paper for FNUZ)."""
    exponents, mantissas, bias = SMALL_FLOATS[dtype]
    sign = -1 if bits >> 7 else 1
    exponent, mantissa = bits >> mantissas & (1 << exponents) - 1, bits & (1 << mantissas) - 1
    if dtype.endswith("FNUZ") and bits == 0x80:
        return math.nan
    if dtype == "F8_E4M3" and bits & 0x7F == 0x7F:
        return math.nan
    if dtype == "F8_E5M2" and exponent == 31:
        return sign * math.inf if mantissa == 0 else math.nan
    if exponent == 0:
        return sign * math.ldexp(mantissa, 1 - bias - mantissas)
    return sign * math.ldexp((1 << mantissas) + mantissa, exponent - bias - mantissas)


def values(data: bytes, dtype: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """All values of the bytes; of complex ones both parts."""
    with np.errstate(invalid="ignore"):  # NaN that signal
        return _values(data, dtype)


def _values(data: bytes, dtype: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    if dtype == "BF16":
        return np.frombuffer(b"".join(b"\0\0" + data[at : at + 2] for at in range(0, len(data), 2)), "<f4").astype("f8")
    if dtype == "C64":
        return np.frombuffer(data, "<f4").astype("f8")
    if dtype == "F8_E8M0":
        return np.array([math.nan if bits == 255 else 2.0 ** (bits - 127) for bits in data])
    if dtype in SMALL_FLOATS:
        return np.array([small_float(bits, dtype) for bits in data])
    return np.frombuffer(data, FLOATS[dtype]).astype("f8")


def compared(before: str, after: str, old: bytes, new: bytes, piece: int = 1 << 20) -> Statistics:
    """The statistics, fed `piece` elements at a time, of which every other piece is merged in."""
    whole, parts = Comparison(before, after), Comparison(before, after)
    sizes = ITEM_SIZE[before], ITEM_SIZE[after]
    for number, at in enumerate(range(0, len(old) // sizes[0], piece)):
        both = zip((old, new), sizes, strict=True)
        views = [memoryview(data)[at * size : (at + piece) * size] for data, size in both]
        (parts if number % 2 else whole).add(*views)
    whole.merge(parts)
    return whole.result()


def reference(before: str, after: str, old: bytes, new: bytes) -> dict[str, Any]:
    """The same by the definitions of docs/compare.md, with all values at once."""
    one, other = values(old, before), values(new, after)
    finite = np.isfinite(one) & np.isfinite(other)
    a, b = one[finite].astype(np.longdouble), other[finite].astype(np.longdouble)
    norms = [float(np.sqrt((v * v).sum())) for v in (a, b)]
    moved = float(np.sqrt(((b - a) ** 2).sum()))
    items = [np.frombuffer(data, f"V{ITEM_SIZE[before]}") for data in (old, new)]
    return {
        "changed": float((items[0] != items[1]).mean()) if len(items[0]) else 0.0,
        "largest": float(np.abs(b - a).max()) if len(a) else 0.0,
        "relative": 0.0 if moved == 0 else moved / norms[0] if norms[0] else math.inf,
        "cosine": float((a * b).sum()) / norms[0] / norms[1] if all(norms) else None,
        "norm_before": norms[0],
        "norm_after": norms[1],
        "nan_before": int(np.isnan(one).sum()),
        "nan_after": int(np.isnan(other).sum()),
        "inf_before": int(np.isinf(one).sum()),
        "inf_after": int(np.isinf(other).sum()),
    }


def check(before: str, old: bytes, new: bytes, piece: int = 1 << 20) -> None:
    found = compared(before, before, old, new, piece)
    for name, wanted in reference(before, before, old, new).items():
        got = getattr(found, name)
        assert got == wanted or got == pytest.approx(wanted, rel=1e-6, abs=0), name


@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize("elements", [0, 1, 7, 3 * BLOCK + 1])
def test_floats_of_any_bits_differ_as_numpy_says(dtype: str, elements: int) -> None:
    generator = np.random.default_rng(elements)
    old = generator.bytes(elements * ITEM_SIZE[dtype])
    new = bytearray(old)
    for at in range(0, len(new), 3):
        new[at] ^= 1

    if dtype == "F64":  # half of all random ones are beyond what can be squared
        old, new = (np.frombuffer(data, "<i4").astype("<f8").tobytes() for data in (old, bytes(new)))

    check(dtype, old, bytes(new), piece=BLOCK + 5)


@pytest.mark.parametrize("dtype", sorted(FLOATS))
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([0.0, 0.0], [-0.0, 0.0], id="zeros of either sign"),
        pytest.param([0.0, 0.0], [1.0, 0.0], id="from nothing"),
        pytest.param([1.0, 2.0], [0.0, 0.0], id="to nothing"),
        pytest.param([math.nan] * 3, [math.nan] * 3, id="all NaN"),
        pytest.param([math.inf, 1.0], [math.inf, 2.0], id="infinite on both sides"),
        pytest.param([math.inf, -math.inf, 3.0], [-math.inf, math.nan, 3.0], id="infinite turned"),
        pytest.param([1.0, 2.0, 3.0], [1.0, math.nan, 3.5], id="one NaN does not hide the rest"),
        pytest.param([5e-324, 1e-310, 6e-8, 1e-40], [0.0, 2e-310, 1.2e-7, 2e-40], id="subnormal"),
        pytest.param([65504.0, -65504.0], [-65504.0, 65504.0], id="largest of 16 bits"),
    ],
)
def test_edges_of_floats(dtype: str, before: list[float], after: list[float]) -> None:
    old, new = (np.array(some, FLOATS[dtype]).tobytes() for some in (before, after))

    check(dtype, old, new)


@pytest.mark.parametrize("dtype", ["BF16", "C64", "F16", "F32", "F64"])
@pytest.mark.parametrize("moved", [0.0, 1e-3, 0.49, 0.51, -1.0, -2.0, 1e6])
def test_no_digits_are_lost_however_far_the_values_moved(dtype: str, moved: float) -> None:
    generator = np.random.default_rng(1)
    old = generator.standard_normal(BLOCK + 2)
    new = old * (1 + moved * generator.uniform(0.9, 1.1, len(old)))
    made = [some.clip(-6e4, 6e4).astype(FLOATS.get(dtype, "<f4")) for some in (old, new)]
    if dtype == "BF16":
        made = [(some.view("<u4") >> 16).astype("<u2") for some in made]

    check(dtype, made[0].tobytes(), made[1].tobytes())


def test_equal_bits_of_a_nan_are_no_change() -> None:
    data = np.array([math.nan, 1.0], "<f4").tobytes()

    assert compared("F32", "F32", data, data).changed == 0


def test_values_whose_squares_leave_float64_do_not_end_in_nan() -> None:
    old, new = (np.array(some, "<f8").tobytes() for some in ([1e300, 1e300], [1e300, -1e300]))

    found = compared("F64", "F64", old, new)

    assert found.largest == 2e300
    assert not any(isinstance(one, float) and math.isnan(one) for one in found)


@pytest.mark.parametrize("dtype", sorted(INTEGERS))
@pytest.mark.parametrize("elements", [0, 1, BLOCK + 3])
def test_integers_differ_exactly(dtype: str, elements: int) -> None:
    generator = np.random.default_rng(3)
    old, new = (generator.bytes(elements * ITEM_SIZE[dtype]) for _ in range(2))
    numbers = [np.frombuffer(data, INTEGERS[dtype]).astype(object) for data in (old, new)]

    found = compared(dtype, dtype, old, new)

    assert found.largest == (max(abs(numbers[0] - numbers[1])) if elements else 0)
    assert found.changed == (float((numbers[0] != numbers[1]).mean()) if elements else 0)
    assert (found.relative, found.cosine, found.norm_before) == (None, None, None)


def test_the_largest_difference_of_64_bits_is_not_rounded() -> None:
    old, new = (np.array([number], "<i8").tobytes() for number in (-(1 << 63), (1 << 63) - 1))

    assert compared("I64", "I64", old, new).largest == (1 << 64) - 1


def rounded(before: str, after: str, old: bytes, new: bytes) -> bool:
    comparison = Comparison(before, after)
    comparison.add(memoryview(old), memoryview(new))
    return comparison.rounded


def bf16(data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Rounded to nearest, ties to even, one by one."""
    found = []
    for bits in data.astype("<f4").view("<u4").tolist():
        low, high = bits & 0xFFFF, bits >> 16
        if bits & 0x7FFFFFFF > 0x7F800000:
            found.append(high | 0x40)
        else:
            found.append(high + (low > 0x8000 or (low == 0x8000 and high & 1)))
    return np.array(found, "<u2")


def test_a_cast_to_bf16_is_known_as_rounding_and_one_that_cuts_is_not() -> None:
    values = np.random.default_rng(1).standard_normal(1000).astype("<f4")
    values[:4] = [math.inf, 3.4e38, np.float32(1.00390625), np.float32(1.01171875)]  # ties, and up to infinity

    assert rounded("F32", "BF16", values.tobytes(), bf16(values).tobytes())
    assert not rounded("F32", "BF16", values.tobytes(), (values.view("<u4") >> 16).astype("<u2").tobytes())


@pytest.mark.parametrize("before", ["F64", "F32", "F16"])
@pytest.mark.parametrize("after", ["F64", "F32", "F16"])
def test_a_cast_between_ieee_floats_is_known_as_rounding(before: str, after: str) -> None:
    old = np.random.default_rng(1).standard_normal(100).astype(FLOATS[before])
    new = old.astype(FLOATS[after])
    other = new.copy()
    other[7] = np.nextafter(other[7], np.array(9, other.dtype))

    assert rounded(before, after, old.tobytes(), new.tobytes())
    assert not rounded(before, after, old.tobytes(), other.tobytes())


@pytest.mark.parametrize("after", sorted(SMALL_FLOATS))
def test_a_cast_to_8_bits_rounds_to_the_nearest_value(after: str) -> None:
    table = {bits: value for bits in range(256) if math.isfinite(value := small_float(bits, after))}
    largest = max(table.values())
    old = np.random.default_rng(1).uniform(-largest, largest, 500).astype("<f4")
    new = bytes(
        min(table, key=lambda bits: (abs(table[bits] - float(value)), bits & 1, bits >> 7 != (value < 0)))
        for value in old
    )

    assert rounded("F32", after, old.tobytes(), new)
    assert not rounded("F32", after, old.tobytes(), bytes([new[0] ^ 1, *new[1:]]))


@pytest.mark.parametrize(("before", "after"), [("I64", "I32"), ("U8", "I64"), ("BOOL", "U8"), ("U64", "I64")])
def test_integers_of_another_width_are_equal_where_their_values_are(before: str, after: str) -> None:
    numbers = np.array([0, 1, 1, 0, 1])
    old, new = (numbers.astype(INTEGERS[dtype]).tobytes() for dtype in (before, after))
    other = (numbers + 1).astype(INTEGERS[after]).tobytes()

    assert rounded(before, after, old, new)
    assert compared(before, after, old, other)[:2] == (1.0, 1)


def test_integers_that_became_floats_are_equal_where_rounding_makes_them_so() -> None:
    old, new = np.array([1, 1 << 30], "<i4"), np.array([1, 1 << 30], "<f4")

    assert rounded("I32", "F32", old.tobytes(), new.tobytes())
    assert not rounded("I32", "F32", (old + 1).tobytes(), new.tobytes())
