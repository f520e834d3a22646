"""What programs write to a pseudo-terminal, to the last byte."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator


def shown_on(terminal: int, seconds: float) -> Iterator[bytes]:
    """All that is written to the other end of the pseudo-terminal, until the last who can write there is gone.

    Linux says so with EIO, but one time too early if the reader is preempted at the wrong place: `n_tty_read` sees that
    nothing is there, then the writer writes and closes, then it sees that all are gone. So only the second EIO counts.
    """
    limit, ended = time.monotonic() + seconds, False
    while True:
        if not select.select([terminal], [], [], max(0, limit - time.monotonic()))[0]:
            raise TimeoutError(f"no end after {seconds} s")
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:
            if ended:
                return
            ended = True
            continue
        if not data:
            return
        ended = False
        yield data
