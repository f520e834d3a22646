"""What files lack, and where it can be had: from other packs of this repository, or from another one."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from blake3 import blake3

from mreg.content import codecs, packs
from mreg.content.buffers import Buffers
from mreg.content.chunks import ChunkReader, chain
from mreg.content.pack_writer import PackWriter
from mreg.content.packs import DamagedChunk, Located, Piece, read_stored
from mreg.session.context import Context
from mreg.upkeep import reach
from mreg.upkeep.check import Check
from mreg.upkeep.other_repository import OtherRepository
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import File


class Plan(NamedTuple):
    """replaced: packs whose chunks have been written anew; useless: unreadable ones that nothing needs any more."""

    replaced: list[str]
    useless: list[str]


class Healer:
    """Finds out what files lack, and puts it into the writer."""

    def __init__(self, context: Context, check: Check, source: OtherRepository, writer: PackWriter) -> None:
        self._storage = context.storage
        self._data = check.data
        self._registered = check.refs.registered.keys()
        self._found = check.found
        self._source = source
        self._writer = writer
        self._encode = context.setting("log.compress")
        self._buffers = Buffers()
        self._reader = ChunkReader(context.storage, check.data.places.get, self._buffers)
        self._needed = check.data.users_by_chunk()
        self._damaged = {located.pack for located in check.data.broken}
        self._failed = False
        self.brought: set[bytes] = set()
        self._from_here = 0

    @property
    def whence(self) -> str:
        """Where the chunks came from."""
        return "other packs" if self._from_here == len(self.brought) else self._source.location

    def heal_files(self) -> None:
        """Bring what can be had of every file of a version that is not whole."""
        for file in self._data.files():
            if file.size and not self._heal(file):
                self._failed = True

    def _heal(self, file: File) -> bool:
        name = bytes.fromhex(file.digest)
        pieces = self._data.pieces(file)
        whole = sum(piece.size for piece in pieces) == file.size
        healed = [self._heal_chunk(piece.digest) for piece in pieces] if whole else []  # each of them is tried
        return (whole and all(healed)) or any(self._follow(file, name, other) for other in self._source.recipes(name))

    def _heal_chunk(self, chunk: bytes) -> bool:
        """Whether the chunk can be read, or its way to that was brought nearer."""
        lacking = self._lacking(chunk)
        return not lacking or any(self._bring(one) for one in lacking)

    def _lacking(self, chunk: bytes) -> list[bytes]:
        """What has to be brought for the chunk to be read, any one of these: the lowest that is damaged or missing of
        it and its bases (others are differences to that one too), or what lies above that."""
        places, broken = self._data.places, self._data.broken
        links = [chunk, *list(reach.with_bases(chunk, places))[1:]]
        bad = [link for link in links if link not in places or places[link] in broken]
        if not bad:
            try:
                chain(places[chunk], places.get)
            except DamagedChunk:
                return [chunk]
        return bad[::-1]

    def _bring(self, chunk: bytes) -> bool:
        """Put a whole copy of the chunk into the writer; False where there is none to be had."""
        if chunk in self._writer:
            return True
        data = self._other_copy(chunk)
        self._from_here += data is not None
        if data is None:
            data = self._source.chunk(chunk)
        if data is None:
            return False
        room = self._buffers.take(len(data) + codecs.EXTRA)
        self._writer.add(chunk, data, codecs.encode(data, room) if self._encode else None)
        self._buffers.give_back(room)
        self.brought.add(chunk)
        return True

    def _other_copy(self, chunk: bytes) -> memoryview | None:
        """From another pack of this repository, where its bytes were found to be whole."""
        if chunk not in self._data.sound:
            return None
        for name, index in self._data.indexes.items():
            for entry in index.chunks:
                if entry.digest == chunk and Located(name, entry) not in self._data.broken:
                    with suppress(DamagedChunk):
                        return self._reader.verified(Located(name, entry))
        return None

    def _follow(self, file: File, name: bytes, pieces: Collection[Piece]) -> bool:
        """Put the file together in the source's way; whether that gave it."""
        if sum(piece.size for piece in pieces) != file.size:
            return False
        whole = blake3()
        for piece in pieces:
            data = self._readable(piece.digest)
            if data is None:
                data = self._source.chunk(piece.digest)
                if data is None or not self._bring(piece.digest):
                    return False
            whole.update(data)
        if whole.digest() != name:
            return False
        self._writer.add_recipe(name, pieces)
        return True

    def _readable(self, chunk: bytes) -> memoryview | None:
        """The chunk as it is read here, or None."""
        located = self._data.places.get(chunk)
        try:
            return self._reader.verified(located) if located else None
        except DamagedChunk:
            return None

    # Packs that were damaged.

    def plan(self) -> Plan:
        """Which packs to write anew: those of which a damaged chunk was brought, or in which none is needed; and which
        unreadable ones to give up: all, as soon as nothing lacks anything."""
        replaced = [name for name in sorted(self._damaged & self._registered) if self._is_mended(name)]
        sure = not self._failed and not self._found.of("record")
        unread = {packs.name_of(finding.what) or "" for finding in self._found.of("pack")}
        return Plan(replaced, sorted(unread) if sure else [])

    def _is_mended(self, name: str) -> bool:
        roots = self._roots(name)
        needed = [chunk for chunk in roots if self._is_missed(chunk)]
        return bool(roots) and (not needed or any(chunk in self._writer for chunk in needed))

    def _is_missed(self, chunk: bytes) -> bool:
        """Does a version need it, and is what would be read of it damaged?"""
        return bool(self._needed.get(chunk)) and self._data.places.get(chunk) in self._data.broken

    def _roots(self, name: str) -> set[bytes]:
        """The damaged chunks of the pack that are so by themselves, and not because of a base that is damaged."""
        places, broken = self._data.places, self._data.broken
        return {
            entry.digest
            for pack, entry in broken
            if pack == name and (entry.base is None or places.get(entry.base) not in broken)
        }

    def carry(self, name: str) -> bool:
        """Put into the writer all else that the pack holds, as it is; damaged chunks only where a version needs them,
        and no whole copy was brought. False where that could not be read: a disk may be able to later."""
        index, roots, whole = self._data.indexes[name], self._roots(name), True
        for entry in index.chunks:
            located = Located(name, entry)
            if entry.digest in self._writer or (entry.digest in roots and not self._is_missed(entry.digest)):
                continue
            form = memoryview(bytearray(entry.stored))
            try:
                read_stored(self._storage, located, form)
            except DamagedChunk:
                whole = False
            else:
                self._writer.carry(entry, form)
        for file, pieces in index.recipes.items():
            if self._writer.recipe(file) is None:
                self._writer.add_recipe(file, pieces)
        return whole
