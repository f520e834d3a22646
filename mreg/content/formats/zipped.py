"""The map of a ZIP file that holds a model: PyTorch (`.pt`, `.pth`), NumPy (`.npz`), Keras (`.keras`).

Format: PKWARE APPNOTE.TXT 6.3.x; sections are named where they are used. Every member's bytes are a span
of their own, so that a member that grows moves no cut in another. Tensors are the stored members

- `data/<n>` and `constants/<n>` of a PyTorch archive (torch `caffe2/serialize/inline_container.h`), whose
  dtypes only the pickle beside them knows, which is never looked into, and
- `*.npy`, from the array's first byte; the NPY header goes with the gap before it.

So are the datasets in the stored `*.h5` of a Keras archive: of the first such member, for it may cost as much
as an HDF5 file of its own.

The central directory is read here and not with `zipfile`, which builds it whole before its size can be
bounded, needs half a KiB of memory a member, and answers damage with whichever exception comes first.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import islice
from typing import Final

from mreg.content.formats import hdf5, npy
from mreg.content.formats.spans import MOST_PARTS, Kind, SeekableFile, Span, Unmappable, cover, read_at, tensor
from mreg.values.named_tuple import NamedTuple

MAGIC: Final = b"PK\x03\x04"
DIRECTORY_MOST: Final = 64 << 20
"""Longest central directory that is read; some 700,000 members."""

_LOCAL = struct.Struct("<4s22xHH")  # 4.3.7: signature, lengths of name and extra field
_CENTRAL = struct.Struct("<4s6xH8xIIHHH8xI")  # 4.3.12: signature, method, sizes, lengths, offset
_END = struct.Struct("<4s8xIIH")  # 4.3.16: signature, directory's size and offset, comment's length
_END64 = struct.Struct("<4s36xQQ")  # 4.3.14: signature, directory's size and offset
_LOCATOR = struct.Struct("<4s4xQ4x")  # 4.3.15: signature, offset of the zip64 end record
_EXTRA = struct.Struct("<HH")  # 4.5.1: kind of the extra field's part, its length

_STORED = 0  # 4.4.5
DEFLATED: Final = 8
_ZIP64_EXTRA = 1  # 4.5.3
_COMMENT_MOST = 0xFFFF
_IN_ZIP64 = 0xFFFFFFFF  # "too large for this field, look into the zip64 extra field"

# What is in front is the archive's name, which PyTorch takes from the file's: it may differ between versions.
_TORCH_TENSOR = re.compile(rb"(?:.*/)?((?:data|constants)/\d+)", re.DOTALL)


class _Entry(NamedTuple):
    name: bytes
    method: int
    length: int
    header: int
    """Offset of the local header."""
    full: int
    """Bytes when it is not compressed."""


class Member(NamedTuple):
    """A file in the archive: its bytes begin at `start`. stored: not compressed, so that `size` bytes are its own.
    full: how many there are, if it is `deflated`, which is one way of compressing."""

    name: str
    start: int
    size: int
    stored: bool
    deflated: bool = False
    full: int = 0


def members(file: SeekableFile, size: int) -> list[Member]:
    """All members. Raises Unmappable, struct.error."""
    return [
        Member(
            entry.name.decode("utf-8", "replace"),
            start,
            entry.length,
            entry.method == _STORED,
            entry.method == DEFLATED,
            entry.full,
        )
        for entry in islice(_entries(_directory(file, size)), MOST_PARTS)
        if (start := _data_start(file, size, entry.header)) + entry.length <= size
    ]


def spans(file: SeekableFile, size: int) -> list[Span] | None:
    """Each member's bytes, and what lies between; None where this is no sound ZIP file."""
    try:
        directory = _directory(file, size)
        return cover(_parts(file, size, directory), size)
    except (Unmappable, struct.error):
        return None


def _parts(file: SeekableFile, size: int, directory: bytes) -> Iterator[Span]:
    hdf5_seen = False
    for entry in _entries(directory):
        start = _data_start(file, size, entry.header)
        datasets: list[Span] = []
        if not hdf5_seen and entry.method == _STORED and entry.name.endswith(b".h5"):
            hdf5_seen, datasets = True, hdf5.tensors(file, start, entry.length)
        yield from datasets or [_member(file, start, entry)]


def _member(file: SeekableFile, start: int, entry: _Entry) -> Span:
    if entry.method != _STORED:
        return Span(start, entry.length, Kind.OPAQUE)
    if storage := _TORCH_TENSOR.fullmatch(entry.name):
        return tensor(start, entry.length, storage[1])
    if entry.name.endswith(b".npy") and (array := npy.array(file, start, entry.length, entry.name)):
        return array
    return Span(start, entry.length, Kind.OPAQUE)


def _data_start(file: SeekableFile, size: int, header: int) -> int:
    if header > size:
        raise Unmappable
    signature, name, extra = _LOCAL.unpack(read_at(file, header, _LOCAL.size))
    if signature != MAGIC:
        raise Unmappable
    # The central directory's copy of the extra field may have another length: PyTorch pads only this one.
    return header + _LOCAL.size + int(name) + int(extra)


def _directory(file: SeekableFile, size: int) -> bytes:
    """The central directory's bytes (4.3.12), found through the record at the end of the file."""
    tail, end = _tail(file, size)
    _, length, offset, _ = _END.unpack_from(tail, end)
    if (locator := end - _LOCATOR.size) >= 0 and tail.startswith(b"PK\x06\x07", locator):
        length, offset = _zip64_directory(file, size, _LOCATOR.unpack_from(tail, locator)[1])
    if length > DIRECTORY_MOST or offset + length > size:
        raise Unmappable
    return read_at(file, offset, length)


def _tail(file: SeekableFile, size: int) -> tuple[bytes, int]:
    """The end of the file, and where in it the end record begins. Where nothing follows that, as hardly anything ever
    does, no more is read: a tensor may lie just in front."""
    for comment_most in (0, _COMMENT_MOST):
        tail_start = max(0, size - _LOCATOR.size - _END.size - comment_most)
        tail = read_at(file, tail_start, size - tail_start)
        end = tail.rfind(b"PK\x05\x06")
        if 0 <= end <= len(tail) - _END.size and end + _END.size + _END.unpack_from(tail, end)[3] == len(tail):
            return tail, end
    raise Unmappable


def _zip64_directory(file: SeekableFile, size: int, offset: int) -> tuple[int, int]:
    """The central directory's length and offset, from the zip64 end record at `offset`."""
    if offset > size:
        raise Unmappable
    signature, length, start = _END64.unpack(read_at(file, offset, _END64.size))
    if signature != b"PK\x06\x06":
        raise Unmappable
    return length, start


def _entries(directory: bytes) -> Iterator[_Entry]:
    position = 0
    while position < len(directory):
        signature, method, length, full, name, extra, comment, header = _CENTRAL.unpack_from(directory, position)
        if signature != b"PK\x01\x02":
            raise Unmappable
        position += _CENTRAL.size
        name_end = position + name
        extra_end = name_end + extra
        if extra_end + comment > len(directory):
            raise Unmappable
        if _IN_ZIP64 in (length, full, header):
            fields = _zip64_extra(directory[name_end:extra_end])
            # In this order, and only those that did not fit (4.5.3).
            full, length, header = (next(fields) if value == _IN_ZIP64 else value for value in (full, length, header))
        yield _Entry(directory[position:name_end], method, length, header, full)
        position = extra_end + comment


def _zip64_extra(extra: bytes) -> Iterator[int]:
    """The integers of the zip64 part of an extra field."""
    position = 0
    while position < len(extra):
        kind, length = _EXTRA.unpack_from(extra, position)
        position += _EXTRA.size
        if kind == _ZIP64_EXTRA:
            for (value,) in struct.iter_unpack("<Q", extra[position : position + length - length % 8]):
                yield value
            break
        position += length
    raise Unmappable
