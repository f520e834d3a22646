"""Bytes that a push sends to each kind of location, beside those that are stored here of what is missing there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from measuring import Bench, BenchmarkFailed, Row, Skipped
from peers import Peers
from places import CALLED, lacking, place
from workloads import CHECKPOINTS, MIB, Form, fine_tuned_slowly, write_checkpoints

GROUP = "bytes sent"
SIZE = 4 * MIB
BUCKET = "moto"

EVERYTHING, STEP, AGAIN, ALONE = "all ten steps", "the last step of ten", "again", "a step whose base is not there"


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row | Skipped]:
    """The rows of this group, of which one round tells all: the same is sent each time."""
    folders, _ = write_checkpoints(bench.folder / "made", fine_tuned_slowly(SIZE))
    bench.run(bench.mreg, "--repo", "here", "init")
    stored = [_answer(bench, {}, "log", str(folder), "-a", "m")["stored"] for folder in folders]
    with ExitStack() as running:
        for kind in form.places:
            if reason := lacking(kind, BUCKET):
                yield Skipped(GROUP, kind, reason)
                continue
            url, environment = running.enter_context(place(bench.folder, kind, BUCKET))
            yield from _rows(bench, kind, url, environment, stored)


def _rows(bench: Bench, kind: str, url: str, environment: Mapping[str, str], stored: list[int]) -> Iterator[Row]:
    def sent(where: str, *what: str) -> int:
        return int(_answer(bench, environment, "push", f"{url}/{where}", *what)["bytes"])

    last = CHECKPOINTS - 1
    for where in ("all", "most", "one"):
        bench.run(bench.mreg, "--repo", f"{url}/{where}", "init", more=environment)
    sent("most", *(f"m:v{number}" for number in range(last)))
    figures = {
        EVERYTHING: (sent("all", "--all"), sum(stored)),
        AGAIN: (sent("all", "--all"), 0),
        STEP: (sent("most", f"m:v{last}"), stored[last]),
        ALONE: (sent("one", "m:v5"), sum(stored[:6])),
    }
    for name, (measured, missing) in figures.items():
        bound = missing * 1.01 + MIB if missing else 1
        ratio = measured / bound
        yield Row(
            GROUP, f"{name}, to {CALLED[kind]}", "bytes", measured, bound, ratio, ratio, ratio, 1 if missing else 0
        )


def _answer(bench: Bench, environment: Mapping[str, str], *line: str) -> dict[str, int]:
    """What the command says in JSON. Raises BenchmarkFailed."""
    text = bench.answer(bench.mreg, "--json", "--repo", "here", *line, more=environment)
    found = json.loads(text)
    if not isinstance(found, dict):
        raise BenchmarkFailed(f"mreg {line[0]} said {text}")
    return found
