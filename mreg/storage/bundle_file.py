"""A store that is one file, written from front to back: the form in which versions are carried by hand.

    header   32 bytes   magic "MREGBNDL", format (u32), zero (u32), 16 random bytes
    member              key length (u16), zero (u16), check (4 bytes), value length (u64), key, value
    ...
    end                 a member without a key, whose value is the BLAKE3 of header and of all members' heads and keys

Values are what their keys say (docs/format.md), and prove themselves: packs and records by their names, entries by the
one that follows. What a client makes again from the journal (ref files, the applied mark) is kept in memory.

While it is written, the file is called `NAME.part`; what a writer that died has left of it is gone on with, up to the
last entry that is whole.
"""

from __future__ import annotations

import os
import struct
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, Final

from blake3 import blake3

from mreg import lazy
from mreg.small_files import in_place_of, read_start
from mreg.storage.base import ABSENT, ANY, MAX_VALUE, Expect, PutLost, Staged, Stat, TooLarge, Value
from mreg.storage.flush import flush_folder, fsync
from mreg.storage.keys import is_key
from mreg.storage.memory import MemoryStaged, MemoryStorage
from mreg.values.errors import Conflict, Damaged, Refused
from mreg.values.named_tuple import NamedTuple

FORMAT: Final = 1
PART: Final = ".part"
MAGIC: Final = b"MREGBNDL"

_HEADER: Final = struct.Struct("<8sII16s")
_HEAD: Final = struct.Struct("<HH4sQ")
_DIGEST: Final = 32
_MOST_KEY: Final = 255
_KEPT: Final = ("config.toml", "journal/", "objects/", "packs/")
_OWN: Final = "journal/applied"


class DamagedBundle(Damaged):
    code = "damaged-bundle"
    template = "{path} is not a complete bundle: {reason}"

    path: str


class FileExists(Refused):
    code = "bundle-exists"
    template = "{path} exists already"

    path: str


class BundleBusy(Conflict):
    code = "bundle-busy"
    template = "another process is writing {path}"

    path: str


class _Member(NamedTuple):
    offset: int
    length: int


class BundleFile(MemoryStorage):
    """The bundle `path`, open for reading; for writing, if `begin` is called. Safe to use from several threads."""

    def __init__(self, path: str, file: BinaryIO, header: bytes, *, writable: bool) -> None:
        super().__init__()
        self.path = path
        self._file = file
        self.close = weakref.finalize(self, file.close)
        self._writable = writable
        self._append = threading.Lock()
        self._members: dict[str, _Member] = {}
        self._heads = blake3(header)
        self._end = _HEADER.size
        self._settled = self._end, self._heads.copy()
        self._time = os.fstat(file.fileno()).st_mtime

    @classmethod
    def open(cls, path: str) -> BundleFile:
        """Raises DamagedBundle, OSError."""
        return cls.of(path, open(path, "rb"))

    @classmethod
    def of(cls, path: str, file: BinaryIO) -> BundleFile:
        """What the file holds, called `path`. Raises DamagedBundle."""
        try:
            bundle = cls(path, file, _header(path, file), writable=False)
        except DamagedBundle:
            file.close()
            raise
        if not bundle._scan():
            raise DamagedBundle(path=path, reason="it ends in the middle")
        return bundle

    @staticmethod
    def new_header() -> bytes:
        return _HEADER.pack(MAGIC, FORMAT, 0, os.urandom(16))

    @classmethod
    def create(cls, path: str) -> BundleFile:
        """A new one, or what was left of it. `finish` gives it its name. Raises FileExists, BundleBusy, OSError."""
        part = path + PART
        if os.path.lexists(part) and not _is_left_over(part):
            raise FileExists(path=part)
        with in_place_of(path, part):
            file = open(part, "a+b", buffering=0)  # noqa: SIM115 - it stays open
        try:
            lazy.fcntl.flock(file.fileno(), lazy.fcntl.LOCK_EX | lazy.fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise BundleBusy(path=part) from None
        except OSError:
            pass  # a file system without locks
        try:
            header = _header(part, file)
        except DamagedBundle:
            header = cls.new_header()
            try:
                _cut(file, 0)
                _write_all(file, header, part)
            except OSError:
                file.close()
                with suppress(OSError):  # nothing is in it that anybody could go on with
                    os.unlink(part)
                raise
        bundle = cls(path, file, header, writable=True)
        bundle._scan()
        bundle._back()
        _cut(file, bundle._end)
        return bundle

    def finish(self) -> int:
        """Write the end, and give the file its name; its bytes."""
        self._write(b"", self._heads.digest())
        fsync(self._file.fileno())
        size = os.fstat(self._file.fileno()).st_size
        os.replace(self.path + PART, self.path)
        flush_folder(os.path.dirname(os.path.abspath(self.path)))
        return size

    def discard_empty(self) -> None:
        """Remove the file if nothing but its config came to be written: there is nothing to go on with."""
        if self._members.keys() <= {"config.toml"}:
            with suppress(FileNotFoundError):
                os.unlink(self.path + PART)

    # Reading.

    def get(self, key: str) -> Value | None:
        member = self._members.get(key)
        if member is None:
            return super().get(key)
        if member.length > MAX_VALUE:
            raise TooLarge(key, member.length)
        return Value(self._read(member, 0, member.length), "")

    def read(self, key: str, start: int, length: int) -> bytes:
        member = self._members.get(key)
        return super().read(key, start, length) if member is None else self._read(member, start, length)

    def stat(self, key: str) -> Stat | None:
        member = self._members.get(key)
        return super().stat(key) if member is None else Stat(member.length, self._time)

    def list(self, prefix: str) -> Iterator[str]:
        below = f"{prefix}/" if prefix else ""
        return iter(sorted({*super().list(prefix), *(key for key in self._members if key.startswith(below))}))

    def _read(self, member: _Member, start: int, length: int) -> bytes:
        return os.pread(self._file.fileno(), max(0, min(length, member.length - start)), member.offset + start)

    # Writing.

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> str:
        if not _is_kept(key) or (key in self._members and expect is not ABSENT):
            # Also the config, as entries have changed it.
            return super().put(key, value, ANY if key in self._members else expect)
        if key in self._members:
            raise PutLost(key=key)
        if isinstance(value, MemoryStaged):
            self._write(key.encode(), value.seal())
            value.discard()
        elif isinstance(value, bytes):
            self._write(key.encode(), value)
        return ""

    def _write(self, key: bytes, value: bytes) -> None:
        if not self._writable:
            raise PermissionError(1, "a bundle is not changed", self.path)
        with self._append:
            if key.startswith(b"journal/"):
                fsync(self._file.fileno())  # what it names, first
            head = _head(key, len(value))
            self._put_down(head + key, value)
            self._note(head, key, len(value))

    def _put_down(self, start: bytes, value: bytes) -> None:
        for part in (start, value):
            _write_all(self._file, part, self.path + PART)

    def _note(self, head: bytes, key: bytes, length: int) -> None:
        self._heads.update(head + key)
        start = self._end + len(head) + len(key)
        self._members[key.decode()] = _Member(start, length)
        self._end = start + length
        if not key.startswith((b"objects/", b"packs/")):
            self._settled = self._end, self._heads.copy()

    def _back(self) -> None:
        """To behind the last entry: what came after it is named by nothing, and would be written again."""
        self._end, self._heads = self._settled
        self._members = {key: member for key, member in self._members.items() if member.offset < self._end}

    def _scan(self) -> bool:
        """Find the members. Whether the end is there; else `_end` is behind the last that is whole."""
        descriptor = self._file.fileno()
        size = os.fstat(descriptor).st_size
        while len(head := os.pread(descriptor, _HEAD.size, self._end)) == _HEAD.size:
            count, _, _, length = _HEAD.unpack(head)
            key = os.pread(descriptor, count, self._end + _HEAD.size)
            end = self._end + _HEAD.size + count + length
            if head != _head(key, length) or end > size:
                return False
            if not key:
                return end == size and os.pread(descriptor, _DIGEST, end - _DIGEST) == self._heads.digest()
            text = key.decode("ascii", "replace")
            if not (is_key(text) and _is_kept(text)) or text in self._members:
                return False
            self._note(head, key, length)
        return False


def _is_left_over(part: str) -> bool:
    """Whether a writer of a bundle that died may have left the file: `NAME.part` is also what downloads are called."""
    try:
        start = read_start(part, len(MAGIC))
    except OSError:
        return False
    return MAGIC.startswith(start) and not os.path.islink(part)


def _cut(file: BinaryIO, length: int) -> None:
    """Nothing is asked of the file system where the file is no longer than that."""
    if os.fstat(file.fileno()).st_size > length:
        os.ftruncate(file.fileno(), length)


def _write_all(file: BinaryIO, data: bytes | memoryview, path: str) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[file.write(view) :]
    except OSError as error:
        error.filename = path  # a descriptor has no name to tell
        raise


def is_bundle(path: str) -> bool:
    """Whether the file begins like one."""
    try:
        return read_start(path, len(MAGIC)) == MAGIC
    except OSError:
        return False


def _header(path: str, file: BinaryIO) -> bytes:
    """Raises DamagedBundle."""
    header = os.pread(file.fileno(), _HEADER.size, 0)
    if len(header) < _HEADER.size or not header.startswith(MAGIC):
        raise DamagedBundle(path=path, reason="it does not start like one")
    _, number, _, _ = _HEADER.unpack(header)
    if number != FORMAT:
        raise DamagedBundle(path=path, reason=f"bundle format {number} is unknown to this release")
    return header


def _head(key: bytes, length: int) -> bytes:
    check = blake3(key + struct.pack("<Q", length)).digest()[:4]
    return _HEAD.pack(len(key), 0, check, length)


def _is_kept(key: str) -> bool:
    return key.startswith(_KEPT) and key != _OWN
