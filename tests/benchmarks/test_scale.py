"""docs/scale.md shows what its script prints; what is measured by the clock is left out."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

SPEC = importlib.util.spec_from_file_location("scale", Path(__file__).parent / "scale.py")
assert SPEC and SPEC.loader
scale = importlib.util.module_from_spec(SPEC)
sys.modules["scale"] = scale
SPEC.loader.exec_module(scale)

PAGE = scale.PAGE.read_text(encoding="utf-8")


def shown(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n\n((?:\|[^\n]*\n)*)", PAGE)
    assert found
    return found[1].rstrip("\n")


def test_the_table_of_writers_is_what_the_simulation_gives() -> None:
    assert shown("writers") == scale.of_bursts()


def test_no_writer_waits_for_ever_and_each_number_is_given_once() -> None:
    bursts = [scale.burst(writers) for writers in (1, 8, 64)]

    assert [one.writers for one in bursts] == [1, 8, 64]
    assert bursts[0].writes == 1 and bursts[2].seconds < 20


def test_commands_cost_as_many_requests_as_the_page_says(tmp_path: Path) -> None:
    costs = scale.commands(1_000, tmp_path)

    rows = [row.strip("| ").split(" | ") for row in shown("1,000 versions").splitlines()[2:]]
    assert {row[0]: int(row[1]) for row in rows} == {command: cost.requests for command, cost in costs.items()}


def test_growth_is_by_arithmetic_and_starts_as_measured() -> None:
    found = list(scale.growth(440, 150, 560))

    assert [one.versions for one in found] == [10**power for power in range(3, 8)]
    assert (found[0].requests, found[1].requests) == (3, 3)
