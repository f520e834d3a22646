"""Does a store keep what is promised of it? Asked once, when a repository is made there: some that speak like S3 ignore
conditions, and in some two creates that meet both succeed."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from mreg.storage.base import ABSENT, PutLost, Remote
from mreg.values.errors import Refused

WRITERS, ROUNDS = 8, 3
FOLDER = "probe"
"""Where the keys of a probe lie, until its end."""


class UnfitStore(Refused):
    code = "unfit-store"
    template = "the store cannot hold a repository: {reason}"

    reason: str


def probe(remote: Remote) -> None:
    """Have several writers create the same keys at once; see that one wins, and that its value can be read and listed.
    Raises UnfitStore. What was written is deleted again."""
    folder = f"{FOLDER}/{os.urandom(8).hex()}"
    keys = [f"{folder}/{number}" for number in range(ROUNDS)]
    try:
        with ThreadPoolExecutor(WRITERS) as pool:
            for key in keys:
                _race(remote, key, pool)
        if list(remote.list(folder)) != keys:
            raise UnfitStore(reason="it does not list what was written")
    finally:
        for key in keys:
            remote.delete(key)


def _race(remote: Remote, key: str, pool: ThreadPoolExecutor) -> None:
    values = [os.urandom(16) for _ in range(WRITERS)]
    start = Barrier(WRITERS)

    def create(value: bytes) -> bool:
        start.wait()
        try:
            remote.put(key, value, ABSENT)
        except PutLost:
            return False
        return True

    won = [value for value, created in zip(values, pool.map(create, values), strict=True) if created]
    if len(won) > 1:
        raise UnfitStore(reason=f"{len(won)} writers created the same key at the same time; only one may")
    found = remote.get(key)
    # Of a request that arrived twice, the second answer says that the key is there.
    if found is None or found.data not in (won or values):
        raise UnfitStore(reason="a value that was read differs from what was written")
