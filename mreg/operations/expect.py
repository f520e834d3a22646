"""`--expect`: a change is made only if aliases are where the caller says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mreg.refs.keys import AliasKey
from mreg.refs.view import Refs, alias_number
from mreg.values import names
from mreg.values.errors import InvalidInput, Unmet
from mreg.values.names import parse_version

NOWHERE = "none"

Expected = Mapping[AliasKey, str]


class AliasMoved(Unmet):
    code = "alias-moved"
    template = "{name}:{alias} is at {found}, not at {expected}"

    name: str
    alias: str
    expected: str
    found: str


class InvalidExpectation(InvalidInput):
    code = "invalid-expectation"
    template = "{text!r} cannot be expected: {reason}"

    text: str
    reason: str


def parse(texts: str | Sequence[str] | None, moved: Sequence[AliasKey]) -> Expected:
    """What `[[MODEL:]ALIAS=]vN|none` texts expect of the aliases that the command is to move.

    Raises InvalidExpectation, also for an alias that it does not move: that would be no protection of anything.
    """
    given = texts if isinstance(texts, list | tuple) else () if texts is None else (texts,)
    expected: dict[AliasKey, str] = {}
    for text in given:
        if not isinstance(text, str):
            raise InvalidExpectation(text=repr(text), reason=f"it is not a string: write 'vN' or {NOWHERE!r}")
        word, _, place = text.rpartition("=")
        if place != NOWHERE and parse_version(place) is None:
            raise InvalidExpectation(text=text, reason=f"write vN or {NOWHERE}; for several aliases, ALIAS=vN")
        key = _named(text, word, list(dict.fromkeys(moved)))
        if expected.setdefault(key, place) != place:
            raise InvalidExpectation(text=text, reason=f"{expected[key]} was also expected of this alias")
    return expected


def check(refs: Refs, expected: Expected) -> None:
    """Raises AliasMoved where an alias is elsewhere, DamagedRef where nobody can tell."""
    for key, place in expected.items():
        value = refs.value(key)
        found = NOWHERE if value is None else f"v{alias_number(key, value)}"
        if found != place:
            raise AliasMoved(name=key.collection, alias=key.alias, expected=place, found=found)


def _named(text: str, word: str, moved: list[AliasKey]) -> AliasKey:
    if not moved:
        raise InvalidExpectation(text=text, reason="no alias is moved")
    collection, colon, alias = word.rpartition(":")
    collection = names.check_name(collection) if colon else ""
    alias = names.check_alias(alias) if word else ""
    found = [key for key in moved if alias in ("", key.alias) and collection in ("", key.collection)]
    if len(found) == 1:
        return found[0]
    told = " and ".join(f"{key.collection}:{key.alias}" for key in found or moved)
    raise InvalidExpectation(text=text, reason=f"name the alias: {told}" if found else f"the command moves {told}")
