"""What holds of every import, whatever it is from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.importers import apply
from mreg.importers.drafting import Moved, draft_collection
from mreg.importers.faults import (
    MalformedSource,
    NotImportedHere,
    PartialVersion,
    PartlyImported,
    SeveralCollections,
    UnknownCollection,
    UnknownKind,
    UnknownSource,
    WrongBytes,
)
from mreg.importers.plan import LATEST, PlannedCollection, PlannedFile, PlannedInput, PlannedVersion
from mreg.operations.undo import RefMoved
from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash, FaultyStorage
from mreg.values.errors import MissingPath, Refused


def state(repo: Repository) -> dict[str, Any]:
    """All that an import may bring, without digests and times."""
    return {
        version.name: (
            version.message,
            version.metadata,
            version.tags,
            version.aliases,
            version.origin,
            [entry.reference for entry in version.inputs],
            b"".join(repo.read(version.name, "weights.bin")),
        )
        for artifact in repo.artifacts()
        for version in repo.versions(artifact.name)
    }


def test_everything_that_is_known_of_a_version_arrives(repo: Repository, source: Any) -> None:
    # given
    first = source.version(
        "a",
        time="2024-01-02T03:04:05.000000Z",
        author="eve",
        message="the first",
        metadata={"metrics": {"acc": 0.5}, "step": 3},
        tags=("good one",),
        properties={"team.name": "vision"},
        run="run 1",
    )
    source.holds(first, source.version("b"), aliases={"best": "a"}, description="words", properties={"owner": "ann"})

    # when
    done = source.imported(repo)

    # then
    version = repo.version("bert:best")
    assert done.added == ("bert:v0", "bert:v1")
    assert (version.name, version.message) == ("bert:v0", "the first")
    assert (version.tags, version.run) == (("good one",), "run-1")
    assert version.metadata == {"metrics": {"acc": 0.5}, "step": 3}
    assert version.origin == ("made", "a", "2024-01-02T03:04:05.000000Z", "eve")
    assert repo.properties("bert:v0") == {"team.name": "vision"}
    assert repo.properties("bert")["owner"] == "ann"
    assert repo.artifact("bert").description == "words"
    assert b"".join(repo.read("bert:v1", "weights.bin")) == b"b"
    assert repo.fsck(full=True).findings == ()


def test_a_second_import_changes_nothing_and_one_after_a_new_version_adds_exactly_that(
    repo: Repository, source: Any
) -> None:
    # given
    source.holds(source.version("a"), source.version("b"), aliases={"best": "a"})
    source.imported(repo)
    entries, before = len(repo.history()), state(repo)

    # when
    again = source.imported(repo)
    source.holds(source.version("a"), source.version("b"), source.version("c"), aliases={"best": "a", "last": "c"})
    more = source.imported(repo)

    # then
    assert (again.added, again.collections[0].seq) == ((), None)
    assert more.added == ("bert:v2",)
    assert len(repo.history()) == entries + 1
    assert {name: said for name, said in state(repo).items() if name != "bert:v2"} == before
    assert repo.resolve("bert:last").number == 2


def test_the_refs_of_a_collection_are_one_entry_that_undo_takes_back(repo: Repository, source: Any) -> None:
    # given
    source.holds(source.version("a", tags=("x",)), source.version("b"), aliases={"best": "a"})
    done = source.imported(repo)
    before = state(repo)

    # when
    repo.undo(done.collections[0].seq)

    # then
    assert len(repo.history()) == 2
    assert repo.artifacts() == []
    source.imported(repo)
    assert state(repo) == before, "the same numbers"


def test_an_import_that_was_killed_named_nothing_and_the_next_one_goes_on(
    source: Any, storage: MemoryStorage, copy_of: Callable[..., MemoryStorage], reopen: Callable[..., Repository]
) -> None:
    # given
    source.holds(source.version("a", tags=("x",)), source.version("b"), aliases={"best": "a"})
    Repository.init_storage(storage, "memory").close()
    counted = FaultyStorage(copy_of(storage), 0, Crash())
    source.imported(reopen(counted))
    wanted = state(reopen(counted.inner))

    for n in range(1, counted.calls + 1):
        # when
        hurt = FaultyStorage(copy_of(storage), n, Crash, dead=True)
        with pytest.raises(Crash):
            source.imported(reopen(hurt))

        # then
        assert state(reopen(hurt.inner)) in ({}, wanted), n
        source.imported(reopen(hurt.inner))
        repo = reopen(hurt.inner)
        assert state(repo) == wanted, n
        assert len(repo.history()) == 1
        assert repo.fsck(full=True).findings == ()


def test_what_was_stored_before_a_death_is_not_stored_again(
    repo: Repository, source: Any, storage: MemoryStorage
) -> None:
    # given
    source.holds(source.version("a"), source.version("b"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mreg.importers.apply.Applier.commit", lambda *_: (_ for _ in ()).throw(Crash()))
        with pytest.raises(Crash):
            source.imported(repo)
    packs = set(storage.list("packs"))

    # when
    done = source.imported(repo)

    # then
    assert done.added == ("bert:v0", "bert:v1")
    assert done.collections[0].new == 0
    assert set(storage.list("packs")) == packs


def test_an_import_of_which_some_collections_failed_says_that_others_came(
    repo: Repository, source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("first", "second")
    found = tuple(PlannedCollection(name, (source.version(name),)) for name in names)
    source.plan = source.plan._replace(collections=found)
    moving = ["second"]

    def draft(context: Any, draft: Any, prepared: Any) -> None:
        if prepared.target.artifact in moving:
            raise Moved(artifact=prepared.target.artifact)
        draft_collection(context, draft, prepared)

    monkeypatch.setattr(apply, "draft_collection", draft)

    with pytest.raises(PartlyImported) as caught:
        source.imported(repo)

    assert caught.value.facts["done"] == 1 and caught.value.facts["count"] == 2
    assert "second" in caught.value.reason
    assert [one.name for one in repo.artifacts()] == ["first"]
    moving[:] = names
    with pytest.raises(Moved):  # nothing came, so its own kind tells what to do
        source.imported(repo)
    moving.clear()
    assert [bool(one.changes) for one in source.imported(repo).collections] == [False, True]


def test_names_that_do_not_fit_get_one_and_the_old_one_is_recorded(repo: Repository, source: Any) -> None:
    # given
    versions = source.version("a"), source.version("b")
    source.holds(*versions, name="org/bert base", aliases={"v1": "a", "refs/pr/1": "b", "Best": "a", "best": "b"})

    # when
    (found,) = source.imported(repo).collections

    # then
    assert found.artifact == "org-bert-base"
    assert found.renamed == {
        "org/bert base": "org-bert-base",
        "v1": "alias-v1",
        "refs/pr/1": "refs-pr-1",
        "best": "best-2",
    }
    assert {one.alias: one.number for one in repo.aliases("org-bert-base")} == {
        "alias-v1": 0,
        "refs-pr-1": 1,
        "Best": 0,
        "best-2": 1,
    }
    assert "mreg.imported made org/bert base" in repo.properties("org-bert-base")
    assert source.imported(repo).added == ()


def test_an_artifact_that_was_renamed_here_is_found_again(repo: Repository, source: Any) -> None:
    source.holds(source.version("a"))
    source.imported(repo)
    repo.rename_artifact("bert", "encoder")

    source.holds(source.version("a"), source.version("b"))

    assert source.imported(repo).added == ("encoder:v1",)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "", "a//b", "a\0b", ".mreg/x", "a/" * 300 + "x"])
def test_a_path_that_leads_elsewhere_is_refused(repo: Repository, source: Any, path: str, tmp_path: Path) -> None:
    # given
    source.holds(PlannedVersion("a", {path: source.file("w", b"w")}))

    # when
    with pytest.raises(MalformedSource) as refusal:
        source.imported(repo)

    # then
    assert "bert a" in str(refusal.value)
    assert repo.history() == []


@pytest.mark.parametrize(
    ("digests", "size"),
    [
        ({"sha256": "0" * 64}, None),
        ({"md5": "0" * 32}, None),
        ({"git-sha1": "0" * 40}, None),
        ({}, 2 << 30),
    ],
)
def test_bytes_that_are_not_what_the_source_says_are_refused_by_name(
    repo: Repository, source: Any, digests: dict[str, str], size: int | None
) -> None:
    # given
    bad = source.file("w", b"other")._replace(digests=digests, size=size)
    source.holds(source.version("a"), PlannedVersion("b", {"model/weights.bin": bad}))

    # when
    with pytest.raises(WrongBytes) as refusal:
        source.imported(repo)

    # then
    assert "'model/weights.bin' of bert b" in str(refusal.value)
    assert repo.history() == [], "nothing of the collection was imported"


def test_a_digest_that_is_right_is_accepted_whatever_the_algorithm(repo: Repository, source: Any) -> None:
    crlf = b"one\r\ntwo\r\n"
    files = {
        "md5": source.file("1", b"hello", md5="5d41402abc4b2a76b9719d911017c592"),
        "git": source.file("2", b"hello\n", **{"git-sha1": "ce013625030ba8dba906f756967f9e9ca394464a"}),
        "text": source.file("3", crlf, **{"md5-text": "4a8b6b3a5c7d4a2a6ae3f5a1f26b1c5f"}),
    }
    from hashlib import md5

    files["text"] = files["text"]._replace(digests={"md5-text": md5(b"one\ntwo\n").hexdigest()})
    source.holds(PlannedVersion("a", files))

    assert source.imported(repo).added == ("bert:v0",)


def test_a_version_that_lacks_files_is_refused_unless_partial_ones_are_wanted(repo: Repository, source: Any) -> None:
    # given
    source.holds(source.version("a", missing=("tokenizer.json",)))

    # when
    with pytest.raises(PartialVersion, match="tokenizer"):
        source.imported(repo)

    # then
    assert repo.history() == []
    (version,) = source.imported(repo, partial=True).collections[0].versions
    assert version.partial


def test_numbers_of_the_source_are_kept_and_those_that_are_gone_stay_free(repo: Repository, source: Any) -> None:
    # given
    source.holds(source.version("a", number=1), source.version("b", number=4), source.version("c", number=2))

    # when
    done = source.imported(repo)

    # then
    assert done.added == ("bert:v1", "bert:v4", "bert:v5"), "v2 lay below v4, so that it cannot be had"
    assert [version.number for version in repo.versions("bert")] == [1, 4, 5]


def test_a_number_that_is_far_off_is_not_reached_by_burning_all_below(repo: Repository, source: Any) -> None:
    source.holds(source.version("a", number=10**12))

    assert source.imported(repo).added == ("bert:v0",)


def test_a_version_that_was_deleted_here_does_not_come_back(repo: Repository, source: Any) -> None:
    source.holds(source.version("a"), source.version("b"), aliases={"best": "a"})
    source.imported(repo)
    repo.remove(["bert:v0"], force=True)

    done = source.imported(repo)

    assert done.added == ()
    assert [one.state for one in done.collections[0].versions] == ["deleted", "here"]
    assert done.collections[0].seq is None


class TestAliases:
    @pytest.fixture
    def imported(self, repo: Repository, source: Any) -> Any:
        source.holds(source.version("a"), source.version("b"), aliases={"best": "a"})
        source.imported(repo)
        return source

    def test_one_that_moved_at_the_source_moves(self, repo: Repository, imported: Any) -> None:
        imported.holds(imported.version("a"), imported.version("b"), aliases={"best": "b"})

        imported.imported(repo)

        assert repo.resolve("bert:best").number == 1

    def test_one_that_moved_here_stays(self, repo: Repository, imported: Any) -> None:
        repo.set_alias("best", "bert:v1")

        done = imported.imported(repo)

        assert repo.resolve("bert:best").number == 1
        assert done.collections[0].kept == ("best",)
        assert done.collections[0].seq is None

    def test_one_that_was_removed_here_stays_away(self, repo: Repository, imported: Any) -> None:
        repo.remove_alias("best", "bert")

        imported.imported(repo)

        assert repo.aliases("bert") == []


def test_an_input_is_the_version_that_was_imported_or_an_address(repo: Repository, source: Any) -> None:
    # given
    base = PlannedCollection("base", (source.version("a"),))
    tuned = source.version(
        "b", inputs=(PlannedInput("base", LATEST, "made:base"), PlannedInput("far", LATEST, "made:far"))
    )
    source.plan = source.plan._replace(collections=(base, PlannedCollection("tuned", (tuned,))))

    # when
    source.imported(repo)

    # then
    version = repo.version("tuned:v0")
    assert [entry.reference for entry in version.inputs] == ["base:v0"]
    assert [entry.name for entry in version.sources] == ["made:far"]


def test_an_input_from_an_earlier_import_is_found(repo: Repository, source: Any) -> None:
    source.holds(source.version("a"), name="base")
    source.imported(repo, artifact="foundation")
    source.holds(source.version("b", inputs=(PlannedInput("base", "a", "made:base"),)), name="tuned")

    source.imported(repo)

    assert [entry.reference for entry in repo.version("tuned:v0").inputs] == ["foundation:v0"]


def test_what_an_id_does_not_pin_is_imported_again_where_it_changed(repo: Repository, source: Any) -> None:
    # given
    source.holds(source.version("last", "one", pinned=False))
    source.imported(repo)
    assert source.imported(repo).added == ()

    # when
    source.holds(source.version("last", "two", pinned=False))
    done = source.imported(repo)

    # then
    assert done.added == ("bert:v1",)
    assert source.imported(repo).added == ()


def test_a_dry_run_tells_the_plan_and_changes_nothing(
    repo: Repository, source: Any, storage: MemoryStorage, copy_of: Callable[..., MemoryStorage]
) -> None:
    # given
    source.holds(source.version("a"), source.version("b", number=3), aliases={"best/one": "b"})
    before = {key: copy_of(storage).get(key) for key in storage.list("")}

    # when
    done = source.imported(repo, dry_run=True)

    # then
    (found,) = done.collections
    assert [(one.id, one.version, one.state) for one in found.versions] == [
        ("a", "bert:v0", "new"),
        ("b", "bert:v3", "new"),
    ]
    assert found.aliases == {"best-one": "bert:v3"}
    assert {key: storage.get(key) for key in storage.list("")}.keys() == before.keys()
    assert source.imported(repo).collections[0].aliases == found.aliases


def test_an_artifact_that_came_from_elsewhere_is_added_to_only_if_it_is_named(
    repo: Repository, source: Any, folder: Callable[..., str]
) -> None:
    # given
    repo.log(folder({"weights.bin": b"own"}), "bert", aliases=["best"])
    source.holds(source.version("a"), aliases={"best": "a"})

    # when
    with pytest.raises(NotImportedHere):
        source.imported(repo)

    # then
    done = source.imported(repo, artifact="bert")
    assert done.added == ("bert:v1",)
    assert repo.resolve("bert:best").number == 0, "the alias that was there stays"
    assert done.collections[0].kept == ("best",)


def test_one_of_several_collections_can_be_chosen(repo: Repository, source: Any) -> None:
    one, two = (PlannedCollection(name, (source.version(name),)) for name in ("one", "two"))
    source.plan = source.plan._replace(collections=(one, two))
    with pytest.raises(SeveralCollections):
        source.imported(repo, artifact="x")
    with pytest.raises(UnknownCollection) as refused:
        source.imported(repo, only=["three"])
    assert refused.value.near == ["one", "two"]

    done = source.imported(repo, only="two", artifact="x")

    assert done.added == ("x:v0",)


def test_the_end_of_a_name_leads_to_it(repo: Repository, source: Any) -> None:
    every = tuple(PlannedCollection(name, (source.version("a"),)) for name in ("google/base", "org/bert"))
    source.plan = source.plan._replace(collections=every)

    with pytest.raises(UnknownCollection) as refused:
        source.imported(repo, only=["bert"])

    assert refused.value.near == ["org/bert"]
    assert refused.value.hint == "did you mean `org/bert`?"


def test_a_later_import_is_named_where_it_keeps_an_earlier_one_from_being_undone(repo: Repository, source: Any) -> None:
    source.holds(source.version("a"))
    source.imported(repo)
    source.holds(source.version("a"), source.version("b"))
    source.imported(repo)

    with pytest.raises(RefMoved, match="entry 2 has changed the record of imports into artifact 'bert' since"):
        repo.undo(1)


def test_names_that_are_one_name_here_are_told_apart(repo: Repository, source: Any) -> None:
    names = ("a/b", "a-b", "A-B")
    source.plan = source.plan._replace(
        collections=tuple(PlannedCollection(name, (source.version(str(n)),)) for n, name in enumerate(names))
    )

    assert source.imported(repo).added == ("a-b:v0", "a-b-2:v0", "A-B-3:v0")


def test_the_source_is_only_read(repo: Repository, source: Any, only_read: Any) -> None:
    source.holds(source.version("a"))

    with only_read(source.folder):
        source.imported(repo, dry_run=True)
        source.imported(repo)


def test_what_is_nothing_to_import_is_refused(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UnknownSource):
        repo.import_from(tmp_path / "notes.txt")
    with pytest.raises(UnknownKind):
        repo.import_from(tmp_path, "csv")
    with pytest.raises(MissingPath):
        repo.import_from(tmp_path / "nothing")


def test_a_repository_of_format_1_is_refused_before_anything_is_read(storage: MemoryStorage, source: Any) -> None:
    repo = Repository.init_storage(storage, "memory", format=1)
    source.holds(PlannedVersion("a", {"w": PlannedFile("/nowhere")}))

    with pytest.raises(Refused, match="format 2"):
        source.imported(repo)


def test_of_two_imports_at_once_each_version_comes_in_once(repo: Repository, source: Any) -> None:
    # given
    source.holds(source.version("a"), source.version("b"), aliases={"best": "b"})
    others: list[Any] = []

    def meanwhile(done: int, total: int) -> None:
        if not others:
            others.append(None)
            others[0] = source.imported(repo)

    # when
    source.imported(repo, progress=meanwhile)

    # then
    assert others[0].collections[0].versions
    assert [version.name for version in repo.versions("bert")] == ["bert:v0", "bert:v1"]
    assert repo.resolve("bert:best").number == 1
