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
    """Options of `Repository.push` and `Repository.pull`.

    every: all versions of the given collections, or of all collections.
    where: versions that match these filters.
    aliases: aliases of the chosen versions to transfer with them.
    all_aliases: transfer all of their aliases.
    links: transfer their links in registered models.
    tags, cards: transfer the tags and cards of these models.
    renumber: give the next free numbers to versions whose numbers belong to other versions there.
    restore: restore what was deleted there.
    names: new names there, by the names here.
    dry_run: change nothing; return what would be sent.
    progress: called with the bytes sent and the total.
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
    """One version of a transfer. source: NAME:vN on the side that it comes from. version: NAME:vN on the other side.

    state: `new`; `there` if the other side had it already; `deleted` if it was deleted there, and remains so;
    `restored` if it was deleted there and is back. size: bytes of its files.
    """

    source: str
    version: str
    digest: str
    state: str
    size: int


class Mirrored(NamedTuple):
    """What `Repository.mirror` did. entries: the number of journal entries copied. bytes: of packs and records."""

    source: str
    target: str
    entries: int
    bytes: int


class Transfer(NamedTuple):
    """The result of a push, pull or clone.

    source, target: the locations of the two repositories.
    chunks: the number of chunks sent.
    bytes: written there, in packs and records.
    reserved: numbers reserved there for versions that were not transferred.
    ahead: versions whose annotations there are newer than here.
    seq, changes: the change made there (see `Changed`).
    dry_run: nothing was changed.
    """

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
