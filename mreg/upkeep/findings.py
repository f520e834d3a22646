"""What a check of a repository finds, and what its parts tell one another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from mreg.content import packs
from mreg.content.packs import Located, PackIndex, Piece
from mreg.refs import keys
from mreg.refs.journal import Entry, Mark
from mreg.refs.keys import RefKey, VersionKey
from mreg.refs.ref_files import Ref
from mreg.values.digest import is_digest
from mreg.values.records import Manifest

__all__ = ["Finding", "Repaired", "Report"]


class Finding(NamedTuple):
    """One damaged thing. code: the class of damage (docs/format.md numbers them); what: the ref, entry,
    record or pack; hurts: the versions (`artifact:vN`) that cannot be read, or trusted, because of it."""

    code: str
    what: str
    reason: str
    hurts: tuple[str, ...] = ()


class Repaired(NamedTuple):
    """What a repair mended. code: the class of damage; what: the damaged thing; done: what was done about it."""

    code: str
    what: str
    done: str


class Report(NamedTuple):
    """findings: empty where all is well; after a repair, what is left. repaired: what it mended. unfinished: bytes
    that running commands have not given a name yet, or killed ones have left behind. The rest says how much was looked
    at."""

    findings: tuple[Finding, ...]
    entries: int
    refs: int
    versions: int
    packs: int
    chunks_read: int
    bytes_read: int
    repaired: tuple[Repaired, ...] = ()
    unfinished: int = 0


@dataclass
class Findings:
    """A check in progress.

    state: every ref as the journal leaves it, up to `head`; whole: whether that is all of the journal. registered:
    the packs that are read from; brought: for which versions (by digest) they were named, None standing for an
    entry that made no version. log: the entries up to `head`. deleted: the versions (by digest, each with what it is
    called in findings) that refs named within the grace period: an undo brings them back, so what they need is no
    garbage. users: which versions need which record or file (by digest), deleted ones too. places, recipes: of
    the packs that are read from. missing: those of them that are not there. lacking: the deleted versions whose
    files cannot be put together. sound: the chunks of which there is a
    whole copy; broken: the copies that are none; both known only when the bytes were read. gone: the versions that
    were deleted, or given up by a gc, while the check was at work.
    """

    found: list[Finding] = field(default_factory=list)
    state: dict[RefKey, Ref] = field(default_factory=dict)
    entries: int = 0
    log: list[Entry] = field(default_factory=list)
    head: Mark = field(default_factory=lambda: Mark(0, ""))
    whole: bool = True
    registered: set[str] = field(default_factory=set)
    brought: dict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))
    versions: dict[str, str] = field(default_factory=dict)
    deleted: dict[str, str] = field(default_factory=dict)
    lacking: set[str] = field(default_factory=set)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    indexes: dict[str, PackIndex] = field(default_factory=dict)
    places: dict[bytes, Located] = field(default_factory=dict)
    recipes: dict[bytes, Collection[Piece]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    sound: set[bytes] = field(default_factory=set)
    broken: set[Located] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    users: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    chunks_read: int = 0
    bytes_read: int = 0

    def add(self, code: str, what: str, reason: str, hurts: Iterable[str] = ()) -> None:
        self.found.append(Finding(code, what, reason, tuple(sorted(set(hurts)))))

    def note_packs(self, entry: Entry) -> None:
        """Learn which packs are read from after this entry too."""
        keyed = ((keys.parse(change.ref), change.new) for change in entry.changes)
        made: set[str | None] = {new for key, new in keyed if isinstance(key, VersionKey) and is_digest(new)} or {None}
        for name in entry.packs:
            self.brought[name] |= made
        self.registered.update(entry.packs)
        self.registered.difference_update(filter(None, map(packs.name_of, entry.drops)))

    def report(self) -> Report:
        return Report(
            findings=tuple(self.found),
            entries=self.entries,
            refs=len(self.state),
            versions=len(self.versions),
            packs=len(self.indexes),
            chunks_read=self.chunks_read,
            bytes_read=self.bytes_read,
        )
