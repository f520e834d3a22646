"""Reading chunks: from their packs, decoded, by way of their bases, and verified."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from blake3 import blake3

from mreg.content import codecs
from mreg.content.buffers import Buffers
from mreg.content.packs import MAX_POSITION, Base, DamagedChunk, Located, read_some, read_stored
from mreg.storage import Storage

Locate = Callable[[bytes], Located | None]
"""Where the chunk with a digest (raw) is kept. Of several copies it tells the one with the lowest position, so
that what a chunk was stored as the difference to is still found below it."""


SHORT: Final = 32 << 10
AHEAD: Final = 256 << 10
"""Of chunks below SHORT so many bytes are read at a time, where they lie one behind the other."""


_NOTHING: Final = memoryview(b"")


class ChunkReader:
    """Reads chunks of one repository. Safe to use from several threads. buffers: from which the chunks' memory is
    taken, to be given back or not."""

    def __init__(self, storage: Storage, locate: Locate, buffers: Buffers | None = None) -> None:
        self._storage = storage
        self._locate = locate
        self._buffers = buffers or Buffers()
        self._end = "", 0  # where the last short chunk ended: its pack, and the offset
        self._ahead: tuple[str, int, memoryview] = "", 0, _NOTHING  # bytes of a pack from an offset on

    def verified(self, located: Located) -> memoryview:
        """The bytes of a chunk. Raises DamagedChunk rather than hand out anything else."""
        data = self.read(located)
        if blake3(data).digest() != located.entry.digest:
            self._ahead = "", 0, _NOTHING  # who looks again must not see the same bytes
            raise _damaged(located, "its bytes do not match its digest")
        return data

    def read(self, located: Located) -> memoryview:
        """The bytes of a chunk, not compared with its digest: for who compares the whole file with its own.

        Raises DamagedChunk where they cannot be had at all.
        """
        if located.entry.base is None:
            return self._decode(located, None)
        lowest, *others = reversed(chain(located, self._locate))
        data = self._decode(lowest, None)
        for link in others:
            base, data = data, self._decode(link, data)
            self._buffers.give_back(base)
        return data

    def _decode(self, link: Located, base: memoryview | None) -> memoryview:
        entry = link.entry
        stored = self._stored(link)
        if entry.codec == codecs.RAW and entry.stored == entry.size:
            return stored
        out = self._buffers.take(entry.size)
        try:
            codecs.decode(entry.codec, stored, out, base)
        except codecs.UndecodableChunk as error:
            raise _damaged(link, str(error)) from None
        self._buffers.give_back(stored)
        return out

    def _stored(self, link: Located) -> memoryview:
        """The stored form. Of short chunks that are read one after the other, many are read at once."""
        pack, entry = link
        start, length = entry.offset, entry.stored
        if length < SHORT:
            before, self._end = self._end, (pack, start + length)
            if before == (pack, start):
                held, first, data = self._ahead
                if held != pack or not first <= start <= first + len(data) - length:
                    first, data = start, memoryview(read_some(self._storage, pack, start, AHEAD))
                    self._ahead = pack, first, data
                if start + length <= first + len(data):
                    return data[start - first : start - first + length]
        out = self._buffers.take(length)
        read_stored(self._storage, link, out)
        return out


def chain(located: Located, locate: Locate) -> list[Located]:
    """The chunk, its base, the base of that, to the one that is stored by itself. Raises DamagedChunk."""
    links = [located]
    while (base := links[-1].entry.base) is not None:
        below = locate(base)
        if below is None or below.entry.position >= links[-1].entry.position:
            raise _damaged(links[-1], f"its base {base.hex()} is missing")
        links.append(below)
    return links


def base_for(nearest: Located, locate: Locate) -> tuple[Located, Base] | None:
    """What to store a chunk as the difference to that is much like `nearest`; None where the chain is long.

    Not always `nearest` itself, but one of its own bases, so that the way from any chunk to one that is stored
    by itself stays short: a chunk at position p has its base at p with the lowest bit cleared (Subversion's
    skip-deltas, notes/skip-deltas): at most as many steps as p has bits. Raises DamagedChunk.
    """
    position = nearest.entry.position + 1
    if position > MAX_POSITION:
        return None
    target = position & (position - 1)
    below = next(link for link in chain(nearest, locate) if link.entry.position <= target)
    return below, Base(below.entry.digest, position)


def _damaged(located: Located, reason: str) -> DamagedChunk:
    return DamagedChunk(digest=located.entry.digest.hex(), pack=located.pack, reason=reason)
