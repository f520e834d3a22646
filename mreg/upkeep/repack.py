"""`gc --repack`: packs that are mostly dead, or could be much smaller, are written anew.

What is still needed of them goes into one new pack, and the entry that names it gives up the old ones. A chunk that is
stored as the difference to others that nothing else needs is stored by itself instead. Every chunk is verified on its
way: damage stops the work, and is never copied.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import accumulate
from typing import Final

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
from mreg.values.named_tuple import NamedTuple
from mreg.values.progress import Progress

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


class _Steps:
    """Tells how far the work is: bytes of chunks that were rewritten, and of all that are to be."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._total: int | None = None
        self._done = self._kept = 0

    def begin(self, rewriter: Rewriter) -> None:
        """Look once how much there is to do."""
        if self._progress and self._total is None:
            self._total = sum(rewriter.needed_of(batch) for batch in rewriter.batches())
        self._done = self._kept  # a batch that a writer came before begins again

    def advance(self, count: int) -> None:
        self._done += count
        if self._progress and self._total is not None:
            self._progress(self._done, max(self._done, self._total))

    def batch_done(self) -> None:
        self._kept = self._done


def repack(context: Context, grace: float, progress: Progress | None = None) -> Repacked:
    """Rewrite packs, one batch per change. Raises Moved, Damaged, Unfinished."""
    done, steps = Repacked(), _Steps(progress)
    while batch := until_unmoved(lambda: _repack_batch(context, grace, steps), context.lock):
        done = done.and_also(batch)
        steps.batch_done()
    return done


def _repack_batch(context: Context, grace: float, steps: _Steps) -> Repacked | None:
    """Rewrite the first batch; None where there is none. Raises Moved."""
    plan = garbage.mark(context, grace, Policy())
    with unless_moved(context, plan.head):
        rewriter = _rewriter(context, plan)
        steps.begin(rewriter)
        batch = next(rewriter.batches(), None)
        return _rewrite(context, plan, batch, steps) if batch else None


def _rewrite(context: Context, plan: Plan, batch: list[str], steps: _Steps) -> Repacked:
    """Replace these packs by a new one. Raises Moved, DamagedChunk."""
    doomed = {packs.key_of(name): _size(context, name) for name in batch}
    with PackWriter(context.storage) as writer:
        _rewriter(context, plan).write(batch, writer, steps.advance)
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
    return Rewriter(context.storage, plan.indexes, plan.needed, encode=context.setting("log.compress", context.view()))


def _size(context: Context, pack: str) -> int:
    stat = context.storage.stat(packs.key_of(pack))
    return stat.size if stat else 0


class Rewriter:
    """What to write anew of the packs `indexes`, of which `kept` is needed. encode: whether to make chunks smaller
    that are stored as they are."""

    def __init__(self, storage: Storage, indexes: Indexes, kept: Reached, *, encode: bool) -> None:
        self._storage = storage
        self._packs = _Packs(indexes, reach.copies(indexes), {bytes.fromhex(digest) for digest, _ in kept.files})
        self._needed = _loosened(self._packs, kept.chunks)
        self._encode = encode
        self._buffers = Buffers()
        self._reader = ChunkReader(storage, self._packs.places.get, self._buffers)

    def batches(self) -> Iterator[list[str]]:
        """The packs to be written anew, in batches that make one new pack each."""
        batch: list[str] = []
        size = 0
        for name in sorted(self._packs.indexes):
            if not (self._packs.is_dead(name, self._needed) or (self._encode and self._is_loose(name))):
                continue
            batch.append(name)
            size += self.needed_of([name])
            if size >= BATCH:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def needed_of(self, batch: Iterable[str]) -> int:
        """Bytes of the chunks of these packs that are needed, as they are stored."""
        return sum(entry.stored for name in batch for entry in self._packs.live(name, self._needed))

    def write(self, batch: Iterable[str], writer: PackContents, told: Callable[[int], None] = lambda _: None) -> None:
        """Add all that is needed of these packs to the writer. told: is told the bytes of each chunk, as it was stored.
        Raises DamagedChunk."""
        names = list(batch)
        live = (Located(name, entry) for name in names for entry in self._packs.live(name, self._needed))
        for again in in_order(self._again, live):
            if again.entry.digest not in writer:
                writer.add(again.entry.digest, again.data, again.form, again.base)
            told(again.entry.stored)
            self._give_back(again)
        for name in names:
            for file, pieces in self._packs.indexes[name].recipes.items():
                if file in self._packs.files:
                    writer.add_recipe(file, pieces)

    def _is_loose(self, name: str) -> bool:
        """Would it be much smaller if its chunks were compressed?"""
        live = self._packs.live(name, self._needed)
        raw = [entry for entry in live if entry.codec == codecs.RAW and entry.size >= codecs.SMALL]
        if sum(entry.stored for entry in raw) <= MOSTLY * self._packs.stored(name):
            return False
        shares = []
        for entry in _spread(raw):
            again = self._again(Located(name, entry))
            shares.append(len(again.form.data) / entry.size)
            self._give_back(again)
        return sum(shares) < SMALLER * len(shares)

    def _again(self, located: Located) -> _Rewritten:
        """The chunk, and how it is stored from now on. In any thread."""
        entry = located.entry
        data = self._reader.verified(located)
        if entry.digest in self._needed.alone or (self._encode and entry.codec == codecs.RAW):
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


class _Needed(NamedTuple):
    """The chunks that are needed, and those of them that are differences to others and get stored by themselves."""

    chunks: Set[bytes]
    alone: Set[bytes]


class _Packs(NamedTuple):
    """The packs, where each chunk is read from, and the files (digests, raw) that are needed."""

    indexes: Indexes
    places: Mapping[bytes, Located]
    files: Set[bytes]

    def live(self, name: str, needed: _Needed) -> list[ChunkEntry]:
        """What is read from the pack, and needed."""
        return [
            entry
            for entry in self.indexes[name].chunks
            if entry.digest in needed.chunks and self.places[entry.digest] == (name, entry)
        ]

    def stored(self, name: str) -> int:
        return sum(entry.stored for entry in self.indexes[name].chunks)

    def is_dead(self, name: str, needed: _Needed) -> bool:
        """Is the pack mostly dead?"""
        total = self.stored(name)
        if total == 0:
            return self.files.isdisjoint(self.indexes[name].recipes)
        live = sum(entry.stored for entry in self.live(name, needed) if entry.digest not in needed.alone)
        return total - live > MOSTLY * total


def _loosened(packs: _Packs, kept: Set[bytes]) -> _Needed:
    """The chunks `kept`, less the bases that only chunks need which can be stored by themselves. That is done only
    where it empties the packs of such a chunk and of its bases."""
    lone = dict(_lone(packs, kept))
    trial = _Needed(kept - _all(lone.values()), lone.keys())
    emptied = {name for name in packs.indexes if packs.is_dead(name, trial)}
    alone = {
        chunk: bases
        for chunk, bases in lone.items()
        if all(packs.places[one].pack in emptied for one in (chunk, *bases))
    }
    return _Needed(kept - _all(alone.values()), alone.keys())


def _lone(packs: _Packs, kept: Set[bytes]) -> Iterator[tuple[bytes, list[bytes]]]:
    """The chunks of files that have bases which no file is made of, and no other chunk needs; with these bases."""
    recipes = reach.recipes_of(packs.indexes)
    direct = {chunk for file in packs.files for chunk in recipes.get(file, {file})}
    users = Counter(packs.places[chunk].entry.base for chunk in kept if chunk in packs.places)
    for chunk in direct:
        bases = list(reach.with_bases(chunk, packs.places))[1:]
        if bases and all(base not in direct and users[base] == 1 for base in bases):
            yield chunk, bases


def _all(lists: Iterable[list[bytes]]) -> set[bytes]:
    return {one for some in lists for one in some}
