"""The digests of files that are only looked at: nothing of them is kept."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from blake3 import blake3

from mreg.intake.scan import Source, SourceChanged, is_executable, not_read, scan
from mreg.session.index import Index
from mreg.session.locations import text_of
from mreg.session.statcache import hiding_time, keys, same_bytes, settled, stamp
from mreg.values.canonical import is_unicode
from mreg.values.digest import digest
from mreg.values.file_names import stored
from mreg.values.records import DataSource, File, Manifest

_BLOCK = 1 << 20


def digests_of(index: Index, sources: Sequence[Source]) -> list[str]:
    """The digests of these files. Those that look as they did when they were read are not read again. Raises
    SourceChanged, UnreadableFile."""
    names = list(keys(source.file for source in sources))
    known = index.known({name: stamp(source.status) for name, source in zip(names, sources, strict=True)})
    rest = {name: source for name, source in zip(names, sources, strict=True) if name not in known}
    now = time.time()
    time.sleep(max((hiding_time(source.status, now) for source in rest.values()), default=0.0))
    began = time.time()
    read = {name: _read(source) for name, source in rest.items()}
    index.keep_known(
        (name, stamp(source.status), read[name]) for name, source in rest.items() if settled(source.status, began)
    )
    found = known | read
    return [found[name] for name in names]


def _read(source: Source) -> str:
    hasher = blake3()
    try:
        with open(source.file, "rb", buffering=0, opener=_open) as file:
            while block := file.read(_BLOCK):
                hasher.update(block)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise not_read(source.file, error) from None
    if not same_bytes(source.status, after):
        raise SourceChanged(path=source.file)
    return hasher.hexdigest()


def _open(path: str, flags: int) -> int:
    """Not blocking: a pipe may have taken the file's place since it was looked at."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def data_source(index: Index, path: str) -> DataSource:
    """What is to be recorded of a file that a version was made from, or of a folder: the digest of its manifest. It
    is named as it was given, or by a file:// URL if the path is not Unicode.

    Raises MissingPath, NothingToLog, UnsupportedFile, UnreadableFile, SourceChanged."""
    sources, folders, _ = scan([path])
    digests = digests_of(index, sources)
    files = tuple(
        File(one.path, one.status.st_size, name, is_executable(one)) for one, name in zip(sources, digests, strict=True)
    )
    size = sum(file.size for file in files)
    name = stored(path) if is_unicode(path) else text_of(os.path.abspath(path))
    if os.path.isdir(path):
        return DataSource("file", name, digest(Manifest(files, folders).to_bytes()), size)
    return DataSource("file", name, files[0].digest, size)
