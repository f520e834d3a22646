"""Several tools with the same task, in rounds: what the machine does meanwhile hits all of them alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from measuring import Bench, BenchmarkFailed, Cost, Row, Skipped, compare, total
from tools import COPY, DIGEST, MREG, MREG_PLAIN, Station, Tool
from weights import Sizes
from workloads import Form

OWN = (COPY, DIGEST, MREG, MREG_PLAIN)
REQUIRED = (COPY, DIGEST, MREG)  # MREG_PLAIN needs a setting


class Target(NamedTuple):
    """The most that the ratio should be, and what is wished for."""

    most: float | None
    aim: float | None = None


NONE = Target(None)


class Outcome(NamedTuple):
    """What a tool did in one round: the costs of its steps, by name, and the bytes that it keeps."""

    costs: dict[str, Cost]
    kept: int


Task = Callable[[Station], Outcome]


@dataclass
class Results:
    """Of all tools that came through, and why the others did not."""

    outcomes: dict[Tool, list[Outcome]] = field(default_factory=dict)
    missing: dict[Tool, str] = field(default_factory=dict)

    def costs(self, tool: Tool, step: str) -> list[Cost]:
        """One for each round."""
        return [outcome.costs[step] for outcome in self.outcomes[tool]]

    def times(self, group: str, what: str, targets: Mapping[tuple[Tool, str], Target]) -> Iterator[Row]:
        """A row for each step and tool, beside the copy."""
        for step in self.outcomes[MREG][0].costs:
            for tool in self._in_order():
                if step in self.outcomes[tool][0].costs:
                    target = targets.get((tool, step), NONE)
                    bounds = self.costs(COPY, "log")
                    costs = self.costs(tool, step)
                    name, note = f"{step}, {what}", _note(tool, step)
                    yield compare(group, name, costs, bounds, *target, tool=tool.name, note=note)

    def beside_fastest(
        self, group: str, name: str, step: str, target: Target, may: Callable[[Tool], bool]
    ) -> Iterator[Row]:
        """mreg beside the fastest of those peers that have had to copy and that `may` take part, if there is one."""
        peers = [tool for tool in self.outcomes if tool not in OWN and not tool.moves and may(tool)]
        if peers:
            fastest = min(peers, key=lambda tool: statistics.median(cost.wall for cost in self.costs(tool, step)))
            bounds = self.costs(fastest, step)
            costs = self.costs(MREG, step)[: len(bounds)]
            note = _note(fastest, step)
            yield compare(group, f"{name}: {fastest.name}{note and ' '}{note}", costs, bounds, *target)

    def bytes_kept(self, group: str, what: str, sizes: Sizes, target: float | None) -> Iterator[Row]:
        """A row for each tool, beside the entropy of what is new. target: bytes."""
        more = {"logical_bytes": float(sizes.logical), "new_bytes": float(sizes.new)}
        for tool in self._in_order():
            if tool.kept:
                kept = statistics.median(outcome.kept for outcome in self.outcomes[tool])
                most = target / sizes.bound if target is not None and tool is MREG else None
                ratio = kept / sizes.bound
                name = f"bytes kept, {what}"
                yield Row(group, name, "bytes", kept, sizes.bound, ratio, ratio, ratio, most, more=more, tool=tool.name)

    def skipped(self, group: str) -> Iterator[Skipped]:
        """A line for each that did not come through."""
        for tool, reason in self.missing.items():
            yield Skipped(group, tool.name, reason)

    def _in_order(self) -> list[Tool]:
        return [MREG, *(tool for tool in self.outcomes if tool not in (MREG, COPY))]


def contest(
    bench: Bench, tools: Sequence[Tool], missing: Mapping[Tool, str], form: Form, rounds: int, once: Task
) -> Results:
    """Let each do its task `rounds` times, and peers not more often than the form says. Every second round goes in
    the opposite order. Who fails is out, unless it is one of those without which there is nothing to compare."""
    results = Results(missing={tool: missing[tool] for tool in tools if tool in missing})
    for number in range(rounds):
        for tool in tools if number % 2 == 0 else reversed(tools):
            if tool in results.missing or (tool not in OWN and number >= form.peer_rounds):
                continue
            try:
                with Station(bench, tool) as station:
                    results.outcomes.setdefault(tool, []).append(once(station))
            except BenchmarkFailed as error:
                if tool in REQUIRED:
                    raise BenchmarkFailed(f"{tool.name}: {error}") from error
                results.missing[tool] = str(error)
                results.outcomes.pop(tool, None)
    return results


def log_all(station: Station, versions: list[Path]) -> Outcome:
    """The versions one after the other: their costs together, as the one step `log`. What comes out is looked at."""
    costs = []
    for version in versions:
        station.take(version)
        costs.append(station.log())
    kept = station.kept()
    if station.tool.get:
        station.clear()
        station.get()
    return Outcome({"log": total(costs)}, kept)


def _note(tool: Tool, step: str) -> str:
    """What was added to make it durable, and what it saved itself."""
    flushed = tool.log_flushed if step.startswith("log") else tool.get_flushed
    notes = ["+ flush"] * (not flushed) + ["(moves)"] * (tool.moves and step == "log")
    return " ".join(notes)
