"""Bringing files out: every byte verified before anybody sees it, all files or none.

A file that is there already is not read again where its stat is that of a file that was verified before.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from mreg.checkout.new_folder import Steps, Target, Tree, hash_file, open_folder, published_modes
from mreg.checkout.reader import DamagedFile, Reader
from mreg.checkout.space import check_space
from mreg.session.statcache import FINE_SECONDS, key, settled, stamp
from mreg.storage.flush import flush_folder
from mreg.storage.posix import set_mode
from mreg.storage.temporary import drop_abandoned, temporary_name
from mreg.values.errors import Refused
from mreg.values.progress import Progress
from mreg.values.records import RESERVED_COMPONENTS, File

WORTH_A_WAIT: Final = 16 << 20
"""To read a file of this length again takes longer than to wait for its times."""


class UnsafeDestination(Refused):
    code = "unsafe-destination"
    template = "cannot write to {path!r}: {reason}"

    path: str
    reason: str


class Done(NamedTuple):
    """How many files were written, how many were right already, and which are damaged and were left out."""

    written: int
    kept: int
    left_out: tuple[File, ...] = ()


def get(
    reader: Reader,
    files: Sequence[File],
    destination: str,
    progress: Progress | None = None,
    *,
    partial: bool = False,
) -> Done:
    """Write `files` below the folder `destination`.

    What else lies there is left alone; a file that differs is replaced. Everything is verified, written
    and flushed in a folder of its own first, so a failure changes nothing. partial: leave out what is damaged.
    Raises DamagedFile (with `partial` only where no file is whole), UnsafeDestination, NoSpace, OSError.
    """
    damage: list[DamagedFile] | None = [] if partial else None
    steps = Steps(files, progress)
    destination = os.path.abspath(destination)
    if not RESERVED_COMPONENTS.isdisjoint(os.path.realpath(destination).split(os.sep)):
        raise UnsafeDestination(path=destination, reason="it is in a repository's own folder")
    parent = os.path.dirname(destination)
    os.makedirs(parent, exist_ok=True)
    prefix = f".{os.path.basename(destination)}."
    drop_abandoned(parent, prefix)
    staging = os.path.join(parent, temporary_name(prefix))
    if not os.path.lexists(destination):
        check_space(parent, [file.size for file in files])
        with Tree(staging) as tree:
            tree.fill(reader, _targets(files), steps, damage)
            left_out = _left_out(files, damage)
            if left_out and damage and len(left_out) == len(files):
                raise damage[0]
            with suppress(FileExistsError):
                tree.keep(destination)
                reader.remember(_settled(destination, tree.written))
                return Done(len(files) - len(left_out), 0, left_out)
    return _merge(reader, files, destination, steps, None if damage is None else [])


def _targets(files: Sequence[File]) -> list[Target]:
    modes = published_modes()
    return [Target(file.path, file, modes[file.executable]) for file in files]


def _left_out(files: Sequence[File], damage: list[DamagedFile] | None) -> tuple[File, ...]:
    paths = {error.path for error in damage or ()}
    return tuple(file for file in files if file.path in paths)


def _merge(
    reader: Reader, files: Sequence[File], destination: str, steps: Steps, damage: list[DamagedFile] | None
) -> Done:
    root = _open_destination(destination)
    drop_abandoned(destination, ".")
    try:
        present = _Present(reader, root, destination, steps)
        wrong = [file for file in files if not present.has(file)]
        if wrong:
            _replace(reader, wrong, destination, root, steps, damage)
        left_out = _left_out(wrong, damage)
        if left_out and damage and len(left_out) == len(files):
            raise damage[0]
        reader.remember(present.seen)
        return Done(len(wrong) - len(left_out), len(files) - len(wrong), left_out)
    finally:
        os.close(root)


def _replace(
    reader: Reader,
    files: Sequence[File],
    destination: str,
    root: int,
    steps: Steps,
    damage: list[DamagedFile] | None,
) -> None:
    check_space(destination, [file.size for file in files])
    staging = os.path.join(destination, temporary_name("."))  # in it: it may be a mount of its own
    with Tree(staging) as tree:
        tree.fill(reader, _targets(files), steps, damage)
        tree.flush()
        left_out = set(_left_out(files, damage))
        whole = [file for file in files if file not in left_out]
        for file in whole:
            _move_in(staging, root, file.path)
        for folder in {os.path.dirname(file.path) for file in whole}:
            flush_folder(os.path.join(destination, folder))


def _open_destination(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except NotADirectoryError:
        raise UnsafeDestination(path=path, reason="a file has this name") from None
    except FileNotFoundError:
        raise UnsafeDestination(path=path, reason="it is a symbolic link that leads nowhere") from None


class _Present:
    """What lies in the destination, whose handle is `root`, already. seen: what the stat cache may keep of it."""

    def __init__(self, reader: Reader, root: int, destination: str, steps: Steps) -> None:
        self._reader = reader
        self._root = root
        self._destination = destination
        self._steps = steps
        self.seen: list[tuple[bytes, str, str]] = []

    def has(self, file: File) -> bool:
        """Are these bytes there? Raises UnsafeDestination where a link or folder is in the way."""
        descriptor = self._open(file)
        if descriptor is None:
            return False
        try:
            if not self._is_right(descriptor, file):
                return False
            if bool(os.fstat(descriptor).st_mode & stat.S_IXUSR) != file.executable:
                with suppress(OSError):  # a read-only disk: the bytes are right
                    set_mode(descriptor, published_modes()[file.executable])
        finally:
            os.close(descriptor)
        self._steps.advance(file.size)
        return True

    def _open(self, file: File) -> int | None:
        folders, name = file.path.split("/")[:-1], os.path.basename(file.path)
        try:
            with open_folder(self._root, folders) as folder:
                return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
                raise UnsafeDestination(path=file.path, reason="a symbolic link or a file is in the way") from None
            raise

    def _is_right(self, descriptor: int, file: File) -> bool:
        began, before = time.time(), os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise UnsafeDestination(path=file.path, reason="something that is no file is in the way")
        if before.st_size != file.size:
            return False
        name = key(os.path.join(self._destination, file.path))
        if self._reader.known(name, stamp(before)) == file.digest:
            return True
        if hash_file(descriptor) != file.digest:
            return False
        if stamp(os.fstat(descriptor)) == stamp(before) and settled(before, began):
            self.seen.append((name, stamp(before), file.digest))
        return True


def _settled(destination: str, written: Collection[tuple[File, os.stat_result]]) -> list[tuple[bytes, str, str]]:
    """What the stat cache may keep of files that were written and verified just now, each with its status when it was
    closed, so that the next `get` or `log` need not read them."""
    if any(file.size >= WORTH_A_WAIT for file, _ in written):
        time.sleep(FINE_SECONDS)  # until their times can be trusted
    now, folder = time.time(), os.path.join(key(destination), b"")
    return [
        (folder + os.fsencode(file.path), stamp(status), file.digest)
        for file, status in written
        if settled(status, now)
    ]


def _move_in(staging: str, root: int, path: str) -> None:
    with open_folder(root, path.split("/")[:-1], make=True) as folder:
        os.rename(os.path.join(staging, path), os.path.basename(path), dst_dir_fd=folder)
