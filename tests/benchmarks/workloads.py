"""The data that is measured with. The same on every machine and in every run: all of it comes from seeds."""

from __future__ import annotations

import json
import math
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

MIB = 1 << 20
LAYERS = 20
TRAINED = 2
"""So many of the last layers are changed by a step of training, the others are frozen."""

SPREAD = 0.02
FILE_SIZE = 4096
FILES_A_FOLDER = 100


@dataclass(frozen=True)
class Form:
    """How much is done. checkpoint: bytes of one of the ten; file: bytes of the large file; files: how many
    small ones; versions: how many the artifact of the start-up rows has; settled: seconds to wait until mreg trusts
    the times of the files (it reads those again that changed less than 2 s before they were read)."""

    name: str
    checkpoint: int
    file: int
    files: int
    versions: int
    settled: float = 2.5


FORMS = {
    form.name: form
    for form in (
        Form("tiny", 4 * MIB, 2 * MIB, 50, 20, settled=0),
        Form("quick", 32 * MIB, 256 * MIB, 2_000, 1_000),
        Form("full", 256 * MIB, 1024 * MIB, 10_000, 1_000),
    )
}


class Tensor(NamedTuple):
    """A tensor of bf16, given by its seed: Gaussian, as weights are."""

    name: str
    shape: tuple[int, ...]
    seed: tuple[int, ...]

    @property
    def size(self) -> int:
        return 2 * math.prod(self.shape)

    def to_bytes(self) -> bytes:
        import numpy as np

        generator = np.random.Generator(np.random.SFC64(self.seed))
        values = generator.standard_normal(math.prod(self.shape), dtype=np.float32) * np.float32(SPREAD)
        return (values.view(np.uint32) >> 16).astype("<u2").tobytes()


def transformer(size: int, trained: int = 0) -> list[Tensor]:
    """Twenty layers of five tensors, `size` bytes together, or a little less; with the last layers as they
    are after the step `trained`."""
    width = math.isqrt(size // (LAYERS * 12 * 2)) // 8 * 8
    shapes = {
        "attention.qkv": (width, 3 * width),
        "attention.out": (width, width),
        "mlp.up": (width, 4 * width),
        "mlp.down": (4 * width, width),
        "norm": (width,),
    }
    return [
        Tensor(f"layers.{layer:02}.{name}", shape, (layer, part, trained if layer >= LAYERS - TRAINED else 0))
        for layer in range(LAYERS)
        for part, (name, shape) in enumerate(shapes.items())
    ]


def trained_again(size: int, step: int) -> tuple[list[Tensor], list[Tensor]]:
    """The checkpoint after `step` steps, and those of its tensors that the step has changed."""
    tensors = transformer(size, step)
    return tensors, tensors[-len(tensors) * TRAINED // LAYERS :]


def grown_in_front(size: int, step: int) -> tuple[list[Tensor], list[Tensor]]:
    """The checkpoint with `step` tensors more in front of all others, and the one that came last."""
    tensors = transformer(size)
    width = tensors[-1].shape[0]
    added = [Tensor(f"adapters.{number:02}", (width, width), (LAYERS, number)) for number in range(step, 0, -1)]
    return added + tensors, added[:1]


def write_safetensors(path: Path, tensors: Sequence[Tensor]) -> None:
    """Write them in the order given, which the safetensors library would change."""
    _apart(_write_safetensors, path, tensors)


def write_small_files(folder: Path, count: int) -> None:
    """`count` files of random bytes, a hundred in a folder."""
    _apart(_write_small_files, folder, count)


def _apart(work: Callable[..., None], *arguments: Any) -> None:
    """Do it in a process of its own. The peak of memory that Linux tells of a program is never less than that
    of the process that started it, so the one that measures has to stay small."""
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError("the data could not be written")


def _write_safetensors(path: Path, tensors: Sequence[Tensor]) -> None:
    header: dict[str, object] = {}
    end = 0
    for tensor in tensors:
        offsets = [end, end := end + tensor.size]
        header[tensor.name] = {"dtype": "BF16", "shape": tensor.shape, "data_offsets": offsets}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors:
            file.write(tensor.to_bytes())


def _write_small_files(folder: Path, count: int) -> None:
    import numpy as np

    generator = np.random.Generator(np.random.SFC64(1))
    for number in range(count):
        below = folder / f"part-{number // FILES_A_FOLDER:03}"
        below.mkdir(parents=True, exist_ok=True)
        (below / f"sample-{number % FILES_A_FOLDER:02}.bin").write_bytes(generator.bytes(FILE_SIZE))
