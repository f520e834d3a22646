"""Checks of what refs lead to: records, manifests, packs, chunks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from blake3 import blake3

from mreg import objects, packs
from mreg.buffers import Buffers
from mreg.canonical import Malformed
from mreg.chunks import ChunkReader, Locate, chain
from mreg.context import Context
from mreg.digest import EMPTY, digest
from mreg.objects import DamagedObject
from mreg.operations.findings import Findings
from mreg.operations.reach import copies, with_bases
from mreg.packs import DamagedChunk, DamagedPack, Located
from mreg.records import File, Manifest, VersionRecord

Progress = Callable[[int, int], None]


def check_data(context: Context, check: Findings, *, full: bool, progress: Progress | None) -> None:
    """Invariants 7 to 11 of docs/format.md; the bytes of chunks (12) only with `full`."""
    _check_packs(context, check)
    _check_versions(context, check)
    _check_loose_objects(context, check)
    _check_files(check)
    if full:
        _check_chunks(context, check, progress)
    _name_the_hurt(check)


def _check_packs(context: Context, check: Findings) -> None:
    for name in packs.pack_names(context.storage):
        try:
            index = packs.read_index(context.storage, name)
        except DamagedPack as error:
            if context.storage.stat(packs.key_of(name)) is None:
                continue  # swept by a gc meanwhile; whoever needs it will be named as lacking chunks
            check.add("pack", packs.key_of(name), error.reason)
            continue
        check.indexes[name] = index
    kept = {entry.digest for index in check.indexes.values() for entry in index.chunks}
    for index in check.indexes.values():
        for file, pieces in index.recipes.items():  # of several, one whose chunks are all there
            if file not in check.recipes or all(piece.digest in kept for piece in pieces):
                check.recipes[file] = pieces


def _check_versions(context: Context, check: Findings) -> None:
    for version, name in check.versions.items():
        check.users[name].add(version)
        try:
            record = context.objects.version(name)
            check.users[record.manifest].add(version)
            manifest = check.manifests.get(record.manifest) or context.objects.manifest(record.manifest)
        except DamagedObject as error:
            check.add("record", objects.key_of(error.digest), error.reason, [version])
            continue
        check.manifests[record.manifest] = manifest
        if (record.files, record.size) != (len(manifest.files), manifest.size):
            check.add("record", objects.key_of(name), "it does not agree with its manifest", [version])
        for file in manifest.files:
            check.users[file.digest].add(version)


def _check_loose_objects(context: Context, check: Findings) -> None:
    """Every object is what its name says, whether a version needs it or not."""
    known = {objects.key_of(name) for name in (*check.versions.values(), *check.manifests)}
    for key in context.storage.list("objects"):
        if key in known:
            continue
        value = context.storage.get(key)
        if value is None:
            continue  # swept by a gc meanwhile
        name = key.removeprefix("objects/").replace("/", "")
        if digest(value.data) != name:
            check.add("object", key, "its bytes do not match its name", check.users.get(name, ()))
        elif not _is_record(value.data):
            check.add("object", key, "it is no record that mreg writes")


def _is_record(data: bytes) -> bool:
    for kind in (Manifest, VersionRecord):
        try:
            kind.from_bytes(data)
            return True
        except Malformed:
            continue
    return False


def _check_files(check: Findings) -> None:
    """Every file of every version can be put together from chunks that are there."""
    places = copies(check.indexes)
    seen: set[tuple[str, int]] = set()
    for manifest in check.manifests.values():
        for file in manifest.files:
            if (file.digest, file.size) in seen:
                continue
            seen.add((file.digest, file.size))
            fault = _file_fault(check, file, places)
            if fault:
                check.add("file", file.path, fault, check.users[file.digest])


def _file_fault(check: Findings, file: File, places: dict[bytes, Located]) -> str | None:
    if file.size == 0:
        return None if file.digest == EMPTY else "it is empty, but its digest is not that of no bytes"
    name = bytes.fromhex(file.digest)
    pieces = check.recipes.get(name) or (packs.Piece(name, file.size),)
    for piece in pieces:
        located = places.get(piece.digest)
        if located is None or located.entry.size != piece.size:
            return f"chunk {piece.digest.hex()} is in no pack"
        try:
            chain(located, places.get)
        except DamagedChunk as error:
            return str(error)
    if sum(piece.size for piece in pieces) != file.size:
        return "its recipe does not add up to its size"
    return None


def _check_chunks(context: Context, check: Findings, progress: Progress | None) -> None:
    """Read every chunk, and put together every file that has a recipe, to compare the digests."""
    total = sum(entry.stored for index in check.indexes.values() for entry in index.chunks)
    locate = copies(check.indexes).get
    buffers = Buffers()
    reader = ChunkReader(context.storage, locate, buffers)
    users = _users_by_chunk(check)
    sound: set[bytes] = set()
    for name, index in check.indexes.items():
        for entry in index.chunks:
            check.chunks_read += 1
            check.bytes_read += entry.stored
            try:
                buffers.give_back(reader.verified(Located(name, entry)))
                sound.add(entry.digest)
            except DamagedChunk as error:
                check.add("chunk", f"{packs.key_of(name)} at {entry.offset}", error.reason, users[entry.digest])
            if progress:
                progress(check.bytes_read, total)
    for file, pieces in check.recipes.items():
        if all(piece.digest in sound for piece in pieces) and not _adds_up(reader, file, pieces, locate):
            check.add("recipe", file.hex(), "its chunks do not make up its digest", check.users.get(file.hex(), ()))


def _adds_up(reader: ChunkReader, file: bytes, pieces: tuple[packs.Piece, ...], locate: Locate) -> bool:
    whole = blake3()
    for piece in pieces:
        located = locate(piece.digest)
        try:
            whole.update(reader.read(located) if located else b"")
        except DamagedChunk:
            return False
    return whole.digest() == file


def _users_by_chunk(check: Findings) -> dict[bytes, set[str]]:
    """Which versions need each chunk, by itself or as a base."""
    places = copies(check.indexes)
    users: dict[bytes, set[str]] = defaultdict(set)
    for manifest in check.manifests.values():
        for file in manifest.files:
            name = bytes.fromhex(file.digest)
            for piece in check.recipes.get(name) or (packs.Piece(name, file.size),):
                for chunk in with_bases(piece.digest, places):
                    users[chunk] |= check.users[file.digest]
    return users


def _name_the_hurt(check: Findings) -> None:
    """A damaged pack hurts the versions whose files lack chunks: those findings stand beside it."""
    lacking = sorted({version for finding in check.found if finding.code == "file" for version in finding.hurts})
    check.found = [
        replace(finding, hurts=tuple(lacking)) if finding.code == "pack" else finding for finding in check.found
    ]
