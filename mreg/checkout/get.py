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
from itertools import islice
from typing import Final

from mreg.checkout.holding import Names
from mreg.checkout.new_file import hash_file
from mreg.checkout.new_folder import Steps, Target, Tree, open_folder, published_modes
from mreg.checkout.others import Others, UnsafeDestination as UnsafeDestination
from mreg.checkout.reader import DamagedFile, Reader
from mreg.checkout.space import check_space
from mreg.session.statcache import FINE_SECONDS, key, same_file, settled, stamp
from mreg.small_files import in_place_of, make_folders
from mreg.storage.flush import flush_folder
from mreg.storage.posix import set_mode, set_time
from mreg.storage.temporary import drop_abandoned, prefix_beside, temporary_name
from mreg.values.named_tuple import NamedTuple
from mreg.values.paths import above, is_reserved
from mreg.values.progress import Progress
from mreg.values.records import File, Manifest

WORTH_A_WAIT: Final = 16 << 20
"""To read a file of this length again takes longer than to wait for its times."""


OTHERS: Final = 1000
"""How many of the files that are not of the version are told at most."""


class Wish(NamedTuple):
    """How files are to be written.

    whole: all files and folders of the version, of which some are to be written. exact: remove what is not of the
    version. force: also what cannot be had again. partial: leave out what is damaged. copy: a folder with the same
    files, which may be cloned.
    """

    whole: Manifest
    exact: bool = False
    force: bool = False
    partial: bool = False
    copy: str | None = None


class Done(NamedTuple):
    """How many files were written, how many of them cloned, how many were right already; which are damaged and were
    left out. removed: the paths of what was not of the version and is gone; others: of what is still there."""

    written: int
    kept: int
    left_out: tuple[File, ...] = ()
    cloned: int = 0
    removed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def get(
    reader: Reader, wanted: Manifest, destination: str, progress: Progress | None = None, wish: Wish | None = None
) -> Done:
    """Write the files and empty folders that are `wanted` below the folder `destination`, all with one and the same
    time.

    What else lies there is left alone, unless the wish is `exact`; a file that differs is replaced. Everything is
    verified, written and flushed in a folder of its own first, so a failure changes nothing. Raises DamagedFile (with
    `partial` only where no file is whole), NameNotHeld, UnsafeDestination, WouldLose, NoSpace, OSError.
    """
    wish = wish or Wish(wanted)
    steps = Steps(wanted.files, progress)
    destination = os.path.abspath(destination)
    if any(map(is_reserved, os.path.realpath(destination).split(os.sep))):
        raise UnsafeDestination(path=destination, reason="it is inside a repository")
    parent = os.path.dirname(destination)
    make_folders(parent)
    prefix = prefix_beside(os.path.basename(destination))
    drop_abandoned(parent, prefix)
    staging = os.path.join(parent, temporary_name(prefix))
    filling = _Filling(reader, steps, wish)
    if not os.path.lexists(destination):
        with in_place_of(destination, staging), Tree(staging, filling.moment) as tree:
            tree.check_names([file.path for file in wanted.files], wanted.folders)
            left_out = filling.fill(tree, wanted.files)
            tree.add_folders(wanted.folders)
            with suppress(FileExistsError):
                tree.keep(destination)
                reader.remember(_settled(destination, tree.written))
                return Done(len(wanted.files) - len(left_out), 0, left_out, filling.cloned)
    return _merge(filling, wanted, destination)


class _Filling:
    """How the files of one `get` are made, and what has been made. moment: the time that they are to bear."""

    def __init__(self, reader: Reader, steps: Steps, wish: Wish) -> None:
        self.reader = reader
        self.steps = steps
        self.wish = wish
        self.moment = time.time_ns()
        self.cloned = 0

    def fill(self, tree: Tree, files: Sequence[File], others_are_right: bool = False) -> tuple[File, ...]:
        """Make these files; those that were left out. others_are_right: there are others, which are whole. Raises
        DamagedFile, NoSpace."""
        self.cloned = 0
        damage: list[DamagedFile] | None = [] if self.wish.partial else None
        rest = [target for target in _targets(files) if not self._clone(tree, target)]
        self.cloned = len(files) - len(rest)
        sizes = [target.file.size for target in rest]
        check_space(os.path.dirname(tree.path), sizes, lambda: sum(self.reader.holes(one.file) for one in rest))
        tree.fill(self.reader, rest, self.steps, damage)
        paths = {error.path for error in damage or ()}
        left_out = tuple(file for file in files if file.path in paths)
        if damage and len(left_out) == len(files) and not others_are_right:
            raise damage[0]
        return left_out

    def _clone(self, tree: Tree, target: Target) -> bool:
        copy = self.wish.copy
        if copy is None or not tree.clone(target, os.path.join(copy, target.path)):
            return False
        self.steps.advance(target.file.size)
        return True


def _targets(files: Sequence[File]) -> list[Target]:
    modes = published_modes()
    return [Target(file.path, file, modes[file.executable]) for file in files]


def _merge(filling: _Filling, wanted: Manifest, destination: str) -> Done:
    wish, reader, files = filling.wish, filling.reader, wanted.files
    root = _open_destination(destination)
    drop_abandoned(destination, ".")
    try:
        others = Others(destination, root, wish.whole)
        unwanted = others.removable(reader, force=wish.force) if wish.exact else []
        present = _Present(reader, root, destination, filling.steps)
        wrong = [file for file in files if not present.has(file)]
        lacking = [folder for folder in wanted.folders if not present.has_folder(folder)]
        names = Names([file.path for file in files], wanted.folders)
        if wrong or lacking or names.similar:
            names.check(root, destination)
        left_out = _replace(filling, wrong, destination, root, len(wrong) < len(files)) if wrong else ()
        for folder in lacking:
            _make_folder(root, destination, folder)
        removed = others.remove(unwanted)
        if removed or lacking or len(left_out) < len(wrong):
            present.give_time(wanted, filling.moment)
        reader.remember(present.seen)
        rest = tuple(sorted(islice(others.named(), OTHERS)))
        written, kept = len(wrong) - len(left_out) + present.modes, len(files) - len(wrong) - present.modes
        return Done(written, kept, left_out, filling.cloned, removed, rest)
    finally:
        os.close(root)


def _replace(
    filling: _Filling, files: Sequence[File], destination: str, root: int, others_are_right: bool
) -> tuple[File, ...]:
    """Write these files in the place of what is there; those that were left out."""
    staging = os.path.join(destination, temporary_name("."))  # in it: it may be a mount of its own
    with in_place_of(destination, staging), Tree(staging, filling.moment) as tree:
        left_out = filling.fill(tree, files, others_are_right)
        tree.flush()
        whole = [file for file in files if file not in set(left_out)]
        for file in whole:
            _move_in(staging, root, file.path)
        for folder in {os.path.dirname(file.path) for file in whole}:
            flush_folder(os.path.join(destination, folder))
    return left_out


def _open_destination(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except NotADirectoryError:
        raise UnsafeDestination(path=path, reason="there is a file with this name") from None
    except FileNotFoundError:
        raise UnsafeDestination(path=path, reason="it is a broken symbolic link") from None


class _Present:
    """What lies in the destination, whose handle is `root`, already. modes: how many files were right but for their
    executable bit, which was set. seen: what the stat cache may keep of it."""

    def __init__(self, reader: Reader, root: int, destination: str, steps: Steps) -> None:
        self._reader = reader
        self._root = root
        self._destination = destination
        self._steps = steps
        self._right: list[tuple[File, os.stat_result]] = []
        self.modes = 0
        self.seen: list[tuple[bytes, str, str]] = []

    def give_time(self, wanted: Manifest, moment: int) -> None:
        """Let what was right already, and all folders of what is `wanted`, bear this time too: some programs sort
        checkpoints by their times, and delete the oldest."""
        touched = [(file, status) for file, before in self._right if (status := self._touch(file, before, moment))]
        self.seen = _settled(self._destination, touched)
        paths = (*(file.path for file in wanted.files), *wanted.folders)
        for folder in {"", *wanted.folders, *(folder for path in paths for folder in above(path))}:
            with suppress(OSError), open_folder(self._root, folder.split("/") if folder else []) as handle:
                set_time(handle, moment)

    def _touch(self, file: File, before: os.stat_result, moment: int) -> os.stat_result | None:
        """Its status then, where it is still the file that was found right."""
        descriptor = self._open(file)
        if descriptor is None:
            return None
        try:
            same = same_file(os.fstat(descriptor), before)
            set_time(descriptor, moment)
            return os.fstat(descriptor) if same else None
        finally:
            os.close(descriptor)

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
                    self.modes += 1
            self._right.append((file, os.fstat(descriptor)))
        finally:
            os.close(descriptor)
        self._steps.advance(file.size)
        return True

    def has_folder(self, path: str) -> bool:
        """Is this folder there? Raises UnsafeDestination where something else is."""
        try:
            with open_folder(self._root, path.split("/")):
                return True
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _in_the_way(error, path) from None

    def _open(self, file: File) -> int | None:
        folders, name = file.path.split("/")[:-1], os.path.basename(file.path)
        try:
            with open_folder(self._root, folders) as folder:
                return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _in_the_way(error, file.path) from None

    def _is_right(self, descriptor: int, file: File) -> bool:
        began, before = time.time(), os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise UnsafeDestination(path=file.path, reason="something other than a file is in the way")
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


def _in_the_way(error: OSError, path: str) -> Exception:
    """What to raise where a path cannot be followed."""
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
        return UnsafeDestination(path=path, reason="a symbolic link or a file is in the way")
    return error


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


def _make_folder(root: int, destination: str, path: str) -> None:
    with open_folder(root, path.split("/"), make=True):
        pass
    for folder in (*above(path), ""):
        flush_folder(os.path.join(destination, folder))


def _move_in(staging: str, root: int, path: str) -> None:
    with open_folder(root, path.split("/")[:-1], make=True) as folder:
        os.rename(os.path.join(staging, path), os.path.basename(path), dst_dir_fd=folder)
