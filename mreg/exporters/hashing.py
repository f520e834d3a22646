"""Files that are hashed by SHA-256 while they are written, by another thread."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from mreg.checkout.reader import Part, Reader
from mreg.content.buffers import Buffer
from mreg.values.records import File

AHEAD: Final = 4
"""Parts that may wait to be hashed."""


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
