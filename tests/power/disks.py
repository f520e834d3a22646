"""A disk that loses its power: a file with a file system in it, mounted, and shut down while it is in use.

`lose_power` is the file system's own shutdown without a flush of its log (`EXT4_IOC_SHUTDOWN`,
`XFS_IOC_GOINGDOWN`, `NOLOGFLUSH`): what is only in memory is gone, what is on the disk stays, and the next mount
replays the log, as after a loss of power. Not shown by it: a drive that acknowledges what it only caches.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import mounts
import pytest

_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32), the same in ext4 and XFS
_NOLOGFLUSH = struct.pack("I", 2)


class Kind(NamedTuple):
    """How a file system is made in a file of `size` MiB, and how it is mounted."""

    make: tuple[str, ...]
    size: int
    options: str = "defaults"


KINDS = {
    "ext4": Kind(("mkfs.ext4", "-q"), 64),
    "ext4 writeback": Kind(("mkfs.ext4", "-q"), 64, "data=writeback,noauto_da_alloc"),
    "xfs": Kind(("mkfs.xfs", "-q"), 300),
}


def why_not(name: str) -> str | None:
    """Why no such disk can be had here, or None."""
    kind = KINDS[name]
    if os.geteuid() != 0:
        return "power losses need root, for loop devices and mounts"
    if shutil.which(kind.make[0]) is None:
        return f"power losses on {name} need {kind.make[0]}"
    with tempfile.TemporaryDirectory() as folder:
        disk = Disk(name, Path(folder, "image"), Path(folder, "mnt"))
        try:
            disk.make()
            with disk.mounted():
                disk.lose_power()
        except pytest.skip.Exception as skipped:
            return f"power losses on {name} cannot be had here: {skipped}"
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            return f"power losses on {name} cannot be had here: {said.strip()}"
    return None


class Disk:
    """A file system of this kind in the file `image`, to be seen at `place`."""

    def __init__(self, kind: str, image: Path, place: Path) -> None:
        self._kind = KINDS[kind]
        self._image = image
        self.place = place
        place.mkdir(parents=True, exist_ok=True)

    def make(self) -> None:
        with open(self._image, "wb") as file:
            file.truncate(self._kind.size << 20)
        _run(*self._kind.make, str(self._image))

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """Until the end of the block, whatever happens in it."""
        self.mount()
        try:
            yield
        finally:
            self.unmount()

    def mount(self) -> None:
        """On a loop device of its own: one that was mounted before may have cached what the image has lost."""
        try:
            with mounts.attached(self._image) as device:
                _run("mount", "-o", self._kind.options, device, str(self.place))
        except mounts.NoLoopDevice as error:  # other runs may have taken the last one in the middle of a test
            pytest.skip(str(error))

    def unmount(self) -> None:
        mounts.unmount(self.place)

    def shut_down(self) -> None:
        """From now on nothing comes to the disk any more; every call fails."""
        handle = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, _NOLOGFLUSH)
        finally:
            os.close(handle)

    def lose_power(self) -> None:
        """Shut down, and start again: the log is replayed."""
        self.shut_down()
        self.restart()

    def restart(self) -> None:
        self.unmount()
        self.mount()

    def copy_to(self, image: Path) -> Disk:
        """Another disk with the same bytes, to be seen at the same place. This one must not be mounted."""
        image.unlink(missing_ok=True)  # a loop device that is still being released may have the former copy
        _run("cp", "--sparse=always", str(self._image), str(image))
        other = Disk.__new__(Disk)
        other._kind, other._image, other.place = self._kind, image, self.place
        return other


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
