"""Tar files that are the same bytes each time: no owner, no time, sorted by path."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import closing

from mreg.checkout.reader import Reader
from mreg.exporters.plan import Archive
from mreg.values.records import File

_BLOCK = tarfile.BLOCKSIZE


def blocks(reader: Reader, archive: Archive) -> Iterator[bytes]:
    """The tar file, piece by piece; what is in it is verified. Raises DamagedFile."""
    with closing(reader.stream(archive.files, verified=True)) as parts:
        for file in archive.files:
            yield _header(file)
            for part in parts:
                if part.error:
                    raise part.error
                yield bytes(part.data)
                reader.done_with(part.data)
                if not part.right:
                    raise reader.wrong_recipe(file)
                if part.last:
                    break
            yield b"\0" * (-file.size % _BLOCK)
    yield b"\0" * (2 * _BLOCK)


def _header(file: File) -> bytes:
    entry = tarfile.TarInfo(file.path)
    entry.size = file.size
    entry.mode = 0o755 if file.executable else 0o644
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
