"""Benches to hurt repositories on, and how to tell what state one is in."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # where `sweep` is: test folders are no packages

import sweep


@pytest.fixture(scope="session")
def _strace() -> None:
    reason = sweep.why_not()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def team(_strace: None, tmp_path: Path) -> Iterator[sweep.Team]:
    """As many benches as there are processors, at most four."""
    with sweep.team(tmp_path, min(4, os.cpu_count() or 1)) as benches:
        yield benches


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Say something that shall be seen also when the test passes (it is not, below pytest-xdist)."""

    def tell(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}")

    return tell
