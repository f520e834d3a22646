"""File systems that can clone files, and one that cannot, each in a file that is mounted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mounts
import pytest

SIZES = {"xfs": 300, "btrfs": 128, "ext4": 64}
"""In MiB."""


@contextmanager
def mounted(kind: str) -> Iterator[Path]:
    """A new file system of this kind; skips the test where it cannot be had."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root on Linux can mount a file system")
    make = f"mkfs.{kind}"
    if shutil.which(make) is None:
        pytest.skip(f"there is no {make}: run `make disks`")
    with tempfile.TemporaryDirectory() as folder:
        image, place = Path(folder, "image"), Path(folder, "disk")
        place.mkdir()
        with open(image, "wb") as file:
            file.truncate(SIZES[kind] << 20)
        subprocess.run([make, "-q", image], check=True, capture_output=True)
        try:
            with mounts.attached(image) as device:
                done = subprocess.run(["mount", device, place], capture_output=True, text=True, check=False)
        except mounts.NoLoopDevice as error:
            pytest.skip(f"there is no loop device: {error}")
        if done.returncode:
            pytest.skip(f"cannot mount {kind} here: {done.stderr.strip()}")
        try:
            yield place
        finally:
            mounts.unmount(place)


@pytest.fixture(params=["xfs", "btrfs"])
def cloning_disk(request: pytest.FixtureRequest) -> Iterator[Path]:
    with mounted(request.param) as place:
        yield place


@pytest.fixture
def plain_disk() -> Iterator[Path]:
    with mounted("ext4") as place:
        yield place


def room(place: Path) -> int:
    """Bytes in use on the disk."""
    os.sync()
    disk = os.statvfs(place)
    return (disk.f_blocks - disk.f_bfree) * disk.f_frsize


@pytest.fixture
def room_taken() -> object:
    return room
