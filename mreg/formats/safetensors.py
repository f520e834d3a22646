"""The map of a safetensors file.

Format (github.com/huggingface/safetensors, README, "Format"): 8 bytes, the header's length n as a
little-endian integer; n bytes of JSON that begin with `{` and may end with spaces; the tensors' bytes. The
header names for each tensor its `data_offsets` [begin, end), counted from the end of the header.

The header is searched for `data_offsets`, not parsed as JSON. Offsets are all that a map needs; the search
is linear in time and keeps two integers a tensor, whereas a hostile header of nested brackets costs a JSON
parser 30 times its size in memory. Nothing inside a JSON string can match, for the quotes in it are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mreg.formats.spans import Kind, Source, Span, cover, read_at

HEADER_MOST: Final = 32 << 20
"""Longest header that is looked at. Some 250,000 tensors; safetensors itself allows 100 MB."""

# Sixteen digits reach beyond any file, and keep Python from building huge integers.
_OFFSETS = re.compile(rb'"data_offsets"\s*:\s*\[\s*(\d{1,16})\s*,\s*(\d{1,16})\s*\]')


def spans(file: Source, size: int) -> list[Span] | None:
    """The header (opaque) and each tensor; None where this is no safetensors file."""
    length = int.from_bytes(read_at(file, 0, 8), "little")
    if length > min(HEADER_MOST, size - 8):
        return None
    header = read_at(file, 8, length)
    if len(header) != length or not header.startswith(b"{"):
        return None
    return cover(_tensors(header), size)


def _tensors(header: bytes) -> Iterator[Span]:
    data = 8 + len(header)
    for match in _OFFSETS.finditer(header):
        begin, end = int(match[1]), int(match[2])
        yield Span(data + begin, end - begin, Kind.TENSOR)
