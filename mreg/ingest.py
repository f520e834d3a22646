"""Bringing files in: read once, cut, keep what the repository has not got yet, in one new pack."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from io import FileIO

from blake3 import blake3

from mreg.chunking import ShortFile, chunks
from mreg.digest import EMPTY
from mreg.errors import Conflict
from mreg.index import Index
from mreg.packs import PackWriter, Piece
from mreg.records import File, Manifest
from mreg.scan import Source, UnreadableFile, UnsupportedFile
from mreg.transaction import MissingPack

Progress = Callable[[int, int], None]
"""Told after each step: bytes done, bytes in all."""

RACY_SECONDS = 2.0
"""A file changed this short before it was read may change again without its times showing it: file systems
keep time in steps of up to 2 s. (git calls such an index entry racy.) It is read again the next time."""


class SourceChanged(Conflict):
    code = "source-changed"
    template = "{path!r} changed while it was read"


def ingest(index: Index, writer: PackWriter, sources: Sequence[Source], progress: Progress | None) -> Manifest:
    """The manifest of `sources`; the chunks that the repository lacks are in `writer` afterwards.

    index: up to date. Raises SourceChanged, UnreadableFile, OSError.
    """
    job = _Ingest(index, writer, sum(source.status.st_size for source in sources), progress)
    manifest = Manifest(tuple(job.file(source) for source in sources))
    index.keep_known(job.seen)
    return manifest


def packs_of(index: Index, writer: PackWriter, manifest: Manifest) -> set[str]:
    """The names of the published packs that hold chunks or recipes of these files.

    Raises MissingPack where a chunk is neither in one nor in `writer`: a gc has taken it since the file was read
    (the tables are shared with other processes, so they may have heard of that meanwhile).
    """
    found = set()
    for name, size in {(bytes.fromhex(file.digest), file.size) for file in manifest.files}:
        recipe = writer.recipe(name)
        home = None if recipe else index.recipe_home(name)
        if home:
            found.add(home)
        pieces = recipe or ((Piece(name, size),) if name in writer else index.pieces(name, size))
        for piece in (Piece(name, size),) if pieces is None else pieces:
            if piece.digest in writer:
                continue
            located = index.chunk(piece.digest)
            if located is None:
                raise MissingPack(pack=f"with chunk {piece.digest.hex()}")
            found.add(located.pack)
    return found


class _Ingest:
    def __init__(self, index: Index, writer: PackWriter, total: int, progress: Progress | None) -> None:
        self._index = index
        self._writer = writer
        self._total = total
        self._done = 0
        self._progress = progress
        self.seen: list[tuple[bytes, str, str]] = []

    def file(self, source: Source) -> File:
        size = source.status.st_size
        path = os.fsencode(os.path.abspath(source.file))
        digest = self._index.known(path, stamp(source.status))
        if digest is not None and self._is_kept(bytes.fromhex(digest), size):
            self._advance(size)
        else:
            digest, size = self._read(source, path)
        return File(source.path, size, digest, bool(source.status.st_mode & stat.S_IXUSR))

    def _is_kept(self, name: bytes, size: int) -> bool:
        """Is all of the file there? A gc may have left its recipe, and taken chunks."""
        if size == 0 or self._index.chunk(name):
            return True
        pieces = self._index.pieces(name, size)
        return pieces is not None and all(self._index.chunk(piece.digest) for piece in pieces)

    def _read(self, source: Source, path: bytes) -> tuple[str, int]:
        began = time.time()
        try:
            # Not blocking: a pipe may have taken the file's place since it was looked at.
            descriptor = os.open(source.file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise UnreadableFile(path=source.file, reason=error.strerror) from None
        with open(descriptor, "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise UnsupportedFile(path=source.file, reason="it stopped being a file")
            try:
                digest = self._chunks(_reading(file, before.st_size, source.file), before.st_size)
            except ShortFile:
                raise SourceChanged(path=source.file) from None
            after = os.fstat(file.fileno())
        if stamp(before) != stamp(after):
            raise SourceChanged(path=source.file)
        if max(before.st_mtime, before.st_ctime) < began - RACY_SECONDS:
            self.seen.append((path, stamp(before), digest))
        return digest, before.st_size

    def _chunks(self, chunks: Iterator[memoryview], size: int) -> str:
        """Take in the file's chunks; its digest."""
        if size == 0:
            return EMPTY
        whole = blake3()
        pieces: list[Piece] = []
        for chunk in chunks:
            name = blake3(chunk).digest()
            if len(chunk) != size:
                whole.update(chunk)
            if name not in self._writer and self._index.chunk(name) is None:
                self._writer.add(name, chunk)
            pieces.append(Piece(name, len(chunk)))
            self._advance(len(chunk))
        if len(pieces) == 1:
            return pieces[0].digest.hex()
        digest = whole.digest()
        if self._index.pieces(digest, size) != tuple(pieces):  # cut otherwise before, and a gc may have taken those
            self._writer.add_recipe(digest, tuple(pieces))
        return digest.hex()

    def _advance(self, count: int) -> None:
        self._done += count
        if self._progress:
            self._progress(self._done, self._total)


def _reading(file: FileIO, size: int, path: str) -> Iterator[memoryview]:
    """The file's chunks. Raises ShortFile, UnreadableFile: what goes wrong in here is the source's fault, and
    no failure to write what was read is taken for one."""
    try:
        yield from chunks(file, size)
    except OSError as error:
        raise UnreadableFile(path=path, reason=error.strerror or str(error)) from None


def stamp(status: os.stat_result) -> str:
    """What changes when a file does, as far as its stat can tell."""
    fields = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
    return " ".join(map(str, fields))
