"""Small immutable records in the repository, each named by the BLAKE3 of its bytes.

One that was dropped, and is needed again, is written under another key (docs/format.md 5.11): `ObjectsAt` goes by the
key that counts at a place in the journal, as who writes and who decides does; `Objects` reads from any.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

from mreg.storage import ABSENT, PutLost, Storage, unreadable
from mreg.storage.base import Put, get_known, stat_known
from mreg.values.canonical import Malformed, Newer
from mreg.values.digest import digest, is_digest
from mreg.values.errors import Damaged
from mreg.values.formats import newer
from mreg.values.records import Manifest, VersionRecord

Died = Callable[[str], "int | None"]
"""The number of the entry that first dropped a storage key for ever; None where none did."""

_MISSING = "it is missing"
_KEY = re.compile(r"objects/([0-9a-f]{2})/([0-9a-f]{62})(?:\.([1-9][0-9]{0,15}))?")
R = TypeVar("R", Manifest, VersionRecord)


class DamagedObject(Damaged):
    code = "damaged-object"
    template = "{what} {digest} is damaged: {reason}"

    what: str
    digest: str


class Objects:
    """`objects/ab/cdef…` of one repository. Reading verifies; what does not match is never handed out. died: tells what
    was dropped, for a storage that cannot be listed."""

    def __init__(self, storage: Storage, died: Died | None = None) -> None:
        self._storage = storage
        self._died = died

    def has(self, name: str) -> bool:
        """Is there an object of this name? (Whether it is whole, only `get` finds out.)"""
        return is_digest(name) and any(stat_known(self._storage, key) is not None for key in self._keys(name))

    def get(self, name: str, what: str = "object") -> bytes:
        """The bytes whose digest is `name`. Raises DamagedObject where they are missing, changed or unreadable."""
        reason = "it is not a digest"
        for key in self._keys(name) if is_digest(name) else ():
            data, reason = self._read(key, name)
            if data is not None:
                return data
        raise DamagedObject(what=what, digest=name, reason=reason)

    def _keys(self, name: str) -> Iterator[str]:
        """Where the object may lie. The folder is listed only if it does not lie where it does nearly always."""
        yield key_of(name)
        if self._storage.lists:
            yield from (key for key in self._storage.list(f"objects/{name[:2]}") if key.startswith(key_of(name) + "."))
        elif self._died and (key := counting(name, self._died)) != key_of(name):
            yield key

    def _read(self, key: str, name: str) -> tuple[bytes | None, str]:
        """The object's bytes, or None and why they are not there."""
        try:
            value = get_known(self._storage, key)
        except OSError as error:
            return None, unreadable(error)
        if value is None:
            return None, _MISSING
        whole = digest(value.data) == name
        return (value.data, "") if whole else (None, "its bytes do not match its name")

    def manifest(self, name: str) -> Manifest:
        """Raises DamagedObject; NewerFormat where another release wrote it."""
        return self._parsed(name, "manifest", Manifest.from_bytes)

    def version(self, name: str) -> VersionRecord:
        """Raises DamagedObject; NewerFormat where another release wrote it."""
        return self._parsed(name, "version record", VersionRecord.from_bytes)

    def _parsed(self, name: str, what: str, parse: Callable[[bytes], R]) -> R:
        return parsed(name, what, self.get(name, what), parse)


def parsed(name: str, what: str, data: bytes, parse: Callable[[bytes], R]) -> R:
    """What `parse` makes of the record of this name. Raises DamagedObject, NewerFormat."""
    try:
        return parse(data)
    except Newer as error:
        raise newer(f"{what} {name}", error.found) from None
    except Malformed as error:
        raise DamagedObject(what=what, digest=name, reason=str(error)) from None


class ObjectsAt(Objects):
    """The objects as of a place in the journal. died: what was dropped up to there."""

    def __init__(self, storage: Storage, died: Died) -> None:
        super().__init__(storage, died)
        self._counts = died

    def key(self, name: str) -> str:
        """The storage key that counts for this name."""
        return counting(name, self._counts)

    def put(self, data: bytes) -> str:
        """Store `data`, durably, and return its digest. Already there: checked, and repaired if damaged."""
        name = digest(data)
        key = self.key(name)
        try:
            self._storage.put(key, data, ABSENT)
        except PutLost:
            if self._read(key, name)[0] is not None:
                self._storage.touch(key)  # so that gc leaves it to us
            else:
                self._storage.put(key, data)
        return name

    def put_all(self, values: Collection[bytes]) -> None:
        """The same of many, which a disk flushes together."""
        try:
            self._storage.put_many(Put(self.key(digest(data)), data, ABSENT) for data in values)
        except PutLost:
            for data in values:
                self.put(data)

    def _keys(self, name: str) -> Iterator[str]:
        yield self.key(name)

    def _read(self, key: str, name: str) -> tuple[bytes | None, str]:
        data, reason = super()._read(key, name)
        if reason == _MISSING and (seq := dropped_by(key)):
            reason = f"entry {seq} dropped it, but it is needed"
        return data, reason


def key_of(name: str) -> str:
    """The first key of the object of this name; the only one, as long as nobody drops it."""
    return f"objects/{name[:2]}/{name[2:]}"


def counting(name: str, died: Died) -> str:
    """The key that counts: the first that is not dead."""
    key = key_of(name)
    while (seq := died(key)) is not None:
        key = f"{key_of(name)}.{seq}"
    return key


def name_of(key: str) -> str | None:
    """The name of the object whose storage key this is, or None where it is no object's."""
    found = _KEY.fullmatch(key)
    return found[1] + found[2] if found else None


def dropped_by(key: str) -> int:
    """The number of the entry that dropped the key before this one; 0 where this is the first."""
    found = _KEY.fullmatch(key)
    return int(found[3]) if found and found[3] else 0
