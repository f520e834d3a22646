"""What has to be sent for versions to be readable on the other side: the chunks that it lacks, each in the form in
which it travels.

A chunk travels as it is stored, its base with it where the other side has none. Where bases would travel that no
version of the journey needs for itself, the chunks that rest on them are stored by themselves instead, if that is
smaller.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set

from mreg.content.packs import MAX_POSITION, ChunkEntry, DamagedChunk, Located, Piece
from mreg.session.context import Context
from mreg.session.index import Index
from mreg.sync.loading import Loader
from mreg.values.errors import Damaged
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import Manifest

Places = Mapping[bytes, Located]


class MissingChunk(Damaged):
    code = "missing-chunk"
    template = "{location} lacks chunk {digest}: {reason}"

    location: str
    digest: str


class Stock:
    """What the other side has, in one repository or in several. lost: digests (raw) of files and chunks that it has
    not, though its tables say so."""

    def __init__(self, indexes: Sequence[Index], lost: Set[bytes] = frozenset()) -> None:
        self._indexes = indexes
        self._lost = lost

    def kept(self, sizes: Mapping[bytes, int]) -> set[bytes]:
        """See `ChunkCatalogue`."""
        return set().union(*(index.kept(sizes) for index in self._indexes)) - self._lost

    def chunks(self, names: Collection[bytes]) -> dict[bytes, Located]:
        """See `ChunkCatalogue`."""
        found: dict[bytes, Located] = {}
        sound = set(names) - self._lost
        for index in reversed(self._indexes):
            for name, place in index.chunks(sound).items():
                if name not in found or place.entry.position <= found[name].entry.position:
                    found[name] = place
        return found

    def recipes(self, names: Collection[bytes]) -> dict[bytes, tuple[Piece, ...]]:
        """See `ChunkCatalogue`."""
        return {name: pieces for index in reversed(self._indexes) for name, pieces in index.recipes(names).items()}


class DamagedRecipe(Damaged):
    code = "damaged-recipe"
    template = "{location} has no usable copy of file {digest}: {reason}"

    location: str
    digest: str


class Parcel(NamedTuple):
    """A chunk that is sent. place: in the source. position: that it has in the pack; 0: by itself. stored: bytes of the
    form in which it travels."""

    place: Located
    position: int
    stored: int

    @property
    def alone(self) -> bool:
        """Is it to be decoded, and stored by itself?"""
        return self.position == 0 and self.place.entry.base is not None

    @property
    def entry(self) -> ChunkEntry:
        """As the pack has it, but for the offset; codec and length of one that is stored by itself are told later."""
        entry = self.place.entry._replace(position=self.position, stored=self.stored)
        return entry._replace(base=None) if self.alone else entry


class Freight(NamedTuple):
    """parcels: in an order in which each comes behind its base. recipes: of files that the other side cannot put
    together. loader: reads the chunks."""

    parcels: Sequence[Parcel]
    recipes: Mapping[bytes, Collection[Piece]]
    loader: Loader

    @property
    def stored(self) -> int:
        """Bytes of all chunks as they travel."""
        return sum(parcel.stored for parcel in self.parcels)


def freight(
    source: Context,
    target: Context,
    manifests: Iterable[Manifest],
    since: Context | None = None,
    lost: Set[bytes] = frozenset(),
) -> Freight:
    """What these versions need there. since: a repository that will be at hand there too. lost: digests (raw) of files
    and chunks that are damaged there. All lookup tables are up to date. Raises MissingChunk, DamagedChunk,
    DamagedRecipe."""
    have, there = source.index, Stock([target.index, *([since.index] if since else [])], lost)
    sizes = {bytes.fromhex(file.digest): file.size for one in manifests for file in one.files if file.size}
    lacking = sizes.keys() - there.kept(sizes)
    recipes: dict[bytes, tuple[Piece, ...]] = have.recipes(lacking)
    alone = {name: (Piece(name, sizes[name]),) for name in lacking if name not in recipes}
    wanted = {piece.digest for pieces in (*recipes.values(), *alone.values()) for piece in pieces}
    present = there.chunks(wanted)
    needed = wanted - present.keys()
    places = _with_bases(have, needed, present, there, source.location)
    loader = Loader(source, target, places)
    _check_sizes({**alone, **recipes}, sizes, {**present, **places}, source.location)
    parcels = _Forms(places, present, needed, loader, lost).parcels()
    told = there.recipes(lacking)
    new = {name: pieces for name, pieces in recipes.items() if name in lost or told.get(name) != pieces}
    new |= {name: pieces for name, pieces in alone.items() if name in told}  # cut otherwise before, and partly gone
    return Freight(parcels, new, loader)


def _with_bases(
    have: Index, names: Iterable[bytes], present: dict[bytes, Located], there: Stock, location: str
) -> dict[bytes, Located]:
    """Where these chunks lie, and all that they rest on; `present` gets those that the other side has."""
    places: dict[bytes, Located] = {}
    missing = set(names)
    while missing:
        found = have.chunks(missing)
        present |= there.chunks(missing)
        for name in missing - found.keys() - present.keys():
            raise MissingChunk(location=location, digest=name.hex(), reason="a version needs it, and no pack has it")
        places |= found
        bases = {place.entry.base for place in found.values()}
        missing = {base for base in bases if base is not None} - places.keys()
    for place in places.values():
        _check_chain(place, places)
    return places


def _check_sizes(
    files: Mapping[bytes, Sequence[Piece]], sizes: Mapping[bytes, int], places: Places, location: str
) -> None:
    """Raises DamagedRecipe where the pieces of a file cannot make it up."""
    for name, pieces in files.items():
        wrong = any(places[piece.digest].entry.size != piece.size for piece in pieces)
        if wrong or sum(piece.size for piece in pieces) != sizes[name]:
            raise DamagedRecipe(location=location, digest=name.hex(), reason="its chunks have other sizes")


def _check_chain(place: Located, places: Places) -> None:
    """Raises DamagedChunk where the chunk does not stand above its base: it could never be read."""
    base = place.entry.base and places.get(place.entry.base)
    if base and base.entry.position >= place.entry.position:
        reason = "its base does not lie below it"
        raise DamagedChunk(digest=place.entry.digest.hex(), pack=place.pack, reason=reason)


class _Forms:
    """Decides how each chunk travels. present: what is there already. lost: what is damaged there, and is sent by
    itself: of several copies readers take the one at the lowest position, of several of these the newest."""

    def __init__(self, places: Places, present: Places, needed: Set[bytes], loader: Loader, lost: Set[bytes]) -> None:
        self._places = places
        self._lost = lost
        self._present = present
        self._needed = needed
        self._loader = loader
        self._alone: dict[bytes, int] = {}

    def parcels(self) -> list[Parcel]:
        extras = self._extras()
        order = sorted(self._needed | extras, key=self._order)
        positions: dict[bytes, int] = {}
        for name in order:
            positions[name] = self._position(name, positions)
        return [self._parcel(name, positions[name]) for name in order]

    def _order(self, name: bytes) -> tuple[str, int, int, str, int]:
        """Chunks of one family, which rest on one root, one behind the other, bases first; else as they lie."""
        root, place = self._places[self._root(name)], self._places[name]
        return root.pack, root.entry.offset, place.entry.position, place.pack, place.entry.offset

    def _root(self, name: bytes) -> bytes:
        while (base := self._places[name].entry.base) is not None and base in self._places:
            name = base
        return name

    def _position(self, name: bytes, positions: Mapping[bytes, int]) -> int:
        """Above the base, wherever that stands on the other side."""
        entry = self._places[name].entry
        if entry.base is None or name in self._alone or name in self._lost:
            return 0
        below = positions[entry.base] if entry.base in positions else self._present[entry.base].entry.position
        position = max(entry.position, below + 1)
        return position if position <= MAX_POSITION else 0

    def _parcel(self, name: bytes, position: int) -> Parcel:
        place = self._places[name]
        parcel = Parcel(place, position, place.entry.stored)
        if not parcel.alone:
            return parcel
        return parcel._replace(stored=self._alone.get(name) or len(self._loader.alone(name).data))

    def _extras(self) -> set[bytes]:
        """The bases that travel although no version needs them for itself: of each group of chunks that rest on one of
        them, if that takes less than to store these by themselves."""
        groups: dict[bytes, list[bytes]] = defaultdict(list)
        below: dict[bytes, tuple[bytes, ...]] = {}
        for name in self._needed:
            below[name] = tuple(self._below(name))
            if below[name]:
                groups[below[name][-1]].append(name)
        extras: set[bytes] = set()
        for users in groups.values():
            bases = {base for name in users for base in below[name]}
            with_bases = sum(self._places[name].entry.stored for name in (*users, *bases))
            alone = self._loader.sizes_alone(users, with_bases)
            if alone is None:
                extras |= bases
            else:
                self._alone |= alone
        return extras

    def _below(self, name: bytes) -> Iterator[bytes]:
        """The bases that would travel only for this chunk's sake."""
        base = self._places[name].entry.base
        while base is not None and base not in self._needed and base not in self._present:
            yield base
            base = self._places[base].entry.base
