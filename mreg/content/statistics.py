"""How the values of two tensors differ, from their bytes, block by block.

The definitions are those of `mreg.values.tensors.Statistics`. Sums are made in float64, of blocks that fit a
processor's cache, so that it neither takes memory for a tensor's length nor loses digits with it. Where both sides are
float32 or BF16, each difference is rounded to float32 (which it is exactly, between values near to each other): half
the memory to go through, and a relative error below 1e-7.
"""

from __future__ import annotations

import math
import threading
from functools import cache
from typing import Any, Final

import numpy as np

from mreg.content.formats.spans import ITEM_SIZE
from mreg.values.tensors import Statistics

BLOCK: Final = 1 << 15
"""Elements at a time: all that is made of them stays in the second cache of a processor."""

_FLOATS: Final = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
_INTEGERS: Final = {
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "<u1"},
}
_NARROW: Final = {"F32", "BF16", "C64"}
"""float32 holds them exactly, and is made of them fast."""

_BITS: Final = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}
# Exponent and mantissa bits, exponent bias, and what else each form of 8 bits has: torch/headeronly/util/Float8_*.h.
_EIGHT_BITS: Final = {
    "F8_E4M3": (3, 7, {0x7F: math.nan, 0xFF: math.nan}),
    "F8_E5M2": (
        2,
        15,
        {0x7C: math.inf, 0xFC: -math.inf} | dict.fromkeys((0x7D, 0x7E, 0x7F, 0xFD, 0xFE, 0xFF), math.nan),
    ),
    "F8_E4M3FNUZ": (3, 8, {0x80: math.nan}),
    "F8_E5M2FNUZ": (2, 16, {0x80: math.nan}),
}

_SUMS: Final = ("_elements", "_changed", "_before_squared", "_after_squared", "_product", "_difference_squared")

Array = np.ndarray[Any, np.dtype[Any]]


def is_float(dtype: str) -> bool:
    return dtype in ITEM_SIZE and dtype not in _INTEGERS


class Comparison:
    """Feed it the bytes of two tensors, block by block; the same length of elements each time."""

    def __init__(self, before: str, after: str) -> None:
        """before, after: the dtypes."""
        self._before, self._after = before, after
        self._floats = is_float(before) or is_float(after)
        self._elements = self._changed = 0
        self._before_squared = self._after_squared = self._product = self._difference_squared = 0.0
        self._largest: float | int = 0
        self._nan, self._inf = [0, 0], [0, 0]

    def add(self, before: memoryview, after: memoryview) -> None:
        """Whole elements of both, as many of the one as of the other."""
        old, new = np.frombuffer(before, np.uint8), np.frombuffer(after, np.uint8)
        size_old, size_new = ITEM_SIZE[self._before], ITEM_SIZE[self._after]
        with np.errstate(all="ignore"):  # NaN of any kind, and numbers that another dtype cannot hold
            for start in range(0, len(old) // size_old, BLOCK):
                self._add(
                    old[start * size_old : (start + BLOCK) * size_old],
                    new[start * size_new : (start + BLOCK) * size_new],
                )

    def result(self) -> Statistics:
        share = self._changed / self._elements if self._elements else 0.0
        if not self._floats:
            return Statistics(changed=share, largest=self._largest)
        norms = math.sqrt(self._before_squared), math.sqrt(self._after_squared)
        difference = math.sqrt(self._difference_squared)
        return Statistics(
            changed=share,
            largest=float(self._largest),
            relative=_ratio(difference, norms[0]),
            cosine=max(-1.0, min(1.0, self._product / norms[0] / norms[1])) if all(norms) else None,
            norm_before=norms[0],
            norm_after=norms[1],
            nan_before=self._nan[0],
            nan_after=self._nan[1],
            inf_before=self._inf[0],
            inf_after=self._inf[1],
        )

    @property
    def rounded(self) -> bool:
        """Whether each element after is that before, cast to the dtype after."""
        return self._changed == 0

    def merge(self, other: Comparison) -> None:
        """Add what another one found in other elements of the same two tensors."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self._largest = max(self._largest, other._largest)
        for mine, theirs in ((self._nan, other._nan), (self._inf, other._inf)):
            mine[:] = [one + more for one, more in zip(mine, theirs, strict=True)]

    def _add(self, old: Array, new: Array) -> None:
        bits_old, bits_new = _bits(old, self._before), _bits(new, self._after)
        self._elements += len(bits_old)
        if self._before == self._after:
            self._changed += int(np.count_nonzero(bits_old != bits_new))
        else:
            self._cast(old, bits_new)
        if {self._before, self._after} <= _NARROW:
            self._add_floats(_narrow(old, self._before, _ROOM.bits_old), _narrow(new, self._after, _ROOM.bits_new))
        elif self._floats:
            self._add_floats(_values(old, self._before, _ROOM.old), _values(new, self._after, _ROOM.new))
        else:
            self._largest = max(self._largest, _largest_of_integers(old, new, self._before, self._after))

    def _cast(self, old: Array, bits_new: Array) -> None:
        made = _cast(old, self._before, self._after)
        self._changed += len(bits_new) if made is None else int(np.count_nonzero(made != bits_new))

    def _add_floats(self, old: Array, new: Array) -> None:
        """Of one dtype both. One element of a complex dtype is two values here."""
        difference = np.subtract(new, old, out=_ROOM.difference.view(old.dtype)[: len(old)])
        old_wide, difference_wide = _wide(old, _ROOM.old), _wide(difference, _ROOM.wide)
        before, moved = float(np.dot(old_wide, old_wide)), float(np.dot(difference_wide, difference_wide))
        if not math.isfinite(before + moved):
            self._add_finite(*self._leave_out(_wide(old, _ROOM.old), _wide(new, _ROOM.new)))
            return
        if moved <= before / 4:  # (a + d)**2 and a * (a + d), which lose no digits then
            along = float(np.dot(old_wide, difference_wide))
            after, product = before + 2 * along + moved, before + along
        else:
            new_wide = _wide(new, _ROOM.new)
            after, product = float(np.dot(new_wide, new_wide)), float(np.dot(old_wide, new_wide))
        self._add_sums(before, after, product, moved)
        if moved:
            self._largest = max(self._largest, float(difference.max()), -float(difference.min()))

    def _add_finite(self, old: Array, new: Array) -> None:
        """Float64, whose squares may be beyond it."""
        difference = new - old
        self._add_sums(_squares(old), _squares(new), float(np.dot(old, new)), _squares(difference))
        if len(difference):
            self._largest = max(self._largest, float(np.abs(difference).max()))

    def _add_sums(self, before: float, after: float, product: float, moved: float) -> None:
        self._before_squared += before
        self._after_squared += after
        self._product += product
        self._difference_squared += moved

    def _leave_out(self, old: Array, new: Array) -> tuple[Array, Array]:
        """Count the values that are not finite; the pairs of finite ones."""
        for at, values in enumerate((old, new)):
            self._nan[at] += int(np.count_nonzero(np.isnan(values)))
            self._inf[at] += int(np.count_nonzero(np.isinf(values)))
        finite = np.isfinite(old) & np.isfinite(new)
        return old[finite], new[finite]


def _cast(data: Array, before: str, after: str) -> Array | None:
    """The bits of the values (bytes of dtype `before`), rounded to `after`: to nearest, ties to even, as PyTorch does:
    to BF16 and to 8 bits by way of F32. None between dtypes for which this is not done here."""
    if "C64" in (before, after) or (is_float(before) and not is_float(after)):
        return None
    if is_float(before):
        numbers = _values(data, before, _ROOM.old).astype(_FLOATS.get(after, "<f4"))
    else:
        numbers = data.view(_INTEGERS[before]).astype(_FLOATS.get(after) or _INTEGERS.get(after, "<f4"))
    if after == "BF16":
        return _to_bf16(numbers)
    if after.startswith("F8_"):
        return _to_eight_bits(numbers, after)
    return numbers.view(_BITS[numbers.itemsize])


def _to_bf16(values: Array) -> Array:
    bits = values.view("<u4")
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    is_nan = (bits & 0x7FFFFFFF) > 0x7F800000
    return np.where(is_nan, (bits >> 16) | 0x40, rounded).astype("<u2")


def _to_eight_bits(values: Array, dtype: str) -> Array | None:
    """Of finite values within the range; what becomes of others differs from one program to the next."""
    if dtype not in _EIGHT_BITS:
        return None
    table = _table(dtype)
    positive = table[:128][np.isfinite(table[:128])]  # in ascending order, as their bits are
    size = np.abs(values).astype(np.float64)
    if not np.all(size <= positive[-1]):
        return None
    above = np.searchsorted(positive, size).astype(np.int64)
    below = np.maximum(above - 1, 0)
    nearer_below = size - positive[below] < positive[above] - size
    tie = size - positive[below] == positive[above] - size
    bits = np.where(nearer_below | (tie & (below % 2 == 0)), below, above)
    negative = np.signbit(values) & ((bits > 0) | (not dtype.endswith("FNUZ")))  # which has one zero only
    return (bits | np.where(negative, 0x80, 0)).astype("<u1")


def _bits(data: Array, dtype: str) -> Array:
    return data.view(_BITS[ITEM_SIZE[dtype]])


class _Room(threading.local):
    """Memory that each thread uses again: fresh memory takes longer than the sums."""

    def __init__(self) -> None:
        self.old, self.new, self.difference, self.wide = (np.empty(2 * BLOCK) for _ in range(4))
        self.bits_old, self.bits_new = (np.empty(BLOCK, "<u4") for _ in range(2))


_ROOM: Final = _Room()


def _values(data: Array, dtype: str, room: Array) -> Array:
    """As float64, in `room`; of complex numbers both parts, one behind the other."""
    if dtype == "F64":
        return data.view("<f8")
    if dtype.startswith("F8_"):
        return np.take(_table(dtype), data, out=room[: len(data)], mode="clip")
    if dtype in _NARROW:
        return _wide(_narrow(data, dtype, _ROOM.bits_old), room)
    return _wide(data.view(_FLOATS.get(dtype) or _INTEGERS[dtype]), room)


def _narrow(data: Array, dtype: str, room: Array) -> Array:
    """The values of one of `_NARROW` as float32."""
    if dtype != "BF16":
        return data.view("<f4")
    halves = data.view("<u2")
    numbers: Array = np.left_shift(halves, 16, out=room[: len(halves)], dtype="<u4").view("<f4")
    return numbers


def _wide(values: Array, room: Array) -> Array:
    """As float64, in `room` unless they are."""
    if values.dtype == np.float64:
        return values
    np.copyto(room[: len(values)], values)
    return room[: len(values)]


@cache
def _table(dtype: str) -> Array:
    """The values of all 256 patterns of 8 bits."""
    if dtype == "F8_E8M0":  # a scale: powers of two only (OCP MX specification, 5.4.1)
        return np.array([2.0 ** (bits - 127) for bits in range(255)] + [math.nan])
    mantissa, bias, special = _EIGHT_BITS[dtype]
    return np.array([special.get(bits, _eight(bits, mantissa, bias)) for bits in range(256)])


def _eight(bits: int, mantissa: int, bias: int) -> float:
    sign = -1.0 if bits & 0x80 else 1.0
    exponent, fraction = (bits & 0x7F) >> mantissa, bits & ((1 << mantissa) - 1)
    if exponent == 0:
        return float(sign * fraction * 2.0 ** (1 - bias - mantissa))
    return float(sign * (1 + fraction / (1 << mantissa)) * 2.0 ** (exponent - bias))


def _largest_of_integers(old: Array, new: Array, before: str, after: str) -> int:
    """Exact, also where float64 is not."""
    if not len(old):
        return 0
    one, other = old.view(_INTEGERS[before]), new.view(_INTEGERS[after])
    if ITEM_SIZE[before] < 8 and ITEM_SIZE[after] < 8:
        return int(np.abs(one.astype(np.int64) - other.astype(np.int64)).max())
    if before != after:
        return max(abs(int(a) - int(b)) for a, b in zip(one.tolist(), other.tolist(), strict=True))
    # The larger less the smaller, modulo 2**64, is the difference.
    return int((np.maximum(one, other).view("<u8") - np.minimum(one, other).view("<u8")).max())


def _squares(values: Array) -> float:
    """The sum of squares; where it is beyond float64 though each value is not, the largest float64."""
    total = float(np.dot(values, values))
    return total if math.isfinite(total) else np.finfo(np.float64).max


def _ratio(difference: float, norm: float) -> float:
    if difference == 0:
        return 0.0
    return difference / norm if norm else math.inf
