"""Ref files that were deleted by hand: whoever would read or move what was in them is refused, and `fsck --repair`
brings them back as they were."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mreg.refs.journal import DamagedJournal
from mreg.refs.ref_files import DamagedRef
from mreg.repository import Repository
from mreg.storage import ANY, Stat, Storage
from mreg.storage.memory import MemoryStorage

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
def test_what_a_lost_file_said_is_neither_denied_nor_overwritten(
    filled: Repository, storage: MemoryStorage, reopen: Callable[[Storage], Repository], key: str, number: int
) -> None:
    was = storage.get(key)
    assert was is not None
    entries = len(list(filled.history()))
    storage.delete(key)

    with pytest.raises(DamagedRef) as refused:
        LOST[key][number](reopen(storage))

    assert refused.value.ref.partition("#")[0] == key
    assert len(list(filled.history())) == entries
    assert reopen(storage).fsck(repair=True).findings == ()
    found = storage.get(key)
    assert found is not None and found.data == was.data
    assert reopen(storage).fsck(full=True).findings == ()


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

    with pytest.raises(DamagedRef, match="not what the journal says"):
        reopen(storage).set_alias("best", "a:v1", expect="v0")
    with pytest.raises(DamagedRef, match="not what the journal says"):
        reopen(storage).remove_alias("best", "a")


@pytest.mark.parametrize("lost", range(12))
def test_a_lost_version_hides_none_above_it(
    repo: Repository,
    storage: MemoryStorage,
    folder: Callable[..., str],
    reopen: Callable[[Storage], Repository],
    lost: int,
) -> None:
    for number in range(12):
        repo.log(folder({"f": str(number).encode()}), "a")
    storage.delete(f"artifacts/a/v{lost}")

    if lost < 11:  # after the last one there is nothing that tells
        assert _told(lambda: reopen(storage).resolve("a").name, lost) in ("a:v11", "damaged")
    assert _told(lambda: reopen(storage).rename_artifact("a", "b"), lost) == "damaged"
    assert _told(lambda: reopen(storage).remove_artifact("a", force=True), lost) == "damaged"
    assert _told(lambda: reopen(storage).log(folder({"f": b"new"}), "a").version.name, lost) in ("a:v12", "damaged")
    assert reopen(storage).fsck(repair=True).findings == ()
    assert reopen(storage).resolve("a").name in ("a:v11", "a:v12")


def _told(ask: Callable[[], object], lost: int) -> object:
    try:
        return ask()
    except DamagedRef as error:
        assert error.ref == f"artifacts/a/v{lost}"
        return "damaged"


def test_a_version_that_is_made_at_this_moment_is_not_taken_for_a_hole(
    filled: Repository,
    storage: MemoryStorage,
    folder: Callable[..., str],
    reopen: Callable[[Storage], Repository],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other, looked = reopen(storage), storage.stat

    def stat_later(key: str) -> Stat | None:
        if key == "artifacts/a/v4":  # which only the look for holes asks for
            monkeypatch.undo()
            for number in range(3):
                other.log(folder({"f": b"new" * (number + 1)}), "a")
        return looked(key)

    reader = reopen(storage)
    monkeypatch.setattr(storage, "stat", stat_later)

    assert reader.resolve("a").name == "a:v1"
    assert reader.resolve("a").name == "a:v4"


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
