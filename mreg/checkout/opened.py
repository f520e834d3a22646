"""A file of a version, open for reading anywhere in it without a copy of it on disk.

Every chunk that is looked at is compared with its digest. That the chunks are those of the file is known from its
recipe only: who needs to be sure that all bytes together are the file's reads it whole (`Reader.read`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from itertools import accumulate
from threading import Lock
from typing import Final

from mreg.checkout.reader import Reader
from mreg.content.chunks import Kept
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import File

KEPT: Final = 2
"""Decoded chunks kept per open file: whoever reads on needs the last one again, and headers are at the front."""


class Stretch(NamedTuple):
    """`size` bytes of a file that lie in one chunk of it: from `within` on in the one with this digest. whole: they are
    all of it. Equal stretches hold equal bytes; unequal ones that are whole do not."""

    chunk: bytes
    within: int
    size: int
    whole: bool


class OpenFile:
    """A seekable file, as `open(path, "rb")` gives it, over the chunks of `file`.

    `read_at` and `stretches` may be used from several threads at once; what has a position must not.
    Raises DamagedFile where a chunk that is needed is missing or wrong.
    """

    def __init__(self, reader: Reader, file: File) -> None:
        self.file = file
        self.size = file.size
        self._reader = reader
        self._pieces = reader.pieces(file)
        self._starts = list(accumulate((piece.size for piece in self._pieces), initial=0))
        if self._starts.pop() != file.size:
            raise reader.unknown_chunks(file)
        self._position = 0
        self._kept: OrderedDict[int, memoryview] = OrderedDict()
        self._lock = Lock()

    def seek(self, offset: int, /) -> int:
        self._position = offset
        return offset

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes, fewer where the file ends."""
        found = bytes(self.read_at(self._position, size))
        self._position += len(found)
        return found

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer; how many bytes there were, fewer where the file ends."""
        count = self.read_into(self._position, buffer)
        self._position += count
        return count

    def read_at(self, start: int, size: int, kept: Kept | None = None) -> memoryview:
        """`size` bytes from `start` on, fewer where the file ends. `Reader.done_with` takes them back, or all that is
        in `kept` (see `ChunkReader.verified`)."""
        size = max(0, min(size, self.size - start))
        at = bisect_right(self._starts, start) - 1
        if size and start == self._starts[at] and size == self._pieces[at].size:
            return self._reader.chunk(self.file, self._pieces[at], kept)
        out = memoryview(bytearray(size))
        self.read_into(start, out)
        return out

    def read_into(self, start: int, out: memoryview) -> int:
        """Fill `out` from `start` on; how many bytes there were, fewer where the file ends."""
        size = max(0, min(len(out), self.size - start))
        at = bisect_right(self._starts, start) - 1
        done = 0
        while done < size:
            within = start + done - self._starts[at]
            length = min(self._pieces[at].size - within, size - done)
            self._copy(at, within, out[done : done + length])
            done, at = done + length, at + 1
        return size

    def stretches(self, start: int, size: int) -> tuple[Stretch, ...]:
        """What these bytes are made of; nothing is read for that."""
        found, end = [], min(start + size, self.size)
        at = bisect_right(self._starts, start) - 1
        while start < end:
            piece, within = self._pieces[at], start - self._starts[at]
            length = min(piece.size - within, end - start)
            found.append(Stretch(piece.digest, within, length, length == piece.size))
            start, at = start + length, at + 1
        return tuple(found)

    def _copy(self, at: int, within: int, out: memoryview) -> None:
        if len(out) == self._pieces[at].size and at not in self._kept:  # nobody will need any of it again
            data = self._reader.chunk(self.file, self._pieces[at])
            out[:] = data
            self._reader.done_with(data)
            return
        with self._lock:  # so that no chunk is decoded twice, nor given back while it is copied from
            if at in self._kept:
                self._kept.move_to_end(at)
            else:
                self._kept[at] = self._reader.chunk(self.file, self._pieces[at])
                if len(self._kept) > KEPT:
                    self._reader.done_with(self._kept.popitem(last=False)[1])
            out[:] = self._kept[at][within : within + len(out)]
