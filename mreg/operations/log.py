"""`log`: files become the next version of an artifact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from mreg.content.pack_writer import PackContents
from mreg.content.packs import key_of
from mreg.content.several_packs import SeveralPacks
from mreg.intake import reuse
from mreg.intake.ingest import Near, ingest, packs_of, reused_by
from mreg.intake.reuse import DamagedReuse
from mreg.operations import expect as expectations, expiry
from mreg.operations.aliases import set_in_draft
from mreg.operations.changes import changed, describe
from mreg.operations.collections import check_type, ensure
from mreg.operations.described import load
from mreg.operations.effort import Effort
from mreg.operations.expect import Expected
from mreg.operations.files import manifest_of
from mreg.operations.links import add_link
from mreg.operations.log_files import LogFiles, Onto, gather
from mreg.operations.log_request import LogRequest
from mreg.operations.resolve import Resolved, resolve, resolve_anywhere
from mreg.operations.types import check_link, ensure_model, type_of_artifact
from mreg.operations.versions import check_replaced, note, said_of
from mreg.refs import heading
from mreg.refs.keys import CONFIG, ArtifactKey, CollectionKind, RunKey, VersionKey
from mreg.refs.properties import DEFAULT_TYPE
from mreg.refs.transaction import Draft, MissingPack, check_drafted, timestamp
from mreg.refs.view import View
from mreg.session import config
from mreg.session.chunk_catalogue import WHOLE
from mreg.session.context import Context
from mreg.values import canonical, metadata
from mreg.values.digest import digest as digest_of
from mreg.values.entities import LogResult
from mreg.values.formats import require
from mreg.values.named_tuple import NamedTuple
from mreg.values.progress import Progress
from mreg.values.records import Input, Manifest, VersionRecord

_TRIES = 5
"""How often to read the files again when a gc took away chunks that they share with deleted versions."""


Bring = Callable[[str], tuple[str, int]]
"""Brings what a reference into a remote names, to be a base here; its digest, and the bytes that came."""


def log(context: Context, request: LogRequest, bring: Bring, progress: Progress | None = None) -> LogResult:
    """See `Repository.log`."""
    with ExitStack() as stack:
        job = _prepare(context, request.checked(), Effort(), stack)
        if job.is_base_far and not request.dry_run:
            digest, fetched = bring(str(request.base))
            job = job._replace(base=digest, view=context.view(), fetched=fetched)
        result = _done(job, progress)._replace(left_out=job.files.left_out, fetched=job.fetched)
    return job.effort.told_in(result, job.files.sources, request.paths, job.files.reserved)


def _done(job: _Job, progress: Progress | None) -> LogResult:
    """Do it, again where something that it rests on turns out to be gone or damaged."""
    context = job.context
    for attempt in range(_TRIES - 1):
        try:
            return job.run(progress)
        except MissingPack:
            told = job.view.moved() and not attempt  # else it may have been lost by other hands, which no entry tells
            job = job._replace(view=context.view())
            if not told:
                context.index.start_anew(job.view.look)
        except DamagedReuse as error:
            job = job._replace(lost=job.lost | error.lost)
    return job.run(progress)


class _Done(NamedTuple):
    """What the change came to. created: whether it made the version; links, models: what else it made."""

    version: Resolved
    created: bool
    links: tuple[str, ...]
    models: tuple[str, ...]


class _Job(NamedTuple):
    """A log that is bound to be refused no more: all was looked at that can be before gigabytes are read.

    view: as the refs were then. base: the version (its digest) that was asked for, to store differences to.
    is_base_far: whether that is in a remote. fetched: bytes of it that were brought from there. expected: where aliases
    are to be. records: those of versions that were looked at, by their digests. lost: what is stored anew, as the
    repository's copy is damaged: digests (raw) of chunks and files."""

    context: Context
    request: LogRequest
    view: View
    settings: Mapping[str, Any]
    metadata: dict[str, Any]
    inputs: tuple[Input, ...]
    base: str | None
    files: LogFiles
    expected: Expected
    records: dict[str, VersionRecord]
    effort: Effort
    captured: Mapping[str, Any]
    """Metadata of a new version only."""
    is_base_far: bool = False
    fetched: int = 0
    lost: frozenset[bytes] = frozenset()

    def run(self, progress: Progress | None) -> LogResult:
        context, dry_run = self.context, self.request.dry_run
        index = context.tables(self.view.look)
        with SeveralPacks(context.storage) as writer:
            contents = PackContents() if dry_run else writer
            encode = config.value("log.compress", self.settings)
            sources, kept, folders = self.files[:3]
            done = ingest(context, contents, sources, self._near(), progress, encode=encode, lost=self.lost)
            read = done.manifest.files
            manifest = Manifest(tuple(sorted((*read, *kept))) if kept else read, folders)
            self.effort.has_read(done.read)
            self.effort.ends("read")
            listed = manifest.to_bytes()
            record = self.record(manifest, digest_of(listed), timestamp())
            view = context.view() if self.view.moved() else self.view
            same = self._same(view, record.manifest)
            if dry_run:
                return self._foretell(view, record, contents)
            reused = reused_by(index, writer, manifest)
            reuse.check(context.storage, index, reused)
            # What the tables should have had since the version was made. Else another has logged it meanwhile.
            heals = not writer.empty and self._same(self.view, record.manifest) is not None
            if same and not heals:
                if self.request.says_nothing and view.value(expiry.key_of(same)) is None:
                    return LogResult(load(context, view, same), created=False)
                return self._commit(record, (), writer)
            packs = packs_of(reused) if writer.empty else {*packs_of(reused), *publish(context, writer)}
            if not same:
                records = context.objects_at(view)
                records.put(listed)
                records.put(record.to_bytes())
        self.effort.ends("write")
        return self._commit(record, tuple(sorted(packs)), writer, heals=heals)

    def record(self, manifest: Manifest, digest: str, created: str) -> VersionRecord:
        """The version's record. digest: the manifest's."""
        signature = self.context.signature
        return VersionRecord(
            manifest=digest,
            files=len(manifest.files),
            size=manifest.size,
            created=created,
            author=signature.who,
            host=signature.host,
            run=self.request.run,
            message=self.request.message or "",
            metadata=metadata.merge(self.captured, self.metadata),
            inputs=self.inputs,
            origin=self.request.origin,
            sources=self.request.sources,
        )

    def _near(self) -> Near:
        latest = self.view.latest(self.request.artifact)
        newest = None if latest is None else self.view.version(self.request.artifact, latest).value
        return Near(self.base or newest, asked=self.base is not None)

    def _same(self, view: View, manifest: str) -> Resolved | None:
        """The version that need not be made again: the latest if it has this content, and the origin, if one was given;
        with `once`, any that has them, and with `always`, none."""
        artifact = self.request.artifact
        latest = None if self.request.always else view.latest(artifact)
        oldest = 0 if self.request.once else latest
        for number in () if latest is None or oldest is None else range(latest, oldest - 1, -1):
            digest = view.version(artifact, number).value
            if digest is None:
                continue
            record = self.records[digest] = self.records.get(digest) or self.context.objects.version(digest)
            if record.manifest == manifest and self.request.origin in (None, record.origin):
                return Resolved(artifact, number, digest)
        return None

    def _foretell(self, view: View, record: VersionRecord, contents: PackContents) -> LogResult:
        """What the commit would come to: it is drafted, so that whatever would refuse it does, and dropped."""
        draft = Draft(view)
        done = self._drafted(draft, record)
        check_drafted(draft)
        version = load(self.context, view, done.version, record=record if done.created else None)
        until = expiry.known(self.context, draft, done.version)
        new, stored = (contents.new, contents.stored) if done.created else (0, 0)
        changes = describe(self.context, view, draft.changes())
        return LogResult(version, done.created, new, stored, done.links, done.models, changes=changes, expires=until)

    def _commit(
        self, record: VersionRecord, packs: tuple[str, ...], writer: SeveralPacks, *, heals: bool = False
    ) -> LogResult:
        """heals: what is in the writer is damaged in the repository, so that it is named in any case."""
        context, request = self.context, self.request

        def build(draft: Draft) -> _Done:
            draft.looked_up = self.view.head
            done = self._drafted(draft, record)
            if done.created:
                self._check_published(draft.view, record, done.version.digest)
            draft.packs = packs if done.created or heals else ()
            return done

        patience = config.value("lock.timeout", self.settings)
        committed = context.commit(f"log --artifact {request.artifact}", build, patience=patience)
        done = committed.value
        view = context.view(committed.look)
        version = load(context, view, done.version)
        until = expiry.known(context, view, done.version) if request.ttl or not done.created else None
        new, stored = (writer.new, writer.stored) if done.created else (0, 0)
        again = writer.new if heals else sum(one.size for name in self.lost if (one := writer.entry(name)))
        told = changed(context, committed)
        self.effort.ends("commit")
        return LogResult(version, done.created, new, stored, done.links, done.models, *told, again, expires=until)

    def _drafted(self, draft: Draft, record: VersionRecord) -> _Done:
        """Draft all that the request says."""
        context, request = self.context, self.request
        expectations.check(draft, self.expected)
        _check_types(draft.view, request)
        ensure(context, draft, CollectionKind.ARTIFACT, request.artifact, request.type or DEFAULT_TYPE)
        same = self._same(draft.view, record.manifest)
        target = same or self._add_version(draft, record)
        if same:
            self._annotate(draft, same)
            expiry.prolong(context, draft, same, request.ttl)
        elif request.ttl:
            expiry.set_ttl(context, draft, target, request.ttl)
        models = tuple(one for one in request.models if ensure_model(context, draft, one, request.artifact))
        numbers = {model: add_link(draft, model, target)[0] for model in request.models}
        for key in request.moved:
            set_in_draft(draft, key.collection, key.alias, numbers.get(key.collection, target.number))
        return _Done(target, same is None, tuple(f"{model}:v{n}" for model, n in numbers.items()), models)

    def _add_version(self, draft: Draft, record: VersionRecord) -> Resolved:
        artifact, digest = self.request.artifact, digest_of(record.to_bytes())
        number = draft.view.next_number(artifact)
        draft.set(VersionKey(artifact, number), digest)
        return Resolved(artifact, number, digest)

    def _check_published(self, view: View, record: VersionRecord, digest: str) -> None:
        """Nothing may be named that is not there, under the key that counts. The records are missing where a gc swept
        or dropped them since they were written, or where this content was the latest version when the files were read,
        so that nothing was written, and no longer is: the files are then read again."""
        objects = self.context.objects_at(view)
        if not (objects.has(digest) and objects.has(record.manifest)):
            raise MissingPack(pack="of this version")

    def _annotate(self, draft: Draft, target: Resolved) -> None:
        """What was said with content that is there already is said of the version that has it. Its record keeps the run
        that made it, so another run is recorded as one that used it."""
        request = self.request
        said = said_of(self.context, draft, target)
        check_replaced(target, said.metadata, self.metadata)
        now = said._replace(
            message=said.message if request.message is None else request.message,
            metadata=metadata.merge(said.metadata, self.metadata),
        )
        note(self.context, draft, target, said, now.with_inputs(self.inputs).with_sources(request.sources))
        if request.run not in (None, self.context.objects.version(target.digest).run):
            draft.set(RunKey(str(request.run), target.digest), target.name)


def publish(context: Context, writer: SeveralPacks) -> tuple[str, ...]:
    """Publish the packs, and know them again as those that were written; their names."""
    names = writer.publish()
    context.index.written |= writer.indexes
    for name in names if not context.storage.is_steady else ():
        if stat := context.storage.stat(key_of(name)):
            context.index.keep_sound([(name, WHOLE, stat.stamp)])
    return names


def _prepare(context: Context, request: LogRequest, effort: Effort, stack: ExitStack) -> _Job:
    """stack: holds what has to be there until the files have been read."""
    view = context.view()
    settings = context.settings(view)
    expected = expectations.parse(request.expect, request.moved)
    expectations.check(view, expected)
    _check_types(view, request)
    draft = _check_collections(context, view, request)
    found = [resolve_anywhere(context, reference, view)._replace(remote=None) for reference in request.inputs]
    base = None if request.base is None else resolve_anywhere(context, request.base, view)
    for key in request.moved:  # raises AliasTaken
        set_in_draft(draft, key.collection, key.alias, 0)
    job = _Job(
        context=context,
        request=request,
        view=view,
        settings=settings,
        metadata=metadata.normalise(request.metadata),
        inputs=tuple(Input(one.name, one.digest) for one in found),
        base=base.digest if base and (not base.remote or context.objects.has(base.digest)) else None,
        files=LogFiles(),
        expected=expected,
        records={},
        effort=effort,
        captured=metadata.normalise(request.captured or {}),
        is_base_far=bool(base and base.remote),
    )
    record = job.record(Manifest(()), "", "")
    record.to_bytes()  # raises Unstorable, before anything is written
    canonical.dumps(request.type)  # as that of a new artifact does
    number = heading.of(view.value(CONFIG)).format
    if beyond := record.beyond_format_1 or ("the expiry of a version" if request.ttl else ""):
        require(beyond, 2, number)
    onto = _onto(context, request.onto, view)
    files = gather(request, config.value("log.exclude", settings), onto, number, stack)
    effort.ends("scan")
    return job._replace(files=files, base=job.base or (onto.digest if onto else None))


def _onto(context: Context, reference: str | None, view: View) -> Onto | None:
    if reference is None:
        return None
    found = resolve(context, reference, view)
    return Onto(found.name, found.digest, manifest_of(context, found))


def _check_collections(context: Context, view: View, request: LogRequest) -> Draft:
    """A draft with the collections. Raises NameTaken where one that is wanted cannot be made, NeedsFormat where a name
    cannot be kept."""
    named = (request.artifact, *request.models, *(key.alias for key in request.moved), request.run or "")
    heading.check_names(view.value(CONFIG), named)
    draft = Draft(view)
    ensure(context, draft, CollectionKind.ARTIFACT, request.artifact)
    for model in request.models:
        ensure(context, draft, CollectionKind.MODEL, model)
    return draft


def _check_types(view: View, request: LogRequest) -> None:
    """Raises TypeDiffers where the artifact is there, and of another type than the one given; OtherType where a
    registered model is for versions of another type."""
    check_type(view, ArtifactKey(request.artifact), request.type)
    for model in request.models:
        found = request.type or type_of_artifact(view, request.artifact)
        check_link(view, model, f"a version of {request.artifact!r}", found)
