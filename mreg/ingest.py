"""Bringing files in: what the repository has not got yet goes into one new pack.

What the stat cache knows is not read (`ingest`); the rest is read once, by `mreg.intake`.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mreg import chunks
from mreg.index import Index
from mreg.packs import DamagedChunk, Located, PackWriter, Piece
from mreg.records import File, Manifest
from mreg.scan import Source
from mreg.statcache import key, stamp
from mreg.transaction import MissingPack

if TYPE_CHECKING:  # not loaded where nothing has to be read
    from mreg.bases import Bases
    from mreg.buffers import Buffers
    from mreg.intake import Progress


def ingest(
    index: Index,
    writer: PackWriter,
    sources: Sequence[Source],
    progress: Progress | None = None,
    *,
    encode: bool = True,
    bases: Callable[[Buffers], Bases | None] | None = None,
) -> Manifest:
    """The manifest of `sources`; the chunks that the repository lacks are in `writer` afterwards.

    index: up to date. encode: whether to make chunks smaller. bases: what new chunks may be near to; called only
    where there are some. Raises SourceChanged, UnreadableFile, OSError.
    """
    found: dict[str, tuple[str, int]] = {}
    with index.reading():
        for source in sources:
            digest = index.known(key(source.file), stamp(source.status))
            if digest is not None and index.keeps(bytes.fromhex(digest), source.status.st_size):
                found[source.path] = digest, source.status.st_size
    rest = [source for source in sources if source.path not in found]
    if rest:
        from mreg.intake import Intake, Store

        done, total = sum(size for _, size in found.values()), sum(source.status.st_size for source in sources)
        intake = Intake(
            index, Store(writer, encode, bases), lambda count: progress(done + count, total) if progress else None
        )
        found |= intake.read(rest)
        index.keep_known(intake.seen)
    return Manifest(tuple(File(one.path, found[one.path][1], found[one.path][0], _executable(one)) for one in sources))


def _executable(source: Source) -> bool:
    return bool(source.status.st_mode & stat.S_IXUSR)


def packs_of(index: Index, writer: PackWriter, manifest: Manifest) -> set[str]:
    """The names of the published packs that hold chunks (with their bases) or recipes of these files.

    Raises MissingPack where a chunk is neither in one nor in `writer`: a gc has taken it since the file was read
    (the tables are shared with other processes, so they may have heard of that meanwhile).
    """
    search = _Packs(index, writer)
    with index.reading():
        for name, size in {(bytes.fromhex(file.digest), file.size) for file in manifest.files}:
            search.add_file(name, size)
    return search.found


class _Packs:
    def __init__(self, index: Index, writer: PackWriter) -> None:
        self._index = index
        self._writer = writer
        self._seen: set[bytes] = set()
        self.found: set[str] = set()

    def add_file(self, name: bytes, size: int) -> None:
        recipe = self._writer.recipe(name)
        home = None if recipe else self._index.recipe_home(name)
        if home:
            self.found.add(home)
        pieces = recipe or ((Piece(name, size),) if name in self._writer else self._index.pieces(name, size))
        for piece in (Piece(name, size),) if pieces is None else pieces:
            self._add_chunk(piece.digest)

    def _add_chunk(self, name: bytes) -> None:
        if name in self._seen:
            return
        self._seen.add(name)
        own = self._writer.entry(name)
        if own is not None:
            if own.base is not None:
                self._add_chunk(own.base)
            return
        for link in self._chain(name):
            self.found.add(link.pack)

    def _chain(self, name: bytes) -> list[Located]:
        located = self._index.chunk(name)
        try:
            if located is not None:
                return chunks.chain(located, self._index.chunk)
        except DamagedChunk:
            pass  # its base has gone
        raise MissingPack(pack=f"with chunk {name.hex()}")
