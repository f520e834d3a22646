"""Chunks out of the source, verified, in the form in which they are sent."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Final

from blake3 import blake3

from mreg.content import codecs
from mreg.content.buffers import Buffers
from mreg.content.chunks import ChunkReader
from mreg.content.codecs import Encoded
from mreg.content.packs import DamagedChunk, Located, key_of, read_stored
from mreg.content.parallel import in_order
from mreg.refs.transaction import MissingPack
from mreg.session.context import Context
from mreg.session.kept_chunks import KeptChunks
from mreg.storage.base import Range
from mreg.values.named_tuple import NamedTuple

_KEPT: Final = 16 << 20
"""Bytes of decoded chunks that are kept at hand, as others rest on them."""


class Loaded(NamedTuple):
    """stored: as the source has it. data: the chunk itself, verified."""

    stored: memoryview
    data: memoryview


class Loader:
    """Reads chunks of the source that lie at `places`, and what they rest on; what is missing there, or is nearer,
    comes from the target. Safe to use from several threads."""

    def __init__(self, source: Context, target: Context, places: Mapping[bytes, Located]) -> None:
        self._storage = source.storage
        self._places = places
        self._index = target.index
        self._buffers = Buffers()
        self._there = ChunkReader(target.storage, target.index.chunk)
        self._is_far = source.storage.is_own and not target.storage.is_own
        self._wanted = {place.entry.base for place in places.values()}
        self._kept: OrderedDict[bytes, memoryview] = OrderedDict()
        self._guard = threading.Lock()
        self.at_hand: KeptChunks | None = None
        """Where chunks that are loaded are to be kept."""

    def has(self, name: bytes) -> bool:
        """Is this one of the chunks at `places`?"""
        return name in self._places

    def will_load(self, names: Iterable[bytes]) -> None:
        """These will be loaded in about this order, behind those that were told before; others are left out."""
        self._storage.will_read(lambda: [_range(self._places[name]) for name in names if name in self._places])

    def load(self, name: bytes) -> Loaded:
        """One of these chunks, to be given back. Raises DamagedChunk."""
        place = self._places[name]
        stored, data = self._read(place)
        if blake3(data).digest() != name:
            raise _damaged(place, "its bytes do not match its digest")
        if self.at_hand:
            self.at_hand.keep(name, data)
        return Loaded(stored, data)

    def there(self, name: bytes) -> Loaded:
        """A chunk that the target has, to be given back. Raises DamagedChunk, MissingPack."""
        place = self._index.chunk(name)
        if place is None:
            raise MissingPack(pack=f"with chunk {name.hex()}")
        data = self._there.verified(place)
        return Loaded(data, data)

    def give_back(self, name: bytes, loaded: Loaded) -> None:
        """What `load` or `there` has returned is not looked at any more."""
        if name not in self._wanted:
            self._buffers.give_back(loaded.stored)
            if loaded.data is not loaded.stored:
                self._buffers.give_back(loaded.data)

    def alone(self, name: bytes) -> Encoded:
        """The chunk stored by itself. Raises DamagedChunk."""
        return encoded_alone(self.load(name).data)

    def sizes_alone(self, names: Iterable[bytes], most: int) -> dict[bytes, int] | None:
        """What each of these chunks takes by itself; None if that is `most` together or more. From far away the bases
        would have to be fetched for it, and then they may as well stay."""
        found: dict[bytes, int] = {}
        if self._is_far:
            return None
        with closing(in_order(lambda name: (name, len(self.alone(name).data)), names)) as sizes:
            for name, size in sizes:
                found[name] = size
                most -= size
                if most <= 0:
                    return None
        return found

    def _read(self, place: Located) -> Loaded:
        """From the nearest of its bases that is at hand, or from the one that is stored by itself."""
        links, data = self._way(place)
        for link in reversed(links):
            stored = self._buffers.take(link.entry.stored)
            read_stored(self._storage, link, stored)
            data = self._decoded(link, stored, data)
            self._keep(link.entry.digest, data)
        assert data is not None
        return Loaded(stored, data)

    def _way(self, place: Located) -> tuple[list[Located], memoryview | None]:
        """The chunk, and its bases down to the first that is read; and the one below that, if there is one."""
        links = [place]
        while (name := links[-1].entry.base) is not None:
            data = self._at_hand(name)
            if data is not None:
                return links, data
            if name not in self._places:
                raise _damaged(links[-1], f"its base {name.hex()} is missing")
            links.append(self._places[name])
        return links, None

    def _at_hand(self, name: bytes) -> memoryview | None:
        """A base that was read before, or that the other side has, where that is nearer or the source has it not."""
        with self._guard:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        there = self._index.chunk(name) if name not in self._places or self._is_far else None
        if there is None:
            return None
        try:
            data = self._there.verified(there)
        except DamagedChunk:
            if name in self._places:
                return None
            raise
        self._keep(name, data)
        return data

    def _keep(self, name: bytes, data: memoryview) -> None:
        if name in self._wanted:
            with self._guard:
                self._kept[name] = data
                while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _KEPT:
                    self._kept.popitem(last=False)

    def _decoded(self, link: Located, stored: memoryview, base: memoryview | None) -> memoryview:
        entry = link.entry
        if entry.codec == codecs.RAW and entry.stored == entry.size:
            return stored
        out = self._buffers.take(entry.size)
        try:
            codecs.decode(entry.codec, stored, out, base)
        except codecs.UndecodableChunk as error:
            raise _damaged(link, str(error)) from None
        return out


def _range(place: Located) -> Range:
    return Range(key_of(place.pack), place.entry.offset, place.entry.stored)


def encoded_alone(data: memoryview) -> Encoded:
    """A chunk as it is stored without a base."""
    return codecs.encode(data, memoryview(bytearray(len(data) + codecs.EXTRA)))


def _damaged(place: Located, reason: str) -> DamagedChunk:
    return DamagedChunk(digest=place.entry.digest.hex(), pack=place.pack, reason=reason)
