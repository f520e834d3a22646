"""Whether what a version takes over from earlier ones can still be read.

A chunk that is kept already is not written again, so whoever logs over a damaged one would be told that all is well.
To read everything that is taken over would make each log as slow as the first. So packs are known by their stamps
(size, times, inode), as git knows the files of a working tree: one that looks as it did when it was written here, or
read, is believed. Of others the chunks that are needed are read once, and what is damaged is stored anew from the files
at hand. Bits that a disk loses without its file changing are found by `fsck --full` only.
"""

from __future__ import annotations

from collections.abc import Iterable

from mreg.content import packs
from mreg.content.chunks import ChunkReader
from mreg.content.packs import DamagedChunk, DamagedPack, Located
from mreg.session.chunk_catalogue import WHOLE
from mreg.session.index import Index
from mreg.storage import Storage
from mreg.values.errors import Damaged
from mreg.values.named_tuple import NamedTuple
from mreg.values.words import count_text

Chain = list[Located]
"""A chunk, its base, the base of that, to the one that is stored by itself."""


class DamagedReuse(Damaged):
    """What a version would take over cannot be read. lost: the digests (raw) of these chunks, and of the files that
    they, or recipes in damaged packs, belong to."""

    code = "damaged-reuse"
    template = "data shared with earlier versions is damaged: {reason}"

    lost = frozenset[bytes]()  # no fact to be told


class Reused(NamedTuple):
    """What a version takes over: for each file (its digest, raw) the pack of its recipe, if it has one, and the chains
    of its chunks."""

    file: bytes
    recipe: str | None
    chains: tuple[Chain, ...]


def check(storage: Storage, index: Index, reused: Iterable[Reused]) -> None:
    """Raises DamagedReuse."""
    if storage.is_steady:
        return
    found = _Check(storage, index)
    lost: set[bytes] = set()
    files: set[bytes] = set()
    for file, recipe, chains in reused:
        wrong = {chain[0].entry.digest for chain in chains if not found.is_sound(chain)}
        if wrong or (recipe is not None and found.is_broken(recipe)):
            lost |= wrong
            files.add(file)
    index.keep_sound(found.seen)
    if files:
        chunks = count_text(len(lost), "chunk", "chunks")
        error = DamagedReuse(reason=f"{chunks} of {count_text(len(files), 'file', 'files')}")
        error.lost = frozenset(lost | files)
        raise error


class _Check:
    def __init__(self, storage: Storage, index: Index) -> None:
        self._storage = storage
        self._index = index
        self._reader = ChunkReader(storage, index.chunk)
        self._packs: dict[str, _Pack] = {}
        self.seen: list[tuple[str, bytes, str]] = []

    def is_sound(self, chain: Chain) -> bool:
        """Can the chunk be read, as far as is known or has to be found out?"""
        strange = [link for link in chain if not self._pack(link.pack).knows(link.entry.digest)]
        if not strange:
            return True
        if any(self._pack(link.pack).broken for link in strange):
            return False
        try:
            self._reader.verified(chain[0])
        except (DamagedChunk, OSError):
            return False
        for link in strange:
            pack = self._pack(link.pack)
            pack.sound[link.entry.digest] = pack.stamp
            self.seen.append((link.pack, link.entry.digest, pack.stamp))
        return True

    def is_broken(self, pack: str) -> bool:
        return self._pack(pack).broken

    def _pack(self, name: str) -> _Pack:
        if name not in self._packs:
            self._packs[name] = self._looked_at(name)
        return self._packs[name]

    def _looked_at(self, name: str) -> _Pack:
        stat = self._storage.stat(packs.key_of(name))
        if stat is None:
            return _Pack("", {}, broken=True)
        pack = _Pack(stat.stamp, self._index.sound(name), broken=False)
        if pack.knows(WHOLE):
            return pack
        try:  # others read what lies in it from here
            packs.read_index(self._storage, name)
        except (DamagedPack, OSError):
            return pack._replace(broken=True)
        return pack


class _Pack(NamedTuple):
    """stamp: now. sound: chunks, with the stamp when they were read. broken: its index cannot be read."""

    stamp: str
    sound: dict[bytes, str]
    broken: bool

    def knows(self, chunk: bytes) -> bool:
        return self.stamp in (self.sound.get(WHOLE), self.sound.get(chunk))
