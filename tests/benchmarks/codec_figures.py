"""The figures in docs/adr/0009-differences.md and 0010-codecs.md: what the ways to store weights that were weighed
against one another take, and how fast they are.

    python tests/benchmarks/codec_figures.py

Gaussian weights of spread .02, each step of training a noise of .5 % of that; chunks of 1 MiB. Beside them real
weights: a small network that learned to read digits, between two checkpoints of a fine-tune with Adam (`training`,
which needs scikit-learn). Speeds are the best of some rounds: whatever else the machine does only slows them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from threading import Thread
from typing import Any, NamedTuple

import numpy as np
import training
import weights as made

from mreg.content import codecs
from mreg.content.buffers import PIECE
from mreg.content.codecs import entropy, planes

CHUNKS = 8
SPREAD, STEP = 0.02, 0.0001
ROUNDS = 15
DTYPES = {"bf16": 2, "f32": 4}

Array = np.ndarray[Any, Any]


def series(dtype: str, steps: int) -> list[Array]:
    """The weights after each step, as integers of their bits; the steps are taken in f32."""
    chance = np.random.default_rng(1)
    values = chance.normal(0, SPREAD, CHUNKS * PIECE // DTYPES[dtype]).astype("<f4")
    found = []
    for _ in range(steps + 1):
        bits = values.view("<u4")
        found.append(bits.copy() if dtype == "f32" else ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2"))
        values = values + chance.normal(0, STEP, len(values)).astype("<f4")
    return found


def share(data: bytes, width: int, base: bytes | None = None) -> float:
    """Stored bytes, of those that there are."""
    room = memoryview(bytearray(PIECE + codecs.EXTRA))
    stored = 0
    for at in range(0, len(data), PIECE):
        near = base[at : at + PIECE] if base else None
        stored += len(planes.write(data[at : at + PIECE], room, width, near))
    return stored / len(data)


def speed(work: Callable[[], object], size: int) -> float:
    """GB/s."""
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return size / min(taken) / 1e9


def differences() -> None:
    print("stored share     by itself   XOR     difference")
    for dtype, width in DTYPES.items():
        weights = series(dtype, 9)
        for steps in (1, 9):
            now, before = weights[9], weights[9 - steps]
            alone, xor = (share(data.tobytes(), width) for data in (now, now ^ before))
            delta = share(now.tobytes(), width, before.tobytes())
            print(f"{dtype:5}{steps} step(s)   {alone:.4f}      {xor:.4f}  {delta:.4f}")


class Pair(NamedTuple):
    """A tensor and the one before it, as integers of their bits."""

    dtype: str
    now: Array
    before: Array


LEVELS = (1, 3, 19)


def fine_tunes() -> None:
    """Stored by `codecs.encode`, as in a log; zstd gets the differences, the elements one after the other."""
    columns = ("difference", "order 0", "ratio", *(f"zstd -{level}" for level in LEVELS))
    print(f"\n{'second of two checkpoints':32}" + "".join(f"{column:>12}" for column in columns))
    for name, pairs in {**small_steps(), **adam(1e-6), **adam(2e-5)}.items():
        size = sum(pair.now.nbytes for pair in pairs)
        stored = sum(map(kept, pairs))
        bound = sum(
            made.entropy(pair.now.view(np.uint8), pair.before.view(np.uint8), pair.now.itemsize) for pair in pairs
        )
        differences = b"".join((pair.now - pair.before).tobytes() for pair in pairs)
        levels = [len(entropy.ZstdCompressor(level).compress(differences, MODE)) for level in LEVELS]
        figures = [stored / size, bound / size, stored / bound, *(level / size for level in levels)]
        print(f"{name:32}" + "".join(f"{figure:12.4f}" for figure in figures))


MODE = entropy.ZstdCompressor.FLUSH_FRAME


def kept(pair: Pair) -> int:
    """Stored bytes."""
    room = memoryview(bytearray(PIECE + codecs.EXTRA))
    now, before = pair.now.tobytes(), pair.before.tobytes()
    parts = [slice(at, at + PIECE) for at in range(0, len(now), PIECE)]
    return sum(len(codecs.encode(memoryview(now)[part], room, pair.dtype, before[part]).data) for part in parts)


def small_steps() -> dict[str, list[Pair]]:
    """Gaussian weights, one in twenty of which is another in bf16; and moments of which few rows are not zero."""
    chance = np.random.default_rng(2)
    before = chance.normal(0, SPREAD, CHUNKS * PIECE // 4).astype("<f4")
    now = before + chance.normal(0, SPREAD * made.SMALL_NUDGE, len(before)).astype("<f4")
    found = {f"{dtype.lower()}, small steps": [pair(dtype, now, before)] for dtype in ("BF16", "F16", "F32")}
    rows = [np.where(chance.random((len(before) // 512, 1)) < 0.03, before.reshape(-1, 512), 0) for _ in range(2)]
    mean, later = rows[0], (0.9 * rows[0] + rows[1]).astype("<f4")
    return found | {"f32, sparse moment of Adam": [pair("F32", later.ravel(), mean.ravel())]}


def adam(rate: float) -> dict[str, list[Pair]]:
    """A network that is fine-tuned: its weights in three dtypes, and what Adam remembers."""
    before, now = training.fine_tune(hidden=1024, rate=rate, steps=60)
    kinds = [("model", dtype) for dtype in ("BF16", "F16", "F32")] + [("adam.mean", "F32"), ("adam.square", "F32")]
    return {
        f"{dtype.lower()}, Adam at {rate}{'' if kind == 'model' else f', {kind[5:]}'}": [
            pair(dtype, now[name].ravel(), before[name].ravel()) for name in now if name.startswith(kind)
        ]
        for kind, dtype in kinds
    }


def pair(dtype: str, now: Array, before: Array) -> Pair:
    return Pair(dtype, *(made.encode(values, dtype).view(f"<u{made.ITEM_SIZES[dtype]}") for values in (now, before)))


def huffman_only() -> None:
    print("\nplane of exponents, bf16   share   GB/s")
    (weights,) = series("bf16", 0)
    plane = memoryview(((weights << 1) >> 8).astype(np.uint8))
    for way, name in (("without", "Huffman only"), ("with", "level 1"), ("text", "level 3")):
        pieces = [plane[at : at + PIECE // 2] for at in range(0, len(plane), PIECE // 2)]
        stored = sum(len(entropy._frame(way, piece)) for piece in pieces)
        rate = speed(lambda: [entropy._frame(way, piece) for piece in pieces], len(plane))  # noqa: B023
        print(f"{name:26} {stored / len(plane):.3f}   {rate:.2f}")


def slices() -> None:
    print("\ntaking bf16 apart into planes, GB/s")
    data = series("bf16", 0)[0].tobytes()
    out = np.empty(len(data) // 2, np.uint8)

    def by_numpy() -> None:
        elements = np.frombuffer(data, "<u2")
        np.copyto(out, elements, casting="unsafe")
        np.copyto(out, elements >> 8, casting="unsafe")

    def by_slices() -> None:
        data[0::2], data[1::2]

    for name, work in (("numpy", by_numpy), ("slices", by_slices)):
        alone = speed(work, len(data))
        print(f"{name:7} one thread {alone:.2f}, two {speed(lambda: _twice(work), 2 * len(data)):.2f}")  # noqa: B023


def _twice(work: Callable[[], None]) -> None:
    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def whole_chunks() -> None:
    print("\nchunks of 1 MiB, GB/s    encode   decode")
    for dtype, width in DTYPES.items():
        before, now = (weights[: PIECE // width].tobytes() for weights in series(dtype, 1))
        for name, base in (("planes", None), ("delta", before)):
            room = memoryview(bytearray(PIECE + codecs.EXTRA))
            stored = bytes(planes.write(now, room, width, base))
            out = memoryview(bytearray(PIECE))
            writing = speed(lambda: planes.write(now, room, width, base), PIECE)  # noqa: B023
            reading = speed(lambda: planes.read(memoryview(stored), out, base), PIECE)  # noqa: B023
            print(f"{dtype:5}{name:20} {writing:.2f}     {reading:.2f}")


def imports() -> None:
    print("\nimport, milliseconds")
    zstd = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    bare = _started("pass")
    for module in ("numpy", zstd):
        print(f"{module:16} {1000 * (_started(f'import {module}') - bare):.0f}")


def _started(script: str) -> float:
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", script], check=True)
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    differences()
    fine_tunes()
    huffman_only()
    slices()
    whole_chunks()
    imports()


if __name__ == "__main__":
    main()
