"""What is noted of many things at once: their properties, and when each was changed last."""

from __future__ import annotations

from typing import Any

from mreg.operations.described import parse_time
from mreg.operations.owners import owner_of
from mreg.operations.properties import value_of
from mreg.refs import keys
from mreg.refs.keys import (
    AliasKey,
    AnnotationKey,
    ArtifactKey,
    CardKey,
    CollectionKey,
    LinkKey,
    ModelKey,
    Owner,
    PartKey,
    PropertyKey,
    RefKey,
    VersionKey,
)
from mreg.session.context import Context
from mreg.values.entities import Noted


def noted(context: Context, reference: str | None, within: bool) -> dict[str, Noted]:
    """See `Repository.noted`. Raises NotFound, DamagedRef."""
    view = context.view()
    owner = None if reference is None else owner_of(context, view, reference)
    found: dict[str, _Noted] = {}
    for text, value, time in context.tables(view.look).dated(*_prefixes(owner)):
        if within or not keys.is_of_number(text):
            _note(found, keys.parse(text), value, time)
        else:
            found.setdefault(keys.folder_of(text).partition("/")[2], _Noted()).see(time)
    wanted = [_called(owner)] if isinstance(owner, VersionKey | LinkKey) else sorted(found)
    return {name: found[name].told() for name in wanted if found[name].live}


def _prefixes(owner: Owner | None) -> tuple[str, ...]:
    """Of the keys that say something of it, or of what is in it; there may be others among them."""
    match owner:
        case None:
            return (*keys.KIND_FOLDER.values(), keys.ALL_ALIASES)
        case CollectionKey(name):
            return keys.in_collection(owner.kind, name)
        case VersionKey():
            return (owner,)
        case LinkKey(model, number):
            return owner, f"{keys.ALL_MODELS}{model}/v{number}"


def _note(found: dict[str, _Noted], key: RefKey, value: str | None, time: str) -> None:
    owner, within = _place(key)
    if within:
        found.setdefault(within, _Noted()).see(time)
    if owner is None:
        return
    about = found.setdefault(_called(owner), _Noted())
    about.see(time)
    if key == owner:
        about.live = value is not None
    elif isinstance(key, PropertyKey) and value is not None:
        about.properties[key.name] = value_of(key, value)


class _Noted:
    """What is known of one thing so far."""

    __slots__ = ("live", "properties", "time")

    def __init__(self) -> None:
        self.live = False
        self.time = ""
        self.properties: dict[str, Any] = {}

    def see(self, time: str) -> None:
        self.time = max(self.time, time)

    def told(self) -> Noted:
        return Noted(self.properties, parse_time(self.time))


def _place(key: RefKey) -> tuple[Owner | None, str]:
    """Of what the ref says something, None where of nothing that is listed, and the collection in which that is."""
    match key:
        case CollectionKey(name):
            return key, name
        case VersionKey(name, _) | LinkKey(name, _):
            return key, name
        case AnnotationKey(name, number):
            return VersionKey(name, number), name
        case PartKey(owner, _):
            return owner, _place(owner)[1]
        case AliasKey(name, _) | CardKey(name):
            return None, name
    return None, ""


def _called(owner: Owner) -> str:
    match owner:
        case VersionKey():
            return owner.version
        case LinkKey():
            return owner.link
        case ArtifactKey(name) | ModelKey(name):
            return name
    raise AssertionError(owner)
