"""The table of figures adds up what passing tests say, and hides no failure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import figures
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "figures.md"


class Terminal:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def write_line(self, line: str) -> None:
        self.lines.append(line)


def report(outcome: Any, *counted: tuple[str, int], longrepr: Any = None) -> pytest.TestReport:
    properties = [(figures.PROPERTY, list(pair)) for pair in counted]
    return pytest.TestReport("t", ("f", 1, "t"), {}, outcome, longrepr, "call", user_properties=properties)


def test_what_passing_tests_say_is_added_up_and_skips_are_named(tmp_path: Path) -> None:
    adder, terminal = figures.Adder(tmp_path / "page.md", "make test"), Terminal()
    for one in (report("passed", ("kills", 3), ("full disk", 1)), report("passed", ("kills", 1_000))):
        adder.pytest_runtest_logreport(one)
    adder.pytest_runtest_logreport(report("skipped", ("kills", 7), longrepr=("f", 1, "Skipped: no loop device")))

    adder.pytest_terminal_summary(terminal, 0)

    page = (tmp_path / "page.md").read_text()
    assert "| kills | 1,003 | 0 |" in page
    assert "| full disk | 1 | 0 |" in page
    assert "| power losses, xfs | 0 | - |" in page
    assert "Skipped here: no loop device." in page


@pytest.mark.parametrize("exitstatus", [0, 2])
def test_no_table_is_written_where_a_test_failed(tmp_path: Path, exitstatus: int) -> None:
    adder, terminal = figures.Adder(tmp_path / "page.md", "make test"), Terminal()
    adder.pytest_runtest_logreport(report("passed", ("kills", 3)))
    if not exitstatus:
        adder.pytest_runtest_logreport(report("failed", ("kills", 9)))

    adder.pytest_terminal_summary(terminal, exitstatus)

    assert list(tmp_path.iterdir()) == []
    assert "left as it is" in terminal.lines[0]


def test_the_page_has_a_row_for_each_figure(request: pytest.FixtureRequest) -> None:
    """And each was tried, unless the page says why not."""
    if request.config.getoption("figures"):
        return  # the page is being made anew by this very run
    page = PAGE.read_text(encoding="utf-8")

    rows = dict(re.findall(r"^\| ([^|]+) \| ([\d,]+) \| [0-]", page, re.MULTILINE))

    assert list(rows) == list(figures.ROWS)
    assert "0" not in rows.values() or "Skipped here" in page or "`make test`" in page


LEAST = {
    "kills": 1_000,
    "failing calls": 700,
    "full disk": 300,
    "power losses": 1_000,
    "alias reads in races": 100_000,
    "damaged and hostile bytes": 1_000_000,
    "hostile repositories": 600,
}
"""What docs/guarantees.md says of one run of `make test-all`; `make test` tries a part of it."""


@pytest.mark.parametrize("figure", LEAST)
def test_the_figures_are_what_the_page_of_promises_says(request: pytest.FixtureRequest, figure: str) -> None:
    if request.config.getoption("figures"):
        return
    page = PAGE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([^|]+) \| ([\d,]+) \|", page, re.MULTILINE))
    least = LEAST[figure] if "make test-all" in page else 0

    tried = sum(int(number.replace(",", "")) for name, number in rows.items() if name.startswith(figure))

    assert tried >= least
