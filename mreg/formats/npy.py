"""The map of an NPY file, one array as `numpy.save` writes it.

Format (NumPy NEP 1; `numpy.lib.format`): 6 bytes magic, a byte each for the major and minor version, the
header's length as a little-endian integer of 2 bytes (version 1) or 4 (versions 2 and 3), the header, and
the array's bytes.
"""

from __future__ import annotations

from typing import Final

from mreg.formats.spans import Kind, Source, Span, cover, read_at

MAGIC: Final = b"\x93NUMPY"
PREFIX: Final = 12
"""As many first bytes of the file are enough for `data_start`."""

_LENGTH_BYTES = {1: 2, 2: 4, 3: 4}


def data_start(prefix: bytes, size: int) -> int | None:
    """Offset of the array's bytes in a file of `size` bytes, or None where it is no NPY file."""
    if len(prefix) < PREFIX or not prefix.startswith(MAGIC):
        return None
    width = _LENGTH_BYTES.get(prefix[6])
    if width is None:
        return None
    start = 8 + width + int.from_bytes(prefix[8 : 8 + width], "little")
    return start if start <= size else None


def spans(file: Source, size: int) -> list[Span] | None:
    """The header (opaque) and the array; None where this is no NPY file."""
    start = data_start(read_at(file, 0, PREFIX), size)
    return None if start is None else cover([Span(start, size - start, Kind.TENSOR)], size)
