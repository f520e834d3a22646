"""From one repository to another: plan, send, commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mreg.content.objects import DamagedObject
from mreg.content.pack_writer import PackContents
from mreg.intake import reuse
from mreg.intake.ingest import packs_of, reused_by
from mreg.operations import changes
from mreg.operations.resolve import Resolved
from mreg.refs import heading
from mreg.refs.journal import Look
from mreg.refs.keys import CONFIG, AttachmentKey, VersionKey, in_table
from mreg.refs.transaction import Draft, MissingPack
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.session.remotes import is_local
from mreg.sync import labels
from mreg.sync.arrival import Arrival, Drafted
from mreg.sync.faults import SameRepository, TargetChanged, reading, shows
from mreg.sync.freight import Freight, freight
from mreg.sync.labels import Labelled
from mreg.sync.proving import Proof
from mreg.sync.request import NothingChosen, Request
from mreg.sync.seen import Seen
from mreg.sync.selection import chosen
from mreg.sync.sending import Sent, foretell, send
from mreg.values.errors import Damaged
from mreg.values.formats import require
from mreg.values.named_tuple import NamedTuple
from mreg.values.progress import Progress
from mreg.values.records import Manifest, VersionRecord
from mreg.values.transfers import Transfer, TravelledVersion

_TRIES: Final = 5
"""How often to plan again where the other side changes meanwhile."""


def transfer(
    source: Context,
    target: Context,
    request: Request,
    progress: Progress | None = None,
    since: Context | None = None,
) -> Transfer:
    """Bring versions of `source` to `target`. Nothing of the source is changed. since: leave out what that has.

    Raises SameRepository, NothingChosen, NumbersTaken, AnnotationsDiffer, AliasElsewhere, NameUnfit, TargetChanged,
    Damaged.
    """
    if source.identity.id == target.identity.id:
        raise SameRepository(location=target.location)
    request = request.checked()
    lost: frozenset[bytes] = frozenset()
    for _ in range(_TRIES - 1):
        journey = _Journey(source, target, request, since, lost)
        try:
            return journey.run(progress)
        except (MissingPack, TargetChanged):
            pass
        except _DamagedStock as error:
            lost |= error.damage.lost
        except Damaged:
            source.storage.begin()
            if not journey.is_overtaken:  # a gc may have rewritten packs of the source
                raise
        source.storage.begin()
        target.storage.begin()
    try:
        return _Journey(source, target, request, since, lost).run(progress)
    except _DamagedStock as error:
        raise error.damage from None


def is_empty(target: Context) -> bool:
    """Has nothing happened in this repository?"""
    target.storage.begin()
    return not target.journal.has(1)


def is_begun(target: Context, origin: str) -> bool:
    """Is this a new repository, in which nothing was done but to clone the one at `origin`, and to name that?"""
    steps = ("clone", f"remote add origin {origin}")
    look = target.journal.look()
    return all(entry.command in steps for entry in target.journal.upto(look.head))


def _later(found: list[Resolved], since: Context, verb: str) -> list[Resolved]:
    """Those that are not in the other repository. Raises NothingChosen."""
    view = since.view()
    since.tables(view.look)
    later = [one for one in found if view.ref(VersionKey(one.artifact, one.number)).value != one.digest]
    if not later:
        error = NothingChosen(verb=verb, reason=f"{since.location} has all of it")
        error.facts["hint"] = "no bundle is needed"
        raise error
    return later


class _Records(NamedTuple):
    """What the versions that arrive are described by. data: of all records, by digest, in the order of writing."""

    manifests: dict[str, Manifest]
    versions: dict[str, VersionRecord]
    data: dict[str, bytes]


class _DamagedStock(Exception):
    """What the versions would share with others there is damaged, and is to be sent again."""

    def __init__(self, damage: reuse.DamagedReuse) -> None:
        self.damage = damage


class _Journey:
    """One try: both sides as they were when it began. lost: as in `freight`."""

    def __init__(
        self, source: Context, target: Context, request: Request, since: Context | None, lost: frozenset[bytes]
    ) -> None:
        self._lost = lost
        self._source = source
        self._target = target
        self._request = request
        self._seen = Seen(source, target, source.cache or target.cache)
        self._since = since
        self._blamed: Damaged | None = None
        with self._reading():
            self._view = source.view()
            source.tables(self._view.look)
            found = chosen(source, self._view, request)
        self._chosen = found if since is None else _later(found, since, request.verb)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            with reading(self._source, own=not self._request.doubt):
                yield
        except Damaged as error:
            self._blamed = error
            raise

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """What is found damaged is the other side's, unless it was said whose it is."""
        try:
            yield
        except Damaged as error:
            if error is self._blamed:
                raise
            with reading(self._target, own=self._request.doubt):
                raise

    @property
    def is_overtaken(self) -> bool:
        """Has the source changed since the journey began?"""
        return self._view.moved()

    def run(self, progress: Progress | None) -> Transfer:
        with self._writing():
            return self._run(progress)

    def _run(self, progress: Progress | None) -> Transfer:
        view = self._target.view()
        self._target.tables(view.look)
        plan = Draft(view)
        drafted, _ = self._draft(plan)
        with self._reading():
            records = self._records(drafted, view)
            load = freight(self._source, self._target, records.manifests.values(), self._since, self._lost)
        if self._request.dry_run:
            told = changes.describe(self._target, view, plan.changes())
            return self._told(drafted, records, foretell(load), self._new(records, view))._replace(changes=told)
        sent = self._send(load, progress)
        return self._commit(drafted, records, sent)

    def _draft(self, draft: Draft) -> tuple[Drafted, Labelled]:
        arrival = Arrival(self._source, self._view, self._target, self._request, self._seen)
        try:
            drafted = arrival.draft(draft, self._chosen)
            labelled = labels.draft(arrival, draft, drafted)
        except Damaged as error:  # one read of both
            if not shows(self._target, error):
                with self._reading():
                    raise
            raise
        arrival.check(draft)
        return drafted._replace(ahead=(*drafted.ahead, *labelled.ahead)), labelled

    # What is sent.

    def _records(self, drafted: Drafted, view: View) -> _Records:
        """Read, and checked. Raises DamagedObject, NeedsFormat."""
        number = heading.of(view.value(CONFIG)).format
        found = _Records({}, {}, {})
        for place in drafted.places:
            if place.state == "deleted":
                continue
            record = self._version(found, place.source)
            if place.arrives:
                if record.beyond_format_1:
                    require(record.beyond_format_1, 2, number)
                self._manifests(found, place.source, record, number)
                found.data[place.source.digest] = self._source.objects.get(place.source.digest, "version record")
        return found

    def _version(self, found: _Records, version: Resolved) -> VersionRecord:
        record = found.versions.get(version.digest) or self._source.objects.version(version.digest)
        found.versions[version.digest] = record
        return record

    def _manifests(self, found: _Records, version: Resolved, record: VersionRecord, number: int) -> None:
        manifest = self._manifest(found, record.manifest, number)
        if (len(manifest.files), manifest.size) != (record.files, record.size):
            raise DamagedObject(what="version record", digest=version.digest, reason="its manifest has other files")
        table = in_table(VersionKey(version.artifact, version.number), AttachmentKey)
        for digest in self._view.live(table, AttachmentKey).values():
            self._manifest(found, digest, number)

    def _manifest(self, found: _Records, digest: str, number: int) -> Manifest:
        if digest not in found.manifests:
            manifest = self._source.objects.manifest(digest)
            if manifest.beyond_format_1:
                require(manifest.beyond_format_1, 2, number)
            found.manifests[digest] = manifest
            found.data[digest] = self._source.objects.get(digest, "manifest")
        return found.manifests[digest]

    def _new(self, records: _Records, view: View) -> dict[str, bytes]:
        """The records that are not there."""
        there = self._target.objects_at(view)
        return {name: data for name, data in records.data.items() if not there.has(name)}

    def _send(self, load: Freight, progress: Progress | None) -> Sent:
        done, total = 0, load.stored

        def tell(count: int) -> None:
            nonlocal done
            done += count
            if progress:
                progress(done, total)

        if progress and total:
            progress(0, total)
        proof = Proof(load.recipes, self._source.location) if self._request.doubt else None
        return send(load, self._target, self._request.command, tell, proof, self._reading)

    # The change.

    def _commit(self, drafted: Drafted, records: _Records, sent: Sent) -> Transfer:
        view = self._target.view()
        new = self._new(records, view)
        self._target.objects_at(view).put_all(new.values())
        packs = self._packs(records, view.look)

        def build(draft: Draft) -> tuple[Drafted, Labelled]:
            draft.looked_up = view.head
            now, labelled = self._draft(draft)
            if [one for one in now.places if one.arrives and one not in drafted.places]:
                raise TargetChanged(location=self._target.location)
            if any(one.arrives for one in now.places):
                self._check_there(draft.view, records)
                draft.packs = packs
            return now, labelled

        committed = self._target.commit(self._request.command, build, alone=True)
        now, labelled = committed.value
        self._note(labelled, committed.look)
        return self._told(now, records, sent, new)._replace(**changes.changed(self._target, committed)._asdict())

    def _note(self, labelled: Labelled, look: Look) -> None:
        """What was just moved, or is the same on both sides, has been seen."""
        if labelled.aliases:
            self._seen.note(self._source, self._view, [ours for ours, _ in labelled.aliases])
            self._seen.note(self._target, self._target.view(look), [theirs for _, theirs in labelled.aliases])
            self._seen.save()

    def _packs(self, records: _Records, look: Look) -> tuple[str, ...]:
        """Those from which the versions that arrive are read there. Raises MissingPack, _DamagedStock."""
        index = self._target.tables(look)
        if self._since is not None:  # more than these packs are needed: all that there are
            entries = self._target.journal.upto(look.head)
            return tuple(sorted({name for entry in entries for name in entry.packs}))
        files = {file.digest: file for manifest in records.manifests.values() for file in manifest.files}
        reused = reused_by(index, PackContents(), Manifest(tuple(files.values())))
        if is_local(self._target):  # elsewhere, to look at what is there would cost more than to send it
            try:
                reuse.check(self._target.storage, index, reused)
            except reuse.DamagedReuse as error:
                raise _DamagedStock(error) from None
        return tuple(sorted(packs_of(reused)))

    def _check_there(self, view: View, records: _Records) -> None:
        """A gc may have taken what nothing named yet. Raises MissingPack."""
        there = self._target.objects_at(view)
        for name in records.data:
            if not there.has(name):
                raise MissingPack(pack="of this version")

    def _told(self, drafted: Drafted, records: _Records, sent: Sent, new: dict[str, bytes]) -> Transfer:
        source, target = self._source.location, self._target.location
        versions = [
            TravelledVersion(one.source.name, one.name, one.source.digest, one.state, self._size(records, one.source))
            for one in drafted.places
        ]
        size = sent.bytes + sum(map(len, new.values()))
        return Transfer(
            source,
            target,
            tuple(versions),
            sent.chunks,
            size,
            drafted.reserved,
            drafted.ahead,
            dry_run=self._request.dry_run,
        )

    def _size(self, records: _Records, version: Resolved) -> int:
        return self._version(records, version).size
