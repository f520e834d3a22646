"""Reading chunks: from their packs, decoded, by way of their bases, and verified."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from blake3 import blake3

from mreg.content import codecs
from mreg.content.buffers import Buffer, Buffers
from mreg.content.packs import MAX_POSITION, Base, DamagedChunk, Located, key_of, read_some, read_stored
from mreg.storage import Storage
from mreg.storage.base import Range

Locate = Callable[[bytes], Located | None]
"""Where the chunk with a digest (raw) is kept. Of several copies it tells the one with the lowest position, so
that what a chunk was stored as the difference to is still found below it."""

Kept = dict[bytes, memoryview]
"""Decoded chunks by their digests (raw)."""

TOGETHER: Final = 32 << 10
"""Stored forms shorter than this are read together with their neighbours,"""

AT_ONCE: Final = 256 << 10
"""so many bytes at a time."""


class ChunkReader:
    """Reads chunks of one repository. Safe to use from several threads. buffers: from which the chunks' memory is
    taken, to be given back or not."""

    def __init__(self, storage: Storage, locate: Locate, buffers: Buffers | None = None) -> None:
        self._storage = storage
        self._locate = locate
        self._buffers = buffers or Buffers()

    def verified(self, located: Located, kept: Kept | None = None) -> memoryview:
        """The bytes of a chunk. Raises DamagedChunk rather than hand out anything else.

        kept: what was decoded already of chunks that are to be read together, as those of two versions, of which one
        may be the difference to the other. It is added to; the memory is for the caller to give back, all at once.
        """
        data = self.read(located) if kept is None else self._read_beside(located, kept)
        _verify(located, data)
        return data

    def read(self, located: Located) -> memoryview:
        """The bytes of a chunk, not compared with its digest: for who compares the whole file with its own.

        Raises DamagedChunk where they cannot be had at all.
        """
        return self._read(located, None)

    def several(self, places: Iterable[Located], *, verified: bool) -> Iterator[memoryview | DamagedChunk]:
        """The bytes of each of these chunks, or why they cannot be had. Many short ones are read at once where they
        lie one behind the other, as those of one `log` do."""
        for run in _neighbours(places):
            pack, first = run[0]
            size = sum(place.entry.stored for place in run)
            ahead = memoryview(read_some(self._storage, pack, first.offset, size) if len(run) > 1 else b"")
            for place in run:
                start = place.entry.offset - first.offset
                try:
                    # One that was not read with the others is read alone, which tells why.
                    data = self._read(place, ahead[start : start + place.entry.stored] if len(ahead) == size else None)
                    if verified:
                        _verify(place, data)
                    yield data
                except DamagedChunk as error:
                    yield error

    def ranges(self, located: Located) -> list[Range]:
        """What reading the chunk reads, in order; nothing where it is damaged."""
        try:
            links = chain(located, self._locate)
        except DamagedChunk:
            return []
        return [Range(key_of(pack), entry.offset, entry.stored) for pack, entry in reversed(links)]

    def _read(self, located: Located, stored: memoryview | None) -> memoryview:
        """stored: the chunk's stored form, if that was read already."""
        if located.entry.base is None:
            return self._decode(located, None, stored)
        lowest, *others = reversed(chain(located, self._locate))
        data = self._decode(lowest, None)
        for link in others:
            base, data = data, self._decode(link, data, stored if link is located else None)
            self._buffers.give_back(base)
        return data

    def _read_beside(self, located: Located, kept: Kept) -> memoryview:
        """Keeps the chunk and its base, not what that is the difference to."""
        links = chain(located, self._locate)
        known = next((at for at, link in enumerate(links) if link.entry.digest in kept), None)
        data = None if known is None else kept[links[known].entry.digest]
        for at in reversed(range(len(links) if known is None else known)):
            base, data = data, self._decode(links[at], data)
            if base is not None and links[at + 1].entry.digest not in kept:
                self._buffers.give_back(base)
            if at < 2:
                kept[links[at].entry.digest] = data
        assert data is not None
        return data

    def _decode(self, link: Located, base: memoryview | None, stored: memoryview | None = None) -> memoryview:
        entry = link.entry
        if stored is None:
            stored = self._buffers.take(entry.stored)
            read_stored(self._storage, link, stored)
        if entry.codec == codecs.RAW and entry.stored == entry.size:
            return stored
        out = self._buffers.take(entry.size)
        try:
            codecs.decode(entry.codec, stored, out, base)
        except codecs.UndecodableChunk as error:
            raise _damaged(link, str(error)) from None
        self._buffers.give_back(stored)
        return out


def _neighbours(places: Iterable[Located]) -> Iterator[list[Located]]:
    """The places in their order, in runs that are to be read at once."""
    run: list[Located] = []
    end, size = 0, 0
    for place in places:
        entry = place.entry
        short = entry.stored < TOGETHER
        if run and not (short and end == entry.offset and run[0].pack == place.pack and size < AT_ONCE):
            yield run
            run, size = [], 0
        run.append(place)
        # Nothing is read together with a long one.
        end, size = entry.offset + entry.stored, size + entry.stored if short else AT_ONCE
    if run:
        yield run


def _verify(located: Located, data: Buffer) -> None:
    """Raises DamagedChunk where these are not the chunk's bytes."""
    if blake3(data).digest() != located.entry.digest:
        raise _damaged(located, "its bytes do not match its digest")


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
