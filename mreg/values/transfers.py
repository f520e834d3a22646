"""What a push, a pull or a clone did, or would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from mreg.values.changed import RefChange
from mreg.values.named_tuple import NamedTuple

if TYPE_CHECKING:
    from mreg.values.filters.filter import Filter
    from mreg.values.progress import Progress

__all__ = ["Mirrored", "Transfer", "TransferOptions", "TravelledVersion"]


class TransferOptions(TypedDict, total=False):
    """What `Repository.push` and `Repository.pull` can be told.

    every: all versions of the collections that are named, or of all. where: versions that match these filters.
    aliases: those to take along, of the chosen versions; all_aliases: every one of them. links: their links in
    registered models; tags, cards: of these models too. renumber: versions whose numbers mean others there get the next
    free ones. restore: bring back what was deleted there. names: what collections are to be called there. dry_run:
    change nothing, tell what would be sent. progress: told the bytes sent, and all that are to be.
    """

    every: bool
    where: str | Filter | Sequence[str | Filter]
    aliases: str | Sequence[str]
    all_aliases: bool
    links: bool
    tags: bool
    cards: bool
    renumber: bool
    restore: bool
    names: Mapping[str, str]
    dry_run: bool
    progress: Progress | None


class TravelledVersion(NamedTuple):
    """One version that was to travel. source: NAME:vN on the side that it comes from. version: NAME:vN on the other.

    state: `new`; `there`, where the other side had it already; `deleted`, where it was deleted there, and stays so;
    `restored`, where it was deleted there and is back. size: bytes of its files.
    """

    source: str
    version: str
    digest: str
    state: str
    size: int


class Mirrored(NamedTuple):
    """entries: of the journal that were copied. bytes: of packs and records."""

    source: str
    target: str
    entries: int
    bytes: int


class Transfer(NamedTuple):
    """source, target: where the two repositories lie. chunks: how many were sent. bytes: what was written there: packs
    and records. reserved: numbers there that are kept for versions which did not travel. ahead: versions there of which
    more is said there already than here. seq, changes: see `Changed`; the change was made there. dry_run: nothing was
    changed."""

    source: str
    target: str
    versions: tuple[TravelledVersion, ...]
    chunks: int = 0
    bytes: int = 0
    reserved: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    seq: int | None = None
    changes: tuple[RefChange, ...] = ()
    dry_run: bool = False

    @property
    def renumbered(self) -> dict[str, str]:
        """The versions that have another number there, or another name."""
        return {one.source: one.version for one in self.versions if one.source != one.version}
