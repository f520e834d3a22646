"""Checkpoints of Gaussian weights, as safetensors, and how few bytes their numbers could be kept in.

All of it comes from seeds, and works through one tensor after the other, in all checkpoints of a series at once: so
what a checkpoint has in common with the one before is made only once, and memory is a few tensors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Bytes = NDArray[np.uint8]

SPREAD = 0.02
NUDGE = 0.005
"""The spread of what one step of training adds to a weight, as a share of the weights' own."""

SMALL_NUDGE = 0.00008
"""The same at a small learning rate: one weight in twenty is another one in bf16."""

ITEM_SIZES = {"BF16": 2, "F16": 2, "F32": 4}


class Tensor(NamedTuple):
    """A tensor given by its seed, after so many steps of training. The steps are made in float32; bf16 is what is
    left of that when rounded to the nearest, a tie to the even one. nudge: the spread of a step, as a share of that of
    the weights."""

    name: str
    shape: tuple[int, ...]
    seed: tuple[int, ...]
    dtype: str = "BF16"
    moved: int = 0
    nudge: float = NUDGE

    @property
    def size(self) -> int:
        return ITEM_SIZES[self.dtype] * math.prod(self.shape)


class Sizes(NamedTuple):
    """logical: bytes of all files of a series. new: of those what is not, as a tensor, in the file before. bound: of
    the new ones, what their entropy leaves (see `entropy`)."""

    logical: int
    new: int
    bound: int


def write_series(files: Sequence[Path], series: Sequence[Sequence[Tensor]]) -> Sizes:
    """Write each checkpoint to its file, the tensors in the order given, which the safetensors library would change."""
    logical = new = 0
    bound = 0.0
    with ExitStack() as stack:
        opened = []
        for path, tensors in zip(files, series, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(open(path, "wb"))
            start = _write_header(file, [(tensor.name, tensor.dtype, tensor.shape, tensor.size) for tensor in tensors])
            logical += start + sum(tensor.size for tensor in tensors)
            opened.append((file, _places(start, tensors)))
        for name in dict.fromkeys(tensor.name for tensors in series for tensor in tensors):
            before: Tensor | None = None
            values: Floats | None = None
            data: Bytes | None = None
            for file, places in opened:
                if name not in places:
                    continue
                offset, tensor = places[name]
                if data is None or tensor != before:
                    values, last = _next_values(tensor, before, values), data
                    data = encode(values, tensor.dtype)
                    new += tensor.size * (last is None or bool((data != last).any()))
                    bound += entropy(data, last, ITEM_SIZES[tensor.dtype])
                file.seek(offset)
                file.write(data.data)
                before = tensor
    return Sizes(logical, new, round(bound))


def write_tensors(path: Path, tensors: Sequence[tuple[str, str, Sequence[int], bytes]]) -> None:
    """One file of tensors that are at hand: name, dtype, shape, bytes."""
    with open(path, "wb") as file:
        _write_header(file, [(name, dtype, shape, len(data)) for name, dtype, shape, data in tensors])
        for *_, data in tensors:
            file.write(data)


def read_tensors(path: Path) -> list[tuple[str, str, Sequence[int], bytes]]:
    """The same, from a file, in the order of the bytes."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header: dict[str, Any] = json.loads(content[8:start])
    header.pop("__metadata__", None)
    entries = sorted(header.items(), key=lambda entry: entry[1]["data_offsets"])
    return [
        (name, entry["dtype"], entry["shape"], content[slice(*(start + offset for offset in entry["data_offsets"]))])
        for name, entry in entries
    ]


def encode(values: Floats, dtype: str) -> Bytes:
    """float32 as the bytes of a dtype; see Tensor for how it is rounded."""
    import numpy as np

    if dtype == "BF16":
        bits = values.view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").view(np.uint8)
    return values.astype({"F16": "<f2", "F32": "<f4"}[dtype]).view(np.uint8)


def entropy(data: Bytes, last: Bytes | None, size: int) -> float:
    """The bytes that a perfect coder needs for the byte planes of these numbers, `size` bytes each, when it may only
    count how often a byte comes in its plane. The sign is moved beside the mantissa. Where there is a `last`, the
    planes of the differences to it are counted too, and the smaller of the two is returned."""
    numbers = data.view(f"<u{size}")
    found = _entropy_of_planes((numbers << 1) | (numbers >> (8 * size - 1)), size)
    if last is not None:
        found = min(found, _entropy_of_planes(fold(numbers - last.view(f"<u{size}")), size))
    return found


def fold(differences: NDArray[Any]) -> NDArray[Any]:
    """0, -1, 1, -2, … as 0, 1, 2, 3, …: small ones are small whichever way they go."""
    bits = 8 * differences.dtype.itemsize
    signed = differences.view(f"<i{bits // 8}")
    return (signed << 1 ^ signed >> bits - 1).view(differences.dtype)


def _entropy_of_planes(numbers: NDArray[Any], size: int) -> float:
    import numpy as np

    found = 0.0
    for plane in numbers.view(np.uint8).reshape(-1, size).T:
        counts = np.bincount(plane, minlength=256)
        shares = counts[counts > 0] / len(plane)
        found += float(-(shares * np.log2(shares)).sum()) * len(plane) / 8
    return found


def _next_values(tensor: Tensor, before: Tensor | None, values: Floats | None) -> Floats:
    if tensor.moved == 0:
        return _draw(tensor, tensor.seed, SPREAD)
    if values is None or before != tensor._replace(moved=tensor.moved - 1):
        raise ValueError(f"{tensor.name} can only move on from the step before")
    moved: Floats = values + _draw(tensor, (*tensor.seed, tensor.moved), SPREAD * tensor.nudge)
    return moved


def _draw(tensor: Tensor, seed: tuple[int, ...], spread: float) -> Floats:
    import numpy as np

    generator = np.random.Generator(np.random.SFC64(seed))
    return generator.standard_normal(math.prod(tensor.shape), dtype=np.float32) * np.float32(spread)


def _write_header(file: BinaryIO, entries: Sequence[tuple[str, str, Sequence[int], int]]) -> int:
    """Where the bytes of the first tensor go."""
    header: dict[str, object] = {}
    end = 0
    for name, dtype, shape, size in entries:
        offsets = [end, end := end + size]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return file.write(len(text).to_bytes(8, "little") + text)


def _places(start: int, tensors: Sequence[Tensor]) -> dict[str, tuple[int, Tensor]]:
    places = {}
    for tensor in tensors:
        places[tensor.name] = (start, tensor)
        start += tensor.size
    return places
