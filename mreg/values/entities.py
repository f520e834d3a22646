"""What the Python API hands out: descriptions of what was in the repository when it was asked.

Named tuples, here and wherever a value does not change: a frozen data class takes four times as long to define, which
every command would wait for.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from mreg.values.changed import RefChange
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import DataSource, File, Input, Origin

if TYPE_CHECKING:
    from mreg.values.tensors import TensorDiff

__all__ = [
    "AnnotateResult",
    "Artifact",
    "Attachment",
    "Checkout",
    "Consumer",
    "DataSource",
    "Diff",
    "File",
    "HistoryEntry",
    "Input",
    "KeyFigures",
    "LeftOut",
    "Link",
    "LinkResult",
    "LocalFiles",
    "LogResult",
    "Model",
    "Noted",
    "Noticed",
    "Origin",
    "Removed",
    "Surroundings",
    "TagsResult",
    "Unlinked",
    "Usage",
    "UsageItem",
    "Version",
]


class Version(NamedTuple):
    """A model version.

    digest: of its record, the version's identity. manifest: digest of its list of files, equal for equal
    content. size: bytes of all files. created: in UTC. aliases: of its artifact. links: `model:vN`.
    message, metadata, inputs, sources (files and URIs that went into it): as logged, or as annotated since.
    model_aliases (`model:alias`) and model_tags: of the registered models that link it. licenses, base_models: what
    their cards say. origin: of one that was imported.
    """

    artifact: str
    number: int
    digest: str
    manifest: str
    files: int
    size: int
    created: datetime
    author: str
    host: str
    run: str | None
    message: str
    metadata: dict[str, Any]
    inputs: tuple[Input, ...]
    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    type: str = "model"
    model_aliases: tuple[str, ...] = ()
    model_tags: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    origin: Origin | None = None
    sources: tuple[DataSource, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`artifact:vN`."""
        return f"{self.artifact}:v{self.number}"


class Noted(NamedTuple):
    """The properties of a collection, a version or a link, and when anything of it was changed last: of a collection,
    its versions, links and aliases included."""

    properties: dict[str, Any]
    changed: datetime


class LeftOut(NamedTuple):
    """So many versions do not match a filter only because they have no such key; the test `instead` takes them too."""

    key: str
    versions: int
    instead: str


class KeyFigures(NamedTuple):
    """A key of metadata: the types of its values (number, text, boolean, nan, other), how many versions have it, and
    its smallest and largest value: number, else text, else None."""

    key: str
    types: tuple[str, ...]
    versions: int
    smallest: float | str | None
    largest: float | str | None


class Noticed(NamedTuple):
    """Files told by their names. kind: "secret" or "clutter" for files of the version that are seldom meant to be in
    one, "reserved" for what no version may hold, and was left out. pattern: the exclude that leaves them out. example:
    the first of them."""

    kind: str
    pattern: str
    files: int
    example: str


class LogResult(NamedTuple):
    """What `log` did. created: False where the artifact had a version with this content already, which is then
    `version`. new: bytes of the chunks that the repository did not have; stored: what they take as kept on disk.
    links: as `model:vN`. seq, changes: see `Changed`. healed: bytes of the chunks that were damaged in the repository,
    and have been stored again. files_read, bytes_read: what was read; the others look as they did when they were logged
    before. milliseconds: where the time went, by phase. noticed: files that may have been logged by mistake, and
    what was left out for its name. left_out: empty folders that are not kept, since a repository of format 1 cannot
    hold them. expires: when gc may let the version go (see `log`, `ttl`), if it may. fetched: bytes of the base that
    were brought from a remote."""

    version: Version
    created: bool
    new: int = 0
    stored: int = 0
    links: tuple[str, ...] = ()
    models_created: tuple[str, ...] = ()
    seq: int | None = None
    changes: tuple[RefChange, ...] = ()
    healed: int = 0
    files_read: int = 0
    bytes_read: int = 0
    milliseconds: dict[str, int] = {}  # noqa: RUF012 - never changed
    noticed: tuple[Noticed, ...] = ()
    left_out: tuple[str, ...] = ()
    expires: datetime | None = None
    fetched: int = 0


class AnnotateResult(NamedTuple):
    """What `annotate` did: the version as it is now, and whether anything changed. seq, changes: see `Changed`."""

    version: Version
    changed: bool
    seq: int | None = None
    changes: tuple[RefChange, ...] = ()


class Removed(NamedTuple):
    """Versions, `artifact:vN`, that were deleted together, in the order in which they were named. seq, changes: see
    `Changed`."""

    versions: tuple[str, ...]
    seq: int = 0
    changes: tuple[RefChange, ...] = ()


class Artifact(NamedTuple):
    """A model artifact: an ordered collection of versions. size: bytes of the latest one's files; None where there is
    none, or where its record is damaged. changed: when anything of it, its aliases included, was changed last."""

    name: str
    type: str
    description: str
    versions: int
    latest: str | None
    aliases: dict[str, str]
    size: int | None = None
    changed: datetime | None = None


class Consumer(NamedTuple):
    """A run that used a version (`use --run`), and when it did so first."""

    run: str
    time: datetime


class Surroundings(NamedTuple):
    """What a version is connected with. links: those of registered models (`model:vN`), each with the model's aliases
    on it. consumers: the latest first. derived: the versions that were made from it; None where damage keeps mreg from
    telling. expires: when gc may let it go, if nothing holds it then; None: not by an expiry of its own."""

    links: dict[str, tuple[str, ...]]
    consumers: tuple[Consumer, ...]
    derived: tuple[str, ...] | None
    expires: datetime | None = None


class Attachment(NamedTuple):
    """A file, or a folder of files, attached to a collection, a version or a link. manifest: digest of its list of
    files."""

    name: str
    manifest: str
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class Link(NamedTuple):
    """A link in a registered model: `model:vN` is `version`."""

    model: str
    number: int
    artifact: str
    version_number: int
    digest: str
    aliases: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.model}:v{self.number}"

    @property
    def version(self) -> str:
        return f"{self.artifact}:v{self.version_number}"


class LinkResult(NamedTuple):
    """What `link` did. created: False where the version was linked already. model_created: whether the
    registered model was made for it. seq, changes: see `Changed`."""

    link: Link
    created: bool
    model_created: bool
    seq: int | None = None
    changes: tuple[RefChange, ...] = ()


class Unlinked(NamedTuple):
    """The link that was removed. seq, changes: see `Changed`."""

    link: Link
    seq: int | None = None
    changes: tuple[RefChange, ...] = ()


class TagsResult(NamedTuple):
    """All tags that the registered model, or the version (`artifact:vN`), has now. seq, changes: see `Changed`."""

    model: str
    tags: tuple[str, ...]
    seq: int | None = None
    changes: tuple[RefChange, ...] = ()


class Model(NamedTuple):
    """A registered model: a named collection of links, with a card and tags. changed: when anything of it, its aliases
    included, was changed last. type: of the versions that it is for."""

    name: str
    description: str
    tags: tuple[str, ...]
    card: str
    links: tuple[Link, ...]
    aliases: dict[str, str]
    changed: datetime | None = None
    type: str = "model"


class HistoryEntry(NamedTuple):
    """One committed change: its number, time (UTC), who made it where with which command, all it moved, and the
    reason that was given (`message`). move: in the history of an alias, what became of it; where its collection was
    renamed, `old` is where it was by its former name."""

    seq: int
    time: datetime
    who: str
    host: str
    command: str
    changes: tuple[RefChange, ...]
    message: str | None = None
    move: RefChange | None = None


class LocalFiles(NamedTuple):
    """Files outside of the repository, as `diff` was given them: a folder, or a file."""

    name: str
    files: int
    size: int


class Diff(NamedTuple):
    """Two versions side by side, or a version and files outside. Files by path; changed: those whose bytes
    differ, or of which only one is executable. metadata: the keys (dotted) that differ, each with its value before and
    after (None: absent); empty beside files outside. tensors: None where nobody asked for them. added_folders,
    removed_folders: those that hold nothing. only: of a version that was compared with a single file, the path of its
    file that was, before and after; else None."""

    before: Version | LocalFiles
    after: Version | LocalFiles
    added: tuple[File, ...]
    removed: tuple[File, ...]
    changed: tuple[tuple[File, File], ...]
    metadata: dict[str, tuple[Any, Any]]
    tensors: TensorDiff | None = None
    added_folders: tuple[str, ...] = ()
    removed_folders: tuple[str, ...] = ()
    only: tuple[str | None, str | None] = (None, None)


class Checkout(NamedTuple):
    """What `get` did: the folder, and how many files it wrote (some of them as clones) and found right already.

    Paths below the folder: damaged: of files that it left out, as it was told to (`partial`); removed: of what was not
    of the version and is gone (`exact`); others: of what is not of the version and still there, at most 1000.
    """

    path: str
    version: str
    written: int
    kept: int
    damaged: tuple[str, ...] = ()
    cloned: int = 0
    removed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class UsageItem(NamedTuple):
    """Where the bytes of one artifact or version are, those of attachments included. logical: of all its files. unique:
    of its chunks, equal ones counted once. stored: what these take on disk, with the chunks that they are stored as
    differences to.

    Of versions also frees: what `gc` gives back when it is deleted and the grace period is over. own: what its
    chunks take that nothing else needs: so much more than *frees* may come free by and by, as `gc --repack` writes
    packs anew that have become mostly dead.
    """

    name: str
    versions: int
    logical: int
    unique: int
    stored: int
    frees: int | None = None
    own: int | None = None


class Usage(NamedTuple):
    """Where the bytes are, all together (see `UsageItem`) and one by one: by version of a collection, or by
    artifact. unfinished: what running commands have written that is not named yet, and killed ones have left behind;
    no part of the other figures."""

    versions: int
    logical: int
    unique: int
    stored: int
    items: tuple[UsageItem, ...] = ()
    unfinished: int = 0
