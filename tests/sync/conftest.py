"""Two repositories, in memory or in folders, and versions that rest on each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage

New = Callable[..., Repository]


@pytest.fixture
def new() -> New:
    """A repository in memory, by its location."""

    def make(location: str, storage: MemoryStorage | None = None, **how: object) -> Repository:
        return Repository.init_storage(storage or MemoryStorage(), location, **how)  # type: ignore[arg-type]

    return make


@pytest.fixture
def here(new: New) -> Repository:
    return new("here")


@pytest.fixture
def team(new: New) -> Repository:
    return new("team")


@pytest.fixture
def files(tmp_path: Path) -> Callable[[str], str]:
    """A folder with one file that holds this text."""

    def make(text: str) -> str:
        folder = tmp_path / f"files-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "w.bin").write_text(text)
        return str(folder)

    return make
