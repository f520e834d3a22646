"""What a check of a repository finds, and what its parts tell one another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from mreg.packs import PackIndex, Piece
from mreg.records import Manifest
from mreg.refs import Ref


@dataclass(frozen=True, slots=True)
class Finding:
    """One damaged thing. code: the class of damage (docs/format.md numbers them); what: the ref, entry,
    record or pack; hurts: the versions (`artifact:vN`) that cannot be read, or trusted, because of it."""

    code: str
    what: str
    reason: str
    hurts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """findings: empty where all is well. The rest says how much was looked at."""

    findings: tuple[Finding, ...]
    entries: int
    refs: int
    versions: int
    packs: int
    chunks_read: int
    bytes_read: int


@dataclass
class Findings:
    """A check in progress. state: every ref as the journal leaves it. users: which versions need which
    pack, record or file (by digest)."""

    found: list[Finding] = field(default_factory=list)
    state: dict[str, Ref] = field(default_factory=dict)
    entries: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    indexes: dict[str, PackIndex] = field(default_factory=dict)
    recipes: dict[bytes, tuple[Piece, ...]] = field(default_factory=dict)
    users: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    chunks_read: int = 0
    bytes_read: int = 0

    def add(self, code: str, what: str, reason: str, hurts: Iterable[str] = ()) -> None:
        self.found.append(Finding(code, what, reason, tuple(sorted(set(hurts)))))

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
