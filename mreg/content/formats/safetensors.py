"""The map of a safetensors file.

Format (github.com/huggingface/safetensors, README, "Format"): 8 bytes, the header's length n as a
little-endian integer; n bytes of JSON that begin with `{` and may end with spaces; the tensors' bytes. The
header is an object with one entry per tensor, `"name": {"dtype": …, "shape": […], "data_offsets": [begin, end]}`,
the offsets counted from the end of the header; beside them `__metadata__`, an object of strings.

The header is matched entry by entry, not parsed as JSON: a hostile header of nested brackets costs a JSON
parser 30 times its size in memory. Every quantifier of the patterns that could take much is possessive: it
never gives back what it took, so that matching is linear in time and needs no memory. What the patterns do
not match is no header that safetensors itself would write or read, and gives no map.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mreg import lazy
from mreg.content.formats.spans import ITEM_SIZE, TEXT_MOST, SeekableFile, Span, Unmappable, cover, read_at, tensor
from mreg.values.named_tuple import NamedTuple
from mreg.values.tensors import Tensor

HEADER_MOST: Final = 32 << 20
"""Longest header that is looked at. Some 250,000 tensors; safetensors itself allows 100 MB."""

_DTYPES = {name.encode(): name for name in ITEM_SIZE}

_STRING = rb'"[^"\\]*+ (?: \\. [^"\\]*+ )*+"'
_END = rb"\s*+ (?: , | (?P<last> \} \s*+ \Z ) )"

# The three fields in any order. Sixteen digits reach beyond any file, and keep Python from building huge
# integers.
_FIELDS = rb"""
    (?: \s*+
        (?: "dtype" \s*+ : \s*+ "([A-Z0-9_]{1,16}+)"
          | "shape" \s*+ : \s*+ \[ ([0-9,\s]{0,400}+) \]
          | "data_offsets" \s*+ : \s*+ \[ \s*+ ([0-9]{1,16}+) \s*+ , \s*+ ([0-9]{1,16}+) \s*+ \]
        ) \s*+ (?: , | (?=\}) )
    ){1,3}"""
_PAIRS = rb"(?: \s*+ %b \s*+ : \s*+ %b \s*+ ,?+ )*+ \s*+" % (_STRING, _STRING)

_TENSOR = re.compile(
    rb"\s*+ (%b) \s*+ : \s*+ \{ %b \} %b" % (_STRING, _FIELDS, _END),
    re.VERBOSE | re.DOTALL,
)
_EMPTY = re.compile(rb"\{ \s*+ \} \s*+ \Z", re.VERBOSE)
_METADATA = re.compile(
    rb'\s*+ "__metadata__" \s*+ : \s*+ (?P<said> \{ %b \} ) %b' % (_PAIRS, _END),
    re.VERBOSE | re.DOTALL,
)


class _Entry(NamedTuple):
    """A tensor in the header: its name as JSON, its shape without white space, where its bytes begin and end."""

    name: bytes
    dtype: bytes
    shape: bytes
    begin: int
    end: int


def spans(file: SeekableFile, size: int) -> list[Span] | None:
    """The header (opaque) and each tensor; None where this is no safetensors file."""
    length = int.from_bytes(read_at(file, 0, 8), "little")
    if length > min(HEADER_MOST, size - 8):
        return None
    try:
        return cover(_tensors(file, length), size)
    except Unmappable:
        return None


def listed(file: SeekableFile, size: int, path: str) -> Iterator[Tensor]:
    """The tensors by name. Raises Unmappable, ValueError."""
    length = int.from_bytes(read_at(file, 0, 8), "little")
    if length > min(HEADER_MOST, size - 8):
        raise Unmappable
    for name, dtype, shape, start, end in _entries(file, length):
        dimensions = tuple(int(number) for number in shape.split(b",") if number)
        yield Tensor(lazy.json.loads(name), path, dtype.decode(), dimensions, 8 + length + start, end - start)


def said(file: SeekableFile, size: int) -> dict[str, str]:
    """What the file says of itself (`__metadata__`); empty where it says nothing, or is no safetensors file."""
    length = int.from_bytes(read_at(file, 0, 8), "little")
    if length > min(HEADER_MOST, size - 8):
        return {}
    header = read_at(file, 8, length)
    position = 1
    while match := _TENSOR.match(header, position) or _METADATA.match(header, position):
        if match.re is _METADATA:
            found: dict[str, str] = lazy.json.loads(match["said"])
            return found
        position = match.end()
    return {}


def _tensors(file: SeekableFile, length: int) -> Iterator[Span]:
    for name, dtype, shape, start, end in _entries(file, length):
        form = b"%b[%b]" % (dtype, shape)
        yield tensor(8 + length + start, end - start, name, _DTYPES.get(dtype, ""), form)


def _entries(file: SeekableFile, length: int) -> Iterator[_Entry]:
    header = read_at(file, 8, length)  # here, so that it is gone when the spans are put in order
    if len(header) != length or not header.startswith(b"{"):
        raise Unmappable
    position, last = 1, b"}" if _EMPTY.match(header) else None
    while last is None:
        if match := _TENSOR.match(header, position):
            yield _entry(match)
        elif (match := _METADATA.match(header, position)) is None:
            raise Unmappable
        position, last = match.end(), match["last"]


def _entry(match: re.Match[bytes]) -> _Entry:
    if match.end(1) - match.start(1) > TEXT_MOST:
        raise Unmappable
    name, dtype, shape, begin, end = match.groups(default=b"")[:5]
    if not begin:
        raise Unmappable
    return _Entry(name, dtype, b"".join(shape.split()), int(begin), int(end))
