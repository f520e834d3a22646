"""Digests: BLAKE3, 256 bits, written as 64 lower-case hex digits (what `b3sum` prints)."""

from __future__ import annotations

from blake3 import blake3

HEX_LENGTH = 64
MIN_PREFIX = 8
"""Fewest hex digits by which a person may name a digest."""

EMPTY = blake3(b"").hexdigest()
"""The digest of no bytes at all."""


def digest(data: bytes | bytearray | memoryview) -> str:
    """BLAKE3 of `data` as 64 hex digits."""
    return blake3(data).hexdigest()


def is_digest(text: object) -> bool:
    """Is `text` a whole digest in canonical (lower-case hex) form?"""
    return isinstance(text, str) and len(text) == HEX_LENGTH and is_hex(text)


def is_hex(text: str) -> bool:
    return bool(text) and text.strip("0123456789abcdef") == ""
