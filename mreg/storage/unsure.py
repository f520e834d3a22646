"""Create-if-absent over a network: what its answers mean, and what is done where they leave it open.

A lost response looks like a lost race: the request was carried out, its answer was dropped, and the next try is told
that the key is taken. So a conditional put is tried by nobody but this module, once at a time, and after an answer that
leaves anything open the key is read back. The bytes tell one's own value from another's: whoever needs that puts
something random into them, as journal entries do.
"""

from __future__ import annotations

import enum
import random
import time
from collections.abc import Callable

from mreg.values.errors import Incomplete, MregError

TRIES = 8
"""Of one put, and with the pauses between them some five seconds."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0


class UnsureWrite(Incomplete):
    """The connection failed while a value was written, and again when it was looked for."""

    code = "unsure-write"
    template = "it is unknown whether {key} was written: {reason}"

    key: str
    reason: str


class Answer(enum.Enum):
    """What a store says of one try to create a key. TAKEN: it is there already; some stores say so too where two tries
    met and neither was carried out. OPEN: nothing that could be relied upon."""

    CREATED = enum.auto()
    TAKEN = enum.auto()
    OPEN = enum.auto()


def create(
    key: str,
    data: bytes,
    attempt: Callable[[], tuple[Answer, MregError | None]],
    read_back: Callable[[], bytes | None],
    pause: Callable[[float], None] = time.sleep,
) -> bool:
    """Create `key`; False where somebody else's value, or the same bytes from before, is there.

    attempt: tries once, and gives the answer, with the fault where that is OPEN. read_back: the value that is there.
    Raises UnsureWrite, and what the last attempt gave where nothing was written.
    """
    doubtful = False  # has there been a try that may have been carried out?
    fault: MregError | None = None
    for number in range(TRIES):
        answer, fault = attempt()
        if answer is Answer.CREATED:
            return True
        doubtful = doubtful or answer is Answer.OPEN
        present = _look(key, read_back, doubtful)
        if present is not None:
            return doubtful and present == data
        if number + 1 < TRIES:
            pause(random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, FIRST_PAUSE * 2**number))
    if doubtful:  # an old request may still be carried out
        raise UnsureWrite(key=key, reason=str(fault) if fault else "the store refuses it, and has no such key")
    return False


def _look(key: str, read_back: Callable[[], bytes | None], doubtful: bool) -> bytes | None:
    try:
        return read_back()
    except MregError as error:
        if not doubtful:
            raise
        raise UnsureWrite(key=key, reason=str(error)) from error
