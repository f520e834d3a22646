"""Chunks that come over a network: several requests are under way at a time, and no byte is fetched twice."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from mreg.repository import Repository
from mreg.session.replica import Replica
from mreg.storage.memory import MemoryStorage
from mreg.sync import sending

TOGETHER = 4
PATIENCE = 60
MIB = 1 << 20


class Bucket(MemoryStorage):
    """It answers no read of chunks before so many are under way, or no other has come for long."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.under_way = self.most = 0
        self._guard = threading.Lock()
        self._enough = threading.Event()

    def read(self, key: str, start: int, length: int) -> bytes:
        data = super().read(key, start, length)
        if key.startswith("packs/") and length > MIB // 4:
            with self._guard:
                self.bytes += len(data)
                self.under_way += 1
                self.most = max(self.most, self.under_way)
                if self.most >= TOGETHER:
                    self._enough.set()
            self._enough.wait(PATIENCE)
            self._enough.set()  # who waited in vain once does not wait again
            with self._guard:
                self.under_way -= 1
        return data


@pytest.mark.parametrize("verb", ["pull", "push"])
def test_a_network_is_not_idle_while_chunks_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    monkeypatch.setattr(sending, "TOLD_AT_ONCE", 32)
    file = tmp_path / "w.bin"
    bucket = Bucket()
    team = Repository.init_storage(Replica(bucket, str(tmp_path / "replica"), "team"), "team")
    mine = Repository.init_storage(MemoryStorage(), "mine")
    parts = [os.urandom(2 * MIB) for _ in range(20)]
    for step in range(len(parts)):  # each version has two parts anew, in a pack of its own
        file.write_bytes(b"".join([*parts[: step + 1], os.urandom(2 * MIB)]))
        team.log(file, "m")
    bucket.bytes, last = 0, file.read_bytes()

    sent = mine.pull(team, every=True) if verb == "pull" else team.push(mine, every=True)

    assert bucket.most >= TOGETHER
    assert bucket.bytes <= 1.01 * sent.bytes
    assert b"".join(mine.read(f"m:v{len(parts) - 1}", file.name)) == last
