"""What was so at some time: `--at`. Judged from the journal, and told with the entry that decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from mreg.operations.aliases import alias_in
from mreg.operations.described import artifact_type, describe, holders_in, parse_time
from mreg.operations.history import UnknownSequence, bound
from mreg.operations.renamed import followed, moved_to
from mreg.operations.resolve import Resolved, linked, require_kind, resolve_in
from mreg.refs import keys
from mreg.refs.journal import Entry, Mark
from mreg.refs.keys import (
    AliasKey,
    AnnotationKey,
    ArtifactKey,
    CollectionKey,
    CollectionKind,
    LinkKey,
    RefKey,
    VersionKey,
)
from mreg.refs.past import Past
from mreg.session.context import Context
from mreg.session.listing import Holder
from mreg.values import annotation, names
from mreg.values.entities import Version
from mreg.values.errors import NotFound
from mreg.values.named_tuple import NamedTuple

__all__ = ["AliasThen", "CollectionThen", "Decision", "Moment", "ResolvedThen", "Stamp", "VersionThen"]


class NotThen(NotFound):
    code = "not-then"
    template = "{reason}, {when}"

    name: str
    reason: str
    when: str


class Stamp(NamedTuple):
    """An entry of the journal, and the time that it bears."""

    seq: int
    time: datetime


class Decision(NamedTuple):
    """The entry that decided something: see `HistoryEntry`."""

    seq: int
    time: datetime
    who: str
    host: str
    command: str
    message: str | None


class ResolvedThen(NamedTuple):
    """The version that a reference meant, as in `Resolved`. now: what it is called now, None if it was deleted. entry:
    that which decided: for an alias the one that moved it there, else the one that made the version or link."""

    artifact: str
    number: int
    digest: str
    model: str | None
    link: int | None
    now: str | None
    entry: Decision

    @property
    def name(self) -> str:
        """`artifact:vN`, as it was called then."""
        return f"{self.artifact}:v{self.number}"


class AliasThen(NamedTuple):
    """Where an alias was: see `Alias`. entry: that which moved it there."""

    name: str
    alias: str
    number: int
    version: str
    entry: Decision


class CollectionThen(NamedTuple):
    """An artifact or registered model as it was; versions: how many, or how many links. entry: the last one by then
    that changed it, one of its versions, links or aliases."""

    name: str
    kind: str
    type: str
    versions: int
    latest: str | None
    aliases: dict[str, str]
    entry: Decision


class VersionThen(NamedTuple):
    """A version of an artifact, or a link of a registered model (`name`, `number`), as it was. version: all about it,
    None where `gc` has deleted its record. entry: the last one by then that made or annotated it, or moved an alias to
    it."""

    name: str
    number: int
    digest: str
    aliases: tuple[str, ...]
    version: Version | None
    entry: Decision


class Moment:
    """The repository after the entry `seq`, which bears `time` (None: before the first). Made by `Repository.at`.

    Asked for by a time, it is that after the last entry that bears no later one. ahead: entries up to it that bear a
    later time all the same, as some clock ran backwards; the caller may then say by a number what is meant. in_future:
    the time has not come yet, so this is how it is now.
    """

    def __init__(self, context: Context, at: int | str | datetime) -> None:
        self._context = context
        self._view = context.view()
        head = self._view.head
        limit = bound(at, end=True)
        self.in_future = self._is_in_future(bound(at, end=False))
        self.ahead: tuple[Stamp, ...] = ()
        self._decisions: dict[int, Decision] = {}
        if isinstance(limit, datetime):
            seq = next((one.seq for one in self._backwards(head.seq) if one.time < limit), 0)
        else:
            seq, limit = limit or 0, None
        if not 0 <= seq <= head.seq:
            raise UnknownSequence(seq=seq, head=head.seq)
        self._past = Past(context.storage, context.journal, self._until(seq, limit))
        self.seq = seq
        self.time = self.decision(seq).time if seq else None

    def _is_in_future(self, time: int | datetime | None) -> bool:
        if not isinstance(time, datetime) or time <= datetime.now(UTC):
            return False
        newest = next(self._backwards(self._view.head.seq), None)  # some clocks run ahead
        return newest is None or newest.time < time

    def _backwards(self, last: int) -> Iterator[Stamp]:
        for seq in range(last, 0, -1):
            yield Stamp(seq, parse_time(self._context.journal.entry(seq).time))

    def _until(self, seq: int, limit: datetime | None) -> Iterator[tuple[Mark, Entry]]:
        """The entries up to `seq`; those that bear a later time than `limit` are noted. Raises DamagedJournal, also
        where one is missing: what it moved would be told as it was before."""
        journal = self._context.journal
        start = Mark(0, journal.origin)
        for mark, entry in journal.after(start, seq) if seq else ():
            time = parse_time(entry.time)
            if limit is not None and time >= limit:
                self.ahead += (Stamp(mark.seq, time),)
            yield mark, entry
            if mark.seq == seq:
                return

    def decision(self, seq: int) -> Decision:
        """The entry of this number."""
        if seq not in self._decisions:
            entry = self._context.journal.entry(seq)
            self._decisions[seq] = Decision(
                seq, parse_time(entry.time), entry.who, entry.host, entry.command, entry.message
            )
        return self._decisions[seq]

    def resolve(self, reference: str) -> ResolvedThen:
        """The version that the reference meant. NAME is what the collection was called then or, where there was none of
        that name, what it is called now. Raises NotFound."""
        wanted = names.parse_reference(reference)
        wanted = wanted._replace(name=self._called(wanted.name))
        try:
            found = resolve_in(self._context, self._past, wanted)
        except NotFound as error:
            raise self._not_then(wanted.name, error) from None
        alias = wanted.selector.alias
        made = VersionKey(found.artifact, found.number) if found.link is None else LinkKey(wanted.name, found.link)
        decided = made if alias is None else AliasKey(wanted.name, alias)
        now = moved_to(self._context, self._view, VersionKey(found.artifact, found.number))
        there = now.version if isinstance(now, VersionKey) else None
        return ResolvedThen(*found[:5], there, self._last([decided]))

    def aliases(self, name: str | None = None) -> list[AliasThen]:
        """The aliases of a collection, or all, sorted by collection and alias. Raises NotFound."""
        prefix = keys.ALL_ALIASES if name is None else keys.in_aliases(self._required(name))
        found = []
        for key in self._past.live(prefix, AliasKey):
            number = self._past.aliases(key.collection)[key]
            found.append(AliasThen(*alias_in(self._past, key, number), self._last([key])))
        return sorted(found, key=lambda one: (one.name, one.alias))

    def collections(self) -> list[CollectionThen]:
        """All artifacts and registered models, sorted by name."""
        found = self._past.live("", CollectionKey)
        return [self._collection(key, value) for key, value in sorted(found.items(), key=lambda one: one[0].name)]

    def kind(self, name: str) -> str:
        """ "artifact" or "model". Raises NotFound."""
        return require_kind(self._context, self._past, self._required(name)).value

    def versions(self, name: str, newest: int | None = None) -> list[VersionThen]:
        """The versions of an artifact, or the links of a registered model, in the order of their numbers. newest: only
        so many with the highest numbers; no more records are read. Raises NotFound, Damaged."""
        name = self._required(name)
        aliases = self._past.aliases(name)
        found = []
        made: dict[RefKey, Resolved]
        if self._past.kind(name) is CollectionKind.ARTIFACT:
            versions = self._past.versions(name).items()
            made = {key: Resolved(name, key.number, digest) for key, digest in versions}
        else:
            made = {key: linked(key, target) for key, target in self._past.links(name).items()}
        holders = holders_in(self._past)
        for key, one in [*made.items()][0 if newest is None else max(0, len(made) - newest) :]:
            number = one.number if one.link is None else one.link
            held = {alias: at for alias, at in aliases.items() if at == number}
            entry = self._last([key, AnnotationKey(one.artifact, one.number), *held])
            words = tuple(sorted(alias.alias for alias in held))
            found.append(
                VersionThen(f"{name}:v{number}", number, one.digest, words, self._version(one, holders), entry)
            )
        return found

    def _called(self, name: str) -> str:
        """What the collection was called then."""
        if self._past.kind(name) is not None:
            return name
        if not any(self._view.ref(kind.key(name)).seq for kind in CollectionKind):
            require_kind(self._context, self._view, name)
        for entry, called in followed(self._context.journal, name, self._view.head.seq):
            if entry.seq <= self.seq:
                return called
        return name

    def _required(self, name: str) -> str:
        called = self._called(names.check_name(name))
        try:
            require_kind(self._context, self._past, called)
        except NotFound as error:
            raise self._not_then(called, error) from None
        return called

    def _not_then(self, name: str, error: NotFound) -> NotThen:
        when = "before the first entry" if self.time is None else f"as of entry {self.seq} ({_shown(self.time)})"
        return NotThen(name=name, reason=str(error), when=when, near=[])

    def _last(self, decided: Iterable[RefKey]) -> Decision:
        return self.decision(max(self._past.ref(key).seq for key in decided))

    def _collection(self, key: CollectionKey, value: str) -> CollectionThen:
        name = key.name
        aliases = {alias: f"v{number}" for alias, number in self._past.aliases(name).items()}
        own: list[VersionKey] | list[LinkKey]
        own = list(self._past.versions(name)) if isinstance(key, ArtifactKey) else list(self._past.links(name))
        return CollectionThen(
            name,
            key.kind.value,
            artifact_type(name, value) if isinstance(key, ArtifactKey) else "",
            len(own),
            f"v{own[-1].number}" if own else None,
            {alias.alias: at for alias, at in aliases.items()},
            self._last([key, *own, *aliases]),
        )

    def _version(self, one: Resolved, holders: dict[VersionKey, list[Holder]]) -> Version | None:
        """All about the version as it was; None where its record is gone."""
        if not self._context.objects.has(one.digest):
            return None
        record, note = self._context.objects.version(one.digest), AnnotationKey(one.artifact, one.number)
        aliases = self._past.aliases(one.artifact)
        return describe(
            one,
            record,
            annotation.effective(record, self._past.value(note), note),
            aliases=[key.alias for key, number in aliases.items() if number == one.number],
            holders=holders.get(VersionKey(one.artifact, one.number), []),
            type_=artifact_type(one.artifact, self._past.value(ArtifactKey(one.artifact))),
        )


def _shown(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
