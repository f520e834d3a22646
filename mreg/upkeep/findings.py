"""What a check of a repository finds, and what a repair does about it."""

from __future__ import annotations

from collections.abc import Iterable

from mreg.values.named_tuple import NamedTuple

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


class Findings(list[Finding]):
    """What a check has found so far."""

    def add(self, code: str, what: str, reason: str, hurts: Iterable[str] = ()) -> None:
        self.append(Finding(code, what, reason, tuple(sorted(set(hurts)))))

    def of(self, *codes: str) -> list[Finding]:
        """Those of these classes."""
        return [finding for finding in self if finding.code in codes]

    def leave_out(self, gone: set[str]) -> None:
        """What hurts only versions that are gone is no damage."""
        self[:] = [finding for finding in self if not (finding.hurts and gone.issuperset(finding.hurts))]
