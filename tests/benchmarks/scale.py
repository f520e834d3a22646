"""What a repository in a bucket costs as it grows: prints the tables of docs/scale.md (`make scale`, a minute).

Commands are run by the real code, against a store in memory that counts requests and bytes, and adds up what they
would take; larger repositories follow by arithmetic from what is counted there. Writers at once are simulated one
request at a time, with the pauses of `mreg.session.replica`.
"""

from __future__ import annotations

import argparse
import heapq
import math
import os
import random
import re
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from counting_bucket import Bucket
from fabricated import grow

from mreg import Repository
from mreg.session import pack_indexes, segments
from mreg.session.replica import AT_ONCE, FIRST_PAUSE, LONGEST_PAUSE, Replica
from mreg.storage import Listed, Stat, Value
from mreg.storage.base import Expect, Staged

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
READ, WRITE = 0.025, 0.045
"""Seconds of a GET, HEAD or LIST, and of a PUT, of a small object, from a machine in the store's region."""
SPEED = 80 << 20
"""Bytes a second of one request."""
PRICE = {"GET": 0.4e-6, "RANGE": 0.4e-6, "HEAD": 0.4e-6, "LIST": 5e-6, "PUT": 5e-6}
MONTH = 0.023 / (1 << 30)
"""Of a byte."""


class Store(Bucket):
    """Adds up what requests take. Of those that several threads make, `AT_ONCE` are under way at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.down = 0

    def took(self, base: float, size: int = 0) -> None:
        alone = threading.current_thread() is threading.main_thread()
        self.seconds += (base + size / SPEED) / (1 if alone else AT_ONCE)

    def get(self, key: str) -> Value | None:
        found = super().get(key)
        size = len(found.data) if found else 0
        self.down += size
        self.took(READ, size)
        return found

    def read(self, key: str, start: int, length: int) -> bytes:
        data = super().read(key, start, length)
        self.down += len(data)
        self.took(READ, len(data))
        return data

    def stat(self, key: str) -> Stat | None:
        self.took(READ)
        return super().stat(key)

    def listing(self, prefix: str, after: str = "") -> Iterator[Listed]:
        self.took(READ)
        return super().listing(prefix, after)

    def put(self, key: str, value: bytes | Staged, expect: Expect | str = Expect.ANY) -> str:
        self.took(WRITE, len(value) if isinstance(value, bytes) else 0)
        return super().put(key, value, expect)


class Cost(NamedTuple):
    """seconds: of waiting for the store. work: of this machine."""

    requests: int
    down: int
    up: int
    seconds: float
    work: float
    money: float


def of(store: Store, act: Callable[[], object]) -> Cost:
    store.asked.clear()
    store.down = store.sent = 0
    store.seconds, start = 0.0, time.process_time()
    act()
    money = sum(PRICE[name] * count for name, count in store.asked.items())
    work = time.process_time() - start
    return Cost(sum(store.asked.values()), store.down, store.sent, store.seconds, work, money)


def commands(count: int, folder: Path) -> dict[str, Cost]:
    """What commands cost in a repository of so many versions, each tenth with a pack of its own."""
    store = Store()

    def client(name: str, *, new: bool = False) -> Repository:
        make = Repository.init_storage if new else Repository.open_storage
        cache = str(folder / name)
        return make(Replica(store, os.path.join(cache, "replica"), "bucket"), "bucket", cache=cache).as_one()

    for name in ("ckpt", "next", "first"):
        (folder / name).mkdir(parents=True)
        (folder / name / "weights").write_bytes(random.Random(name).randbytes(1 << 20))
    client("maker", new=True).log(folder / "ckpt", "m", aliases=["best"])
    grow(store, count, 10)
    return {
        "`resolve`, new client": of(store, lambda: client("user").resolve("m:best")),
        "`get` of 1 MiB, the same client": of(store, lambda: client("user").get("m:best", folder / "out")),
        "`log` of 1 MiB, the same client, its first": of(store, lambda: client("user").log(folder / "first", "m")),
        "`resolve`": of(store, lambda: client("user").resolve("m:best")),
        "`alias set`": of(store, lambda: client("user").set_alias("good", "m:v0")),
        "`log` of 1 MiB": of(store, lambda: client("user").log(folder / "next", "m")),
        "`log` of what is there": of(store, lambda: client("user").log(folder / "next", "m")),
    }


class Growth(NamedTuple):
    """Of a repository of `versions` versions, as a new client meets it: by arithmetic."""

    versions: int
    journal: int
    segments: int
    requests: int
    down: int
    seconds: float
    collections: int
    money: float


def growth(entry: float, packed: float, index: float) -> Iterator[Growth]:
    """entry: bytes of one in the journal; packed: in a segment; index: of a pack in a collection."""
    for versions in (10**power for power in range(3, 8)):
        number = math.ceil(versions / segments.ENTRIES)
        more = 0 if number == 1 else number + 2  # the first entry behind the first segment, a list, the last entry
        down = round(versions * packed)
        seconds = 3 * READ + math.ceil(more / AT_ONCE) * READ + down / SPEED
        indexes = versions * index
        doubling = int(math.log2(max(1.0, min(indexes, pack_indexes.LARGEST) / (index * pack_indexes.ENOUGH)))) + 1
        whole = int(indexes // pack_indexes.LARGEST)
        money = (versions * entry + down + indexes) * MONTH
        yield Growth(versions, round(versions * entry), number, 3 + more, down, seconds, whole + doubling, money)


class Burst(NamedTuple):
    """Writers that all begin to commit at the same moment. seconds: until the last one is done."""

    writers: int
    seconds: float
    reads: float
    writes: float


def burst(writers: int, seed: int = 1) -> Burst:
    """Each asks for the head, and creates the entry behind it; who loses pauses, longer each time, and asks again."""
    chance = random.Random(seed)
    head = reads = writes = 0
    losses = dict.fromkeys(range(writers), 0)
    queue = [(chance.uniform(0, 0.01), number, "ask", 0) for number in range(writers)]
    heapq.heapify(queue)
    now = 0.0
    while queue:
        now, number, step, seen = heapq.heappop(queue)
        if step == "ask":
            reads += 1
            heapq.heappush(queue, (now + READ, number, "create", head))
        elif step == "create":
            writes += 1
            heapq.heappush(queue, (now + WRITE / 2, number, "decided", seen))
        elif head == seen:
            head += 1
        else:
            reads += head - seen  # those that others made meanwhile are read
            pause = chance.uniform(0.5, 1.0) * min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** losses[number])
            losses[number] += 1
            heapq.heappush(queue, (now + WRITE / 2 + pause, number, "ask", 0))
    return Burst(writers, now + WRITE / 2, reads / writers, writes / writers)


def bytes_of(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def table(head: str, rows: list[list[str]]) -> str:
    columns = head.split(" | ")
    lines = [f"| {head} |", "|" + "|".join(" --- " if not n else " --: " for n in range(len(columns))) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def dollars(money: float) -> str:
    return f"${money:.7f}".rstrip("0") if money < 0.01 else f"${money:,.2f}"


def of_commands(costs: dict[str, Cost]) -> str:
    rows = []
    for name, cost in costs.items():
        moved = [str(cost.requests), bytes_of(cost.down), bytes_of(cost.up)]
        rows.append([name, *moved, f"{cost.seconds:.2f} s", f"{cost.work:.1f} s", dollars(cost.money)])
    return table("command | requests | down | up | waiting | work | money", rows)


def of_growth(found: Iterator[Growth]) -> str:
    rows = []
    for one in found:
        first = [f"{one.requests:,}", bytes_of(one.down), f"{one.seconds:.1f} s"]
        journal = [f"{one.versions:,}", bytes_of(one.journal), f"{one.segments:,}"]
        rows.append([*journal, *first, str(one.collections), dollars(one.money)])
    head = "versions | journal | segments | requests of a first `resolve` | down | waiting | index objects | a month"
    return table(head, rows)


def of_bursts(most: int = 1000) -> str:
    rows = []
    for one in (burst(writers) for writers in (1, 8, 64, 256, 1000) if writers <= most):
        speed = [f"{one.writers:,}", f"{one.seconds:.1f} s", f"{one.writers / one.seconds:.1f}"]
        money = dollars(one.reads * PRICE["GET"] + one.writes * PRICE["PUT"])
        rows.append([*speed, f"{one.reads:.0f}", f"{one.writes:.1f}", money])
    head = "writers at once | the last one is done after | commits a second | reads each | creates each | money each"
    return table(head, rows)


def sizes(count: int, folder: Path) -> tuple[float, float, float]:
    """Bytes of an entry, of one in a segment, and of the index of a pack in a collection."""
    store = Store()
    make = Repository.init_storage(
        Replica(store, str(folder / "replica"), "bucket"), "bucket", cache=str(folder / "cache")
    )
    (folder / "ckpt").mkdir(parents=True)
    (folder / "ckpt" / "weights").write_bytes(b"weights")
    make.log(folder / "ckpt", "m")
    grow(store, count, 1)
    packed = store.get(f"{segments.FOLDER}/000000")
    collected = store.get(pack_indexes.Span(1, count, 0).key)
    assert packed and collected
    whole = zlib.decompress(packed.data)
    return len(whole) / count, len(packed.data) / count, len(collected.data) / count


def written(text: str, name: str, new: str) -> str:
    pattern = rf"(<!-- {name} -->\n\n)(?:\|[^\n]*\n)*"
    assert re.search(pattern, text), name
    return re.sub(pattern, lambda found: f"{found[1]}{new}\n", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scale.md")
    wanted = parser.parse_args()
    text = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        tables = {
            "1,000 versions": of_commands(commands(1_000, Path(folder, "a"))),
            "10,000 versions": of_commands(commands(10_000, Path(folder, "b"))),
            "growth": of_growth(growth(*sizes(2_000, Path(folder, "c")))),
            "writers": of_bursts(),
        }
    for name, found in tables.items():
        print(f"{name}\n\n{found}\n")
        text = written(text, name, found)
    if wanted.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
