"""Checks of what refs lead to: records, manifests, packs, chunks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection

from blake3 import blake3

from mreg.content import objects, packs
from mreg.content.buffers import Buffers
from mreg.content.chunks import ChunkReader, chain
from mreg.content.objects import DamagedObject
from mreg.content.packs import DamagedChunk, DamagedPack, Located
from mreg.refs import keys
from mreg.refs.journal import DamagedJournal, Entry
from mreg.refs.keys import VersionKey
from mreg.session import config
from mreg.session.context import Context
from mreg.storage import unreadable
from mreg.upkeep import reach
from mreg.upkeep.clock import age_of
from mreg.upkeep.findings import Findings
from mreg.upkeep.reach import copies, with_bases
from mreg.values.ages import parse_seconds
from mreg.values.canonical import Malformed
from mreg.values.digest import EMPTY, digest, is_digest
from mreg.values.errors import Damaged, InvalidInput
from mreg.values.records import File, Manifest, VersionRecord

Progress = Callable[[int, int], None]


def check_data(context: Context, check: Findings, *, full: bool, progress: Progress | None, now: float) -> None:
    """Invariants 7 to 11 of docs/format.md; the bytes of chunks (12) only with `full`."""
    _note_deleted(context, check, now)
    _check_packs(context, check)
    _check_versions(context, check)
    _check_loose_objects(context, check)
    _check_files(check)
    if full:
        _check_chunks(context, check, progress)
    _read_on(context, check)
    _name_the_hurt(check)
    _leave_out_gone(check)


def _note_deleted(context: Context, check: Findings, now: float) -> None:
    if not check.whole:
        return
    try:
        grace = parse_seconds(context.setting("gc.grace"))
    except (Damaged, InvalidInput):
        grace = parse_seconds(config.setting("gc.grace").default)
    kept = reach.remembered(check.log, lambda seq: age_of(context, seq, now), grace) - reach.versions_now(check.state)
    for version, *values in (move for entry in check.log for move in _version_moves(entry)):
        for value in values:
            if value is not None and value in kept:
                check.deleted[value] = f"{version} (deleted)"


def _version_moves(entry: Entry) -> list[tuple[str, str | None, str | None]]:
    """The versions whose refs the entry moved, with what these were and are."""
    moves = ((keys.parse(ref), old, new) for ref, old, new in entry.changes)
    return [(key.version, old, new) for key, old, new in moves if isinstance(key, VersionKey)]


def _check_packs(context: Context, check: Findings) -> None:
    for key in context.storage.list("packs"):
        name = packs.name_of(key)
        if name is None or not is_digest(name) or packs.key_of(name) != key:
            check.add("foreign-file", key, "it is not called like a pack")
        else:
            _read_index(context, check, name)
    _catch_up(context, check)
    known = {name: index for name, index in check.indexes.items() if name in check.registered or not check.whole}
    check.places = copies(known)
    for index in known.values():
        for file, pieces in index.recipes.items():  # of several, one whose chunks are all there
            if file not in check.recipes or all(piece.digest in check.places for piece in pieces):
                check.recipes[file] = pieces


def _read_index(context: Context, check: Findings, name: str) -> None:
    try:
        check.indexes[name] = packs.read_index(context.storage, name)
    except DamagedPack as error:
        if _is_there(context, packs.key_of(name)):
            check.add("pack", packs.key_of(name), error.reason)
        # else a gc has swept it meanwhile


def _is_there(context: Context, key: str) -> bool:
    try:
        return context.storage.stat(key) is not None
    except OSError as error:
        unreadable(error)
        return True


def _catch_up(context: Context, check: Findings) -> None:
    """The packs that are read from are those of the journal as it now is: a gc may have put others in the place of
    those that we knew."""
    _read_on(context, check)
    for name in check.registered - check.indexes.keys():
        if not _is_there(context, packs.key_of(name)):
            check.missing.add(name)
        elif not any(finding.what == packs.key_of(name) for finding in check.found):
            _read_index(context, check, name)


def _read_on(context: Context, check: Findings) -> None:
    """What was committed meanwhile. A gc says what goes before it deletes: what is missing for that is known to be
    gone when the journal is read after it was missed."""
    try:
        for mark, entry in context.journal.after(check.head) if check.whole else ():
            check.head = mark
            check.note_packs(entry)
            named = {version: new for version, _, new in _version_moves(entry)}
            check.gone -= {name for name, value in named.items() if value is not None}
            check.gone |= {name for name, value in named.items() if value is None}
            dropped = set(entry.drops)
            check.gone |= {called for name, called in check.deleted.items() if objects.key_of(name) in dropped}
    except DamagedJournal:
        check.whole = False
    check.missing &= check.registered


def _check_versions(context: Context, check: Findings) -> None:
    for version, name in (*check.versions.items(), *((called, name) for name, called in check.deleted.items())):
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
    known = {objects.key_of(name) for name in (*check.versions.values(), *check.deleted, *check.manifests)}
    for key in context.storage.list("objects"):
        if key in known:
            continue
        try:
            value = context.storage.get(key)
        except OSError as error:
            check.add("object", key, unreadable(error))
            continue
        if value is None:
            continue  # swept by a gc meanwhile
        name = key.removeprefix("objects/").replace("/", "")
        if digest(value.data) != name:
            check.add("object", key, "its bytes do not match its name", check.users.get(name, ()))
        elif not is_record(value.data):
            check.add("object", key, "it is no record that mreg writes")


def is_record(data: bytes) -> bool:
    for kind in (Manifest, VersionRecord):
        try:
            kind.from_bytes(data)
            return True
        except Malformed:
            continue
    return False


def _check_files(check: Findings) -> None:
    """Every file of every version can be put together from chunks that are there."""
    seen: set[tuple[str, int]] = set()
    deleted = set(check.deleted.values())
    for manifest in check.manifests.values():
        for file in manifest.files:
            if (file.digest, file.size) in seen:
                continue
            seen.add((file.digest, file.size))
            fault = _file_fault(check, file)
            hurt = check.users[file.digest] if fault else set()
            if fault and hurt - deleted:
                check.add("file", file.path, fault, hurt)
            else:
                check.lacking |= hurt  # the pack is named; once that is given up, nothing is left to mend


def _file_fault(check: Findings, file: File) -> str | None:
    if file.size == 0:
        return None if file.digest == EMPTY else "it is empty, but its digest is not that of no bytes"
    name = bytes.fromhex(file.digest)
    pieces = check.recipes.get(name) or (packs.Piece(name, file.size),)
    for piece in pieces:
        located = check.places.get(piece.digest)
        if located is None or located.entry.size != piece.size:
            return f"chunk {piece.digest.hex()} is in no pack that the journal names"
        try:
            chain(located, check.places.get)
        except DamagedChunk as error:
            return str(error)
    if sum(piece.size for piece in pieces) != file.size:
        return "its recipe does not add up to its size"
    return None


def _check_chunks(context: Context, check: Findings, progress: Progress | None) -> None:
    """Read every chunk, and put together every file that has a recipe, to compare the digests."""
    total = sum(entry.stored for index in check.indexes.values() for entry in index.chunks)
    buffers = Buffers()
    reader = ChunkReader(context.storage, check.places.get, buffers)
    loose = ChunkReader(context.storage, copies(check.indexes).get, buffers)  # of packs that nobody reads from
    users = users_by_chunk(check)
    for name, index in check.indexes.items():
        for entry in index.chunks:
            located = Located(name, entry)
            check.chunks_read += 1
            check.bytes_read += entry.stored
            try:
                buffers.give_back((reader if name in check.registered else loose).verified(located))
                check.sound.add(entry.digest)
            except DamagedChunk as error:
                if not _is_swept(context, check, located):
                    check.broken.add(located)
                    check.add("chunk", f"{packs.key_of(name)} at {entry.offset}", error.reason, users[entry.digest])
            if progress:
                progress(check.bytes_read, total)
    for file, pieces in check.recipes.items():
        if all(piece.digest in check.sound for piece in pieces) and not _adds_up(reader, file, pieces, check):
            check.add("recipe", file.hex(), "its chunks do not make up its digest", check.users.get(file.hex(), ()))


def _is_swept(context: Context, check: Findings, located: Located) -> bool:
    """Has a gc taken the chunk, or one that it is the difference to, since it was looked up?"""
    try:
        links = chain(located, check.places.get)
    except DamagedChunk:
        links = [located]
    gone = [link.pack for link in links if not _is_there(context, packs.key_of(link.pack))]
    given_up = any(name not in check.registered for name in gone)
    return given_up or (bool(gone) and context.journal.has(check.head.seq + 1))


def _adds_up(reader: ChunkReader, file: bytes, pieces: Collection[packs.Piece], check: Findings) -> bool:
    whole = blake3()
    for piece in pieces:
        located = check.places.get(piece.digest)
        try:
            whole.update(reader.read(located) if located else b"")
        except DamagedChunk:
            return False
    return whole.digest() == file


def users_by_chunk(check: Findings) -> dict[bytes, set[str]]:
    """Which versions need each chunk, by itself or as a base."""
    users: dict[bytes, set[str]] = defaultdict(set)
    for manifest in check.manifests.values():
        for file in manifest.files:
            name = bytes.fromhex(file.digest)
            for piece in check.recipes.get(name) or (packs.Piece(name, file.size),):
                for chunk in with_bases(piece.digest, check.places):
                    users[chunk] |= check.users[file.digest]
    return users


def _leave_out_gone(check: Findings) -> None:
    """What hurts only versions that were deleted meanwhile is no damage: a gc may have taken it."""
    check.found = [one for one in check.found if not (one.hurts and set(one.hurts) <= check.gone)]


def _name_the_hurt(check: Findings) -> None:
    """A damaged or lost pack hurts versions whose files lack chunks: those for which it was named, or any where
    that cannot be told. One that nobody lacks, as its files were logged again or deleted, is in the way of gc."""
    lacking = {
        version for finding in check.found if finding.code == "file" for version in finding.hurts
    } | check.lacking
    digests = {called: name for name, called in check.deleted.items()} | check.versions
    for name in sorted(check.missing):
        check.add("pack", packs.key_of(name), "it is missing")
    damaged = {
        finding.what: check.brought[packs.name_of(finding.what) or ""]
        for finding in check.found
        if finding.code == "pack"
    }
    told = {version for version in lacking if any(digests[version] in named for named in damaged.values())}
    for at, finding in enumerate(check.found):
        if finding.code == "pack":
            named = damaged[finding.what]
            hurts = {one for one in lacking if one not in told or None in named or digests[one] in named}
            check.found[at] = finding._replace(hurts=tuple(sorted(hurts)))
