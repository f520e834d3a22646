"""Collected indexes of packs: who writes them, what they save, and that nothing is believed of them."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from counting_bucket import Bucket

from mreg import Repository
from mreg.content import packs
from mreg.session import pack_indexes, segments
from mreg.session.replica import Replica
from mreg.storage.memory import MemoryStorage


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
def filled(client: Callable[..., Repository], folder: Callable[..., str]) -> Bucket:
    """A bucket with 40 versions, of a pack each."""
    bucket = Bucket()
    ann = client(bucket, "ann", new=True)
    for number in range(40):
        ann.log(folder({"a": b"version %d" % number}), "m")
    bucket.asked.clear()
    return bucket


def written(bucket: Bucket) -> list[str]:
    return [f"{one.first}-{one.last}" for one in pack_indexes.spans(bucket)]


def names_in(bucket: Bucket) -> set[str]:
    found = (MemoryStorage.get(bucket, span.key) for span in pack_indexes.spans(bucket))
    return {one.name for value in found if value for one in pack_indexes.decode(value.data)}


def test_get_reads_the_indexes_of_the_packs_of_its_version_alone(
    filled: Bucket, client: Callable[..., Repository], tmp_path: Path
) -> None:
    new = client(filled, "new")
    new.resolve("m:v7")
    filled.asked.clear()

    new.get("m:v7", str(tmp_path / "out"))

    assert (tmp_path / "out" / "a").read_bytes() == b"version 7"
    assert sum(filled.asked.values()) <= 5  # is there news, record, manifest, size of the pack, its end


def test_names_are_listed_without_a_look_at_packs(filled: Bucket, client: Callable[..., Repository]) -> None:
    client(filled, "new").artifacts()

    assert not {"HEAD", "RANGE"} & filled.asked.keys()


def test_gc_collects_the_indexes_of_packs_which_a_first_log_reads_at_once(
    filled: Bucket, client: Callable[..., Repository], folder: Callable[..., str]
) -> None:
    client(filled, "ann").gc()
    assert written(filled) == ["1-40"]
    new = client(filled, "new")
    new.resolve("m")
    filled.asked.clear()

    new.log(folder({"a": b"version 7", "b": b"new"}), "m")

    assert filled.asked["HEAD"] <= 1  # of the pack with what is there already
    assert filled.asked["GET"] + filled.asked["LIST"] <= 8
    assert len(filled.get(pack_of(filled)).data) < 200  # type: ignore[union-attr]


def pack_of(bucket: Bucket) -> str:
    """The pack that was written last."""
    return max(bucket.listing("packs"), key=lambda one: one.mtime).key


def test_whoever_commits_collects_them_now_and_then(
    client: Callable[..., Repository], folder: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "EVERY", 20)
    bucket = Bucket()
    ann = client(bucket, "ann", new=True)

    for number in range(90):
        ann.log(folder({"a": b"version %d" % number}), "m")

    assert written(bucket) == ["1-80"]  # put together as they grow
    assert len(names_in(bucket)) == 80


def test_packs_that_were_dropped_are_left_out_and_gc_deletes_no_collection(
    filled: Bucket, client: Callable[..., Repository], folder: Callable[..., str]
) -> None:
    ann = client(filled, "ann")
    for number in range(20):
        ann.remove(f"m:v{number}", force=True)
    ann.gc(grace=0)
    for number in range(40, 60):
        ann.log(folder({"a": b"version %d" % number}), "m")
    ann.gc(grace=0)

    assert names_in(filled) == set(packs.pack_names(filled))
    assert ann.fsck(full=True).findings == ()
    new = client(filled, "new")
    assert new.log(folder({"a": b"version 50"}), "other").version.name == "other:v0"


@pytest.mark.parametrize("spoilt", ["cut", "nonsense", "changed", "empty", "bomb", "of others"])
def test_a_collection_is_not_believed_over_the_packs(
    spoilt: str, filled: Bucket, client: Callable[..., Repository], folder: Callable[..., str]
) -> None:
    client(filled, "ann").gc()
    (span,) = pack_indexes.spans(filled)
    data = filled.get(span.key).data  # type: ignore[union-attr]
    sound = list(pack_indexes.decode(data))
    bad = {
        "cut": data[:-50],
        "nonsense": b"nonsense",
        "changed": zlib.compress(zlib.decompress(data).replace(b"MREGPACK", b"MREGPACC")),
        "empty": zlib.compress(b""),
        "bomb": zlib.compress(bytes(65 << 20)),
        "of others": pack_indexes.encode([one._replace(data=sound[0].data) for one in sound]),
    }
    filled.put(span.key, bad[spoilt])
    new = client(filled, "new")
    size = sum(one.size for one in filled.listing("packs"))

    new.log(folder({f"{number}": b"version %d" % number for number in range(40)}), "all")

    assert sum(one.size for one in filled.listing("packs")) == size  # all was known
    assert {one.code for one in new.fsck(full=True).findings} == {"derived"}


@pytest.mark.parametrize("folder_name", [pack_indexes.FOLDER, segments.FOLDER])
@pytest.mark.parametrize("spoilt", ["cut", "nonsense", "of another"])
def test_fsck_finds_what_is_wrong_in_derived_and_a_repair_deletes_it(
    folder_name: str, spoilt: str, filled: Bucket, client: Callable[..., Repository], folder: Callable[..., str]
) -> None:
    ann = client(filled, "ann")
    ann.gc()
    (key,) = (one.key for one in filled.listing(folder_name))
    data = filled.get(key).data  # type: ignore[union-attr]
    other = Bucket()
    ben = client(other, "ben", new=True)
    for number in range(20):
        ben.log(folder({"a": b"of ben %d" % number}), "m")
    ben.gc()
    (theirs,) = (other.get(one.key).data for one in other.listing(folder_name))  # type: ignore[union-attr]
    filled.put(key, {"cut": data[:100], "nonsense": b"nonsense", "of another": theirs}[spoilt])

    assert [(one.code, one.what) for one in ann.fsck().findings] == [("derived", key)]
    report = ann.fsck(repair=True)

    assert (report.findings, [one.code for one in report.repaired]) == ((), ["derived"])
    assert not list(filled.listing(folder_name))
    assert client(filled, "new").fsck(full=True).findings == ()


def test_a_version_whose_entry_is_damaged_is_read_all_the_same(tmp_path: Path) -> None:
    """Which packs it is read from is told by the entry; else all are asked."""
    (tmp_path / "w").write_bytes(b"weights")
    with Repository.init(tmp_path, cache=str(tmp_path / "cache")) as repo:
        repo.log(tmp_path / "w", "net")
        repo.set_alias("best", "net:v0")
        list(repo.read("net:best", "w"))  # the tables are made
        entry = tmp_path / ".mreg/journal/000000/000000001.json"
        os.chmod(entry, 0o600)
        entry.write_bytes(b"{}")

        assert b"".join(repo.read("net:best", "w")) == b"weights"
