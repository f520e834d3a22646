"""Whether chunks make up the files that they are said to: many files at once, which begin alike or not."""

from __future__ import annotations

import json
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


def test_files_that_go_on_with_the_same_chunk_take_it_at_once() -> None:
    # The a that three begin with, the c that one begins with, then b and c of all, and the a that one ends with.
    assert prove(RIGHT) == 5


@pytest.mark.parametrize(
    "files", [("abc", "bc", "c"), ("bc", "abc"), ("abc", "ac", "bc"), ("cab", "ab"), ("ab", "cb", "cab")]
)
def test_a_chunk_is_taken_once_wherever_files_have_it(files: tuple[str, ...]) -> None:
    recipes = {name: pieces for file in files for name, pieces in said(file, file).items()}

    assert prove(recipes) == 3


@pytest.mark.parametrize(("files", "taken"), [(("aaa",), 3), (("ab", "ba"), 3), (("aba", "ab"), 3)])
def test_what_files_have_twice_or_in_another_order_is_taken_again(files: tuple[str, ...], taken: int) -> None:
    recipes = {name: pieces for file in files for name, pieces in said(file, file).items()}

    assert prove(recipes) == taken


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


def same_places(step: int) -> bytes:
    return b"".join(bytes([step * (part % 2), part]) * (1 << 19) for part in range(6))


def shifted(step: int) -> bytes:
    """Tensors of which none changes, behind a header that gets longer and one more tensor each time."""
    parts = [f"a{number}" for number in range(step)] + [f"t{number}" for number in range(4)]
    size = 1 << 18
    names = {
        name: {"dtype": "U8", "shape": [size], "data_offsets": [at * size, (at + 1) * size]}
        for at, name in enumerate(parts)
    }
    header = json.dumps({"__metadata__": {"steps": "x" * 100 * step}, **names}).encode()
    header += b" " * (-len(header) % 8)
    tensors = (blake3(name.encode()).digest(size) for name in parts)
    return len(header).to_bytes(8, "little") + header + b"".join(tensors)


@pytest.mark.parametrize(
    ("name", "content", "chunks"), [("w.bin", same_places, 6 + 3 * 3), ("w.safetensors", shifted, 4 + 4 + 3)]
)
def test_what_comes_is_proven_while_it_comes(
    new: Callable[..., Repository], tmp_path: Path, name: str, content: Callable[[int], bytes], chunks: int
) -> None:
    """Nothing is read again for it, neither there nor here, also where files have chunks at other places."""
    there, here = Counting(), Counting()
    team, mine = new("team", there), new("mine", here)
    for step in range(4):
        (tmp_path / name).write_bytes(content(step))
        team.log(tmp_path, "m")
    there.reads = 0

    assert mine.pull(team, every=True).chunks == chunks

    assert there.reads == chunks
    assert here.reads == 0
    mine.get("m:v3", tmp_path / "got")
    assert (tmp_path / "got" / name).read_bytes() == (tmp_path / name).read_bytes()
