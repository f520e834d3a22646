"""Small immutable records in the repository, each named by the BLAKE3 of its bytes."""

from __future__ import annotations

from mreg.storage import ABSENT, PutLost, Storage, unreadable
from mreg.storage.base import get_known, stat_known
from mreg.values.canonical import Malformed
from mreg.values.digest import digest, is_digest
from mreg.values.errors import Damaged
from mreg.values.records import Manifest, VersionRecord


class DamagedObject(Damaged):
    code = "damaged-object"
    template = "{what} {digest} is damaged: {reason}"

    what: str
    digest: str


class Objects:
    """`objects/ab/cdef…` of one repository. Reading verifies; what does not match is never handed out."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def put(self, data: bytes) -> str:
        """Store `data`, durably, and return its digest. Already there: checked, and repaired if damaged."""
        name = digest(data)
        try:
            self._storage.put(key_of(name), data, ABSENT)
        except PutLost:
            if self.is_whole(name):
                self._storage.touch(key_of(name))  # so that gc leaves it to us
            else:
                self._storage.put(key_of(name), data)
        return name

    def has(self, name: str) -> bool:
        """Is there an object of this name? (Whether it is whole, only `get` finds out.)"""
        return is_digest(name) and stat_known(self._storage, key_of(name)) is not None

    def is_whole(self, name: str) -> bool:
        """Is there an object of this name, with the bytes that the name tells?"""
        try:
            self.get(name)
        except DamagedObject:
            return False
        return True

    def get(self, name: str, what: str = "object") -> bytes:
        """The bytes whose digest is `name`. Raises DamagedObject where they are missing, changed or unreadable."""
        if not is_digest(name):
            raise DamagedObject(what=what, digest=name, reason="that is no digest")
        try:
            value = get_known(self._storage, key_of(name))
        except OSError as error:
            raise DamagedObject(what=what, digest=name, reason=unreadable(error)) from error
        if value is None:
            raise DamagedObject(what=what, digest=name, reason="it is missing")
        if digest(value.data) != name:
            raise DamagedObject(what=what, digest=name, reason="its bytes do not match its name")
        return value.data

    def manifest(self, name: str) -> Manifest:
        try:
            return Manifest.from_bytes(self.get(name, "manifest"))
        except Malformed as error:
            raise DamagedObject(what="manifest", digest=name, reason=str(error)) from None

    def version(self, name: str) -> VersionRecord:
        try:
            return VersionRecord.from_bytes(self.get(name, "version record"))
        except Malformed as error:
            raise DamagedObject(what="version record", digest=name, reason=str(error)) from None


def key_of(name: str) -> str:
    return f"objects/{name[:2]}/{name[2:]}"
