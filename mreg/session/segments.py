"""Segments of the journal, for clients that have read nothing of it yet: some thousands of entries in one object.

`derived/journal/NNNNNN` holds entries N·10,000 + 1 and following, as many as there were when it was written, one after
the other as they are in `journal/`, compressed with zlib. The journal is what counts: an entry of a segment is taken
for one of the journal only where each names the one before by its digest, and the journal has the last one itself.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from mreg.refs.journal import Mark, key_of
from mreg.small_files import make_folders, regular
from mreg.storage.base import Remote, get_readable
from mreg.storage.temporary import temporary_name, write_over
from mreg.values.digest import digest
from mreg.values.errors import MregError

ENTRIES: Final = 10_000
"""Of a whole segment: some 1.6 MB."""

EVERY: Final = 256
"""Entries after which the one who commits writes the segment again."""

FOLDER: Final = "derived/journal"
_MOST: Final = 64 << 20
"""Bytes of a segment, not compressed. One that would be larger is not written, nor read."""

_AT_ONCE: Final = 8


class Segments:
    """Those that a replica has read, in its folder."""

    def __init__(self, remote: Remote, folder: str) -> None:
        self._remote = remote
        self._folder = folder
        self._read: dict[int, list[bytes]] = {}
        self.last: Mark | None = None
        """The last entry of those that were fetched; the journal has it."""

    def get(self, seq: int) -> bytes | None:
        """Entry `seq`, if a segment that was fetched has it."""
        number, place = divmod(seq - 1, ENTRIES)
        if number not in self._read:
            self._read[number] = self._kept(number)
        lines = self._read[number]
        return lines[place] if place < len(lines) else None

    def at_hand(self, seq: int | None) -> bytes | None:
        """The same, if that segment was looked at already."""
        return self.get(seq) if seq and (seq - 1) // ENTRIES in self._read else None

    def fetch(self, number: int = 0) -> tuple[Mark, str] | None:
        """Fetch the first segment, or segment `number` and those behind it; the last entry and its etag, None where
        there are none that the journal agrees with. There are others if it has an entry behind the first."""
        packed = {number: self._fetched(number)}
        if number and self._remote.lists:
            later = sum(1 for _ in self._remote.listing(FOLDER, _key(number)))
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                packed |= dict(enumerate(pool.map(self._fetched, range(number + 1, number + 1 + later)), number + 1))
        elif number:
            while packed[max(packed)]:
                packed[max(packed) + 1] = self._fetched(max(packed) + 1)
        found = {one: lines_of(data) for one, data in packed.items()}
        every = [line for number in sorted(found) for line in found[number]]
        if not every or not _is_chain(self._read.get(number - 1, [])[-1:] + every):
            return None
        seq = number * ENTRIES + len(every)
        last = get_readable(self._remote, key_of(seq))
        if last is None or last.data != every[-1]:
            return None
        self._read |= found
        for one, data in packed.items():
            self._keep(one, data)
        self.last = Mark(seq, digest(last.data))
        return self.last, last.etag

    def lines(self) -> list[bytes]:
        """All entries up to the last one that was fetched."""
        end = self.last.seq if self.last else 0
        return [line for number in range(math.ceil(end / ENTRIES)) for line in self._read[number]][:end]

    def write(self, seq: int, entry: Callable[[int], bytes | None]) -> None:
        """Write the segment that ends with entry `seq`, and, when it is a new one, all of that before it, which had not
        come to its end when it was written last. Failing costs others time, and nothing else."""
        begin = _begin(seq)
        if begin and seq <= begin + EVERY:
            self._write(begin, entry)
        self._write(seq, entry)

    def complete(self, seq: int, entry: Callable[[int], bytes | None]) -> None:
        """Write the segments before that of entry `seq` which are missing, or do not come to their ends."""
        for end in range(ENTRIES, _begin(seq) + 1, ENTRIES):
            if self.get(end) is None and len(lines_of(self._fetched((end - 1) // ENTRIES))) < ENTRIES:
                self._write(end, entry)

    def _write(self, seq: int, entry: Callable[[int], bytes | None]) -> None:
        lines = [entry(one) for one in range(_begin(seq) + 1, seq + 1)]
        data = b"".join(line for line in lines if line is not None)
        if data and None not in lines and len(data) <= _MOST:
            with suppress(OSError, MregError):
                self._remote.put(_key((seq - 1) // ENTRIES), zlib.compress(data))

    def forget(self) -> None:
        self._read.clear()
        self.last = None

    def _fetched(self, number: int) -> bytes:
        found = get_readable(self._remote, _key(number))
        return found.data if found else b""

    def _kept(self, number: int) -> list[bytes]:
        try:
            with open(os.path.join(self._folder, str(number)), "rb", opener=regular) as file:
                return lines_of(file.read())
        except OSError:
            return []

    def _keep(self, number: int, packed: bytes) -> None:
        path = os.path.join(self._folder, str(number))
        with suppress(OSError):  # a full cache costs requests, and nothing else
            make_folders(self._folder)
            write_over(path, packed, f"{path}.{temporary_name()}", durable=False)


def begun_by(seq: int) -> int:
    """The segment whose first entry this is, if it is not the first one; else 0."""
    number, place = divmod(seq - 1, ENTRIES)
    return 0 if place else number


def _begin(seq: int) -> int:
    """The last entry before the segment of entry `seq`."""
    return (seq - 1) // ENTRIES * ENTRIES


def _key(number: int) -> str:
    return f"{FOLDER}/{number:06}"


def lines_of(data: bytes) -> list[bytes]:
    """The entries in a segment; none where it is damaged."""
    try:
        unpacked = zlib.decompressobj().decompress(data, _MOST + 1)
    except zlib.error:
        return []
    if len(unpacked) > _MOST or not unpacked.endswith(b"\n"):
        return []
    return unpacked.splitlines(keepends=True)[:ENTRIES]


def _is_chain(lines: list[bytes]) -> bool:
    """Does each name the one before?"""
    before = None
    for line in lines:
        if before is not None and b'"prev":"%s"' % before.encode() not in line:
            return False
        before = digest(line)
    return True
