"""Whether chunks make up the files that they are said to: many files at once, which begin alike or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from blake3 import blake3

from mreg.content.packs import Piece
from mreg.repository import Repository
from mreg.session.context import Context
from mreg.storage.memory import MemoryStorage
from mreg.sync.freight import DamagedRecipe
from mreg.sync.proving import prove


class Counting(MemoryStorage):
    reads = 0

    def read_into(self, key: str, start: int, out: memoryview) -> int:
        self.reads += key.startswith("packs/")
        return super().read_into(key, start, out)


@pytest.fixture
def storage() -> Counting:
    return Counting()


@pytest.fixture
def team(storage: Counting, new: Callable[..., Repository], files: Callable[[str], str]) -> Context:
    """It has the chunks "a", "b" and "c"."""
    repository = new("team", storage)
    for text in "abc":
        repository.log(files(text), "m")
    return repository._context


def said(name: str, chunks: str) -> dict[bytes, list[Piece]]:
    """That the file of this text is made of these chunks."""
    return {blake3(name.encode()).digest(): [Piece(blake3(one.encode()).digest(), 1) for one in chunks]}


RIGHT = said("abc", "abc") | said("abca", "abca") | said("ab", "ab") | said("cbc", "cbc") | said("acc", "acc")


def test_files_that_begin_alike_are_proven_by_reading_each_place_once(team: Context, storage: Counting) -> None:
    prove(RIGHT, team, "elsewhere")
    before = storage.reads

    prove(RIGHT, team, "elsewhere")

    # At the first place a and c, at the second b and c, at the third c, at the fourth a.
    assert storage.reads - before == 6


@pytest.mark.parametrize(("name", "chunks"), [("aba", "abc"), ("abb", "ab"), ("b", "abca"), ("ccc", "bcc")])
def test_a_file_that_is_another_is_told_whatever_others_begin_like_it(team: Context, name: str, chunks: str) -> None:
    with pytest.raises(DamagedRecipe) as caught:
        prove(RIGHT | said(name, chunks), team, "elsewhere")

    assert caught.value.facts["digest"] == blake3(name.encode()).hexdigest()
    assert caught.value.facts["location"] == "elsewhere"
