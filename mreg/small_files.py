"""Small files and folders outside of a repository, whose content cannot be trusted."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from mreg import lazy
from mreg.values.errors import MissingPath, UnreadableFile

_STEP = 64 << 10


class NotAFile(OSError):
    """Something else is in its place."""


def read_start(path: str, most: int, *, only_files: bool = True) -> bytes:
    """The first `most` bytes of a file: all of it, where it is shorter.

    Pipes and devices are refused unless only_files is false. Refused always: folders; a pipe that nobody writes to, who
    would wait for it for ever; a device that does not end. Raises NotAFile, OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise NotAFile(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if only_files and not stat.S_ISREG(mode):
            raise NotAFile(errno.EINVAL, "it is not a file", path)
        os.set_blocking(descriptor, not stat.S_ISREG(mode))  # some files of /proc wait for what never comes
        data = bytearray()
        while len(data) < most and (part := os.read(descriptor, min(_STEP, most - len(data)))):
            data += part
        if not data and stat.S_ISFIFO(mode):
            raise NotAFile(errno.EINVAL, "it is a pipe that nobody writes to", path)
        if len(data) == most and (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)):
            raise NotAFile(errno.EINVAL, "it is a device, not a file", path)
    finally:
        os.close(descriptor)
    return bytes(data)


def regular(path: str, flags: int) -> int:
    """An opener for `open`, which waits for nobody: a pipe, a device or a folder in the place of the file is refused.
    Raises NotAFile, OSError."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAFile(errno.EINVAL, "it is not a file", path)
    return descriptor


def make_folders(path: str) -> None:
    """Make a folder, and those that it lies in, unless they exist. `os.makedirs` calls itself for each of them, which
    fails for a thousand. Raises FileExistsError where something else is in the place of one, OSError."""
    missing: list[str] = []
    while path and not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        try:
            os.mkdir(folder)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise


@contextmanager
def in_place_of(path: str, scratch: str) -> Iterator[None]:
    """Let errors about `scratch`, the unfinished file or folder that is to become `path`, or about what is in it, name
    `path`: nobody but mreg knows the other name."""
    try:
        yield
    except OSError as error:
        named = error.filename
        if isinstance(named, str) and f"{named}/".startswith(f"{scratch}/"):
            error.filename = path + named[len(scratch) :]
            del error.filename2
        raise


@contextmanager
def scratch_folder() -> Iterator[str]:
    """A temporary folder, for the block. What of it cannot be removed stays: the work has been done. (That of
    `tempfile` fails then and, where a folder cannot be listed, calls itself without an end.)"""
    from tempfile import gettempdir  # noqa: PLC0415 - only few commands need it

    folder = os.path.join(gettempdir(), f"mreg-{os.urandom(8).hex()}")
    try:
        os.mkdir(folder, 0o700)  # here, so that no interrupt comes between it and the block
        yield folder
    finally:
        lazy.shutil.rmtree(folder, ignore_errors=True)


def read_named(path: str, most: int) -> bytes:
    """The same of a file that a user names: it may be a pipe, as a shell makes of `<(command)`.

    Raises MissingPath, UnreadableFile.
    """
    try:
        return read_start(path, most, only_files=False)
    except (FileNotFoundError, NotADirectoryError):
        raise MissingPath(path=path) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UnreadableFile(path=path, reason=getattr(error, "strerror", None) or str(error)) from None
