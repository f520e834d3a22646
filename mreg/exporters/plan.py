"""What an export is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mreg.values.entities import Version
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import File, Manifest


class Subject(NamedTuple):
    """What is exported. name: the artifact, or the registered model by which the version was named. number: there.
    aliases: there, sorted. card: reads the model's, or the version's README.md; empty where there is none. tags: the
    version's, and the model's."""

    name: str
    number: int
    aliases: tuple[str, ...]
    version: Version
    manifest: Manifest
    card: Callable[[], str]
    tags: tuple[str, ...]


class Copied(NamedTuple):
    """A file of the version, under a path of the export."""

    path: str
    file: File


class Archive(NamedTuple):
    """A tar file of files of the version under their own paths; the same bytes each time."""

    files: tuple[File, ...]


class Blob(NamedTuple):
    """sha256: hex digits."""

    sha256: str
    size: int


class Written(NamedTuple):
    """What was written. sha256: of files, by mreg's own digest. archives: in the order of the plan."""

    sha256: Mapping[str, str]
    archives: tuple[Blob, ...]


class Plan(NamedTuple):
    """copied: files under paths of their own. blobs: files to be named by their SHA-256, in the folder `blobs_in`, as
    archives are. hashed: whether the SHA-256 of what is copied is wanted too. rest: whatever else is to be written, by
    path; made when all other files are. reserved: its paths at the top, which no file of the version may have. notes:
    what is left out, in sentences."""

    rest: Callable[[Written], Mapping[str, bytes]]
    copied: tuple[Copied, ...] = ()
    blobs: tuple[File, ...] = ()
    archives: tuple[Archive, ...] = ()
    folders: tuple[str, ...] = ()
    blobs_in: str = ""
    hashed: bool = False
    reserved: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
