"""Disks that lose their power, and benches whose place is on one."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # test folders are no packages
sys.path.insert(0, str(Path(__file__).parent.parent / "crash"))

import disks
import sweep

_why_not = functools.cache(disks.why_not)


@pytest.fixture(params=list(disks.KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of file system; skipped where it cannot be had."""
    reason = _why_not(request.param)
    if reason:
        pytest.skip(reason)
    return str(request.param)


@pytest.fixture
def disk(kind: str, tmp_path: Path) -> disks.Disk:
    """An empty disk, not mounted, to be seen at a bench's place."""
    made = disks.Disk(kind, tmp_path / "image", tmp_path / "bench" / "place")
    made.make()
    return made


@pytest.fixture
def bench(disk: disks.Disk, tmp_path: Path) -> Iterator[sweep.Bench]:
    """A bench whose cache is on another disk: flushing the lookup tables must not flush the repository."""
    disk.place.rmdir()
    made = sweep.Bench(tmp_path / "bench", tmp_path / "cache")
    yield made
    made.close()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Callable[[int], list[sweep.Server]]]:
    """More processes that run commands."""
    with ExitStack() as stack:

        def servers(count: int) -> list[sweep.Server]:
            made = []
            for number in range(count):
                folder = tmp_path / f"server-{number}"
                folder.mkdir()
                environment = sweep.environment(folder, tmp_path / f"cache-{number}")
                made.append(sweep.Server(str(folder), environment))
                stack.callback(made[-1].close)
            return made

        yield servers
