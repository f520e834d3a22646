"""The expiry of one version (`log --ttl`): a property of it that gives gc leave to let the version go.

It counts from the entry that set it, by the storage's clock, so that what an undo or a rename made anew has its whole
time before it. Aliases, links and the keep rules of a policy still hold the version (`mreg.upkeep.retention`).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from math import ceil
from typing import Any, Final

from mreg.operations.resolve import Resolved
from mreg.refs import journal
from mreg.refs.keys import PropertyKey, VersionKey
from mreg.refs.transaction import Draft
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.values import properties
from mreg.values.canonical import Malformed
from mreg.values.errors import Damaged, InvalidInput

TTL: Final = "mreg.ttl"
_LONGEST: Final = 1e12


class InvalidTtl(InvalidInput):
    code = "invalid-ttl"
    template = "a version cannot expire after {ttl} seconds: {reason}"

    ttl: str
    reason: str


class DamagedPolicy(Damaged):
    """Written by other hands, or by a later release. What it would have kept is not known."""

    code = "damaged-policy"
    template = "the property {key!r} of {owner!r} cannot be applied: {reason}"

    owner: str
    key: str
    reason: str


def fault(value: Any) -> str | None:
    """Why this cannot be the seconds after which a version expires, or None."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "it is not a number of seconds"
    return None if 0 < value < _LONGEST else "it must be above 0 and below 30,000 years"


def check(ttl: float) -> float:
    """The seconds themselves. Raises InvalidTtl."""
    reason = fault(ttl)
    if reason:
        raise InvalidTtl(ttl=str(ttl), reason=reason)
    return ttl


def key_of(version: Resolved) -> PropertyKey:
    """Where the expiry of the version is kept."""
    return PropertyKey(VersionKey(version.artifact, version.number), TTL)


def seconds_of(key: PropertyKey, text: str) -> float:
    """What the property says. Raises DamagedPolicy."""
    try:
        value = properties.decode(text)
    except Malformed as error:
        raise DamagedPolicy(owner=_owner(key), key=key.name, reason=str(error)) from None
    reason = fault(value)
    if reason:
        raise DamagedPolicy(owner=_owner(key), key=key.name, reason=reason)
    return float(value)


def _owner(key: PropertyKey) -> str:
    return key.owner.version if isinstance(key.owner, VersionKey) else str(key.owner)


def set_ttl(context: Context, draft: Draft, target: Resolved, ttl: float) -> None:
    """Draft that the version expires so many seconds from now; 0: not at all."""
    key = key_of(target)
    text = properties.encode(TTL, int(ttl) if ttl == int(ttl) else ttl) if ttl else None
    if text is not None and text == draft.value(key) and _set_at(context, draft.view, key) is not None:
        text = properties.encode(TTL, ceil(ttl) + 1)  # a ref that is set to what it is keeps its entry, and its time
    draft.set(key, text)


def prolong(context: Context, draft: Draft, target: Resolved, ttl: float) -> None:
    """Draft the longer of two wishes for a version that is logged again: whoever logs what another has logged must not
    lose it by the other's expiry, nor shorten the life of what the other keeps."""
    if draft.value(key_of(target)) is not None:
        until = known(context, draft, target)
        if not ttl or (until and until.timestamp() < time.time() + ttl):
            set_ttl(context, draft, target, ttl)


def known(context: Context, refs: View | Draft, target: Resolved) -> datetime | None:
    """As `expires`; also None where what is there cannot be understood."""
    try:
        return expires(context, refs, target)
    except DamagedPolicy:
        return None


def expires(context: Context, refs: View | Draft, target: Resolved) -> datetime | None:
    """When gc may let the version go; None if it has no expiry. Raises DamagedPolicy."""
    key = key_of(target)
    text = refs.value(key)
    if text is None:
        return None
    view = refs.view if isinstance(refs, Draft) else refs
    begun = _set_at(context, view, key) if view.value(key) == text else None
    try:
        return datetime.fromtimestamp((begun or time.time()) + seconds_of(key, text), UTC)
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=UTC)


def _set_at(context: Context, view: View, key: PropertyKey) -> float | None:
    """The time, by the storage's clock, of the entry that set the property; None if that is not committed yet."""
    stat = context.storage.stat(journal.key_of(view.ref(key).seq))
    return stat.mtime if stat else None
