"""The map of a GGUF file, the format of ggml and llama.cpp.

Format (github.com/ggml-org/ggml, docs/gguf.md), all integers little-endian: magic, version, the number of
tensors, the number of metadata pairs; the pairs (key, type of value, value); one info a tensor (name,
dimensions, type, offset); then, at the next multiple of `general.alignment`, the tensors' bytes, which the
offsets are counted from. Text and arrays have their length in front, as 8 bytes.

The metadata is walked over, not read: a tokenizer's words are some 100,000 strings. Whatever numbers a file
claims, each step moves on in the bytes that were read, of which there are at most HEADER_MOST.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from math import prod
from typing import Final

from mreg.content.formats.spans import (
    MOST_PARTS,
    TEXT_MOST,
    SeekableFile,
    Span,
    Unmappable,
    cover,
    read_at,
    read_sound,
    tensor,
)
from mreg.values.named_tuple import NamedTuple
from mreg.values.tensors import Tensor

MAGIC: Final = b"GGUF"
HEADER_MOST: Final = 32 << 20
"""Longest metadata and infos together that are looked at. Vocabularies of 260,000 words take some 15 MB."""

HEADER_FIRST: Final = 1 << 20
"""As much is read at first. Enough where there is no tokenizer."""

TYPES: Final[dict[int, tuple[str, int, int]]] = {
    **{0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22)},
    **{7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84)},
    **{11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210)},
    **{15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98)},
    **{19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82)},
    **{23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8)},
    **{28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54)},
    **{35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18)},
}
"""ggml's types by number: name, items in a block, bytes of a block."""

_HEADER = struct.Struct("<4sIQQ")  # magic, version, tensors, metadata pairs
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_ARRAY = struct.Struct("<IQ")  # type of the values, their number
_TYPE_AND_OFFSET = struct.Struct("<IQ")

_VERSIONS = (2, 3)  # 1 had other integers; a big-endian file has its 3 in another byte
_VALUE_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TYPE_U32, _TYPE_STRING, _TYPE_ARRAY = 4, 8, 9
_ALIGNMENT = (b"general.alignment", 32)
_DIMENSIONS_MOST = 4


class _Info(NamedTuple):
    name: bytes
    dimensions: tuple[int, ...]
    type: int
    offset: int
    end: int
    """Where in the header the next one begins."""


def spans(file: SeekableFile, size: int) -> list[Span] | None:
    """What is in front (opaque), each tensor, and the padding; None where this is no GGUF file."""
    for length in (HEADER_FIRST, HEADER_MOST):
        try:
            return cover(_tensors(read_at(file, 0, min(length, size)), size), size)
        except Unmappable:
            return None
        except (struct.error, OverflowError):  # it goes on behind what was read
            pass
    return None


def listed(file: SeekableFile, size: int, path: str) -> Iterator[Tensor]:
    """The tensors by name. Raises Unmappable."""
    for most in (min(HEADER_FIRST, size), min(HEADER_MOST, size)):
        header = read_sound(file, 0, most)
        try:
            placed = list(_placed(header, size))
        except (struct.error, OverflowError):  # it goes on behind what was read
            if len(header) < most:
                read_at(file, 0, most)  # which tells what is damaged
            continue
        for info, start, length, dtype in placed:
            # ggml has the innermost dimension first.
            yield Tensor(info.name.decode("utf-8", "replace"), path, dtype, info.dimensions[::-1], start, length)
        return
    raise Unmappable


def _tensors(header: bytes, size: int) -> Iterator[Span]:
    for info, start, length, dtype in _placed(header, size):
        form = b"%d[%b]" % (info.type, b",".join(b"%d" % dimension for dimension in info.dimensions))
        yield tensor(start, length, info.name, dtype, form)


def _placed(header: bytes, size: int) -> Iterator[tuple[_Info, int, int, str]]:
    """Each tensor, where its bytes lie, and the name of its type."""
    _, version, count, pairs = _HEADER.unpack_from(header)
    if version not in _VERSIONS or count > MOST_PARTS:
        raise Unmappable
    position, alignment = _metadata(header, pairs)
    # Looked at twice, as the infos of a hostile header would take several times its memory if kept.
    offsets, end = array("Q"), position
    for info in _infos(header, position, count):
        offsets.append(info.offset)
        end = info.end
    data = -(-end // alignment) * alignment
    offsets = array("Q", sorted(offsets))
    for info in _infos(header, position, count):
        name, length = _extent(info, data, offsets, size)
        yield info, data + info.offset, length, name


def _extent(info: _Info, data: int, offsets: array[int], size: int) -> tuple[str, int]:
    """The name of a tensor's type, and how many bytes it has."""
    name, block, block_size = TYPES.get(info.type, ("", 0, 0))
    if block:
        blocks, rest = divmod(prod(info.dimensions), block)
        if rest:
            raise Unmappable
        length = blocks * block_size
    else:  # a type made after this was written: up to the next tensor
        following = bisect_right(offsets, info.offset)
        length = (offsets[following] if following < len(offsets) else size - data) - info.offset
    return name, length


def _metadata(header: bytes, pairs: int) -> tuple[int, int]:
    """Where the metadata ends, and the alignment that it states."""
    alignment_key, alignment = _ALIGNMENT
    position = _HEADER.size
    for _ in range(pairs):
        key, position = _string(header, position)
        (kind,) = _U32.unpack_from(header, position)
        position += _U32.size
        count = 1
        if kind == _TYPE_ARRAY:
            kind, count = _ARRAY.unpack_from(header, position)
            position += _ARRAY.size
        elif key == alignment_key:
            (alignment,) = _U32.unpack_from(header, position)
            if kind != _TYPE_U32 or alignment.bit_count() != 1:
                raise Unmappable
        position = _behind_values(header, position, kind, count)
    return position, alignment


def _behind_values(header: bytes, position: int, kind: int, count: int) -> int:
    if kind == _TYPE_STRING:
        for _ in range(count):
            position += _U64.size + _U64.unpack_from(header, position)[0]
        return position
    if kind not in _VALUE_SIZES:  # also arrays in arrays, which ggml refuses as well
        raise Unmappable
    return position + count * _VALUE_SIZES[kind]


def _infos(header: bytes, position: int, count: int) -> Iterator[_Info]:
    for _ in range(count):
        name, position = _string(header, position)
        (rank,) = _U32.unpack_from(header, position)
        if rank > _DIMENSIONS_MOST:
            raise Unmappable
        position += _U32.size
        dimensions = struct.unpack_from(f"<{rank}Q", header, position)
        position += rank * _U64.size
        kind, offset = _TYPE_AND_OFFSET.unpack_from(header, position)
        position += _TYPE_AND_OFFSET.size
        yield _Info(name, dimensions, kind, offset, position)


def _string(header: bytes, position: int) -> tuple[bytes, int]:
    """A string, and where it ends. It is cut short where the header is; what follows is then not there."""
    (length,) = _U64.unpack_from(header, position)
    if length > TEXT_MOST:
        raise Unmappable
    start = position + _U64.size
    return header[start : start + length], start + length
