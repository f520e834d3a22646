"""What an import did, or would do."""

from __future__ import annotations

from typing import Any

from mreg.values.changed import RefChange
from mreg.values.named_tuple import NamedTuple

__all__ = ["Imported", "ImportedCollection", "ImportedVersion"]


class ImportedVersion(NamedTuple):
    """A version of the source. id: the source's own word for it. version: NAME:vN here. state: `new`; `here`, where it
    was imported before; `deleted`, where it was, and was then deleted here. time, author: when it was made, and by
    whom, as the source says. partial: the source lacked files of it."""

    id: str
    version: str
    state: str
    files: int
    size: int
    time: str | None
    author: str | None
    message: str
    metadata: dict[str, Any]
    tags: tuple[str, ...]
    inputs: tuple[str, ...]
    partial: bool = False


class ImportedCollection(NamedTuple):
    """What became of a collection of the source. name: as it is called there. aliases: of the source, by the names that
    they have here, each with its version (NAME:vN). renamed: the names that did not fit, each with the one that it has
    here. kept: aliases that were moved here since they were imported, and that are left where they are. new, stored:
    bytes of chunks that the repository lacked, and what they take on disk. seq, changes: see `Changed`."""

    name: str
    artifact: str
    versions: tuple[ImportedVersion, ...]
    aliases: dict[str, str]
    renamed: dict[str, str]
    kept: tuple[str, ...] = ()
    new: int = 0
    stored: int = 0
    seq: int | None = None
    changes: tuple[RefChange, ...] = ()


class Imported(NamedTuple):
    """system: the kind of source. notes: what was left out, and why. dry_run: nothing was changed."""

    system: str
    source: str
    collections: tuple[ImportedCollection, ...]
    notes: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def added(self) -> tuple[str, ...]:
        """The new versions (NAME:vN)."""
        return tuple(one.version for each in self.collections for one in each.versions if one.state == "new")
