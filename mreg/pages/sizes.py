"""How much room each version of an artifact takes, and how much of it was new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mreg.session.index import Index
from mreg.values.entities import Version
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import File


class Sizes(NamedTuple):
    """Bytes. logical: of all files. stored: of the chunks of the files as they are kept, with those that they are kept
    as differences to. new: of these, what no earlier version of the artifact needs."""

    logical: int
    stored: int
    new: int


def sizes_of(index: Index, versions: Sequence[tuple[Version, Iterable[File]]]) -> dict[str, Sizes]:
    """By name, of the versions of one artifact in ascending order, each with its files."""
    files = {bytes.fromhex(file.digest) for _, found in versions for file in found if file.size}
    recipes = {name: [piece.digest for piece in pieces] for name, pieces in index.recipes(files).items()}
    stored: dict[bytes, int] = {}
    bases: dict[bytes, bytes | None] = {}
    wanted = {chunk for name in files for chunk in recipes.get(name, (name,))}
    while wanted:
        for digest, located in index.chunks(wanted).items():
            stored[digest], bases[digest] = located.entry.stored, located.entry.base
        wanted = {base for base in bases.values() if base is not None} - stored.keys() - wanted
    result: dict[str, Sizes] = {}
    known: set[bytes] = set()
    for version, found in versions:
        needed = _needed(found, recipes, bases)
        new = sum(stored.get(chunk, 0) for chunk in needed - known)
        known |= needed
        result[version.name] = Sizes(version.size, sum(stored.get(chunk, 0) for chunk in needed), new)
    return result


def _needed(files: Iterable[File], recipes: dict[bytes, list[bytes]], bases: dict[bytes, bytes | None]) -> set[bytes]:
    needed: set[bytes] = set()
    for name in {bytes.fromhex(file.digest) for file in files if file.size}:
        for chunk in recipes.get(name, (name,)):
            at: bytes | None = chunk
            while at is not None and at not in needed:
                needed.add(at)
                at = bases.get(at)
    return needed
