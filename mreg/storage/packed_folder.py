"""A store in a folder, most of whose values are in one file: for a copy of many small values, of which few change.

    <root>/base      the values as they were when the store was filled (`mreg.storage.packed_file`)
    <root>/loose/    those that were put since, one file each (`mreg.storage.local`)
    <root>/gone/     an empty file for each that was in the base and was deleted

A value is looked for in `loose`, then in `base`, unless it is gone. A key that is gone stays so: what is put later is
loose. So no two files have to be changed at once, and readers need no lock.

To make and to name a hundred thousand files takes half a minute, to write one with the same bytes a tenth of a second.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from heapq import merge

from blake3 import blake3

from mreg.storage import packed_file
from mreg.storage.base import ABSENT, ANY, Expect, Listed, PutLost, Staged, Stat, Storage, Value
from mreg.storage.local import LocalStorage
from mreg.storage.packed_file import PackedFile
from mreg.storage.staged import LocalStaged
from mreg.values.named_tuple import NamedTuple


class _Packed(NamedTuple):
    """A value of the base, and the time of the base."""

    data: bytes
    mtime: float

    @property
    def value(self) -> Value:
        return Value(self.data, blake3(self.data).hexdigest())  # as a LocalStorage names it


class PackedFolder(Storage):
    """The store in the folder `root`, which is made by the first write. durable: as of `LocalStorage`."""

    def __init__(self, root: str | os.PathLike[str], *, durable: bool = True) -> None:
        self._root = os.path.abspath(root)
        self._path = os.path.join(self._root, "base")
        self._gone_folder = os.path.join(self._root, "gone")
        self._loose = LocalStorage(os.path.join(self._root, "loose"), durable=durable)
        self._gone = LocalStorage(self._gone_folder, durable=durable)
        self._durable = durable
        self._opened: PackedFile | None = None

    def __repr__(self) -> str:
        return f"PackedFolder({self._root!r})"

    # Filling.

    def fill(self, values: Iterable[tuple[str, bytes]]) -> None:
        """Have these values, and no others. The caller holds the lock, and has deleted what tells others that the store
        can be used. They, and whoever comes after a crash, find that again only with all of these values: the base
        appears at once, and when it does nothing loose hides any of it."""
        with self._loose.stage() as staged:
            staged.write(packed_file.encode(values))
            staged.seal(durable=True)  # a loss of power must not leave a base with holes
            self.clear()
            os.rename(staged.path, self._path)
            staged.published()

    def clear(self) -> None:
        """Delete all values, the loose ones first."""
        for key in self._loose.list(""):
            self._loose.delete(key)
        with suppress(FileNotFoundError):
            os.unlink(self._path)
        with suppress(FileNotFoundError):
            shutil.rmtree(self._gone_folder)

    def check(self) -> None:
        """Raises OSError where the base is cut off or no such file; a value in it may be damaged all the same."""
        self._base()

    # Reading.

    def get(self, key: str) -> Value | None:
        found = self._loose.get(key)
        if found is not None:
            return found
        packed = self._packed(key)
        return packed.value if packed else None

    def read(self, key: str, start: int, length: int) -> bytes:
        try:
            return self._loose.read(key, start, length)
        except FileNotFoundError:
            packed = self._packed(key)
            if packed is None:
                raise
            return packed.data[start : start + length]

    def read_into(self, key: str, start: int, out: memoryview) -> int:
        try:
            return self._loose.read_into(key, start, out)
        except FileNotFoundError:
            return super().read_into(key, start, out)

    def stat(self, key: str) -> Stat | None:
        found = self._loose.stat(key)
        if found is not None:
            return found
        packed = self._packed(key)
        return Stat(len(packed.data), packed.mtime) if packed else None

    def look_again(self, key: str) -> None:
        self._loose.look_again(key)

    def list(self, prefix: str) -> Iterator[str]:
        return (found.key for found in self.listing(prefix))

    def listing(self, prefix: str, after: str = "") -> Iterator[Listed]:
        loose = self._loose.listing(prefix, after)  # checks the prefix
        return self._merged(loose, f"{prefix}/" if prefix else "", after)

    def _merged(self, loose: Iterator[Listed], prefix: str, after: str) -> Iterator[Listed]:
        before = None
        base = self._base()
        for found in merge(loose, self._listed(base, prefix, after) if base else (), key=lambda one: one.key):
            if found.key != before:  # of two, the loose one comes first
                yield found
            before = found.key

    def _listed(self, base: PackedFile, prefix: str, after: str) -> Iterator[Listed]:
        any_gone = os.path.isdir(self._gone_folder)
        for key, size in base.listing(prefix, after):
            if not (any_gone and self._is_gone(key)):
                yield Listed(key, size, base.mtime)

    def names(self, prefix: str) -> Iterator[str]:
        loose = self._loose.names(prefix)
        base = self._base()
        if base is None:
            return loose
        if os.path.isdir(self._gone_folder):
            return super().names(prefix)
        return iter(sorted({*loose, *base.folders(prefix)}))

    def _packed(self, key: str) -> _Packed | None:
        """The value of the base."""
        base = self._base()
        data = base.get(key) if base else None
        return None if base is None or data is None or self._is_gone(key) else _Packed(data, base.mtime)

    def _is_gone(self, key: str) -> bool:
        return os.path.isdir(self._gone_folder) and self._gone.stat(key) is not None

    def _base(self) -> PackedFile | None:
        """The base as it is now: another process may have filled the store, or cleared it."""
        try:
            identity = packed_file.identity(os.stat(self._path, follow_symlinks=False))
            if self._opened is None or self._opened.identity != identity:
                self._opened = PackedFile(self._path)
        except (FileNotFoundError, NotADirectoryError):
            self._opened = None
        return self._opened

    # Writing.

    def stage(self) -> LocalStaged:
        return self._loose.stage()

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> None:
        if expect is ANY or self._packed_only(key) is None:
            self._loose.put(key, value, expect)
        elif expect is ABSENT:
            self._lose(key, value)
        else:
            self._swap(key, value, expect)

    def _packed_only(self, key: str) -> _Packed | None:
        """The value of the base, if none is loose."""
        return self._packed(key) if self._loose.stat(key) is None else None

    def _swap(self, key: str, value: bytes | Staged, expect: Expect | str) -> None:
        with self.lock():
            packed = self._packed_only(key)
            if packed is None:
                self._loose.put(key, value, expect)
            elif packed.value.etag == expect:
                self._loose.put(key, value, ABSENT)
            else:
                self._lose(key, value)

    def _lose(self, key: str, value: bytes | Staged) -> None:
        if isinstance(value, LocalStaged):
            value.seal(durable=self._durable)
        raise PutLost(key=key)

    def touch(self, key: str) -> bool:
        packed = self._packed_only(key)
        if packed is not None:
            with suppress(PutLost):  # it is young, then
                self._loose.put(key, packed.data, ABSENT)
        return self._loose.touch(key)

    def delete(self, key: str) -> bool:
        gone = False
        if self._packed(key) is not None:
            with suppress(PutLost):
                self._gone.put(key, b"", ABSENT)
                gone = True
        return self._loose.delete(key) or gone

    def lock(self, timeout: float = 30.0) -> AbstractContextManager[None]:
        return self._loose.lock(timeout)

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        return sum(store.sweep(older_than, dry_run=dry_run) for store in (self._loose, self._gone))
