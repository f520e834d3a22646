"""What an importer found: collections of versions, as their source has them. Nothing here has been checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Final

from mreg.small_files import scratch_folder
from mreg.values.named_tuple import NamedTuple

LATEST: Final = ""
"""In the place of a version's id: the last one of its collection."""


class Scratch:
    """Places for files that a source does not have as files: they are there until the import is done."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._folder = ""
        self._count = 0

    def path(self) -> str:
        """Where a new file may be written."""
        if not self._folder:
            self._folder = self._opened.enter_context(scratch_folder())
        self._count += 1
        return os.path.join(self._folder, str(self._count))

    def close(self) -> None:
        self._opened.close()


class Options(NamedTuple):
    """What the user said about a source. data: folders that its files may lie in besides. partial: also versions that
    the source has not all files of. only: the collections to import, all where there is none."""

    scratch: Scratch
    data: tuple[str, ...] = ()
    partial: bool = False
    only: tuple[str, ...] = ()

    def wanted(self, collection: str) -> bool:
        """Is it imported? Of another one a plan needs the name only, from which suggestions are made: what is wrong
        with it must not keep anybody from importing the rest."""
        return not self.only or collection in self.only


class PlannedFile(NamedTuple):
    """Where the bytes of a file lie, and what the source says of them. digests: hex, by the name of the algorithm
    (`importers/check.py::ALGORITHMS`). write: makes the file, where the source does not have it as one; it is called
    only if the file has to be read, which is not so for a version that is here."""

    file: str
    size: int | None = None
    digests: Mapping[str, str] = {}
    write: Callable[[str], None] | None = None


class PlannedInput(NamedTuple):
    """What a version was made from: a version of another collection of this source (id: which one; LATEST), or, where
    that was never imported, an address."""

    collection: str
    id: str
    uri: str


class PlannedVersion(NamedTuple):
    """id: says which version it is, within its collection, for ever. pinned: does the id say what the content is? If
    not, the content is compared with what was imported under this id. number: the version number to have, if that is
    possible. files: by path in the version. missing: paths of files that the source should have, and has not. time:
    when it was made, RFC 3339 in UTC with microseconds. place: where the source says its files are, of which none is
    there."""

    id: str
    files: Mapping[str, PlannedFile]
    folders: tuple[str, ...] = ()
    pinned: bool = True
    number: int | None = None
    missing: tuple[str, ...] = ()
    place: str | None = None
    time: str | None = None
    author: str | None = None
    message: str = ""
    metadata: Mapping[str, Any] = {}
    tags: tuple[str, ...] = ()
    properties: Mapping[str, Any] = {}
    run: str | None = None
    inputs: tuple[PlannedInput, ...] = ()


class PlannedCollection(NamedTuple):
    """name: as the source has it. versions: in their order. aliases: each with the id of its version. description,
    properties: said of a new artifact."""

    name: str
    versions: tuple[PlannedVersion, ...]
    aliases: Mapping[str, str] = {}
    type: str = "model"
    description: str = ""
    properties: Mapping[str, Any] = {}


class Plan(NamedTuple):
    """system: the importer's. source: the path that was given. collections: those whose versions are inputs of others
    come first. notes: what is left out, and why, in sentences. keeps: holds what has to be there until the files have
    been read, such as a folder of what was unpacked."""

    system: str
    source: str
    collections: tuple[PlannedCollection, ...]
    notes: tuple[str, ...] = ()
    keeps: object = None
