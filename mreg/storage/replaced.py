"""Files that others take the place of, by the thousand: what they hold is freed by several threads at once.

On some file systems (ext4 with `discard`) freeing the blocks of one small file takes a millisecond or two, most of it
waiting. A rename that replaces the file does it on the way, one after the other, with the writers' lock held; of a file
that is still open it is done at the close.
"""

from __future__ import annotations

import os
from contextlib import suppress

from mreg import lazy

_MOST = 128
"""Files held open at a time: processes may have some hundreds."""
_THREADS = 16


class Replaced:
    """Files that are about to be replaced, held open until others close them."""

    def __init__(self) -> None:
        self._held: list[int] = []

    def __enter__(self) -> Replaced:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def hold(self, path: str) -> None:
        """Note that the file at `path` is about to be replaced. One that cannot be opened is replaced all the same."""
        with suppress(OSError):
            self._held.append(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
        if len(self._held) >= _MOST:
            self._close()

    def _close(self) -> None:
        held, self._held = self._held, []
        if held:
            with lazy.load("concurrent.futures").ThreadPoolExecutor(_THREADS) as threads:
                list(threads.map(os.close, held))
