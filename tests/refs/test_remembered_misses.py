"""Clients of a network file system that remember that a file was missing: they may see old state, but never give a
number twice, lose an acknowledged change, or call a sound repository damaged."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from mreg.operations.undo import RefMoved
from mreg.repository import Repository
from mreg.session.context import Context
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import FaultyStorage
from mreg.testing.names import RememberedMisses
from mreg.testing.storage_contract import StorageContract
from mreg.values.errors import InvalidInput, MregError, NotFound, Refused


class TestRememberedMisses(StorageContract):
    """One client by itself sees what it did."""

    @pytest.fixture
    def storage(self) -> Storage:
        return RememberedMisses(MemoryStorage())


class Clients:
    """Repositories on one store, each with a memory and lookup tables of its own."""

    def __init__(self, storage: MemoryStorage, count: int, tmp_path: Path) -> None:
        self.stores = [RememberedMisses(storage) for _ in range(count)]
        self.repos = [
            Repository(Context(store, "shared", cache=str(tmp_path / f"cache-{number}"), author=f"client-{number}"))
            for number, store in enumerate(self.stores)
        ]
        self._folder = tmp_path / "source"
        self._folder.mkdir(exist_ok=True)

    def source(self, text: str) -> Path:
        (self._folder / "weights").write_text(text)
        return self._folder


@pytest.fixture
def clients(repo: Repository, storage: MemoryStorage, tmp_path: Path) -> Callable[[int], Clients]:
    return lambda count: Clients(storage, count, tmp_path)


def test_clients_that_log_in_turns_get_a_number_each(clients: Callable[[int], Clients], repo: Repository) -> None:
    two = clients(2)
    two.repos[0].create_artifact("m")
    for repo_ in two.repos:
        for number in range(8):
            with pytest.raises(NotFound):
                repo_.resolve(f"m:v{number}")

    names = [two.repos[turn % 2].log(two.source(str(turn)), "m").version.name for turn in range(8)]

    assert names == [f"m:v{number}" for number in range(8)]
    assert [b"".join(repo.read(name, "weights")) for name in names] == [b"%d" % turn for turn in range(8)]
    assert repo.fsck(full=True).findings == ()
    assert any(store.hits for store in two.stores), "nobody was misled: this shows nothing"


def test_what_others_made_is_found_and_not_called_damaged(clients: Callable[[int], Clients]) -> None:
    two = clients(2)
    one, other = two.repos
    one.log(two.source("0"), "m")
    with pytest.raises(Exception, match="no alias"):
        other.resolve("m:best")
    with pytest.raises(Exception, match="no artifact or registered model"):
        other.resolve("Digits")

    one.log(two.source("1"), "m", aliases=["best"], links=["Digits"])

    assert other.resolve("m:best").name == other.resolve("Digits:v0").name == other.resolve("m").name == "m:v1"
    assert b"".join(other.read("m:best", "weights")) == b"1"
    assert other.fsck(full=True).findings == ()


def test_aliases_that_clients_move_in_turns_lose_no_move(clients: Callable[[int], Clients], repo: Repository) -> None:
    three = clients(3)
    for number in range(4):
        three.repos[0].log(three.source(str(number)), "m")
    three.repos[0].set_alias("best", "m:v0", expect="none")

    for turn in range(1, 13):
        three.repos[turn % 3].set_alias("best", f"m:v{turn % 4}", expect=f"v{(turn - 1) % 4}")

    assert repo.resolve("m:best").name == "m:v0"
    assert len(repo.history()) == 17
    assert repo.fsck().findings == ()


@given(seed=st.integers(0, 1 << 32))
@settings(max_examples=40)
def test_any_order_of_clients_comes_to_what_one_alone_would(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    order, tmp_path = random.Random(seed), tmp_path_factory.mktemp("clients")
    shared, alone = MemoryStorage(), MemoryStorage()
    Repository.init_storage(shared, "shared").close()
    single = Repository.init_storage(alone, "alone", author="one")
    some = Clients(shared, 3, tmp_path)

    for turn in range(12):
        act = _act(order, turn, some)
        for repo in (order.choice(some.repos), single):
            act(repo)

    whole = Repository(Context(shared, "shared"))
    assert _told(whole) == _told(single)
    assert whole.fsck(full=True).findings == ()


def _act(order: random.Random, turn: int, some: Clients) -> Callable[[Repository], object]:
    name, number, word = order.choice("ab"), order.randrange(4), order.choice(("best", "last"))
    acts: list[Callable[[Repository], object]] = [
        lambda repo: repo.log(some.source(f"{name}{turn}"), name, aliases=[word]),
        lambda repo: repo.log(some.source(f"{name}{turn}"), name, links=["M"]),
        lambda repo: _tried(lambda: repo.set_alias(word, f"{name}:v{number}")),
        lambda repo: _tried(lambda: repo.remove(f"{name}:v{number}", force=order.random() < 0)),
        lambda repo: _tried(lambda: repo.link(f"{name}:{word}", "M", aliases=[word])),
        lambda repo: _tried(lambda: repo.remove_alias(word, name)),
        lambda repo: _tried(lambda: repo.undo(max(1, turn - 1))),
    ]
    return order.choice(acts)


def _tried(act: Callable[[], object]) -> None:
    """What is refused of one is refused of the other too, or the comparison shows it."""
    with suppress(InvalidInput, NotFound, Refused, RefMoved):
        act()


def _told(repo: Repository) -> object:
    """What happened, without what differs from run to run."""
    return [
        [
            (change.ref, change.old is None, change.new is None)
            if change.ref.startswith("artifacts/") or "#" in change.ref
            else change
            for change in entry.changes
        ]
        for entry in repo.history()
    ]


def test_a_commit_that_fails_at_any_call_is_whole_or_absent_for_clients_that_remember(
    clients: Callable[[int], Clients], storage: MemoryStorage, copy_of: Callable[[MemoryStorage], MemoryStorage]
) -> None:
    two = clients(2)
    two.repos[0].log(two.source("0"), "m", aliases=["best"])
    with pytest.raises(Exception, match="no alias"):
        two.repos[1].resolve("m:late")
    source = two.source("1")

    for point in range(1, 60):
        copy = copy_of(storage)
        faulty = FaultyStorage(RememberedMisses(copy), point, lambda: OSError(5, "Input/output error"), reads=True)
        with suppress(OSError, MregError):
            Repository(Context(faulty, "shared")).log(source, "m", aliases=["best", "late"])
        if point > faulty.calls:
            break
        left = Repository(Context(RememberedMisses(copy), "shared"))
        assert left.resolve("m:best").name in ("m:v0", "m:v1")
        assert left.log(source, "m").version.name == "m:v1"
        assert left.fsck(full=True).findings == ()
    else:
        raise AssertionError("there are more points than were tried")


def test_clients_that_log_at_once_get_a_number_each(
    clients: Callable[[int], Clients], repo: Repository, tmp_path: Path
) -> None:
    four = clients(4)
    sources: dict[tuple[int, int], Path] = {}
    for client, turn in product(range(4), range(5)):
        sources[client, turn] = tmp_path / f"source-{client}-{turn}"
        sources[client, turn].mkdir()
        (sources[client, turn] / "weights").write_text(f"{client} {turn}")

    def log_all(client: int) -> list[str]:
        return [four.repos[client].log(sources[client, turn], "m").version.name for turn in range(5)]

    with ThreadPoolExecutor(4) as pool:
        names = [name for some in pool.map(log_all, range(4)) for name in some]

    assert sorted(names) == sorted(f"m:v{number}" for number in range(20))
    assert len(repo.versions("m")) == 20
    assert repo.fsck(full=True).findings == ()
