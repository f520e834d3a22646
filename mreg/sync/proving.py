"""Whether the chunks that come from another's repository make up the files that they are said to.

All files are hashed at once, from the front, while the chunks travel: versions of a model have most chunks in the same
order, and each is read once for all. What files begin with alike is hashed once, too.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from blake3 import blake3

from mreg.content.packs import Piece
from mreg.sync.freight import DamagedRecipe
from mreg.values.named_tuple import NamedTuple

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


class Place(NamedTuple):
    """A chunk, and the stretches that end with it."""

    chunk: bytes
    stretches: Sequence[_Stretch]


class Proof:
    """Files of these recipes. origin: where they come from."""

    def __init__(self, recipes: Recipes, origin: str) -> None:
        self._recipes = recipes
        self._origin = origin

    def places(self) -> Iterator[Place]:
        """In the order in which they are to be taken."""
        for stretches in _stretches(self._recipes):
            yield Place(stretches[0].chunk, stretches)

    def take(self, place: Place, data: memoryview) -> None:
        """The chunk that belongs there. Raises DamagedRecipe where a file that ends with it is another."""
        for stretch in place.stretches:
            stretch.take(data)
            for name in stretch.wrong:
                raise DamagedRecipe(
                    location=self._origin, digest=name.hex(), reason="its chunks belong to another file"
                )


def _stretches(recipes: Recipes) -> Iterator[list[_Stretch]]:
    """The stretches of all files, each after the one before it; those that take the same chunk next are yielded
    together. A chunk that other files reach only later waits for them, so that each chunk is yielded once also where
    files have it at different offsets. Exceptions: files that contain a chunk twice, or have two chunks in opposite
    order."""
    rests = {name: iter(pieces) for name, pieces in recipes.items()}
    left = Counter(piece.digest for pieces in recipes.values() for piece in pieces)
    queue: list[tuple[bool, int, bytes]] = []
    waiting: dict[bytes, list[_Stretch]] = {}

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
        for chunk, stretch in found.items():
            left[chunk] -= len(stretch.files)
            waiting.setdefault(chunk, []).append(stretch)
            heapq.heappush(queue, (left[chunk] > 0, begin, chunk))

    follow(None, recipes)
    while queue:
        _, _, chunk = heapq.heappop(queue)
        stretches = waiting.pop(chunk, [])  # empty where the chunk was queued twice
        for stretch in stretches:
            follow(stretch, stretch.files)
        if stretches:
            yield stretches
