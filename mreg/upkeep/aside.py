"""`lost-found/`: where a repair puts what it takes away and cannot prove to be worthless.

The key there is `lost-found/<start of the digest of the bytes>/<the key it had>`, so putting the same thing aside
twice is putting it aside once. Nothing of mreg reads it; it may be deleted at any time.
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
    """Copy what lies under `key`, and tell the copy's key; None where nothing is there any more, or nothing that can be
    read, or more than `limit` bytes, which are nothing of mreg's, and would fill the disk a second time."""
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
    """Put `value` in the place of what is damaged; False where a folder is there, which only a person may remove, or
    something that is none in the place of a folder."""
    try:
        storage.put(key, value, expect)
    except (IsADirectoryError, NotADirectoryError):
        return False
    return True


def move_aside(storage: Storage, key: str, limit: int = MAX_VALUE) -> str | None:
    """The same, and delete what was copied."""
    place = keep_aside(storage, key, limit)
    if place:
        storage.delete(key)
    return place
