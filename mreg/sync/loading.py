"""Chunks out of the source, verified, in the form in which they are sent."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Final, NamedTuple

from blake3 import blake3

from mreg.content import codecs
from mreg.content.chunks import ChunkReader
from mreg.content.codecs import Encoded
from mreg.content.packs import DamagedChunk, Located, read_stored
from mreg.content.parallel import in_order
from mreg.session.context import Context

_KEPT: Final = 12
"""Decoded chunks that are kept at hand, as others rest on them."""


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
        self._there = ChunkReader(target.storage, target.index.chunk)
        self._is_far = source.storage.is_own and not target.storage.is_own
        self._wanted = {place.entry.base for place in places.values()}
        self._kept: OrderedDict[bytes, memoryview] = OrderedDict()
        self._guard = threading.Lock()

    def load(self, place: Located) -> Loaded:
        """Raises DamagedChunk."""
        stored, data = self._read(place)
        if blake3(data).digest() != place.entry.digest:
            raise _damaged(place, "its bytes do not match its digest")
        self._keep(place.entry.digest, data)
        return Loaded(stored, data)

    def alone(self, place: Located) -> Encoded:
        """The chunk stored by itself. Raises DamagedChunk."""
        data = self.load(place).data
        return codecs.encode(data, memoryview(bytearray(len(data) + codecs.EXTRA)))

    def sizes_alone(self, places: Iterable[Located], most: int) -> dict[bytes, int] | None:
        """What each of these chunks takes by itself; None if that is `most` together or more. From far away the bases
        would have to be fetched for it, and then they may as well stay."""
        found: dict[bytes, int] = {}
        if self._is_far:
            return None
        with closing(in_order(lambda place: (place.entry.digest, len(self.alone(place).data)), places)) as sizes:
            for name, size in sizes:
                found[name] = size
                most -= size
                if most <= 0:
                    return None
        return found

    def _read(self, place: Located) -> Loaded:
        entry = place.entry
        stored = memoryview(bytearray(entry.stored))
        read_stored(self._storage, place, stored)
        if entry.codec == codecs.RAW and entry.stored == entry.size:
            return Loaded(stored, stored)
        base = None if entry.base is None else self._base(entry.base, place)
        out = memoryview(bytearray(entry.size))
        try:
            codecs.decode(entry.codec, stored, out, base)
        except codecs.UndecodableChunk as error:
            raise _damaged(place, str(error)) from None
        return Loaded(stored, out)

    def _base(self, name: bytes, user: Located) -> memoryview:
        with self._guard:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        place = self._places.get(name)
        there = self._index.chunk(name) if place is None or self._is_far else None
        if there is not None:
            data = self._there.verified(there)
        elif place is not None:
            data = self._read(place).data
        else:
            raise _damaged(user, f"its base {name.hex()} is missing")
        self._keep(name, data)
        return data

    def _keep(self, name: bytes, data: memoryview) -> None:
        if name in self._wanted:
            with self._guard:
                self._kept[name] = data
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)


def _damaged(place: Located, reason: str) -> DamagedChunk:
    return DamagedChunk(digest=place.entry.digest.hex(), pack=place.pack, reason=reason)
