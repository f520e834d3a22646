"""A mirror: the same repository in another place, entry by entry.

It has the id and the journal of the one that it mirrors, so nothing but mirroring may write to it: where its journal
goes on in another way, it is refused. What was interrupted goes on behind the last entry there.
"""

from __future__ import annotations

from collections.abc import Iterable

from mreg.content import objects, packs
from mreg.content.chunks import ChunkReader
from mreg.content.packs import DamagedPack, Located
from mreg.content.parallel import in_order
from mreg.refs import heading, keys, rules, transaction
from mreg.refs.journal import Entry, Journal, Mark, key_of
from mreg.refs.keys import CONFIG
from mreg.refs.ref_files import Ref, encode
from mreg.session import config
from mreg.session.context import Context
from mreg.storage import ABSENT, PutLost, Storage
from mreg.storage.base import get_readable
from mreg.values.errors import Refused
from mreg.values.progress import Progress
from mreg.values.transfers import Mirrored

_BLOCK = 1 << 20


class Diverged(Refused):
    code = "diverged"
    template = "{location} is not a mirror of this repository: entry {seq} differs there"

    location: str
    seq: int


class NoMirror(Refused):
    code = "no-mirror"
    template = "{location} is a different repository: its id is {id}"

    location: str
    id: str


def mirror(source: Context, storage: Storage, location: str, progress: Progress | None = None) -> Mirrored:
    """Bring what lies in `storage`, nothing or a mirror, up to date. Raises NoMirror, Diverged, Damaged; entries before
    the one whose data is missing or damaged have been copied then."""
    view = source.view()
    source.tables(view.look)
    journal = _begun(source, storage, location)
    first = journal.look().head.seq + 1
    last = view.head.seq
    if first > last + 1 or (first > 1 and journal.raw(first - 1) != source.journal.raw(first - 1)):
        raise Diverged(location=location, seq=min(first - 1, last + 1))
    copy = _Copy(source, storage)
    total = copy.packs_of(source.journal.entry(seq) for seq in range(first, last + 1)) if progress else 0
    for seq in range(first, last + 1):
        copy.data_of(source.journal.entry(seq))
        _put_entry(source, storage, seq, location)
        if progress and total:
            progress(min(copy.bytes, total), total)
    with storage.lock():
        transaction.roll_forward(storage, journal)
    return Mirrored(source.location, location, last - first + 1, copy.bytes)


def _begun(source: Context, storage: Storage, location: str) -> Journal:
    """The journal of the mirror. A new one begins as this repository has begun."""
    there = config.read(storage)
    if there is None:
        first = next((entry for _, entry in source.journal.whole()), None)
        text = heading.as_made(source.identity.id, first, source.identity.format)
        storage.put(CONFIG, encode(CONFIG, Ref(text, 0)), ABSENT)
    elif (found := config.identify(there).id) != source.identity.id:
        raise NoMirror(location=location, id=found)
    return Journal(storage, source.identity.id)


def _put_entry(source: Context, storage: Storage, seq: int, location: str) -> None:
    data = source.journal.raw(seq, known=True) or b""
    try:
        storage.put(key_of(seq), data, ABSENT)
    except PutLost:
        there = get_readable(storage, key_of(seq))
        if there is None or there.data != data:
            raise Diverged(location=location, seq=seq) from None


class _Copy:
    """Copies packs and records, each verified on its way, and counts the bytes."""

    def __init__(self, source: Context, storage: Storage) -> None:
        self._source = source
        self._storage = storage
        self._objects = source.objects_at(source.view())
        self._reader = ChunkReader(source.storage, source.index.chunk)
        self._dropped = _Dropped(source)
        self.bytes = 0

    def packs_of(self, entries: Iterable[Entry]) -> int:
        """Bytes of the packs that these name, as far as they are here."""
        names = {name for entry in entries for name in entry.packs}
        stats = [self._source.storage.stat(packs.key_of(name)) for name in names]
        return sum(stat.size for stat in stats if stat)

    def data_of(self, entry: Entry) -> None:
        """What the entry names, but for what was dropped since. Raises DamagedPack, DamagedChunk, DamagedObject."""
        for name in entry.packs:
            key = packs.key_of(name)
            stat = self._source.storage.stat(key)
            if stat is not None and self._storage.stat(key) is None:
                self._pack(name, stat.size)
            elif stat is None and not self._dropped.after(entry.seq, name):
                raise DamagedPack(pack=name, reason="it is missing")
        for change in entry.changes:
            root = rules.root(keys.parse(change.ref), change.new)
            if root and self._is_there(root.digest, entry.seq):
                self._record(root.digest)
                if root.is_version:
                    self._record(self._source.objects.version(root.digest).manifest)

    def _is_there(self, name: str, seq: int) -> bool:
        return self._objects.has(name) or not self._dropped.after(seq, name)

    def _record(self, name: str) -> None:
        key = self._objects.key(name)
        if self._storage.stat(key) is None:
            data = self._objects.get(name)
            self._storage.put(key, data)
            self.bytes += len(data)

    def _pack(self, name: str, size: int) -> None:
        """Raises DamagedPack, DamagedChunk."""
        index = packs.read_index(self._source.storage, name)
        for _ in in_order(lambda entry: len(self._reader.verified(Located(name, entry))), index.chunks):
            pass
        with self._storage.stage() as staged:
            while staged.size < size:
                block = self._source.storage.read(packs.key_of(name), staged.size, _BLOCK)
                if not block:
                    raise DamagedPack(pack=name, reason="it is truncated")
                staged.write(block)
            self.bytes += staged.size
            self._storage.put(packs.key_of(name), staged)


class _Dropped:
    """The names of packs and records that entries drop; read when something is missing, as a gc says what goes before
    it deletes."""

    def __init__(self, source: Context) -> None:
        self._journal = source.journal
        self._head = Mark(0, source.journal.origin)
        self._last: dict[str, int] = {}
        """The last entry that drops each."""

    def after(self, seq: int, name: str) -> bool:
        """Whether an entry behind this one drops it."""
        if self._last.get(name, 0) <= seq:
            for mark, entry in self._journal.after(self._head):
                self._head = mark
                names = (packs.name_of(key) or objects.name_of(key) for key in entry.drops)
                self._last |= {one: entry.seq for one in names if one}
        return self._last.get(name, 0) > seq
