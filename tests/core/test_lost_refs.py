"""Ref files that were deleted by hand: whoever would read or move what was in them is refused, and `fsck --repair`
brings them back as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from mreg.refs import DamagedRef
from mreg.repository import Repository
from mreg.storage import ANY, Storage
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
    other, listed = reopen(storage), storage.list

    def list_later(prefix: str) -> Iterator[str]:
        if prefix == "artifacts/a":
            monkeypatch.undo()
            for number in range(3):
                other.log(folder({"f": b"new" * (number + 1)}), "a")
        return listed(prefix)

    reader = reopen(storage)
    monkeypatch.setattr(storage, "list", list_later)

    assert reader.resolve("a").name == "a:v1"
    assert reader.resolve("a").name == "a:v4"
