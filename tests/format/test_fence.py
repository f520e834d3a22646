"""One folder, two releases: what was raised to format 2 is never written to by a release that reads format 1 only, and
what was not raised is written so that such a release can read it."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import release_0_1

from mreg.operations.undo import CannotUndo
from mreg.refs import heading, ref_files
from mreg.refs.journal import Entry, Journal, Mark, key_of as entry_key
from mreg.refs.keys import CONFIG
from mreg.refs.ref_files import Ref
from mreg.repository import Repository
from mreg.session.context import Context
from mreg.storage.memory import MemoryStorage
from mreg.values.digest import digest
from mreg.values.formats import NewerFormat, UnknownFormat

DATA = Path(__file__).parent / "data"
Folder = Callable[..., str]
REFUSED = "the repository has format 2; this release of mreg reads format 1"


def entries(storage: MemoryStorage) -> Iterator[tuple[int, bytes]]:
    for seq, key in enumerate((key for key in storage.list("journal") if key.endswith(".json")), 1):
        yield seq, get(storage, key)


def get(storage: MemoryStorage, key: str) -> bytes:
    value = storage.get(key)
    assert value is not None
    return value.data


@pytest.fixture
def old(storage: MemoryStorage, tmp_path: Path, folder: Folder) -> Iterator[Repository]:
    """A repository of format 1."""
    with Repository.init_storage(storage, "memory", format=1, cache=str(tmp_path / "old"), author="ann") as repo:
        repo.log(folder({"a": b"one"}), "mnist", aliases=["best"], links=["Digits"])
        yield repo


# A repository that was not raised.


def test_release_0_1_reads_all_that_is_written_into_a_repository_of_format_1(
    old: Repository, storage: MemoryStorage, folder: Folder
) -> None:
    old.annotate("mnist:v0", message="said", metadata={"acc": 0.5})
    old.set_setting("gc.grace", "3d")
    old.log(folder({"a": b"two", "run": b"#!"}), "mnist", run="run-1")
    old.remove("mnist:v1")
    old.gc(grace=0)
    old.rename_artifact("mnist", "numbers")

    identity = release_0_1.opened(get(storage, CONFIG))
    previous = identity
    for seq, data in entries(storage):
        assert release_0_1.read(seq, data)["prev"] == previous
        previous = digest(data)
    assert old.format == 1
    assert old.fsck(full=True).findings == ()


def test_init_makes_the_newest_format(repo: Repository, storage: MemoryStorage) -> None:
    assert repo.format == 2
    with pytest.raises(release_0_1.Refused, match=REFUSED):
        release_0_1.opened(get(storage, CONFIG))


def test_a_format_that_there_is_not_is_not_made(storage: MemoryStorage) -> None:
    for number in (0, 3):
        with pytest.raises(UnknownFormat):
            Repository.init_storage(storage, "memory", format=number)

    assert list(storage.list("")) == []


# The raise.


def test_the_raise_is_one_entry_that_moves_the_first_line_only(old: Repository, storage: MemoryStorage) -> None:
    old.set_setting("gc.grace", "3d")
    before = {key: get(storage, key) for key in storage.list("")}

    done = old.upgrade()

    assert done == (1, 2, 3)
    assert old.format == 2
    after = {key: get(storage, key) for key in storage.list("")}
    assert {key for key in after if after[key] != before.get(key)} == {CONFIG, "journal/applied", entry_key(3)}
    (change,) = Entry.from_bytes(after[entry_key(3)]).changes
    assert change.old is not None
    assert (change.ref, change.new) == (CONFIG, change.old.replace("format = 1\n", "format = 2\n"))
    assert old.setting("gc.grace") == "3d"
    assert old.fsck(full=True).findings == ()


def test_raising_it_again_changes_nothing(old: Repository) -> None:
    old.upgrade()

    assert old.upgrade() == (2, 2, None)
    assert old.history()[-1].seq == 2


@pytest.mark.parametrize("config_written", [True, False])
def test_release_0_1_is_stopped_wherever_it_comes_to_the_raise(
    old: Repository, storage: MemoryStorage, config_written: bool
) -> None:
    config = get(storage, CONFIG)
    old.upgrade()
    if not config_written:  # whoever raised it was killed behind the commit
        storage.put(CONFIG, config)
        storage.put("journal/applied", b"")
    seq, data = list(entries(storage))[-1]

    if config_written:
        with pytest.raises(release_0_1.Refused, match=REFUSED):
            release_0_1.opened(get(storage, CONFIG))
    else:
        release_0_1.opened(get(storage, CONFIG))
    # It commits nothing without having read all entries: so nothing behind this one.
    with pytest.raises(release_0_1.Refused, match="entry 2 is damaged: not a journal entry of a known format"):
        release_0_1.read(seq, data)


def test_a_raise_that_was_killed_behind_the_commit_is_finished_by_the_next_writer(
    old: Repository, storage: MemoryStorage, reopen: Callable[..., Repository]
) -> None:
    config = get(storage, CONFIG)
    mark = get(storage, "journal/applied")
    old.upgrade()
    storage.put(CONFIG, config)
    storage.put("journal/applied", mark)

    other = reopen(storage)

    assert other.format == 2
    assert other.fsck().findings == ()
    other.set_alias("next", "mnist:v0")
    assert get(storage, CONFIG).startswith(b"format = 2\n")
    assert Entry.from_bytes(get(storage, entry_key(3))).format == 2


def test_a_process_that_has_it_open_writes_the_new_format_after_the_raise(
    old: Repository, storage: MemoryStorage, reopen: Callable[..., Repository]
) -> None:
    reopen(storage).upgrade()

    old.set_setting("gc.grace", "3d")
    old.set_alias("next", "mnist:v0")

    assert [Entry.from_bytes(data).format for _, data in entries(storage)] == [1, 2, 2, 2]
    assert get(storage, CONFIG).startswith(b"format = 2\n")
    assert old.fsck().findings == ()


def test_what_format_it_is_is_not_told_by_a_config_file_that_is_old(
    old: Repository, storage: MemoryStorage, reopen: Callable[..., Repository]
) -> None:
    config = get(storage, CONFIG)
    reopen(storage).upgrade()
    storage.put(CONFIG, config)  # as a network file system may show it for a while

    old.set_alias("next", "mnist:v0")

    assert Entry.from_bytes(get(storage, entry_key(3))).format == 2


@pytest.mark.parametrize("number", [1, 2])
def test_an_old_repository_can_be_raised_and_says_what_it_said(number: int, tmp_path: Path, folder: Folder) -> None:
    with tarfile.open(DATA / f"repository-{number}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    with Repository.open(tmp_path, cache=str(tmp_path / "cache"), author="test") as repo:
        versions = {one.name: repo.versions(one.name) for one in repo.artifacts()}

        assert repo.upgrade().before == 1

        assert {one.name: repo.versions(one.name) for one in repo.artifacts()} == versions
        assert repo.fsck(full=True).findings == ()
        assert repo.log(folder({"a": b"new"}), "digits").version.name == "digits:v4"
        assert repo.fsck(full=True).findings == ()


# Undo.


def test_the_raise_is_not_undone(old: Repository) -> None:
    seq = old.upgrade().seq
    assert seq is not None

    with pytest.raises(CannotUndo, match="cannot be lowered"):
        old.undo(seq)

    assert (old.format, old.history()[-1].seq) == (2, seq)


def test_a_setting_from_before_the_raise_can_be_undone_after_it(old: Repository, storage: MemoryStorage) -> None:
    old.set_setting("gc.grace", "3d")
    old.upgrade()

    old.undo(2)

    assert (old.format, old.setting("gc.grace")) == (2, "14d")
    assert get(storage, CONFIG).startswith(b"format = 2\n")
    assert old.fsck().findings == ()


# What a later release may do.


def test_words_that_writers_have_to_know_stop_writers_only(
    repo: Repository, storage: MemoryStorage, folder: Folder, reopen: Callable[..., Repository]
) -> None:
    repo.log(folder({"a": b"one"}), "mnist")
    text = str(heading.of(ref_files.decode(CONFIG, get(storage, CONFIG)).value)._replace(needs=("rules", "wings")))
    storage.put(CONFIG, ref_files.encode(CONFIG, Ref(text, 0)))
    other = reopen(storage)
    before = set(storage.list(""))

    assert other.resolve("mnist").number == 0
    with pytest.raises(heading.NeedsNewer, match="'rules'"):
        other.set_alias("best", "mnist:v0")

    assert set(storage.list("")) == before


@pytest.mark.parametrize(
    "line", ["needs = []", 'needs = ["b", "a"]', 'needs = ["a", "a"]', 'needs = ["A"]', 'needs = "a"', 'needs = ["a"] ']
)
def test_what_writers_have_to_know_is_said_in_one_form(line: str) -> None:
    with pytest.raises(heading.DamagedConfig, match="third line"):
        heading.parse(f'format = 2\nid = "{"1" * 32}"\n{line}\n')


def test_a_newer_repository_is_refused_before_anything_else_is_looked_at(storage: MemoryStorage) -> None:
    storage.put(CONFIG, b"format = 3\nall else moved\n")

    with pytest.raises(NewerFormat, match="the repository has format 3; this release of mreg reads formats up to 2"):
        Context(storage, "memory")


def test_an_entry_of_a_newer_release_is_no_damage_and_stops_readers_and_writers(
    repo: Repository, storage: MemoryStorage, folder: Folder
) -> None:
    repo.log(folder({"a": b"one"}), "mnist")
    last = Entry.from_bytes(get(storage, entry_key(1)))
    raised = last._replace(seq=2, prev=digest(last.to_bytes()), format=3)
    storage.put(entry_key(2), raised.to_bytes())
    before = {key: get(storage, key) for key in storage.list("")}

    for act in (
        lambda: repo.resolve("mnist"),
        lambda: repo.set_alias("best", "mnist:v0"),
        lambda: repo.fsck(),
        lambda: repo.fsck(repair=True),
        lambda: repo.gc(grace=0),
    ):
        with pytest.raises(NewerFormat, match="journal entry 2 has format 3"):
            act()

    assert {key: get(storage, key) for key in storage.list("")} == before


# Entries of format 2.

SAMPLE = Entry(
    1, "1" * 32, "2" * 32, "2026-01-02T03:04:05.000006Z", "ann", "alpha", "gc", (), ("ab" * 32,),
    ("objects/ab/" + "c" * 62, "packs/ab/" + "c" * 62 + ".pack"), 2, "no space", ((96, 200),),
)  # fmt: skip


def test_an_entry_of_format_2_is_read_as_it_was_written() -> None:
    assert Entry.from_bytes(SAMPLE.to_bytes()) == SAMPLE
    plain = SAMPLE._replace(message=None, indexes=None)
    assert b"message" not in plain.to_bytes()
    assert Entry.from_bytes(plain.to_bytes()) == plain


@pytest.mark.parametrize(
    "wrong",
    [
        {"message": ""},
        {"message": "x" * 65537},
        {"indexes": ()},
        {"indexes": ((1, 2), (3, 4))},
        {"indexes": ((1,),)},
        {"indexes": ((-1, 2),)},
        {"indexes": ((True, 2),)},
        {"format": 1},
        {"format": 0},
        {"format": True},
    ],
)
def test_an_entry_that_breaks_a_rule_of_its_format_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Entry.from_bytes(SAMPLE._replace(**wrong).to_bytes())  # type: ignore[arg-type]


def test_fsck_names_an_entry_of_another_format_than_the_repositorys(
    old: Repository, storage: MemoryStorage, reopen: Callable[..., Repository]
) -> None:
    old.upgrade()
    journal = Journal(storage, old.id)
    last = journal.look().head
    behind = SAMPLE._replace(seq=3, prev=last.digest, packs=(), drops=(), message=None, indexes=None, format=1)
    journal.append(behind)
    journal.advance(Mark(3, digest(behind.to_bytes())))

    found = reopen(storage).fsck().findings

    assert [(one.code, one.what) for one in found] == [("config", entry_key(3))]
    assert "format 1 in a repository of format 2" in found[0].reason


def test_a_repair_makes_the_config_of_a_raised_repository_again(
    old: Repository, storage: MemoryStorage, tmp_path: Path
) -> None:
    whole = get(storage, CONFIG)
    storage.put(CONFIG, b"")
    with pytest.raises(heading.DamagedConfig):
        Context(storage, "memory")

    from mreg.upkeep.repair_refs import rescue

    rescue(storage, None)
    assert get(storage, CONFIG) == whole
    old.upgrade()
    raised = get(storage, CONFIG)
    storage.put(CONFIG, b"")
    rescue(storage, None)
    assert get(storage, CONFIG) == raised
