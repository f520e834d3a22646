"""Chunks of a repository elsewhere that lie here too: these are read here, as a fetch takes longer.

What is here is verified as what comes from there is, and where it turns out to be damaged the other copy is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

from mreg.content.buffers import Buffers
from mreg.content.chunks import ChunkReader, Kept
from mreg.content.packs import DamagedChunk, Located, key_of
from mreg.session.chunk_catalogue import NarrowCatalogue
from mreg.session.context import Context
from mreg.session.index import Index
from mreg.storage import Storage
from mreg.storage.base import Range
from mreg.values.errors import MregError

if TYPE_CHECKING:
    from mreg.refs.journal import Look


class Here(Located):
    """A chunk that is kept in the repository here."""

    __slots__ = ()


class Catalogue:
    """What the tables `far` tell, and of chunks that are here, where they are."""

    def __init__(self, far: Index | NarrowCatalogue, near: Index) -> None:
        self._far = far
        self._near = near
        self.packs: set[str] = set()
        """The keys of packs here that were told."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._far, name)

    def chunk(self, name: bytes) -> Located | None:
        return self.chunks((name,)).get(name)

    def chunks(self, names: Collection[bytes]) -> dict[bytes, Located]:
        here = self.here(names)
        return {**self._far.chunks([name for name in names if name not in here]), **here}

    def here(self, names: Collection[bytes]) -> dict[bytes, Located]:
        found: dict[bytes, Located] = {name: Here(*at) for name, at in self._near.chunks(names).items()}
        self.packs.update(key_of(one.pack) for one in found.values())
        return found

    def there(self, name: bytes) -> Located | None:
        return self._far.chunk(name)

    def base(self, name: bytes) -> Located | None:
        """Of what is there: the base with the lowest position, as `Locate` says, and here if it can be."""
        far, near = self._far.chunk(name), self.here((name,)).get(name)
        found = [one for one in (near, far) if one]
        return min(found, key=lambda one: one.entry.position) if found else None


class _Both:
    """Where packs are read: those that the catalogue tells to be here, and the others."""

    def __init__(self, far: Storage, near: Storage, packs: set[str]) -> None:
        self._far = far
        self._near = near
        self._packs = packs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._far, name)

    def read(self, key: str, start: int, length: int) -> bytes:
        return self._at(key).read(key, start, length)

    def read_into(self, key: str, start: int, out: memoryview) -> int:
        return self._at(key).read_into(key, start, out)

    def _at(self, key: str) -> Storage:
        return self._near if key in self._packs else self._far


class NearestChunks:
    """As `ChunkReader`, of a repository elsewhere."""

    def __init__(self, context: Context, near: Context, catalogue: Catalogue, buffers: Buffers) -> None:
        both: Any = _Both(context.storage, near.storage, catalogue.packs)
        self._there = ChunkReader(both, catalogue.base, buffers)
        self._here = ChunkReader(near.storage, near.index.chunk, buffers)
        self._catalogue = catalogue

    def ranges(self, located: Located) -> list[Range]:
        """What is read elsewhere."""
        if isinstance(located, Here):
            return []
        return [one for one in self._there.ranges(located) if one.key not in self._catalogue.packs]

    def verified(self, located: Located, kept: Kept | None = None) -> memoryview:
        if isinstance(located, Here):
            try:
                return self._here.verified(located, kept)
            except DamagedChunk:
                found = self._catalogue.there(located.entry.digest)
                if found is None:
                    raise
                located = found
        return self._there.verified(located, kept)

    def several(self, places: Iterable[Located], *, verified: bool) -> Iterator[memoryview | DamagedChunk]:
        for here, run in groupby(places, lambda one: isinstance(one, Here)):
            yield from (self._here if here else self._there).several(run, verified=verified)


def nearest(context: Context, far: Index | NarrowCatalogue, buffers: Buffers) -> tuple[Catalogue, NearestChunks] | None:
    """How to read what is elsewhere; None for what is not, or where the tables here cannot be had."""
    near = context.near
    if near is None:
        return None
    try:
        near.storage.begin()
        look: Look = near.journal.look()
        catalogue = Catalogue(far, near.tables(look))
    except (MregError, OSError):  # the repository here is damaged, say: that is no reason to refuse what is there
        return None
    return catalogue, NearestChunks(context, near, catalogue, buffers)
