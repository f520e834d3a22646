"""How much the tests have tried: counted where it is tried, added up over all of them.

A test says `count("power losses, ext4", 40)` when all of them were survived. With `--figures FILE` the sums are
written to FILE as a table; only where every test passed, so that no figure hides a loss.
"""

from __future__ import annotations

import platform
import re
from collections import Counter
from pathlib import Path

import pytest

PROPERTY = "figure"

ROWS = {
    "simulated deaths": "a command dies at the n-th operation on a store in memory, for every n",
    "simulated deaths, then again": "a command dies, and so does the same command when it is repeated",
    "simulated failures": "the n-th operation fails, or its reply is lost: EIO, ENOSPC, EDQUOT, EACCES",
    "kills": "SIGKILL at the n-th system call that changes a file, for every n",
    "failing calls": "that system call fails: EIO (fsync too), ENOSPC, EDQUOT",
    "full disk": "the disk is full from the n-th write on, for every n",
    "power losses, ext4": "the file system is shut down; what was acknowledged is there after the remount",
    "power losses, ext4 writeback": "the same with `data=writeback,noauto_da_alloc`",
    "power losses, xfs": "the same on XFS",
    "operations in races": "of many processes at once; the histories are linearizable",
    "alias reads in races": "whole, and never older than the result of a read that had already ended",
    "random commands in sequence": "each compared with a simple model; some are made to fail, or are killed",
    "damaged and hostile bytes": "inputs of the parsers: a clear error, or a value that gives the same bytes again",
    "hostile repositories": "`get` writes only into its destination, and takes no more space than the files",
}
"""Every figure that there is, and what it says."""


def add_option(parser: pytest.Parser) -> None:
    parser.addoption("--figures", metavar="FILE", help="write how much was tried to FILE, as a table in Markdown")


def install(config: pytest.Config) -> None:
    """Add up in the process that hears of all tests: pytest's own, or the one that started the workers."""
    if config.getoption("figures") and not hasattr(config, "workerinput"):
        command = "make test" if "not slow" in (config.getoption("markexpr") or "") else "make test-all"
        config.pluginmanager.register(Adder(Path(config.getoption("figures")).absolute(), command))


class Adder:
    def __init__(self, path: Path, command: str) -> None:
        self._path = path
        self._command = command
        self._sums: Counter[str] = Counter()
        self._failed = False
        self._skipped: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed |= report.failed
        if report.skipped and isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            self._skipped.add(re.split(": (?:mount|losetup):", reason)[0])  # what follows names folders of this machine
        if report.when == "call" and report.passed:
            for name, value in report.user_properties:
                if name == PROPERTY:
                    self._sums[value[0]] += value[1]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        if self._failed or exitstatus:
            terminalreporter.write_line(f"{self._path}: left as it is, since not all tests passed")
            return
        self._path.write_text(self._table(), encoding="utf-8")
        terminalreporter.write_line(f"figures are in {self._path}")

    def _table(self) -> str:
        lines = [
            "# Figures",
            "",
            f"What one run of `{self._command}` has tried, added up by the tests themselves; written only when every",
            f"test has passed. {platform.system()}, Python {platform.python_version()}.",
            "",
            "| tried | times | lost, half done or wrong | |",
            "| --- | ---: | ---: | --- |",
        ]
        for name, meaning in ROWS.items():
            tried = self._sums[name]
            lines.append(f"| {name} | {tried:,} | {0 if tried else '-'} | {meaning} |")
        lines += ["", *(f"Skipped here: {reason}." for reason in sorted(self._skipped))]
        return "\n".join(lines).rstrip("\n") + "\n"
