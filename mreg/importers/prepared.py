"""Collections whose bytes and records are stored, and whose refs are yet to be committed."""

from __future__ import annotations

from mreg.importers.plan import PlannedVersion
from mreg.importers.targets import Target
from mreg.refs.view import View
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import Manifest


class Added(NamedTuple):
    """A version whose bytes and records are stored. manifest: its files."""

    version: PlannedVersion
    number: int
    digest: str
    manifest: Manifest


class Prepared(NamedTuple):
    """A collection of which all bytes are stored, as of `view`. first: the next number then. skipped: numbers that will
    never mean anything. new, stored: see `ImportedCollection`."""

    target: Target
    view: View
    first: int
    skipped: tuple[int, ...]
    added: tuple[Added, ...]
    packs: tuple[str, ...]
    new: int
    stored: int

    @property
    def numbers(self) -> dict[str, int]:
        """By id, of all versions that were ever imported."""
        return {**self.target.memory.versions, **{one.version.id: one.number for one in self.added}}
