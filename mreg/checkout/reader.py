"""Reading the files of a version: one stream of their bytes, decoded ahead of time by several threads."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from itertools import chain
from threading import Lock
from typing import TYPE_CHECKING, Final

from blake3 import blake3

from mreg import checkout, content
from mreg.checkout.holes import zeros_of
from mreg.content.buffers import Buffer, Buffers
from mreg.content.chunks import ChunkReader, Kept
from mreg.content.packs import MAX_CHUNK, DamagedChunk, Located, Piece
from mreg.refs.journal import Look, Mark
from mreg.refs.keys import VersionKey
from mreg.session.context import Context
from mreg.values.errors import Damaged
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import parse_version
from mreg.values.records import File

if TYPE_CHECKING:
    from mreg.checkout.nearby import Catalogue, NearestChunks
    from mreg.session.chunk_catalogue import NarrowCatalogue
    from mreg.session.index import Index

AT_ONCE: Final = 256
"""Files looked up per query, and the most chunks per run."""

WORTH_A_THREAD: Final = 32 << 10
"""Shorter chunks are read at once: handing them over would take longer."""

_UNKNOWN: Final = "its chunks are missing, or do not add up to its size"

WORTH_A_LOOK: Final = 16 << 20
"""Of shorter files, it does not matter beforehand where they have holes."""

RUN: Final = 256 << 10
"""Bytes of short chunks that go through the pipeline together."""


class DamagedFile(Damaged):
    code = "damaged-file"
    template = "file {path!r} of {version} cannot be read: {reason}"

    path: str
    version: str


class Part(NamedTuple):
    """The next bytes of a file.

    last: whether the file has no others. right: told with the last, whether all of them make up the file's digest.
    error: why they cannot be had; such a part is the last, and has no bytes.
    """

    data: Buffer
    last: bool
    right: bool = True
    error: DamagedFile | None = None


class _Step(NamedTuple):
    """A chunk of a file, and where it is kept; None where there is nothing to read. last: of the file. alone: it is
    the whole file, and verified by its own digest. known: whether anything is known of the file's chunks."""

    file: File
    piece: Piece
    place: Located | None
    last: bool = True
    alone: bool = False
    known: bool = True


_Read = tuple[_Step, memoryview | DamagedChunk]


class Reader:
    """Reads the files of one version. version: its name, for messages. look: at the journal; without it, one is
    taken. buffers: whose memory is used, its own where there are none."""

    def __init__(
        self, context: Context, version: str, look: Look | None = None, buffers: Buffers | None = None
    ) -> None:
        tables = context.tables(look or context.journal.look())
        far = tables.narrowed(_packs_of(context, tables, version))
        self._index: Index | NarrowCatalogue | Catalogue = far
        self._buffers = buffers or Buffers()
        self._chunks: ChunkReader | NearestChunks = ChunkReader(context.storage, self._index.chunk, self._buffers)
        nearest = checkout.nearby.nearest(context, far, self._buffers) if context.near else None
        if nearest:
            self._index, self._chunks = nearest
        self._storage = context.storage
        self._version = version
        self._journal = context.journal
        self._looking = Lock()
        self._looks = 0
        self._looked: Mark | None = None

    def read(self, file: File) -> Iterator[bytes]:
        """The file's bytes, piece by piece, each verified. That they are all, and in order, is known only
        when the last has been given out: raises DamagedFile then at the latest."""
        with closing(self.stream((file,), verified=True)) as parts:
            for part in parts:
                if part.error:
                    raise part.error
                yield bytes(part.data)  # theirs to keep; the buffer is used again
                self.done_with(part.data)
                if not part.right:
                    raise self.wrong_recipe(file)

    def stream(self, files: Sequence[File], *, verified: bool = False) -> Generator[Part]:
        """The bytes of all files, in order. Nothing is known of them before the last part of their file tells whether
        they are right, unless each part is to be `verified`."""
        with closing(self._decoded(files, verified)) as chunks:
            whole, failed = blake3(), False
            for step, data in chunks:
                if step.alone and not isinstance(data, DamagedChunk):
                    yield Part(data, True)
                    continue
                if not failed:
                    part = self._part(step, data, whole)
                    failed = part.error is not None
                    yield part
                elif not isinstance(data, DamagedChunk):
                    self._buffers.give_back(data)
                if step.last:
                    whole, failed = blake3(), False

    def chunk(self, file: File, piece: Piece, kept: Kept | None = None) -> memoryview:
        """The bytes of a chunk of the file, verified, from wherever they may be found. In any thread. kept: see
        `ChunkReader.verified`. Raises DamagedFile."""
        while True:
            looks = self._looks
            try:
                return self._chunks.verified(self._locate(piece), kept)
            except DamagedChunk as error:
                if not self._look_again(looks):
                    raise self._damaged(file, str(error)) from None

    def pieces(self, file: File) -> tuple[Piece, ...]:
        """The file's chunks, as far as they are known."""
        return self._index.pieces(bytes.fromhex(file.digest), file.size) or ()

    def holes(self, file: File) -> int:
        """How many bytes of a long file need no room on the disk, as far as its chunks tell by their digests."""
        return zeros_of(self.pieces(file)) if file.size >= WORTH_A_LOOK else 0

    def wrong_recipe(self, file: File) -> DamagedFile:
        """What to raise where each chunk of the file is right, and the file is not."""
        return self._damaged(file, "its chunks do not match its digest")

    def unknown_chunks(self, file: File) -> DamagedFile:
        """What to raise where the file's chunks are not known."""
        return self._damaged(file, _UNKNOWN)

    def done_with(self, data: Buffer) -> None:
        """The bytes of a part are not looked at any more."""
        self._buffers.give_back(data)

    def known(self, path: bytes, stamp: str) -> str | None:
        """The digest that a file outside had when it was last verified, if it still looks as it did then."""
        return self._index.known({path: stamp}).get(path)

    def holds(self, file: File) -> bool:
        """Does the repository have such a file's bytes?"""
        with self._index.reading():
            (steps,) = self._located([file])
        return all(step.place for step in steps) if file.size and steps else file.size == 0

    def remember(self, rows: Sequence[tuple[bytes, str, str]]) -> None:
        """Rows of path, stamp and digest, for `known`."""
        if rows:
            self._index.keep_known(rows)

    def _part(self, step: _Step, data: memoryview | DamagedChunk, whole: blake3) -> Part:
        """whole: of the file's bytes before these."""
        file = step.file
        if not step.known:
            return Part(b"", True, True, self.unknown_chunks(file))
        if isinstance(data, DamagedChunk):
            try:
                data = self.chunk(file, step.piece)
            except DamagedFile as error:
                return Part(b"", True, True, error)
        if step.alone:
            return Part(data, True)
        whole.update(data)
        return Part(data, step.last, not step.last or whole.hexdigest() == file.digest)

    def _decoded(self, files: Sequence[File], verified: bool) -> Generator[_Read]:
        """The chunks of all files, in order."""

        decode = partial(self._decode, verified=verified)
        runs = _runs(self._steps(files))
        if all(file.size < WORTH_A_THREAD for file in files):
            for run in runs:
                yield from decode(run)
            return
        with closing(content.parallel.in_order(decode, runs, _is_worth_a_thread)) as results:
            for result in results:
                yield from result

    def _decode(self, run: Sequence[_Step], verified: bool) -> list[_Read]:
        """In any thread. Of the chunks of long files only short ones are verified by themselves: that costs little."""
        verified = verified or run[0].alone or not _is_worth_a_thread(run)
        found = self._chunks.several((step.place for step in run if step.place), verified=verified)
        return [(step, next(found) if step.place else _nothing(step.piece)) for step in run]

    def _steps(self, files: Sequence[File]) -> Iterator[_Step]:
        """The steps of all files, many of which are looked up at a time."""
        for start in range(0, len(files), AT_ONCE):
            batch = files[start : start + AT_ONCE]
            with self._index.reading():
                found = list(self._located(batch))
            self._will_read(step for steps in found for step in steps)
            for file, steps in zip(batch, found, strict=True):
                if not steps and self._look_again(self._looks):
                    (steps,) = self._located([file])
                yield from steps or [_Step(file, Piece(b"", 0), None, known=False)]

    def _will_read(self, steps: Iterable[_Step]) -> None:
        places = [step.place for step in steps if step.place]
        self._storage.will_read(lambda: chain.from_iterable(map(self._chunks.ranges, places)))

    def _located(self, files: Sequence[File]) -> Iterator[Sequence[_Step]]:
        """The steps of each file; none where its chunks are not known, or do not add up to its size: a few bytes of
        hostile recipe stand for more than any disk holds."""
        names = [bytes.fromhex(file.digest) for file in files]
        recipes = {name: pieces for name, pieces in self._index.recipes(names).items() if pieces}
        places = self._index.chunks({piece.digest for some in recipes.values() for piece in some}.union(names))
        for file, name in zip(files, names, strict=True):
            if file.size == 0:
                yield [_Step(file, Piece(name, 0), None)]
            elif name not in recipes:
                piece = Piece(name, file.size)
                yield [_Step(file, piece, _sound(piece, places[name]), True, True)] if name in places else ()
            elif sum(piece.size for piece in recipes[name]) != file.size:
                yield ()
            else:
                *others, last = recipes[name]
                yield [
                    *(_Step(file, piece, _sound(piece, places.get(piece.digest)), False) for piece in others),
                    _Step(file, last, _sound(last, places.get(last.digest))),
                ]

    def _locate(self, piece: Piece) -> Located:
        located = self._index.chunk(piece.digest)
        fault = _fault(piece, located)
        if fault or located is None:
            pack = located.pack if located else "(none)"
            raise DamagedChunk(digest=piece.digest.hex(), pack=pack, reason=fault)
        return located

    def _look_again(self, looks: int) -> bool:
        """Make the tables anew: since they were made, a pack may have been put back, or its chunks logged again, or a
        gc have moved them. looks: how many there had been when what failed began; another thread may have looked
        since. False where that was done already, and nobody has committed since."""
        with self._looking:
            if self._looks != looks:
                return True
            if not self._index.read_packs():
                if self._looked is not None and not self._journal.has(self._looked.seq + 1):
                    return False
                look = self._journal.look()
                self._index.start_anew(look)
                self._looked = look.head
            self._looks += 1
            return True

    def _damaged(self, file: File, reason: str) -> DamagedFile:
        return DamagedFile(path=file.path, version=self._version, reason=reason)


def _packs_of(context: Context, tables: Index, version: str) -> Collection[str]:
    """The packs that the version is read from, by the entry that made it or brought it back; none where that is not
    known (the entry is damaged, or pending), or they were replaced since."""
    artifact, _, number = version.rpartition(":")
    ref = tables.ref(VersionKey(artifact, parse_version(number) or 0))
    with suppress(Damaged):
        return context.journal.entry(ref.seq).packs if ref else ()
    return ()


def _sound(piece: Piece, located: Located | None) -> Located | None:
    return None if _fault(piece, located) else located


def _fault(piece: Piece, located: Located | None) -> str:
    """What is wrong with what was found for the piece; empty where it is right."""
    if located is None or piece.size > MAX_CHUNK:
        return "no pack has it"
    return "" if located.entry.size == piece.size else "it has a different length"


def _nothing(piece: Piece) -> memoryview | DamagedChunk:
    """What is read of a piece that is kept nowhere."""
    if piece.size == 0:
        return memoryview(b"")
    return DamagedChunk(digest=piece.digest.hex(), pack="(none)", reason="no pack has it")


def _runs(steps: Iterable[_Step]) -> Iterator[list[_Step]]:
    """The steps in their order: one that is worth a thread by itself, many others together."""
    run: list[_Step] = []
    size = 0
    for step in steps:
        heavy = step.piece.size >= WORTH_A_THREAD
        if run and (heavy or size >= RUN or len(run) == AT_ONCE):
            yield run
            run, size = [], 0
        if heavy:
            yield [step]
        else:
            run.append(step)
            size += step.piece.size
    if run:
        yield run


def _is_worth_a_thread(run: Sequence[_Step]) -> bool:
    return run[0].piece.size >= WORTH_A_THREAD
