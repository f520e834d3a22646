"""Another repository, from which a repair takes what is sound there. Digests tell that it is the same, so it may be any
repository; and all of it is verified before it is used."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cached_property

from mreg.content import packs
from mreg.content.chunks import ChunkReader
from mreg.content.objects import DamagedObject, Objects
from mreg.content.packs import DamagedChunk, DamagedPack, Located, PackIndex, Piece
from mreg.refs.journal import Mark
from mreg.session.context import Context
from mreg.storage import Storage, unreadable
from mreg.upkeep import reach
from mreg.upkeep.aside import put_over
from mreg.upkeep.check_records import is_record
from mreg.values.digest import digest
from mreg.values.errors import Damaged

_BLOCK = 1 << 20


class OtherRepository:
    """What of its data is sound; of no repository, nothing is."""

    def __init__(self, context: Context | None) -> None:
        self._context = context

    @cached_property
    def _indexes(self) -> dict[str, PackIndex]:
        found: dict[str, PackIndex] = {}
        if self._context is None:
            return found
        storage, journal = self._context.storage, self._context.journal
        named: dict[str, None] = {}
        buried: dict[str, int] = {}
        with suppress(Damaged):  # the journal need not be whole: what it does not name may be right all the same
            entries = journal.whole() if storage.lists else journal.after(Mark(0, journal.origin))
            for _, entry in entries:
                reach.register(named, entry, buried)
        others = [name for name in packs.pack_names(storage) if name not in named] if storage.lists else []
        for name in (*others, *named):
            if index := self._read_index(name):
                found[name] = index
        return found

    def _read_index(self, name: str) -> PackIndex | None:
        with suppress(DamagedPack):
            return packs.read_index(self._context.storage, name) if self._context else None
        return None

    @cached_property
    def _places(self) -> dict[bytes, Located]:
        return reach.copies(self._indexes)

    @cached_property
    def _reader(self) -> ChunkReader | None:
        return ChunkReader(self._context.storage, self._places.get) if self._context else None

    @property
    def location(self) -> str:
        return self._context.location if self._context else "nowhere"

    def record(self, name: str) -> bytes | None:
        """The version record or manifest with this digest."""
        return found_record(self._context.objects, name) if self._context else None

    def chunk(self, name: bytes) -> memoryview | None:
        """The bytes of the chunk with this digest (raw)."""
        located = self._places.get(name)
        return self._read(located) if located else None

    def recipes(self, file: bytes) -> Iterator[Collection[Piece]]:
        """The ways in which this file is put together there."""
        for index in self._indexes.values():
            if file in index.recipes:
                yield index.recipes[file]

    def copy_pack(self, name: str, into: Context) -> bool:
        """Bring the pack of this name, if all of it is sound."""
        index = self._indexes.get(name) or self._read_index(name)
        if index is None or self._context is None:
            return False
        if any(self._read(Located(name, entry)) is None for entry in index.chunks):
            return False
        key = packs.key_of(name)
        with into.storage.stage() as staged:
            try:
                while block := self._context.storage.read(key, staged.size, _BLOCK):
                    staged.write(block)
            except OSError as error:
                unreadable(error)
                return False
            return put_over(into.storage, key, staged)

    def _read(self, located: Located) -> memoryview | None:
        try:
            return self._reader.verified(located) if self._reader else None
        except DamagedChunk:
            return None


def sound_record(storage: Storage, key: str, name: str) -> bytes | None:
    """The record of this name (its digest) under `key`, if that is what is there."""
    try:
        value = storage.get(key)
    except OSError as error:
        unreadable(error)
        return None
    return value.data if value and digest(value.data) == name and is_record(value.data) else None


def found_record(objects: Objects, name: str) -> bytes | None:
    """The record of this name (its digest), wherever it lies."""
    try:
        data = objects.get(name)
    except DamagedObject:
        return None
    return data if is_record(data) else None
