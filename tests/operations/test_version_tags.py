"""Tags on versions: kept in the annotation, found by filters beside the tags of models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg.operations.links import UnknownTag
from mreg.refs import keys
from mreg.refs.journal import Change, Journal
from mreg.repository import Repository
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.values.filters.filter import Filter
from mreg.values.formats import NeedsFormat

NOTE = "artifacts/mnist/v0.toml"


@pytest.fixture
def filled(repo: Repository, log: Callable[..., Any]) -> Repository:
    log("mnist", "1", message="said", metadata={"acc": 0.5}, links=["Digits"])
    log("mnist", "2")
    repo.add_tags("Digits", ["vision"])
    return repo


def found(repo: Repository, where: str) -> list[str]:
    """What the tables find, which is what the records say."""
    by_tables = [one.name for one in repo.search(where=where)]
    versions = repo.versions("mnist")
    assert sorted(by_tables) == [one.name for one in versions if Filter(where).matches(one)]
    return sorted(by_tables)


def test_tags_are_added_to_a_version_and_removed_from_it(filled: Repository, storage: MemoryStorage) -> None:
    added = filled.add_tags("mnist:v0", ["reviewed", "a b"])
    text = filled._context.view().value(_key(added))
    removed = filled.remove_tags("mnist:v0", ["a b"], message="not any more")

    assert (added.model, added.tags, removed.tags) == ("mnist:v0", ("a b", "reviewed"), ("reviewed",))
    assert text == 'tags = [\n    "a b",\n    "reviewed",\n]\n'
    assert [(one.what, one.old, one.new) for one in added.changes[0].details] == [("tags", [], ["a b", "reviewed"])]
    assert filled.version("mnist:v0").tags == ("reviewed",)
    assert filled.version("mnist:v0").message == "said"
    assert filled.version("mnist:v0").metadata == {"acc": 0.5}
    assert filled.fsck(full=True).findings == ()
    filled.undo(removed.seq or 0)
    assert filled.version("mnist:v0").tags == ("a b", "reviewed")


def test_the_last_tag_that_goes_takes_the_annotation_along(filled: Repository) -> None:
    added = filled.add_tags("mnist:v0", ["reviewed"])

    filled.remove_tags("mnist:v0", ["reviewed"])

    assert filled._context.view().value(_key(added)) is None
    assert not filled.add_tags("mnist:v0", []).changes


def test_a_link_is_tagged_as_the_version_that_it_names(filled: Repository) -> None:
    assert filled.add_tags("Digits:v0", ["reviewed"]).model == "mnist:v0"
    assert filled.model("Digits").tags == ("vision",)


def test_annotations_and_tags_leave_each_other_alone(filled: Repository, folder: Callable[..., str]) -> None:
    filled.add_tags("mnist:v0", ["reviewed"])
    filled.annotate("mnist:v0", message="better", metadata={"f1": 1})
    filled.add_tags("mnist:v0", ["old"])
    filled.log(folder({"weights": b"2"}), "mnist", message="said again")

    version = filled.version("mnist:v0")
    assert (version.tags, version.message, version.metadata) == (("old", "reviewed"), "better", {"acc": 0.5, "f1": 1})
    filled.annotate("mnist:v0", message="said", unset=["f1"])
    assert filled.version("mnist:v0").tags == ("old", "reviewed")
    assert filled.fsck(full=True).findings == ()


def test_filters_find_the_tags_of_the_version_and_of_its_models(filled: Repository) -> None:
    before = found(filled, "tag = 'reviewed'")
    filled.add_tags("mnist:v1", ["reviewed"])

    assert before == []
    assert found(filled, "tag = 'reviewed'") == ["mnist:v1"]
    assert found(filled, "tag = 'vision'") == ["mnist:v0"]
    assert found(filled, "has(tag)") == ["mnist:v0", "mnist:v1"]
    assert found(filled, "tag != 'reviewed'") == ["mnist:v0"]
    filled.add_tags("mnist:v0", ["vision", "reviewed"])
    assert found(filled, "tag = 'vision' and tag = 'reviewed'") == ["mnist:v0"]
    filled.remove_tags("mnist:v1", ["reviewed"])
    assert found(filled, "tag = 'reviewed'") == ["mnist:v0"]


def test_all_tags_are_grouped_with_what_has_them(filled: Repository) -> None:
    filled.add_tags("mnist:v1", ["vision", "old"])
    filled.annotate("mnist:v0", message='tags = ["none"]')

    assert filled.tags() == {"old": ("mnist:v1",), "vision": ("Digits", "mnist:v1")}


def test_a_rename_takes_tags_along(filled: Repository) -> None:
    filled.add_tags("mnist:v0", ["reviewed"])

    filled.rename_artifact("mnist", "numbers")

    assert filled.version("numbers:v0").tags == ("reviewed",)
    assert filled.tags()["reviewed"] == ("numbers:v0",)


def test_a_tag_that_is_not_there_is_told_with_the_nearest(filled: Repository) -> None:
    filled.add_tags("mnist:v0", ["reviewed"])

    with pytest.raises(UnknownTag) as raised:
        filled.remove_tags("mnist:v0", ["reviewed", "review"])

    assert (str(raised.value), raised.value.near) == ("'mnist:v0' has no tag 'review'", ["reviewed"])
    assert filled.version("mnist:v0").tags == ("reviewed",)


def test_a_repository_of_format_1_refuses_them(
    tmp_path: Any, folder: Callable[..., str], content: Callable[[Storage], dict[str, bytes]]
) -> None:
    store = MemoryStorage()
    repo = Repository.init_storage(store, "memory", cache=str(tmp_path / "cache"), format=1)
    repo.log(folder({"w": b"1"}), "mnist")
    before = content(store)

    with pytest.raises(NeedsFormat) as raised:
        repo.add_tags("mnist:v0", ["reviewed"])

    assert str(raised.value) == ("a tag of version mnist:v0 requires repository format 2; this repository has format 1")
    assert content(store) == before
    repo.annotate("mnist:v0", message="other")
    repo.annotate("mnist:v0", message="")
    assert repo.fsck().findings == ()
    repo.upgrade()
    repo.add_tags("mnist:v0", ["reviewed"])
    assert repo.version("mnist:v0").tags == ("reviewed",)
    assert repo.fsck().findings == ()


@pytest.mark.parametrize("text", ['tags = ["a"]\n', 'message = "m"\n'])
def test_fsck_names_an_annotation_of_format_2_in_an_entry_of_format_1(
    tmp_path: Any, folder: Callable[..., str], text: str
) -> None:
    store = MemoryStorage()
    repo = Repository.init_storage(store, "memory", cache=str(tmp_path / "cache"), format=1)
    repo.log(folder({"w": b"1"}), "mnist")
    append(store, repo, Change(NOTE, None, text))

    assert ("journal-change", f"it moves {NOTE}, as only format 2 can") in {
        (one.code, one.reason) for one in repo.fsck().findings
    }


@pytest.mark.parametrize("text", ['message = "m"\n', "inputs = []\n", "[metadata]\na = 1\n"])
def test_an_annotation_may_say_less_than_all(filled: Repository, storage: MemoryStorage, text: str) -> None:
    append(storage, filled, Change(NOTE, None, text))

    version = filled.version("mnist:v0")

    assert version.message == ("m" if "message" in text else "said")
    assert version.metadata == ({"a": 1} if "metadata" in text else {"acc": 0.5})
    assert filled.fsck(full=True).findings == ()


def _key(told: Any) -> Any:
    return keys.parse(told.changes[0].ref)


def append(storage: Storage, repo: Repository, change: Change) -> None:
    """An entry as another program may have made it."""
    journal = Journal(storage, repo.id)
    head = journal.look().head
    forged = journal.entry(head.seq)._replace(
        seq=head.seq + 1, prev=head.digest, id="0" * 32, changes=(change,), packs=(), drops=(), message=None
    )
    assert journal.append(forged)


def test_a_search_for_tags_finds_models_and_versions(filled: Repository) -> None:
    filled.add_tags("mnist:v1", ["reviewed"])

    names = [
        [[one.name for one in kind] for kind in filled.search(text, tags=tags)]
        for text, tags in [
            ("", ["reviewed"]),
            ("", ["vision"]),
            ("none such", ["reviewed"]),
            ("", ["vision", "reviewed"]),
        ]
    ]

    assert names == [[[], [], ["mnist:v1"]], [["Digits"], [], ["mnist:v0"]], [[], [], []], [[], [], []]]
