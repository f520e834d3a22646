"""What a new client of a bucket keeps of refs: one file, made from segments of the journal."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from counting_bucket import Bucket
from fabricated import grow

from mreg import Repository
from mreg.refs.journal import key_of, parse
from mreg.refs.keys import CONFIG, FOLDERS
from mreg.session import segments
from mreg.session.replica import Replaced, Replica
from mreg.storage import Listed, Storage
from mreg.storage.local import LocalStorage
from mreg.storage.memory import MemoryStorage
from mreg.storage.packed_folder import PackedFolder
from mreg.testing.remote_contract import at_once
from mreg.values.digest import digest
from mreg.values.errors import MregError

Client = Callable[..., Repository]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    opened = []

    def client(bucket: Storage, name: str, *, new: bool = False) -> Repository:
        cache = str(tmp_path / f"cache-{name}")
        make = Repository.init_storage if new else Repository.open_storage
        opened.append(make(Replica(bucket, os.path.join(cache, "replica"), "bucket"), "bucket", cache=cache))
        return opened[-1].as_one()

    yield client
    for repository in opened:
        repository.close()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "ENTRIES", 20)
    monkeypatch.setattr(segments, "EVERY", 5)


@pytest.fixture
def bucket(short: None, client: Client, folder: Callable[..., str]) -> Bucket:
    """With refs of all kinds, deleted ones too, in segments, and a few entries behind them."""
    bucket = Bucket()
    ann = client(bucket, "ann", new=True)
    for number in range(6):
        ann.log(folder({"a": b"%d" % number}), "m", aliases=["best", f"a{number}"], links=["Model"])
    ann.use("m:v1", run="run-1")
    ann.use("m:v2", run="run-1")
    ann.remove("m:v0", force=True)
    ann.unlink("Model:v1", force=True)
    ann.remove_alias("a3", "m")
    ann.set_card("Model", "# Card\n\nSome words: ü\n")
    ann.set_property("m", "owner", "ann")
    ann.set_property("m:v2", "stage", "late")
    ann.remove_property("m", "owner")
    ann.annotate("m:v2", metadata={"seen": True})
    ann.set_setting("gc.grace", "3d")
    ann.create_artifact("counted", first=3)
    ann.create_artifact("other")
    ann.rename_artifact("other", "another")
    ann.rename_artifact("m", "ä")
    for number in range(20):
        ann.set_alias(f"b{number}", "ä:v5")
    assert MemoryStorage.get(bucket, f"{segments.FOLDER}/000001") is not None
    return bucket


def without_segments(bucket: Bucket) -> Bucket:
    copy = Bucket()
    for key in MemoryStorage.list(bucket, ""):
        if not key.startswith(segments.FOLDER):
            copy.put(key, MemoryStorage.get(bucket, key).data)  # type: ignore[union-attr]
    return copy


def kept(repository: Repository) -> dict[str, bytes]:
    """The ref files, and the mark, of the client."""
    local = repository._context.storage._local  # type: ignore[attr-defined]
    keys = [CONFIG, "journal/applied", *(key for folder in FOLDERS for key in local.list(folder))]
    return {key: local.get(key).data for key in keys}


def files(cache: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(cache))


# What it says, and what it spares


def test_the_refs_are_those_that_entry_after_entry_makes(bucket: Bucket, client: Client) -> None:
    one, other = client(bucket, "new"), client(without_segments(bucket), "other")

    for repository in (one, other):
        assert repository.resolve("ä:b19").name == "ä:v5"
        repository._context.storage.begin()
        with repository._context.storage.lock():
            repository.set_alias("settled", "ä:v5")  # whoever commits applies what is there

    mark = "journal/applied"
    assert {**kept(one), mark: b""}.keys() == {**kept(other), mark: b""}.keys()
    differing = {key for key, data in kept(one).items() if data != kept(other)[key]}
    assert differing == {mark}  # the last entries have other times
    assert one.setting("gc.grace") == "3d"
    assert one.fsck(full=True).findings == ()


def test_names_are_answered_without_a_file_for_each(bucket: Bucket, client: Client, tmp_path: Path) -> None:
    new = client(bucket, "new")

    assert new.resolve("ä:b3").name == "ä:v5"

    assert (tmp_path / "cache-new" / "replica" / "local" / "base").is_file()
    assert files(tmp_path / "cache-new" / "replica") < 15
    assert [version.name for version in new.versions("ä")] == [f"ä:v{n}" for n in range(1, 6)]
    assert len(new.history()) == len(client(bucket, "ann").history())


def test_later_entries_come_over_it(bucket: Bucket, client: Client, folder: Callable[..., str]) -> None:
    client(bucket, "new").resolve("ä:b3")
    ann = client(bucket, "ann")
    ann.set_alias("b3", "ä:v4")
    ann.remove_alias("b4", "ä")

    new = client(bucket, "new")
    assert new.resolve("ä:b3").name == "ä:v4"
    with pytest.raises(MregError):
        new.resolve("ä:b4")
    assert new.log(folder({"a": b"more"}), "ä").version.name == "ä:v6"
    again = client(bucket, "new")
    assert again.resolve("ä:b3").name == "ä:v4"
    assert again.resolve("ä").name == "ä:v6"
    with pytest.raises(MregError):
        again.resolve("ä:b4")
    assert again.fsck(full=True).findings == ()


@pytest.mark.parametrize(
    "use",
    [
        lambda repo, out: repo.resolve("m:best"),
        lambda repo, out: repo.artifacts(),
        lambda repo, out: repo.use("m:best"),
        lambda repo, out: repo.get("m:best", out),
    ],
    ids=["resolve", "ls", "use", "get"],
)
@pytest.mark.slow
def test_ten_thousand_versions_are_a_few_files(
    use: Callable[[Repository, Path], object], client: Client, folder: Callable[..., str], tmp_path: Path
) -> None:
    bucket = Bucket()
    client(bucket, "ann", new=True).log(folder({"a": b"one"}), "m", aliases=["best"])
    grow(bucket, 10_000, 10)
    bucket.asked.clear()
    new = client(bucket, "new")

    use(new, tmp_path / "out")

    assert files(tmp_path / "cache-new") < 40
    assert bucket.asked.total() < 25


def test_a_search_finds_what_is_in_the_base_and_what_came_later(
    bucket: Bucket, client: Client, folder: Callable[..., str]
) -> None:
    client(bucket, "new").resolve("ä")
    client(bucket, "ann").log(folder({"a": b"more"}), "ä", metadata={"seen": True})

    found = client(bucket, "new").search(where="seen = true", within="ä")

    assert sorted(version.name for version in found) == ["ä:v2", "ä:v6"]


def test_what_earlier_releases_kept_is_given_up(bucket: Bucket, client: Client, tmp_path: Path) -> None:
    old = tmp_path / "cache-new" / "replica" / "refs"
    (old / "journal").mkdir(parents=True)
    (old / "journal" / "applied").write_text("anything")

    assert client(bucket, "new").resolve("ä:b3").name == "ä:v5"

    assert not old.exists()


class Unlisted(Bucket):
    """As a web server, which tells what it has of no folder."""

    lists = False

    def listing(self, prefix: str, after: str = "") -> Iterator[Listed]:
        raise AssertionError(prefix)


def test_a_store_that_tells_no_names_is_read_by_segments_too(bucket: Bucket, client: Client) -> None:
    unlisted = Unlisted()
    for key in MemoryStorage.list(bucket, ""):
        unlisted.put(key, MemoryStorage.get(bucket, key).data)  # type: ignore[union-attr]
    unlisted.asked.clear()

    assert client(unlisted, "new").resolve("ä:b19").name == "ä:v5"

    assert unlisted.asked.total() < 20 < len(client(bucket, "ann").history())


# Who writes segments


def test_segments_come_to_their_ends_whatever_divides_them(
    monkeypatch: pytest.MonkeyPatch, client: Client, folder: Callable[..., str]
) -> None:
    monkeypatch.setattr(segments, "ENTRIES", 10)
    monkeypatch.setattr(segments, "EVERY", 4)
    bucket = Bucket()
    ann = client(bucket, "ann", new=True)
    ann.log(folder({"a": b"one"}), "m")
    for number in range(24):
        ann.set_alias(f"a{number}", "m:v0")

    assert [len(lines(bucket, number)) for number in range(3)] == [10, 10, 4]
    bucket.asked.clear()
    assert client(bucket, "new").resolve("m:a23").name == "m:v0"
    assert bucket.asked.total() <= 10


def test_gc_completes_segments_that_earlier_releases_left_short(bucket: Bucket, client: Client) -> None:
    first = f"{segments.FOLDER}/000000"
    whole = bucket.get(first)
    assert whole is not None
    bucket.put(first, zlib.compress(b"".join(lines(bucket, 0)[:-3])))

    client(bucket, "ann").gc()

    assert bucket.get(first) == whole or lines(bucket, 0) == segments.lines_of(whole.data)


def lines(bucket: Bucket, number: int) -> list[bytes]:
    found = bucket.get(f"{segments.FOLDER}/{number:06}")
    return segments.lines_of(found.data) if found else []


# Faults


def spoil(bucket: Bucket, seq: int, change: Callable[[bytes], bytes]) -> None:
    """Change an entry, and what follows so that each names the one before; in the journal and in its segments."""
    count = max(number for number in range(1, 100) if MemoryStorage.get(bucket, key_of(number)))
    before = ""
    entries: dict[int, bytes] = {}
    for number in range(1, count + 1):
        data = MemoryStorage.get(bucket, key_of(number)).data  # type: ignore[union-attr]
        if number > seq:
            data = data.replace(parse(number, data).prev.encode(), before.encode())
        data = change(data) if number == seq else data
        before = digest(data)
        entries[number] = data
        bucket.put(key_of(number), data)
    writer = segments.Segments(bucket, "nowhere")
    for end in {*range(segments.ENTRIES, count + 1, segments.ENTRIES), count}:
        writer.write(end, entries.get)


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new)

    return change


SPOILT = {
    "kind": replaced(b'"kind":"entry"', b'"kind":"record"'),
    "number": replaced(b'"seq":3', b'"seq":4'),
    "newer": replaced(b'"format":2', b'"format":99'),
    "format": replaced(b'"format":2', b'"format":"2"'),
    "path": replaced(b'["aliases/m/a2"', b'["../../../m"'),
    "journal": replaced(b'["aliases/m/a2"', b'["journal/applied"'),
    "folder": replaced(b'["aliases/m/a2"', b'["aliases/m/a2/b"'),
    "line": replaced(b'["aliases/m/a2"', b'["registered/Model/links"'),
    "no line": replaced(b'["aliases/m/a2"', b'["aliases/m/a2#b"'),
    "value": replaced(b'["aliases/m/a2",null,"v2"]', b'["aliases/m/a2",null,2]'),
    "change": replaced(b'["aliases/m/a2",null,"v2"]', b'["aliases/m/a2"]'),
    "changes": replaced(b'"changes":[', b'"changes":{"a":['),
    "surrogate": replaced(b'["aliases/m/a2",null,"v2"]', b'["aliases/m/a2",null,"\\ud800"]'),
    "latin": replaced(b'["aliases/m/a2",null,"v2"]', b'["aliases/m/a2",null,"\xff"]'),
    "deep": replaced(b'"drops":[]', b'"drops":' + b"[" * 100_000 + b"]" * 100_000),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_what_no_release_writes_is_refused_as_it_is_entry_by_entry(spoilt: str, bucket: Bucket, client: Client) -> None:
    spoil(bucket, 3, SPOILT[spoilt])

    def answer(bucket: Bucket, name: str) -> str:
        try:
            return client(bucket, name).resolve("ä:b3").name
        except MregError as error:
            return f"{error.code}: {error}"

    assert answer(bucket, "new") == answer(without_segments(bucket), "other")


@pytest.mark.parametrize("fault", ["write", "rename", "lock"])
def test_a_cache_that_cannot_be_written_costs_time_and_nothing_else(
    fault: str, bucket: Bucket, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    place = {"write": "packed_file.encode", "rename": "os.rename", "lock": "PackedFolder.lock"}[fault]
    monkeypatch.setattr(f"mreg.storage.packed_folder.{place}", full)

    new = client(bucket, "new")
    assert new.resolve("ä:b3").name == "ä:v5"
    monkeypatch.undo()
    assert client(bucket, "new").resolve("ä:b3").name == "ä:v5"


STEPS = ["encode", "stage", "clear", "rename", "after"]


@pytest.mark.parametrize("step", STEPS)
def test_a_client_that_was_killed_at_first_contact_begins_again(
    step: str, bucket: Bucket, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    if step == "after":
        fill = PackedFolder.fill
        monkeypatch.setattr(PackedFolder, "fill", lambda self, values: (fill(self, values), killed()))
    else:
        places = {"encode": "packed_file.encode", "stage": "LocalStorage.stage", "rename": "os.rename"}
        place = places.get(step, "PackedFolder.clear")
        monkeypatch.setattr(f"mreg.storage.packed_folder.{place}", killed)
    with pytest.raises(KeyboardInterrupt):
        client(bucket, "new").resolve("ä:b3")
    monkeypatch.undo()

    again = client(bucket, "new")

    assert again.resolve("ä:b3").name == "ä:v5"
    assert again.fsck(full=True).findings == ()
    assert list((tmp_path / "cache-new" / "replica" / "local" / "loose").glob("tmp/*")) == []


@pytest.mark.parametrize("size", [0, 20, 1000])
def test_a_base_that_was_cut_off_is_made_again(size: int, bucket: Bucket, client: Client, tmp_path: Path) -> None:
    client(bucket, "new").resolve("ä:b3")
    base = tmp_path / "cache-new" / "replica" / "local" / "base"
    data = base.read_bytes()
    base.unlink()
    base.write_bytes(data[:size])

    assert client(bucket, "new").resolve("ä:b3").name == "ä:v5"

    assert base.read_bytes() == data


def test_another_repository_in_its_place_is_noticed(bucket: Bucket, client: Client, folder: Callable[..., str]) -> None:
    new = client(bucket, "new")
    new.resolve("ä:b3")
    other = Bucket()
    bob = client(other, "bob", new=True)
    bob.log(folder({"a": b"bob's"}), "m", aliases=["best"])
    for number in range(40):
        bob.set_alias(f"c{number}", "m:v0")
    for key in list(MemoryStorage.list(bucket, "")):
        bucket.delete(key)
    for key in MemoryStorage.list(other, ""):
        bucket.put(key, MemoryStorage.get(other, key).data)  # type: ignore[union-attr]

    with pytest.raises(Replaced):
        new.set_alias("mine", "ä:v5")

    again = client(bucket, "new")
    assert [artifact.name for artifact in again.artifacts()] == ["m"]
    assert again.resolve("m:c39").name == "m:v0"


# Several at once


def test_of_several_new_clients_with_one_cache_each_answers(bucket: Bucket, client: Client, tmp_path: Path) -> None:
    repositories = [client(bucket, "new") for _ in range(6)]

    found = at_once(6, lambda number: repositories[number].resolve("ä:b3").name)

    assert found == ["ä:v5"] * 6
    assert files(tmp_path / "cache-new" / "replica") < 20


OPEN = """
import sys
from mreg import Repository
from mreg.session import segments
from mreg.session.replica import Replica
from mreg.storage.local import LocalStorage
place, cache, number = sys.argv[1:]
segments.ENTRIES, segments.EVERY = 20, 5
storage = Replica(LocalStorage(place, durable=False), cache + "/replica", "bucket")
with Repository.open_storage(storage, "bucket", cache=cache) as repository:
    print(repository.resolve("ä:b3").name)
    repository.set_alias("p" + number, "ä:v4")
"""


def test_processes_share_it_from_the_first_moment_on(bucket: Bucket, client: Client, tmp_path: Path) -> None:
    place = LocalStorage(tmp_path / "place", durable=False)
    for key in MemoryStorage.list(bucket, ""):
        place.put(key, MemoryStorage.get(bucket, key).data)  # type: ignore[union-attr]

    arguments = [str(tmp_path / "place"), str(tmp_path / "cache-shared")]
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, *arguments, str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    told = [one.communicate(timeout=300) for one in racing]

    assert told == [("ä:v5\n", "")] * 4
    last = client(place, "last")
    assert [last.resolve(f"ä:p{number}").name for number in range(4)] == ["ä:v4"] * 4
    assert last.fsck(full=True).findings == ()
