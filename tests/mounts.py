"""Disk images on loop devices, and mounts that are taken down again.

All test runs on a machine share its loop devices, so a device is never chosen by name or by what was attached before:
only `losetup --find` hands them out, which attaches an image to an unused device or fails. `mount -o loop` must not be
used: it was seen to mount the file system of another run. It takes a device that has the image already where there is
one, and after an unmount that device may be on its way to somebody else.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 300.0
"""Seconds until something that takes milliseconds counts as stuck: generous, for machines that do a lot else."""

WAIT_FOR_DEVICE = 60.0
"""Seconds to wait for other runs to let go of a loop device. In containers there are often eight and no more."""


class NoLoopDevice(OSError):
    """There is no loop device, or none became free."""


@contextmanager
def attached(image: Path) -> Iterator[str]:
    """A loop device with the image in it, for the block and for as long as a mount made in the block lasts.

    Detaching a device that is in use only tells the kernel to release it after its last user. So the device is
    released at the unmount also where that is lazy, or where this process was killed and somebody else unmounts.
    """
    device = _attach(image)
    try:
        yield device
    finally:
        _run("losetup", "--detach", device).check_returncode()


def _attach(image: Path) -> str:
    """Raises NoLoopDevice."""
    limit = time.monotonic() + WAIT_FOR_DEVICE
    while True:
        try:
            done = _run("losetup", "--find", "--show", str(image))
        except FileNotFoundError as error:
            raise NoLoopDevice("there is no losetup") from error
        if done.returncode == 0:
            return done.stdout.strip()
        # Another process may have been faster, or hold the last device that has a node here.
        may_change = "busy" in done.stderr or any(Path("/sys/block").glob("loop*/loop"))
        if not may_change or time.monotonic() > limit:
            raise NoLoopDevice(done.stderr.strip())
        time.sleep(0.1)


def unmount(place: Path | str) -> None:
    """Unmount; where a process that is ending has still a file open there, when it has ended."""
    limit = time.monotonic() + PATIENCE
    while True:
        done = _run("umount", str(place))
        if done.returncode == 0 or "not mounted" in done.stderr:  # a file system shut down cannot be asked (ismount)
            return
        if time.monotonic() > limit:
            _run("umount", "--lazy", str(place))
            raise AssertionError(f"{place} stayed in use: {done.stderr.strip()}")
        time.sleep(0.1)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    english = os.environ | {"LC_ALL": "C"}  # the messages are looked into
    return subprocess.run(command, capture_output=True, text=True, check=False, env=english)
