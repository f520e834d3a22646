"""Checkpoints of the tables of refs: what they save a new cache, and that they decide nothing."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.refs import journal as journals
from mreg.refs.journal import Entry
from mreg.repository import Repository
from mreg.session import checkpoints
from mreg.session.index import Index
from mreg.storage.local import LocalStorage


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "CHECKPOINT_EVERY", 10)
    monkeypatch.setattr(checkpoints, "ROWS", 20)


@pytest.fixture
def filled(tmp_path: Path, folder: Callable[..., str]) -> Path:
    """A repository of some 24 entries, which has given numbers, packs and names up."""
    with Repository.init(tmp_path / "one", cache=str(tmp_path / "cache")) as repo:
        for number in range(8):
            repo.log(folder({"a": b"version %d" % number}), "m", aliases=["best"], links=["Model"])
        repo.remove("m:v0", force=True)
        repo.gc(grace=0)
        repo.create_artifact("counted", first=1)
        for number in range(13):
            repo.set_alias(f"a{number}", "m:v3")
        repo.log(folder({"a": b"later"}), "m")
    return tmp_path / "one"


def keys(place: Path) -> list[str]:
    return list(LocalStorage(place / ".mreg").list(checkpoints.FOLDER))


def rows(repo: Repository) -> list[list[tuple[object, ...]]]:
    index = repo._context.tables(repo._context.journal.look())
    index._lay_out_packs()
    queries = [*(query for query, _ in checkpoints._TABLES), "SELECT * FROM links"]
    return [index._db.execute(query).fetchall() for query in queries]


def opened(place: Path, cache: str) -> Repository:
    return Repository.open(place, cache=str(place.parent / cache))


def test_whoever_commits_writes_one_now_and_then_and_only_the_newest_stays(filled: Path) -> None:
    assert {key.partition(".")[0] for key in keys(filled)} == {f"{checkpoints.FOLDER}/000000020"}
    assert len(keys(filled)) > 1
    with opened(filled, "cache") as repo:
        assert len(list(repo.history())) > 20
        assert repo.fsck(full=True).findings == ()


def test_a_new_cache_reads_the_entries_behind_the_checkpoint_alone(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    of_entry = Index._read_refs

    def noted(self: Index, entries: list[Entry]) -> None:
        read.extend(entry.seq for entry in entries)
        of_entry(self, entries)

    monkeypatch.setattr(Index, "_read_refs", noted)

    with opened(filled, "new") as repo, opened(filled, "cache") as old:
        assert rows(repo) == rows(old)

    assert read[0] == 21


def test_who_commits_writes_one_after_reading_what_it_would_have_spared(filled: Path) -> None:
    for key in keys(filled):
        LocalStorage(filled / ".mreg").delete(key)

    with opened(filled, "cache") as warm:
        warm.set_alias("warm", "m:v3")
        assert keys(filled) == []
    with opened(filled, "new") as cold:
        cold.artifacts()
        assert keys(filled) == []  # who only reads writes nothing
        cold.set_alias("cold", "m:v3")
        seq = max(entry.seq for entry in cold.history())
        assert {key.partition(".")[0] for key in keys(filled)} == {f"{checkpoints.FOLDER}/{seq:09}"}
        cold.set_alias("again", "m:v3")
        assert {key.partition(".")[0] for key in keys(filled)} == {f"{checkpoints.FOLDER}/{seq:09}"}
        assert cold.fsck(full=True).findings == ()


def test_tables_that_contradict_the_journal_are_made_from_its_start(filled: Path) -> None:
    with opened(filled, "new") as repo:
        whole = rows(repo)
        index = repo._context.index
        forge(filled, list)

        index.start_anew(repo._context.journal.look())

        assert rows(repo) == whole


def order_of_packs(repo: Repository) -> list[tuple[object, ...]]:
    return repo._context.index._db.execute("SELECT name, seq FROM packs ORDER BY id").fetchall()


@pytest.mark.parametrize("size", [3, 20, 400])
def test_packs_are_put_off_until_somebody_asks_for_one(
    filled: Path, folder: Callable[..., str], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(checkpoints, "ROWS", size)
    with opened(filled, "cache") as old:
        old._context.checkpoint(old._context.journal.look())
        old.set_alias("behind", "m:v3")
        old.log(folder({"a": b"behind"}), "other")

        with opened(filled, "new") as repo:
            repo.artifacts()
            repo.versions("m")
            assert repo.resolve("m").name == "m:v8"
            assert (order_of_packs(repo) == []) == (size < 400)  # there are several shards

            assert repo.get("m:v8", filled.parent / "out")
            assert order_of_packs(repo) == order_of_packs(old)
            assert rows(repo) == rows(old)
            assert repo.fsck(full=True).findings == ()


def test_a_pack_that_is_dropped_while_it_is_put_off_is_forgotten(filled: Path) -> None:
    with opened(filled, "cache") as old, opened(filled, "new") as repo:
        repo.artifacts()
        assert order_of_packs(repo) == []
        old.remove("m:v2", force=True)
        assert old.gc(grace=0).packs

        repo.artifacts()

        assert order_of_packs(repo) == []
        assert rows(repo) == rows(old)


def test_a_checkpoint_that_is_written_has_the_packs_that_were_put_off(filled: Path) -> None:
    with opened(filled, "cache") as old, opened(filled, "new") as repo:
        repo.artifacts()
        assert order_of_packs(repo) == []
        index = repo._context.index
        assert index.checkpoint_shards() == old._context.tables(index.look).checkpoint_shards()


@pytest.mark.parametrize("row", [[3, ["x"], 1], [3, "x" * 64, "one"], [3, None, 1], [3, "x" * 64]], ids=str)
def test_forged_packs_that_were_put_off_are_read_from_the_journal(filled: Path, row: object) -> None:
    forge(filled, lambda rows: [*rows[:-1], row, rows[-1]], apart=True)

    with opened(filled, "new") as repo, opened(filled, "cache") as old:
        repo.artifacts()
        assert order_of_packs(repo) == []
        assert rows(repo) == rows(old)


def test_tables_filled_from_a_checkpoint_have_the_indexes_and_triggers_of_all_others(filled: Path) -> None:
    def made(repo: Repository) -> list[tuple[object, ...]]:
        return sorted(repo._context.index._db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall())

    with opened(filled, "new") as repo, Repository.init(filled.parent / "two", cache=str(filled / "two")) as fresh:
        assert len(rows(repo)[0]) > 20
        assert made(repo) == made(fresh)


def forge(
    place: Path,
    change: Callable[[list[Any]], list[Any]],
    at: Callable[[list[Any]], list[Any]] = list,
    *,
    apart: bool = False,
) -> None:
    """Change the checkpoint, with digests that fit. at: changes its head: id, entry, digest of that. apart: refs and
    times are a shard of their own."""
    storage = LocalStorage(place / ".mreg")
    read = [json.loads(checkpoints.unpacked(storage.get(key).data)) for key in keys(place)]  # type: ignore[union-attr]
    *last, head = read.pop()
    found = [row for shard in [*read, last] for row in shard]
    refs = change(
        [
            [row[0], row[1], "v1" if str(row[1]).startswith("aliases/m/") else row[2], row[3]] if row[0] == 0 else row
            for row in found
        ]
    )
    for key in keys(place):
        storage.delete(key)
    shards = []
    if apart:
        shards = [json.dumps([row for row in refs if row[0] < 3]).encode()]
        refs = [row for row in refs if row[0] >= 3]
    head = [head[0], *at(head[1:-2]), list(map(checkpoints.digest, shards))]
    proof = checkpoints.digest(json.dumps([refs, head]).encode())
    shards.append(json.dumps([*refs, [*head, proof]], separators=(",", ":")).encode())
    for number, data in enumerate(shards):
        storage.put(checkpoints.key_of(20, number), zlib.compress(data))


def test_a_forged_checkpoint_decides_nothing_and_fsck_finds_it(filled: Path) -> None:
    forge(filled, list)

    with opened(filled, "new") as repo:
        assert repo.resolve("m:a3").name == "m:v3"
        repo.set_alias("a3", "m:v4", expect="v3")
        assert repo.resolve("m:a3").name == "m:v4"
        assert [one.code for one in repo.fsck().findings] == ["derived"]
        report = repo.fsck(repair=True)
        assert (report.findings, keys(filled)) == ((), [])
    with opened(filled, "newer") as repo:
        assert repo.fsck(full=True).findings == ()


@pytest.mark.parametrize(
    "row",
    [
        [0, "aliases/m/best", ["v1"], 3],
        [0, "aliases/m/best", "v1"],
        [0, "aliases/m/best", "v1", 3, 4],
        [0, None, "v1", 3],
        [0, "aliases/m/\ud800", "v1", 3],
        [2, "second", "2026-01-01T00:00:00.000000Z"],
        [2, 1 << 70, "2026-01-01T00:00:00.000000Z"],
        [5, "of another table"],
        ["0", "aliases/m/best", "v1", 3],
        [],
        {"0": 0},
        0,
        None,
    ],
    ids=str,
)
def test_a_forged_checkpoint_with_rows_of_another_shape_is_not_used(filled: Path, row: object) -> None:
    forge(filled, lambda rows: [row, *rows])

    with opened(filled, "new") as repo, opened(filled, "cache") as old:
        assert rows(repo) == rows(old)


@pytest.mark.parametrize("head", [["20", "x"], [None, "x"], [20, None], [20], [20, "x", "y"], [[20], "x"]], ids=str)
def test_a_forged_checkpoint_with_another_head_is_not_used(filled: Path, head: list[object]) -> None:
    forge(filled, list, lambda of: [of[0], *head])

    with opened(filled, "new") as repo, opened(filled, "cache") as old:
        assert rows(repo) == rows(old)


@pytest.mark.parametrize("spoilt", ["cut", "nonsense", "missing", "swapped", "deep"])
def test_a_damaged_checkpoint_is_not_used(filled: Path, spoilt: str) -> None:
    storage = LocalStorage(filled / ".mreg")
    first, *_, last = keys(filled)
    data = storage.get(first).data  # type: ignore[union-attr]
    bad = {"cut": data[:-30], "nonsense": b"nonsense", "swapped": storage.get(last).data}  # type: ignore[union-attr]
    if spoilt == "missing":
        storage.delete(first)
    elif spoilt == "deep":
        storage.put(last, zlib.compress(b"[" * 100_000))
    else:
        storage.put(first, bad[spoilt])

    with opened(filled, "new") as repo, opened(filled, "cache") as old:
        assert rows(repo) == rows(old)


def test_gc_writes_one_where_there_is_none_of_late_and_fsck_agrees(filled: Path) -> None:
    storage = LocalStorage(filled / ".mreg")
    for key in keys(filled):
        storage.delete(key)

    with opened(filled, "cache") as repo:
        repo.gc()
        assert keys(filled)
        before = keys(filled)
        repo.gc()
        assert keys(filled) == before
        assert repo.fsck(full=True).findings == ()
