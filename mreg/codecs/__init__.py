"""How the bytes of a chunk are stored: each way has a number that stands in the pack index.

Only RAW exists in format 1. A codec may begin its stored bytes with parameters of its own, so that
another one needs no change of the pack format.
"""

from __future__ import annotations

from typing import Final

RAW: Final = 0


class UnknownCodec(ValueError):
    """A number that this release does not know: written by a newer one, or damaged."""


def decode(codec: int, stored: bytes) -> bytes:
    """The chunk whose stored form is `stored`. Raises UnknownCodec."""
    if codec != RAW:
        raise UnknownCodec(f"codec {codec} is not known to this release")
    return stored
