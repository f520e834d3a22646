"""The data that is measured with. The same on every machine and in every run: all of it comes from seeds."""

from __future__ import annotations

import math
import mmap
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from weights import ITEM_SIZES, SMALL_NUDGE, Sizes, Tensor, write_series

MIB = 1 << 20
LAYERS = 20
TRAINED = 2
"""So many of the last layers are drawn anew by a step of partial training, the others are frozen."""

CHECKPOINTS = 10
FILE_SIZE = 4096
FILES_A_FOLDER = 100

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Form:
    """How much is done.

    checkpoint: bytes of one of the ten. file: bytes of the large file. files: how many small ones. versions: how many
    the artifact of the start-up rows has. hidden, epochs: of the network that is trained. levels: of zstd, beside
    real models. large_models: whether those of many MiB are among these. peer_rounds: the most rounds that peers take
    part in. settled: seconds to wait until mreg trusts the
    times of the files (it reads those again that changed less than 2 s before they were read).
    searched: among how many versions is searched. cold: how many versions a new cache learns of.
    registered: how many models, and versions of each, MLflow has.
    imported: how many checkpoints are imported, and bytes of each. travelled: how many go to another repository,
    and bytes of each. places: to which bytes are sent.
    """

    name: str
    checkpoint: int
    file: int
    files: int
    versions: int
    hidden: int
    epochs: int
    levels: tuple[int, ...] = (1, 3)
    large_models: bool = True
    peer_rounds: int = 1
    settled: float = 2.5
    searched: tuple[int, ...] = (1_000,)
    cold: int = 10_000
    registered: tuple[int, int] = (1_000, 10)
    imported: tuple[int, int] = (20, 20 * MIB)
    travelled: tuple[int, int] = (20, 20 * MIB)
    places: tuple[str, ...] = ("folder", "bucket", "ssh")


FORMS = {
    form.name: form
    for form in (
        Form(
            "tiny",
            4 * MIB,
            2 * MIB,
            50,
            20,
            hidden=32,
            epochs=10,
            large_models=False,
            settled=0,
            searched=(20,),
            cold=20,
            registered=(20, 3),
            imported=(3, MIB),
            travelled=(3, 2 * MIB),
            places=("folder",),
        ),
        Form("quick", 32 * MIB, 256 * MIB, 2_000, 1_000, hidden=512, epochs=10),
        Form(
            "full",
            256 * MIB,
            1024 * MIB,
            10_000,
            1_000,
            hidden=1024,
            epochs=12,
            levels=(1, 3, 19),
            peer_rounds=3,
            searched=(1_000, 100_000),
            cold=100_000,
            imported=(100, 100 * 10**6),
            travelled=(100, 100 * MIB),
        ),
    )
}


def one_file(size: int) -> list[list[Tensor]]:
    """A single checkpoint in bf16."""
    return [_transformer(size)]


def trained_in_part(size: int) -> list[list[Tensor]]:
    """Ten checkpoints, the last two layers of each drawn anew."""
    return [retrained(size, step) for step in range(CHECKPOINTS)]


def retrained(size: int, step: int) -> list[Tensor]:
    """One of any number of such checkpoints."""
    return [
        tensor._replace(seed=(*tensor.seed, step)) if number >= (LAYERS - TRAINED) * len(SHAPES) else tensor
        for number, tensor in enumerate(_transformer(size))
    ]


def fine_tuned(size: int) -> list[list[Tensor]]:
    """Ten checkpoints, half of the bytes in bf16 and half in float32 (the layers take turns), every weight of each a
    little away from where it was in the one before."""
    return [
        [tensor._replace(moved=step) for tensor in _transformer(size, ("BF16", "F32"))] for step in range(CHECKPOINTS)
    ]


def compared(size: int) -> list[list[Tensor]]:
    """A checkpoint in bf16, the same with every weight a little away, and with the last two layers drawn anew."""
    tensors = _transformer(size)
    return [tensors, [tensor._replace(moved=1) for tensor in tensors], trained_in_part(size)[1]]


def fine_tuned_slowly(size: int) -> list[list[Tensor]]:
    """Ten checkpoints in bf16, one weight in twenty of each another one than in the one before."""
    tensors = [tensor._replace(nudge=SMALL_NUDGE) for tensor in _transformer(size)]
    return [[tensor._replace(moved=step) for tensor in tensors] for step in range(CHECKPOINTS)]


def grown_in_front(size: int) -> list[list[Tensor]]:
    """Ten checkpoints in bf16, each with one tensor more, in front of all others."""
    tensors = _transformer(size)
    width = tensors[-1].shape[0]
    added = [Tensor(f"adapters.{number:02}", (width, width), (LAYERS, number)) for number in range(CHECKPOINTS)]
    return [added[step:0:-1] + tensors for step in range(CHECKPOINTS)]


SHAPES = {
    "attention.qkv": (1, 3),
    "attention.out": (1, 1),
    "mlp.up": (1, 4),
    "mlp.down": (4, 1),
    "norm": (1,),
}
"""The tensors of a layer, in widths of the layer."""


def _transformer(size: int, dtypes: Sequence[str] = ("BF16",)) -> list[Tensor]:
    """Twenty layers of five tensors, `size` bytes together, or a little less. Each layer has the same bytes."""
    tensors = []
    for layer in range(LAYERS):
        dtype = dtypes[layer % len(dtypes)]
        width = math.isqrt(size // (LAYERS * 12 * ITEM_SIZES[dtype])) // 8 * 8
        for part, (name, shape) in enumerate(SHAPES.items()):
            widths = tuple(width * factor for factor in shape)
            tensors.append(Tensor(f"layers.{layer:02}.{name}", widths, (layer, part), dtype))
    return tensors


def write_checkpoints(folder: Path, series: Sequence[Sequence[Tensor]]) -> tuple[list[Path], Sizes]:
    """A folder for each checkpoint, and what their bytes come to."""
    folders = [folder / f"step-{step:02}" for step in range(len(series))]
    return folders, apart(write_series, [step / "model.safetensors" for step in folders], series)


def write_small_files(folder: Path, count: int) -> None:
    """`count` files of random bytes, a hundred in a folder."""
    apart(_write_small_files, folder, count)


def fill_memory(size: int) -> None:
    """Use so much memory once, but never more than half of what is free. Virtual machines hand memory that is free
    back to their host, and the first use of it is slow; without this some of what is measured would pay for that."""
    if size and "SC_AVPHYS_PAGES" in os.sysconf_names:  # not on macOS
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        apart(_touch, min(size, free // 2))


def read_all(folder: Path) -> None:
    """Bring what lies in a folder into the page cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb", buffering=0) as file:
                while file.read(MIB):
                    pass


def apart(work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
    """Do it in a process of its own. The peak of memory that Linux tells of a program is never less than that
    of the process that started it, so the one that measures has to stay small."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        return pool.submit(work, *arguments, **named).result()


def _touch(size: int) -> None:
    with mmap.mmap(-1, max(size, mmap.PAGESIZE)) as memory:
        for offset in range(0, size, mmap.PAGESIZE):
            memory[offset] = 1


def _write_small_files(folder: Path, count: int) -> None:
    import numpy as np

    generator = np.random.Generator(np.random.SFC64(1))
    for number in range(count):
        below = folder / f"part-{number // FILES_A_FOLDER:03}"
        below.mkdir(parents=True, exist_ok=True)
        (below / f"sample-{number % FILES_A_FOLDER:02}.bin").write_bytes(generator.bytes(FILE_SIZE))
