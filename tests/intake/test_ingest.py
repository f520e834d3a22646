"""What the repository has already is relied upon only where it is still there, cut as it is now."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage

LARGE = random.Random(12).randbytes(300_000)


def test_logging_the_same_files_again_heals_a_lost_pack(
    repo: Repository, storage: MemoryStorage, folder: Callable[..., str]
) -> None:
    at = folder({"a": LARGE[:5000]})
    repo.log(at, "one")
    for key in list(storage.list("packs")):
        storage.delete(key)

    repo.log(at, "two")

    for name in ("one", "two"):
        assert b"".join(repo.read(f"{name}:v0", "a")) == LARGE[:5000]


def test_a_file_that_is_cut_otherwise_gets_a_recipe_of_its_own(
    repo: Repository, folder: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.log(folder({"a": LARGE}), "one")
    monkeypatch.setattr("mreg.content.cutting.CDC_AVG", 1 << 14)
    monkeypatch.setattr("mreg.content.cutting.CDC_MIN", 1 << 12)

    repo.log(folder({"a": LARGE}), "two")
    repo.remove("one:v0")
    repo.gc(grace=0)

    assert b"".join(repo.read("two:v0", "a")) == LARGE
    assert repo.fsck(full=True).findings == ()
