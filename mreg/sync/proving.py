"""Whether the chunks that have come from another's repository make up the files that they are said to.

All files are hashed at once, from the front: versions of a model have most chunks at the same places, and each is then
read once for all. What files begin with alike is hashed once, too.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from blake3 import blake3

from mreg.content.buffers import Buffers
from mreg.content.chunks import ChunkReader
from mreg.content.packs import Piece
from mreg.content.parallel import in_order
from mreg.refs.transaction import MissingPack
from mreg.session.context import Context
from mreg.sync.freight import DamagedRecipe

Recipes = Mapping[bytes, Collection[Piece]]


class _Stretch:
    """Files that are alike as far as this chunk, which ends at `end`. Its hash is that of all bytes up to there, once
    that before it has been made."""

    def __init__(self, chunk: bytes, end: int, before: _Stretch | None) -> None:
        self.chunk = chunk
        self.end = end
        self.files: list[bytes] = []
        self.done: list[bytes] = []
        """Of these files, those that end here."""
        self._before = before
        self._hash: blake3 | None = None

    def take(self, data: memoryview) -> None:
        begun = self._before and self._before._hash
        self._hash = begun.copy() if begun else blake3()
        self._hash.update(data)
        self._before = None

    @property
    def wrong(self) -> Iterator[bytes]:
        return (name for name in self.done if self._hash and self._hash.digest() != name)


def prove(recipes: Recipes, target: Context, origin: str) -> None:
    """Hash all these files. origin: where they came from. Raises DamagedRecipe, MissingPack."""
    index = target.tables(target.view().look)
    buffers = Buffers()
    reader = ChunkReader(target.storage, index.chunk, buffers)
    places = index.chunks({piece.digest for pieces in recipes.values() for piece in pieces})

    def read(stretches: list[_Stretch]) -> tuple[list[_Stretch], memoryview]:
        chunk = stretches[0].chunk
        if chunk not in places:
            raise MissingPack(pack=f"with chunk {chunk.hex()}")
        return stretches, reader.read(places[chunk])

    for stretches, data in in_order(read, _stretches(recipes)):
        for stretch in stretches:
            stretch.take(data)
            for name in stretch.wrong:
                raise DamagedRecipe(location=origin, digest=name.hex(), reason="its chunks make another file")
        buffers.give_back(data)


def _stretches(recipes: Recipes) -> Iterator[list[_Stretch]]:
    """Those of all files, by where they begin; those of one chunk that begin at one place, together."""
    rests = {name: iter(pieces) for name, pieces in recipes.items()}
    queue: list[tuple[int, bytes]] = []
    waiting: dict[tuple[int, bytes], list[_Stretch]] = defaultdict(list)

    def follow(before: _Stretch | None, files: Iterable[bytes]) -> None:
        """What these files go on with."""
        begin = before.end if before else 0
        found: dict[bytes, _Stretch] = {}
        for name in files:
            piece = next(rests[name], None)
            if piece is None and before:
                before.done.append(name)
            elif piece is not None:
                stretch = found.setdefault(piece.digest, _Stretch(piece.digest, begin + piece.size, before))
                stretch.files.append(name)
        for stretch in found.values():
            if not waiting[begin, stretch.chunk]:
                heapq.heappush(queue, (begin, stretch.chunk))
            waiting[begin, stretch.chunk].append(stretch)

    follow(None, recipes)
    while queue:
        begin, chunk = heapq.heappop(queue)
        stretches = waiting.pop((begin, chunk))
        for stretch in stretches:
            follow(stretch, stretch.files)
        yield stretches
