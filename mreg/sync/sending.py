"""Chunks into packs of the other side, each named there by an entry as soon as it has arrived."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Final

from mreg.content import packs
from mreg.content.codecs import Encoded
from mreg.content.pack_writer import PackWriter
from mreg.content.parallel import in_order
from mreg.refs.transaction import Draft
from mreg.session.chunk_catalogue import WHOLE
from mreg.session.context import Context
from mreg.session.remotes import is_local
from mreg.sync.freight import Freight, Parcel
from mreg.sync.loading import Loaded, encoded_alone
from mreg.sync.proving import Place, Proof
from mreg.values.named_tuple import NamedTuple

PACK: Final = 32 << 20
"""Bytes of a pack, at most; where a transfer is interrupted, no more than two packs are lost. Only what is larger by
itself has a larger one."""

TOLD_AT_ONCE: Final = 256
"""Chunks of which the source is told before those that it was told of last are read, so that no network is idle."""

Told = Callable[[int], None]


class Sent(NamedTuple):
    """chunks: how many. bytes: of the packs."""

    chunks: int
    bytes: int


class _Step(NamedTuple):
    """A chunk. parcel: None where it is only read, as the other side has it by now. place: what it proves."""

    chunk: bytes
    parcel: Parcel | None
    place: Place | None


class _Ready(NamedTuple):
    """A chunk that was read. form: how it is stored from now on, if it is sent."""

    step: _Step
    loaded: Loaded
    form: Encoded | None


def send(
    load: Freight,
    target: Context,
    command: str,
    told: Told,
    proof: Proof | None = None,
    reading: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Sent:
    """Send it. told: is told the bytes of each chunk. proof: of the recipes, which go behind all chunks: a wrong one
    that is there would stand in the way of the right one. reading: what the source's chunks are read within. Raises
    DamagedChunk, DamagedRecipe, DamagedThere, MissingPack."""

    def ready(step: _Step) -> _Ready:
        if not step.parcel and not load.loader.has(step.chunk):
            return _Ready(step, load.loader.there(step.chunk), None)
        with reading():
            return _ready(load, step)

    with _Packs(target, command) as sent:
        for one in in_order(ready, _told(load, _steps(load, proof))):
            (chunk, parcel, place), loaded, form = one
            if parcel and form:
                _add(sent.room(_cost(parcel)), parcel, form)
                told(parcel.stored)
            if proof and place:
                proof.take(place, loaded.data)
            load.loader.give_back(chunk, loaded)
        for file, pieces in load.recipes.items():
            sent.room(packs.recipe_size(pieces)).add_recipe(file, pieces)
        sent.publish()
    return Sent(len(load.parcels), sent.bytes)


def _steps(load: Freight, proof: Proof | None) -> Iterator[_Step]:
    """Each chunk that is sent behind its base, and each when a proof needs it."""
    left = {parcel.place.entry.digest: parcel for parcel in load.parcels}
    for place in proof.places() if proof else ():
        for base in _bases(place.chunk, left):
            yield _Step(base, left.pop(base), None)
        yield _Step(place.chunk, left.pop(place.chunk, None), place)
    for name, parcel in left.items():
        yield _Step(name, parcel, None)


def _told(load: Freight, steps: Iterator[_Step]) -> Iterator[_Step]:
    """The same, of which the source is told before they are taken."""
    known: list[_Step] = []
    while True:
        later = list(islice(steps, TOLD_AT_ONCE))
        load.loader.will_load([step.chunk for step in later])
        yield from known
        if not later:
            return
        known = later


def _bases(name: bytes, left: Mapping[bytes, Parcel]) -> list[bytes]:
    """What has to be sent before this chunk, the lowest first."""
    found: list[bytes] = []
    while name in left and (base := left[name].entry.base) in left:
        assert base is not None
        found.append(base)
        name = base
    return found[::-1]


def foretell(load: Freight) -> Sent:
    """What `send` would return."""
    return Sent(len(load.parcels), _size([*map(_cost, load.parcels), *map(packs.recipe_size, load.recipes.values())]))


def _cost(parcel: Parcel) -> int:
    """Bytes that it takes in a pack."""
    return parcel.stored + packs.entry_size(parcel.entry.base)


def _size(costs: Sequence[int]) -> int:
    """Bytes of the packs that hold what takes these."""
    empty = packs.AROUND + packs.EMPTY_INDEX
    total, size = 0, empty
    for cost in costs:
        if size > empty and size + cost > PACK:
            total, size = total + size, empty
        size += cost
    return total + size if costs else 0


class _Packs:
    """The packs that are written one after the other. One is made durable while the next is filled; the journal names
    each behind those before it, in which the bases of its chunks may be."""

    def __init__(self, target: Context, command: str) -> None:
        self._target = target
        self._command = command
        self._writer: PackWriter | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._arriving: tuple[PackWriter, Future[str]] | None = None
        self.bytes = 0

    def __enter__(self) -> _Packs:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread:
            self._thread.shutdown()
        if self._arriving:
            self._arriving[0].__exit__()  # nothing names it: gc deletes it
        if self._writer:
            self._writer.__exit__()

    def room(self, size: int) -> PackWriter:
        """The pack that something of this size can be added to."""
        if self._arriving and self._arriving[1].done():
            self._arrive()
        if self._writer and not self._writer.empty and self._writer.file_size + size > PACK:
            self._arrive()
            self._thread = self._thread or ThreadPoolExecutor(1)
            self._arriving = self._writer, self._thread.submit(self._writer.publish)
            self._writer = None
        self._writer = self._writer or PackWriter(self._target.storage)
        return self._writer

    def publish(self) -> None:
        """All have arrived, and are named."""
        self._arrive()
        if self._writer:
            size, name = self._writer.file_size, self._writer.publish()
            self._writer = None
            self._name(name, size)

    def _arrive(self) -> None:
        """The pack that is under way is there, and is named: what is interrupted later goes on from there."""
        if self._arriving:
            writer, name = self._arriving
            name.result()
            self._arriving = None
            self._name(name.result(), writer.file_size)

    def _name(self, name: str, size: int) -> None:
        def build(draft: Draft) -> None:
            draft.packs = (name,)

        self._target.commit(self._command, build, alone=True)
        self.bytes += size
        if is_local(self._target) and (stat := self._target.storage.stat(packs.key_of(name))):
            self._target.index.keep_sound([(name, WHOLE, stat.stamp)])  # who shares it next need not read it


def _ready(load: Freight, step: _Step) -> _Ready:
    """In any thread."""
    loaded, parcel = load.loader.load(step.chunk), step.parcel
    if parcel is None:
        return _Ready(step, loaded, None)
    if parcel.alone:
        return _Ready(step, loaded, encoded_alone(loaded.data))
    return _Ready(step, loaded, Encoded(parcel.place.entry.codec, loaded.stored))


def _add(writer: PackWriter, parcel: Parcel, form: Encoded) -> None:
    codec, data = form
    writer.carry(parcel.entry._replace(codec=codec, stored=len(data)), data)
