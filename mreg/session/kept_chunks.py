"""Chunks of repositories in buckets that were read or written here: what new ones may be the difference to without
being fetched for that. Shared by all processes and repositories that use the cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from blake3 import blake3

from mreg.content.buffers import Buffer
from mreg.small_files import make_folders, regular
from mreg.storage.temporary import temporary_name, write_over
from mreg.values.named_tuple import NamedTuple

LIMIT: Final = 10 << 30
"""Bytes that the chunks of one cache may take; those that were not used for longest go."""

_LOOK_AFTER: Final = 1 << 30
"""Bytes that are kept before the folder is looked through."""

_LEFT: Final = 0.9
"""The part of the limit that is left, so that not each chunk costs another one."""


class _File(NamedTuple):
    used: float
    size: int
    path: str


class KeptChunks:
    """The chunks in `folder`, each in a file called by its digest. Whatever fails costs time, and nothing else."""

    def __init__(self, folder: str, limit: int = LIMIT) -> None:
        self._folder = folder
        self._limit = limit
        self._added = 0

    @property
    def empty(self) -> bool:
        return not os.path.isdir(self._folder)

    def get(self, name: bytes) -> memoryview | None:
        """The chunk with this digest (raw), verified. One that is damaged is removed."""
        path = self._path(name)
        try:
            with open(path, "rb", opener=regular) as file:
                data = file.read()
            if blake3(data).digest() == name:
                os.utime(path)
                return memoryview(bytearray(data))
            os.unlink(path)
        except OSError:
            pass
        return None

    def keep(self, name: bytes, data: Buffer) -> None:
        path = self._path(name)
        with suppress(OSError):
            if os.path.exists(path):
                return os.utime(path)
            make_folders(os.path.dirname(path))
            write_over(path, data, f"{path}.{temporary_name()}", durable=False)
            self._added += len(data)
            if self._added >= min(_LOOK_AFTER, self._limit // 4):
                self.trim()
        return None

    def trim(self) -> None:
        """Keep to the limit."""
        self._added = 0
        files = sorted(self._files())
        total = sum(file.size for file in files)
        if total <= self._limit:
            return
        for file in files:
            if total <= self._limit * _LEFT:
                break
            with suppress(OSError):
                os.unlink(file.path)
            total -= file.size

    def _path(self, name: bytes) -> str:
        digest = name.hex()
        return os.path.join(self._folder, digest[:2], digest[2:])

    def _files(self) -> Iterator[_File]:
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = os.path.join(folder, name)
                with suppress(OSError):  # another process was faster
                    status = os.stat(path)
                    yield _File(status.st_mtime, status.st_size, path)
