"""What a replica knows of the last journal entry that it applied: that the bucket has it, and when that was seen."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from mreg.refs.journal import Mark, key_of
from mreg.small_files import regular
from mreg.storage.base import Listed, Remote, get_readable
from mreg.values.digest import digest


class LastEntry:
    """path: a file that tells the entry's number, digest and etag; its time is when the entry was seen last."""

    def __init__(self, remote: Remote, path: str) -> None:
        self._remote = remote
        self._path = path

    def is_there(self, mark: Mark, listed: Listed | None) -> bool:
        """Does the bucket have the entry of this mark? listed: what a listing has in its place; an etag that is known
        spares reading it."""
        line = _line(mark, listed.etag) if listed and listed.key == key_of(mark.seq) and listed.etag else None
        if line is None or line != self._known():
            found = get_readable(self._remote, key_of(mark.seq))
            if found is None or digest(found.data) != mark.digest:
                return False
            line = _line(mark, found.etag)
        self._write(line)
        return True

    def note(self, mark: Mark, etag: str | None) -> None:
        """The entry was created just now."""
        self._write(_line(mark, etag or ""))

    @property
    def seconds(self) -> float:
        """How long it is since an entry was seen."""
        try:
            return abs(time.time() - os.stat(self._path).st_mtime)
        except OSError:
            return float("inf")

    def _known(self) -> str | None:
        with suppress(OSError, ValueError), open(self._path, encoding="utf-8", opener=regular) as file:
            return file.read()
        return None

    def _write(self, line: str) -> None:
        with suppress(OSError), open(self._path, "w", encoding="utf-8", opener=regular) as file:
            file.write(line)


def _line(mark: Mark, etag: str) -> str:
    return f"{mark.seq} {mark.digest} {etag}"
