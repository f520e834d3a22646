"""When a file's stat alone tells that it is the one that was read before."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from mreg.session.database import Database

TABLES = ("CREATE TABLE stats (path BLOB PRIMARY KEY, stamp TEXT, digest TEXT) WITHOUT ROWID",)

COARSE_SECONDS: Final = 2.0
FINE_SECONDS: Final = 0.02
"""A file that changed less than this before it was looked at may change again without its times showing it: some file
systems keep time in steps of up to 2 s, those with sub-millisecond times in steps of up to 10 ms. (git calls such an
index entry racy.)"""


class StatCache(Database):
    def known(self, stamps: Mapping[bytes, str]) -> dict[bytes, str]:
        """The digests of those of the files (absolute paths, with their stamps) that look the same as then."""
        rows = self._fetch_in("SELECT path, stamp, digest FROM stats WHERE path IN (?)", stamps)
        return {path: digest for path, stamp, digest in rows if stamps[path] == stamp}

    def keep_known(self, rows: Iterable[tuple[bytes, str, str]]) -> None:
        """Remember rows of path, stamp, digest."""
        self._keep("INSERT OR REPLACE INTO stats VALUES (?, ?, ?)", rows)


def stamp(status: os.stat_result) -> str:
    """What changes when a file does, as far as its stat can tell."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino} {status.st_dev}"


def same_file(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether both have the same stamp."""
    return (
        one.st_mtime_ns == other.st_mtime_ns
        and one.st_ctime_ns == other.st_ctime_ns
        and one.st_ino == other.st_ino
        and one.st_size == other.st_size
        and one.st_dev == other.st_dev
    )


def same_bytes(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether nothing shows that an open file was written to between the two. A file that gets or loses a name (a hard
    link) meanwhile, as by a backup or a deletion, has another ctime, and is the same."""
    renamed = one.st_nlink != other.st_nlink and one.st_mtime_ns == other.st_mtime_ns and one.st_size == other.st_size
    return renamed or same_file(one, other)


def settled(status: os.stat_result, now: float) -> bool:
    """Whether any later change is bound to show in the stat. now: when the file was looked at, in seconds since
    1970."""
    steps = FINE_SECONDS if status.st_ctime_ns % 10**6 else COARSE_SECONDS
    return max(status.st_mtime, status.st_ctime) < now - steps


def hiding_time(status: os.stat_result, now: float) -> float:
    """Seconds for which one more change may still not show in the stat. 0 also where times are so coarse, or so far
    ahead, that nobody can wait for it."""
    age = now - max(status.st_mtime, status.st_ctime)
    return FINE_SECONDS - age if 0 <= age < FINE_SECONDS else 0.0


def key(path: str) -> bytes:
    """The key of a file in the stat cache."""
    return os.fsencode(os.path.abspath(path))


def keys(paths: Iterable[str]) -> Iterator[bytes]:
    """The same for many files; each folder is made absolute only once."""
    folders: dict[str, str] = {}
    for path in paths:
        folder, name = os.path.split(path)
        if name in ("", ".", ".."):
            yield key(path)
            continue
        if folder not in folders:
            folders[folder] = os.path.join(os.path.abspath(folder), "")
        yield os.fsencode(folders[folder] + name)
