"""The indexes of many packs in one object, for clients that have read none of them.

`derived/packs/AAAAAAAAA-BBBBBBBBB` holds those of the packs that entries A to B of the journal name and have not
dropped. Nothing of it is believed: the name of a pack is the digest of its header and its index, so each index proves
itself, and one that is missing here, or damaged, is read from its pack. All of them may be deleted at any time.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final, TypeVar

from mreg.content import packs
from mreg.content.packs import DamagedPack, PackIndex, RawIndex
from mreg.refs.journal import Entry
from mreg.storage import ABSENT, Storage
from mreg.storage.base import Remote, get_readable
from mreg.storage.posix import LinkInStore
from mreg.values.canonical import Malformed
from mreg.values.errors import MregError
from mreg.values.named_tuple import NamedTuple

FOLDER: Final = "derived/packs"

ENOUGH: Final = 16
"""Packs that are worth an object; and that are worth looking for one."""

LARGEST: Final = 8 << 20
"""Bytes of an object that others are not added to any more."""

_MOST: Final = 64 << 20
"""Bytes of one, not compressed; what would be more is left out, or not read."""

_ALIKE: Final = 1.5
"""How much larger one may be that another is put together with: of as many packs, one compresses a little better."""

_AT_ONCE: Final = 8
_BATCH: Final = 64
_KEY = re.compile(re.escape(FOLDER) + r"/(?P<first>[0-9]{9})-(?P<last>[0-9]{9})")
_T = TypeVar("_T")
_HEAD = struct.Struct("<QI")


class Span(NamedTuple):
    """An object, and which entries it covers."""

    first: int
    last: int
    size: int

    @property
    def key(self) -> str:
        return f"{FOLDER}/{self.first:09}-{self.last:09}"


def spans(remote: Remote) -> list[Span]:
    """Those that are there, in order."""
    return sorted(span for one in remote.listing(FOLDER) if (span := span_of(one.key, one.size)))


def span_of(key: str, size: int = 0) -> Span | None:
    """None where the key is not one of theirs."""
    name = _KEY.fullmatch(key)
    return Span(int(name["first"]), int(name["last"]), size) if name else None


def encode(indexes: Iterable[RawIndex]) -> bytes:
    parts: list[bytes] = []
    for one in indexes:
        parts += (_HEAD.pack(one.offset, len(one.data)), one.header, one.data)
    return zlib.compress(b"".join(parts), 1)


def decode(data: bytes) -> Iterator[RawIndex]:
    """Those in an object, up to where it is damaged."""
    unpacked = _unpacked(data)
    at = 0
    while at + _HEAD.size + packs.HEADER_SIZE <= len(unpacked):
        offset, length = _HEAD.unpack_from(unpacked, at)
        start = at + _HEAD.size + packs.HEADER_SIZE
        at = start + length
        if at <= len(unpacked):
            yield RawIndex(unpacked[start - packs.HEADER_SIZE : start], unpacked[start:at], offset)


def is_whole(data: bytes) -> bool:
    """Is all of it indexes?"""
    size = sum(_HEAD.size + packs.HEADER_SIZE + len(one.data) for one in decode(data))
    return 0 < size == len(_unpacked(data))


def _unpacked(data: bytes) -> bytes:
    try:
        unpacked = zlib.decompressobj().decompress(data, _MOST + 1)
    except zlib.error:
        return b""
    return unpacked if len(unpacked) <= _MOST else b""


# Reading.


def read(storage: Storage, wanted: Mapping[str, int]) -> Iterator[dict[str, PackIndex | None]]:
    """The indexes of packs, some at a time; None for one that cannot be read. wanted: names, each with an entry that
    names it."""
    rest = dict(wanted)
    if len(rest) >= ENOUGH:
        for span in _worth_reading(spans(storage), rest.values()):
            found = _found(storage, span, rest)
            for name in found:
                del rest[name]
            yield found
    names = list(rest)
    for start in range(0, len(names), _BATCH):
        some = names[start : start + _BATCH]
        yield dict(zip(some, _each(lambda name: _of_pack(storage, name), some, storage), strict=True))


def _worth_reading(there: list[Span], entries: Iterable[int]) -> list[Span]:
    """Those that cover one of the entries; of two that cover the same, the larger."""
    chosen: list[Span] = []
    for span in sorted(there, key=lambda one: (one.first, -one.last)):
        if not (chosen and span.last <= chosen[-1].last):
            chosen.append(span)
    named = sorted(set(entries))
    return [span for span in chosen if any(span.first <= seq <= span.last for seq in named)]


def _found(storage: Storage, span: Span, wanted: Mapping[str, int]) -> dict[str, PackIndex | None]:
    value = get_readable(storage, span.key)
    found: dict[str, PackIndex | None] = {}
    for one in decode(value.data) if value else ():
        if one.name in wanted:
            with suppress(Malformed):
                found[one.name] = one.parsed()
    return found


def _of_pack(storage: Storage, name: str) -> PackIndex | None:
    try:
        return packs.read_index(storage, name)
    except (DamagedPack, LinkInStore, PermissionError):
        return None  # fsck's business; a version that needs it will say so


def _each(read: Callable[[str], PackIndex | None], names: list[str], storage: Storage) -> list[PackIndex | None]:
    if not storage.is_steady:  # at hand
        return list(map(read, names))
    return _at_once(read, names)


def _at_once(read: Callable[[str], _T], names: list[str]) -> list[_T]:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - start-up time, where packs are at hand

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(read, names))


# Writing.


def collect(remote: Remote, entries: Callable[[int, int], Iterable[Entry]], last: int) -> None:
    """Write what entries up to the last one named, if that is enough, and put it together with what was written
    before, as long as that is about as large. Failing costs others time, and nothing else."""
    with suppress(OSError, MregError):
        before = spans(remote)
        first = before[-1].last + 1 if before else 1
        names = _live(entries(first, last)) if first <= last else []
        if len(names) < ENOUGH:
            return
        new = [one for one in _at_once(lambda name: _raw(remote, name), names) if one]
        data = encode(new)
        replaced: list[Span] = []
        while before and before[-1].size <= len(data) * _ALIKE and len(data) < LARGEST:
            replaced.append(before.pop())
            value = get_readable(remote, replaced[-1].key)
            new = [*(decode(value.data) if value else ()), *new]
            first, data = replaced[-1].first, encode(new)
        if sum(len(one.data) for one in new) + len(new) * (_HEAD.size + packs.HEADER_SIZE) <= _MOST:
            remote.put(Span(first, last, 0).key, data, ABSENT)
            for span in replaced:
                remote.delete(span.key)


def _live(entries: Iterable[Entry]) -> list[str]:
    """The packs that they name and do not drop again."""
    found: dict[str, None] = {}
    for entry in entries:
        found |= dict.fromkeys(entry.packs)
        for name in filter(None, map(packs.name_of, entry.drops)):
            found.pop(name, None)
    return list(found)


def _raw(remote: Remote, name: str) -> RawIndex | None:
    try:
        return packs.read_raw(remote, name)
    except DamagedPack:
        return None
