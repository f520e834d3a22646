"""Whether the chunks that have come from another's repository make up the files that they are said to."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping

from blake3 import blake3

from mreg.content.chunks import ChunkReader
from mreg.content.packs import Piece
from mreg.refs.transaction import MissingPack
from mreg.session.context import Context
from mreg.sync.freight import DamagedRecipe


def prove(recipes: Mapping[bytes, Collection[Piece]], target: Context, origin: str) -> None:
    """Hash all these files at once, from the front: versions of a model have most chunks at the same places, and each
    is then read once for all. origin: where they came from. Raises DamagedRecipe, MissingPack."""
    index = target.tables(target.view().look)
    reader = ChunkReader(target.storage, index.chunk)
    places = index.chunks({piece.digest for pieces in recipes.values() for piece in pieces})
    hashes = {name: blake3() for name in recipes}
    rests = {name: iter(pieces) for name, pieces in recipes.items()}
    # By offset, then by chunk.
    queue = [(0, piece.digest, name) for name, rest in rests.items() for piece in (next(rest, None),) if piece]
    heapq.heapify(queue)
    held, data = b"", memoryview(b"")
    while queue:
        offset, chunk, name = queue[0]
        if chunk != held:
            if chunk not in places:
                raise MissingPack(pack=f"with chunk {chunk.hex()}")
            held, data = chunk, reader.read(places[chunk])
        hashes[name].update(data)
        piece = next(rests[name], None)
        if piece:
            heapq.heapreplace(queue, (offset + len(data), piece.digest, name))
        else:
            heapq.heappop(queue)
    for name, whole in hashes.items():
        if whole.digest() != name:
            raise DamagedRecipe(location=origin, digest=name.hex(), reason="its chunks make another file")
