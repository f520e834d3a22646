"""Bringing files in: what the repository has not got yet goes into one new pack.

What the stat cache knows is not read (`ingest`); the rest is read once, by `mreg.intake.pipeline`.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from typing import Final

from mreg.content import chunks
from mreg.content.pack_writer import PackContents
from mreg.content.packs import DamagedChunk, Located, Piece
from mreg.intake.reuse import Chain, Reused
from mreg.intake.scan import Source, is_executable
from mreg.refs.transaction import MissingPack
from mreg.session.context import Context
from mreg.session.index import Index
from mreg.session.statcache import keys, stamp
from mreg.values.named_tuple import NamedTuple
from mreg.values.progress import Progress
from mreg.values.records import File, Manifest

AT_ONCE: Final = 256
"""Files looked up per query."""


class Near(NamedTuple):
    """The version (its digest) whose tensors new ones may be near to, if there is one. asked: whether somebody asked
    for it, so that it must not be passed over."""

    version: str | None
    asked: bool = False


class Ingested(NamedTuple):
    """The list of the files, and those that were read: the others are known by their stat."""

    manifest: Manifest
    read: Sequence[Source]


def ingest(
    context: Context,
    contents: PackContents,
    sources: Sequence[Source],
    near: Near,
    progress: Progress | None = None,
    *,
    encode: bool = True,
    lost: Container[bytes] = frozenset(),
) -> Ingested:
    """The manifest of `sources`, and what was read for it; chunks that the repository lacks are then in `contents`.

    context: its lookup tables are up to date. encode: whether to make chunks smaller. lost: digests (raw) of chunks and
    files that are read and stored although the repository has them: they are damaged there. Raises SourceChanged,
    UnreadableFile, OSError.
    """
    index = context.index
    names = dict(zip((source.path for source in sources), keys(source.file for source in sources), strict=True))
    found: dict[str, tuple[str, int]] = {}
    with index.reading():
        for start in range(0, len(sources), AT_ONCE):
            found |= _known(index, sources[start : start + AT_ONCE], names, lost)
    rest = [source for source in sources if source.path not in found]
    if rest:
        # Not where all files are known: start-up time.
        from mreg.content.buffers import Buffers  # noqa: PLC0415
        from mreg.intake.bases import Bases  # noqa: PLC0415
        from mreg.intake.pipeline import Intake  # noqa: PLC0415

        done, total = sum(size for _, size in found.values()), sum(source.status.st_size for source in sources)

        def tell(count: int) -> None:
            if progress:
                progress(done + count, total)

        buffers = Buffers()
        bases = Bases(context, *near, names, buffers)
        intake = Intake(index, contents, encode=encode, bases=bases, buffers=buffers, progress=tell, lost=lost)
        found |= intake.read(rest)
        index.keep_known((names[path], stamp, digest) for path, stamp, digest in intake.seen)
    files = tuple(File(one.path, found[one.path][1], found[one.path][0], is_executable(one)) for one in sources)
    return Ingested(Manifest(files), rest)


def _known(
    index: Index, sources: Sequence[Source], names: dict[str, bytes], lost: Container[bytes]
) -> dict[str, tuple[str, int]]:
    """Digest and size of those that look as they did when they were read, and are kept. names: for the stat cache."""
    known = index.known({names[source.path]: stamp(source.status) for source in sources})
    found = {
        source.path: (known[names[source.path]], source.status.st_size)
        for source in sources
        if names[source.path] in known
    }
    sizes = {bytes.fromhex(digest): size for digest, size in found.values()}
    kept = index.kept({name: size for name, size in sizes.items() if name not in lost})
    return {path: (digest, size) for path, (digest, size) in found.items() if bytes.fromhex(digest) in kept}


def reused_by(index: Index, writer: PackContents, manifest: Manifest) -> list[Reused]:
    """What these files take over from packs that are published: chunks, with their bases, and recipes.

    Raises MissingPack where a chunk is neither in one nor in `writer`: a gc has taken it since the file was read
    (the tables are shared with other processes, so they may have heard of that meanwhile).
    """
    search = _Packs(index, writer)
    with index.reading():
        names = {bytes.fromhex(file.digest) for file in manifest.files if file.size}
        homes = index.recipe_homes(names)
        search.look_up(names)
        for name in names:
            search.add_file(name, homes.get(name))
    return search.found


def packs_of(reused: Iterable[Reused]) -> set[str]:
    """The names of the packs that this lies in."""
    found = set()
    for _, recipe, chains in reused:
        found |= {link.pack for chain in chains for link in chain} | ({recipe} if recipe is not None else set())
    return found


class _Packs:
    def __init__(self, index: Index, writer: PackContents) -> None:
        self._index = index
        self._writer = writer
        self._seen: set[bytes] = set()
        self._recipes: dict[bytes, tuple[Piece, ...]] = {}
        self._places: dict[bytes, Located] = {}
        self.found: list[Reused] = []

    def look_up(self, names: Collection[bytes]) -> None:
        """What the tables know of these files, by as few queries as possible."""
        self._recipes = self._index.recipes(names)
        pieces = {piece.digest for recipe in self._recipes.values() for piece in recipe}
        self._places = self._index.chunks(pieces.union(names))

    def add_file(self, name: bytes, home: str | None) -> None:
        """home: the published pack with its recipe, if there is one."""
        recipe = self._writer.recipe(name)
        if recipe is not None:
            home = None
        elif home is not None:
            recipe = self._recipes.get(name)
        chunks = (piece.digest for piece in recipe) if recipe else (name,)
        self.found.append(Reused(name, home, tuple(chain for chunk in chunks for chain in self._chains(chunk))))

    def _chains(self, name: bytes) -> Iterator[Chain]:
        """The published chunks that one needs: itself, or the base that it is newly stored on. Each is told once."""
        while name not in self._seen:
            self._seen.add(name)
            own = self._writer.entry(name)
            if own is None:
                yield self._chain(name)
            elif own.base is not None:
                name = own.base

    def _chain(self, name: bytes) -> list[Located]:
        located = self._places.get(name) or self._index.chunk(name)
        try:
            if located is not None:
                return chunks.chain(located, self._index.chunk)
        except DamagedChunk:
            pass  # its base has gone
        raise MissingPack(pack=f"with chunk {name.hex()}")
