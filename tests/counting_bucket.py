"""A store that can do what a bucket can, and counts what would be requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mreg.storage import ANY, Listed, Stat, Value
from mreg.storage.base import Expect, Staged
from mreg.storage.memory import MemoryStorage


class Bucket(MemoryStorage):
    """Counts what would be requests, and refuses what a bucket cannot do."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self.sent = self.read_bytes = 0

    def get(self, key: str) -> Value | None:
        self.asked["GET"] += 1
        return super().get(key)

    def read(self, key: str, start: int, length: int) -> bytes:
        self.asked["RANGE"] += 1
        self.read_bytes += length
        return super().read(key, start, length)

    def stat(self, key: str) -> Stat | None:
        self.asked["HEAD"] += 1
        return super().stat(key)

    def listing(self, prefix: str, after: str = "") -> Iterator[Listed]:
        self.asked["LIST"] += 1
        return super().listing(prefix, after)

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = ANY) -> str:
        assert isinstance(value, bytes) and isinstance(expect, Expect)
        self.asked["PUT"] += 1
        self.sent += len(value)
        return super().put(key, value, expect)

    def stage(self) -> None:  # type: ignore[override]
        raise AssertionError

    def touch(self, key: str) -> bool:
        raise AssertionError

    def lock(self, timeout: float = 30.0) -> None:  # type: ignore[override]
        raise AssertionError
