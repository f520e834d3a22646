"""Many small values in one file, in the order of their keys: written at once, never changed, read by binary search.

    header     magic, number of values, size of the file
    offsets    where each record begins, and where the last one ends
    records    length of the key, the key, the value

Numbers are little-endian: four bytes for the length of a key, eight for all others.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

_MAGIC: Final = b"mregpak1"
_HEADER: Final = struct.Struct("<8sQQ")
_OFFSET: Final = struct.Struct("<Q")
_PAIR: Final = struct.Struct("<QQ")
_LENGTH: Final = struct.Struct("<I")

_AT_ONCE: Final = 512
"""Bytes of a record that are read with its key at most."""


def encode(values: Iterable[tuple[str, bytes]]) -> bytes:
    """The content of a file with these values. No key may be there twice."""
    records: list[bytes] = []
    for key, value in sorted((key.encode(), value) for key, value in values):
        records += (_LENGTH.pack(len(key)), key, value)
    count = len(records) // 3
    end = _HEADER.size + _OFFSET.size * (count + 1)
    offsets = [end]
    for place in range(0, len(records), 3):
        end += _LENGTH.size + len(records[place + 1]) + len(records[place + 2])
        offsets.append(end)
    return b"".join([_HEADER.pack(_MAGIC, count, end), struct.pack(f"<{count + 1}Q", *offsets), *records])


class PackedFile:
    """Such a file, held open: it can be read also when another one has taken its name. Raises FileNotFoundError where
    there is none. What is cut off or damaged raises OSError with EIO, as a bad disk does, but for values themselves,
    which nothing here verifies."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        found = os.fstat(self._fd)
        self.identity = identity(found)
        self.mtime = found.st_mtime
        head = self._at(0, _HEADER.size)
        magic, count, size = _HEADER.unpack(head) if len(head) == _HEADER.size else (b"", 0, 0)
        self._count: int = count
        self._size: int = size
        if magic != _MAGIC or self._size != found.st_size or self._begin > self._size:
            raise self._damaged()
        self._next = 0  # who reads one value often reads the one behind it next

    def __del__(self) -> None:
        with suppress(AttributeError):  # it could not be opened
            os.close(self._fd)

    def get(self, key: str) -> bytes | None:
        """The value; None where there is none."""
        wanted = key.encode()
        place = self._next if self._next < self._count and self._key(self._next)[0] == wanted else self._find(wanted)
        if place == self._count:
            return None
        found, start, size = self._key(place)
        if found != wanted:
            return None
        self._next = place + 1
        value = self._at(start, size)
        if len(value) < size:
            raise self._damaged()
        return value

    def listing(self, prefix: str, after: str = "") -> Iterator[tuple[str, int]]:
        """The keys that begin with `prefix` and sort behind `after`, and the sizes of their values."""
        first, last = prefix.encode(), after.encode()
        for place in range(self._find(max(first, last)), self._count):
            key, _, size = self._key(place)
            if not key.startswith(first):
                return
            if key > last:
                yield self._text(key), size

    def folders(self, prefix: str) -> Iterator[str]:
        """The names of the folders directly below the folder `prefix`. What each holds is skipped."""
        first = f"{prefix}/".encode()
        place = self._find(first)
        while place < self._count:
            key, _, _ = self._key(place)
            if not key.startswith(first):
                return
            name, slash, _ = key[len(first) :].partition(b"/")
            if slash:
                yield self._text(name)
            place = self._find(first + name + b"0") if slash else place + 1  # "0" sorts right behind "/"

    def _find(self, wanted: bytes) -> int:
        """The place of the first key that does not sort before this one."""
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            if self._key(middle)[0] < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def _key(self, place: int) -> tuple[bytes, int, int]:
        """The key of a record, and where its value begins and how long that is."""
        offsets = self._at(_HEADER.size + _OFFSET.size * place, _PAIR.size)
        start, end = _PAIR.unpack(offsets) if len(offsets) == _PAIR.size else (0, 0)
        if not self._begin <= start <= end - _LENGTH.size <= self._size:
            raise self._damaged()
        data = self._at(start, min(end - start, _AT_ONCE))
        length = _LENGTH.unpack_from(data)[0] if len(data) >= _LENGTH.size else end
        value = start + _LENGTH.size + length
        if value > end:
            raise self._damaged()
        key = data[_LENGTH.size :][:length]
        return key if len(key) == length else self._at(start + _LENGTH.size, length), value, end - value

    def _text(self, key: bytes) -> str:
        try:
            return key.decode()
        except UnicodeDecodeError:
            raise self._damaged() from None

    @property
    def _begin(self) -> int:
        """Where the first record begins."""
        return _HEADER.size + _OFFSET.size * (self._count + 1)

    def _at(self, start: int, length: int) -> bytes:
        return os.pread(self._fd, length, start)

    def _damaged(self) -> OSError:
        return OSError(errno.EIO, "it is damaged", self._path)


def identity(found: os.stat_result) -> tuple[int, int, int]:
    """What tells one file from another of the same name."""
    return found.st_dev, found.st_ino, found.st_mtime_ns
