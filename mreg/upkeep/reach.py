"""What can be reached: from refs and the journal's memory to records, files, chunks and packs.

Works from the repository alone, never from the lookup tables: a decision to delete must not rest on something
disposable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mreg.content import objects, packs
from mreg.content.objects import Objects
from mreg.content.packs import DamagedPack, Located, PackIndex
from mreg.refs import dead, keys, ref_files
from mreg.refs.journal import Entry, Journal, Mark
from mreg.refs.keys import RefKey
from mreg.refs.ref_files import Ref
from mreg.refs.rules import Root, root
from mreg.storage import Storage
from mreg.values.records import File


@dataclass
class Reached:
    """Digests of what is reachable; those of chunks and files are raw, 32 bytes."""

    versions: set[str] = field(default_factory=set)
    manifests: set[str] = field(default_factory=set)
    files: set[tuple[str, int]] = field(default_factory=set)
    chunks: set[bytes] = field(default_factory=set)


def roots_now(refs: Mapping[RefKey, Ref]) -> set[Root]:
    """The records that these refs name."""
    return {found for key, ref in refs.items() if (found := root(key, ref.value)) is not None}


def named_by(entry: Entry) -> set[Root]:
    """The records that this entry's refs name, before or after it."""
    found = (root(keys.parse(ref), value) for ref, old, new in entry.changes for value in (old, new))
    return {one for one in found if one is not None}


def remembered(entries: Sequence[Entry], age: Callable[[int], float], grace: float) -> set[Root]:
    """The records that refs named within the grace period, except those that a gc gave up and nobody brought back
    since. entries: the whole journal. age: gives the age of entry N in seconds."""
    found: set[Root] = set()
    for entry in reversed(entries):
        if grace == 0 or age(entry.seq) > grace:
            break
        found |= named_by(entry)
    lost = _given_up(entries)
    return {one for one in found if one.digest not in lost}


def _given_up(entries: Iterable[Entry]) -> set[str]:
    """The records, by name, that were dropped, and that no ref named again since."""
    names: set[str] = set()
    buried: dict[str, int] = {}
    for entry in entries:
        for key in entry.drops:
            name = objects.name_of(key)
            if name is not None and key == objects.counting(name, buried.get):
                names.add(name)
        dead.note(buried, entry)
        names -= {one.digest for one in roots_now(ref_files.after([entry]))}
    return names


def whole_journal(journal: Journal) -> Iterator[tuple[Mark, Entry]]:
    """Every entry from the first on; the chain is verified. Raises DamagedJournal."""
    return journal.whole()


def reach(objects: Objects, roots: Iterable[Root], indexes: Mapping[str, PackIndex]) -> Reached:
    """All that these records need. indexes: those of the packs that are read. Raises Damaged if a record cannot be
    read: nothing may be called unreachable while it is unknown what that record reaches."""
    found = Reached()
    files: set[File] = set()
    for digest, is_version in roots:
        manifest = objects.version(digest).manifest if is_version else digest
        if is_version:
            found.versions.add(digest)
        if manifest not in found.manifests:
            found.manifests.add(manifest)
            files.update(objects.manifest(manifest).files)
    found.files = {(file.digest, file.size) for file in files}
    recipes, places = recipes_of(indexes), copies(indexes)
    for name in (bytes.fromhex(digest) for digest, size in found.files if size):
        for chunk in recipes.get(name, {name}):
            found.chunks.update(with_bases(chunk, places))
    return found


def with_bases(chunk: bytes, places: Mapping[bytes, Located]) -> Iterator[bytes]:
    """The chunk and its bases, down to the one that is stored by itself."""
    yield chunk
    located = places.get(chunk)
    while located and (base := located.entry.base):
        yield base
        position, located = located.entry.position, places.get(base)
        if located and located.entry.position >= position:
            return  # no way to read it: fsck's business


def copies(indexes: Mapping[str, PackIndex]) -> dict[bytes, Located]:
    """Where each chunk is read from: the copy with the lowest position, of several of these the last one (format.md
    7.2.2). indexes: in the order of `registered`."""
    found: dict[bytes, Located] = {}
    for name, index in indexes.items():
        for entry in index.chunks:
            present = found.get(entry.digest)
            if present is None or entry.position <= present.entry.position:
                found[entry.digest] = Located(name, entry)
    return found


def only_registered(indexes: Mapping[str, PackIndex], entries: Iterable[Entry]) -> dict[str, PackIndex]:
    """Those of the packs that are read. Raises DamagedPack if one is missing: what it needs of the others is unknown,
    and it may be put back."""
    names = registered(entries)
    for name in sorted(names.keys() - indexes.keys()):
        raise DamagedPack(pack=name, reason="it is missing")
    return {name: indexes[name] for name in names}


def registered(entries: Iterable[Entry]) -> dict[str, None]:
    """The packs that the journal names and has not given up since, in the order in which it named them first. Only
    these are read."""
    names: dict[str, None] = {}
    buried: dict[str, int] = {}
    for entry in entries:
        register(names, entry, buried)
    return names


def register(names: dict[str, None], entry: Entry, buried: dict[str, int]) -> None:
    """Bring what `registered` said of the entries before this one up to date, and so the keys that they dropped for
    ever."""
    names |= dict.fromkeys(name for name in entry.packs if packs.key_of(name) not in buried)
    for name in filter(None, map(packs.name_of, entry.drops)):
        names.pop(name, None)
    dead.note(buried, entry)


def recipes_of(indexes: Mapping[str, PackIndex]) -> dict[bytes, set[bytes]]:
    """The digests of the chunks of every file that has several. A file that was cut in two ways needs both sets."""
    recipes: dict[bytes, set[bytes]] = {}
    for index in indexes.values():
        for name, pieces in index.recipes.items():
            recipes.setdefault(name, set()).update(piece.digest for piece in pieces)
    return recipes


def needed_packs(found: Reached, indexes: Mapping[str, PackIndex]) -> set[str]:
    """The packs that hold a reachable chunk, or the recipe of a reachable file."""
    files = {bytes.fromhex(digest) for digest, _ in found.files}
    return {
        name
        for name, index in indexes.items()
        if any(entry.digest in found.chunks for entry in index.chunks) or not files.isdisjoint(index.recipes)
    }


def given_up(found: Reached, read: Mapping[str, PackIndex], indexes: Mapping[str, PackIndex]) -> set[str]:
    """The packs that hold something reachable which none of the packs that are read has. An entry gave them up that
    should not have: a faulty or forged one, or one of a repair that could not read all of them."""
    others = {name: index for name, index in indexes.items() if name not in read}
    lacking = found.chunks - copies(read).keys() if others else set()
    return {
        name
        for name, index in others.items()
        if any(entry.digest in lacking for entry in index.chunks) or not lacking.isdisjoint(index.recipes)
    }


def read_indexes(storage: Storage) -> dict[str, PackIndex]:
    """The index of every pack in the storage. Raises DamagedPack."""
    found = {}
    for name in packs.pack_names(storage):
        try:
            found[name] = packs.read_index(storage, name)
        except DamagedPack:
            if storage.stat(packs.key_of(name)):  # else another gc has deleted it since it was listed
                raise
    return found
