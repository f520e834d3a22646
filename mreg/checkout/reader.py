"""Reading the files of a version: one by one, each byte verified before it is handed out, or many at once, for who
verifies before anybody else sees them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

from blake3 import blake3

from mreg import content
from mreg.content.buffers import Buffer, Buffers
from mreg.content.chunks import ChunkReader
from mreg.content.packs import MAX_CHUNK, DamagedChunk, Located, Piece
from mreg.refs.journal import Look, Mark
from mreg.session.context import Context
from mreg.values.errors import Damaged
from mreg.values.records import File

AT_ONCE: Final = 256
"""So many files are looked up at a time."""

WORTH_A_THREAD: Final = 32 << 10
"""Shorter chunks, and files, are read at once: handing them over would take longer."""


class DamagedFile(Damaged):
    code = "damaged-file"
    template = "file {path!r} of {version} cannot be read: {reason}"

    path: str
    version: str


class Part(NamedTuple):
    """The next bytes of a file, and whether they are its last; None where they cannot be had."""

    data: Buffer | None
    last: bool


class Reader:
    """Reads the files of one version. version: its name, for messages. look: at the journal; without it, one is
    taken."""

    def __init__(self, context: Context, version: str, look: Look | None = None) -> None:
        self._index = context.tables(look or context.journal.look())
        self._buffers = Buffers()
        self._chunks = ChunkReader(context.storage, self._index.chunk, self._buffers)
        self._version = version
        self._journal = context.journal
        self._looked: Mark | None = None

    def read(self, file: File) -> Iterator[bytes]:
        """The file's bytes, piece by piece, each verified. That they are all, and in order, is known only
        when the last has been given out: raises DamagedFile then at the latest."""
        whole, size = blake3(), 0
        pieces = self._pieces(file)
        if pieces is None and self._look_again():
            pieces = self._pieces(file)
        if pieces is None:
            raise self._damaged(file, "its chunks are missing, or do not make up its size")
        verified = [piece.digest.hex() for piece in pieces] == [file.digest]  # with its only chunk
        for piece in pieces:
            data = self._chunk(file, piece)
            size += len(data)
            if not verified:
                whole.update(data)
            yield bytes(data)  # theirs to keep; the buffer is used again
            self._buffers.give_back(data)
        if size != file.size or not (verified or whole.hexdigest() == file.digest):
            raise self._damaged(file, "its chunks do not make up its digest")

    def parts(self, files: Sequence[File]) -> Generator[Part]:
        """The bytes of all files, in order, decoded by several threads ahead of time and *not verified*: it is
        for the caller to compare each file with its digest, and to `read` one that is not right."""
        return content.parallel.in_order(self._decoding(files))

    def whole(self, files: Sequence[File]) -> Iterator[memoryview | None]:
        """The verified bytes of each of these short files; None where they cannot be had, and `read` is to be asked."""
        for file, places in self._located(files):
            data = self._join(places)
            sound = data is not None and blake3(data).hexdigest() == file.digest
            yield data if sound else None

    def _join(self, places: Sequence[Located | None]) -> memoryview | None:
        try:
            parts = [self._chunks.read(place) for place in places if place]
        except DamagedChunk:
            return None
        if len(parts) < len(places):
            return None
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))

    def done_with(self, data: Buffer) -> None:
        """The bytes of a part are not looked at any more."""
        self._buffers.give_back(data)

    def known(self, path: bytes, stamp: str) -> str | None:
        """The digest that a file outside had when it was last verified, if it still looks as it did then."""
        return self._index.known({path: stamp}).get(path)

    def remember(self, rows: Sequence[tuple[bytes, str, str]]) -> None:
        """Rows of path, stamp and digest, for `known`."""
        if rows:
            self._index.keep_known(rows)

    def _decoding(self, files: Sequence[File]) -> Iterator[tuple[bool, Callable[[], Part]]]:
        for _, places in self._located(files):
            for left, located in zip(range(len(places) - 1, -1, -1), places, strict=True):
                heavy = located is not None and located.entry.size >= WORTH_A_THREAD
                yield heavy, partial(self._decode, located, not left)
            if not places:
                yield False, partial(Part, b"", True)

    def _located(self, files: Sequence[File]) -> Iterator[tuple[File, Sequence[Located | None]]]:
        """Each file with what `_places` says, many looked up at a time."""
        for start in range(0, len(files), AT_ONCE):
            batch = files[start : start + AT_ONCE]
            with self._index.reading():
                found = list(self._places(batch))
            yield from zip(batch, found, strict=True)

    def _places(self, files: Sequence[File]) -> Iterator[Sequence[Located | None]]:
        """Where each file's chunks are kept; one None if any of them is not, or if they do not add up."""
        names = [bytes.fromhex(file.digest) for file in files]
        recipes = self._index.recipes(names)
        pieces = [
            (recipes.get(name) or (Piece(name, file.size),)) if file.size else ()
            for name, file in zip(names, files, strict=True)
        ]
        found = self._index.chunks({piece.digest for some in pieces for piece in some})
        for file, some in zip(files, pieces, strict=True):
            places = [_sound(piece, found.get(piece.digest)) for piece in some]
            whole = None not in places and sum(piece.size for piece in some) == file.size
            yield places if whole else [None]

    def _decode(self, located: Located | None, last: bool) -> Part:
        """In any thread."""
        try:
            return Part(self._chunks.read(located) if located else None, last)
        except DamagedChunk:
            return Part(None, last)

    def _pieces(self, file: File) -> tuple[Piece, ...] | None:
        """The file's chunks; None also where they are more or less than the file: a few bytes of hostile recipe
        stand for more than any disk holds."""
        pieces = self._index.pieces(bytes.fromhex(file.digest), file.size)
        return pieces if pieces is not None and sum(piece.size for piece in pieces) == file.size else None

    def _chunk(self, file: File, piece: Piece) -> memoryview:
        while True:
            try:
                return self._chunks.verified(self._locate(piece))
            except DamagedChunk as error:
                if not self._look_again():
                    raise self._damaged(file, str(error)) from None

    def _locate(self, piece: Piece) -> Located:
        located = self._index.chunk(piece.digest)
        fault = _fault(piece, located)
        if fault or located is None:
            pack = located.pack if located else "(none)"
            raise DamagedChunk(digest=piece.digest.hex(), pack=pack, reason=fault)
        return located

    def _look_again(self) -> bool:
        """Make the tables anew: since they were made, a pack may have been put back, or its chunks logged again, or a
        gc have moved them. False where that was done already, and nobody has committed since."""
        if self._looked is not None and not self._journal.has(self._looked.seq + 1):
            return False
        look = self._journal.look()
        self._index.start_anew(look)
        self._looked = look.head
        return True

    def _damaged(self, file: File, reason: str) -> DamagedFile:
        return DamagedFile(path=file.path, version=self._version, reason=reason)


def _sound(piece: Piece, located: Located | None) -> Located | None:
    return None if _fault(piece, located) else located


def _fault(piece: Piece, located: Located | None) -> str:
    """What is wrong with what was found for the piece; empty where it is right."""
    if located is None or piece.size > MAX_CHUNK:
        return "no pack has it"
    return "" if located.entry.size == piece.size else "it has another length"
