"""How often an operation asks the storage. Locally that is start-up time; of an object store each call is a request.

A count that grows fails; one that shrinks is to be written down here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.repository import Repository
from mreg.session.context import Context
from mreg.storage.memory import MemoryStorage

VERSIONS = 40


class Counting(MemoryStorage):
    """Counts calls by what is done and to what: applied mark, entries, config, refs, records or packs."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def counted(self, verb: str, key: str) -> None:
        what = "applied" if key == "journal/applied" else key.partition("/")[0]
        self.calls[f"{verb} {'refs' if what in ('artifacts', 'registered', 'aliases', 'runs') else what}"] += 1


def _counted(verb: str) -> Callable[..., Any]:
    def call(self: Counting, key: str, *rest: Any, **more: Any) -> Any:
        self.counted(verb, key)
        return getattr(MemoryStorage, verb)(self, key, *rest, **more)

    return call


for _verb in ("get", "read", "read_into", "stat", "list", "names", "put", "touch", "delete"):
    setattr(Counting, _verb, _counted(_verb))


OPERATIONS: dict[str, tuple[Callable[[Repository, str], object], dict[str, int]]] = {
    "resolve an alias": (
        lambda repo, _: repo.resolve("mnist:best"),
        {"get config.toml": 1, "get applied": 1, "get journal": 2, "get refs": 3},
    ),
    "resolve the latest": (
        lambda repo, _: repo.resolve("mnist"),
        {"get config.toml": 1, "get applied": 1, "get journal": 2, "get refs": 2, "stat refs": 2},
    ),
    "ls": (
        lambda repo, _: repo.artifacts(),
        {"get config.toml": 1, "get applied": 1, "get journal": 2},
    ),
    "ls of an artifact": (
        lambda repo, _: repo.versions("mnist"),
        {"get config.toml": 1, "get applied": 1, "get journal": 2, "get refs": 1}
        | {"get objects": VERSIONS - 1},  # the latest one's record was read for `artifacts`
    ),
    "alias set": (
        lambda repo, _: repo.set_alias("best", "mnist:v1"),
        {"get config.toml": 3, "get applied": 2, "get journal": 2, "get refs": 4}
        | {"put journal": 1, "put refs": 1, "put applied": 1},
    ),
    "link": (
        lambda repo, _: repo.link("mnist:v2", "Digits"),
        {"get config.toml": 3, "get applied": 2, "get journal": 2, "get refs": 5}
        | {"put journal": 1, "put refs": 1, "put applied": 1},
    ),
    "log": (
        lambda repo, new: repo.log(new, "mnist"),
        {"get config.toml": 3, "get applied": 3, "stat journal": 1, "get journal": 3, "get refs": 8, "stat refs": 4}
        | {"get objects": 2, "stat objects": 2, "put objects": 2, "stat packs": 2, "put packs": 1}
        | {"put journal": 1, "put refs": 1, "put applied": 1},
    ),
    "log of what is there": (
        lambda repo, _: repo.log(repo.location, "mnist"),
        {"get config.toml": 2, "get applied": 1, "stat journal": 1, "get journal": 2, "get refs": 4, "stat refs": 2}
        | {"get objects": 2, "stat packs": 1},  # refs: also whether the version has an expiry, which ends then
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_asks_the_storage_no_more_often_than_it_did(name: str, tmp_path: Path) -> None:
    storage, cache, source = Counting(), str(tmp_path / "cache"), tmp_path / "source"
    source.mkdir()
    with Repository.init_storage(storage, str(source), cache=cache) as repo:
        for number in range(VERSIONS):
            (source / "weights").write_text(str(number))
            repo.log(source, "mnist", aliases=["best"])
        repo.link("mnist:v0", "Digits")
        repo.artifacts()  # the lookup tables know all of it
    new = tmp_path / "new"
    new.mkdir()
    (new / "weights").write_text("new")
    operation, wanted = OPERATIONS[name]

    storage.calls.clear()
    with Repository(Context(storage, str(source), cache=cache)) as repo:
        operation(repo, str(new))

    grown = {call: (count, wanted.get(call, 0)) for call, count in storage.calls.items() if count > wanted.get(call, 0)}
    assert grown == {}
    assert storage.calls == Counter(wanted), "fewer than before: write it down"
