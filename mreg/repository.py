"""The facade: whatever mreg can do with a repository is a method here. The command line uses nothing else.

Most rooms load their modules when a method needs them (`mreg.lazy`): a question about one reference must not pay for
all that mreg can do.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from mreg import checkout, content, intake, lazy, operations, session, upkeep, values
from mreg.operations.resolve import Resolved, resolve
from mreg.refs import heading
from mreg.refs.keys import CONFIG
from mreg.refs.ref_files import Ref, encode
from mreg.session import config, locations, places
from mreg.session.context import Context, has_journal
from mreg.session.places import default_cache, find_repository
from mreg.storage import ABSENT, PutLost, Storage
from mreg.storage.local import LocalStorage
from mreg.values import names
from mreg.values.contents import Contents
from mreg.values.errors import Refused
from mreg.values.formats import check_known
from mreg.values.progress import Progress

if TYPE_CHECKING:
    from datetime import datetime

    from mreg.operations.aliases import Alias, AliasRemoved, AliasSet
    from mreg.operations.metrics import Metrics
    from mreg.operations.past import Moment
    from mreg.operations.search import Wanted
    from mreg.operations.upgrade import Upgraded
    from mreg.upkeep.findings import Repaired, Report
    from mreg.upkeep.gc import Swept
    from mreg.values.entities import (
        AnnotateResult,
        Artifact,
        Attachment,
        Changed,
        Checkout,
        DataSource,
        Diff,
        File,
        HistoryEntry,
        KeyFigures,
        LeftOut,
        LinkResult,
        LogResult,
        Model,
        Origin,
        Removed,
        Surroundings,
        TagsResult,
        Unlinked,
        Usage,
        Version,
    )
    from mreg.values.filters.filter import Filter
    from mreg.values.lineage import Lineage

__all__ = [
    "Contents",
    "Paths",
    "Progress",
    "Repository",
    "Resolved",
    "default_cache",
    "find_repository",
    "formats",
]

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class AlreadyInitialised(Refused):
    code = "already-initialised"
    template = "{location} is an mreg repository already"

    location: str


class Repository:
    """An open repository. Make one with `open`, `find` or `init`; usable from several threads; `close` it,
    or use it as a context manager.

    Where a method takes a `reference`, that is `NAME[:vN | :ALIAS | :latest | :@DIGEST-PREFIX]`, `NAME` being
    an artifact or a registered model. All methods raise subclasses of `MregError`: InvalidInput, NotFound,
    Conflict, Damaged, Refused or Failed, and OSError where the machine fails. A method that raised has
    changed nothing, unless it raised Incomplete, a Failed: the change was made, and then something failed.
    """

    def __init__(self, context: Context) -> None:
        self._opened = context

    @property
    def _context(self) -> Context:
        """The parts of the repository, for one operation, which begins now."""
        self._opened.storage.begin()
        return self._opened

    # Opening.

    @classmethod
    def init(
        cls,
        location: str | os.PathLike[str] = ".",
        *,
        shared: bool = False,
        format: int | None = None,
        cache: str | None = None,
        author: str | None = None,
    ) -> Repository:
        """Make the repository `location/.mreg` and open it: `location` itself, where that is its name, or the URL of a
        folder in a bucket.

        shared: let the folder's group write to it, whatever the umask is. format: an older one, to share the
        repository with an older release. Raises AlreadyInitialised, NotAFolder, UnknownFormat.
        """
        url = locations.bucket_of(location)
        if url:
            if shared:
                locations.check_folder(location, "what a group shares")
            return cls._init_bucket(url, format, cache, author)
        path = places.place_for_new(location)
        storage = LocalStorage(path, permit=lambda: _permit(path))
        cache_of = places.cache_of(path, cache)
        repository = cls.init_storage(storage, path, format=format, cache=cache_of, author=author)
        if shared:  # by the journal, as every setting, so that it can be made again from there
            repository.set_setting(config.SHARED, config.GROUP)
        return repository

    @classmethod
    def _init_bucket(cls, url: locations.Url, format: int | None, cache: str | None, author: str | None) -> Repository:
        replica = session.buckets.open_replica(url, cache)
        if not session.buckets.prepare(replica):
            raise AlreadyInitialised(location=str(url))
        return cls.init_storage(replica, str(url), format=format, cache=cache or default_cache, author=author)

    @classmethod
    def open(
        cls, location: str | os.PathLike[str] = ".", *, cache: str | None = None, author: str | None = None
    ) -> Repository:
        """Open the repository `location`: a `.mreg` folder, or the folder that holds one, or the file:// URL of either,
        or the URL of a folder in a bucket (s3://BUCKET/FOLDER, gs://…, az://…).

        cache: the folder for lookup tables and ready-to-load copies; without it `mreg.default_cache()`. One
        in the repository itself is refused when it is needed (CacheInRepository).
        author: who stands in history; without it the account's name. Raises NoRepository, NewerFormat.

        Of a repository that belongs to somebody else, methods that change something raise `Untrusted` (a Refused)
        until the user's own settings, or MREG_SAFE, list it as safe.
        """
        url = locations.bucket_of(location)
        if url:
            replica = session.buckets.open_replica(url, cache)
            return cls(Context(replica, str(url), cache=cache or default_cache, author=author))
        path = places.place_of_existing(location)
        storage = LocalStorage(path, permit=lambda: _permit(path))
        return cls(Context(storage, path, cache=places.cache_of(path, cache), author=author))

    @classmethod
    def find(cls, start: str | None = None, *, cache: str | None = None, author: str | None = None) -> Repository:
        """Open what the command line would: `$MREG_REPO`, or the nearest `.mreg` from `start` upwards."""
        return cls.open(find_repository(start), cache=cache, author=author)

    @classmethod
    def init_storage(
        cls,
        storage: Storage,
        location: str,
        *,
        format: int | None = None,
        cache: str | Callable[[], str | None] | None = None,
        author: str | None = None,
    ) -> Repository:
        """Make a repository in any storage. Without a cache, lookup tables live in memory, and `use` cannot
        be called. Raises AlreadyInitialised, UnknownFormat."""
        number = config.FORMAT if format is None else check_known(format)
        text = config.initial(os.urandom(16).hex(), number)
        if storage.get(CONFIG) is not None:  # also where nothing could be written
            raise AlreadyInitialised(location=location)
        if has_journal(storage):
            raise config.DamagedConfig(reason="it is missing")
        try:
            storage.put(CONFIG, encode(CONFIG, Ref(text, 0)), ABSENT)
        except PutLost:
            raise AlreadyInitialised(location=location) from None
        return cls(Context(storage, location, cache=cache, author=author))

    @classmethod
    def open_storage(
        cls,
        storage: Storage,
        location: str,
        *,
        cache: str | Callable[[], str] | None = None,
        author: str | None = None,
    ) -> Repository:
        """Open the repository in any storage; `location` names it for people. cache: as for `init_storage`. Raises
        NoRepository, DamagedConfig, NewerFormat."""
        return cls(Context(storage, location, cache=cache, author=author))

    def close(self) -> None:
        """Let go of the lookup tables. Using the repository again opens them again."""
        self._opened.close()

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def location(self) -> str:
        """Where the repository lies."""
        return self._opened.location

    @property
    def id(self) -> str:
        """The repository's identity, 32 hex digits; a copy has the same."""
        return self._opened.identity.id

    @property
    def format(self) -> int:
        """The number of the repository's format, as committed by now."""
        return heading.of(self._context.quick_view().value(CONFIG)).format

    def upgrade(self) -> Upgraded:
        """Raise the format of the repository to the newest, as one change that converts nothing, and that cannot be
        undone. Releases that do not know that format can no longer use the repository."""
        return operations.upgrade.upgrade(self._context)

    # Versions.

    def log(
        self,
        paths: Paths | Contents,
        artifact: str,
        *,
        aliases: Sequence[str] = (),
        links: Sequence[str] = (),
        message: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        run: str | None = None,
        inputs: Sequence[str] = (),
        type: str | None = None,
        base: str | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        expect: str | Sequence[str] | None = None,
        once: bool = False,
        always: bool = False,
        dry_run: bool = False,
        sources: Sequence[DataSource] = (),
        origin: Origin | None = None,
        onto: str | None = None,
        remove: Sequence[str] = (),
        captured: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> LogResult:
        """Snapshot files as the artifact's next version, as one change together with all that is asked for.

        paths: a folder (its contents, empty folders too), or files and folders (by their names), or a mapping from
        paths in the version to what is there: the path of a file, bytes, or a binary stream, which is read to its end.
        onto: a version whose files and empty folders the new one has too, but those that `paths` replaces (there may be
        none) and those that `remove` names, or that lie in folders it names. aliases: words to move to the version.
        links: registered models to link it into; `MODEL:ALIAS` also moves an alias of the model to the link. expect:
        where these aliases are now, see `set_alias`. message, metadata (JSON-like), run: what to say of it. inputs:
        references of the versions it was made from. sources: what else it was made from, see `data_source`. origin:
        where it was imported from. type: of the artifact, where it is new. captured: metadata about the run, as
        `mreg.capture` makes it: said of a new version only, never of one that has the content already, and `metadata`
        wins over it.
        base: the version that tensors may be stored as the difference to; else `onto`, or the artifact's latest.
        include, exclude: patterns as in .gitignore. dry_run: change nothing, tell what would happen.

        Content (paths, bytes, empty folders, and which files are executable) that equals the latest version's makes no
        new version; aliases, links, inputs, sources, message and metadata then apply to that one, and another run is
        recorded as one that used it. once: no version either where the content equals that of any version of the
        artifact. always: a version in every case, as where the origin is another.
        """
        request = operations.log_request.LogRequest(
            paths=paths if isinstance(paths, Mapping) else _as_list(paths),
            artifact=artifact,
            aliases=_texts(aliases),
            links=_texts(links),
            message=message,
            metadata=metadata or {},
            run=run,
            inputs=_texts(inputs),
            type=type,
            base=base,
            selection=intake.scan.Selection(_texts(include), _texts(exclude)),
            dry_run=dry_run,
            expect=expect,
            once=once,
            always=always,
            sources=tuple(operations.log_request.check_source(one) for one in sources),
            origin=None if origin is None else operations.log_request.check_origin(origin),
            onto=onto,
            remove=_texts(remove),
            captured=captured,
        )
        return operations.log.log(self._context, request, progress)

    def data_source(self, path: str | os.PathLike[str]) -> DataSource:
        """A file or folder that a version is made from, with its size and its digest (of the bytes of a file, of the
        manifest of a folder), for `log`. Nothing of it is kept, and what is known by its stat is not read again. Raises
        MissingPath, Conflict where it changes while it is read."""
        found: DataSource = intake.hashing.data_source(self._context.index, os.fspath(path))
        return found

    def resolve(self, reference: str) -> Resolved:
        """The one version meant: its artifact, number and digest."""
        return resolve(self._context, reference)

    def version(self, reference: str) -> Version:
        """All about one version."""
        view = self._context.view()
        return operations.versions.load(self._context, view, resolve(self._context, reference, view))

    def surroundings(self, reference: str, *, told: Callable[[int], None] | None = None) -> Surroundings:
        """What a version is connected with: its links with the models' aliases, the runs that used it, and the versions
        that were made from it. told: see `search`."""
        return operations.surroundings.surroundings(self._context, reference, told)

    def lineage(
        self,
        reference: str,
        *,
        up: bool = True,
        down: bool = True,
        depth: int | None = None,
        told: Callable[[int], None] | None = None,
    ) -> Lineage:
        """The graph of versions around one. up: what it was made from, and that from. down: what was made from it, and
        from that. depth: the most steps away. Versions are followed by their digests: one that was renamed is found,
        and one that was deleted told. told: see `search`."""
        return operations.lineage.lineage(self._context, reference, up, down, depth, told)

    def versions(self, name: str, *, newest: int | None = None) -> list[Version]:
        """The versions of an artifact, oldest first, or those linked in a registered model, in link order. newest: of
        many only the last ones, which takes no longer than if there were no others."""
        return operations.query.versions(self._context, name, newest)

    def files(self, reference: str) -> tuple[File, ...]:
        """The files of a version, sorted by path."""
        files: tuple[File, ...] = operations.files.manifest_of(self._context, self.resolve(reference)).files
        return files

    def folders(self, reference: str) -> tuple[str, ...]:
        """The folders of a version that hold nothing, sorted by path."""
        folders: tuple[str, ...] = operations.files.manifest_of(self._context, self.resolve(reference)).folders
        return folders

    def read(self, reference: str, path: str) -> Iterator[bytes]:
        """The bytes of one file, piece by piece, each piece verified before it is given out."""
        return operations.files.read(self._context, reference, path)

    def open_file(self, reference: str, path: str) -> io.BufferedReader:
        """One file of a version, open for reading anywhere in it, as `open(path, "rb")` gives it; no copy is made.

        The reference is resolved once. What is read is verified chunk by chunk (1 MiB or so); that all chunks together
        are the file, only `read` and `get` prove. Raises UnknownFile; DamagedFile while reading.
        """
        opened = operations.files.open_file(self._context, reference, path)
        return io.BufferedReader(checkout.stored_file.StoredFile(opened), io.DEFAULT_BUFFER_SIZE)

    def read_range(self, reference: str, path: str, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes of one file from `start` to `stop`, as a slice of all of them would give. See `open_file`."""
        opened = operations.files.open_file(self._context, reference, path)
        first, end, _ = slice(start, stop).indices(opened.size)
        return bytes(opened.read_at(first, max(0, end - first)))

    def get(
        self,
        reference: str,
        destination: str | os.PathLike[str] | None = None,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        exact: bool = False,
        force: bool = False,
        partial: bool = False,
        reflink: bool = False,
        progress: Progress | None = None,
    ) -> Checkout:
        """Write a version's files into the folder `destination` (default `./NAME-vN`), verified.

        A new folder appears whole or not at all. Into one that exists, files are moved only when all of them have
        been verified and flushed: those that are there and right are left, those that differ are replaced. Others
        stay, and are named in the result. Whatever was written or right already bears one and the same time.

        include, exclude: patterns as in .gitignore. exact: remove what is not of the version; refused (WouldLose)
        where a file is among it whose bytes the repository does not have, unless `force`. partial: leave out, and name
        in the result, files that are damaged; without it, such a version is refused. reflink: clone the files from the
        cache where the file system can, so that they take no room of their own.
        """
        return operations.files.get(
            self._context,
            reference,
            None if destination is None else os.fspath(destination),
            progress,
            include=include,
            exclude=exclude,
            exact=exact,
            force=force,
            partial=partial,
            reflink=reflink,
        )

    def use(self, reference: str, *, run: str | None = None, progress: Progress | None = None) -> lazy.pathlib.Path:
        """The path of a read-only, verified, ready-to-load copy in the cache, made once and shared.

        run: record that this run consumed the version.
        """
        return lazy.pathlib.Path(self.use_path(reference, run=run, progress=progress))

    def use_path(self, reference: str, *, run: str | None = None, progress: Progress | None = None) -> str:
        """As `use`, but the path is a text: loading `pathlib` takes a third of the time of the answer."""
        return operations.files.use(self._context, reference, run, progress)

    def annotate(
        self,
        reference: str,
        *,
        message: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        unset: Sequence[str] = (),
        inputs: Sequence[str] = (),
        replace: bool = False,
    ) -> AnnotateResult:
        """Change what is said of a version, never its files. metadata is merged in after the dotted keys in
        `unset` were taken out. A mapping is not replaced by a single value, unless `replace`."""
        return operations.versions.annotate(
            self._context, reference, message=message, values=metadata, unset=unset, inputs=inputs, replace=replace
        )

    def remove(self, references: str | Sequence[str], *, force: bool = False, message: str | None = None) -> Removed:
        """Delete versions, all of them or none, as one change. Refused while an alias or a link holds one, unless
        `force`, which removes those too. Their numbers are never given again; their space comes back with `gc`. `undo`
        of the entry that is told brings all of it back, until then. message: the reason, for the history."""
        return operations.versions.remove(self._context, _texts(references), force=force, message=message)

    def diff(
        self,
        before: str | os.PathLike[str],
        after: str | os.PathLike[str],
        *,
        tensors: bool | str | Sequence[str] = False,
        statistics: bool = False,
        strip_prefix: str | tuple[str, str] = "",
        everything: bool = False,
        progress: Progress | None = None,
    ) -> Diff:
        """Two versions side by side: files, metadata, and with `tensors` the tensors of the files that differ.

        Either may be a folder or a file outside of the repository: a path object, or a text that begins with `/`, `./`,
        `../` or `~`. It is read as `log` would read it, and not logged.

        tensors: true, or patterns that the names of tensors are to match (`*` stands for any characters); one that
        matches none on either side is refused (UnmatchedPattern).
        statistics: how much values differ (`TensorPair.statistics`), which has the tensors read that do differ. Without
        it, little more than the headers of files is read. strip_prefix: what names are compared without, on both
        sides, or on either. everything: also the tensors of files that are the same.

        Tensors that cannot be compared are `skipped`; damage among them is told there, and not raised.
        """
        wish = None
        if tensors:
            wish = operations.tensors.wish(tensors, statistics, strip_prefix, everything)
        return operations.diff.diff(self._context, before, after, wish, progress)

    # Artifacts and registered models.

    def artifacts(self) -> list[Artifact]:
        """All artifacts, sorted by name."""
        return operations.query.artifacts(self._context)

    def artifact(self, name: str) -> Artifact:
        """One artifact."""
        return operations.query.artifact(self._context, name)

    def models(self) -> list[Model]:
        """All registered models, sorted by name."""
        return operations.query.models(self._context)

    def model(self, name: str) -> Model:
        """One registered model, with its links, tags and card."""
        return operations.query.model(self._context, name)

    def kind(self, name: str) -> str | None:
        """ "artifact", "model", or None where nothing has this name."""
        kind = self._context.view().kind(names.check_name(name))
        return None if kind is None else kind.value

    def create_artifact(self, name: str, *, type: str = "model", description: str = "", first: int = 0) -> Changed:
        """Make an empty artifact; false where it exists already. first: the number of its first version; the numbers
        below are given to nothing, which needs a repository of format 2."""
        return operations.collections.create_artifact(self._context, name, type, description, first)

    def create_model(
        self,
        name: str,
        *,
        description: str = "",
        tags: Sequence[str] = (),
        first: int = 0,
        type: str | None = None,
    ) -> Changed:
        """Make an empty registered model; false where it exists already. type: of the versions that it is for, `model`
        where nothing is said; another one needs a repository of format 2. first: see `create_artifact`."""
        return operations.collections.create_model(self._context, name, description, list(tags), first, type)

    def awaited(self, name: str) -> dict[int, str]:
        """The numbers of a collection that are kept for versions which are not here yet, each with the digest of the
        version's record. Such a number means this version, or nothing."""
        return operations.query.awaited(self._context, name)

    def remove_artifact(self, name: str, *, force: bool = False) -> Changed:
        """Delete an artifact; one that has versions only with `force`, aliases and links then go too."""
        return operations.collections.remove_artifact(self._context, name, force=force)

    def remove_model(self, name: str, *, force: bool = False) -> Changed:
        """Delete a registered model; one that has links only with `force`. No version is touched."""
        return operations.collections.remove_model(self._context, name, force=force)

    def rename_artifact(self, old: str, new: str) -> Changed:
        """Give an artifact another name; versions keep their numbers, aliases and links follow."""
        return operations.rename.rename_artifact(self._context, old, new)

    def rename_model(self, old: str, new: str) -> Changed:
        """Give a registered model another name; links keep their numbers, aliases follow."""
        return operations.rename.rename_model(self._context, old, new)

    def describe(self, name: str, description: str) -> Changed:
        """Set the description of an artifact or a registered model."""
        return operations.collections.describe(self._context, name, description)

    # Links, aliases, tags, cards.

    def link(
        self,
        reference: str,
        model: str,
        *,
        aliases: Sequence[str] = (),
        expect: str | Sequence[str] | None = None,
        message: str | None = None,
        force: bool = False,
    ) -> LinkResult:
        """Link a version into a registered model, and move the model's `aliases` to it. A model that does not exist is
        made, for versions of this type; a version of another type than the model's is refused, unless `force`. A model
        links a version once; repeating it returns the link that is there. expect: where these aliases are now, see
        `set_alias`. message: the reason, for the history."""
        return operations.links.link(
            self._context, reference, model, _texts(aliases), expect=expect, message=message, force=force
        )

    def unlink(self, reference: str, *, force: bool = False, message: str | None = None) -> Unlinked:
        """Remove the link `MODEL:vN`; the version stays. Refused while an alias of the model is on it, unless
        `force`, which removes those too. message: the reason, for the history."""
        return operations.links.unlink(self._context, reference, force=force, message=message)

    def set_alias(
        self, alias: str, reference: str, *, expect: str | Sequence[str] | None = None, message: str | None = None
    ) -> AliasSet:
        """Move the alias of the collection that `reference` names to that version, atomically.

        expect: where the alias is now, `vN` or `none`; with several aliases, `ALIAS=vN` or `NAME:ALIAS=vN` for each.
        Where one is elsewhere, AliasMoved (an Unmet) is raised and nothing changed. message: the reason, for the
        history.
        """
        return operations.aliases.set_alias(self._context, alias, reference, expect=expect, message=message)

    def remove_alias(
        self, alias: str, name: str, *, expect: str | Sequence[str] | None = None, message: str | None = None
    ) -> AliasRemoved:
        """Delete an alias of a collection. expect: where it is now, see `set_alias`. message: the reason, for the
        history."""
        return operations.aliases.remove_alias(self._context, alias, name, expect=expect, message=message)

    def roll_back_alias(
        self,
        alias: str,
        name: str,
        *,
        steps: int = 1,
        expect: str | Sequence[str] | None = None,
        message: str | None = None,
    ) -> AliasSet:
        """Move the alias of a collection back to where it was that many places before, as the journal tells. A place
        that a rollback or an undo left does not count, so a second call goes further back; an alias that was removed
        comes back. expect: where it is now, see `set_alias`. message: the reason, for the history."""
        return operations.rollback.roll_back(self._context, alias, name, steps=steps, expect=expect, message=message)

    def aliases(self, name: str | None = None) -> list[Alias]:
        """The aliases of a collection, or all."""
        return operations.aliases.list_aliases(self._context, name)

    def add_tags(self, name: str, tags: Sequence[str], *, message: str | None = None) -> TagsResult:
        """Add tags to a registered model, or to a version where the name is a reference with a colon, such as
        `mnist:v3`; a version's need a repository of format 2. message: the reason, for the history."""
        return operations.links.add_tags(self._context, name, _texts(tags), message=message)

    def remove_tags(self, name: str, tags: Sequence[str], *, message: str | None = None) -> TagsResult:
        """Remove tags from a registered model, or from a version: all of them or none. See `add_tags`."""
        return operations.links.remove_tags(self._context, name, _texts(tags), message=message)

    def tags(self) -> dict[str, tuple[str, ...]]:
        """Every tag in use, with the names of the registered models and versions (`artifact:vN`) that have it."""
        return operations.query.tags(self._context)

    def card(self, reference: str) -> str:
        """The card of a registered model; of an artifact or a version, the README.md among its files. Markdown; empty
        where there is none. `front_matter` takes it apart."""
        return operations.links.card(self._context, reference)

    def set_card(self, model: str, text: str) -> Changed:
        """Replace the model card. Tags of its front matter become tags of the model, as part of the same change; no tag
        is taken off."""
        return operations.links.set_card(self._context, model, text)

    def properties(self, reference: str) -> dict[str, Any]:
        """The properties of what the reference means, sorted by key: `NAME` an artifact or a registered model,
        `NAME:vN`, `NAME:ALIAS` and the like a version, or the link of a registered model."""
        return operations.properties.get_properties(self._context, reference)

    def set_property(self, reference: str, key: str, value: Any, *, message: str | None = None) -> Changed:
        """Set one property: any text as key, a value as in metadata. It is renamed and deleted along with what it is
        of, and each can be undone by itself. Keys that begin with `mreg.` are mreg's own. message: the reason, for the
        history. Raises NeedsFormat in a repository of format 1."""
        return self.set_properties(reference, {key: value}, message=message)

    def set_properties(self, reference: str, values: Mapping[str, Any], *, message: str | None = None) -> Changed:
        """Set these properties as one change, and leave the others; see `set_property`."""
        return operations.properties.set_properties(self._context, reference, values, message=message)

    def remove_property(self, reference: str, key: str, *, message: str | None = None) -> Changed:
        """Remove one property. message: the reason, for the history."""
        return operations.properties.remove_properties(self._context, reference, [key], message=message)

    def attachments(self, reference: str) -> list[Attachment]:
        """The files and folders attached to what the reference means (see `properties`), sorted by name."""
        return operations.attachments.attachments(self._context, reference)

    def attach(
        self,
        reference: str,
        name: str,
        paths: Paths,
        *,
        message: str | None = None,
        progress: Progress | None = None,
    ) -> Changed:
        """Attach a file, or the contents of a folder, under a name, in the place of what has the name. The version and
        its digest stay as they are; the attachment is renamed and deleted along with what it is of. paths: as for
        `log`. message: the reason, for the history. Raises NeedsFormat in a repository of format 1."""
        return operations.attachments.attach(
            self._context, reference, name, _as_list(paths), message=message, progress=progress
        )

    def detach(self, reference: str, name: str, *, message: str | None = None) -> Changed:
        """Remove an attachment. message: the reason, for the history."""
        return operations.attachments.detach(self._context, reference, name, message=message)

    def read_attachment(self, reference: str, name: str, path: str | None = None) -> Iterator[bytes]:
        """The bytes of a file of an attachment, piece by piece, each verified; the whole is right once the last piece
        has been given out. path: within the attachment; not needed where that is one file."""
        return operations.attachments.read(self._context, reference, name, path)

    # The whole repository.

    @overload
    def search(
        self, text: str = "", *, tags: Sequence[str] = ()
    ) -> tuple[list[Model], list[Artifact], list[Version]]: ...

    @overload
    def search(
        self,
        text: str = "",
        *,
        where: str | Filter | Sequence[str | Filter],
        sort: str | Sequence[str] = (),
        limit: int | None = None,
        within: str | Sequence[str] = (),
        told: Callable[[int], None] | None = None,
    ) -> list[Version]: ...

    def search(
        self,
        text: str = "",
        *,
        tags: Sequence[str] = (),
        where: str | Filter | Sequence[str | Filter] | None = None,
        sort: str | Sequence[str] = (),
        limit: int | None = None,
        within: str | Sequence[str] = (),
        told: Callable[[int], None] | None = None,
    ) -> tuple[list[Model], list[Artifact], list[Version]] | list[Version]:
        """Registered models, artifacts and versions in which the text stands; with `tags`, models and
        versions that have all of them.

        With `where`, the versions that match the filter (docs/filters.md), or all of several; `()` takes all. sort:
        keys, each with a minus before it for descending order; versions without the key come last. Else they are in
        the order of their names. limit: at most so many. within: artifacts and registered models. told: is told how
        many refs have to be read, where any have: the first search reads all.
        """
        if where is None:
            return operations.search.everything(self._context, text, list(tags))
        return operations.search.find(self._context, _wanted(text, where, sort, limit, within), told)

    def count(
        self,
        text: str = "",
        *,
        where: str | Filter | Sequence[str | Filter] = (),
        within: str | Sequence[str] = (),
        told: Callable[[int], None] | None = None,
    ) -> int:
        """How many versions `search` would find."""
        return operations.search.count(self._context, _wanted(text, where, (), None, within), told)

    def left_out(
        self,
        text: str = "",
        *,
        where: str | Filter | Sequence[str | Filter],
        within: str | Sequence[str] = (),
    ) -> list[LeftOut]:
        """What `!=` and the other negated tests of the filter leave out, as the key is not there."""
        return operations.search.left_out(self._context, _wanted(text, where, (), None, within))

    def holding(
        self,
        path: str | os.PathLike[str],
        *,
        where: str | Filter | Sequence[str | Filter] = (),
        within: str | Sequence[str] = (),
        limit: int | None = None,
        told: Callable[[int], None] | None = None,
    ) -> list[Version]:
        """The versions that have all the bytes of a file, or of every file in a folder, under whatever names."""
        wanted = _wanted("", where, (), limit, within)
        return operations.search.holding(self._context, os.fspath(path), wanted, told)

    def choose(
        self, reference: str, *, where: str | Filter | Sequence[str | Filter], sort: str | Sequence[str] = ()
    ) -> Resolved:
        """With a selector, the version meant, if the filter matches it. Of a name alone, the first version that the
        filter matches, in the order asked for, else the latest. Raises an Unmet where there is none."""
        wanted = _wanted("", where, sort, None, ())
        return operations.search.choose(self._context, reference, wanted.where, wanted.sort)

    def metadata_keys(
        self, *, within: str | Sequence[str] = (), told: Callable[[int], None] | None = None
    ) -> list[KeyFigures]:
        """The keys of metadata in use, with the types and ranges of their values."""
        return operations.search.key_figures(self._context, _texts(within), told)

    def metrics(
        self,
        name: str,
        keys: str | Sequence[str] = (),
        *,
        where: str | Filter | Sequence[str | Filter] = (),
        last: int | None = None,
        told: Callable[[int], None] | None = None,
    ) -> Metrics:
        """The numbers in the metadata of the versions of an artifact, or of those linked in a registered model, in the
        order of their numbers. keys: `metrics.acc`, or `acc` for short; none: all that are numbers. where: only
        versions that match. last: only so many, the newest. told: as for `search`."""
        filters = _wanted("", where, (), None, ()).where
        return operations.metrics.metrics(self._context, name, _texts(keys), where=filters, last=last, told=told)

    def history(
        self,
        name: str | None = None,
        *,
        since: int | str | datetime = 0,
        until: int | str | datetime | None = None,
        author: str | None = None,
        action: str | None = None,
        limit: int | None = None,
    ) -> list[HistoryEntry]:
        """Committed changes, oldest first, at most the last `limit`. name: only those that concern this collection, or
        the alias `NAME:ALIAS`. since, until: the number of an entry (after it; up to it), a time, an age such as `2h`,
        or a date, which is meant as a whole. author: only those of this account. action: only those by commands that
        begin so, such as `log` or `alias set`."""
        wanted = operations.history.Wanted(name, since, until, author, action)
        return operations.history.history(self._context, wanted, limit=limit)

    def at(self, when: int | str | datetime) -> Moment:
        """The repository as it was: after an entry of that number, or after the last entry that bears no later time
        than `when`: a time, an age such as `2h`, or a date, which is meant to its end. Reads the journal; what it
        answers does not change any more. Raises UnknownSequence, InvalidTime."""
        return operations.past.Moment(self._context, when)

    def undo(self, seq: int) -> HistoryEntry:
        """Put all that journal entry `seq` moved back to what it was before, as one change; its entry, which can be
        undone in its turn. What the entry made is deleted, what it deleted comes back.

        Raises Conflict where something of it has been moved since, and Refused where something that came later
        stands in the way, or `gc` has given up the data of a version.
        """
        return operations.undo.undo(self._context, seq)

    def gc(
        self,
        *,
        grace: float | None = None,
        keep_last: int | None = None,
        older_than: float | None = None,
        keep_best: str | Sequence[str] | None = None,
        keep_where: str | Filter | Sequence[str | Filter] | None = None,
        repack: bool = False,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Swept:
        """Delete what nothing has reached for `grace` seconds (default: the setting gc.grace).

        Before that, versions expire that are not among the last `keep_last` of their artifact, and older than
        `older_than` seconds (0: no such condition; default: the settings gc.keep-last and gc.older-than). The
        latest one, and what an alias or a link holds, always stay. `undo` brings back what expired until its
        data are deleted, a grace period later.

        keep_best, keep_where (default: the settings gc.keep-best and gc.keep-where) keep more of them: the N best of
        each artifact by a number, as `max:KEY:N` or `min:KEY:N`, and those that a filter matches. They are judged from
        the records; what cannot be judged stays, and a key that no version has raises UnknownKey.

        repack: afterwards rewrite packs of which little is still needed, or that were stored uncompressed and would
        be much smaller.
        """
        policy = upkeep.retention.Policy(
            self.setting("gc.keep-last") if keep_last is None else keep_last,
            values.ages.parse_seconds(self.setting("gc.older-than")) if older_than is None else older_than,
            self._best(self.setting("gc.keep-best") if keep_best is None else keep_best),
            _wanted("", self._kept() if keep_where is None else keep_where, (), None, ()).where,
        )
        seconds = values.ages.parse_seconds(self.setting("gc.grace")) if grace is None else grace
        return upkeep.gc.gc(
            self._context, grace=seconds, policy=policy, repack=repack, dry_run=dry_run, progress=progress
        )

    def _best(self, texts: str | Sequence[str]) -> tuple[upkeep.quality.Best, ...]:
        directions = self.setting("metrics.direction")
        return tuple(upkeep.quality.parse_best(text, directions) for text in _texts(texts) if text)

    def _kept(self) -> list[str]:
        where = self.setting("gc.keep-where")
        return [where] if where else []

    def fsck(
        self,
        *,
        full: bool = False,
        repair: bool = False,
        source: Repository | str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> Report:
        """Check every invariant of the format; with `full` also the bytes of every chunk.

        repair: mend what can be proven, and tell what was done and what is left. source: a repository from which
        damaged or missing data is taken where its digests say that it is the same; entries of the journal only from
        one that has the same id. Its refs are never looked at. See also `rescue`.
        """
        if not repair:
            if source is not None:
                raise upkeep.repair.RepairOnly()
            return upkeep.fsck.fsck(self._context, full=full, progress=progress)
        other = _other(source)
        return upkeep.repair.repair(
            self._context, full=full, source=other._context if other else None, progress=progress
        )

    @classmethod
    def rescue(
        cls, location: str | os.PathLike[str] = ".", *, source: Repository | str | os.PathLike[str] | None = None
    ) -> tuple[Repaired, ...]:
        """Make the config.toml of a repository again from its journal where it is lost or damaged, so that the
        repository can be opened; what was done, nothing where it can be opened. source: a copy of the repository, from
        which entries of the journal are taken where they are missing too."""
        other = _other(source)
        return tuple(
            upkeep.repair_refs.rescue(
                LocalStorage(places.place_of_existing(location)), other._context if other else None
            )
        )

    def usage(self, name: str | None = None) -> Usage:
        """Where the bytes of a collection, or of all artifacts, are."""
        return upkeep.usage.usage(self._context, name)

    # Settings.

    def setting(self, name: str) -> Any:
        """A setting's value, or its default. Raises UnknownSetting, DamagedSetting."""
        return self._context.setting(name)

    def settings(self) -> dict[str, Any]:
        """All settings with their values. Raises DamagedSetting."""
        return {name: self._context.setting(name) for name in config.SETTINGS}

    def sound_settings(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Those settings that have a possible value; and why the others, which only `set_setting` can help, have
        none."""
        sound: dict[str, Any] = {}
        faults: dict[str, str] = {}
        for name in config.SETTINGS:
            try:
                sound[name] = self._context.setting(name)
            except config.DamagedSetting as error:
                faults[name] = error.reason
        return sound, faults

    def set_setting(self, name: str, text: str) -> Any:
        """Set a setting from its text; the value."""
        return operations.settings.set_setting(self._context, name, text)


def formats() -> dict[str, int]:
    """The numbers of the formats that this release writes."""
    return {
        "repository": config.FORMAT,
        "journal": config.FORMAT,
        "records": values.formats.NEWEST,
        "packs": content.packs.FORMAT,
    }


def _permit(path: str) -> None:
    session.trust.check_owner(path)


def _other(source: Repository | str | os.PathLike[str] | None) -> Repository | None:
    """The repository that is meant, open."""
    return source if source is None or isinstance(source, Repository) else Repository.open(source)


def _wanted(
    text: str,
    where: str | Filter | Sequence[str | Filter],
    sort: str | Sequence[str],
    limit: int | None,
    within: str | Sequence[str],
) -> Wanted:
    every = [where] if isinstance(where, str | values.filters.filter.Filter) else list(where)
    filters = tuple(values.filters.filter.Filter(one) if isinstance(one, str) else one for one in every)
    return operations.search.Wanted(filters, text, _texts(sort), limit, _texts(within))


def _texts(given: Sequence[str]) -> tuple[str, ...]:
    """One text stands for itself, not for its letters."""
    return (given,) if isinstance(given, str) else tuple(given)


def _as_list(paths: Paths) -> list[str | os.PathLike[str]]:
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)
