"""File systems that can clone files, and one that cannot, each in a file that is mounted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import mounts
import pytest

SIZES = {"xfs": 300, "btrfs": 128, "ext4": 64}
"""In MiB, the least that each takes, and some."""


class NoDisk(Exception):
    """It cannot be had here, and why."""


@contextmanager
def mounted(kind: str, size: int | None = None) -> Iterator[Path]:
    """A new file system of this kind, of as many MiB. Raises NoDisk."""
    if os.geteuid() != 0 or sys.platform != "linux":
        raise NoDisk("only root on Linux can mount a file system")
    make = f"mkfs.{kind}"
    if shutil.which(make) is None:
        raise NoDisk(f"there is no {make}: run `make disks`")
    with tempfile.TemporaryDirectory() as folder:
        image, place = Path(folder, "image"), Path(folder, "disk")
        place.mkdir()
        with open(image, "wb") as file:
            file.truncate((size or SIZES[kind]) << 20)
        subprocess.run([make, "-q", image], check=True, capture_output=True)
        try:
            with mounts.attached(image) as device:
                done = subprocess.run(["mount", device, place], capture_output=True, text=True, check=False)
        except mounts.NoLoopDevice as error:
            raise NoDisk(f"there is no loop device: {error}") from None
        if done.returncode:
            raise NoDisk(f"cannot mount {kind} here: {done.stderr.strip()}")
        try:
            yield place
        finally:
            mounts.unmount(place)


def room_taken(place: Path) -> int:
    """Bytes in use on the disk."""
    os.sync()
    disk = os.statvfs(place)
    return (disk.f_blocks - disk.f_bfree) * disk.f_frsize


def _disk(kind: str) -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            yield stack.enter_context(mounted(kind))
        except NoDisk as error:
            pytest.skip(str(error))


@pytest.fixture(params=["xfs", "btrfs"])
def cloning_disk(request: pytest.FixtureRequest) -> Iterator[Path]:
    yield from _disk(request.param)


@pytest.fixture
def plain_disk() -> Iterator[Path]:
    yield from _disk("ext4")
