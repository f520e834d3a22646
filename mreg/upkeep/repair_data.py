"""Repairing what nothing else says: records, packs and chunks, from another repository that has the same ones. Their
digests tell that they are the same, so it may be any repository; and each is verified before it is used."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple

from blake3 import blake3

from mreg.content import codecs, objects, packs
from mreg.content.buffers import Buffers
from mreg.content.chunks import ChunkReader, chain
from mreg.content.pack_writer import PackWriter
from mreg.content.packs import DamagedChunk, DamagedPack, Located, PackIndex, Piece, read_stored
from mreg.refs.journal import Mark
from mreg.refs.transaction import Draft
from mreg.session.context import Context
from mreg.storage import Storage, unreadable
from mreg.upkeep import reach
from mreg.upkeep.aside import move_aside, put_over
from mreg.upkeep.check_data import is_record, users_by_chunk
from mreg.upkeep.findings import Findings, Repaired
from mreg.upkeep.garbage import Moved
from mreg.values.digest import digest, is_digest
from mreg.values.records import File

_BLOCK = 1 << 20
_ANY_SIZE = 1 << 62


class Source:
    """Another repository, or nothing at all: what of its data is sound."""

    def __init__(self, context: Context | None) -> None:
        self._context = context

    @cached_property
    def _indexes(self) -> dict[str, PackIndex]:
        found: dict[str, PackIndex] = {}
        if self._context is None:
            return found
        storage = self._context.storage
        for name in packs.pack_names(storage):
            with suppress(DamagedPack):
                found[name] = packs.read_index(storage, name)
        return found

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
        return _sound(self._context.storage, objects.key_of(name), name) if self._context else None

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
        index = self._indexes.get(name)
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


def repair_records(context: Context, check: Findings, source: Source) -> Iterator[Repaired]:
    """Put back records, from the cache or the source. Objects that are none, and that nothing needs, are moved
    aside, where all that is needed can be told."""
    told = check.whole and not any(finding.code == "record" for finding in check.found)
    for finding in check.found:
        if finding.code not in ("record", "object"):
            continue
        name = finding.what.removeprefix("objects/").replace("/", "")
        if _sound(context.storage, finding.what, name) is not None:
            continue  # it is what it was when it was written
        data, where = None, ""
        if is_digest(name):
            data, where = context.index.records([name]).get(name), "the cache"
            if data is None or not is_record(data):
                data, where = source.record(name), source.location
        if data is not None:
            if put_over(context.storage, objects.key_of(name), data):
                yield Repaired(finding.code, finding.what, f"put back from {where}")
        elif finding.code == "object" and (not is_digest(name) or (told and not check.users.get(name))):
            place = move_aside(context.storage, finding.what)
            if place:
                yield Repaired("object", finding.what, f"nothing needs it: moved to {place}")


def _sound(storage: Storage, key: str, name: str) -> bytes | None:
    """The record of this name (its digest) under `key`, if that is what is there."""
    try:
        value = storage.get(key)
    except OSError as error:
        unreadable(error)
        return None
    return value.data if value and digest(value.data) == name and is_record(value.data) else None


def repair_packs(context: Context, check: Findings, source: Source) -> Iterator[Repaired]:
    """Bring damaged and lost packs whole from the source, if it has them by name."""
    names = {packs.name_of(finding.what) or "" for finding in check.found if finding.code == "pack"}
    for name in sorted(names | {located.pack for located in check.broken}):
        if source.copy_pack(name, context):
            yield Repaired("pack", packs.key_of(name), f"put back from {source.location}")


class _Plan(NamedTuple):
    """replaced: packs whose chunks have been written anew; useless: unreadable ones that nothing needs any more."""

    replaced: list[str]
    useless: list[str]


def repair_chunks(context: Context, check: Findings, source: Source) -> list[Repaired]:
    """Write a new pack of the chunks that are damaged or missing here and sound in the source, and of what is still
    good in the packs that they were damaged in, which it takes the place of. Raises Moved where somebody
    committed meanwhile; Damaged."""
    if not check.whole:
        return []  # nobody knows which packs are read from
    with PackWriter(context.storage) as writer:
        healer = _Healer(context, check, source, writer)
        healer.heal_files()
        brought, size = len(healer.brought), writer.new
        plan = healer.plan()
        left = [name for name in plan.replaced if not healer.carry(name)]
        pack = ""
        gone = [name for name in (*plan.replaced, *plan.useless) if name in check.registered]
        if writer.empty and not gone:
            return _set_loose_aside(context, check, plan)
        if not writer.empty:
            pack = writer.publish()
    entry = _commit(context, check, (pack,) if pack else (), gone)
    done = _set_loose_aside(context, check, plan)
    if brought:
        what = f"{brought} chunk{'s' * (brought != 1)} ({size} bytes) from {healer.whence}, named by entry {entry.seq}"
        done.append(Repaired("chunk", packs.key_of(pack), what))
    for name in plan.replaced:
        into = f"written anew into pack {pack}" if pack else "nothing in it was needed"
        rest = ", and left there, as not all could be read" if name in left else ""
        done.append(Repaired("pack", packs.key_of(name), f"{into}; given up by entry {entry.seq}{rest}"))
    for name in plan.useless:
        if name in check.registered:
            told = f"nothing needs it any more: given up by entry {entry.seq}"
            done.append(Repaired("pack", packs.key_of(name), told))
    _delete(context, entry, [name for name in plan.replaced if name not in left], plan.useless)
    return done


def _set_loose_aside(context: Context, check: Findings, plan: _Plan) -> list[Repaired]:
    """Packs from which nothing is read are moved aside, also without a word in the journal."""
    loose = [name for name in plan.useless if name not in check.registered]
    loose += sorted({located.pack for located in check.broken} - check.registered)
    moved = ((packs.key_of(name), move_aside(context.storage, packs.key_of(name), _ANY_SIZE)) for name in loose)
    return [Repaired("pack", key, f"nothing is read from it: moved to {place}") for key, place in moved if place]


def _commit(context: Context, check: Findings, new: tuple[str, ...], gone: list[str]) -> Mark:
    def build(draft: Draft) -> None:
        if draft.view.head != check.head:
            raise Moved()
        draft.packs, draft.drops = new, tuple(sorted(map(packs.key_of, gone)))

    return context.commit("fsck --repair", build).look.head


def _delete(context: Context, announced: Mark, replaced: list[str], useless: list[str]) -> None:
    """Delete what was announced, unless a writer has named it since. What is of no use is kept aside."""
    with context.storage.lock():
        named = {name for _, later in context.journal.after(announced) for name in later.packs}
        for name in replaced:
            if name not in named:
                context.storage.delete(packs.key_of(name))
        for name in useless:
            if name not in named:
                move_aside(context.storage, packs.key_of(name), _ANY_SIZE)


class _Healer:
    """Finds out what files lack, and puts it into the writer."""

    def __init__(self, context: Context, check: Findings, source: Source, writer: PackWriter) -> None:
        self._storage = context.storage
        self._check = check
        self._source = source
        self._writer = writer
        self._encode = context.setting("log.compress")
        self._buffers = Buffers()
        self._reader = ChunkReader(context.storage, check.places.get, self._buffers)
        self._needed = users_by_chunk(check)
        self._damaged = {located.pack for located in check.broken}
        self._failed = False
        self.brought: set[bytes] = set()
        self._from_here = 0

    @property
    def whence(self) -> str:
        """Where the chunks came from."""
        return "other packs" if self._from_here == len(self.brought) else self._source.location

    def heal_files(self) -> None:
        """Bring what can be had of every file of a version that is not whole."""
        for file in {
            (file.digest, file.size): file for one in self._check.manifests.values() for file in one.files
        }.values():
            if file.size and not self._heal(file):
                self._failed = True

    def _heal(self, file: File) -> bool:
        name = bytes.fromhex(file.digest)
        pieces = self._check.recipes.get(name) or (Piece(name, file.size),)
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
        places, broken = self._check.places, self._check.broken
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
        if chunk not in self._check.sound:
            return None
        for name, index in self._check.indexes.items():
            for entry in index.chunks:
                if entry.digest == chunk and Located(name, entry) not in self._check.broken:
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
        located = self._check.places.get(chunk)
        try:
            return self._reader.verified(located) if located else None
        except DamagedChunk:
            return None

    # Packs that were damaged.

    def plan(self) -> _Plan:
        """Which packs to write anew: those of which a damaged chunk was brought, or in which none is needed; and which
        unreadable ones to give up: all, as soon as nothing lacks anything."""
        replaced = [name for name in sorted(self._damaged & self._check.registered) if self._is_mended(name)]
        sure = not self._failed and not any(finding.code == "record" for finding in self._check.found)
        unread = {packs.name_of(finding.what) or "" for finding in self._check.found if finding.code == "pack"}
        return _Plan(replaced, sorted(unread) if sure else [])

    def _is_mended(self, name: str) -> bool:
        roots = self._roots(name)
        needed = [chunk for chunk in roots if self._is_missed(chunk)]
        return bool(roots) and (not needed or any(chunk in self._writer for chunk in needed))

    def _is_missed(self, chunk: bytes) -> bool:
        """Does a version need it, and is what would be read of it damaged?"""
        return bool(self._needed.get(chunk)) and self._check.places.get(chunk) in self._check.broken

    def _roots(self, name: str) -> set[bytes]:
        """The damaged chunks of the pack that are so by themselves, and not because of a base that is damaged."""
        places, broken = self._check.places, self._check.broken
        return {
            entry.digest
            for pack, entry in broken
            if pack == name and (entry.base is None or places.get(entry.base) not in broken)
        }

    def carry(self, name: str) -> bool:
        """Put into the writer all else that the pack holds, as it is; damaged chunks only where a version needs them,
        and no whole copy was brought. False where that could not be read: a disk may be able to later."""
        index, roots, whole = self._check.indexes[name], self._roots(name), True
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
