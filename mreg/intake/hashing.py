"""The digests of files that are only looked at: nothing of them is kept."""

from __future__ import annotations

import os

from blake3 import blake3

from mreg.intake.scan import Source, SourceChanged, has_vanished, is_executable, scan, unreadable
from mreg.session.statcache import same_file
from mreg.values.digest import digest
from mreg.values.file_names import stored
from mreg.values.records import DataSource, File, Manifest

_BLOCK = 1 << 20


def digest_of(source: Source) -> str:
    """Raises SourceChanged, UnreadableFile."""
    hasher = blake3()
    try:
        with open(source.file, "rb", buffering=0, opener=_open) as file:
            while block := file.read(_BLOCK):
                hasher.update(block)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise (SourceChanged(path=source.file) if has_vanished(error) else unreadable(source.file, error)) from None
    if not same_file(source.status, after):
        raise SourceChanged(path=source.file)
    return hasher.hexdigest()


def _open(path: str, flags: int) -> int:
    """Not blocking: a pipe may have taken the file's place since it was looked at."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def data_source(path: str) -> DataSource:
    """What is to be recorded of a file that a version was made from, or of a folder: the digest of its manifest.

    Raises MissingPath, NothingToLog, UnsupportedFile, UnreadableFile, SourceChanged."""
    found = scan([path])
    files = tuple(File(one.path, one.status.st_size, digest_of(one), is_executable(one)) for one in found.sources)
    size = sum(file.size for file in files)
    if os.path.isdir(path):
        return DataSource("file", stored(path), digest(Manifest(files, found.folders).to_bytes()), size)
    return DataSource("file", stored(path), files[0].digest, size)
