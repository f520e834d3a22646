"""Ten checkpoints one after the other: the time of all ten, and the bytes that are kept of them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from contest import Outcome, Target, contest, log_all
from measuring import Bench, Row, Skipped
from peers import Peers
from tools import COPY, MREG, Station
from weights import Tensor
from workloads import (
    CHECKPOINTS,
    MIB,
    Form,
    fill_memory,
    fine_tuned,
    fine_tuned_slowly,
    grown_in_front,
    read_all,
    trained_in_part,
    write_checkpoints,
)

GROUP = "checkpoints"


class Series(NamedTuple):
    """most_bytes: the target, where a checkpoint has 256 MiB; it is less for smaller ones in proportion."""

    name: str
    checkpoints: Callable[[int], list[list[Tensor]]]
    most_bytes: int
    time: Target | None = None
    beside_peers: Target | None = None


ALL = (
    Series("10 % changed", trained_in_part, 345 * MIB, Target(1.2, 0.8), Target(0.6)),
    Series("full fine-tune", fine_tuned, 1300 * MIB),
    Series("small learning rate", fine_tuned_slowly, 310 * MIB),
    Series("a tensor more in front", grown_in_front, 180 * MIB),
)


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row | Skipped]:
    """The rows of this group."""
    for series in ALL:
        yield from _measure(bench, form, rounds, peers, series)


def _measure(bench: Bench, form: Form, rounds: int, peers: Peers, series: Series) -> Iterator[Row | Skipped]:
    group = f"{GROUP}: {series.name}"
    what = f"{CHECKPOINTS} x {form.checkpoint // MIB} MiB"
    folder = bench.folder / series.checkpoints.__name__
    folders, sizes = write_checkpoints(folder, series.checkpoints(form.checkpoint))
    read_all(folder)
    time.sleep(form.settled)

    def once(station: Station) -> Outcome:
        fill_memory(2 * sizes.logical)
        return log_all(station, folders)

    results = contest(bench, (COPY, MREG, *peers.stores), peers.missing, form, rounds, once)
    shutil.rmtree(folder)
    targets = {(MREG, "log"): series.time} if series.time else {}
    yield from results.times(group, what, targets)
    if series.beside_peers:
        yield from results.beside_fastest(
            group, f"log, {what}, beside the fastest peer", "log", series.beside_peers, lambda _: True
        )
    most = series.most_bytes * form.checkpoint / (256 * MIB)
    yield from results.bytes_kept(group, what, sizes, most)
    yield from results.skipped(group)
