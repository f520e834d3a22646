"""A number is given once, whatever is deleted, renamed, or logged at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from mreg.operations.aliases import AliasMoved, AliasTaken
from mreg.operations.collections import Held, NameTaken, NotEmpty
from mreg.operations.resolve import DeletedVersion, EmptyCollection, UnknownArtifact, UnknownName, UnknownVersion
from mreg.refs import ref_files
from mreg.refs.journal import Change, Entry, Journal
from mreg.refs.keys import VersionKey
from mreg.refs.view import View
from mreg.repository import Repository
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.values.digest import digest
from mreg.values.errors import MregError
from mreg.values.names import InvalidReference

ORIGIN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def log(repo: Repository, folder: Callable[..., str]) -> Callable[..., Any]:
    """Log one file with this text."""

    def log(artifact: str, text: str, **options: Any) -> Any:
        return repo.log(folder({"weights": text.encode()}), artifact, **options)

    return log


def text_of(repo: Repository, reference: str) -> str:
    return b"".join(repo.read(reference, "weights")).decode()


# How the next number is found.


@given(count=st.integers(0, 300), applied=st.integers(0, 300), dead=st.sets(st.integers(0, 299)))
@settings(deadline=None, max_examples=60)
def test_the_next_number_is_how_many_there_ever_were(count: int, applied: int, dead: set[int]) -> None:
    storage = MemoryStorage()
    journal = Journal(storage, ORIGIN)
    changes = [Change(VersionKey("m", n), None, digest(b"%d" % n)) for n in range(count)]
    changes += [Change(VersionKey("m", n), digest(b"%d" % n), None) for n in sorted(dead) if n < count]
    mark = journal.look().head
    for at, change in enumerate(changes):
        entry = Entry(mark.seq + 1, mark.digest, str(at), "2026-01-01T00:00:00.000000Z", "w", "h", "c", (change,))
        assert journal.append(entry)
        mark = type(mark)(entry.seq, digest(entry.to_bytes()))
        if at < applied:
            ref_files.apply(storage, entry)
            journal.advance(mark)

    view = View(storage, journal)

    alive = [n for n in range(count) if n not in dead]
    assert view.next_number("m") == count
    assert view.latest("m") == max(alive, default=None)


def test_looking_for_the_next_number_of_many_takes_few_looks() -> None:
    looks = 0

    class Counting(MemoryStorage):
        def stat(self, key: str):  # type: ignore[no-untyped-def]
            nonlocal looks
            looks += 1
            return super().stat(key)

    storage = Counting()
    for number in range(5000):
        storage.put(VersionKey("m", number), b"x")

    assert View(storage, Journal(storage, ORIGIN)).next_number("m") == 5000
    assert looks < 30


# Deleting.


def test_a_number_is_not_given_again_after_its_version_was_deleted(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0")
    log("mnist", "1")
    repo.remove("mnist:v1")

    assert repo.resolve("mnist").number == 0
    assert log("mnist", "2").version.name == "mnist:v2"
    assert [version.number for version in repo.versions("mnist")] == [0, 2]
    with pytest.raises(DeletedVersion):
        repo.resolve("mnist:v1")


def test_an_artifact_whose_versions_are_all_deleted_is_empty_and_goes_on_counting(
    repo: Repository, log: Callable[..., Any]
) -> None:
    for text in "01":
        log("mnist", text)
    repo.remove("mnist:v0")
    repo.remove("mnist:v1")

    with pytest.raises(EmptyCollection):
        repo.resolve("mnist")
    assert repo.artifact("mnist").latest is None
    assert log("mnist", "1").version.name == "mnist:v2"


def test_content_of_a_deleted_latest_version_makes_a_new_one(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0")
    log("mnist", "1")
    repo.remove("mnist:v1")

    result = log("mnist", "1")

    assert (result.created, result.version.name) == (True, "mnist:v2")


def test_content_of_an_older_version_makes_a_new_one(repo: Repository, log: Callable[..., Any]) -> None:
    for text in "01":
        log("mnist", text)

    result = log("mnist", "0")

    assert (result.created, result.version.name, result.stored) == (True, "mnist:v2", 0)


def test_after_the_latest_is_deleted_content_is_compared_with_the_one_before(
    repo: Repository, log: Callable[..., Any]
) -> None:
    for text in "01":
        log("mnist", text)
    repo.remove("mnist:v1")

    result = log("mnist", "0")

    assert (result.created, result.version.name) == (False, "mnist:v0")
    assert log("mnist", "2").version.name == "mnist:v2"


def test_an_artifact_made_again_under_its_old_name_goes_on_counting(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0", aliases=["best"], links=["Digits"])
    repo.remove_artifact("mnist", force=True)

    with pytest.raises(UnknownName):
        repo.resolve("mnist")
    assert log("mnist", "0").version.name == "mnist:v1"
    assert repo.aliases("mnist") == []


def test_link_numbers_are_not_given_again(repo: Repository, log: Callable[..., Any]) -> None:
    for text in "012":
        log("mnist", text)
    repo.link("mnist:v0", "Digits")
    repo.link("mnist:v1", "Digits")
    repo.unlink("Digits:v1")

    assert repo.resolve("Digits").name == "mnist:v0"
    assert repo.link("mnist:v1", "Digits").link.name == "Digits:v2"
    repo.remove_model("Digits", force=True)
    assert repo.link("mnist:v2", "Digits").link.name == "Digits:v3"
    with pytest.raises(DeletedVersion):
        repo.resolve("Digits:v0")


def test_a_name_stays_that_of_its_kind_and_its_numbers_go_on(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "1", links=["Digits"])

    repo.remove_model("Digits", force=True)
    with pytest.raises(NameTaken):
        repo.create_artifact("Digits")
    repo.remove_artifact("mnist", force=True)
    with pytest.raises(NameTaken):
        repo.create_model("mnist")

    assert log("mnist", "1").version.name == "mnist:v1"


def test_a_version_that_an_alias_or_a_link_holds_is_not_deleted(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0", aliases=["best"], links=["Digits"])
    before = repo.history()

    with pytest.raises(Held, match=r"alias 'mnist:best', link 'Digits:v0'"):
        repo.remove("mnist:v0")
    with pytest.raises(Held):
        repo.remove_artifact("mnist")

    assert repo.history() == before
    assert text_of(repo, "Digits:v0") == "0"


def test_deleting_by_force_takes_aliases_and_links_and_the_aliases_of_the_links(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("mnist", "0", aliases=["best"])
    log("mnist", "1", aliases=["newest"])
    repo.link("mnist:v0", "Digits", aliases=["champion"])
    repo.link("mnist:v1", "Digits", aliases=["challenger"])

    repo.remove("mnist:v0", force=True)

    assert [(one.name, one.alias) for one in repo.aliases()] == [("Digits", "challenger"), ("mnist", "newest")]
    assert [link.name for link in repo.model("Digits").links] == ["Digits:v1"]
    assert repo.fsck(full=True).findings == ()


def test_rm_of_a_link_does_not_delete_the_version(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0", links=["Digits"])

    with pytest.raises(InvalidReference, match="unlink"):
        repo.remove("Digits:v0", force=True)

    assert repo.resolve("Digits:v0").name == "mnist:v0"


def test_an_artifact_with_versions_and_a_model_with_links_are_not_deleted_without_force(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("mnist", "0")
    repo.link("mnist:v0", "Digits")
    repo.unlink("Digits:v0")
    log("letters", "1", links=["Glyphs"])

    with pytest.raises(NotEmpty, match="1 version"):
        repo.remove_artifact("mnist")
    with pytest.raises(NotEmpty, match="1 link"):
        repo.remove_model("Glyphs")

    assert repo.kind("mnist") == "artifact"
    assert repo.resolve("Glyphs:v0").name == "letters:v0"


def test_a_version_file_that_was_lost_does_not_let_its_number_be_given_again(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any]
) -> None:
    for text in "0123":
        log("mnist", text)
    storage.delete("artifacts/mnist/v3")

    assert log("mnist", "new").version.number == 4


# Renaming.


def test_a_renamed_artifact_keeps_numbers_contents_annotations_aliases_and_links(
    repo: Repository, log: Callable[..., Any]
) -> None:
    for text in "012":
        log("mnist", text)
    repo.set_alias("best", "mnist:v0")
    repo.link("mnist:v2", "Digits", aliases=["champion"])
    repo.annotate("mnist:v0", message="noted")
    repo.remove("mnist:v1")

    repo.rename_artifact("mnist", "numbers")

    with pytest.raises(UnknownName):
        repo.resolve("mnist:v0")
    assert (text_of(repo, "numbers:best"), repo.version("numbers:v0").message) == ("0", "noted")
    assert text_of(repo, "Digits:champion") == "2"
    assert repo.resolve("Digits:v0").name == "numbers:v2"
    with pytest.raises(DeletedVersion):
        repo.resolve("numbers:v1")
    assert log("numbers", "3").version.name == "numbers:v3"
    assert repo.fsck(full=True).findings == ()


def test_a_rename_can_be_taken_back_and_made_again(repo: Repository, log: Callable[..., Any]) -> None:
    for text in "01":
        log("mnist", text, aliases=["best"], links=["Digits"])
    repo.remove("mnist:v0", force=True)

    for old, new in [("mnist", "numbers"), ("numbers", "mnist"), ("mnist", "numbers"), ("numbers", "mnist")]:
        repo.rename_artifact(old, new)

        assert text_of(repo, f"{new}:best") == "1"
        assert repo.resolve("Digits:v1").name == f"{new}:v1"
        with pytest.raises(DeletedVersion):
            repo.resolve(f"{new}:v0")
        assert repo.fsck().findings == ()
    assert log("mnist", "2").version.name == "mnist:v2"


def test_a_rename_is_taken_back_after_new_versions_came(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0")
    repo.rename_artifact("mnist", "numbers")
    log("numbers", "1")

    repo.rename_artifact("numbers", "mnist")

    assert [text_of(repo, f"mnist:v{n}") for n in (0, 1)] == ["0", "1"]
    assert repo.fsck().findings == ()


def test_a_name_that_had_other_versions_is_not_given_by_a_rename(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0")
    log("letters", "a")
    repo.remove_artifact("letters", force=True)
    before = repo.history()

    with pytest.raises(NameTaken, match="history of a deleted artifact"):
        repo.rename_artifact("mnist", "letters")

    assert repo.history() == before
    assert text_of(repo, "mnist:v0") == "0"


def test_a_name_that_was_deleted_empty_can_be_given_by_a_rename(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0")
    repo.create_artifact("empty")
    repo.remove_artifact("empty")

    repo.rename_artifact("mnist", "empty")

    assert text_of(repo, "empty:v0") == "0"


@pytest.mark.parametrize("new", ["letters", "Digits", "MNIST", "Letters", "DIGITS"])
def test_a_rename_to_a_taken_name_is_refused(repo: Repository, log: Callable[..., Any], new: str) -> None:
    log("mnist", "0", links=["Digits"])
    log("letters", "a")
    before = repo.history()

    with pytest.raises(NameTaken):
        repo.rename_artifact("mnist", new)
    with pytest.raises(NameTaken):
        repo.rename_model("Digits", "letters")

    assert repo.history() == before


def test_renaming_what_is_not_there_is_refused(repo: Repository) -> None:
    with pytest.raises(UnknownArtifact):
        repo.rename_artifact("mnist", "numbers")

    assert repo.history() == []


def test_a_rename_to_the_same_name_changes_nothing(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0", links=["Digits"])
    before = repo.history()

    repo.rename_artifact("mnist", "mnist")
    repo.rename_model("Digits", "Digits")

    assert repo.history() == before


def test_a_renamed_model_keeps_links_numbers_aliases_card_and_tags(repo: Repository, log: Callable[..., Any]) -> None:
    for text in "012":
        log("mnist", text, links=["Digits"])
    repo.set_alias("champion", "Digits:v2")
    repo.set_card("Digits", "# Digits")
    repo.add_tags("Digits", ["vision"])
    repo.unlink("Digits:v1")

    for old, new in [("Digits", "Numbers"), ("Numbers", "Digits"), ("Digits", "Numbers")]:
        repo.rename_model(old, new)

        model = repo.model(new)
        assert [link.name for link in model.links] == [f"{new}:v0", f"{new}:v2"]
        assert (model.aliases, model.card, model.tags) == ({"champion": "v2"}, "# Digits", ("vision",))
        assert repo.kind(old) is None
        assert repo.fsck().findings == ()
    assert repo.link("mnist:v1", "Numbers").link.number == 3


def test_a_model_is_not_renamed_to_one_that_had_other_links(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0", links=["Digits"])
    log("mnist", "1", links=["Letters"])
    repo.remove_model("Letters", force=True)
    before = repo.history()

    with pytest.raises(NameTaken):
        repo.rename_model("Digits", "Letters")

    assert repo.history() == before


# The same content again.


def test_the_same_content_is_no_new_version_but_all_that_was_said_applies(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("base", "b")
    log("mnist", "0", message="first", metadata={"acc": 0.5, "lr": {"start": 0.1}})

    result = log(
        "mnist",
        "0",
        aliases=["best"],
        links=["Digits"],
        message="said later",
        metadata={"acc": 0.6, "lr": {"end": 0.01}},
        inputs=["base"],
    )

    version = repo.version("mnist:v0")
    assert (result.created, result.stored, result.links, result.models_created) == (
        False,
        0,
        ("Digits:v0",),
        ("Digits",),
    )
    assert result.version == version
    assert (version.aliases, version.links, version.message) == (("best",), ("Digits:v0",), "said later")
    assert version.metadata == {"acc": 0.6, "lr": {"start": 0.1, "end": 0.01}}
    assert [one.reference for one in version.inputs] == ["base:v0"]
    assert len(repo.versions("mnist")) == 1


def test_the_same_content_with_nothing_new_is_no_change_at_all(
    repo: Repository, storage: MemoryStorage, log: Callable[..., Any], content: Callable[[Storage], dict[str, bytes]]
) -> None:
    options: dict[str, Any] = {"aliases": ["best"], "links": ["Digits"], "message": "m", "metadata": {"acc": 0.5}}
    log("mnist", "0", **options)
    before = content(storage)

    assert not log("mnist", "0", **options).created
    assert not log("mnist", "0").created

    assert content(storage) == before


def test_the_same_bytes_under_another_path_are_other_content(repo: Repository, folder: Callable[..., str]) -> None:
    repo.log(folder({"a": b"1"}), "mnist")

    result = repo.log(folder({"b": b"1"}), "mnist")

    assert (result.created, result.stored) == (True, 0)


def test_racing_writers_with_the_same_content_make_one_version(
    storage: MemoryStorage, repo: Repository, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    at = folder({"weights": b"same" * 1000})
    writers = [reopen(storage) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda one: one[1].log(at, "mnist", aliases=[f"a{one[0]}"]), enumerate(writers)))

    assert [result.version.number for result in results] == [0] * 8
    assert sum(result.created for result in results) == 1
    assert repo.version("mnist:v0").aliases == tuple(f"a{n}" for n in range(8))
    assert repo.fsck(full=True).findings == ()


def test_racing_writers_with_other_contents_get_a_number_each(
    storage: MemoryStorage, repo: Repository, folder: Callable[..., str], reopen: Callable[[Storage], Repository]
) -> None:
    writers = [reopen(storage) for _ in range(6)]
    places = [[folder({"weights": b"%d %d" % (who, n)}) for n in range(5)] for who in range(6)]

    def work(who: int) -> list[int]:
        return [writers[who].log(at, "mnist").version.number for at in places[who]]

    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(work, range(6)))

    assert sorted(n for mine in numbers for n in mine) == list(range(30))
    for who, mine in enumerate(numbers):
        assert [text_of(repo, f"mnist:v{n}") for n in mine] == [f"{who} {n}" for n in range(5)]
    assert repo.fsck(full=True).findings == ()


# Names within one change, and aliases.


@pytest.mark.parametrize(
    "options",
    [
        {"links": ["mnist"]},
        {"links": ["MNIST"]},
        {"links": ["Digits", "digits"]},
        {"links": ["Digits", "letters"]},
    ],
)
def test_one_log_does_not_make_two_collections_of_one_name(
    repo: Repository, log: Callable[..., Any], options: dict[str, Any]
) -> None:
    repo.create_artifact("letters")
    before = repo.history()

    with pytest.raises(NameTaken):
        log("mnist", "0", **options)

    assert repo.history() == before
    assert repo.kind("mnist") is None


def test_one_change_does_not_make_two_aliases_that_differ_in_case(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0")
    before = repo.history()

    with pytest.raises(AliasTaken, match="'best'"):
        log("mnist", "1", aliases=["best", "BEST"])
    with pytest.raises(AliasTaken, match="'best'"):
        repo.link("mnist:v0", "Digits", aliases=["best", "Best"])

    assert repo.history() == before


def test_an_alias_that_differs_in_case_from_one_that_was_deleted_is_refused(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("mnist", "0", aliases=["best"])
    repo.remove_alias("best", "mnist")

    with pytest.raises(AliasTaken):
        repo.set_alias("Best", "mnist:v0")
    repo.set_alias("best", "mnist:v0")

    assert [one.alias for one in repo.aliases("mnist")] == ["best"]


def test_the_same_link_and_alias_twice_in_one_log_are_one(repo: Repository, log: Callable[..., Any]) -> None:
    result = log("mnist", "0", aliases=["best", "best"], links=["Digits", "Digits"])

    assert result.links == ("Digits:v0",)
    assert repo.version("mnist:v0").aliases == ("best",)


def test_one_alias_is_not_taken_for_its_letters(repo: Repository, log: Callable[..., Any]) -> None:
    result = log("mnist", "0", aliases="best")

    assert result.version.aliases == ("best",)


@pytest.mark.parametrize(("expect", "holds"), [("none", False), ("v0", True), ("v1", False)])
def test_an_alias_moves_only_from_where_it_was_expected(
    repo: Repository, log: Callable[..., Any], expect: str, holds: bool
) -> None:
    log("mnist", "0", aliases=["best"])
    log("mnist", "1")
    head = len(repo.history())

    if holds:
        assert repo.set_alias("best", "mnist:v1", expect=expect)[2:4] == (1, 0)
        return
    with pytest.raises(AliasMoved) as raised:
        repo.set_alias("best", "mnist:v1", expect=expect)

    assert (raised.value.expected, raised.value.found) == (expect, "v0")
    assert repo.resolve("mnist:best").number == 0
    assert len(repo.history()) == head


def test_an_alias_that_must_not_exist_yet_is_made_once_by_racing_writers(
    storage: MemoryStorage, repo: Repository, log: Callable[..., Any], reopen: Callable[[Storage], Repository]
) -> None:
    for n in range(8):
        log("mnist", str(n))
    writers = [reopen(storage) for _ in range(8)]

    def claim(who: int) -> bool:
        try:
            writers[who].set_alias("best", f"mnist:v{who}", expect="none")
        except AliasMoved:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(claim, range(8)))

    assert won.count(True) == 1
    assert repo.resolve("mnist:best").number == won.index(True)


def test_a_link_is_made_once_for_a_version(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0")
    first = repo.link("mnist:v0", "Digits")

    again = repo.link("mnist", "Digits", aliases=["champion"])

    assert (first.created, again.created) == (True, False)
    assert again.link.number == first.link.number
    assert repo.resolve("Digits:champion").name == "mnist:v0"


@pytest.mark.parametrize("reference", ["mnist:v7", "mnist:nobody", "mnist:@00000000", "nothing", "other/mnist"])
def test_what_does_not_exist_is_not_linked_nor_aliased(
    repo: Repository, log: Callable[..., Any], reference: str
) -> None:
    log("mnist", "0")
    before = repo.history()

    for refused in (
        lambda: repo.link(reference, "Digits"),
        lambda: repo.set_alias("best", reference),
        lambda: log("letters", "1", inputs=[reference]),
        lambda: repo.annotate(reference, message="m"),
        lambda: repo.remove(reference),
    ):
        with pytest.raises(MregError):
            refused()

    assert repo.history() == before


def test_unknown_versions_and_names_come_with_the_nearest(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", "0", aliases=["production"])

    with pytest.raises(UnknownName) as unknown:
        repo.resolve("mnits")
    with pytest.raises(UnknownVersion):
        repo.resolve("mnist:v1")
    with pytest.raises(MregError) as alias:
        repo.resolve("mnist:produktion")

    assert unknown.value.near == ["mnist"]
    assert alias.value.near == ["production"]
