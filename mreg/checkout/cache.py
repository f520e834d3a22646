"""The cache as a whole: what is in it, and what may go.

Pruning is safe beside processes that use the cache, and wherever it is killed. Whoever hands a copy out first gives its
folder the time of that moment, under a lock that is shared; whoever prunes looks at this time and takes the folder out
of its place, into `tmp`, while nobody else holds that lock. What was handed out is therefore seen, and what is taken is
seen as missing, and made again. A process that dies in between leaves a folder in `tmp`, or a `.json` without a folder,
which the next one removes.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from mreg import lazy
from mreg.checkout.cache_lock import locked
from mreg.checkout.ready_copies import NoCache
from mreg.session.places import check_cache, default_cache
from mreg.small_files import make_folders, regular
from mreg.storage import temporary
from mreg.values.named_tuple import NamedTuple

__all__ = ["Cache", "CacheContents", "Pruned", "ReadyCopy"]

DAY: Final = 24 * 3600.0
"""What was handed out within this many seconds is pruned only by force: a program may still be reading it."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ORIGIN = ("name", "repository")
_BLOCK = 512

Blocks = dict[tuple[int, int], int]
"""By device and inode, what files take on the disk."""


class ReadyCopy(NamedTuple):
    """A version's files in the cache.

    name, repository: the version, and where it came from, as of when the copy was made; of one that an older release
    made, `None`. size: bytes on the disk, with those that it shares with other copies. used: when it was last handed
    out.
    """

    name: str | None
    digest: str
    repository: str | None
    path: str
    files: int
    size: int
    used: datetime


class CacheContents(NamedTuple):
    """What takes room in a cache, in bytes on the disk.

    copies: those that `use` hands out, the one that was handed out last first. ready: all of them, and what they are
    made of, together (shared files once). unfinished: what is being made, or was left behind. other:
    further folders, by their names.
    """

    path: str
    copies: tuple[ReadyCopy, ...]
    ready: int
    tables: int
    unfinished: int
    other: dict[str, int]


class Pruned(NamedTuple):
    """What `prune` did.

    removed: copies that are gone. bytes: what that gave back. held: those that would have gone, had they not been
    handed out within the last 24 hours. left: bytes that copies take now. busy: files that copies have in common were
    left alone, since a copy is being made of them.
    """

    removed: tuple[ReadyCopy, ...]
    bytes: int
    held: tuple[ReadyCopy, ...]
    left: int
    busy: bool


class Cache:
    """The cache in `folder`; without it the one that repositories are opened with, `mreg.default_cache()`. It is that
    of all repositories, and of none of them. Raises NoCache, CacheInRepository."""

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        path = default_cache() if folder is None else os.fspath(folder)
        if path is None:
            raise NoCache()
        self.path = os.path.abspath(path)
        check_cache(self.path)
        self._versions = self._part("versions")
        self._store = self._part("files")
        self._tmp = self._part("tmp")

    def contents(self) -> CacheContents:
        """What is there. A cache that nobody has made yet is empty."""
        found = self._found()
        known = ("versions", "files", "index", "tmp")
        return CacheContents(
            path=self.path,
            copies=tuple(one.copy for one in found),
            ready=_room(_merged(found) | _blocks(self._store)),
            tables=_room(_blocks(self._part("index"))),
            unfinished=_room(_blocks(self._tmp)),
            other={name: _room(_blocks(self._part(name))) for name in _folders(self.path) if name not in known},
        )

    def prune(
        self,
        *,
        older_than: float | None = None,
        size: int | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> Pruned:
        """Delete copies, and what only they needed; they are made again when they are used.

        older_than: only those not handed out for this many seconds. size: then more, longest unused first, until the
        rest takes at most this many bytes. Without either, all. What was handed out within the last 24 hours stays,
        unless `force`. dry_run: change nothing; return what would be deleted.
        """
        now = time.time()
        found = self._found()
        if older_than is None and size is None:
            older_than = 0
        wanted = _unused(found, None if older_than is None else now - older_than, size)
        held = [] if force else [one for one in wanted if one.used / 1e9 > now - DAY]
        going = [one for one in wanted if one not in held]
        before = _merged(found) | _blocks(self._store)
        unfinished = sum(_room(_blocks(path)) for path in self._abandoned(now))
        busy = False
        if not dry_run:
            going = [one for one in going if self._take(one, force)]
            temporary.drop_abandoned(self._tmp, untouched_since=now - DAY)
            self._drop_lonely_notes()
            busy = self._drop_lonely_files()
        after = _merged([one for one in found if one not in going]) | (_blocks(self._store) if busy else {})
        return Pruned(
            removed=tuple(one.copy for one in going),
            bytes=_room(before) - _room(after) + unfinished,
            held=tuple(one.copy for one in held),
            left=_room(after),
            busy=busy,
        )

    def _part(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _abandoned(self, now: float) -> Iterator[str]:
        return temporary.abandoned(self._tmp, untouched_since=now - DAY)

    def _found(self) -> list[_Found]:
        """The copies, the one that was handed out last first."""
        found = []
        for digest in filter(_DIGEST.fullmatch, _folders(self._versions)):
            path = os.path.join(self._versions, digest)
            with suppress(FileNotFoundError):  # pruned meanwhile
                used = os.stat(path).st_mtime_ns
                blocks = _blocks(path)
                name, repository = _origin(f"{path}.json")
                when = datetime.fromtimestamp(used / 1e9, UTC)
                copy = ReadyCopy(name, digest, repository, path, len(blocks), _room(blocks), when)
                found.append(_Found(copy, used, blocks))
        return sorted(found, key=lambda one: (-one.used, one.copy.digest))

    def _take(self, one: _Found, force: bool) -> bool:
        """Delete a copy, unless somebody was handed it meanwhile."""
        make_folders(self._tmp)
        scratch = os.path.join(self._tmp, temporary.temporary_name())
        with locked(self._versions, alone=True), suppress(FileNotFoundError):
            if not force and os.stat(one.copy.path).st_mtime_ns != one.used:
                return False
            os.rename(one.copy.path, scratch)
            os.unlink(f"{one.copy.path}.json")
        with suppress(FileNotFoundError):  # another prune took it for abandoned: it is a day old
            temporary.remove(scratch)
        return True

    def _drop_lonely_notes(self) -> None:
        """Delete what is noted of copies that are not there."""
        with locked(self._versions, alone=True):
            names = set(_names(self._versions))
            for name in names:
                if name.endswith(".json") and name.removesuffix(".json") not in names:
                    with suppress(OSError):
                        os.unlink(os.path.join(self._versions, name))

    def _drop_lonely_files(self) -> bool:
        """Delete files for hard links that no copy has. Whether they had to be left alone."""
        for shelf in _folders(self._store):
            with locked(self._store, alone=True, wait=False) as ours:
                if not ours:
                    return True
                for name in _names(folder := os.path.join(self._store, shelf)):
                    path = os.path.join(folder, name)
                    with suppress(FileNotFoundError):
                        if os.lstat(path).st_nlink == 1:
                            os.unlink(path)
        return False


class _Found(NamedTuple):
    """used: when it was last handed out, in nanoseconds since 1970."""

    copy: ReadyCopy
    used: int
    blocks: Blocks


def _unused(found: Sequence[_Found], since: float | None, size: int | None) -> list[_Found]:
    """Those that were not handed out after `since` (in seconds since 1970), and those unused for longest, until all
    others take no more than `size`; the one unused for longest first."""
    wanted = [] if since is None else [one for one in reversed(found) if one.used / 1e9 <= since]
    if size is None:
        return wanted
    staying = [one for one in found if one not in wanted]
    blocks = _merged(staying)
    names = Counter(inode for one in staying for inode in one.blocks)
    room = _room(blocks)
    while staying and room > size:
        last = staying.pop()
        wanted.append(last)
        names.subtract(last.blocks.keys())
        room -= sum(blocks[inode] for inode in last.blocks if not names[inode])
    return wanted


def _origin(path: str) -> tuple[str | None, str | None]:
    """What the third line of a `.json` says: the version and its repository."""
    try:
        with open(path, encoding="utf-8", opener=regular) as file:
            file.readline()
            file.readline()
            said: Any = lazy.json.loads(file.readline())
    except (OSError, ValueError, RecursionError):
        return None, None
    if not isinstance(said, dict):
        return None, None
    name, repository = (value if isinstance(value, str) and value else None for value in map(said.get, _ORIGIN))
    return name, repository


def _merged(found: Sequence[_Found]) -> Blocks:
    merged: Blocks = {}
    for one in found:
        merged |= one.blocks
    return merged


def _room(blocks: Blocks) -> int:
    return sum(blocks.values())


def _blocks(path: str) -> Blocks:
    """Of a file, or of all files below a folder."""
    found: Blocks = {}
    paths = (os.path.join(here, name) for here, _, names in os.walk(path) for name in names)
    for file in paths if os.path.isdir(path) else (path,):
        with suppress(OSError):
            status = os.lstat(file)
            found[status.st_dev, status.st_ino] = status.st_blocks * _BLOCK
    return found


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _folders(folder: str) -> list[str]:
    return sorted(name for name in _names(folder) if os.path.isdir(os.path.join(folder, name)))
