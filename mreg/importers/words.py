"""Words of other tools in the forms that they can have here."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from mreg.values import metadata, names, properties
from mreg.values.canonical import is_unicode
from mreg.values.names import MAX_LENGTH, InvalidName

MOST_TOLD: Final = 20
"""Notes of one kind."""
_LONGEST_NOTE: Final = 1000
_ROOM: Final = 8
"""Letters that are left for what tells equal names apart."""
_UNTOLD: Final = re.compile(r"[\s/\\:,;@#!?*\"'<>|()\[\]{}=+&%$^~`]+")


def proposed(text: str, check: Callable[[str], str], taken: Collection[str] = (), kind: str = "name") -> str:
    """`text` itself where it fits, else a name made of it that does. taken: names, folded, that are in use."""
    name = _fitting(text, check, kind)
    if names.fold(name) not in taken:
        return name
    stem = name[: MAX_LENGTH - _ROOM]
    return next(one for n in count(2) if names.fold(one := f"{stem}-{n}") not in taken)


def _fitting(text: str, check: Callable[[str], str], kind: str) -> str:
    plain = _plain(text)
    for name in (text, plain, f"{kind}-{plain}", f"{kind}-{plain[: MAX_LENGTH // 3]}", kind):
        try:
            return check(name)
        except (InvalidName, names.PathOfProject, UnicodeError):
            continue
    raise InvalidName(text=text, kind=kind, reason="no valid name can be derived from it")


def _plain(text: str) -> str:
    """The letters that names are made of, with `-` for the others."""
    kept = _UNTOLD.sub("-", text if is_unicode(text) else ascii(text))
    kept = "".join(c if (c.isascii() and c.isprintable()) or names.is_beyond_ascii(c) else "-" for c in kept)
    kept = re.sub("-{2,}", "-", kept)[: MAX_LENGTH - _ROOM].strip("-.").removesuffix(".lock")
    return kept.rstrip(".")


def tag_of(text: str) -> str | None:
    """A tag made of it, None where nothing is left."""
    words = re.sub(r"[^\w -]+", "-", names.composed(text) if is_unicode(text) else "")
    try:
        return names.check_tag(" ".join(words.split())[:MAX_LENGTH].strip())
    except InvalidName:
        return None


def tags_of(texts: Collection[Any]) -> tuple[str, ...]:
    """Those of these texts of which tags can be made."""
    found = (tag_of(text) for text in texts if isinstance(text, str))
    return tuple(sorted({tag for tag in found if tag}))


def property_key(text: str) -> str:
    """`text` itself where it may be the key of a property, else one made of it."""
    try:
        return properties.check_key(text)
    except properties.InvalidProperty:
        plain = _plain(text)[: properties.MAX_KEY] or "unnamed"
        return properties.check_key(plain)


def sayable(values: Mapping[str, Any]) -> dict[str, Any]:
    """What of these values metadata can hold; the others as texts."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = str(key) if is_unicode(str(key)) else ascii(key)
        try:
            found |= metadata.normalise({name: value}) if name else {}
        except metadata.InvalidMetadata:
            found[name] = ascii(value)[:1000]
    return found


def clipped(note: str) -> str:
    """The note, shortened where it is longer than anybody reads: names of others can have any length."""
    return note if len(note) <= _LONGEST_NOTE else f"{note[:_LONGEST_NOTE]}…"


def few(notes: Sequence[str]) -> list[str]:
    """Notes of one kind: those of all where nobody minds reading them, else the first ones and how many more there
    are."""
    more = len(notes) - MOST_TOLD
    return list(notes) if more <= 0 else [*notes[:MOST_TOLD], f"{more} more are left out for similar reasons"]


def without_nothing(values: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that say something."""
    return {key: value for key, value in values.items() if value not in (None, "", {}, [])}


def time_of(seconds: float | None) -> str | None:
    """A time of the epoch as records have it; None where it is none."""
    if seconds is None or isinstance(seconds, bool):
        return None
    try:
        return _written(datetime.fromtimestamp(float(seconds), UTC))
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def time_in(text: str | None) -> str | None:
    """A time in ISO 8601 as records have it; None where it is none. Without a zone, UTC is meant."""
    try:
        time = datetime.fromisoformat(text or "")
    except (ValueError, TypeError):
        return None
    return _written(time.replace(tzinfo=UTC) if time.tzinfo is None else time)


def _written(time: datetime) -> str | None:
    try:
        return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return None
