"""What each importer makes of a source that the real tool has made: counted there and here, and whatever happens on the
way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # where `real_sources` is: test folders are no packages

import tools
from counting import COUNTS, counted
from real_sources import SOURCES, Made

from mreg.importers import kinds
from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage
from mreg.testing.faults import Crash, FaultyStorage

HEAVY = {"mlflow database"}
"""All of MLflow is installed for the slow tests only."""
EVERY = 7
"""Of so many places where an import can be killed, one is tried by `make test`."""

_made: dict[str, Made] = {}


def everything(repo: Repository) -> dict[str, Any]:
    """All that an import may bring."""
    return {
        version.name: (
            (version.message, version.author, version.metadata, version.tags, version.aliases, version.origin),
            [entry.reference for entry in version.inputs],
            [entry.name for entry in version.sources],
            dict(repo.properties(version.name)),
            {file.path: b"".join(repo.read(version.name, file.path)) for file in repo.files(version.name)},
        )
        for artifact in repo.artifacts()
        for version in repo.versions(artifact.name)
    }


@pytest.fixture
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The source of this name: made once, as it is only read."""
    name = request.param
    package, make = SOURCES[name]
    if package and not (tools.SOURCES.parent / package).is_dir():
        pytest.skip(f"{package} is not there: `make sources mlflow`")
    if name not in _made:
        _made[name] = make(tmp_path_factory.mktemp("source"))
    return _made[name]


def imported(repo: Repository, made: Made) -> Any:
    return repo.import_from(made.path, **made.options)


def each(*, slow: bool) -> pytest.MarkDecorator:
    marks = {name: [pytest.mark.slow] if slow or name in HEAVY else [] for name in SOURCES}
    every = [pytest.param(name, marks=marks[name], id=name.replace(" ", "-")) for name in SOURCES]
    return pytest.mark.parametrize("made", every, indirect=True)


def kill(
    made: Made,
    places: Callable[[int], bool],
    copy_of: Callable[..., MemoryStorage],
    reopen: Callable[..., Repository],
) -> int:
    """Kill an import at these of its changes of the storage, and run it again; how many there were."""
    empty = MemoryStorage()
    Repository.init_storage(empty, "memory").close()
    counted = FaultyStorage(copy_of(empty), 0, Crash())
    imported(reopen(counted), made)
    once = reopen(counted.inner)
    wanted, entries = everything(once), len(once.history())
    tried = [n for n in range(1, counted.calls + 1) if places(n)]
    for n in tried:
        # when
        hurt = FaultyStorage(copy_of(empty), n, Crash, dead=True)
        with pytest.raises(Crash):
            imported(reopen(hurt), made)
        imported(reopen(hurt.inner), made)

        # then
        repo = reopen(hurt.inner)
        assert everything(repo) == wanted, n
        assert len(repo.history()) == entries, n
        assert repo.fsck(full=True).findings == (), n
        assert imported(repo, made).added == (), n
    return len(tried)


def test_every_importer_has_a_source() -> None:
    assert {name.partition(" ")[0] for name in SOURCES} == set(kinds.KINDS)


@each(slow=False)
def test_what_the_tool_counts_is_here(made: Made, request: pytest.FixtureRequest, repo: Repository) -> None:
    # given
    there = COUNTS[request.node.callspec.params["made"]](made)

    # when
    imported(repo, made)

    # then
    here = counted(repo)
    assert {name: here[name] for name in there} == there
    assert all(there.values()), "what is not there cannot be lost"


@each(slow=False)
def test_an_import_killed_here_and_there_goes_on_to_what_a_single_one_gives(
    made: Made, copy_of: Callable[..., MemoryStorage], reopen: Callable[..., Repository]
) -> None:
    assert kill(made, lambda n: n % EVERY == 1, copy_of, reopen)


@each(slow=True)
def test_an_import_killed_anywhere_goes_on_to_what_a_single_one_gives(
    made: Made, copy_of: Callable[..., MemoryStorage], reopen: Callable[..., Repository]
) -> None:
    assert kill(made, lambda n: True, copy_of, reopen) > EVERY
