"""Checks of the bytes of chunks and files, for which all packs are read: `fsck --full`."""

from __future__ import annotations

from collections.abc import Collection

from blake3 import blake3

from mreg.content import packs
from mreg.content.buffers import Buffers
from mreg.content.chunks import ChunkReader, chain
from mreg.content.packs import DamagedChunk, Located
from mreg.session.context import Context
from mreg.upkeep.check import Check, Data
from mreg.upkeep.check_packs import is_there
from mreg.upkeep.reach import copies
from mreg.values.progress import Progress


def check_bytes(context: Context, check: Check, progress: Progress | None) -> None:
    """Invariant 12 of docs/format.md: every chunk, and every file that has a recipe, has its digest."""
    data = check.data
    total = sum(entry.stored for index in data.indexes.values() for entry in index.chunks)
    buffers = Buffers()
    reader = ChunkReader(context.storage, data.places.get, buffers)
    loose = ChunkReader(context.storage, copies(data.indexes).get, buffers)  # of packs that nobody reads from
    users = data.users_by_chunk()
    for name, index in data.indexes.items():
        places = [Located(name, entry) for entry in index.chunks]
        read = (reader if name in check.refs.registered else loose).several(places, verified=True)
        for located, chunk in zip(places, read, strict=True):
            entry = located.entry
            data.chunks_read += 1
            data.bytes_read += entry.stored
            if not isinstance(chunk, DamagedChunk):
                buffers.give_back(chunk)
                data.sound.add(entry.digest)
            elif not _is_replaced(check, located) and not _is_swept(context, check, located):
                where = f"{packs.key_of(name)} at {entry.offset}"
                data.broken.add(located)
                check.found.add("chunk", where, chunk.reason, users[entry.digest])
            if progress:
                progress(data.bytes_read, total)
    for file, pieces in data.recipes.items():
        if all(piece.digest in data.sound for piece in pieces) and not _adds_up(reader, file, pieces, data):
            hurt = data.users.get(file.hex(), ())
            check.found.add("recipe", file.hex(), "its chunks do not match its digest", hurt)


def _is_replaced(check: Check, located: Located) -> bool:
    """Is another copy read in its place, as of a chunk that has been stored again?"""
    return located.pack in check.refs.registered and check.data.places.get(located.entry.digest) != located


def _is_swept(context: Context, check: Check, located: Located) -> bool:
    """Has a gc taken the chunk, or one that it is the difference to, since it was looked up?"""
    try:
        links = chain(located, check.data.places.get)
    except DamagedChunk:
        links = [located]
    gone = [link.pack for link in links if not is_there(context, packs.key_of(link.pack))]
    given_up = any(name not in check.refs.registered for name in gone)
    return given_up or (bool(gone) and context.journal.has(check.refs.head.seq + 1))


def _adds_up(reader: ChunkReader, file: bytes, pieces: Collection[packs.Piece], data: Data) -> bool:
    whole = blake3()
    for piece in pieces:
        located = data.places.get(piece.digest)
        try:
            whole.update(reader.read(located) if located else b"")
        except DamagedChunk:
            return False
    return whole.digest() == file
