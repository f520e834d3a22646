"""Checkpoints: the lookup tables of refs as of one entry, so that a new cache need not read the journal from its start.

    derived/refs/NNNNNNNNN.KKKK    shard K of the checkpoint at entry N

A shard is a JSON array of rows, each the number of its table and its values, compressed with zlib. The last one ends
with a row that says which entry the checkpoint is of, how many shards there are, and the digest of each. It is a pure
function of the journal. It is believed as the tables themselves are, which is not far: what decides compares them with
the ref files, and reads the journal where they differ.
"""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, groupby, islice, pairwise
from operator import itemgetter
from typing import Any, Final

from mreg.refs import journal as journals
from mreg.refs.journal import Journal, Mark
from mreg.storage import Storage
from mreg.storage.base import Remote, get_readable
from mreg.values.digest import digest
from mreg.values.errors import MregError

FOLDER: Final = "derived/refs"
ROWS: Final = 50_000
"""Of a shard."""

_MOST: Final = 64 << 20
"""Bytes of a shard, not compressed."""

_HEAD: Final = 9
_KEY = re.compile(re.escape(FOLDER) + r"/(?P<seq>[0-9]{9})\.(?P<shard>[0-9]{4})")

WRONG: Final = (
    *(ValueError, TypeError, LookupError, OverflowError, RecursionError),
    *(sqlite3.InterfaceError, sqlite3.ProgrammingError, sqlite3.IntegrityError),
)
"""Raised by a checkpoint with digests that fit, if whoever made it wrote other JSON than we do."""

_PACKS: Final = 3
"""The number of the rows of packs."""

_TABLES: Final = (  # what to read; what to write, where ?1 is the number of the table
    ("SELECT key, value, seq FROM refs ORDER BY key", "INSERT OR REPLACE INTO refs VALUES (?2, ?3, ?4)"),
    ("SELECT key, digest FROM reserved ORDER BY key", "INSERT OR REPLACE INTO reserved VALUES (?2, ?3)"),
    ("SELECT seq, time FROM times ORDER BY seq", "INSERT OR REPLACE INTO times VALUES (?2, ?3)"),
    (
        "SELECT name, seq FROM packs WHERE seq ORDER BY seq, name",
        "INSERT OR IGNORE INTO packs (name, seq, read) VALUES (?2, ?3, 0)",
    ),
    ("SELECT folder, keys, proof FROM dead ORDER BY folder", "INSERT OR REPLACE INTO dead VALUES (?2, ?3, ?4)"),
)
_PUT_OFF: Final = "INSERT INTO packs_put_off (rows) VALUES (?)"


def key_of(seq: int, shard: int) -> str:
    return f"{FOLDER}/{seq:09}.{shard:04}"


def shards(db: sqlite3.Connection, origin: str, mark: Mark) -> Iterator[bytes]:
    """The checkpoint of tables that are of this entry."""
    rows = ([number, *row] for number, (query, _) in enumerate(_TABLES) for row in db.execute(query))
    digests: list[str] = []
    while some := list(islice(rows, ROWS)):
        if len(some) < ROWS:
            break
        data = json.dumps(some, separators=(",", ":")).encode()
        digests.append(digest(data))
        yield zlib.compress(data, 1)
    head = [_HEAD, origin, *mark, digests]
    proof = digest(json.dumps([some, head]).encode())
    yield zlib.compress(json.dumps([*some, [*head, proof]], separators=(",", ":")).encode(), 1)


def write(remote: Remote, db: sqlite3.Connection, origin: str, mark: Mark) -> None:
    """Write it, and delete those before it. Failing costs others time, and nothing else."""
    with suppress(OSError, MregError, sqlite3.Error):
        before = [one.key for one in remote.listing(FOLDER) if _KEY.fullmatch(one.key)]
        for number, data in enumerate(shards(db, origin, mark)):
            remote.put(key_of(mark.seq, number), data)
        for key in before:
            if key < key_of(mark.seq, 0):
                remote.delete(key)


def newest(remote: Remote) -> list[str]:
    """The keys of the shards of the newest checkpoint."""
    found = [one.key for one in remote.listing(FOLDER) if _KEY.fullmatch(one.key)]
    return [key for key in found if key.partition(".")[0] == found[-1].partition(".")[0]]


def is_due(remote: Remote, seq: int) -> bool:
    """Is there none of the last entries? A new cache reads some thousands in a second."""
    if seq < journals.CHECKPOINT_EVERY:
        return False
    keys = newest(remote)
    return not keys or keys[0] < key_of(seq - journals.CHECKPOINT_EVERY + 1, 0)


def load(storage: Storage, journal: Journal, db: sqlite3.Connection, most: int) -> Mark | None:
    """Fill the tables, which are empty, from the newest checkpoint; the entry that it is of, None where there is none
    up to entry `most` that this journal agrees with: the tables may then be filled in part.

    Many packs are put off (`mreg.session.chunk_catalogue`): most commands ask for none of them.
    """
    keys = newest(storage)
    try:
        return _load(storage, journal, db, most, keys) if keys else None
    except WRONG:
        return None


def _load(storage: Storage, journal: Journal, db: sqlite3.Connection, most: int, keys: list[str]) -> Mark | None:
    """The same; raises what is in `WRONG` where something is not as it should be."""
    origin, seq, name, digests = _head(storage, keys[-1])
    if origin != journal.origin or not 0 < seq <= most or len(digests) != len(keys) - 1:
        return None
    data = journal.raw(seq)
    if data is None or digest(data) != name or keys[0] != key_of(seq, 0):
        return None
    found = _verified(storage, keys, digests)
    for (packed, data), (_, following) in pairwise(chain(found, [(b"", b"")])):
        if _is_of_packs(data) and _is_of_packs(following):  # and of nothing else, as rows are sorted
            db.execute(_PUT_OFF, (packed,))
        else:
            _insert(db, json.loads(data), packed if len(keys) > 1 else None)
    return Mark(seq, name)


def _head(storage: Storage, key: str) -> list[Any]:
    """Origin, number and digest of the entry, and the digests of all shards but the last, which is verified here."""
    *rows, last = json.loads(unpacked(_packed(storage, key)))
    number, origin, seq, name, digests, proof = last
    head = [number, origin, seq, name, digests]
    if number != _HEAD or proof != digest(json.dumps([rows, head]).encode()):
        raise ValueError("it is not as it was written")
    return head[1:]


def _verified(storage: Storage, keys: list[str], digests: list[str]) -> Iterator[tuple[bytes, bytes]]:
    """All shards, compressed and not. The last one is verified already."""
    for key, proof in zip(keys, [*digests, None], strict=True):
        packed = _packed(storage, key)
        data = unpacked(packed)
        if proof is not None and digest(data) != proof:
            raise ValueError("a shard is not as it was written")
        yield packed, data


def _is_of_packs(data: bytes) -> bool:
    """Does a shard begin with packs?"""
    return data.startswith(b"[[%d," % _PACKS)


def _insert(db: sqlite3.Connection, shard: list[list[Any]], packed: bytes | None) -> None:
    """packed: the shard, if its packs are to be put off."""
    for number, rows in groupby(shard, itemgetter(0)):
        if number == _PACKS and packed is not None:
            db.execute(_PUT_OFF, (packed,))
        elif number != _HEAD:
            db.executemany(_TABLES[number][1], rows)


def packed_packs(rows: Iterable[tuple[str, int | None]]) -> bytes:
    """Packs, each with its entry, as a shard has them."""
    return zlib.compress(json.dumps([[_PACKS, *row] for row in rows]).encode(), 1)


def packs_in(packed: bytes) -> tuple[list[Any], list[Any]]:
    """The packs of a shard, or what `packed_packs` packed: the rows of those that are there, and of those that were
    dropped. Raises what is in `WRONG`."""
    rows = [row for row in json.loads(unpacked(packed)) if row[0] == _PACKS]
    return [row for row in rows if row[2] is not None], [row[:2] for row in rows if row[2] is None]


def place_of(key: str) -> tuple[int, int] | None:
    """Entry and shard; None where the key is none of theirs."""
    found = _KEY.fullmatch(key)
    return (int(found["seq"]), int(found["shard"])) if found else None


def _packed(storage: Storage, key: str) -> bytes:
    value = get_readable(storage, key)
    return value.data if value else b""


def unpacked(packed: bytes) -> bytes:
    """The bytes of a shard; none where it is damaged."""
    try:
        data = zlib.decompressobj().decompress(packed, _MOST + 1)
    except zlib.error:
        return b""
    return data if len(data) <= _MOST else b""
