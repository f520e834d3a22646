"""Chunks into packs of the other side, each named there by an entry as soon as it has arrived."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from mreg.content import packs
from mreg.content.codecs import Encoded
from mreg.content.pack_writer import PackWriter
from mreg.content.parallel import in_order
from mreg.refs.transaction import Draft
from mreg.session.context import Context
from mreg.sync.freight import Freight, Parcel
from mreg.values.named_tuple import NamedTuple

PACK: Final = 32 << 20
"""Bytes of a pack, at most: no more is lost where a transfer is interrupted. Only what is larger by itself has a larger
one."""

Told = Callable[[int], None]


class Sent(NamedTuple):
    """chunks: how many. bytes: of the packs."""

    chunks: int
    bytes: int


class _Ready(NamedTuple):
    """A chunk, and how it is stored from now on."""

    parcel: Parcel
    form: Encoded


def send(
    load: Freight,
    target: Context,
    command: str,
    told: Told,
    prove: Callable[[], None] | None = None,
    reading: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Sent:
    """Send it. told: is told the bytes of each chunk. prove: is called when all chunks have arrived, before any recipe
    goes: a wrong one that is there would stand in the way of the right one. reading: what chunks are read within.
    Raises DamagedChunk, DamagedThere, MissingPack."""

    def ready(parcel: Parcel) -> _Ready:
        with reading():
            return _ready(load, parcel)

    with _Packs(target, command) as sent:
        for one in in_order(ready, load.parcels):
            _add(sent.room(_cost(one.parcel)), one)
            load.loader.give_back(one.parcel.place, one.form)
            told(one.parcel.stored)
        if prove and load.recipes:
            sent.publish()
            prove()
        for file, pieces in load.recipes.items():
            sent.room(packs.recipe_size(pieces)).add_recipe(file, pieces)
        sent.publish()
    return Sent(len(load.parcels), sent.bytes)


def foretell(load: Freight, *, apart: bool) -> Sent:
    """What `send` would return. apart: recipes go when all chunks have been proven."""
    chunks = list(map(_cost, load.parcels))
    recipes = list(map(packs.recipe_size, load.recipes.values()))
    size = _size(chunks) + _size(recipes) if apart else _size(chunks + recipes)
    return Sent(len(load.parcels), size)


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
    """The packs that are written, one after the other."""

    def __init__(self, target: Context, command: str) -> None:
        self._target = target
        self._command = command
        self._writer: PackWriter | None = None
        self.bytes = 0

    def __enter__(self) -> _Packs:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer:
            self._writer.__exit__()

    def room(self, size: int) -> PackWriter:
        """The pack that something of this size can be added to."""
        if self._writer and not self._writer.empty and self._writer.file_size + size > PACK:
            self.publish()
        self._writer = self._writer or PackWriter(self._target.storage)
        return self._writer

    def publish(self) -> None:
        """The pack arrives, and is named: what is interrupted later goes on from there."""
        if self._writer is None:
            return
        size = self._writer.file_size
        name = self._writer.publish()
        self._writer = None

        def build(draft: Draft) -> None:
            draft.packs = (name,)

        self._target.commit(self._command, build, alone=True)
        self.bytes += size


def _ready(load: Freight, parcel: Parcel) -> _Ready:
    """In any thread."""
    if parcel.alone:
        return _Ready(parcel, load.loader.alone(parcel.place))
    return _Ready(parcel, load.loader.stored(parcel.place))


def _add(writer: PackWriter, ready: _Ready) -> None:
    codec, data = ready.form
    writer.carry(ready.parcel.entry._replace(codec=codec, stored=len(data)), data)
