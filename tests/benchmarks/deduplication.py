"""Bytes that a repository keeps of ten checkpoints, beside the bytes that are new in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from measuring import Bench, Row
from workloads import Form, Tensor, grown_in_front, trained_again, write_safetensors

import mreg
from mreg.storage.local import LocalStorage

GROUP = "deduplication"
CHECKPOINTS = 10

Series = Callable[[int, int], tuple[list[Tensor], list[Tensor]]]


def measure(bench: Bench, form: Form, rounds: int) -> Iterator[Row]:
    """The rows of this group. One round is enough: the figures are the same each time."""
    yield _kept(bench.folder / "trained", "10 checkpoints, 90 % frozen", form.checkpoint, trained_again, 1.2)
    yield _kept(
        bench.folder / "grown", "10 checkpoints, one tensor more in front", form.checkpoint, grown_in_front, 1.05
    )


def _kept(folder: Path, name: str, size: int, series: Series, target: float) -> Row:
    folder.mkdir()
    path = folder / "model.safetensors"
    logical = bound = 0
    storage = LocalStorage(folder / ".mreg", durable=False)  # flushes take time, which is not measured, and no bytes
    cache = str(folder / "cache")
    with mreg.Repository.init_storage(storage, str(folder / ".mreg"), cache=cache, author="bench") as repo:
        for step in range(CHECKPOINTS):
            tensors, changed = series(size, step)
            write_safetensors(path, tensors)
            logical += path.stat().st_size
            bound += path.stat().st_size if step == 0 else sum(tensor.size for tensor in changed)
            repo.log(path, "net")
        kept = _bytes_below(repo.location)
    path.unlink()
    ratio = kept / bound
    return Row(GROUP, name, "bytes", kept, bound, ratio, ratio, ratio, target, more={"logical_bytes": float(logical)})


def _bytes_below(folder: str) -> int:
    """All that the repository takes: packs, records, refs and journal."""
    return sum(os.stat(os.path.join(here, name)).st_size for here, _, names in os.walk(folder) for name in names)
