"""The versions of a plan into the repository: first all bytes, then, one journal entry per collection, all refs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from mreg.importers import targets
from mreg.importers.check import Verifier, called_in
from mreg.importers.drafting import Moved, draft_collection
from mreg.importers.intake import Intake
from mreg.importers.numbers import Numbers
from mreg.importers.plan import LATEST, PlannedInput, PlannedVersion
from mreg.importers.prepared import Added, Prepared
from mreg.importers.targets import Known, Memory, Target
from mreg.importers.words import proposed, sayable
from mreg.intake.reuse import DamagedReuse
from mreg.operations.changes import changed
from mreg.operations.log_request import InvalidSource, check_source
from mreg.refs.keys import ArtifactKey, PropertyKey
from mreg.refs.transaction import MissingPack, timestamp
from mreg.refs.view import View
from mreg.session import config
from mreg.session.context import Context
from mreg.values import metadata
from mreg.values.changed import Changed
from mreg.values.digest import digest as digest_of
from mreg.values.names import check_name
from mreg.values.records import DataSource, Input, Manifest, Origin, VersionRecord

_TRIES = 5


Told = Callable[[int], None]


class Applier:
    """Applies the targets of one plan. command: for the history. told: is called with bytes that were read."""

    def __init__(self, context: Context, system: str, command: str, told: Told) -> None:
        self._context = context
        self._system = system
        self._command = command
        self._told = told
        self._verifier = Verifier()
        self._lost: frozenset[bytes] = frozenset()
        self._prepared: dict[str, Prepared] = {}
        self._known: Known | None = None

    def prepare(self, target: Target) -> Prepared:
        """Store what is new of the collection. Nothing has a name yet. Raises WrongBytes, SourceChanged, MissingPath,
        UnreadableFile."""
        for _ in range(_TRIES - 1):
            try:
                return self._prepare(target)
            except MissingPack:
                self._context.index.start_anew(self._context.journal.look())
            except DamagedReuse as error:
                self._lost |= error.lost
        return self._prepare(target)

    def commit(self, prepared: Prepared) -> tuple[Prepared, Changed]:
        """Name it, by one entry; again from the start where somebody else has changed the artifact meanwhile."""
        for _ in range(_TRIES - 1):
            try:
                return self._commit(prepared)
            except (MissingPack, Moved):
                self._context.index.start_anew(self._context.journal.look())
                prepared = self.prepare(self._again(prepared.target))
        return self._commit(prepared)

    def _again(self, target: Target) -> Target:
        return target._replace(memory=targets.memory_of(self._context.view(), target))

    def _commit(self, prepared: Prepared) -> tuple[Prepared, Changed]:
        done = self._context.commit(self._command, lambda draft: draft_collection(self._context, draft, prepared))
        return prepared, changed(self._context, done)

    def _prepare(self, target: Target) -> Prepared:
        context, memory = self._context, target.memory
        view = context.view()
        encode = config.value("log.compress", context.settings(view))
        intake = Intake(context, self._verifier, encode=encode, lost=self._lost)
        numbers = Numbers(context, view, target.artifact)
        near = self._latest(view, target.artifact)
        added: list[Added] = []
        new = stored = 0
        for version in target.collection.versions:
            if is_here(context, view, intake, target, memory, version):
                continue
            called = called_in(target.collection, version)
            found = intake.store(version, called, near, self._told)
            one = self._record(view, target, version, found.manifest, numbers)
            near, new, stored = one.digest, new + found.new, stored + found.stored
            added.append(one)
        packs = intake.packs([one.manifest for one in added]) if added else ()
        prepared = Prepared(target, view, numbers.first, tuple(numbers.skipped), tuple(added), packs, new, stored)
        self._prepared[target.collection.name] = prepared
        return prepared

    def _latest(self, view: View, artifact: str) -> str | None:
        latest = view.latest(artifact)
        return None if latest is None else view.version(artifact, latest).value

    def _record(
        self, view: View, target: Target, version: PlannedVersion, manifest: Manifest, numbers: Numbers
    ) -> Added:
        listed = manifest.to_bytes()
        record = self._made(view, version, manifest, digest_of(listed))
        before = numbers.deleted(record)
        if before is not None:
            return Added(version, *before, manifest)
        data = record.to_bytes()
        objects = self._context.objects_at(view)
        objects.put(listed)
        objects.put(data)
        return Added(version, numbers.take(version.number), digest_of(data), manifest)

    def _made(self, view: View, version: PlannedVersion, manifest: Manifest, digest: str) -> VersionRecord:
        """digest: the manifest's."""
        signature = self._context.signature
        inputs, sources = self._inputs(view, version.inputs)
        return VersionRecord(
            manifest=digest,
            files=len(manifest.files),
            size=manifest.size,
            created=timestamp(),
            author=signature.who,
            host=signature.host,
            run=None if version.run is None else proposed(version.run, check_name, (), "run"),
            message=version.message,
            metadata=metadata.normalise(sayable(version.metadata)),
            inputs=inputs,
            origin=Origin(self._system, version.id, version.time, version.author),
            sources=sources,
        )

    def _inputs(self, view: View, planned: Sequence[PlannedInput]) -> tuple[tuple[Input, ...], tuple[DataSource, ...]]:
        inputs: dict[str, Input] = {}
        sources: list[DataSource] = []
        for one in planned:
            found = self._input(view, one)
            if found is not None:
                inputs.setdefault(found.version, found)
                continue
            with suppress(InvalidSource):
                sources.append(check_source(DataSource("uri", one.uri)))
        return tuple(inputs.values()), tuple(dict.fromkeys(sources))

    def _input(self, view: View, wanted: PlannedInput) -> Input | None:
        """The version that is meant: of this import, or of an earlier one."""
        prepared = self._prepared.get(wanted.collection)
        if prepared is not None:
            artifact, numbers = prepared.target.artifact, prepared.numbers
            new: Mapping[int, str] = {one.number: one.digest for one in prepared.added}
        else:
            self._known = self._known or Known(view, self._system)
            known = self._known.artifact(wanted.collection)
            if known is None:
                return None
            key = PropertyKey(ArtifactKey(known), targets.property_name(self._system, wanted.collection))
            artifact, numbers, new = known, dict(targets.remembered(view.value(key)).versions), {}
        number = max(numbers.values(), default=None) if wanted.id == LATEST else numbers.get(wanted.id)
        if number is None:
            return None
        digest = new.get(number) or view.version(artifact, number).value
        return None if digest is None else Input(f"{artifact}:v{number}", digest)


def is_here(
    context: Context, view: View, intake: Intake, target: Target, memory: Memory, version: PlannedVersion
) -> bool:
    """Was the version imported, whatever became of it? Where its id does not tell its content, the files do."""
    number = memory.versions.get(version.id)
    if number is None or version.pinned:
        return number is not None
    digest = view.version(target.artifact, number).value
    if digest is None:
        return True
    manifest = context.objects.version(digest).manifest
    return intake.same(version, manifest)
