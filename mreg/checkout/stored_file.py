"""A file of a version, as Python's own open files are: for whatever reads from one."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mreg.checkout.opened import OpenFile


class StoredFile(io.RawIOBase):
    """Seekable and read-only, over an open file of a version. name: its path in the version."""

    def __init__(self, opened: OpenFile) -> None:
        self._opened = opened
        self._position = 0
        self.name = opened.file.path
        self.size = opened.size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}.get(whence)
        if start is None or start + offset < 0:
            raise ValueError(f"cannot seek to {offset} from {whence}")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        count = self._opened.read_into(self._position, memoryview(buffer).cast("B"))
        self._position += count
        return count

    def readall(self) -> bytes:
        found = bytes(self._opened.read_at(self._position, self.size - self._position))
        self._position += len(found)
        return found
