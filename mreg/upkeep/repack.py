"""`gc --repack`: packs that are mostly dead, or could be much smaller, are written anew.

What is still needed of them goes into one new pack, and the entry that names it gives up the old ones. A chunk that is
stored as the difference to others that nothing else needs is stored by itself instead. Every chunk is verified on its
way: damage stops the work, and is never copied.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Final, NamedTuple

from mreg.content import codecs, packs
from mreg.content.buffers import Buffers
from mreg.content.chunks import ChunkReader
from mreg.content.codecs import Encoded
from mreg.content.pack_writer import PackContents, PackWriter
from mreg.content.packs import Base, ChunkEntry, Located, PackIndex, read_stored
from mreg.content.parallel import in_order
from mreg.refs.transaction import Draft
from mreg.session.context import Context
from mreg.storage import Storage
from mreg.upkeep import garbage, reach, sweep
from mreg.upkeep.garbage import Moved, Plan, unless_moved, until_unmoved
from mreg.upkeep.reach import Reached
from mreg.upkeep.retention import Policy

MOSTLY: Final = 0.5
"""The part of a pack that must be dead, or uncompressed and compressible, for the pack to be written anew."""

SMALLER: Final = 0.9
"""Uncompressed chunks are worth compressing if samples of them shrink to less than this."""

SAMPLES: Final = 8
"""Chunks that are tried, those in which the eighths of the bytes have their middles: a pack may hold thousands of short
chunks, and nearly all of its bytes in a few long ones."""

BATCH: Final = 256 << 20
"""Bytes per new pack and journal entry: if a writer commits first, little work is lost."""

Indexes = Mapping[str, PackIndex]


class Repacked(NamedTuple):
    """packs: how many were written anew. freed: bytes that this gave back."""

    packs: int = 0
    freed: int = 0

    def and_also(self, other: Repacked) -> Repacked:
        return Repacked(self.packs + other.packs, self.freed + other.freed)


def repack(context: Context, grace: float) -> Repacked:
    """Write packs anew, one batch per change. Raises Moved, Damaged, Unfinished."""
    done = Repacked()
    while batch := until_unmoved(lambda: _repack_batch(context, grace)):
        done = done.and_also(batch)
    return done


def _repack_batch(context: Context, grace: float) -> Repacked | None:
    """Write the first batch anew; None where there is none. Raises Moved."""
    plan = garbage.mark(context, grace, Policy())
    with unless_moved(context, plan.head):
        batch = next(_rewriter(context, plan).batches(), None)
        return _rewrite(context, plan, batch) if batch else None


def _rewrite(context: Context, plan: Plan, batch: list[str]) -> Repacked:
    """Replace these packs by a new one. Raises Moved, DamagedChunk."""
    doomed = {packs.key_of(name): _size(context, name) for name in batch}
    with PackWriter(context.storage) as writer:
        _rewriter(context, plan).write(batch, writer)
        size = 0 if writer.empty else writer.file_size
        new = () if writer.empty else (writer.publish(),)

    def build(draft: Draft) -> None:
        if draft.view.head != plan.head:
            raise Moved()
        draft.packs, draft.drops = new, tuple(sorted(doomed))

    announced = context.commit("gc --repack", build).look.head
    sweep.carry_out(context, doomed, announced)
    return Repacked(len(batch), sum(doomed.values()) - size)


def foretell(context: Context, plan: Plan) -> Repacked:
    """What `repack` would return after a gc by this plan."""
    rewriter = _rewriter(context, plan)
    done = Repacked()
    for batch in rewriter.batches():
        contents = PackContents()
        rewriter.write(batch, contents)
        size = 0 if contents.empty else contents.file_size
        done = done.and_also(Repacked(len(batch), sum(_size(context, name) for name in batch) - size))
    return done


def _rewriter(context: Context, plan: Plan) -> Rewriter:
    return Rewriter(context.storage, plan.indexes, plan.needed, encode=context.setting("log.compress"))


def _size(context: Context, pack: str) -> int:
    stat = context.storage.stat(packs.key_of(pack))
    return stat.size if stat else 0


class Rewriter:
    """What to write anew of the packs `indexes`, of which `kept` is needed. encode: whether to make chunks smaller
    that are stored as they are."""

    def __init__(self, storage: Storage, indexes: Indexes, kept: Reached, *, encode: bool) -> None:
        self._storage = storage
        self._indexes = indexes
        self._places = reach.copies(indexes)
        self._encode = encode
        self._buffers = Buffers()
        self._reader = ChunkReader(storage, self._places.get, self._buffers)
        self._files = {bytes.fromhex(digest) for digest, _ in kept.files}
        self._alone, self._spared = self._loosened(kept)
        self._needed = kept.chunks - self._spared

    def batches(self) -> Iterator[list[str]]:
        """The packs to be written anew, in batches that make one new pack each."""
        batch: list[str] = []
        size = 0
        for name in sorted(self._indexes):
            if not (self._is_dead(name) or (self._encode and self._is_loose(name))):
                continue
            batch.append(name)
            size += sum(entry.stored for entry in self._live(name))
            if size >= BATCH:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def write(self, batch: Iterable[str], writer: PackContents) -> None:
        """Add all that is needed of these packs to the writer. Raises DamagedChunk."""
        names = list(batch)
        entries = [(name, entry) for name in names for entry in self._live(name)]
        for again in in_order((True, partial(self._again, *one)) for one in entries):
            if again.entry.digest not in writer:
                writer.add(again.entry.digest, again.data, again.form, again.base)
            self._give_back(again)
        for name in names:
            for file, pieces in self._indexes[name].recipes.items():
                if file in self._files:
                    writer.add_recipe(file, pieces)

    def _live(self, name: str) -> list[ChunkEntry]:
        """What of the pack is read, and needed."""
        return [
            entry
            for entry in self._indexes[name].chunks
            if entry.digest in self._needed and self._places[entry.digest] == (name, entry)
        ]

    def _is_dead(self, name: str) -> bool:
        index = self._indexes[name]
        total = sum(entry.stored for entry in index.chunks)
        live = sum(entry.stored for entry in self._live(name) if entry.digest not in self._alone)
        if total == 0:
            return self._files.isdisjoint(index.recipes)
        return total - live > MOSTLY * total

    def _is_loose(self, name: str) -> bool:
        """Would it be much smaller if its chunks were compressed?"""
        raw = [entry for entry in self._live(name) if entry.codec == codecs.RAW and entry.size >= codecs.SMALL]
        if sum(entry.stored for entry in raw) <= MOSTLY * sum(entry.stored for entry in self._indexes[name].chunks):
            return False
        shares = []
        for entry in _spread(raw):
            again = self._again(name, entry)
            shares.append(len(again.form.data) / entry.size)
            self._give_back(again)
        return sum(shares) < SMALLER * len(shares)

    def _again(self, name: str, entry: ChunkEntry) -> _Rewritten:
        """The chunk, and how it is stored from now on. In any thread."""
        located = Located(name, entry)
        data = self._reader.verified(located)
        if entry.digest in self._alone or (self._encode and entry.codec == codecs.RAW):
            room = self._buffers.take(entry.size + codecs.EXTRA)
            form = codecs.encode(data, room)
            if form.data is data:
                self._buffers.give_back(room)
            return _Rewritten(entry, data, form, None)
        stored = self._buffers.take(entry.stored)
        read_stored(self._storage, located, stored)
        base = Base(entry.base, entry.position) if entry.base is not None else None
        return _Rewritten(entry, data, Encoded(entry.codec, stored), base)

    def _give_back(self, again: _Rewritten) -> None:
        self._buffers.give_back(again.data)
        if again.form.data is not again.data:
            self._buffers.give_back(again.form.data)

    def _loosened(self, kept: Reached) -> tuple[set[bytes], set[bytes]]:
        """Chunks to be stored by themselves from now on, and their bases, which are then spared: those that no file
        is made of, and no other chunk needs. Only where that empties the packs of both."""
        recipes = reach.recipes_of(self._indexes)
        direct = {chunk for file in self._files for chunk in recipes.get(file, {file})}
        users = Counter(self._places[chunk].entry.base for chunk in kept.chunks if chunk in self._places)
        lone = {
            chunk: bases
            for chunk in direct
            if (bases := list(reach.with_bases(chunk, self._places))[1:])
            and all(base not in direct and users[base] == 1 for base in bases)
        }
        spared = {base for bases in lone.values() for base in bases}
        self._alone, self._needed = set(lone), kept.chunks - spared
        emptied = {name for name in self._indexes if self._is_dead(name)}
        alone = {
            chunk for chunk, bases in lone.items() if all(self._places[one].pack in emptied for one in [chunk, *bases])
        }
        return alone, {base for chunk in alone for base in lone[chunk]}


def _spread(entries: Sequence[ChunkEntry]) -> list[ChunkEntry]:
    """SAMPLES of the chunks, each for as many bytes as the others; a long one may be there more than once."""
    ends = list(accumulate(entry.size for entry in entries))
    middles = ((2 * number + 1) * ends[-1] // (2 * SAMPLES) for number in range(SAMPLES))
    return [entries[bisect_right(ends, middle)] for middle in middles]


class _Rewritten(NamedTuple):
    entry: ChunkEntry
    data: memoryview
    form: Encoded
    base: Base | None
