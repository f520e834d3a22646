"""The SHA-256 of files: remembered, or worked out by other threads while files are written."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from mreg.checkout.reader import Part, Reader
from mreg.content.buffers import Buffer
from mreg.content.parallel import THREADS
from mreg.session.index import Index
from mreg.values.records import File

AHEAD: Final = 4
"""Parts that may wait to be hashed."""

_BLOCK: Final = 1 << 20


class Hashes:
    """The SHA-256 of these files, by mreg's own digest. Each is worked out once, and remembered in the tables."""

    def __init__(self, tables: Index, files: Sequence[File]) -> None:
        self._tables = tables
        self._wanted = {file.digest for file in files}
        names = tables.other_digests(set(map(bytes.fromhex, self._wanted)), "sha256") if files else {}
        self._known = {name.hex(): other for name, other in names.items()}
        self._read: dict[str, Future[str]] = {}
        self._threads = ThreadPoolExecutor(THREADS)  # starts none before it is given work

    def lacks(self, file: File) -> bool:
        digest = file.digest
        return digest in self._wanted and digest not in self._known and digest not in self._read

    def read(self, file: File, path: str) -> None:
        """Have what lies at `path`, which was verified, read by another thread, if its SHA-256 is wanted."""
        if self.lacks(file):
            self._read[file.digest] = self._threads.submit(_sha256, path)

    def add(self, found: Mapping[str, str]) -> None:
        if found:
            self._tables.keep_other_digests({bytes.fromhex(name): other for name, other in found.items()}, "sha256")
        self._known.update(found)

    def all(self) -> dict[str, str]:
        self.add({digest: found.result() for digest, found in self._read.items()})
        return self._known

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)


class HashingReader(Reader):
    """As `reader`, whose every part it hashes on the way. found: SHA-256 by mreg's own digest, of the files that were
    read from end to end, and were right."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._thread = ThreadPoolExecutor(1)
        self._pending: Future[Any] | None = None
        self._lent: deque[tuple[Future[Any], Buffer]] = deque()
        self.found: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def stream(self, files: Sequence[File], *, verified: bool = False) -> Generator[Part]:
        rest = iter(files)
        file, whole, sound = next(rest, None), hashlib.sha256(), True
        for part in self._reader.stream(files, verified=verified):
            if file is None:
                break
            self._pending = hashed = self._thread.submit(whole.update, part.data)
            yield part
            sound = sound and part.right and part.error is None
            if part.last:
                hashed.result()  # and so all before it
                if sound:
                    self.found[file.digest] = whole.hexdigest()
                file, whole, sound = next(rest, None), hashlib.sha256(), True

    def done_with(self, data: Buffer) -> None:
        """The memory is used again when it has been hashed."""
        assert self._pending is not None
        self._lent.append((self._pending, data))
        if len(self._lent) > AHEAD:
            self._take_back()

    def close(self) -> None:
        self._thread.shutdown()
        while self._lent:
            self._take_back()

    def _take_back(self) -> None:
        hashed, data = self._lent.popleft()
        hashed.result()
        self._reader.done_with(data)


def _sha256(path: str) -> str:
    whole = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            whole.update(block)
    return whole.hexdigest()
