"""The lookup tables are never the only copy of anything, and never believed over the repository."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mreg.repository import Repository
from mreg.session.context import Context
from mreg.session.database import ROOM
from mreg.session.index import SCHEMA
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.values.errors import MregError

LARGE = random.Random(9).randbytes(400_000)


def contents(repo: Repository) -> dict[str, list[Any]]:
    """Every row, with packs by name."""
    tables = repo._context.tables(repo._context.journal.look())
    tables.read_packs()
    db = tables._db
    queries = {
        "refs": "SELECT key, value, seq FROM refs ORDER BY key",
        "packs": "SELECT name FROM packs ORDER BY name",
        "chunks": "SELECT digest, offset, stored, size, codec, name FROM chunks JOIN packs ON id = pack ORDER BY 1",
        "recipes": "SELECT digest, pieces, name FROM recipes JOIN packs ON id = pack ORDER BY digest",
        "meta": "SELECT * FROM meta",
    }
    return {name: db.execute(query).fetchall() for name, query in queries.items()}


def some_history(repo: Repository, folder: Callable[..., str]) -> Iterator[None]:
    repo.log(folder({"a": LARGE, "b": b"1"}), "mnist", aliases=["best"], links=["Digits"])
    yield
    repo.log(folder({"a": LARGE + b"tail", "b": b"2"}), "mnist")
    yield
    repo.log(folder({"c": b"doomed" * 10}), "scrap")
    yield
    repo.remove("scrap:v0")
    repo.gc(grace=0)
    yield
    repo.remove("mnist:v0", force=True)
    repo.rename_artifact("mnist", "numbers")
    yield


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Callable[[], Path]:
    return lambda: next((tmp_path / "cache" / "index").glob("*.sqlite"))


def test_tables_made_from_nothing_equal_those_that_were_there_all_the_time(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    watching = reopen(storage)

    for _ in some_history(repo, folder):
        assert contents(watching) == contents(repo) == contents(reopen(storage))


def test_tables_survive_the_process(
    repo: Repository, folder: Callable[..., str], sqlite_file: Callable[[], Path]
) -> None:
    for _ in some_history(repo, folder):
        pass
    before = contents(repo)
    inode = sqlite_file().stat().st_ino

    repo.close()

    assert contents(repo) == before
    assert sqlite_file().stat().st_ino == inode


def test_tables_of_another_schema_are_neither_shared_nor_left_behind(
    repo: Repository, folder: Callable[..., str], sqlite_file: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.log(folder({"a": b"first"}), "mnist")
    before = contents(repo)
    repo.close()
    ours = sqlite_file()
    stem = ours.name.partition(".")[0]
    unversioned = ours.with_name(f"{stem}.sqlite")
    other_repository = ours.with_name(f"{'0' * 32}.sqlite")
    for path in (unversioned, other_repository):
        path.write_bytes(b"of an earlier release")
    monkeypatch.setattr("mreg.session.index.SCHEMA", SCHEMA + 1)

    after = contents(repo)

    assert {**after, "meta": None} == {**before, "meta": None}
    newer = ours.with_name(f"{stem}.{SCHEMA + 1}.sqlite")
    assert set(ours.parent.glob("*.sqlite")) == {newer, other_repository}


def test_tables_of_a_later_release_are_left_alone(
    repo: Repository, folder: Callable[..., str], sqlite_file: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.log(folder({"a": b"first"}), "mnist")
    repo.close()
    later = sqlite_file()
    data = later.read_bytes()
    monkeypatch.setattr("mreg.session.index.SCHEMA", SCHEMA - 1)

    repo.log(folder({"a": b"second"}), "mnist")

    assert later.read_bytes() == data


DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "no database": lambda path: path.write_bytes(b"this is no database at all" * 200),
    "cut in half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "pages zeroed": lambda path: path.write_bytes(path.read_bytes()[:4096] + bytes(path.stat().st_size - 4096)),
    "pages garbled": lambda path: path.write_bytes(
        path.read_bytes()[:4096] + random.Random(1).randbytes(path.stat().st_size - 4096)
    ),
    "another schema": lambda path: _execute(path, "PRAGMA user_version = 99"),
    "tables dropped": lambda path: _execute(path, "DROP TABLE chunks", "DROP TABLE meta"),
    "nothing known": lambda path: _execute(path, "DELETE FROM meta"),
    "of another repository": lambda path: _execute(path, "UPDATE meta SET origin = 'x'"),
    "of another history": lambda path: _execute(path, "UPDATE meta SET digest = 'x'"),
    "of the future": lambda path: _execute(path, "UPDATE meta SET seq = 1000"),
}


def _execute(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.close()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_cannot_be_believed_is_made_anew(
    damage: str, repo: Repository, folder: Callable[..., str], sqlite_file: Callable[[], Path]
) -> None:
    for _ in some_history(repo, folder):
        pass
    before = contents(repo)
    repo.close()
    _execute(sqlite_file(), "PRAGMA wal_checkpoint(TRUNCATE)")
    DAMAGES[damage](sqlite_file())

    assert contents(repo) == before
    assert b"".join(repo.read("numbers", "a")) == LARGE + b"tail"
    repo.log(folder({"a": b"new"}), "numbers")
    assert repo.fsck().findings == ()
    repo.close()
    assert [version.number for version in repo.versions("numbers")] == [1, 2]


def test_a_file_that_is_damaged_while_it_is_open_costs_time_only(
    repo: Repository, folder: Callable[..., str], sqlite_file: Callable[[], Path]
) -> None:
    for _ in some_history(repo, folder):
        pass
    index = repo._context.index
    index._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = sqlite_file()
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(random.Random(1).randbytes(path.stat().st_size - 4096))
    index._db.execute("PRAGMA shrink_memory")

    assert b"".join(repo.read("numbers", "a")) == LARGE + b"tail"
    repo.log(folder({"a": b"new"}), "numbers")

    assert repo.fsck().findings == ()
    assert [version.number for version in repo.versions("numbers")] == [1, 2]


def test_a_full_disk_below_the_cache_costs_time_only(repo: Repository, folder: Callable[..., str]) -> None:
    for _ in some_history(repo, folder):
        pass
    tables = repo._context.tables(repo._context.journal.look())
    tables.read_packs()
    db = tables._db
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")

    for n in range(20):  # more than fits into the free space of the pages that are there
        repo.log(folder({"a": b"%d" % n, "b": random.Random(n).randbytes(70_000)}), "more", message="x" * 500)

    assert len(repo.versions("more")) == 20
    assert len(repo.versions("more")) == 20
    assert b"".join(repo.read("more:v19", "a")) == b"19"


@pytest.mark.parametrize("block", ["a file in the way", "a path that cannot be"])
def test_without_a_usable_cache_folder_the_tables_live_in_memory(
    block: str, storage: MemoryStorage, folder: Callable[..., str], tmp_path: Path
) -> None:
    cache = tmp_path / "blocked"
    cache.write_bytes(b"")
    where = str(cache if block == "a file in the way" else cache / "below")
    with Repository.init_storage(storage, "memory", cache=where) as repo:
        repo.log(folder({"a": LARGE}), "mnist")

        assert b"".join(repo.read("mnist", "a")) == LARGE
        assert [one.name for one in repo.artifacts()] == ["mnist"]
    assert cache.read_bytes() == b""


READ_ONLY = """
import os, sys
from mreg import Repository

def ask(cache):
    with Repository.open(sys.argv[1], cache=cache) as repo:
        return repo.artifacts()[0].name, b"".join(repo.read("mnist", "a")).decode(), repo.aliases()[0].alias

ask(sys.argv[3])  # loads all modules: nobody may not be allowed to read where they lie
os.setuid(65534)
print(*ask(sys.argv[2]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody who may not write")
@pytest.mark.parametrize("cached", [False, True])
def test_somebody_who_may_write_neither_repository_nor_cache_can_read(
    cached: bool, folder: Callable[..., str], open_to_all: Path
) -> None:
    tmp_path = open_to_all
    cache = tmp_path / "cache"
    with Repository.init(tmp_path / "project", cache=str(cache)) as repo:
        repo.log(folder({"a": b"hello"}), "mnist", aliases=["best"])
        repo.artifacts()
    if not cached:
        for path in (cache / "index").iterdir():
            path.unlink()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    warm = tmp_path.parent / "warm"
    command = [sys.executable, "-c", READ_ONLY, str(tmp_path / "project"), str(cache), str(warm)]
    done = subprocess.run(command, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("mnist hello best\n", "")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_copy_that_goes_its_own_way_does_not_share_the_tables(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str], copy_of: Callable[..., Any], tmp_path: Path
) -> None:
    """The worst case: the copy lies at the same place, as after a restored backup."""
    repo.log(folder({"a": b"1"}), "mnist")
    backup = copy_of(storage)
    repo.log(folder({"a": b"2"}), "mnist", aliases=["best"])
    repo.log(folder({"a": b"3"}), "lost")
    repo.artifacts()
    repo.close()

    cache = str(tmp_path / "cache")
    with Repository(Context(backup, "memory", cache=cache)) as restored:
        assert [one.name for one in restored.artifacts()] == ["mnist"]
        restored.log(folder({"a": b"other 2"}), "mnist")
        restored.log(folder({"a": b"other 3"}), "other")
        restored.log(folder({"a": b"2"}), "reused")
        assert [one.name for one in restored.artifacts()] == ["mnist", "other", "reused"]
        assert restored.aliases() == []
        assert b"".join(restored.read("mnist:v1", "a")) == b"other 2"
        assert b"".join(restored.read("reused", "a")) == b"2"
        assert restored.fsck(full=True).findings == ()


def test_packs_that_were_swept_are_forgotten(
    repo: Repository, folder: Callable[..., str], storage: MemoryStorage
) -> None:
    at = folder({"a": LARGE})
    repo.log(at, "mnist")
    repo.remove("mnist:v0")
    repo.gc(grace=0)

    tables = contents(repo)

    assert (tables["packs"], tables["chunks"], tables["recipes"]) == ([], [], [])


def test_a_pack_that_was_put_back_is_found_again(
    repo: Repository, folder: Callable[..., str], storage: MemoryStorage
) -> None:
    repo.log(folder({"a": LARGE}), "mnist")
    (key,) = storage.list("packs")
    kept = storage.get(key)
    assert kept is not None
    storage.delete(key)
    repo.close()
    repo._context.index.start_anew(repo._context.journal.look())  # tables made while the pack was away
    with pytest.raises(MregError):
        list(repo.read("mnist:v0", "a"))

    storage.put(key, kept.data)

    assert b"".join(repo.read("mnist:v0", "a")) == LARGE


def test_many_threads_may_ask_one_repository_while_it_changes(repo: Repository, folder: Callable[..., str]) -> None:
    places = [folder({"a": b"%d" % n}) for n in range(20)]
    repo.log(folder({"a": b"first"}), "mnist")

    def ask(_: int) -> int:
        return len(repo.versions("mnist"))

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask, n) for n in range(40)]
        logging = [pool.submit(repo.log, at, "mnist") for at in places]
        counts = [one.result() for one in asking]
        for one in logging:
            one.result()

    assert all(1 <= count <= 21 for count in counts)
    assert len(repo.versions("mnist")) == 21


def test_tables_that_cannot_be_made_anew_in_their_file_are_made_in_memory(
    repo: Repository, folder: Callable[..., str]
) -> None:
    """What the disk refuses at that moment costs time only."""
    repo.log(folder({"a": b"first"}), "mnist")
    index = repo._context.index
    index._db.execute("PRAGMA query_only=ON")

    index.start_anew(repo._context.journal.look())

    assert index.refs("artifacts/mnist/v0")["artifacts/mnist/v0"].value is not None
    assert b"".join(repo.read("mnist", "a")) == b"first"


# The last room of a disk


def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs

    def statvfs(path: Any) -> os.statvfs_result:
        found = list(real(path))
        found[4] = (ROOM - 1) // found[1]  # f_bavail, in blocks of f_frsize
        return os.statvfs_result(found)

    monkeypatch.setattr(os, "statvfs", statvfs)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_tables_take_nothing_of_the_last_room(
    repo: Repository, folder: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    little_room(monkeypatch)

    assert repo.log(folder({"a": b"one"}), "mnist").version.name == "mnist:v0"

    assert [version.name for version in repo.versions("mnist")] == ["mnist:v0"]
    assert not (tmp_path / "cache").exists()


def test_tables_that_are_there_do_not_grow_into_the_last_room(
    repo: Repository, folder: Callable[..., str], sqlite_file: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.log(folder({"a": b"one"}), "mnist")
    before = size_of(sqlite_file().parent)
    little_room(monkeypatch)

    for number in range(1, 4):
        assert repo.log(folder({"a": b"%d" % number}), "mnist").version.name == f"mnist:v{number}"

    assert size_of(sqlite_file().parent) <= before
    assert len(list(repo.versions("mnist"))) == 4


@pytest.mark.parametrize("value", ["'x'", "NULL", "-1", "x'00'", "9999999999999"])
def test_rows_that_others_changed_count_for_nothing(
    value: str, repo: Repository, folder: Callable[..., str], sqlite_file: Callable[[], Path]
) -> None:
    # given
    source = folder({"a": LARGE, "b": b"1"})
    for _ in range(2):
        repo.log(source, "net", metadata={"acc": 1}, always=True)
    repo.search(where="acc = 1")
    repo.fsck()
    right = (LARGE, ["net:v0", "net:v1"], ["net:v0", "net:v1"], "net:v1")

    def told() -> Any:
        found = [version.name for version in repo.search(where="acc = 1")]
        named = [version.name for version in repo.versions("net")]
        return b"".join(repo.read("net", "a")), found, named, repo.log(source, "net").version.name

    assert told() == right
    repo.close()
    db = sqlite3.connect(sqlite_file())
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = [(table, row[1]) for table in tables for row in db.execute(f"PRAGMA table_info({table})")]
    db.close()

    for table, column in columns:
        # when
        with suppress(sqlite3.IntegrityError):  # a number that the table needs
            _execute(sqlite_file(), f"UPDATE OR IGNORE {table} SET {column} = {value}")

        # then
        assert told() == right, (table, column)
        repo.close()
