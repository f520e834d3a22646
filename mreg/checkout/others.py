"""What lies in the destination of a `get` and is not of the version: named always, removed where that is asked for.

What is removed can be had again: every file that goes is one whose bytes the repository has, unless it is forced.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from mreg.checkout.new_file import hash_file
from mreg.checkout.new_folder import open_folder
from mreg.checkout.reader import Reader
from mreg.session.statcache import key, same_file, stamp
from mreg.storage.temporary import is_temporary
from mreg.values.errors import Refused
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import fold
from mreg.values.paths import above, is_reserved
from mreg.values.records import File, Manifest

NAMED: Final = 5
"""How many files an error names."""


class UnsafeDestination(Refused):
    code = "unsafe-destination"
    template = "cannot write to {path!r}: {reason}"

    path: str
    reason: str


def check_place(place: str) -> str:
    """Its path. Raises UnsafeDestination where the text is empty, or leads into a repository's own folder."""
    if not place:
        raise UnsafeDestination(path=place, reason="the name is empty")
    path = os.path.abspath(place)
    if any(map(is_reserved, os.path.realpath(path).split(os.sep))):
        raise UnsafeDestination(path=path, reason="it is inside a repository")
    return path


class WouldLose(Refused):
    code = "would-lose"
    template = "nothing was written or removed: the repository has no copy of {count} of the files in {path}: {files}"

    path: str
    count: int
    files: str


class Other(NamedTuple):
    """Something that is not of the version. path: below the destination; that of a folder ends with `/`."""

    path: str
    status: os.stat_result
    empty: bool = False

    @property
    def is_folder(self) -> bool:
        return self.path.endswith("/")


class Others:
    """What lies in the folder `destination`, whose handle is `root`, beside the `whole` version."""

    def __init__(self, destination: str, root: int, whole: Manifest) -> None:
        self._destination = destination
        self._root = root
        self._device = os.fstat(root).st_dev
        self._files = {file.path for file in whole.files}
        self._folders = {folder for path in (*self._files, *whole.folders) for folder in above(path)}
        self._folders.update(whole.folders)
        self._folded: dict[str, list[str]] | None = None

    def named(self) -> Iterator[str]:
        """The paths to tell a person: files, and folders that hold nothing. Not what is in `.git` and `.mreg`."""
        return (other.path for other in self._find(strict=False) if not other.is_folder or other.empty)

    def removable(self, reader: Reader, *, force: bool) -> list[Other]:
        """All that `remove` may take away. force: also what cannot be had again. Raises UnsafeDestination where a
        repository or another file system is among it, WouldLose."""
        found = list(self._find(strict=True))
        lost = [] if force else [one.path for one in found if not one.is_folder and not self._is_held(reader, one)]
        if lost:
            names = ", ".join(map(repr, lost[:NAMED])) + ", …" * (len(lost) > NAMED)
            raise WouldLose(path=self._destination, count=len(lost), files=names)
        return found

    def remove(self, found: Sequence[Other]) -> tuple[str, ...]:
        """Take these away; the paths of those that are gone, as `named` has them. What has changed meanwhile stays."""
        gone = [other for other in found if not other.is_folder and self._remove_file(other)]
        for folder in sorted((other for other in found if other.is_folder), key=lambda one: one.path, reverse=True):
            if self._remove_folder(folder) and folder.empty:
                gone.append(folder)
        return tuple(sorted(other.path for other in gone))

    def _find(self, *, strict: bool) -> Iterator[Other]:
        """strict: refuse what may not be looked into."""
        waiting = [("", os.fstat(self._root))]
        while waiting:
            prefix, status = waiting.pop()
            entries = self._entries(prefix, strict)
            for name, below in entries:
                path = prefix + name
                if not stat.S_ISDIR(below.st_mode):
                    if not self._is_file_of_version(path, below):
                        yield Other(path, below)
                elif self._may_enter(path, below, strict):
                    waiting.append((f"{path}/", below))
            if prefix and not self._is_folder_of_version(prefix, status):
                yield Other(prefix, status, not entries)

    def _entries(self, prefix: str, strict: bool) -> list[tuple[str, os.stat_result]]:
        try:
            with open_folder(self._root, prefix.split("/")[:-1]) as handle:
                names = [name for name in os.listdir(handle) if not is_temporary(name, ".")]
                return [(name, os.stat(name, dir_fd=handle, follow_symlinks=False)) for name in sorted(names)]
        except OSError:  # not ours to read, or gone meanwhile
            if strict:
                raise
            return []

    def _may_enter(self, path: str, status: os.stat_result, strict: bool) -> bool:
        reason = ""
        if is_reserved(os.path.basename(path)):
            reason = "it is the folder of a repository"
        elif status.st_dev != self._device:
            reason = "another file system is mounted there"
        if reason and strict:
            raise UnsafeDestination(path=os.path.join(self._destination, path), reason=reason)
        return not reason

    def _is_file_of_version(self, path: str, status: os.stat_result) -> bool:
        """Also under a name that this file system takes for the same."""
        return path in self._files or any(
            self._inode(known) == status.st_ino for known in self._names_like(path) if known in self._files
        )

    def _is_folder_of_version(self, prefix: str, status: os.stat_result) -> bool:
        path = prefix.rstrip("/")
        return path in self._folders or any(
            self._inode(known) == status.st_ino for known in self._names_like(path) if known in self._folders
        )

    def _names_like(self, path: str) -> list[str]:
        if self._folded is None:
            self._folded = {}
            for known in (*self._files, *self._folders):
                self._folded.setdefault(fold(known), []).append(known)
        return self._folded.get(fold(path), [])

    def _inode(self, path: str) -> int | None:
        try:
            return os.stat(path, dir_fd=self._root, follow_symlinks=False).st_ino
        except OSError:
            return None

    def _is_held(self, reader: Reader, other: Other) -> bool:
        """Does the repository have the bytes of this file?"""
        if not stat.S_ISREG(other.status.st_mode):
            return False
        looks = stamp(other.status)
        digest = reader.known(key(os.path.join(self._destination, other.path)), looks) or self._hash(other.path)
        return digest is not None and reader.holds(File(other.path, other.status.st_size, digest))

    def _hash(self, path: str) -> str | None:
        *folders, name = path.split("/")
        with open_folder(self._root, folders) as folder:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            return hash_file(descriptor) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
        finally:
            os.close(descriptor)

    def _remove_file(self, other: Other) -> bool:
        *folders, name = other.path.split("/")
        with suppress(FileNotFoundError, NotADirectoryError), open_folder(self._root, folders) as folder:
            if same_file(os.stat(name, dir_fd=folder, follow_symlinks=False), other.status):
                os.unlink(name, dir_fd=folder)
                return True
        return False

    def _remove_folder(self, other: Other) -> bool:
        *folders, name, _ = other.path.split("/")
        with suppress(OSError), open_folder(self._root, folders) as folder:  # something has come into it meanwhile
            os.rmdir(name, dir_fd=folder)
            return True
        return False
