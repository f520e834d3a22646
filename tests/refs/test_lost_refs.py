"""Ref files that cannot be seen, as they were deleted by hand or as a network file system remembers that they were
missing: what was in them is known from the journal, and `fsck --repair` brings them back as they were."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mreg.refs.journal import DamagedJournal
from mreg.refs.ref_files import DamagedRef
from mreg.repository import Repository
from mreg.session.config import DamagedConfig
from mreg.session.context import Context
from mreg.storage import ANY, Storage
from mreg.storage.memory import MemoryStorage
from mreg.values.errors import MregError

LOST = {
    "aliases/a/best": [
        lambda repo: repo.set_alias("best", "a:v0"),
        lambda repo: repo.set_alias("best", "a:v0", expect="none"),
        lambda repo: repo.remove_alias("best", "a"),
        lambda repo: repo.resolve("a:best"),
    ],
    "registered/m/links": [
        lambda repo: repo.link("a:v0", "m"),
        lambda repo: repo.resolve("m:prod"),
        lambda repo: repo.resolve("m"),
    ],
    "registered/m/model.toml": [
        lambda repo: repo.link("a:v0", "m"),
        lambda repo: repo.create_model("m"),
        lambda repo: repo.model("m"),
        lambda repo: repo.resolve("m:prod"),
    ],
    "registered/m/card.md": [lambda repo: repo.card("m"), lambda repo: repo.set_card("m", "new")],
    "artifacts/a/artifact.toml": [lambda repo: repo.create_artifact("a"), lambda repo: repo.resolve("a:v0")],
    "artifacts/a/v1.toml": [
        lambda repo: repo.version("a:v1"),
        lambda repo: repo.annotate("a:v1", metadata={"z": 1}),
    ],
    "artifacts/a/v0": [lambda repo: repo.resolve("a:v0"), lambda repo: repo.remove("a:v0")],
}
"""What each file is lost to."""


@pytest.fixture
def filled(repo: Repository, folder: Callable[..., str]) -> Repository:
    repo.log(folder({"f": b"zero"}), "a")
    repo.log(folder({"f": b"one"}), "a", aliases=["best"])
    repo.link("a:v1", "m", aliases=["prod"])
    repo.set_card("m", "# A model")
    repo.annotate("a:v1", metadata={"q": 1})
    return repo


@pytest.mark.parametrize(("key", "number"), [(key, n) for key, uses in LOST.items() for n in range(len(uses))])
def test_what_a_file_said_that_cannot_be_seen_is_known_from_the_journal(
    filled: Repository,
    storage: MemoryStorage,
    copy_of: Callable[[MemoryStorage], MemoryStorage],
    reopen: Callable[[Storage], Repository],
    key: str,
    number: int,
) -> None:
    whole = copy_of(storage)
    was = storage.get(key)
    assert was is not None
    storage.delete(key)

    wanted, found = (_outcome(LOST[key][number], reopen(place)) for place in (whole, storage))

    assert found == wanted
    assert [entry.changes for entry in reopen(storage).history()] == [
        entry.changes for entry in reopen(whole).history()
    ]
    assert reopen(storage).fsck(repair=True).findings == ()
    kept, other = storage.get(key), whole.get(key)
    assert kept is not None and other is not None and kept.data == other.data
    assert reopen(storage).fsck(full=True).findings == ()


def _outcome(use: Callable[[Repository], object], repo: Repository) -> object:
    try:
        return use(repo)
    except MregError as error:
        return type(error), str(error)


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
def test_what_cannot_be_seen_is_known_by_who_saw_it_before(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str], lost: str, asked: str
) -> None:
    repo.log(folder({"f": b"1"}), "a", aliases=["best"], links=["m"])

    storage.delete(lost)

    assert repo.resolve(asked).name == "a:v0"


def test_a_lost_config_is_damage_and_init_does_not_paper_over_it(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str]
) -> None:
    repo.log(folder({"f": b"1"}), "a")
    storage.delete("config.toml")

    with pytest.raises(DamagedConfig):
        Repository(Context(storage, "memory"))
    with pytest.raises(DamagedConfig):
        Repository.init_storage(storage, "memory")

    assert storage.get("config.toml") is None


def test_a_ref_from_another_copy_of_the_repository_is_not_built_upon(
    filled: Repository, storage: MemoryStorage, reopen: Callable[[Storage], Repository]
) -> None:
    """Whole, and later than the journal: a copy was made while an alias moved."""
    later = MemoryStorage()
    for name in storage.list(""):
        value = storage.get(name)
        assert value is not None
        later.put(name, value.data)
    ahead = reopen(later)
    ahead.set_alias("best", "a:v0")
    moved = later.get("aliases/a/best")
    assert moved is not None
    storage.put("aliases/a/best", moved.data, ANY)

    with pytest.raises(DamagedRef, match="differs from the journal"):
        reopen(storage).set_alias("best", "a:v1", expect="v0")
    with pytest.raises(DamagedRef, match="differs from the journal"):
        reopen(storage).remove_alias("best", "a")


USES: dict[str, Callable[[Repository, str], object]] = {
    "resolve": lambda repo, source: repo.resolve("a").name,
    "rename": lambda repo, source: repo.rename_artifact("a", "b") or len(repo.versions("b")),
    "remove": lambda repo, source: repo.remove_artifact("a", force=True),
    "log": lambda repo, source: repo.log(source, "a").version.name,
    "log what the latest has": lambda repo, source: repo.log(f"{source}/../source-12", "a").version.name,
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("lost", range(12))
def test_a_version_whose_file_cannot_be_seen_hides_none_and_gives_no_number_twice(
    repo: Repository,
    storage: MemoryStorage,
    folder: Callable[..., str],
    copy_of: Callable[[MemoryStorage], MemoryStorage],
    reopen: Callable[[Storage], Repository],
    lost: int,
    use: str,
) -> None:
    for number in range(12):
        repo.log(folder({"f": str(number).encode()}), "a")
    whole, source = copy_of(storage), folder({"f": b"new"})
    storage.delete(f"artifacts/a/v{lost}")

    wanted, found = (USES[use](reopen(place), source) for place in (whole, storage))

    assert found == wanted
    assert reopen(storage).fsck(repair=True).findings == ()


# The end of the journal, lost together with the mark: the refs show that there was more.


LATER = {
    "an alias": lambda repo, folder: repo.set_alias("best", "a:v0"),
    "a new alias": lambda repo, folder: repo.set_alias("new", "a:v0"),
    "a version": lambda repo, folder: repo.log(folder({"f": b"two"}), "a"),
    "a link": lambda repo, folder: repo.link("a:v0", "m"),
    "a run": lambda repo, folder: repo.use("a:v0", run="run-1"),
    "a setting": lambda repo, folder: repo.set_setting("gc.grace", "3d"),
    "a deletion": lambda repo, folder: repo.remove_alias("best", "a"),
}


def lose_end(storage: MemoryStorage, count: int) -> None:
    """The last entries, and the mark."""
    entries = [key for key in storage.list("journal") if key != "journal/applied"]
    for key in [*entries[len(entries) - count :], "journal/applied"]:
        storage.delete(key)


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("count", [1, 3])
def test_a_journal_that_lost_its_end_is_not_gone_on_with(
    filled: Repository,
    storage: MemoryStorage,
    folder: Callable[..., str],
    reopen: Callable[[Storage], Repository],
    later: str,
    count: int,
) -> None:
    LATER[later](filled, folder)
    last = len(filled.history())
    lose_end(storage, count)
    before = {key: storage.get(key) for key in storage.list("")}

    repo = reopen(storage)
    for change in (
        lambda: repo.set_setting("gc.grace", "9d"),
        lambda: repo.log(folder({"f": b"new"}), "third"),
        lambda: repo.gc(grace=0),
        lambda: repo.gc(grace=0, dry_run=True),
        lambda: repo.undo(1),
    ):
        with pytest.raises(DamagedJournal, match=f"journal entry {last - count + 1} is damaged: it is missing, but"):
            change()
    report = repo.fsck(repair=True)

    assert [finding.code for finding in report.findings][-1] == "journal-gap"
    assert report.repaired == ()
    after = {key: storage.get(key) for key in storage.list("") if not key.startswith(("objects/", "packs/"))}
    assert after.items() <= before.items()
    assert before.keys() <= set(storage.list(""))


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("count", [1, 3])
def test_a_copy_gives_the_end_back(
    filled: Repository,
    storage: MemoryStorage,
    folder: Callable[..., str],
    reopen: Callable[[Storage], Repository],
    copy_of: Callable[[MemoryStorage], MemoryStorage],
    later: str,
    count: int,
) -> None:
    LATER[later](filled, folder)
    whole = copy_of(storage)
    lose_end(storage, count)

    report = reopen(storage).fsck(repair=True, source=reopen(whole))

    assert report.findings == ()
    assert len(reopen(storage).history()) == len(filled.history())
    assert reopen(storage).set_setting("gc.grace", "9d")


def test_a_copy_that_went_another_way_gives_no_end(
    filled: Repository,
    storage: MemoryStorage,
    reopen: Callable[[Storage], Repository],
    copy_of: Callable[[MemoryStorage], MemoryStorage],
) -> None:
    fork = reopen(copy_of(storage))
    fork.set_alias("best", "a:v0")
    filled.set_alias("other", "a:v0")
    lose_end(storage, 1)

    report = reopen(storage).fsck(repair=True, source=fork)

    assert "journal-gap" in {finding.code for finding in report.findings}
    assert report.repaired == ()


def test_all_of_the_journal_may_be_lost(
    filled: Repository, storage: MemoryStorage, reopen: Callable[..., Repository]
) -> None:
    for key in list(storage.list("journal")):
        storage.delete(key)

    with pytest.raises(DamagedJournal):
        reopen(storage).gc(grace=0)
    assert {finding.code for finding in reopen(storage).fsck(repair=True).findings} == {"journal-gap"}


@pytest.mark.parametrize("ask", ["artifacts", "models", "usage", "search", "versions"])
def test_listings_of_a_journal_that_lost_entries_before_the_mark_are_refused(
    filled: Repository, storage: MemoryStorage, reopen: Callable[[Storage], Repository], ask: str
) -> None:
    for key in list(storage.list("journal/000000")):
        storage.delete(key)

    with pytest.raises(DamagedJournal):
        getattr(reopen(storage), ask)(*(["a"] if ask in ("search", "versions") else []))
