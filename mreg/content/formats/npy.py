"""The map of an NPY file, one array as `numpy.save` writes it.

Format (NumPy NEP 1; `numpy.lib.format`): 6 bytes magic, a byte each for the major and minor version, the
header's length as a little-endian integer of 2 bytes (version 1) or 4 (versions 2 and 3), the header, and
the array's bytes. The header is a Python dictionary as text, of `descr` (the dtype), `fortran_order` and
`shape`, padded with spaces. It is not parsed: the whole of it tells arrays apart, and of `descr`, which NumPy
writes first, only plain dtypes are told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mreg.content.formats.spans import SeekableFile, Span, cover, read_at, tensor
from mreg.values.tensors import Tensor

MAGIC: Final = b"\x93NUMPY"
HEADER_MOST: Final = 4 << 10
"""Longest header that is looked into; those of plain arrays have 118 bytes, hardly ever more."""

_PREFIX = 12
_LENGTH_BYTES = {1: 2, 2: 4, 3: 4}

# What NumPy calls the dtypes. Those of structured, big-endian, text and other arrays have no name here.
_DESCR = re.compile(rb"\s*+\{\s*+'descr'\s*+:\s*+'([<|][a-z]\d)'")
_SHAPE = re.compile(rb"'fortran_order': (True|False), 'shape': \(([0-9, ]{0,400})\)")
_DTYPES = {
    **{b"<f8": "F64", b"<f4": "F32", b"<f2": "F16", b"<c8": "C64", b"|b1": "BOOL"},
    **{b"<i8": "I64", b"<i4": "I32", b"<i2": "I16", b"|i1": "I8"},
    **{b"<u8": "U64", b"<u4": "U32", b"<u2": "U16", b"|u1": "U8"},
}


def spans(file: SeekableFile, size: int) -> list[Span] | None:
    """The header (opaque) and the array; None where this is no NPY file."""
    found = array(file, 0, size, b"")
    return None if found is None else cover([found], size)


def array(file: SeekableFile, start: int, length: int, name: bytes) -> Span | None:
    """The array, here called `name`, in the NPY file of `length` bytes that lies in `file` from `start` on.

    None where what lies there is no NPY file.
    """
    found = _header(file, start, length)
    if found is None:
        return None
    skipped, form = found
    return tensor(start + skipped, length - skipped, name, _dtype(form), form)


def listed(file: SeekableFile, start: int, length: int, path: str, name: str) -> Iterator[Tensor]:
    """The same array by name; none where its header is unusual."""
    found = _header(file, start, length)
    shape = found and _SHAPE.search(found[1])
    if not found or not shape:
        return
    dimensions = tuple(int(number) for number in shape[2].split(b",") if number.strip())
    order = "C" if shape[1] == b"False" else "F"  # one dimension lies the same way in both; NumPy then says False
    yield Tensor(name, path, _dtype(found[1]), dimensions, start + found[0], length - found[0], order)


def _header(file: SeekableFile, start: int, length: int) -> tuple[int, bytes] | None:
    """How many bytes lie in front of the array, and the header's text; empty where it is very long."""
    prefix = read_at(file, start, _PREFIX)
    if len(prefix) < _PREFIX or not prefix.startswith(MAGIC):
        return None
    width = _LENGTH_BYTES.get(prefix[6])
    if width is None:
        return None
    header_length = int.from_bytes(prefix[8 : 8 + width], "little")
    skipped = 8 + width + header_length
    if skipped > length:
        return None
    if header_length > HEADER_MOST:
        return skipped, b""
    return skipped, read_at(file, start + 8 + width, header_length).rstrip()  # NumPy releases pad differently


def _dtype(form: bytes) -> str:
    found = _DESCR.match(form)
    return _DTYPES.get(found[1], "") if found else ""
