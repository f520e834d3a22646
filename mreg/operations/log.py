"""`log`: files become the next version of an artifact."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mreg.content.objects import DamagedObject
from mreg.content.pack_writer import PackContents, PackWriter
from mreg.intake.ingest import ingest, packs_of
from mreg.intake.scan import Selection, scan
from mreg.operations.aliases import set_in_draft
from mreg.operations.collections import DEFAULT_TYPE, check_free, ensure_artifact, ensure_model
from mreg.operations.links import add_link
from mreg.operations.resolve import Resolved, resolve
from mreg.operations.versions import load
from mreg.refs.ref_files import DamagedRef
from mreg.refs.transaction import Draft, MissingPack, timestamp
from mreg.refs.view import View, annotation_key, artifact_key, model_key, version_key
from mreg.session.context import Context
from mreg.values import annotation, metadata, names
from mreg.values.digest import digest as digest_of
from mreg.values.entities import LogResult
from mreg.values.records import Input, Manifest, VersionRecord

if TYPE_CHECKING:
    from mreg.content.buffers import Buffers
    from mreg.intake.bases import Bases
    from mreg.intake.pipeline import Progress

_TRIES = 5
"""How often to read the files again when a gc took away chunks that they share with deleted versions."""


class LogRequest(NamedTuple):
    """All that `log` was asked to do. See `Repository.log` for the meaning of each."""

    paths: Sequence[str | os.PathLike[str]]
    artifact: str
    aliases: Sequence[str]
    links: Sequence[str]
    message: str | None
    metadata: Mapping[str, Any]
    run: str | None
    inputs: Sequence[str]
    type: str | None
    base: str | None
    selection: Selection
    dry_run: bool

    @property
    def says_nothing(self) -> bool:
        """Whether files are all there is to it: then the same files again change nothing."""
        return not (self.aliases or self.links or self.metadata or self.inputs) and self.message is None

    def check(self) -> None:
        """Raises InvalidName."""
        names.check_name(self.artifact, "artifact name")
        for alias in self.aliases:
            names.check_alias(alias)
        for model in self.links:
            names.check_name(model, "model name")
        if self.run is not None:
            names.check_name(self.run, "run")


def log(context: Context, request: LogRequest, progress: Progress | None = None) -> LogResult:
    """See `Repository.log`."""
    request.check()
    job = _Log(context, request)
    for attempt in range(_TRIES):
        try:
            return job.run(progress)
        except MissingPack:
            if attempt == _TRIES - 1:
                raise
            context.index.start_anew()  # a pack may also have been lost by other hands, which no entry tells
    raise AssertionError


class _Log:
    def __init__(self, context: Context, request: LogRequest) -> None:
        self._context = context
        self._request = request
        self._metadata = metadata.normalise(request.metadata)
        self._check_collections()
        self._inputs = tuple(self._input(reference) for reference in request.inputs)
        self._record(Manifest(()), "", "").to_bytes()  # raises Unstorable before gigabytes are read
        self._base = None if request.base is None else resolve(context, request.base).digest
        excluded = [*context.setting("log.exclude"), *request.selection.exclude]
        self._sources = scan(request.paths, request.selection._replace(exclude=excluded))

    def _check_collections(self) -> None:
        """What is bound to be refused is refused before gigabytes are read."""
        view = self._context.view()
        wanted = [(self._request.artifact, artifact_key, "an artifact")]
        wanted += [(model, model_key, "a registered model") for model in self._request.links]
        for name, key, kind in wanted:
            if view.value(key(name)) is None:
                check_free(self._context, view, name, kind)

    def _input(self, reference: str) -> Input:
        found = resolve(self._context, reference)
        return Input(found.name, found.digest)

    def run(self, progress: Progress | None) -> LogResult:
        context, dry_run = self._context, self._request.dry_run
        index = context.fresh_index()
        with PackWriter(context.storage) as writer:
            contents = PackContents() if dry_run else writer
            encode = context.setting("log.compress")
            manifest = ingest(index, contents, self._sources, progress, encode=encode, bases=self._bases)
            listed = manifest.to_bytes()
            record = self._record(manifest, digest_of(listed), timestamp())
            same = self._same_as_latest(context.view(), manifest, record.manifest)
            if same and (dry_run or self._request.says_nothing):
                return LogResult(load(context, context.view(), same), created=False)
            if dry_run:
                return self._foretell(record, contents)
            packs = set() if same else packs_of(index, writer, manifest)
            if not same:
                if not writer.empty:
                    packs.add(writer.publish())
                context.objects.put(listed)
                context.objects.put(record.to_bytes())
        return self._commit(manifest, record, tuple(sorted(packs)), writer)

    def _bases(self, buffers: Buffers) -> Bases | None:
        """The version that tensors may be stored as the difference to. What is wrong with one that was not asked
        for must not stop a log: a gc may be taking it away."""
        context, artifact = self._context, self._request.artifact
        view = context.view()
        latest = view.latest(artifact)
        digest = self._base or (None if latest is None else view.version(artifact, latest).value)
        if digest is None:
            return None
        from mreg.intake.bases import Bases

        try:
            manifest = context.objects.manifest(context.objects.version(digest).manifest)
        except DamagedObject:
            if self._base:
                raise
            return None
        return Bases(context.storage, context.index, manifest, [source.path for source in self._sources], buffers)

    def _record(self, manifest: Manifest, digest: str, created: str) -> VersionRecord:
        signature = self._context.signature
        return VersionRecord(
            manifest=digest,
            files=len(manifest.files),
            size=manifest.size,
            created=created,
            author=signature.who,
            host=signature.host,
            run=self._request.run,
            message=self._request.message or "",
            metadata=self._metadata,
            inputs=self._inputs,
        )

    def _same_as_latest(self, view: View, manifest: Manifest, digest: str) -> Resolved | None:
        """The latest version if its content is this, else None."""
        latest = view.latest(self._request.artifact)
        if latest is None:
            return None
        version = view.version(self._request.artifact, latest).value
        assert version is not None
        found = Resolved(self._request.artifact, latest, version)
        record = self._context.objects.version(version)
        if record.manifest == digest:
            return found
        if (record.files, record.size) != (len(manifest.files), manifest.size):
            return None
        return found if self._context.objects.manifest(record.manifest).content() == manifest.content() else None

    def _foretell(self, record: VersionRecord, contents: PackContents) -> LogResult:
        view, artifact = self._context.view(), self._request.artifact
        number, digest = view.next_number(artifact), digest_of(record.to_bytes())
        version = load(self._context, view, Resolved(artifact, number, digest), record=record)
        return LogResult(version, created=True, new=contents.new, stored=contents.stored)

    def _commit(
        self, manifest: Manifest, record: VersionRecord, packs: tuple[str, ...], writer: PackWriter
    ) -> LogResult:
        request, digest = self._request, digest_of(record.to_bytes())
        number, created = -1, False
        links: list[str] = []
        new_models: list[str] = []

        def build(draft: Draft) -> None:
            nonlocal number, created
            links.clear()
            new_models.clear()
            ensure_artifact(self._context, draft, request.artifact, request.type or DEFAULT_TYPE)
            same = self._same_as_latest(draft.view, manifest, record.manifest)
            created = same is None
            if same is None:
                number = self._next_number(draft.view)
                draft.packs = packs
                self._check_published(record, digest)
                draft.set(version_key(request.artifact, number), digest)
                target = Resolved(request.artifact, number, digest)
            else:
                number, target = same.number, same
                self._annotate(draft, target)
            for alias in request.aliases:
                set_in_draft(self._context, draft, request.artifact, alias, number)
            for model in dict.fromkeys(request.links):
                if ensure_model(self._context, draft, model):
                    new_models.append(model)
                links.append(f"{model}:v{add_link(draft, model, target)[0]}")

        self._context.commit(f"log --artifact {request.artifact}", build)
        done = Resolved(request.artifact, number, "")
        view = self._context.view()
        done = done._replace(digest=view.version(request.artifact, number).value or digest)
        version = load(self._context, view, done)
        new, stored = (writer.new, writer.stored) if created else (0, 0)
        return LogResult(version, created, new, stored, tuple(links), tuple(new_models))

    def _next_number(self, view: View) -> int:
        """Raises DamagedRef where the journal knows of this number: its file was lost, and without it the
        number would be given twice."""
        number = view.next_number(self._request.artifact)
        key = version_key(self._request.artifact, number)
        if key in self._context.fresh_index().refs(key):
            raise DamagedRef(ref=key, reason="it is missing")
        return number

    def _check_published(self, record: VersionRecord, digest: str) -> None:
        """Nothing may be named that is not there. The records are missing where a gc swept them since they
        were written, or where this content was the latest version when the files were read, so that
        nothing was written, and no longer is: the files are then read again."""
        objects = self._context.objects
        if not (objects.has(digest) and objects.has(record.manifest)):
            raise MissingPack(pack="of this version")

    def _annotate(self, draft: Draft, target: Resolved) -> None:
        """What was said with content that is there already is said of the version that has it."""
        request = self._request
        key = annotation_key(target.artifact, target.number)
        said = annotation.effective(self._context.objects.version(target.digest), draft.value(key), key)
        changed = annotation.Said(
            message=said.message if request.message is None else request.message,
            metadata=metadata.merge(said.metadata, self._metadata),
            inputs=said.inputs,
        ).with_inputs(self._inputs)
        if changed.differs(said):
            draft.set(key, annotation.encode(changed))
