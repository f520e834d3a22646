"""Scenarios that a review of the whole found, each of which once lost or misplaced something."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mreg import Repository
from mreg.intake.scan import UnsupportedFile
from mreg.operations import log as log_module
from mreg.operations.collections import NameTaken
from mreg.refs.journal import Change, DamagedJournal, Entry, Journal
from mreg.refs.keys import LinkKey
from mreg.refs.ref_files import DamagedRef
from mreg.refs.view import link_target
from mreg.session.config import DamagedConfig
from mreg.session.context import Context
from mreg.storage import ABSENT, PutLost
from mreg.storage.local import LocalStorage
from mreg.storage.memory import MemoryStorage
from mreg.values.canonical import Malformed
from mreg.values.errors import MregError
from mreg.values.names import InvalidReference
from mreg.values.records import MAX_DEPTH, path_fault


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def repo(storage: MemoryStorage, tmp_path: Path) -> Repository:
    return Repository.init_storage(storage, "memory", cache=str(tmp_path / "cache"))


def checkpoint(folder: Path, **files: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def packs(storage: MemoryStorage) -> list[str]:
    return list(storage.list("packs"))


def test_a_gc_between_reading_and_listing_packs_makes_log_read_again(
    repo: Repository, storage: MemoryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = checkpoint(tmp_path / "a", weights=os.urandom(5000))
    repo.log(shared, "a")
    repo.remove("a:v0")
    real, gone = log_module.ingest, []

    def ingest(index: Any, *rest: Any, **options: Any) -> Any:
        manifest = real(index, *rest, **options)
        if not gone:
            gone.append(repo.gc(grace=0))
            index.catch_up(repo._context.journal.look())  # another process that shares the tables hears of it first
        return manifest

    monkeypatch.setattr(log_module, "ingest", ingest)

    result = repo.log(shared, "b")

    assert gone[0].packs == 1 and result.created
    assert b"".join(repo.read("b:v0", "weights")) == (shared / "weights").read_bytes()
    assert not repo.fsck(full=True).findings


def test_logging_the_same_files_again_heals_a_lost_pack(
    repo: Repository, storage: MemoryStorage, tmp_path: Path
) -> None:
    folder = checkpoint(tmp_path / "a", weights=os.urandom(5000))
    repo.log(folder, "a")
    for key in packs(storage):
        storage.delete(key)

    repo.log(folder, "b")

    for name in ("a", "b"):
        assert b"".join(repo.read(f"{name}:v0", "weights")) == (folder / "weights").read_bytes()


def test_a_pack_that_was_put_back_is_found_again(repo: Repository, storage: MemoryStorage, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "a", weights=b"x" * 3000)
    repo.log(folder, "a")
    (key,) = packs(storage)
    kept = storage.get(key)
    assert kept is not None
    storage.delete(key)
    repo.close()
    with Repository(repo._context) as anew:
        anew._context.index.start_anew(anew._context.journal.look())  # tables made while the pack was away
        with pytest.raises(MregError):
            list(anew.read("a:v0", "weights"))
        storage.put(key, kept.data)
        assert b"".join(anew.read("a:v0", "weights")) == b"x" * 3000


def test_a_file_that_is_cut_otherwise_gets_a_recipe_of_its_own(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = checkpoint(tmp_path / "a", weights=os.urandom(300_000))
    repo.log(folder, "a")
    monkeypatch.setattr("mreg.content.cutting.CDC_AVG", 1 << 14)
    monkeypatch.setattr("mreg.content.cutting.CDC_MIN", 1 << 12)
    repo.log(checkpoint(tmp_path / "b", weights=(folder / "weights").read_bytes()), "b")
    repo.remove("a:v0")
    repo.gc(grace=0)

    assert b"".join(repo.read("b:v0", "weights")) == (folder / "weights").read_bytes()
    assert not repo.fsck(full=True).findings


@pytest.mark.parametrize("target", ["../../x:v0", "a/b:v0", ".hidden:v0", ":v0"])
def test_a_link_to_what_is_no_name_is_damage(target: str) -> None:
    with pytest.raises(DamagedRef):
        link_target(LinkKey("m", 0), f"{target} {'0' * 64}")


@pytest.mark.parametrize("key", ["packs/ab/cd.pack", "objects/ab/cd", "journal/applied", "other", "tmp/x"])
def test_an_entry_moves_nothing_but_refs(key: str) -> None:
    entry = Entry(1, "0" * 64, "id", "t", "w", "h", "c", (Change(key, None, "v0"),))
    with pytest.raises(Malformed):
        Entry.from_bytes(entry.to_bytes())


def test_a_number_means_one_version_for_ever_also_across_kinds(repo: Repository, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "a", weights=b"1")
    repo.log(folder, "a", links=["m"])
    repo.remove_model("m", force=True)
    with pytest.raises(NameTaken):
        repo.create_artifact("m")
    repo.remove_artifact("a", force=True)
    with pytest.raises(NameTaken):
        repo.create_model("a")
    assert repo.log(folder, "a").version.name == "a:v1"


def test_losing_create_if_absent_flushes_the_winner_s_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = LocalStorage(tmp_path / "s")
    storage.put("a/x", b"1")
    flushed = []
    monkeypatch.setattr(LocalStorage, "_sync_folder", lambda self, folder: flushed.append(os.path.basename(folder)))

    with pytest.raises(PutLost):
        storage.put("a/x", b"2", ABSENT)

    assert "a" in flushed


def test_an_entry_of_a_dead_writer_is_made_durable_before_it_is_applied(
    repo: Repository, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled: list[int] = []
    monkeypatch.setattr(Journal, "settle", lambda self, seq: settled.append(seq))
    repo.create_model("m")
    storage.delete("journal/applied")

    repo.create_model("n")

    assert settled == [1]


def test_a_lost_config_is_damage_and_init_does_not_paper_over_it(
    repo: Repository, storage: MemoryStorage, tmp_path: Path
) -> None:
    repo.log(checkpoint(tmp_path / "a", weights=b"1"), "a")
    storage.delete("config.toml")

    with pytest.raises(DamagedConfig):
        Repository(Context(storage, "memory"))
    with pytest.raises(DamagedConfig):
        Repository.init_storage(storage, "memory")

    assert storage.get("config.toml") is None


@pytest.mark.parametrize(
    ("lost", "asked"),
    [
        ("artifacts/a/v0", "a:v0"),
        ("artifacts/a/v0", "a"),
        ("aliases/a/best", "a:best"),
        ("artifacts/a/artifact.toml", "a:v0"),
        ("registered/m/model.toml", "m"),
    ],
)
def test_what_cannot_be_seen_is_known_from_the_journal(
    repo: Repository, storage: MemoryStorage, tmp_path: Path, lost: str, asked: str
) -> None:
    repo.log(checkpoint(tmp_path / "a", weights=b"1"), "a", aliases=["best"], links=["m"])
    storage.delete(lost)

    assert repo.resolve(asked).name == "a:v0"


def test_gc_does_nothing_beyond_a_hole_in_the_journal(repo: Repository, storage: MemoryStorage, tmp_path: Path) -> None:
    for content in (b"1", b"2", b"3"):
        repo.log(checkpoint(tmp_path / "a", weights=content), "a")
    storage.delete("journal/000000/000000002.json")
    storage.delete("journal/applied")
    before = list(storage.list(""))

    with pytest.raises(DamagedJournal):
        repo.gc(grace=0)

    assert list(storage.list("")) == before


def test_rm_of_a_bookmark_does_not_delete_the_version(repo: Repository, tmp_path: Path) -> None:
    repo.log(checkpoint(tmp_path / "a", weights=b"1"), "a", links=["m"])

    with pytest.raises(InvalidReference, match="unlink"):
        repo.remove("m:v0", force=True)

    assert repo.resolve("m:v0").name == "a:v0"


def test_one_alias_is_not_taken_for_its_letters(repo: Repository, tmp_path: Path) -> None:
    result = repo.log(checkpoint(tmp_path / "a", weights=b"1"), "a", aliases="best")
    assert result.version.aliases == ("best",)


def test_a_repository_s_own_folder_is_not_logged(repo: Repository, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFile):
        repo.log(checkpoint(tmp_path / ".mreg", weights=b"1"), "a")


def test_folders_that_nest_without_end_are_refused(repo: Repository, tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(MAX_DEPTH + 5):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("f", os.O_CREAT, dir_fd=here))
    os.close(here)

    with pytest.raises(UnsupportedFile, match="nest"):
        repo.log(tmp_path / "d", "a")

    assert path_fault("d/" * (MAX_DEPTH + 1) + "f") is not None


def test_files_are_staged_in_a_destination_that_exists(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.log(checkpoint(tmp_path / "a", weights=b"1"), "a")
    destination = tmp_path / "mount"
    destination.mkdir()
    made: list[str] = []
    real = os.mkdir
    monkeypatch.setattr("os.mkdir", lambda path, *rest, **named: (made.append(str(path)), real(path, *rest, **named)))

    repo.get("a", destination)

    staged = [Path(path) for path in made if ".mreg-" in path]
    assert staged and all(path.parent == destination for path in staged)
    assert [path.name for path in destination.iterdir()] == ["weights"]
