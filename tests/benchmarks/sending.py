"""Bytes that a push sends to each kind of location, beside those that are stored here of what is missing there."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from measuring import Bench, BenchmarkFailed, Row, Skipped
from peers import Peers
from workloads import CHECKPOINTS, MIB, Form, fine_tuned_slowly, write_checkpoints

sys.path.insert(0, str(Path(__file__).parent.parent))  # where `servers` is

import servers

GROUP = "bytes sent"
SIZE = 4 * MIB

EVERYTHING, STEP, AGAIN, ALONE = "all ten steps", "the last step of ten", "again", "a step whose base is not there"


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row | Skipped]:
    """The rows of this group, of which one round tells all: the same is sent each time."""
    folders, _ = write_checkpoints(bench.folder / "made", fine_tuned_slowly(SIZE))
    bench.run(bench.mreg, "--repo", "here", "init")
    stored = [_answer(bench, {}, "log", str(folder), "-a", "m")["stored"] for folder in folders]
    with ExitStack() as running:
        for kind in form.places:
            if reason := _lacks(kind):
                yield Skipped(GROUP, kind, reason)
                continue
            place, environment = _begin(bench, kind, running)
            yield from _rows(bench, kind, place, environment, stored)


def _rows(bench: Bench, kind: str, place: str, environment: Mapping[str, str], stored: list[int]) -> Iterator[Row]:
    def sent(where: str, *what: str) -> int:
        return int(_answer(bench, environment, "push", f"{place}/{where}", *what)["bytes"])

    last = CHECKPOINTS - 1
    for where in ("all", "most", "one"):
        bench.run(bench.mreg, "--repo", f"{place}/{where}", "init", more=environment)
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
            GROUP, f"{name}, to {_CALLED[kind]}", "bytes", measured, bound, ratio, ratio, ratio, 1 if missing else 0
        )


_CALLED = {"folder": "a folder", "bucket": "a bucket", "ssh": "a server by SSH"}


def _lacks(kind: str) -> str | None:
    if kind == "bucket" and not list((servers.SERVERS / "moto").glob(".stamp-*")):
        return "there is no moto: run `make servers`"
    if kind == "ssh" and not shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin"):
        return "there is no sshd: run `make sshd`"
    return None


def _begin(bench: Bench, kind: str, running: ExitStack) -> tuple[str, Mapping[str, str]]:
    """Where repositories of this kind can be, and what a client is to be told."""
    if kind == "bucket":
        server = running.enter_context(servers.running("moto", bench.folder / "moto"))
        return server.place(), server.environment
    if kind == "ssh":
        place = running.enter_context(servers.openssh(bench.folder / "sshd"))
        return place, {"HOME": str(bench.folder / "sshd" / "home"), "SSH_AUTH_SOCK": ""}
    (there := bench.folder / "there").mkdir()
    return str(there), {}


def _answer(bench: Bench, environment: Mapping[str, str], *line: str) -> dict[str, int]:
    """What the command says in JSON. Raises BenchmarkFailed."""
    text = bench.answer(bench.mreg, "--json", "--repo", "here", *line, more=environment)
    found = json.loads(text)
    if not isinstance(found, dict):
        raise BenchmarkFailed(f"mreg {line[0]} said {text}")
    return found
