"""Bundles as streams: written to where nothing can be read back, and read from where nothing is read twice."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import BinaryIO, Final

from mreg.content import packs
from mreg.storage.bundle_file import MAGIC, BundleFile, DamagedBundle

STREAM: Final = "a stream"

_BLOCK: Final = 1 << 20


class BundleStream(BundleFile):
    """A bundle that goes out as it is written. Of what went, a file without a name keeps all but the chunks, which
    nobody asks for again; in their place it has holes, which take no room."""

    _out: BinaryIO

    @classmethod
    def into(cls, out: BinaryIO) -> BundleStream:
        """Raises OSError."""
        header = cls.new_header()
        bundle = cls(STREAM, _nameless(), header, writable=True)
        bundle._out = out
        bundle._append_all(header, 0)
        return bundle

    def finish(self) -> int:
        self._write(b"", self._heads.digest())
        self._out.flush()
        return self._end

    def discard_empty(self) -> None:
        pass

    def _put_down(self, start: bytes, value: bytes | memoryview) -> None:
        self._append_all(start, self._end)
        kept = packs.index_offset(value) if b"packs/" in start else 0
        self._append_all(value, self._end + len(start), kept)

    def _append_all(self, data: bytes | memoryview, at: int, kept: int = 0) -> None:
        self._out.write(data)
        file = self._file.fileno()
        if kept:
            os.pwrite(file, data[: packs.HEADER_SIZE], at)
        while kept < len(data):
            kept += os.pwrite(file, data[kept:], at + kept)


def received(stream: BinaryIO) -> BundleFile:
    """The bundle that comes, when all of it is in a file without a name. Raises DamagedBundle."""
    file = _nameless()
    try:
        start = stream.read(len(MAGIC))
        if start != MAGIC:
            raise DamagedBundle(path=STREAM, reason="it does not start like one")
        file.write(start)
        shutil.copyfileobj(stream, file, _BLOCK)
        return BundleFile.of(STREAM, file)
    except BaseException:
        file.close()
        raise


def _nameless() -> BinaryIO:
    return tempfile.TemporaryFile(buffering=0)
