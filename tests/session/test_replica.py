"""A repository in a store that can create, put, read, list and delete, and nothing else: what clients keep of it by
themselves, what they ask for, and that they agree."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from counting_bucket import Bucket

from mreg import Repository
from mreg.refs.journal import Journal
from mreg.repository.opening import AlreadyInitialised
from mreg.session.replica import Replaced, Replica
from mreg.storage.local import LocalStorage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash, FaultyStorage
from mreg.testing.remote_contract import at_once
from mreg.values.errors import MregError


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Callable[..., Repository]]:
    """Open the repository in a bucket as the client of this name, whose cache stays where it is."""
    opened = []

    def client(bucket: MemoryStorage, name: str = "ann", *, new: bool = False) -> Repository:
        cache = str(tmp_path / f"cache-{name}")
        replica = Replica(bucket, os.path.join(cache, "replica"), "bucket")
        make = Repository.init_storage if new else Repository.open_storage
        opened.append(make(replica, "bucket", cache=cache, author=name))
        return opened[-1]

    yield client
    for repository in opened:
        repository.close()


@pytest.fixture
def asked(bucket: Bucket) -> Callable[[Callable[[], object]], Counter[str]]:
    """What a call asks of the bucket."""

    def asked(call: Callable[[], object]) -> Counter[str]:
        bucket.asked.clear()
        bucket.sent = 0
        call()
        return +bucket.asked

    return asked


Client = Callable[..., Repository]
Asked = Callable[[Callable[[], object]], Counter[str]]


# What lies where


def test_refs_and_the_mark_stay_out_of_the_bucket(bucket: Bucket, client: Client, folder: Callable[..., str]) -> None:
    ann = client(bucket, new=True)

    ann.log(folder({"a": b"one"}), "m", aliases=["best"], links=["Clf"])
    ann.set_setting("gc.grace", "3d")

    folders = {key.partition("/")[0] for key in MemoryStorage.list(bucket, "")}
    assert folders == {"config.toml", "journal", "objects", "packs"}
    assert "journal/applied" not in list(MemoryStorage.list(bucket, ""))
    assert client(bucket, "bob").setting("gc.grace") == "3d"


def test_clients_see_what_others_do_at_once(bucket: Bucket, client: Client, folder: Callable[..., str]) -> None:
    ann, bob = client(bucket, new=True), client(bucket, "bob")
    source = folder({"a": b"one"})

    ann.log(source, "m")
    bob.set_alias("best", "m:v0")
    ann.remove_alias("best", "m")
    bob.set_alias("best", "m:v0")

    assert ann.resolve("m:best") == bob.resolve("m:best")
    assert [entry.seq for entry in ann.history()] == [4, 3, 2, 1] or [e.seq for e in ann.history()] == [1, 2, 3, 4]
    assert ann.fsck(full=True).findings == bob.fsck(full=True).findings == ()


def test_a_client_that_lost_its_cache_makes_it_anew(bucket: Bucket, client: Client, tmp_path: Path, folder) -> None:
    client(bucket, new=True).log(folder({"a": b"one"}), "m", aliases=["best"])
    shutil.rmtree(tmp_path / "cache-ann")

    again = client(bucket)

    assert again.resolve("m:best").name == "m:v0"
    assert b"".join(again.read("m", "a")) == b"one"


def test_a_bucket_copied_down_is_a_local_repository(
    bucket: Bucket, client: Client, folder: Callable[..., str], tmp_path: Path
) -> None:
    ann = client(bucket, new=True)
    ann.log(folder({"a": b"one"}), "m", aliases=["best"])
    ann.set_setting("gc.grace", "3d")
    local = LocalStorage(tmp_path / "down" / ".mreg")
    for key in MemoryStorage.list(bucket, ""):
        local.put(key, MemoryStorage.get(bucket, key).data)  # type: ignore[union-attr]

    with Repository.open(tmp_path / "down", cache=str(tmp_path / "cache-down")) as down:
        down.log(folder({"a": b"two"}), "m")

        assert (down.id, down.setting("gc.grace")) == (ann.id, "3d")
        assert [version.name for version in down.versions("m")] == ["m:v0", "m:v1"]
        assert down.fsck(full=True).findings == ()


def test_a_folder_copied_up_is_a_repository_in_a_bucket(
    bucket: Bucket, client: Client, folder: Callable[..., str], tmp_path: Path
) -> None:
    with Repository.init(tmp_path / "up", cache=str(tmp_path / "cache-up")) as up:
        up.log(folder({"a": b"one"}), "m", aliases=["best"])
        up.set_setting("gc.grace", "3d")
        root = Path(up.location)
    for path in sorted(root.rglob("*")):
        key = path.relative_to(root).as_posix()
        if path.is_file() and key.startswith(("config.toml", "journal/0", "objects/", "packs/")):
            bucket.put(key, path.read_bytes())

    ann = client(bucket)
    ann.log(folder({"a": b"two"}), "m")

    assert [version.name for version in ann.versions("m")] == ["m:v0", "m:v1"]
    assert ann.setting("gc.grace") == "3d"
    assert client(bucket, "bob").fsck(full=True).findings == ann.fsck(full=True).findings == ()


def test_a_repository_that_took_the_place_of_another_is_noticed_before_anything_is_written(
    client: Client, folder: Callable[..., str]
) -> None:
    old, new = Bucket(), Bucket()
    ann = client(old, new=True)
    for number in range(3):
        ann.log(folder({"a": b"%d" % number}), "m")
    client(new, "bob", new=True).log(folder({"a": b"other"}), "other")

    late = client(new)
    with pytest.raises(Replaced, match="the repository at bucket is a different one"):
        late.set_alias("best", "m:v0")

    assert len(list(MemoryStorage.list(new, "journal"))) == 1
    assert [artifact.name for artifact in client(new).artifacts()] == ["other"]


def test_init_makes_no_second_repository(bucket: Bucket, client: Client) -> None:
    client(bucket, new=True)

    with pytest.raises(AlreadyInitialised):
        client(bucket, "bob", new=True)


def test_what_an_operation_has_seen_is_asked_for_again_when_something_is_missing(
    bucket: Bucket, client: Client, folder: Callable[..., str], tmp_path: Path
) -> None:
    ann = client(bucket, new=True)
    replica = Replica(bucket, str(tmp_path / "cache-ann" / "replica"), "bucket")
    entry = "journal/000000/000000001.json"
    assert replica.get(entry) is None
    ann.log(folder({"a": b"one"}), "m")

    assert (replica.stat("journal/000000/000000002.json"), Journal(replica, ann.id).has(1)) == (None, True)
    assert replica.get(entry) is not None
    replica.begin()
    assert replica.get(entry) is not None


def test_readers_bring_their_own_ref_files_up_to_date(
    bucket: Bucket, client: Client, folder: Callable[..., str], tmp_path: Path
) -> None:
    ann, source = client(bucket, new=True), folder({"a": b"one"})
    ann.log(source, "m")
    for number in range(30):
        ann.set_alias(f"a{number}", "m:v0")

    assert client(bucket, "bob").resolve("m:a29").name == "m:v0"

    replica = tmp_path / "cache-bob" / "replica" / "local" / "loose"
    assert (replica / "journal" / "applied").read_text().startswith("31 ")
    assert len(list((replica / "aliases" / "m").iterdir())) == 30


def test_fsck_looks_at_the_bucket_and_not_at_what_is_kept_of_it(
    bucket: Bucket, client: Client, folder: Callable[..., str]
) -> None:
    ann = client(bucket, new=True)
    for number in range(3):
        ann.log(folder({"a": b"%d" % number}), "m")
    bucket.put("journal/000000/000000002.json", b"{}")

    found = ann.fsck().findings

    assert any("entry 2" in str(finding) or "000000002" in str(finding) for finding in found)
    assert "journal/000000/000000002.json" in list(MemoryStorage.list(bucket, "journal"))


@pytest.mark.parametrize("lists", [True, False])
def test_what_is_no_entry_is_not_kept(
    bucket: Bucket, client: Client, folder: Callable[..., str], lists: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would count after it was put right in the bucket."""
    # given
    ann = client(bucket, new=True)
    for number in range(3):
        ann.log(folder({"a": b"%d" % number}), "m")
    monkeypatch.setattr(bucket, "lists", lists, raising=False)
    bob = client(bucket, "bob")
    key = "journal/000000/000000003.json"
    entry = MemoryStorage.get(bucket, key)
    assert entry

    # when
    bucket.put(key, b"<page>")
    with pytest.raises(MregError):
        bob.resolve("m")
    bucket.put(key, entry.data)

    # then
    assert bob.resolve("m").name == "m:v2"
    assert client(bucket, "bob").resolve("m").name == "m:v2"


# What is asked for


def test_requests_of_a_warm_client(bucket: Bucket, client: Client, asked: Asked, folder: Callable[..., str]) -> None:
    ann = client(bucket, new=True)
    ann.log(folder({"a": b"one"}), "m")
    source = folder({"a": b"two"})
    ann.log(source, "m")

    assert asked(lambda: ann.resolve("m")) == {"GET": 1}
    assert asked(lambda: ann.resolve("m:v0")) == {"GET": 1}
    for number in range(2):
        assert asked(lambda number=number: ann.set_alias("best", f"m:v{number}")) == {"LIST": 1, "PUT": 1}
    assert asked(lambda: ann.resolve("m:best")) == {"GET": 1}
    assert asked(lambda: ann.log(source, "m")) == {"GET": 1}
    assert bucket.sent == 0
    assert asked(lambda: list(ann.artifacts())) == {"GET": 1}
    assert asked(lambda: ann.versions("m")) == {"GET": 1}
    changed = asked(lambda: ann.log(folder({"a": b"three"}), "m", aliases=["new"], links=["Clf"]))
    assert changed == {"GET": 2, "PUT": 4}  # is there more, is the last one there; pack, manifest, record, entry


def test_requests_of_a_new_client(bucket: Bucket, client: Client, asked: Asked, folder: Callable[..., str]) -> None:
    ann = client(bucket, new=True)
    for number in range(20):
        ann.log(folder({"a": b"%d" % number}), "m")

    cold = asked(lambda: client(bucket, "bob").resolve("m"))

    assert cold["LIST"] == 1  # after two entries were there: the rest is fetched at the same time
    assert cold["GET"] <= 20 + 3


def test_get_reads_each_byte_of_a_pack_once(
    bucket: Bucket, client: Client, asked: Asked, folder: Callable[..., str], tmp_path: Path
) -> None:
    data = os.urandom(80 << 20)
    ann = client(bucket, new=True)
    made = asked(lambda: ann.log(folder({"a": data}), "m"))

    found = asked(lambda: ann.get("m", str(tmp_path / "out")))

    assert (tmp_path / "out" / "a").read_bytes() == data
    assert made == {"GET": 1, "PUT": 3 + 3}  # is there an entry; three packs, manifest, record, entry
    assert max(one.size for one in bucket.listing("packs")) <= 32 << 20
    assert bucket.read_bytes <= len(data) * 1.001
    assert found["GET"] == 1 and found["RANGE"] <= 80 / 8 + 3


# Races, deaths and garbage


def test_numbers_are_given_once_when_clients_race(bucket: Bucket, client: Client, folder: Callable[..., str]) -> None:
    client(bucket, new=True)
    sources = [[folder({"a": b"%d %d" % (writer, turn)}) for turn in range(4)] for writer in range(6)]

    def log(writer: int) -> list[str]:
        mine = client(bucket, f"writer-{writer}")
        return [mine.log(source, "m").version.name for source in sources[writer]]

    given = sorted(name for names in at_once(6, log) for name in names)

    assert given == sorted(f"m:v{number}" for number in range(24))
    assert client(bucket, "last").fsck(full=True).findings == ()


def test_a_change_is_whole_or_absent_wherever_a_client_dies(client: Client, folder: Callable[..., str]) -> None:
    source, points = folder({"a": b"two"}), 0
    while True:
        points += 1
        bucket = MemoryStorage()
        client(bucket, f"a{points}", new=True).log(folder({"a": b"one"}), "m", aliases=["best"])
        dying = FaultyStorage(bucket, points, Crash, dead=True)
        victim = client(dying, f"b{points}")
        try:
            victim.log(source, "m", aliases=["best"])
        except Crash:
            pass
        survivor = client(bucket, f"c{points}")
        names = [version.name for version in survivor.versions("m")]
        assert survivor.resolve("m:best").name == names[-1]
        assert survivor.fsck(full=True).findings == ()
        survivor.log(source, "m", aliases=["best"])
        assert [version.name for version in survivor.versions("m")] == ["m:v0", "m:v1"]
        if not dying.is_dead:
            break
    assert points == 5  # pack, manifest, record, entry, and none


def test_gc_deletes_what_nothing_reaches_and_nothing_else(
    bucket: Bucket, client: Client, folder: Callable[..., str]
) -> None:
    ann = client(bucket, new=True)
    kept, gone = folder({"a": b"kept" * 9}), folder({"a": b"gone" * 9})
    ann.log(gone, "m")
    ann.log(kept, "m")
    ann.remove("m:v0", force=True)
    before = len(list(MemoryStorage.list(bucket, "packs")))

    swept = client(bucket, "bob").gc(grace=0)

    assert swept.bytes > 0
    assert len(list(MemoryStorage.list(bucket, "packs"))) == before - 1
    assert b"".join(ann.read("m:v1", "a")) == b"kept" * 9
    assert ann.fsck(full=True).findings == ()
    assert ann.log(gone, "m").version.name == "m:v2"
    assert client(bucket, "cas").fsck(full=True).findings == ()


def test_a_bucket_is_repaired_from_another_repository_and_a_folder_from_a_bucket(
    bucket: Bucket, client: Client, folder: Callable[..., str], tmp_path: Path
) -> None:
    ann, data = client(bucket, new=True), os.urandom(300_000)
    ann.log(folder({"a": data}), "m", aliases=["best"])
    ann.log(folder({"a": data, "b": b"two"}), "m")
    local = LocalStorage(tmp_path / "copy" / ".mreg")
    for key in MemoryStorage.list(bucket, ""):
        local.put(key, MemoryStorage.get(bucket, key).data)  # type: ignore[union-attr]
    pack, record = next(MemoryStorage.list(bucket, "packs")), next(MemoryStorage.list(bucket, "objects"))

    def spoil(store: MemoryStorage | LocalStorage) -> None:
        spoilt = bytearray(store.get(pack).data)  # type: ignore[union-attr]
        spoilt[100] ^= 255
        store.put(pack, bytes(spoilt))
        store.delete(record)

    with Repository.open(tmp_path / "copy", cache=str(tmp_path / "cache-copy")) as copy:
        spoil(bucket)
        bucket.delete("journal/000000/000000001.json")
        assert len(ann.fsck(full=True).findings) >= 2
        assert ann.fsck(full=True, repair=True, source=copy).findings == ()
        assert client(bucket, "bob").fsck(full=True).findings == ()
        assert b"".join(client(bucket, "cas").read("m:v1", "a")) == data

        spoil(local)
        assert copy.fsck(full=True, repair=True, source=ann).findings == ()
        assert copy.fsck(full=True).findings == ()


def test_what_a_bucket_loses_is_found_by_fsck(bucket: Bucket, client: Client, folder: Callable[..., str]) -> None:
    ann = client(bucket, new=True)
    ann.log(folder({"a": b"one"}), "m")
    pack = next(MemoryStorage.list(bucket, "packs"))
    bucket.delete(pack)

    found = ann.fsck(full=True).findings

    assert found and any(pack.rpartition("/")[2][:8] in str(finding) for finding in found)
    with pytest.raises(MregError):
        b"".join(ann.read("m", "a"))


def test_a_gc_asks_for_the_ages_of_all_young_entries_at_once(
    bucket: Bucket, client: Client, asked: Asked, folder: Callable[..., str]
) -> None:
    ann = client(bucket, new=True)
    ann.log(folder({"a": b"one"}), "m")
    before = asked(lambda: ann.gc(grace=10**6))
    for number in range(20):
        ann.set_alias(f"a{number}", "m:v0")

    after = asked(lambda: ann.gc(grace=10**6))

    assert after.total() <= before.total() + 1  # whether the last entry is there
