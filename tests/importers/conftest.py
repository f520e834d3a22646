"""What tests of importers share: a source that is as a test wants it, and the proof that sources are only read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mreg.importers import kinds
from mreg.importers.plan import Plan, PlannedCollection, PlannedFile, PlannedVersion
from mreg.repository import Repository

Seen = dict[str, tuple[str, int, int]]


class Source:
    """A source of the kind `made`: `plan` is what its importer finds. Files lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan = Plan("made", str(folder), ())

    def file(self, name: str, data: bytes, **digests: str) -> PlannedFile:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return PlannedFile(str(path), len(data), digests or {"sha256": sha256(data).hexdigest()})

    def version(self, id: str, text: str | None = None, **more: Any) -> PlannedVersion:
        return PlannedVersion(id, {"weights.bin": self.file(f"files/{id}", (text or id).encode())}, **more)

    def holds(self, *versions: PlannedVersion, name: str = "bert", **more: Any) -> None:
        """One collection with these versions."""
        self.plan = self.plan._replace(collections=(PlannedCollection(name, versions, **more),))

    def imported(self, repo: Repository, **options: Any) -> Any:
        return repo.import_from(self.folder, "made", **options)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    source = Source(tmp_path / "source")
    source.folder.mkdir()
    module = ModuleType("made_importer")
    module.recognises = lambda path: False  # type: ignore[attr-defined]
    module.read = lambda path, options: source.plan  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_importer", module)
    monkeypatch.setitem(kinds.KINDS, "made", "made_importer")  # type: ignore[misc]
    return source


def seen(folder: Path) -> Seen:
    """Every file and folder: what it holds, and when it was changed last."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        status = path.lstat()
        data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path)] = sha256(data).hexdigest(), status.st_mtime_ns, status.st_mode
    return found


@pytest.fixture
def only_read() -> Callable[[Path], AbstractContextManager[None]]:
    """A block that must leave the folder as it is."""

    @contextmanager
    def only_read(folder: Path) -> Iterator[None]:
        before = seen(folder)
        yield
        assert seen(folder) == before

    return only_read
