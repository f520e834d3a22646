"""An alias, a link or a version whose value the journal has wrong may be what holds another: whoever would have to
know refuses, names it, and changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.refs.keys import parse
from mreg.refs.ref_files import DamagedRef
from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage
from mreg.values.errors import Damaged

Act = Callable[[Repository], object]

ALIAS = "aliases/mnist/best"
ALIAS_OF_LINK = "aliases/Digits/champion"
LINK = "registered/Digits/links#v0"
VERSION = "artifacts/mnist/v1"


def plant(repo: Repository, key: str, value: str | None) -> int:
    """Commit the ref as it is; the number of the entry."""
    entry = repo._context.commit("planted", lambda draft: draft.new.update({parse(key): value})).entry
    assert entry is not None
    return entry.seq


def state(repo: Repository) -> tuple[int, list[str]]:
    """How many entries there are, and all data."""
    storage = repo._context.storage
    return len(repo.history()), [key for folder in ("packs", "objects") for key in storage.list(folder)]


@pytest.fixture
def repo_with_two(repo: Repository, log: Callable[..., Any]) -> Repository:
    """mnist:v0 has an alias, and a link with an alias; mnist:v1 has none."""
    log("mnist", "0", aliases=["best"])
    repo.link("mnist:v0", "Digits", aliases=["champion"])
    log("mnist", "1")
    log("letters", "a")
    return repo


DECISIONS: list[tuple[str, str, str, Act]] = [
    ("rm", ALIAS, "v0\nx", lambda repo: repo.remove("mnist:v0")),
    ("rm --force", ALIAS, "v0\nx", lambda repo: repo.remove("mnist:v0", force=True)),
    ("rm of another version", ALIAS, "v01", lambda repo: repo.remove("mnist:v1")),
    ("rm of a version that a link named", LINK, "mnist:v0", lambda repo: repo.remove("mnist:v0", force=True)),
    ("unlink", ALIAS_OF_LINK, "v0 ", lambda repo: repo.unlink("Digits:v0")),
    ("artifact rm", ALIAS, "v0\nx", lambda repo: repo.remove_artifact("mnist", force=True)),
    ("artifact rm, empty", "aliases/empty/best", "x", lambda repo: repo.remove_artifact("empty")),
    ("model rm, alias", ALIAS_OF_LINK, "v0\nx", lambda repo: repo.remove_model("Digits", force=True)),
    ("model rm, link", LINK, "mnist:v0", lambda repo: repo.remove_model("Digits", force=True)),
    ("artifact rename, alias", ALIAS, "v0\nx", lambda repo: repo.rename_artifact("mnist", "figures")),
    ("artifact rename, link", LINK, "mnist:v0", lambda repo: repo.rename_artifact("mnist", "figures")),
    ("artifact rename, version", VERSION, "zero", lambda repo: repo.rename_artifact("mnist", "figures")),
    ("model rename, alias", ALIAS_OF_LINK, "v0\nx", lambda repo: repo.rename_model("Digits", "Numbers")),
    ("model rename, link", LINK, "mnist:v0", lambda repo: repo.rename_model("Digits", "Numbers")),
    ("alias set --expect", ALIAS, "v0\nx", lambda repo: repo.set_alias("best", "mnist:v1", expect="v0")),
    ("alias set --expect none", ALIAS, "", lambda repo: repo.set_alias("best", "mnist:v1", expect="none")),
    ("alias rm", ALIAS, "v0\nx", lambda repo: repo.remove_alias("best", "mnist")),
    ("link", LINK, "mnist:v0", lambda repo: repo.link("mnist:v1", "Digits")),
    ("gc, expiry", ALIAS, "v0\nx", lambda repo: repo.gc(grace=0, keep_last=1)),
    ("gc, expiry, link", LINK, "mnist:v0", lambda repo: repo.gc(grace=0, keep_last=1)),
    ("gc, version", VERSION, "zero", lambda repo: repo.gc(grace=0)),
    ("gc --dry-run", VERSION, "zero", lambda repo: repo.gc(grace=0, dry_run=True)),
    ("undo of the log", ALIAS, "v0\nx", lambda repo: repo.undo(3)),
]


@pytest.mark.parametrize(("key", "value", "act"), [row[1:] for row in DECISIONS], ids=[row[0] for row in DECISIONS])
def test_a_pointer_that_names_nothing_is_damage_for_who_decides_by_it(
    key: str, value: str, act: Act, repo_with_two: Repository
) -> None:
    if key.startswith("aliases/empty"):
        repo_with_two.create_artifact("empty")
    plant(repo_with_two, key, value)
    before = state(repo_with_two)

    with pytest.raises(DamagedRef, match=re.escape(key.partition("#")[0])):
        act(repo_with_two)

    assert state(repo_with_two) == before


def test_undo_takes_the_damage_back_and_does_not_bring_it_back(repo_with_two: Repository) -> None:
    planted = plant(repo_with_two, ALIAS, "v0\nx")

    repo_with_two.set_alias("best", "mnist:v1")
    before = state(repo_with_two)
    with pytest.raises(DamagedRef, match=ALIAS):
        repo_with_two.undo(planted + 1)
    assert state(repo_with_two) == before

    again = plant(repo_with_two, ALIAS, "v0\nx")
    repo_with_two.undo(again)
    assert repo_with_two.resolve("mnist:best").name == "mnist:v1"
    assert repo_with_two.fsck().findings == ()


def test_push_moves_no_alias_that_names_nothing_there(repo_with_two: Repository, tmp_path: Path) -> None:
    there = Repository.init_storage(MemoryStorage(), "elsewhere")
    repo_with_two.push(there, ["mnist:v0", "mnist:v1"], aliases=["best"])
    plant(there, ALIAS, "v0\nx")
    repo_with_two.set_alias("best", "mnist:v1")
    before = state(there)

    with pytest.raises(Damaged, match=ALIAS):
        repo_with_two.push(there, ["mnist:v1"], aliases=["best"])

    assert state(there) == before


def test_push_reserves_no_number_for_a_version_that_is_damaged_here(
    repo_with_two: Repository, log: Callable[..., Any]
) -> None:
    log("mnist", "2")
    plant(repo_with_two, VERSION, "zero")
    there = Repository.init_storage(MemoryStorage(), "elsewhere")

    with pytest.raises(Damaged, match=VERSION):
        repo_with_two.push(there, ["mnist:v2"])

    assert there.history() == []
