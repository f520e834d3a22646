"""Versions: logged, read, compared, annotated, deleted."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mreg import checkout, exporters, importers, intake, lazy, operations, session, sync
from mreg.operations.resolve import Resolved, resolve, resolve_anywhere
from mreg.repository.given import Paths, listed, texts
from mreg.repository.opening import Opened
from mreg.values.contents import Contents
from mreg.values.names import parse_reference
from mreg.values.progress import Progress

if TYPE_CHECKING:
    from mreg.values.entities import (
        AnnotateResult,
        Checkout,
        DataSource,
        Diff,
        File,
        LogResult,
        Origin,
        Removed,
        Surroundings,
        Version,
    )
    from mreg.values.exports import Exported
    from mreg.values.imports import Imported
    from mreg.values.lineage import Lineage
    from mreg.values.records import Manifest
    from mreg.values.tensors import Tensors


class Versions(Opened):
    """What can be done with versions."""

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
        ttl: float = 0,
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
        base: the version that tensors may be stored as the difference to; else `onto`, or the artifact's latest. Of one
        in a remote what is lacking here is fetched, and kept while a difference rests on it.
        include, exclude: patterns as in .gitignore. dry_run: change nothing, tell what would happen. ttl: seconds from
        now, after which `gc` may let the version go unless an alias or a link holds it; 0: it stays.

        Content (paths, bytes, empty folders, and which files are executable) that equals the latest version's makes no
        new version; aliases, links, inputs, sources, message and metadata then apply to that one, and another run is
        recorded as one that used it. Of two expiries the later counts, and a version that was logged without one keeps
        none. once: no version either where the content equals that of any version of the
        artifact. always: a version in every case, as where the origin is another.
        """
        request = operations.log_request.LogRequest(
            paths=paths if isinstance(paths, Mapping) else listed(paths),
            artifact=artifact,
            aliases=texts(aliases),
            links=texts(links),
            message=message,
            metadata=metadata or {},
            run=run,
            inputs=texts(inputs),
            type=type,
            base=base,
            selection=intake.scan.Selection(texts(include), texts(exclude)),
            dry_run=dry_run,
            expect=expect,
            once=once,
            always=always,
            sources=tuple(operations.log_request.check_source(one) for one in sources),
            origin=None if origin is None else operations.log_request.check_origin(origin),
            onto=onto,
            remove=texts(remove),
            captured=captured,
            ttl=operations.expiry.check(ttl) if ttl else 0,
        )
        return operations.log.log(self._context, request, self._bring, progress)

    def _bring(self, base: str) -> tuple[str, int]:
        return sync.bringing.bring(self._context, base)

    def import_from(
        self,
        source: str | os.PathLike[str],
        kind: str | None = None,
        *,
        artifact: str | None = None,
        only: Sequence[str] = (),
        data: Sequence[str] = (),
        partial: bool = False,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Imported:
        """Bring in what another tool keeps: its versions, with their aliases, tags, metrics and origins.

        source: a folder or a file, which is only read. kind: which tool's it is, where that cannot be told by looking:
        one of `mreg.KINDS`. artifact: what to call it here, where it is one collection; without it, the source's names,
        or names like them. only: the collections to import. data: folders in which files may lie besides, as where
        they were moved. partial: also versions of which the source lacks files. dry_run: change nothing, tell what
        would happen.

        All bytes go in before any name; then each collection by one change, which `undo` takes back. What was imported
        before is not imported again, also where it was deleted since; an alias that was moved here stays.
        Raises WrongBytes where a file is not what the source's own digests say, PartlyImported where some collections
        were imported and the next one failed.
        """
        request = importers.run.ImportRequest(
            os.fspath(source), kind, artifact, texts(only), texts(data), partial, dry_run
        )
        done: Imported = importers.run.import_from(self._context, request, progress)
        return done

    def export(
        self,
        reference: str,
        destination: str | os.PathLike[str],
        form: str = "folder",
        *,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Exported:
        """Write a version into the new folder `destination`, in the form that another tool wants, verified; it appears
        whole or not at all.

        form: `folder` (the files, with `SHA256SUMS`), `hf` (for the Hugging Face Hub, with a card) or `oci` (an image
        layout as ModelPack has it, which `import_from` reads back). The same version gives the same bytes. Files share
        the room of a copy in the cache where the file system can. dry_run: only tell. Raises UnknownForm, NameNeeded,
        NameNotHeld, DestinationTaken where there is more than an empty folder.
        """
        done: Exported = exporters.run.export(
            *self._at(reference), os.fspath(destination), form, dry_run=dry_run, progress=progress
        )
        return done

    def data_source(self, path: str | os.PathLike[str]) -> DataSource:
        """A file or folder that a version is made from, with its size and its digest (of the bytes of a file, of the
        manifest of a folder), for `log`. Nothing of it is kept, and what is known by its stat is not read again. Raises
        MissingPath, Conflict where it changes while it is read."""
        found: DataSource = intake.hashing.data_source(self._context.index, os.fspath(path))
        return found

    def resolve(self, reference: str) -> Resolved:
        """The one version meant: its artifact, number and digest."""
        return resolve_anywhere(self._context, reference)

    def version(self, reference: str) -> Version:
        """All about one version."""
        context, reference = self._at(reference)
        view = context.view()
        return operations.described.load(context, view, resolve(context, reference, view))

    def surroundings(self, reference: str, *, told: Callable[[int], None] | None = None) -> Surroundings:
        """What a version is connected with: its links with the models' aliases, the runs that used it, and the versions
        that were made from it. told: see `search`."""
        return operations.surroundings.surroundings(*self._at(reference), told)

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
        return operations.lineage.lineage(*self._at(reference), up, down, depth, told)

    def versions(
        self,
        name: str,
        *,
        newest: int | None = None,
        limit: int | None = None,
        after: int | None = None,
        before: int | None = None,
    ) -> list[Version]:
        """The versions of an artifact, oldest first, or those linked in a registered model, in link order. newest,
        limit: of many only so many, the last or the first ones, which takes no longer than if there were no others.
        after, before: only numbers (of links, in a model) between these, as for the next page."""
        return operations.query.versions(*self._at(name), newest, limit, after, before)

    def files(self, reference: str) -> tuple[File, ...]:
        """The files of a version, sorted by path."""
        files: tuple[File, ...] = self._manifest(reference).files
        return files

    def _manifest(self, reference: str) -> Manifest:
        context, reference = self._at(reference)
        return operations.files.manifest_of(context, resolve(context, reference))

    def digests(self, reference: str, algorithm: str = "sha256", *, progress: Progress | None = None) -> dict[str, str]:
        """The digests of a version's files by another algorithm (`sha256`, `md5`, or mreg's own `blake3`), by path, as
        hex digits. Files are read where nobody asked before, verified, and what was worked out is remembered by their
        own digests, for every version that has them."""
        return operations.digests.digests(*self._at(reference), algorithm, progress)

    def folders(self, reference: str) -> tuple[str, ...]:
        """The folders of a version that hold nothing, sorted by path."""
        folders: tuple[str, ...] = self._manifest(reference).folders
        return folders

    def read(self, reference: str, path: str) -> Iterator[bytes]:
        """The bytes of one file, piece by piece, each piece verified before it is given out."""
        return operations.files.read(*self._at(reference), path)

    def open_file(self, reference: str, path: str) -> io.BufferedReader:
        """One file of a version, open for reading anywhere in it, as `open(path, "rb")` gives it; no copy is made.

        The reference is resolved once. What is read is verified chunk by chunk (1 MiB or so); that all chunks together
        are the file, only `read` and `get` prove. Raises UnknownFile; DamagedFile while reading.
        """
        opened = operations.files.open_file(*self._at(reference), path)
        return io.BufferedReader(checkout.stored_file.StoredFile(opened), io.DEFAULT_BUFFER_SIZE)

    def read_into(self, reference: str, path: str, buffer: Any) -> None:
        """All bytes of one file into a writable buffer of its size, such as an array of NumPy: decoded by several
        threads, and compared with the file's digest as a whole. Raises WrongSize, UnknownFile; DamagedFile, and what is
        in the buffer is then worth nothing."""
        operations.files.read_into(*self._at(reference), path, memoryview(buffer).cast("B"))

    def tensors(self, reference: str, path: str | None = None) -> Tensors:
        """The tensors in the files of a version, or in one of them, by name, dtype and shape, and where they lie
        (safetensors, GGUF, NPY and NPZ, PyTorch, HDF5 and Keras). Only headers are read, and no pickle is loaded."""
        return operations.tensor_lists.tensors(*self._at(reference), path)

    def read_range(self, reference: str, path: str, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes of one file from `start` to `stop`, as a slice of all of them would give. See `open_file`."""
        opened = operations.files.open_file(*self._at(reference), path)
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
            *self._at(reference),
            None if destination is None else os.fspath(destination),
            progress,
            include=texts(include),
            exclude=texts(exclude),
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
        if run is not None and "/" in reference:
            session.remotes.refuse(self._context, parse_reference(reference))
        return operations.files.use(*self._at(reference), run, progress)

    def annotate(
        self,
        reference: str,
        *,
        message: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        unset: Sequence[str] = (),
        inputs: Sequence[str] = (),
        replace: bool = False,
        ttl: float | None = None,
    ) -> AnnotateResult:
        """Change what is said of a version, never its files. metadata is merged in after the dotted keys in
        `unset` were taken out. A mapping is not replaced by a single value, unless `replace`. ttl: seconds from now,
        after which `gc` may let the version go (see `log`); 0: it stays."""
        return operations.versions.annotate(
            self._context,
            reference,
            message=message,
            values=metadata,
            unset=texts(unset),
            inputs=texts(inputs),
            replace=replace,
            ttl=operations.expiry.check(ttl) if ttl else ttl,
        )

    def remove(self, references: str | Sequence[str], *, force: bool = False, message: str | None = None) -> Removed:
        """Delete versions, all of them or none, as one change. Refused while an alias or a link holds one, unless
        `force`, which removes those too. Their numbers are never given again; their space comes back with `gc`. `undo`
        of the entry that is told brings all of it back, until then. message: the reason, for the history."""
        return operations.versions.remove(self._context, texts(references), force=force, message=message)

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
