"""Chunks of every kind, made of a seed: weights as training leaves them, special values, noise, text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mreg.content import codecs
from mreg.content.codecs import Encoded
from mreg.content.codecs.choice import WIDTH_OF

DTYPES = ["", *WIDTH_OF]

Generator = np.random.Generator


def _bf16(values: np.ndarray[Any, Any]) -> bytes:
    """Rounded to nearest, as frameworks do."""
    bits = values.astype("<f4").view("<u4").astype("<u8")
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").tobytes()


NUMPY = {"F64": "<f8", "C128": "<f8", "F32": "<f4", "C64": "<f4", "F16": "<f2"}


def weights(values: np.ndarray[Any, Any], dtype: str) -> bytes:
    """Values about 0 as elements of `dtype`; integers hold them in units of a thousandth."""
    if dtype == "BF16":
        return _bf16(values)
    if dtype in NUMPY:
        return values.astype(NUMPY[dtype]).tobytes()
    width = WIDTH_OF.get(dtype, 1)
    return (values * 1000).astype(np.int64).astype(f"<i{width}").tobytes()


def gaussian(chance: Generator, count: int, spread: float = 0.02) -> np.ndarray[Any, Any]:
    return chance.normal(0.0, spread, count)


def order0(data: bytes, base: bytes, dtype: str) -> float:
    """Bytes of the differences by a perfect coder that only counts how often a byte comes in its plane."""
    width = WIDTH_OF[dtype]
    differences = np.frombuffer(data, f"<u{width}") - np.frombuffer(base, f"<u{width}")
    signed = differences.view(f"<i{width}")
    folded = (signed << 1 ^ signed >> 8 * width - 1).view(np.uint8).reshape(-1, width)
    found = 0.0
    for plane in folded.T:
        counts = np.bincount(plane)
        shares = counts[counts > 0] / len(plane)
        found -= float((shares * np.log2(shares)).sum()) * len(plane) / 8
    return found


def _special(chance: Generator, length: int) -> bytes:
    """Not a number in several ways, infinities, the smallest, the largest, both zeros."""
    values = bytes.fromhex("0000c07f 010080ff 0000807f 000080ff 01000000 01000080 ffff7f7f 00000080 00000000")
    known = np.frombuffer(values, "<u4")
    return chance.choice(known, length // 4 + 1).tobytes()[:length]


KINDS: dict[str, Callable[[Generator, int], bytes]] = {
    "zeros": lambda chance, length: bytes(length),
    "ones": lambda chance, length: b"\xff" * length,
    "constant": lambda chance, length: (b"\x12\x34\x56\x78\x9a\xbc\xde\xf0" * (length // 8 + 1))[:length],
    "counting": lambda chance, length: np.arange(length // 4 + 1, dtype="<u4").tobytes()[:length],
    "special": _special,
    "noise": lambda chance, length: chance.bytes(length),
    "text": lambda chance, length: b" ".join(
        chance.choice([b"layer", b"weight", b"bias", b"{", b"}", b"0.5"], length // 2 + 1)
    )[:length],
    "f32": lambda chance, length: weights(gaussian(chance, length // 4 + 1), "F32")[:length],
    "bf16": lambda chance, length: weights(gaussian(chance, length // 2 + 1), "BF16")[:length],
    "half noise": lambda chance, length: bytes(length // 2) + chance.bytes(length - length // 2),
}


def encode(data: bytes, dtype: str = "", base: bytes | None = None) -> Encoded:
    """`codecs.encode` in room of its own, filled with what must not matter."""
    room = bytearray(b"\xa5") * (len(data) + codecs.EXTRA)
    stored = codecs.encode(memoryview(data), memoryview(room), dtype, base)
    return Encoded(stored.codec, bytes(stored.data))


def decode(stored: Encoded, length: int, base: bytes | None = None) -> bytes:
    out = bytearray(b"\x5a") * length
    codecs.decode(stored.codec, stored.data, memoryview(out), base if stored.codec == codecs.DELTA else None)
    return bytes(out)
