"""The refs of a transfer, drafted on the other side as one change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import TypeVar

from mreg.operations.collections import NameTaken, check_free, check_type
from mreg.operations.links import MAX_CARD
from mreg.operations.resolve import Resolved
from mreg.refs import heading, properties, rules
from mreg.refs.keys import (
    CONFIG,
    AnnotationKey,
    ArtifactKey,
    AttachmentKey,
    CardKey,
    CollectionKey,
    CollectionKind,
    PropertyKey,
    RefKey,
    VersionKey,
    in_table,
)
from mreg.refs.ref_files import DamagedRef
from mreg.refs.transaction import Draft
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.sync import past
from mreg.sync.faults import AnnotationsDiffer, NameUnfit, NumbersTaken
from mreg.sync.names import proposed
from mreg.sync.places import Place, gaps, listed, meant, places
from mreg.sync.request import Request
from mreg.sync.seen import Seen
from mreg.values.formats import NeedsFormat
from mreg.values.named_tuple import NamedTuple

_OWN = "mreg."
"""How keys of properties begin that mean something in one repository, such as how long a version is kept there."""

_Key = TypeVar("_Key", bound=RefKey)


class Drafted(NamedTuple):
    """What was drafted. reserved: numbers there that are kept. ahead: versions of which more is said there."""

    places: tuple[Place, ...]
    reserved: tuple[str, ...]
    ahead: tuple[str, ...]


class Arrival:
    """Drafts the refs. source, view: where they come from, as of then.

    For messages, location: of where they go; elsewhere: of the side that is not the user's own.
    """

    def __init__(self, source: Context, view: View, target: Context, request: Request, seen: Seen) -> None:
        self.source = source
        self.view = view
        self.target = target
        self.request = request
        self.seen = seen
        self.location = target.location
        self.elsewhere = source.location if request.fetches else target.location

    def draft(self, draft: Draft, chosen: Sequence[Resolved]) -> Drafted:
        """Raises NumbersTaken, AnnotationsDiffer, NameUnfit, TypeDiffers."""
        placed = places(draft.view, chosen, self.request)
        if placed.taken:
            raise NumbersTaken(location=self.location, names=listed(placed.taken), taken=placed.taken)
        arriving: dict[str, list[Place]] = defaultdict(list)
        for place in placed.places:
            if place.arrives:
                arriving[place.artifact].append(place)
        reserved = [name for there in arriving.values() for name in self._versions(draft, there)]
        reserved += self._empty(draft, {place.source.artifact for place in placed.places})
        ahead = self._annotations(draft, [one for one in placed.places if one.state == "there"])
        return Drafted(placed.places, tuple(reserved), tuple(ahead))

    def check(self, draft: Draft) -> None:
        """That the other side can hold what is drafted, and that it is something. Raises NeedsFormat, DamagedRef."""
        heading.check_refs(draft.value(CONFIG), [*draft.new.items(), *draft.buried.items()])
        for key, value in draft.new.items():
            fault = value and (rules.fault(key, value) or _too_long(key, value))
            if fault:
                raise DamagedRef(ref=key, reason=f"{fault}, in {self.source.location}")

    def _empty(self, draft: Draft, others: Set[str]) -> Iterator[str]:
        """Artifacts of which no version is left, if they were asked for; the numbers that were given in them."""
        for origin in self.view.collections(CollectionKind.ARTIFACT) if self.request.collections else ():
            if origin.name not in others:
                name = self.request.called(origin.name)
                self.collection(draft, origin, ArtifactKey(name))
                yield from self._reserve(draft, origin.name, name, {}, self.view.next_number(origin.name))

    def _reserve(self, draft: Draft, origin: str, name: str, numbers: Mapping[int, object], end: int) -> list[str]:
        kept = gaps(
            draft.view.next_number(name),
            numbers,
            lambda number: meant(VersionKey(origin, number), self.view.ref(VersionKey(origin, number))),
            end,
        )
        for number, reserve in kept.items():
            draft.bury(VersionKey(name, number), str(reserve))
        return [f"{name}:v{number}" for number in kept]

    def _versions(self, draft: Draft, arriving: Sequence[Place]) -> list[str]:
        """The versions of one artifact, with what is said of them; the numbers that are reserved."""
        origin, name = arriving[0].source.artifact, arriving[0].artifact
        self.collection(draft, ArtifactKey(origin), ArtifactKey(name))
        numbers = {place.number: place for place in arriving}
        kept = self._reserve(draft, origin, name, numbers, self._end(arriving))
        for place in arriving:
            draft.set(place.key, place.source.digest)
            self._said(draft, place)
        return kept

    def _end(self, arriving: Sequence[Place]) -> int:
        """Where all versions travel, the last numbers may be of deleted ones. They are not to mean anything else."""
        moved = any(one.number != one.source.number for one in arriving)
        return self.view.next_number(arriving[0].source.artifact) if self.request.every and not moved else 0

    def _said(self, draft: Draft, place: Place) -> None:
        """The annotation of a version that arrives, its properties and attachments."""
        key = VersionKey(place.source.artifact, place.source.number)
        draft.set(_note(place.key), self.view.value(_note(key)))
        for kind in (PropertyKey, AttachmentKey):
            for part, value in self.view.live(in_table(key, kind), kind).items():
                if not part.name.startswith(_OWN):
                    draft.set(part.of(place.key), value)

    def collection(self, draft: Draft, origin: CollectionKey, key: CollectionKey, text: str | None = None) -> None:
        """The collection, as the source has it, unless it exists. text: instead of what the source says. Raises
        NameUnfit, TypeDiffers."""
        said = text or self.view.value(origin)
        if draft.value(key) is not None:
            if key.kind.value == "artifact":
                check_type(draft, key, properties.type_of(properties.read(origin, said)))
            return
        try:
            heading.check_names(draft.value(CONFIG), [key.name])
            check_free(draft.view, key)
        except (NameTaken, NeedsFormat) as error:
            name = proposed(draft.view, key)
            raise NameUnfit(
                name=key.name, location=self.location, reason=str(error), origin=origin.name, proposed=name
            ) from None
        draft.set(key, said)

    def _annotations(self, draft: Draft, there: Iterable[Place]) -> list[str]:
        """What is said of versions that are on both sides goes along where this side has gone on; those of which the
        other side says more."""
        pairs = {_note(VersionKey(one.source.artifact, one.source.number)): _note(one.key) for one in there}
        return [f"{key.artifact}:v{key.number}" for key in self.follow(draft, pairs)]

    def follow(self, draft: Draft, pairs: Mapping[_Key, _Key]) -> list[_Key]:
        """Draft what refs of the source say for their counterparts, where it has gone on from what these say; those
        that are ahead. Raises AnnotationsDiffer."""
        differ = {one: other for one, other in pairs.items() if self.view.value(one) != draft.view.value(other)}
        ours = past.values_of(self.source, self.view, list(differ))
        theirs = past.values_of(self.target, draft.view, list(differ.values()))
        ahead = []
        for one, other in differ.items():
            if past.has_gone_on(ours[str(one)], theirs[str(other)]):
                draft.set(other, self.view.value(one))
            elif past.has_gone_on(theirs[str(other)], ours[str(one)]):
                ahead.append(other)
            else:
                raise AnnotationsDiffer(what=rules.words(other), location=self.elsewhere)
        return ahead


def _too_long(key: RefKey, value: str) -> str | None:
    return "it is too long" if isinstance(key, CardKey) and len(value.encode()) > MAX_CARD else None


def _note(key: VersionKey) -> AnnotationKey:
    return AnnotationKey(key.artifact, key.number)
