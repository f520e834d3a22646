"""A check in progress: what it found, the refs as the journal leaves them, and the data that they lead to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from mreg.content import objects
from mreg.content.packs import Located, PackIndex, Piece
from mreg.refs import keys
from mreg.refs.journal import DamagedJournal, Entry, Journal, Mark
from mreg.refs.keys import AttachmentKey, RefKey, VersionKey
from mreg.refs.ref_files import Ref
from mreg.refs.rules import Root, root, words
from mreg.upkeep import reach
from mreg.upkeep.findings import Findings, Report
from mreg.upkeep.reach import with_bases
from mreg.values.records import File, Manifest


@dataclass
class Replayed:
    """The refs, and the packs that are read from, as the journal leaves them. Versions are known by the digests of
    their records, and called by their names."""

    entries: list[Entry] = field(default_factory=list)
    """Those that were read first; what is committed meanwhile is followed by `read_on`."""
    head: Mark = field(default_factory=lambda: Mark(0, ""))
    """The last entry that was read."""
    whole: bool = True
    """Is that all of the journal?"""
    state: dict[RefKey, Ref] = field(default_factory=dict)
    """Every ref after `entries`."""
    versions: dict[str, str] = field(default_factory=dict)
    """The digest of each live version, by its name."""
    attached: dict[str, str] = field(default_factory=dict)
    """The manifest of each attachment, by what people call it. Whatever is said of versions is said of these too."""
    deleted: dict[Root, str] = field(default_factory=dict)
    """Those that refs named within the grace period: an undo brings them back, so what they need is no garbage."""
    gone: set[str] = field(default_factory=set)
    """The names of those that were deleted, or given up by a gc, while the check was at work."""
    registered: dict[str, None] = field(default_factory=dict)
    """The packs that are read from, as of `head`."""
    dead: dict[str, int] = field(default_factory=dict)
    """The storage keys that were dropped for ever, as of `head`, each with the entry that did it first."""
    brought: dict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))
    """For which versions (by digest) each pack was named; None stands for an entry that made no version."""

    def note_packs(self, entry: Entry) -> None:
        """Learn which packs are read from after this entry too."""
        made: set[str | None] = {new.digest for _, _, new in root_moves(entry) if new} or {None}
        for name in entry.packs:
            self.brought[name] |= made
        reach.register(self.registered, entry, self.dead)

    def read_on(self, journal: Journal) -> None:
        """Read what was committed meanwhile. A gc says what goes before it deletes: what is missing for that is known
        to be gone when the journal is read after it was missed."""
        try:
            for mark, entry in journal.rest(self.head) if self.whole else ():
                self.head = mark
                self.note_packs(entry)
                named = {called: new for called, _, new in root_moves(entry)}
                self.gone -= {name for name, value in named.items() if value is not None}
                self.gone |= {name for name, value in named.items() if value is None}
                dropped = set(map(objects.name_of, entry.drops))
                self.gone |= {called for one, called in self.deleted.items() if one.digest in dropped}
        except DamagedJournal:
            self.whole = False


def root_moves(entry: Entry) -> list[tuple[str, Root | None, Root | None]]:
    """The versions and attachments whose refs the entry moved, with what these were and are."""
    moves = ((keys.parse(ref), old, new) for ref, old, new in entry.changes)
    return [
        (called(key), root(key, old), root(key, new))
        for key, old, new in moves
        if isinstance(key, VersionKey | AttachmentKey)
    ]


def called(key: VersionKey | AttachmentKey) -> str:
    """What people call it."""
    return key.version if isinstance(key, VersionKey) else words(key)


@dataclass
class Data:
    """The records and packs of the repository, and who needs them."""

    manifests: dict[str, Manifest] = field(default_factory=dict)
    """Those of the versions that are live, or were within the grace period."""
    users: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The names of the versions that need a record or file (by digest), deleted ones too."""
    lacking: set[str] = field(default_factory=set)
    """The deleted versions whose files cannot be put together."""
    indexes: dict[str, PackIndex] = field(default_factory=dict)
    """Of all packs that are there and have a sound index."""
    places: dict[bytes, Located] = field(default_factory=dict)
    """Where each chunk is read from, if it is."""
    recipes: dict[bytes, Collection[Piece]] = field(default_factory=dict)
    """How each file is put together, in the packs that are read from."""
    missing: set[str] = field(default_factory=set)
    """The packs that are read from and not there."""

    # What a look at the bytes adds.

    sound: set[bytes] = field(default_factory=set)
    """The chunks of which there is a whole copy."""
    broken: set[Located] = field(default_factory=set)
    """The copies that are none."""
    chunks_read: int = 0
    bytes_read: int = 0

    def files(self) -> list[File]:
        """The files of all versions, each content once."""
        found: dict[tuple[str, int], File] = {}
        for manifest in self.manifests.values():
            for file in manifest.files:
                found.setdefault((file.digest, file.size), file)
        return list(found.values())

    def pieces(self, file: File) -> Collection[Piece]:
        """The chunks that make up the file."""
        name = bytes.fromhex(file.digest)
        return self.recipes.get(name) or (Piece(name, file.size),)

    def users_by_chunk(self) -> dict[bytes, set[str]]:
        """The names of the versions that need each chunk, by itself or as a base."""
        users: dict[bytes, set[str]] = defaultdict(set)
        for manifest in self.manifests.values():
            for file in manifest.files:
                for piece in self.pieces(file):
                    for chunk in with_bases(piece.digest, self.places):
                        users[chunk] |= self.users[file.digest]
        return users


@dataclass
class Check:
    """What a check works with, and all that it learns."""

    found: Findings = field(default_factory=Findings)
    refs: Replayed = field(default_factory=Replayed)
    data: Data = field(default_factory=Data)

    def report(self) -> Report:
        return Report(
            findings=tuple(self.found),
            entries=len(self.refs.entries),
            refs=len(self.refs.state),
            versions=len(self.refs.versions),
            packs=len(self.data.indexes),
            chunks_read=self.data.chunks_read,
            bytes_read=self.data.bytes_read,
        )
