"""What the extras install, and what the dependencies ADR says of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ADR = (ROOT / "docs" / "adr" / "0005-dependencies.md").read_text()

FOR_DEVELOPERS = {"demo", "dev", "fuzz"}
"""Extras that nothing of mreg uses."""

USED = {name: needs for name, needs in PROJECT["optional-dependencies"].items() if name not in FOR_DEVELOPERS}


def rows() -> dict[str, list[str]]:
    """The cells of the ADR's table by the package."""
    lines = [line.strip("| ").split(" | ") for line in ADR.splitlines() if line.startswith("| ")]
    return {re.split(r"[ ,]", cells[0])[0].lower(): cells for cells in lines[2:]}


def package(requirement: str) -> str:
    return re.split(r"[><=;!~ ]", requirement)[0].lower()


@pytest.mark.parametrize("extra", USED)
def test_each_extra_has_a_reason_and_its_bounds_in_the_adr(extra: str) -> None:
    for requirement in USED[extra]:
        row = rows()[package(requirement)]
        text = " ".join(row)
        bounds = re.findall(r"[<>]=?([\d.]+)", requirement)

        assert f"`mreg[{extra}]`" in row[0]
        assert len(row) == 4 and all(row)
        assert ">=" in requirement
        assert not [bound for bound in bounds if not re.search(rf"(?<![\d.]){re.escape(bound)}(?![\d.]*\d)", text)]


def test_the_adr_names_nothing_that_is_not_installed() -> None:
    declared = [*PROJECT["dependencies"], *(one for needs in USED.values() for one in needs)]

    assert set(rows()) == {package(one) for one in declared}
