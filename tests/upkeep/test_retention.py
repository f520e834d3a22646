"""Versions expire where a policy says so: exactly those, as one change, and what holds them keeps them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from mreg.operations.undo import GivenUp
from mreg.refs.journal import Change, Entry
from mreg.refs.keys import ArtifactKey, VersionKey
from mreg.refs.ref_files import after
from mreg.refs.transaction import Draft
from mreg.repository import Repository
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.upkeep import garbage
from mreg.upkeep.retention import Policies, Policy, expired
from mreg.values.digest import digest
from mreg.values.errors import Conflict, Damaged

DAY = 86400.0


@pytest.fixture
def log(repo: Repository, folder: Callable[..., str]) -> Callable[..., Any]:
    """Log so many versions, each of other bytes."""
    chance = random.Random(7)

    def log(artifact: str, count: int = 1, **options: Any) -> list[str]:
        at = [folder({"weights": chance.randbytes(1000)}) for _ in range(count)]
        return [repo.log(path, artifact, **options).version.name for path in at]

    return log


def size_of(storage: Storage) -> int:
    """Bytes of packs and records."""
    stats = [storage.stat(key) for folder in ("packs", "objects") for key in storage.list(folder)]
    return sum(stat.size for stat in stats if stat)


def numbers(repo: Repository, artifact: str) -> list[int]:
    return [version.number for version in repo.versions(artifact)]


# Which versions expire.


def test_the_last_of_each_artifact_stay(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", 5)
    log("letters", 3)
    log("few", 2)

    swept = repo.gc(keep_last=2)

    assert swept.expired == ("letters:v0", "mnist:v0", "mnist:v1", "mnist:v2")
    assert (numbers(repo, "mnist"), numbers(repo, "letters"), numbers(repo, "few")) == ([3, 4], [1, 2], [0, 1])
    assert repo.fsck(full=True).findings == ()


def test_all_that_expire_are_one_entry(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", 4)
    repo.annotate("mnist:v0", message="noted")

    swept = repo.gc(keep_last=1, older_than=0)

    entry = repo.history()[-1]
    assert (entry.seq, entry.command) == (swept.seq, "gc --keep-last 1")
    assert {(change.ref, change.new) for change in entry.changes} == {
        *((f"artifacts/mnist/v{n}", None) for n in range(3)),
        ("artifacts/mnist/v0.toml", None),
    }


def test_deleted_versions_do_not_count_among_the_last(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", 5)
    repo.remove("mnist:v4")
    repo.remove("mnist:v2")

    repo.gc(keep_last=2)

    assert numbers(repo, "mnist") == [1, 3]


def test_what_an_alias_or_a_link_holds_stays_and_counts_among_the_last(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("mnist", 6)
    repo.set_alias("best", "mnist:v0")
    repo.link("mnist:v1", "Digits")
    repo.set_alias("good", "mnist:v5")

    swept = repo.gc(keep_last=2)

    assert swept.expired == ("mnist:v2", "mnist:v3")
    assert numbers(repo, "mnist") == [0, 1, 4, 5]


def test_what_is_let_go_of_expires_the_next_time(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", 3, aliases=["best"])
    repo.link("mnist:v0", "Digits")
    repo.set_alias("best", "mnist:v1")
    held = repo.gc(keep_last=1).expired
    repo.remove_model("Digits", force=True)
    repo.set_alias("best", "mnist:v2")

    assert held == ()
    assert repo.gc(keep_last=1).expired == ("mnist:v0", "mnist:v1")


def test_the_latest_never_expires_however_old(
    repo: Repository, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", 3)
    age(100 * DAY)

    assert repo.gc(older_than=DAY).expired == ("mnist:v0", "mnist:v1")
    assert numbers(repo, "mnist") == [2]


def test_a_version_expires_where_number_and_age_both_say_so(
    repo: Repository, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    for _ in range(4):
        log("mnist")
        age(10 * DAY)  # v0 is 40 days old, v3 10

    many_and_old = repo.gc(keep_last=1, older_than=25 * DAY, dry_run=True).expired
    many = repo.gc(keep_last=1, dry_run=True).expired
    old = repo.gc(older_than=25 * DAY, dry_run=True).expired
    few_and_old = repo.gc(keep_last=3, older_than=25 * DAY, dry_run=True).expired

    assert many_and_old == old == ("mnist:v0", "mnist:v1")
    assert many == ("mnist:v0", "mnist:v1", "mnist:v2")
    assert few_and_old == ("mnist:v0",)


def test_age_counts_from_the_entry_that_gave_the_name(
    repo: Repository, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    """What somebody brought back, or took under another name, does not expire at once."""
    log("mnist", 2)
    log("letters", 2)
    age(30 * DAY)
    repo.undo(repo.remove("mnist:v0").seq)
    repo.rename_artifact("letters", "glyphs")

    young = repo.gc(older_than=20 * DAY).expired
    age(30 * DAY)

    assert young == ()
    assert repo.gc(older_than=20 * DAY).expired == ("glyphs:v0", "mnist:v0")


def test_a_version_that_another_was_made_from_may_expire(
    repo: Repository, log: Callable[..., Any], folder: Callable[..., str]
) -> None:
    """Lineage names digests: it stays true of what is gone."""
    log("base", 2)
    made_from = repo.resolve("base:v0").digest
    repo.log(folder({"a": b"tuned"}), "tuned", inputs=["base:v0"])

    repo.gc(keep_last=1, grace=0)

    assert numbers(repo, "base") == [1]
    assert [(one.reference, one.version) for one in repo.version("tuned").inputs] == [("base:v0", made_from)]


# Where the policy comes from.


def test_without_a_policy_nothing_expires(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], content: Callable[[Storage], dict[str, bytes]]
) -> None:
    log("mnist", 5)
    before = content(storage)

    swept = repo.gc(grace=0)

    assert (swept.expired, swept.seq, swept.bytes) == ((), None, 0)
    assert content(storage) == before


def test_the_settings_are_the_policy_and_arguments_take_their_place_one_by_one(
    repo: Repository, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", 4)
    age(10 * DAY)
    log("mnist", 1)
    repo.set_setting("gc.keep-last", "3")
    repo.set_setting("gc.older-than", "5d")

    assert repo.gc(dry_run=True).expired == ("mnist:v0", "mnist:v1")
    assert repo.gc(keep_last=2, dry_run=True).expired == ("mnist:v0", "mnist:v1", "mnist:v2")
    assert repo.gc(older_than=20 * DAY, dry_run=True).expired == ()
    assert repo.gc(keep_last=0, dry_run=True).expired == ("mnist:v0", "mnist:v1", "mnist:v2", "mnist:v3")
    assert repo.gc(keep_last=0, older_than=0, dry_run=True).expired == ()
    assert repo.gc().expired == ("mnist:v0", "mnist:v1")
    assert repo.history()[-1].command == "gc --keep-last 3 --older-than 5d"


# What it gives back.


@pytest.mark.parametrize("keep_last", [1, 2, 3])
def test_a_dry_run_foretells_the_versions_and_the_very_bytes(
    keep_last: int, repo: Repository, storage: MemoryStorage, log: Callable[..., Any], folder: Callable[..., str]
) -> None:
    log("mnist", 4)
    shared = folder({"weights": b"shared" * 100})
    repo.log(shared, "one")
    repo.log(shared, "two")
    log("two", 2)
    repo.remove("mnist:v1")
    before, entries = size_of(storage), len(repo.history())

    foretold = repo.gc(grace=0, keep_last=keep_last, dry_run=True)
    untouched = (size_of(storage), len(repo.history()))
    swept = repo.gc(grace=0, keep_last=keep_last)

    assert untouched == (before, entries)
    assert (swept.bytes, swept.packs, swept.records) == (foretold.bytes, foretold.packs, foretold.records)
    assert (swept.expired, swept.kept) == (foretold.expired, 0)
    assert before - size_of(storage) == swept.bytes > 1000
    assert b"".join(repo.read("one", "weights")) == b"shared" * 100
    assert repo.fsck(full=True).findings == ()
    assert repo.gc(grace=0, keep_last=keep_last).bytes == 0


def test_within_the_grace_period_the_bytes_are_told_and_given_back_later(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", 3)
    age(30 * DAY)

    foretold = repo.gc(keep_last=1, dry_run=True)
    swept = repo.gc(keep_last=1)
    age(30 * DAY)
    before = size_of(storage)
    later = repo.gc()

    assert (foretold.bytes, foretold.seq) == (swept.bytes, None) == (0, None)
    assert foretold.kept == swept.kept == later.bytes == before - size_of(storage) > 2000


def test_garbage_and_expired_versions_go_together(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", 3)
    repo.remove("mnist:v0")
    age(30 * DAY)
    entries = len(repo.history())

    swept = repo.gc(keep_last=1)

    assert (swept.packs, swept.expired, swept.seq) == (1, ("mnist:v1",), entries + 1)
    assert len(repo.history()) == entries + 1
    assert swept.kept > 1000
    repo.undo(entries + 1)
    assert numbers(repo, "mnist") == [1, 2]
    assert repo.fsck(full=True).findings == ()


def test_what_expired_comes_back_within_the_grace_period_and_not_after_it(
    repo: Repository, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", 3)
    repo.annotate("mnist:v1", message="noted")
    before = repo.versions("mnist")
    age(30 * DAY)
    first = repo.gc(keep_last=1).seq
    assert first is not None
    repo.undo(first)
    came_back = repo.versions("mnist")
    second = repo.gc(keep_last=1).seq
    assert second is not None
    age(30 * DAY)
    repo.gc()

    assert came_back == before
    with pytest.raises(GivenUp):
        repo.undo(second)
    assert numbers(repo, "mnist") == [2]
    assert log("mnist") == ["mnist:v3"]


def test_what_expired_for_good_does_not_trouble_a_later_gc_with_grace(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("mnist", 3)
    repo.gc(grace=0, keep_last=1)

    assert repo.gc(grace=14 * DAY, keep_last=1).bytes == 0


def test_a_record_that_another_version_shares_stays(repo: Repository, log: Callable[..., Any]) -> None:
    """Two artifacts may name one record; which of them expires is no reason to take it from the other."""
    log("mnist", 2)
    shared = repo.resolve("mnist:v0").digest
    repo.create_artifact("twin")

    def build(draft: Draft) -> None:
        draft.set(VersionKey("twin", 0), shared)

    repo._context.commit("by another implementation", build)
    foretold = repo.gc(grace=0, keep_last=1, dry_run=True)
    swept = repo.gc(grace=0, keep_last=1)

    assert (swept.expired, swept.bytes) == (foretold.expired, foretold.bytes) == (("mnist:v0",), 0)
    assert len(b"".join(repo.read("twin:v0", "weights"))) == 1000
    assert repo.fsck(full=True).findings == ()


def test_a_version_whose_record_a_link_names_by_another_version_stays(
    repo: Repository, log: Callable[..., Any]
) -> None:
    # given
    log("mnist")
    repo.link("mnist:v0", "Digits")
    log("twin")
    shared = repo.resolve("mnist:v0").digest

    def build(draft: Draft) -> None:
        draft.set(VersionKey("twin", 0), shared)

    repo._context.commit("by another implementation", build)
    log("twin")

    # when
    swept = repo.gc(keep_last=1)

    # then
    assert (swept.expired, numbers(repo, "twin")) == ((), [0, 1])


# All or nothing.


def test_a_damaged_repository_lets_nothing_expire(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], content: Callable[[Storage], dict[str, bytes]]
) -> None:
    log("mnist", 3)
    record = repo.resolve("mnist:v2").digest
    storage.put(f"objects/{record[:2]}/{record[2:]}", b"damaged")
    before = content(storage)

    with pytest.raises(Damaged):
        repo.gc(keep_last=1)

    assert content(storage) == before


def test_where_writers_are_always_faster_nothing_expires(
    repo: Repository, log: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    log("mnist", 3)
    mark = garbage.mark

    def mark_then_race(*args: Any) -> Any:
        plan = mark(*args)
        repo.annotate("mnist:v2", message=str(len(repo.history())))
        return plan

    monkeypatch.setattr(garbage, "mark", mark_then_race)

    with pytest.raises(Conflict):
        repo.gc(keep_last=1)

    assert numbers(repo, "mnist") == [0, 1, 2]


def test_an_alias_that_is_set_at_the_last_moment_holds(
    repo: Repository, log: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    log("mnist", 3)
    mark = garbage.mark

    def mark_then_race(*args: Any) -> Any:
        plan = mark(*args)
        monkeypatch.setattr(garbage, "mark", mark)
        repo.set_alias("best", "mnist:v0")
        return plan

    monkeypatch.setattr(garbage, "mark", mark_then_race)

    swept = repo.gc(keep_last=1, grace=0)

    assert swept.expired == ("mnist:v1",)
    assert repo.resolve("mnist:best").name == "mnist:v0"
    assert repo.fsck(full=True).findings == ()


def test_an_alias_whose_file_was_lost_still_holds(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any]
) -> None:
    log("mnist", 3)
    repo.set_alias("best", "mnist:v0")
    storage.delete("aliases/mnist/best")

    assert repo.gc(keep_last=1).expired == ("mnist:v1",)


def test_a_version_whose_file_cannot_be_seen_expires_as_any_other(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any]
) -> None:
    log("mnist", 3)
    storage.delete("artifacts/mnist/v0")

    swept = repo.gc(keep_last=1, grace=0)

    assert swept.expired == ("mnist:v0", "mnist:v1")
    assert [version.number for version in repo.versions("mnist")] == [2]
    assert repo.fsck(full=True).findings == ()


def test_lookup_tables_that_lie_let_nothing_expire_that_is_held(
    repo: Repository, log: Callable[..., Any], tmp_path: Path
) -> None:
    import sqlite3

    log("mnist", 3)
    repo.set_alias("best", "mnist:v0")
    repo.close()
    with sqlite3.connect(next((tmp_path / "cache" / "index").glob("*.sqlite"))) as db:
        db.execute("DELETE FROM refs WHERE key LIKE 'aliases/%'")
    db.close()

    assert repo.gc(keep_last=1).expired == ("mnist:v1",)


# The rule itself, against its definition.


@given(
    count=st.integers(1, 8),
    deleted=st.sets(st.integers(0, 7)),
    aliased=st.sets(st.integers(0, 7)),
    linked=st.sets(st.integers(0, 7)),
    keep_last=st.integers(0, 9),
    older_than=st.integers(0, 9),
)
@settings(max_examples=300, deadline=None)
def test_what_expires_is_what_the_rule_says(
    count: int, deleted: set[int], aliased: set[int], linked: set[int], keep_last: int, older_than: int
) -> None:
    names = [digest(b"%d" % n) for n in range(count)]
    live = [n for n in range(count) if n not in deleted]
    changes = [Change(VersionKey("m", n), None, names[n]) for n in range(count)]
    changes += [Change(VersionKey("m", n), names[n], None) for n in range(count) if n in deleted]
    changes += [Change(f"aliases/m/a{n}", None, f"v{n}") for n in aliased & set(live)]
    changes += [Change(f"registered/M/links#v{n}", None, f"m:v{n} {names[n]}") for n in linked & set(live)]
    changes.insert(0, Change(ArtifactKey("m"), None, ""))
    entries = [Entry(n + 1, "", "", "", "", "", "", (change,)) for n, change in enumerate(changes)]

    found = expired(after(entries), Policies(Policy(keep_last, older_than), {}, {}), lambda seq: float(count + 1 - seq))

    expected = [
        number
        for number in live[:-1]
        if (keep_last or older_than)
        and number not in aliased | linked
        and (keep_last == 0 or len(live) - live.index(number) > keep_last)
        and (older_than == 0 or count - 1 - number > older_than)
    ]
    assert [(one.artifact, one.number, one.digest) for one in found] == [("m", n, names[n]) for n in expected]
