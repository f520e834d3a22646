"""The map of an HDF5 file as h5py writes it by default, and so Keras (`.h5`, and inside of `.keras`).

Format (HDF Group, "HDF5 File Format Specification", version 3.0; sections are named where they are used): a
superblock points at the root group; a group's B-tree and heap name its members; a member's header says what
it is and where its bytes lie. Followed are superblock 0, groups of the old style, and datasets that lie in
one piece. What is newer, in chunks or compressed is passed over, and so becomes part of opaque spans.

Addresses lead anywhere, also round and round. Hence all that is read, and every path that is made of it,
is counted, and beyond READ_MOST there is no map.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from mreg.content.formats.spans import ITEM_SIZE, SeekableFile, Span, Unmappable, cover, read_at, tensor
from mreg.values.named_tuple import NamedTuple
from mreg.values.tensors import Tensor

MAGIC: Final = b"\x89HDF\r\n\x1a\n"
READ_MOST: Final = 32 << 20
"""Bytes of structure that are looked at: those of some 60,000 datasets."""

_READ_COST = 64  # beside the bytes: so that reads of few bytes are bounded as well

_SUPERBLOCK = struct.Struct("<8sB4xBB9xQ32xQ")  # II.A: signature, version, two sizes, base address; root's header
_NODE = struct.Struct("<4sBxH")  # III.A.1 and III.B: signature, type or version, number of entries
_CHILD = struct.Struct("<8xQ")  # III.A.1: address of a node
_SYMBOL = struct.Struct("<QQ24x")  # III.C: offset of the name in the heap, address of the object's header
_HEAP = struct.Struct("<4s4xQ8xQ")  # III.D: signature, length and address of the names
_OBJECT = struct.Struct("<B7xI4x")  # IV.A.1.a: version, length of the messages that follow
_MESSAGE = struct.Struct("<HH4x")  # IV.A.1.a: type, length
_LAYOUT = struct.Struct("<BBQQ")  # IV.A.2.i: version, class, address, length
_TWO = struct.Struct("<QQ")  # IV.A.2.q and r: address and length of more messages; addresses of B-tree and heap

_DATASPACE, _DATATYPE, _PLACE, _MORE, _GROUP = 1, 3, 8, 16, 17  # types of messages, IV.A.2
_IN_ONE_PIECE = (3, 1)  # version and class of the layout
_NOWHERE = 2**64 - 1
_EXPONENT_AT = {b"\x0a": "F16", b"\x07": "BF16"}


def spans(file: SeekableFile, size: int) -> list[Span] | None:
    """The tensors that are found, and what lies between them; None where they contradict each other."""
    return cover(tensors(file, 0, size), size)


def tensors(file: SeekableFile, start: int, size: int) -> list[Span]:
    """The tensors of the HDF5 file of `size` bytes that lies in `file` from `start` on."""
    try:
        return [
            tensor(start + found.place, found.length, found.path, _dtype(found.datatype), found.datatype + found.space)
            for found in Walk(file, start, size).datasets()
        ]
    except (Unmappable, struct.error):
        return []


def listed(walk: Walk, path: str) -> Iterator[Tensor]:
    """The same tensors by name. Raises Unmappable, struct.error."""
    for found in walk.datasets():
        name = found.path.decode("utf-8", "replace").removeprefix("/")
        yield Tensor(name, path, _dtype(found.datatype), _shape(found.space), walk.start + found.place, found.length)


class _Dataset(NamedTuple):
    """place: offset in the HDF5 file. datatype, space: the messages that say dtype and shape."""

    path: bytes
    place: int
    length: int
    datatype: bytes
    space: bytes


class Walk:
    """Finds the datasets. left_out: how many of them are not in one piece."""

    def __init__(self, file: SeekableFile, start: int, size: int) -> None:
        self._file, self.start, self._size = file, start, size
        self.left_out = 0
        self._left = READ_MOST

    def datasets(self) -> Iterator[_Dataset]:
        magic, version, *sizes, base, root = _SUPERBLOCK.unpack(self._read(0, _SUPERBLOCK.size))
        if magic != MAGIC or version != 0 or sizes != [8, 8] or base != 0:
            raise Unmappable
        pending, seen = [(root, b"")], set[int]()
        while pending:
            address, path = pending.pop()
            if address in seen:  # a second name of the same object
                continue
            seen.add(address)
            messages = self._messages(address)
            if _GROUP in messages:
                for name, member in self._members(*_TWO.unpack_from(messages[_GROUP])):
                    self._spend(len(path))
                    pending.append((member, b"%b/%b" % (path, name)))
            elif {_DATASPACE, _DATATYPE, _PLACE} <= messages.keys():
                version, kind, place, length = _LAYOUT.unpack_from(messages[_PLACE].ljust(_LAYOUT.size, b"\0"))
                if (version, kind) == _IN_ONE_PIECE and place != _NOWHERE:
                    if place + length > self._size:
                        raise Unmappable
                    yield _Dataset(path, place, length, messages[_DATATYPE], messages[_DATASPACE])
                elif place != _NOWHERE:
                    self.left_out += 1

    def _messages(self, address: int) -> dict[int, bytes]:
        """What an object's header says, by type; nothing where it is of the newer version."""
        version, length = _OBJECT.unpack(self._read(address, _OBJECT.size))
        found: dict[int, bytes] = {}
        blocks = [(address + _OBJECT.size, length)] if version == 1 else []
        while blocks:
            block, position = self._read(*blocks.pop()), 0
            while position + _MESSAGE.size <= len(block):
                kind, length = _MESSAGE.unpack_from(block, position)
                position += _MESSAGE.size
                found[kind] = block[position : position + length]
                position += length
                if kind == _MORE:
                    blocks.append(_TWO.unpack_from(found[kind]))
        return found

    def _members(self, tree: int, heap: int) -> Iterator[tuple[bytes, int]]:
        """Name of each member of a group, and the address of its header."""
        signature, length, address = _HEAP.unpack(self._read(heap, _HEAP.size))
        if signature != b"HEAP":
            raise Unmappable
        names, nodes = self._read(address, length), [tree]
        while nodes:
            address = nodes.pop()
            signature, kind, count = _NODE.unpack(self._read(address, _NODE.size))
            if (signature, kind) == (b"TREE", 0):
                children = self._read(address + _NODE.size + _TWO.size, count * _CHILD.size)
                nodes.extend(child for (child,) in _CHILD.iter_unpack(children))
            elif (signature, kind) == (b"SNOD", 1):
                for name, member in _SYMBOL.iter_unpack(self._read(address + _NODE.size, count * _SYMBOL.size)):
                    if member != _NOWHERE:  # else a soft link
                        yield self._name(names, name), member
            else:
                raise Unmappable

    def _name(self, names: bytes, start: int) -> bytes:
        end = names.find(b"\0", start)
        if end < 0:
            raise Unmappable
        self._spend(end - start)
        return names[start:end]

    def _read(self, address: int, length: int) -> bytes:
        self._spend(_READ_COST + length)
        if address + length > self._size:
            raise Unmappable
        return read_at(self._file, self.start + address, length)

    def _spend(self, cost: int) -> None:
        self._left -= cost
        if self._left < 0:
            raise Unmappable


def _shape(space: bytes) -> tuple[int, ...]:
    """What a dataspace message means (IV.A.2.b)."""
    version, rank = space[0], space[1]
    return struct.unpack_from(f"<{rank}Q", space, 8 if version == 1 else 4)


def _dtype(datatype: bytes) -> str:
    """What a datatype message means (IV.A.2.d), if it is a plain number."""
    kind, order, size = struct.unpack_from("<BB2xI", datatype)
    found = ""
    if order & 1:  # big-endian
        return ""
    if kind & 15 == 0:
        found = f"{'I' if order & 8 else 'U'}{8 * size}"
    elif kind & 15 == 1:
        found = _EXPONENT_AT.get(datatype[12:13], "") if size == 2 else f"F{8 * size}"
    return found if found in ITEM_SIZE else ""
