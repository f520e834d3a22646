"""Whether chunks make up the files that they are said to: many files at once, which begin alike or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from mreg.content.packs import Piece
from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage
from mreg.sync.freight import DamagedRecipe
from mreg.sync.proving import Proof

CHUNKS = {blake3(one).digest(): one for one in (b"a", b"b", b"c")}


def said(name: str, chunks: str) -> dict[bytes, list[Piece]]:
    """That the file of this text is made of these chunks."""
    return {blake3(name.encode()).digest(): [Piece(blake3(one.encode()).digest(), 1) for one in chunks]}


RIGHT = said("abc", "abc") | said("abca", "abca") | said("ab", "ab") | said("cbc", "cbc") | said("acc", "acc")


def prove(recipes: dict[bytes, list[Piece]]) -> int:
    """How many chunks that takes."""
    proof, taken = Proof(recipes, "elsewhere"), 0
    for place in proof.places():
        proof.take(place, memoryview(CHUNKS[place.chunk]))
        taken += 1
    return taken


def test_files_that_begin_alike_are_proven_by_taking_each_place_once() -> None:
    # At the first place a and c, at the second b and c, at the third c, at the fourth a.
    assert prove(RIGHT) == 6


@pytest.mark.parametrize(("name", "chunks"), [("aba", "abc"), ("abb", "ab"), ("b", "abca"), ("ccc", "bcc")])
def test_a_file_that_is_another_is_told_whatever_others_begin_like_it(name: str, chunks: str) -> None:
    with pytest.raises(DamagedRecipe) as caught:
        prove(RIGHT | said(name, chunks))

    assert caught.value.facts["digest"] == blake3(name.encode()).hexdigest()
    assert caught.value.facts["location"] == "elsewhere"


class Counting(MemoryStorage):
    reads = 0

    def read_into(self, key: str, start: int, out: memoryview) -> int:
        self.reads += key.startswith("packs/")
        return super().read_into(key, start, out)


def test_what_comes_is_proven_while_it_comes(new: Callable[..., Repository], tmp_path: Path) -> None:
    """Nothing is read again for it, neither there nor here."""
    there, here = Counting(), Counting()
    team, mine = new("team", there), new("mine", here)
    for step in range(4):
        (tmp_path / "w.bin").write_bytes(b"".join(bytes([step * (part % 2), part]) * (1 << 19) for part in range(6)))
        team.log(tmp_path, "m")
    there.reads = 0

    assert mine.pull(team, every=True).chunks == 6 + 3 * 3

    assert there.reads == 6 + 3 * 3
    assert here.reads == 0
    mine.get("m:v3", tmp_path / "got")
    assert (tmp_path / "got" / "w.bin").read_bytes() == (tmp_path / "w.bin").read_bytes()
