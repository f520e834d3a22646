"""Segments of the journal: who writes them, what they save a new client, and what they are believed."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from counting_bucket import Bucket

from mreg import Repository
from mreg.refs.journal import Change, Entry, key_of, parse
from mreg.session import segments
from mreg.session.replica import Replica
from mreg.storage.memory import MemoryStorage
from mreg.values.digest import digest

FIRST = f"{segments.FOLDER}/000000"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Callable[..., Repository]]:
    opened = []

    def client(bucket: MemoryStorage, name: str, *, new: bool = False) -> Repository:
        cache = str(tmp_path / f"cache-{name}")
        make = Repository.init_storage if new else Repository.open_storage
        opened.append(make(Replica(bucket, os.path.join(cache, "replica"), "bucket"), "bucket", cache=cache))
        return opened[-1].as_one()

    yield client
    for repository in opened:
        repository.close()


@pytest.fixture
def grown(client: Callable[..., Repository], folder: Callable[..., str]) -> Callable[[int], Bucket]:
    """A bucket whose journal has so many entries: a version each, and each tenth a pack."""

    def grown(count: int) -> Bucket:
        bucket = Bucket()
        client(bucket, f"first-{count}", new=True).log(folder({"a": b"one"}), "m", aliases=["best"])
        last = bucket.get(key_of(1))
        assert last is not None
        data, model = last.data, parse(1, last.data)
        for seq in range(2, count + 1):
            name = digest(b"%d" % seq)
            data = made(model, seq, data, Change(f"artifacts/m/v{seq - 1}", None, name), name if seq % 10 == 0 else "")
            bucket.put(key_of(seq), data)
        return bucket

    return grown


def made(model: Entry, seq: int, before: bytes, change: Change, pack: str = "") -> bytes:
    packs = (pack,) if pack else ()
    return model._replace(seq=seq, prev=digest(before), id=f"{seq:032x}", changes=(change,), packs=packs).to_bytes()


def condense(bucket: Bucket, last: int) -> None:
    """Write all segments up to this entry."""
    writer = segments.Segments(bucket, "nowhere")
    for end in {*range(segments.ENTRIES, last + 1, segments.ENTRIES), last}:
        writer.write(end, lambda seq: MemoryStorage.get(bucket, key_of(seq)).data)  # type: ignore[union-attr]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "ENTRIES", 20)
    monkeypatch.setattr(segments, "EVERY", 5)


@pytest.mark.slow
def test_at_ten_thousand_entries_a_new_client_resolves_with_three_requests(
    grown: Callable[[int], Bucket], client: Callable[..., Repository]
) -> None:
    bucket = grown(10_000)
    condense(bucket, 10_000)
    bucket.asked.clear()

    assert client(bucket, "new").resolve("m:best").name == "m:v0"

    assert bucket.asked == {"GET": 3}


def test_a_new_client_reads_the_segment_its_last_entry_and_whether_there_is_a_next(
    grown: Callable[[int], Bucket], client: Callable[..., Repository]
) -> None:
    bucket = grown(100)
    condense(bucket, 100)
    bucket.asked.clear()

    found = client(bucket, "new").resolve("m:best")

    assert (found.name, dict(bucket.asked)) == ("m:v0", {"GET": 3})
    bucket.asked.clear()
    assert client(bucket, "new").resolve("m:v99").digest == digest(b"100")
    assert bucket.asked == {"GET": 1}


def test_several_segments_are_read_at_once_and_what_came_later_one_by_one(
    short: None, grown: Callable[[int], Bucket], client: Callable[..., Repository]
) -> None:
    bucket = grown(53)
    condense(bucket, 50)
    bucket.asked.clear()

    assert client(bucket, "new").resolve("m").name == "m:v52"

    assert len(list(bucket.listing(segments.FOLDER))) == 3
    assert bucket.asked["GET"] <= 3 + 2 + 1 + 4  # segments, last and first entries, those beyond


def test_whoever_commits_writes_the_segment_now_and_then_and_so_does_gc(
    short: None, bucket: Bucket, client: Callable[..., Repository], folder: Callable[..., str]
) -> None:
    ann = client(bucket, "ann", new=True)
    ann.log(folder({"a": b"one"}), "m")
    for number in range(5):
        ann.set_alias(f"a{number}", "m:v0")
    assert lines(bucket) == 5

    ann.gc()

    assert lines(bucket) == 6
    assert len(list(client(bucket, "new").history())) == 6
    assert client(bucket, "other").fsck(full=True).findings == ()


@pytest.mark.parametrize("spoilt", ["cut", "nonsense", "changed", "of another", "empty", "bomb"])
def test_a_segment_is_not_believed_over_the_journal(
    spoilt: str, grown: Callable[[int], Bucket], client: Callable[..., Repository]
) -> None:
    bucket, other = grown(30), grown(35)
    condense(bucket, 30)
    condense(other, 35)
    value = bucket.get(FIRST)
    assert value is not None
    data = zlib.decompress(value.data)
    bad = {
        "cut": value.data[:-20],
        "nonsense": b"nonsense",
        "changed": zlib.compress(data.replace(digest(b"7").encode(), digest(b"x").encode())),
        "of another": other.get(FIRST).data,  # type: ignore[union-attr]
        "empty": zlib.compress(b""),
        "bomb": zlib.compress(bytes(65 << 20)),
    }
    bucket.put(FIRST, bad[spoilt])

    new = client(bucket, "new")

    assert new.resolve("m:v6").digest == digest(b"7")
    assert len(list(new.history())) == 30


def test_a_bucket_with_segments_copied_down_is_a_sound_local_repository(
    short: None, bucket: Bucket, client: Callable[..., Repository], folder: Callable[..., str], tmp_path: Path
) -> None:
    ann = client(bucket, "ann", new=True)
    ann.log(folder({"a": b"one"}), "m")
    ann.gc()
    for one in bucket.listing(""):
        path = tmp_path / "down" / ".mreg" / one.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bucket.get(one.key).data)  # type: ignore[union-attr]

    with Repository.open(tmp_path / "down", cache=str(tmp_path / "cache-down")) as down:
        assert down.fsck(full=True).findings == ()
        assert (tmp_path / "down" / ".mreg" / FIRST).exists()


def lines(bucket: Bucket) -> int:
    value = bucket.get(FIRST)
    return len(zlib.decompress(value.data).splitlines()) if value else 0


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()
