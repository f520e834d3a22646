"""The disks that lose their power leave no loop device behind, however their mounts end."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import mounts
import pytest
from disks import Disk


def is_attached(image: Path) -> bool:
    """To any device: which one it was may be another's by now."""
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            if backing.read_text().rstrip("\n") == str(image):
                return True
        except OSError:  # released meanwhile
            pass
    return False


def await_release(image: Path) -> None:
    limit = time.monotonic() + mounts.PATIENCE
    while is_attached(image):
        assert time.monotonic() < limit, "the loop device was not released"
        time.sleep(0.01)


@pytest.fixture
def image(disk: Disk, tmp_path: Path) -> Path:
    return tmp_path / "image"


def test_the_device_is_released_at_the_unmount(disk: Disk, image: Path) -> None:
    with disk.mounted():
        assert is_attached(image)

    await_release(image)


def test_the_device_is_released_when_the_last_file_is_closed_after_a_lazy_unmount(disk: Disk, image: Path) -> None:
    disk.mount()
    with open(disk.place / "file", "wb"):
        subprocess.run(["umount", "--lazy", disk.place], check=True)
        assert is_attached(image)

    await_release(image)


def test_the_device_is_released_where_nothing_was_mounted(disk: Disk, image: Path) -> None:
    with pytest.raises(KeyboardInterrupt), mounts.attached(image):
        assert is_attached(image)
        raise KeyboardInterrupt

    await_release(image)
