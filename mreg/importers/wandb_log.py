"""The log of an offline run of W&B, `run-ID.wandb`: records of Protocol Buffers in the frame of LevelDB's logs, with
plain CRC-32.

Read by hand, and only what an import needs of it: W&B's own reader is a program of 80 MB, and its classes change with
each release, while numbers of fields do not."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from mreg.importers.faults import MalformedSource
from mreg.importers.tree import Tree

MAX_RECORD: Final = 256 << 20
_BLOCK: Final = 32 << 10
_HEADER: Final = struct.Struct("<IHB")
_START: Final = b":W&B" + struct.pack("<H", 0xBEE1)
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_VARINT: Final = 10
"""Bytes of the longest number."""

Fields = dict[int, list[bytes | int]]
"""What a message says, by the numbers of its fields: texts and messages as bytes, numbers as numbers."""


def records(tree: Tree, path: str) -> Iterator[bytes]:
    """The records that are whole: a run that was killed leaves the last one in part. Raises MalformedSource,
    OutsideSource, MissingPath, UnreadableFile."""
    with tree.open(path) as file:
        if not file.read(len(_START) + 1).startswith(_START):
            raise MalformedSource(path=path, reason="it is not a W&B log")
        parts: list[bytes] = []
        size = 0
        at = len(_START) + 1
        while True:
            rest = _BLOCK - at % _BLOCK
            if rest < _HEADER.size:
                at += len(file.read(rest))
                continue
            head = file.read(_HEADER.size)
            if len(head) < _HEADER.size:
                return
            checksum, length, kind = _HEADER.unpack(head)
            data = file.read(length) if length <= rest - _HEADER.size else None
            at += _HEADER.size + length
            if not any(head):  # the rest of a block that was made beforehand
                return
            if data is not None and len(data) < length:
                return
            if data is None or zlib.crc32(data, zlib.crc32(head[6:])) != checksum:
                raise MalformedSource(path=path, reason="one of its records is damaged")
            if kind in (_WHOLE, _FIRST):
                parts, size = [], 0
            parts.append(data)
            size += length
            if size > MAX_RECORD:
                raise MalformedSource(path=path, reason=f"a record is larger than {MAX_RECORD >> 20} MiB")
            if kind in (_WHOLE, _LAST):
                yield b"".join(parts)
                parts, size = [], 0


def fields(data: bytes | int, path: str) -> Fields:
    """Take a message apart. Raises MalformedSource."""
    if isinstance(data, int):
        raise MalformedSource(path=path, reason="it was not written by W&B")
    found: Fields = {}
    at = 0
    while at < len(data):
        tag, at = _number(data, at, path)
        kind = tag & 7
        value: bytes | int
        if kind == 0:
            value, at = _number(data, at, path)
        else:
            length, at = _number(data, at, path) if kind == 2 else ({1: 8, 5: 4}.get(kind, -1), at)
            if not 0 <= length <= len(data) - at:
                raise MalformedSource(path=path, reason="it was not written by W&B")
            value = data[at : at + length]
            at += length
        found.setdefault(tag >> 3, []).append(value)
    return found


def _number(data: bytes, at: int, path: str) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends. Raises MalformedSource."""
    value = 0
    for count in range(_VARINT):
        if at + count >= len(data):
            break
        byte = data[at + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, at + count + 1
    raise MalformedSource(path=path, reason="it was not written by W&B")


def text(message: Fields, number: int) -> str:
    """The last value of the field as a text; empty where there is none."""
    value = message.get(number, [b""])[-1]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def texts(message: Fields, number: int) -> list[str]:
    return [value.decode("utf-8", "replace") for value in message.get(number, []) if isinstance(value, bytes)]


def count(message: Fields, number: int) -> int | None:
    """The last value of the field as a number."""
    value = message.get(number, [None])[-1] if number in message else None
    return value if isinstance(value, int) else None
