"""The tags of GTO: `[DIR=]NAME@vX.Y.Z[!]` registers a version or takes that back, `[DIR=]NAME#STAGE[!][#N]` assigns a
stage or takes it back, `NAME@deprecated[#N]` says that the artifact is not to be used."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from mreg.importers.git import Tag
from mreg.values.named_tuple import NamedTuple

_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9/_-]*[A-Za-z0-9])?"
_GRAMMAR: Final = re.compile(
    rf"(?P<artifact>(?:[A-Za-z0-9._/-]+=)?{_NAME})"
    rf"(?:(?:#(?P<stage>{_NAME})|@(?P<version>v\d+\.\d+\.\d+[A-Za-z0-9.+-]*))(?P<cancel>!?)"
    r"|@(?:(?P<deprecated>deprecated)|created))(?:#(?P<counter>\d{1,15}))?"
)


class Registered(NamedTuple):
    """What the tags say of an artifact. versions: the tag of each that is registered; stages: the tag by which each
    was assigned last."""

    versions: dict[str, Tag]
    stages: dict[str, Tag]
    deprecated: bool = False


class _Event(NamedTuple):
    at: float
    counter: int
    name: str
    stage: str | None
    version: str | None
    cancel: bool
    deprecated: bool
    tag: Tag


def registered(tags: Iterable[Tag]) -> dict[str, Registered]:
    """By artifact: `NAME`, or `DIR:NAME`."""
    found: dict[str, Registered] = {}
    assigned: dict[tuple[str, str], list[Tag]] = {}
    told = [event for event in map(_event, tags) if event is not None]
    for event in sorted(told, key=lambda one: (one.at, one.counter, one.tag.name)):
        one = found.setdefault(event.name, Registered({}, {}))
        if event.deprecated:
            found[event.name] = one._replace(deprecated=True)
        elif event.version is not None:
            _register(one.versions, event)
        elif event.stage is not None:
            place = assigned.setdefault((event.name, event.stage), [])
            _assign(place, event)
            one.stages.pop(event.stage, None)
            if place:
                one.stages[event.stage] = place[-1]
    return found


def _register(versions: dict[str, Tag], event: _Event) -> None:
    if event.cancel:
        versions.pop(str(event.version), None)
    else:
        versions[str(event.version)] = event.tag


def _assign(place: list[Tag], event: _Event) -> None:
    """place: the tags by which the stage was assigned, the last one at the end."""
    place[:] = [tag for tag in place if tag.commit != event.tag.commit]
    if not event.cancel:
        place.append(event.tag)


def _event(tag: Tag) -> _Event | None:
    found = _GRAMMAR.fullmatch(tag.name)
    if found is None:
        return None
    return _Event(
        at=tag.at,
        counter=int(found["counter"] or 0),
        name=found["artifact"].replace("=", ":"),
        stage=found["stage"],
        version=found["version"],
        cancel=bool(found["cancel"]),
        deprecated=bool(found["deprecated"]),
        tag=tag,
    )
