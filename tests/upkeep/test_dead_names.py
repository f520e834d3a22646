"""Names die once: in format 2 a writer and a gc that share neither lock nor clock lose no acknowledged version."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from mreg.content import objects, packs
from mreg.operations import log
from mreg.refs import dead
from mreg.refs.journal import Entry, key_of as journal_key
from mreg.refs.transaction import Draft, MissingPack
from mreg.repository import Repository
from mreg.session.context import Context
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import LateStorage, UnlockedStorage
from mreg.values.errors import Damaged


class Unlocked(UnlockedStorage):
    """`meanwhile` is done once, when something is about to be deleted."""

    meanwhile: Callable[[], object] | None = None

    def delete(self, key: str) -> bool:
        act, self.meanwhile = self.meanwhile, None
        if act:
            act()
        return super().delete(key)


@pytest.fixture
def storage() -> Unlocked:
    return Unlocked(MemoryStorage())


def bytes_of(repo: Repository, reference: str, path: str = "a") -> bytes:
    return b"".join(repo.read(reference, path))


# What the issue tells: gc stops between its entry and the deletion, and the same content is logged elsewhere.


def test_content_logged_again_while_a_gc_is_about_to_delete_it_can_be_read(
    repo: Repository, storage: Unlocked, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    at = folder({"a": b"the same"})
    repo.log(at, "mnist")
    repo.remove("mnist:v0")
    sweeper, writer = reopen(storage), reopen(storage)
    storage.meanwhile = lambda: writer.log(at, "again")

    sweeper.gc(grace=0)

    assert bytes_of(writer, "again") == bytes_of(reopen(storage), "again") == b"the same"
    assert reopen(storage).fsck(full=True).findings == ()


def test_a_file_attached_again_while_a_gc_is_about_to_delete_it_can_be_read(
    repo: Repository, storage: Unlocked, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    at = folder({"a": b"the same"})
    repo.log(folder({"b": b"another"}), "mnist")
    repo.attach("mnist", "report", at)
    repo.detach("mnist", "report")
    sweeper, writer = reopen(storage), reopen(storage)
    storage.meanwhile = lambda: writer.attach("mnist", "report", at)

    sweeper.gc(grace=0)

    (attached,) = reopen(storage).attachments("mnist")
    assert attached.name == "report"
    assert {objects.dropped_by(key) for key in storage.list("objects")} == {0, 4}
    assert reopen(storage).fsck(full=True).findings == ()


def test_what_comes_back_lies_under_the_name_that_counts_and_keeps_its_digest(
    repo: Repository, storage: Unlocked, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    at = folder({"a": b"the same"})
    manifests, places = [], []
    for _ in range(3):
        manifests.append(repo.log(at, "mnist").version.manifest)
        places.append({key for key in storage.list("objects") if objects.name_of(key) == manifests[0]})
        repo.remove("mnist:latest")
        repo.gc(grace=0)

    assert len(set(manifests)) == 1
    assert places == [{objects.key_of(manifests[0]) + rest} for rest in ("", ".3", ".6")]
    assert list(storage.list("objects")) == []
    assert reopen(storage).fsck(full=True).findings == ()


def test_a_name_that_an_entry_of_format_1_dropped_comes_back(
    storage: Unlocked, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    at = folder({"a": b"the same"})
    repo = Repository.init_storage(storage, "memory", format=1)
    manifest = repo.log(at, "mnist").version.manifest
    repo.remove("mnist:latest")
    repo.gc(grace=0)
    repo.upgrade()

    repo.log(at, "mnist")

    assert storage.get(objects.key_of(manifest)) is not None
    assert {objects.dropped_by(key) for key in storage.list("objects")} == {0}
    assert bytes_of(reopen(storage), "mnist") == b"the same"
    assert repo.fsck(full=True).findings == ()


def test_what_is_dead_and_still_lies_about_is_deleted_whatever_its_age_and_without_an_entry(
    repo: Repository, storage: Unlocked, folder: Callable[..., str]
) -> None:
    manifest = repo.log(folder({"a": b"1"}), "mnist").version.manifest
    left = storage.get(objects.key_of(manifest))
    repo.remove("mnist:latest")
    repo.gc(grace=0)
    assert left is not None
    storage.put(objects.key_of(manifest), left.data)  # as a writer does who knows nothing of the gc
    head = len(repo.history())

    swept = repo.gc(grace=1e6)

    assert (swept.records, len(repo.history())) == (1, head)
    assert list(storage.list("objects")) == []


@pytest.mark.parametrize("format", [1, 2])
def test_a_pack_that_is_dropped_between_the_look_and_the_commit_is_not_named(
    format: int, folder: Callable[..., str], reopen: Callable[[Storage], Repository], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = MemoryStorage()
    stopped = LateStorage(storage)
    repo = Repository.init_storage(stopped, "memory", format=format)
    repo.log(folder({"a": b"the same"}), "mnist")
    repo.remove("mnist:v0")
    check = log.reuse.check

    def collect_first(*arguments: Any) -> None:
        check(*arguments)
        if not stopped.late:
            reopen(stopped).gc(grace=0)

    monkeypatch.setattr("mreg.operations.log.reuse.check", collect_first)

    repo.log(folder({"a": b"the same", "b": b"another"}), "mnist")
    stopped.go_on()

    assert bytes_of(reopen(storage), "mnist") == b"the same"
    assert reopen(storage).fsck(full=True).findings == ()


@pytest.mark.parametrize("statement", ["DELETE FROM dead", "UPDATE dead SET keys = '{}'"])
def test_lookup_tables_that_lost_a_dead_name_do_not_bring_it_back(
    statement: str, tmp_path: Path, storage: Unlocked, folder: Callable[..., str]
) -> None:
    at = folder({"a": b"the same"})
    repo = Repository.init_storage(storage, "memory", cache=str(tmp_path / "own"))
    manifest = repo.log(at, "mnist").version.manifest
    repo.remove("mnist:v0")
    repo.gc(grace=0)
    repo.artifacts()
    repo.close()
    (file,) = (tmp_path / "own" / "index").glob("*.sqlite")
    with sqlite3.connect(file) as db:
        db.execute(statement)

    repo.log(at, "mnist")

    assert f"{objects.key_of(manifest)}.3" in storage.list("objects")
    assert repo.fsck(full=True).findings == ()


def test_a_key_that_only_a_later_entry_makes_is_left_alone(
    repo: Repository, storage: Unlocked, folder: Callable[..., str]
) -> None:
    """Somebody planted it: it may count by the time that a gc would delete it."""
    at = folder({"a": b"the same"})
    manifest = repo.log(at, "mnist").version.manifest
    planted = f"{objects.key_of(manifest)}.3"
    storage.put(planted, b"{}")
    repo.remove("mnist:v0")
    repo.gc(grace=0)

    assert list(storage.list("objects")) == [planted]
    repo.log(at, "mnist")
    assert repo.fsck(full=True).findings == ()
    assert bytes_of(repo, "mnist") == b"the same"


def test_content_that_came_back_a_thousand_times_is_logged_as_fast_as_ever(
    tmp_path: Path, storage: Unlocked, folder: Callable[..., str]
) -> None:
    """The rows of the tables that tell what is dead are read once, not for each key that was tried."""
    repo = Repository.init_storage(storage, "memory", cache=str(tmp_path / "own"))
    at = folder({"a": b"the same"})
    first = objects.key_of(repo.log(at, "mnist").version.manifest)
    repo.remove("mnist:v0")
    for seq in range(3, 1003):
        drop_in(repo._context, f"{first}.{seq - 1}" if seq > 3 else first)
    asked: list[str] = []
    told = repo._context.index.dead
    repo._context.index.dead = lambda folder: asked.append(folder) or told(folder)  # type: ignore[method-assign,func-returns-value]

    repo.log(at, "mnist")

    assert f"{first}.1002" in set(storage.list("objects"))
    assert len(asked) < 10


# A drop of something live is void.


def drop(storage: Storage, *keys: str) -> None:
    """What only a faulty or forged entry does."""
    drop_in(Context(storage, "memory"), *keys)


def drop_in(context: Context, *keys: str) -> None:
    def build(draft: Draft) -> None:
        draft.drops = keys

    context.commit("planted", build)


def test_a_drop_of_live_records_lets_gc_delete_nothing_and_a_repair_writes_them_under_fresh_names(
    repo: Repository, storage: Unlocked, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    version = repo.log(folder({"a": b"1"}), "mnist").version
    keys = [objects.key_of(version.digest), objects.key_of(version.manifest)]
    drop(storage, *sorted(keys))

    with pytest.raises(Damaged):
        repo.gc(grace=0)
    assert bytes_of(reopen(storage), "mnist") == b"1"
    assert {finding.code for finding in repo.fsck().findings} == {"record"}
    report = reopen(storage).fsck(repair=True)

    assert report.findings == ()
    assert {f"{key}.2" for key in keys} <= set(storage.list("objects"))
    repo.gc(grace=0)
    assert set(storage.list("objects")) == {f"{key}.2" for key in keys}
    assert bytes_of(reopen(storage), "mnist") == b"1"


def test_a_drop_of_a_live_pack_lets_gc_delete_nothing_and_a_repair_writes_a_new_one(
    repo: Repository, storage: Unlocked, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    repo.log(folder({"a": b"1" * 5000, "b": b"2"}), "mnist")
    (old,) = storage.list("packs")
    drop(storage, old)

    with pytest.raises(Damaged):
        repo.gc(grace=0)
    assert {finding.code for finding in repo.fsck().findings} == {"file"}
    report = reopen(storage).fsck(repair=True)

    assert report.findings == ()
    repo.gc(grace=0)
    (new,) = storage.list("packs")
    assert new != old
    assert bytes_of(reopen(storage), "mnist") == b"1" * 5000
    assert bytes_of(repo, "mnist", "b") == b"2"


ODD = (
    "config.toml",
    "journal/applied",
    "journal/000000/000000001.json",
    "artifacts/mnist/v0",
    "objects/zz",
    "../x",
    "",
)


@pytest.mark.parametrize("format", [1, 2])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_entries_drop_nothing_is_lost_and_a_repair_mends_it(format: int, data: st.DataObject) -> None:
    storage = Unlocked(MemoryStorage())
    with TemporaryDirectory() as at:
        Path(at, "a").write_bytes(b"1" * 5000)
        repo = Repository.init_storage(storage, "memory", format=format)
        version = repo.log(at, "mnist").version
    real = [objects.key_of(version.digest), objects.key_of(version.manifest), *storage.list("packs")]
    keys = [*real, *(f"{key}.{number}" for key in real for number in (1, 2, 3, 9)), *ODD]
    for drops in data.draw(st.lists(st.lists(st.sampled_from(keys), max_size=5), max_size=4), "drops"):
        drop(storage, *drops)

    with suppress(Damaged):
        repo.gc(grace=0)

    report = repo.fsck(repair=True)
    assert {finding.code for finding in report.findings} <= {"journal-change"}
    repo.gc(grace=0)
    assert bytes_of(repo, "mnist") == b"1" * 5000
    assert {finding.code for finding in repo.fsck(full=True).findings} <= {"journal-change"}


def test_an_entry_that_names_a_dead_pack_is_named_and_the_pack_not_read(
    repo: Repository, storage: Unlocked, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    repo.log(folder({"a": b"1"}), "mnist")
    (key,) = storage.list("packs")
    drop(storage, key)
    head = Context(storage, "memory").journal.look().head
    forged = (
        Context(storage, "memory")
        .journal.entry(2)
        ._replace(seq=3, prev=head.digest, drops=(), packs=(packs.name_of(key) or "",))
    )

    Context(storage, "memory").journal.append(forged)

    found = {(finding.code, finding.what) for finding in reopen(storage).fsck().findings}
    assert ("journal-change", journal_key(3)) in found
    assert "file" in {code for code, _ in found}


def test_a_commit_that_names_a_dead_pack_is_refused(
    repo: Repository, storage: Unlocked, folder: Callable[..., str]
) -> None:
    repo.log(folder({"a": b"1"}), "mnist")
    (key,) = storage.list("packs")
    drop(storage, key)

    def build(draft: Draft) -> None:
        draft.packs = (packs.name_of(key) or "",)

    with pytest.raises(MissingPack):
        Context(storage, "memory").commit("planted", build)


def test_a_key_that_names_a_later_entry_dies_not() -> None:
    """Else two forged entries could send whoever looks for the key that counts round in a circle."""
    name = "ab" * 32
    key = objects.key_of(name)
    plain = Entry(1, "", "", "", "", "", "", ())

    buried = dead.after(
        [plain._replace(seq=2, drops=(f"{key}.3",)), plain._replace(seq=3, drops=(key, f"{key}.2", f"{key}.3"))]
    )

    assert buried == {key: 3, f"{key}.2": 3}
    assert objects.counting(name, buried.get) == f"{key}.3"
