"""Repositories in any storage: made, opened, and looked for in vain."""

from __future__ import annotations

import pytest

import mreg
from mreg.storage.memory import MemoryStorage


def test_a_repository_in_any_storage_is_made_and_opened_again() -> None:
    storage = MemoryStorage()
    with mreg.Repository.init_storage(storage, "memory", author="ada") as made:
        made.create_artifact("net")

    with mreg.Repository.open_storage(storage, "memory", author="bob") as opened:
        opened.describe("net", "a network")

        assert opened.id == made.id and opened.location == "memory"
        assert [entry.who for entry in opened.history()] == ["ada", "bob"]


def test_a_storage_without_a_repository_is_not_opened() -> None:
    storage = MemoryStorage()

    with pytest.raises(mreg.NotFound, match="no mreg repository at memory"):
        mreg.Repository.open_storage(storage, "memory")
    assert not list(storage.list(""))
