"""What goes along with versions by choice: their aliases and links, and tags and cards of the models that link them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mreg.operations import aliases, collections, types
from mreg.refs import heading, keys, properties
from mreg.refs.keys import (
    CONFIG,
    AliasKey,
    CardKey,
    CollectionKey,
    CollectionKind,
    LinkKey,
    ModelKey,
    numbered,
)
from mreg.refs.transaction import Draft
from mreg.refs.view import View, check_pointer, link_target
from mreg.sync import past
from mreg.sync.arrival import Arrival, Drafted
from mreg.sync.faults import AliasElsewhere, NumbersTaken, UnknownTravelAlias
from mreg.sync.places import DELETED, NEW, THERE, Place, gaps, listed, meant, state
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import parse_version
from mreg.values.ref_texts import LinkTarget

Numbers = Mapping[int, int]
"""The numbers of a collection in the source, each with that on the other side."""


class Labelled(NamedTuple):
    """aliases: those that agree now, as each side calls them. ahead: aliases that have gone on there."""

    aliases: Sequence[tuple[AliasKey, AliasKey]]
    ahead: Sequence[str]


def draft(arrival: Arrival, draft: Draft, drafted: Drafted) -> Labelled:
    """Draft what was asked for. Raises NumbersTaken, AliasElsewhere, UnknownTravelAlias, NameUnfit, OtherType."""
    labels = _Labels(arrival, draft, drafted)
    wanted = labels.draft()
    agreed = [(one.key, one.target) for one in wanted if one.name not in labels.ahead]
    return Labelled(agreed, labels.ahead)


class _Labels:
    def __init__(self, arrival: Arrival, draft: Draft, drafted: Drafted) -> None:
        self._arrival = arrival
        self._view = arrival.view
        self._request = arrival.request
        self._draft = draft
        self.ahead: list[str] = []
        self._places = [one for one in drafted.places if one.state != DELETED]

    def draft(self) -> list[_Alias]:
        numbers: dict[CollectionKey, dict[int, int]] = defaultdict(dict)
        for place in self._places:
            numbers[keys.ArtifactKey(place.source.artifact)][place.source.number] = place.number
        if self._request.links:
            numbers |= self._links()
        if self._request.collections:
            for model in self._view.collections(CollectionKind.MODEL):
                if model not in numbers:
                    self._empty(model.name)
        wanted = [one for origin, there in numbers.items() for one in self._aliases(origin, there)]
        for alias in set(self._request.aliases) - {one.key.alias for one in wanted}:
            raise UnknownTravelAlias(alias=alias)
        self._set_aliases(wanted)
        return wanted

    # Links.

    def _links(self) -> dict[CollectionKey, dict[int, int]]:
        """Draft them; the numbers of each model."""
        places = {one.source.name: one for one in self._places}
        by_model: dict[str, dict[LinkKey, Place]] = defaultdict(dict)
        for key, value in self._view.live(keys.ALL_MODELS, LinkKey).items():
            place = places.get(link_target(key, value).version)
            if place:
                by_model[key.model][key] = place
        return {ModelKey(model): self._links_of(model, links) for model, links in sorted(by_model.items())}

    def _links_of(self, model: str, links: Mapping[LinkKey, Place]) -> dict[int, int]:
        name = self._request.called(model)
        there = self._numbers(name, links)
        self._model(model, name)
        arriving: dict[int, Place] = {}
        for key, place in links.items():
            number, at = there[key.number]
            if at != THERE:
                arriving[number] = place
        self._reserve(model, name, arriving)
        for number, place in arriving.items():
            target = LinkTarget(place.artifact, place.number, place.source.digest)
            types.check_link(self._draft, name, target.version, types.type_of_artifact(self._draft, place.artifact))
            self._draft.set(LinkKey(name, number), str(target))
        return {number: to for number, (to, _) in there.items()}

    def _empty(self, model: str) -> None:
        """A registered model of which no link is left; its numbers mean nothing else either."""
        name = self._request.called(model)
        self._model(model, name)
        self._reserve(model, name, {}, self._view.next_link(model))

    def _reserve(self, model: str, name: str, arriving: Mapping[int, Place], end: int = 0) -> None:
        kept = gaps(
            self._draft.view.next_link(name),
            arriving,
            lambda number: meant(LinkKey(model, number), self._view.ref(LinkKey(model, number))),
            end,
        )
        for number, reserve in kept.items():
            self._draft.bury(LinkKey(name, number), str(reserve))

    def _numbers(self, name: str, links: Mapping[LinkKey, Place]) -> dict[int, tuple[int, str]]:
        """By the number of each link in the source the one on the other side, and what happens to it. A model links a
        version once. Raises NumbersTaken."""
        view, request = self._draft.view, self._request
        known = {target.digest: key.number for key, target in view.links(name).items()}
        found: dict[int, tuple[int, str]] = {}
        taken: list[LinkKey] = []
        for key, place in links.items():
            at = state(LinkKey(name, key.number), view, place.source.digest, request.restore)
            if place.source.digest in known:
                found[key.number] = known[place.source.digest], THERE
            elif at is None:
                taken.append(key)
            elif at != DELETED:
                found[key.number] = key.number, at
        if taken and not request.renumber:
            told = [f"{name}:v{key.number}" for key in taken]
            raise NumbersTaken(location=self._arrival.location, names=listed(told), taken=told)
        end = max([view.next_link(name), *(number + 1 for number, _ in found.values())])
        return found | {key.number: (end + n, NEW) for n, key in enumerate(taken)}

    def _model(self, model: str, name: str) -> None:
        """The registered model, with what was asked for of it."""
        origin, key = ModelKey(model), ModelKey(name)
        has = properties.read(origin, self._view.value(origin))
        tags = list(has.get("tags", [])) if self._request.tags else []
        heading.check_tags(self._draft.value(CONFIG), tags)
        is_new = self._draft.value(key) is None
        self._arrival.collection(self._draft, origin, key, properties.encode(has | {"tags": tags}))
        if tags and not is_new:
            collections.change_properties(
                self._draft, key, lambda there: there.update(tags=sorted({*there.get("tags", []), *tags}))
            )
        if self._request.cards:
            self._arrival.follow(self._draft, {CardKey(model): CardKey(name)})

    # Aliases.

    def _aliases(self, origin: CollectionKey, numbers: Numbers) -> Iterator[_Alias]:
        """Those that were asked for, of the versions or links that are on the other side now."""
        there = origin.kind.key(self._request.called(origin.name))
        for key, number in self._view.aliases(origin.name).items():
            if number in numbers and (self._request.every_alias or key.alias in self._request.aliases):
                yield _Alias(origin, key, number, there, numbers[number])

    def _set_aliases(self, wanted: Iterable[_Alias]) -> None:
        """By compare-and-swap: one moves only from where it was last seen, or if it was nowhere there that it has not
        been here too. One that was removed there stays so, unless that is to be restored. Raises AliasElsewhere,
        DamagedRef."""
        moved = {one: at for one in wanted if (at := self._draft.value(one.target)) != f"v{one.to}"}
        doubtful = [one for one, at in moved.items() if self._may_be_moved(one, at)]
        ours = past.values_of(self._arrival.source, self._view, [one.key for one in doubtful])
        theirs = past.values_of(self._arrival.target, self._draft.view, [one.target for one in doubtful])
        for one, at in moved.items():
            if at is not None:
                check_pointer(one.target, at)
            if one in doubtful:
                here = _meanings(self._view, one.origin, ours[str(one.key)])
                there = _meanings(self._draft.view, one.there, theirs[str(one.target)])
                is_known = at is not None or past.last(there) in here
                if is_known and self._request.every_alias and past.is_part(here, there):
                    self.ahead.append(one.name)
                    continue
                if is_known and not past.is_part(there, here):
                    raise AliasElsewhere(name=one.name, location=self._arrival.location, found=at or "none")
            aliases.set_in_draft(self._draft, one.target.collection, one.target.alias, one.to)

    def _may_be_moved(self, one: _Alias, at: str | None) -> bool:
        """Whether somebody may have moved or removed it there since it was last seen. at: where it is there."""
        ref = self._draft.view.ref(one.target)
        if at is None and (ref.seq == 0 or self._request.restore):
            return False
        return not self._arrival.seen.is_unmoved(self._arrival.target, one.target, ref.seq)


class _Alias(NamedTuple):
    """An alias of the source, at `number`, which is to be at `to` on the other side."""

    origin: CollectionKey
    key: AliasKey
    number: int
    there: CollectionKey
    to: int

    @property
    def target(self) -> AliasKey:
        return AliasKey(self.there.name, self.key.alias)

    @property
    def name(self) -> str:
        """On the other side."""
        return f"{self.there.name}:{self.key.alias}"


def _meanings(view: View, collection: CollectionKey, values: past.Values) -> list[str | None]:
    """The digests of the versions at which an alias was: the numbers of two sides may differ."""
    numbers = (parse_version(value or "") for value in values)
    keys = (None if number is None else numbered(collection, number) for number in numbers)
    return [key and meant(key, view.ref(key)).digest for key in keys]
