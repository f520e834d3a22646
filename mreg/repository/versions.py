"""Versions: log, read, compare, annotate, delete."""

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
    """Methods for versions."""

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
        """Snapshot files as the next version of an artifact, as one change together with everything else that is given.

        paths: a folder (its contents, including empty folders); files and folders (under their own names); or a mapping
            from paths in the version to content: the path of a file, bytes, or a binary stream, which is read to its
            end.
        artifact: the name of the artifact, which is created if it is missing.
        aliases: aliases to move to the version.
        links: registered models to link it into. `MODEL:ALIAS` also moves an alias of the model to the link.
        message, metadata, run: a description, a JSON-like mapping, and the id of the run that made the version.
        inputs: references to the versions that it was made from.
        type: the type of a new artifact.
        base: a version in relation to which tensors may be stored as differences; default: `onto`, or the artifact's
            latest version. If it is in a remote, missing data is fetched, and kept as long as a difference needs it.
        include, exclude: patterns as in .gitignore.
        expect: current targets of the aliases (see `set_alias`).
        once: create no version if any version of the artifact has the same content.
        always: create a version even if the content is the same.
        dry_run: change nothing; return what would happen.
        sources: other data that it was made from (see `data_source`).
        origin: where it was imported from.
        onto: a version whose files and empty folders the new one has too, except those replaced by `paths` (which may
            then be empty) or named in `remove`.
        remove: files, or folders with everything in them.
        captured: metadata about the run from `mreg.capture`. Applies to new versions only; `metadata` takes precedence.
        ttl: seconds from now after which `gc` may delete the version unless an alias or a link holds it; 0: no limit.

        If the content (paths, bytes, empty folders, executable bits) equals that of the latest version, no version is
        created: aliases, links, inputs, sources, message and metadata then apply to that version, and another run is
        recorded as one that used it. The later of two expiry times applies; a version logged without one gets none.

        Raises NothingToLog, MissingPath, UnsupportedFile, SourceChanged (a Conflict), AliasMoved, InvalidMetadata,
        NameTaken, TypeDiffers, OtherType, NeedsFormat.
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
        """Import versions from another tool, with their aliases, tags, metrics and origins.

        source: a folder or a file; it is only read.
        kind: the tool, one of `mreg.KINDS`, if it cannot be detected.
        artifact: the name for a single collection; default: the source's own names, adapted if necessary.
        only: the collections to import.
        data: further folders in which files may be, such as those they were moved to.
        partial: also import versions with missing files.
        dry_run: change nothing; return what would happen.

        All data is stored first, then each collection is imported by one change, which `undo` takes back. What was
        imported before is not imported again, even if it was deleted since; an alias that was moved here stays. Raises
        WrongBytes if a file does not match the source's own digests, PartlyImported if some collections were imported
        before one failed.
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
        """Write a version to the new folder `destination` in the format of another tool, verified. The folder appears
        complete or not at all.

        form: `folder` (the files, with `SHA256SUMS`), `hf` (for the Hugging Face Hub, with a card) or `oci` (an image
            layout as in ModelPack, which `import_from` reads).
        dry_run: write nothing; return what would be written.

        The same version gives the same bytes. Files share disk space with a copy in the cache if the file system
        supports it. Raises UnknownForm, NameNeeded, NameNotHeld; DestinationTaken unless the folder is missing or
        empty.
        """
        done: Exported = exporters.run.export(
            *self._at(reference), os.fspath(destination), form, dry_run=dry_run, progress=progress
        )
        return done

    def data_source(self, path: str | os.PathLike[str]) -> DataSource:
        """Return a file or folder as a source for `log`: its size, and its digest (of the bytes of a file, of the
        manifest of a folder). Its content is not stored; files whose stamp is known are not read again. Raises
        MissingPath, SourceChanged (a Conflict)."""
        found: DataSource = intake.hashing.data_source(self._context.index, os.fspath(path))
        return found

    def resolve(self, reference: str) -> Resolved:
        """Resolve a reference to one version: its artifact, number and digest. Raises InvalidReference, NotFound."""
        return resolve_anywhere(self._context, reference)

    def version(self, reference: str) -> Version:
        """Return everything about one version. Raises as `resolve` does."""
        context, reference = self._at(reference)
        view = context.view()
        return operations.described.load(context, view, resolve(context, reference, view))

    def surroundings(self, reference: str, *, told: Callable[[int], None] | None = None) -> Surroundings:
        """Return what a version is connected to: its links with the models' aliases, the runs that used it, and the
        versions made from it. told: see `search`."""
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
        """Return the graph of versions around one version.

        up: include what it was made from, directly or indirectly.
        down: include what was made from it, directly or indirectly.
        depth: the maximum number of steps; default: no limit.
        told: see `search`.

        Versions are identified by digest: renamed ones are found, deleted ones are marked.
        """
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
        """List the versions of an artifact, oldest first, or those linked in a registered model, in the order of links.

        newest: return only the last `newest` versions.
        limit: return only the first `limit` versions.
        after, before: return only numbers between these (of links, in a model), as for the next page.

        The cost depends on the number of versions returned. Raises UnknownName.
        """
        return operations.query.versions(*self._at(name), newest, limit, after, before)

    def files(self, reference: str) -> tuple[File, ...]:
        """List the files of a version, sorted by path."""
        files: tuple[File, ...] = self._manifest(reference).files
        return files

    def _manifest(self, reference: str) -> Manifest:
        context, reference = self._at(reference)
        return operations.files.manifest_of(context, resolve(context, reference))

    def digests(self, reference: str, algorithm: str = "sha256", *, progress: Progress | None = None) -> dict[str, str]:
        """Return the digests of a version's files as hex, by path. algorithm: `sha256`, `md5` or `blake3` (mreg's own).
        Files are read and verified unless these digests were computed before; results are stored for all versions with
        the same files. Raises UnknownAlgorithm, DamagedFile."""
        return operations.digests.digests(*self._at(reference), algorithm, progress)

    def folders(self, reference: str) -> tuple[str, ...]:
        """List the empty folders of a version, sorted by path."""
        folders: tuple[str, ...] = self._manifest(reference).folders
        return folders

    def read(self, reference: str, path: str) -> Iterator[bytes]:
        """Yield the bytes of one file in verified pieces. Raises UnknownFile; DamagedFile while reading."""
        return operations.files.read(*self._at(reference), path)

    def open_file(self, reference: str, path: str) -> io.BufferedReader:
        """Open one file of a version for reading with random access, like `open(path, "rb")`. No copy is made.

        The reference is resolved once. Data is verified chunk by chunk (about 1 MiB); only `read` and `get` also verify
        the file as a whole. Raises UnknownFile; DamagedFile while reading.
        """
        opened = operations.files.open_file(*self._at(reference), path)
        return io.BufferedReader(checkout.stored_file.StoredFile(opened), io.DEFAULT_BUFFER_SIZE)

    def read_into(self, reference: str, path: str, buffer: Any) -> None:
        """Read one file into a writable buffer of exactly its size, such as a NumPy array. Several threads decode it,
        and the whole file is verified. Raises WrongSize, UnknownFile; after DamagedFile, the content of the buffer is
        invalid."""
        operations.files.read_into(*self._at(reference), path, memoryview(buffer).cast("B"))

    def tensors(self, reference: str, path: str | None = None) -> Tensors:
        """List the tensors in the files of a version, or in one of them: name, dtype, shape and location. Formats:
        safetensors, GGUF, NPY and NPZ, PyTorch, HDF5 and Keras. Only headers are read, and no pickle is loaded. Raises
        NotFound."""
        return operations.tensor_lists.tensors(*self._at(reference), path)

    def read_range(self, reference: str, path: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return the bytes of one file from `start` to `stop`, with the meaning of a slice. See `open_file`."""
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
        """Write a version's files to the folder `destination` (default: `./NAME-vN`), verified.

        A new folder appears complete or not at all. In an existing folder, files are moved into place only after all of
        them were verified and flushed: correct files are kept, different ones replaced. Other files stay and are listed
        in the result. All files of the version get the same modification time.

        include, exclude: patterns as in .gitignore.
        exact: remove files that are not part of the version. Raises WouldLose if the bytes of one are not in the
            repository.
        force: with `exact`, remove these too.
        partial: leave out damaged files and list them in the result. Without it, a damaged version raises DamagedFile.
        reflink: clone files from the cache if the file system supports it, so that they take no space of their own.

        Raises UnsafeDestination, NameNotHeld, NothingIncluded.
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
        """Return the path of a ready copy: a read-only, verified folder in the cache, made once and shared. run: record
        that this run used the version. Raises NoCache, DamagedFile."""
        return lazy.pathlib.Path(self.use_path(reference, run=run, progress=progress))

    def use_path(self, reference: str, *, run: str | None = None, progress: Progress | None = None) -> str:
        """Like `use`, but returns a string: loading `pathlib` takes a third of the time of the call."""
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
        """Change the annotation of a version; its files never change.

        metadata: merged into the existing metadata, after the dotted keys in `unset` were removed.
        inputs: further references to versions that it was made from.
        replace: allow a single value to replace a mapping.
        ttl: seconds from now after which `gc` may delete the version (see `log`); 0: no limit.

        Raises InvalidMetadata, WouldReplace, NotFound.
        """
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
        """Delete versions as one change, all of them or none. force: also remove the aliases and links that hold them.
        Their numbers are never reused. Their space is freed by `gc`; until then, `undo` with the returned `seq`
        restores everything. Raises NotFound; without `force`, Held."""
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
        """Compare two versions: files, metadata, and optionally tensors.

        Either side may be a folder or a file outside the repository: a path object, or a string that begins with `/`,
        `./`, `../` or `~`. It is read as by `log`, but not stored.

        tensors: true to compare the tensors of files that differ; or patterns of tensor names (`*` matches any
            characters). A pattern without a match on either side raises UnmatchedPattern.
        statistics: compute how much values differ (`TensorPair.statistics`), which reads all tensors that differ.
            Without it, little more than headers is read.
        strip_prefix: a prefix to ignore in tensor names: one string for both sides, or one per side.
        everything: compare the tensors of equal files too.

        Tensors that cannot be compared, even because of damage, are listed as `skipped`; no error is raised.
        """
        wish = None
        if tensors:
            wish = operations.tensors.wish(tensors, statistics, strip_prefix, everything)
        return operations.diff.diff(self._context, before, after, wish, progress)
