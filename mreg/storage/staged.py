"""A value in a folder that has no name yet: a file in `tmp/`."""

from __future__ import annotations

import os
from contextlib import suppress

from mreg.storage.base import Staged
from mreg.storage.flush import Flusher, fsync
from mreg.storage.reading import MOST_AT_ONCE


class LocalStaged(Staged):
    """A file in `tmp/`: open for writing, then sealed (flushed and closed), then published or discarded."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd = fd
        self._flusher = Flusher(fd)
        self._size = 0
        self._identity: tuple[int, int] | None = None
        self._gone = False

    @property
    def size(self) -> int:
        return self._size

    @property
    def fd(self) -> int:
        """The open file; -1 when the writing has ended."""
        return self._fd

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._fd < 0:
            raise ValueError("the staged value is complete and cannot be written to")
        rest = memoryview(data).cast("B")
        try:
            while rest:
                written = os.write(self._fd, rest[:MOST_AT_ONCE])
                self._size += written
                rest = rest[written:]
                self._flusher.wrote(written)
        except BaseException as error:
            self.discard()  # a part is of no use, and the disk may be full
            if isinstance(error, OSError) and error.filename is None:
                error.filename = os.path.dirname(self.path)  # of two repositories, which disk it is
            raise

    def seal(self, *, durable: bool) -> None:
        """End the writing, with the bytes flushed. Again: does nothing.

        After a failed flush the bytes are thrown away: nothing could make them safe any more.
        """
        if self._gone:
            raise ValueError("the staged value was published or thrown away")
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            try:
                self._flush_and_close(fd, durable)
            except BaseException:
                self.discard()
                raise

    def published(self) -> None:
        """The bytes have their name now; give up the one in `tmp/`."""
        self.discard()

    def is_at(self, path: str) -> bool:
        """Whether the file at `path` is this very one."""
        try:
            found = os.stat(path)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def discard(self) -> None:
        if self._gone:
            return
        self._gone = True
        fd, self._fd = self._fd, -1
        with suppress(OSError):  # what cannot be removed now is swept later
            os.unlink(self.path)
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    def _flush_and_close(self, fd: int, durable: bool) -> None:
        try:
            found = os.fstat(fd)
            self._identity = (found.st_dev, found.st_ino)
            if durable:
                fsync(fd)
        finally:
            os.close(fd)  # may raise too: NFS reports a full disk here
