"""`lost-found/`: where a repair moves what it removes and cannot prove to be worthless.

The key there is `lost-found/<start of the digest of the bytes>/<the key it had>`, so moving the same thing there twice
has the same effect as once. mreg never reads it; it may be deleted at any time.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from blake3 import blake3

from mreg.storage import ABSENT, ANY, PutLost, Staged, Storage, unreadable
from mreg.storage.base import MAX_VALUE, Expect

FOLDER: Final = "lost-found"
_BLOCK = 1 << 20
_DIGITS = 16


def keep_aside(storage: Storage, key: str, limit: int = MAX_VALUE) -> str | None:
    """Copy what is under `key`. Returns the key of the copy, or None if nothing is there any more, if it cannot be
    read, or if it is longer than `limit` bytes: mreg did not write that, and a copy might fill the disk."""
    present = storage.stat(key)
    if present is None or present.size > limit:
        return None
    whole = blake3()
    with storage.stage() as staged:
        try:
            while block := storage.read(key, staged.size, _BLOCK):
                staged.write(block)
                whole.update(block)
        except FileNotFoundError:
            return None
        except OSError as error:
            unreadable(error)
            return None
        place = f"{FOLDER}/{whole.hexdigest()[:_DIGITS]}/{key}"
        with suppress(PutLost):
            storage.put(place, staged, ABSENT)
    return place


def put_over(storage: Storage, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> bool:
    """Replace what is damaged by `value`. Returns False if a folder is there, which only a person may remove, or if a
    file is in the place of a folder above it."""
    try:
        storage.put(key, value, expect)
    except (IsADirectoryError, NotADirectoryError):
        return False
    return True


def move_aside(storage: Storage, key: str, limit: int = MAX_VALUE) -> str | None:
    """The same as `keep_aside`, and delete what was copied."""
    place = keep_aside(storage, key, limit)
    if place:
        storage.delete(key)
    return place
