"""Checks of what refs are called: section 2 of docs/format.md, and which keys there are (section 1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from mreg.refs.keys import AliasKey, CollectionKey, RefKey, UnknownKey
from mreg.upkeep.check import Check
from mreg.values.names import fold


def check_names(check: Check) -> None:
    """Every ref has a key that the format knows; no two names share one where case does not count."""
    for key in check.refs.state:
        if isinstance(key, UnknownKey):
            check.found.add("name", key, key.fault)
    _check_live(check)
    _check_case(check, ((key.name, key) for key in check.refs.state if isinstance(key, CollectionKey)))
    aliases: dict[str, list[tuple[str, RefKey]]] = defaultdict(list)
    for key in check.refs.state:
        if isinstance(key, AliasKey):
            aliases[key.collection].append((key.alias, key))
    for found in aliases.values():
        _check_case(check, found)


def _check_live(check: Check) -> None:
    """Artifacts and models share one namespace."""
    seen: dict[str, RefKey] = {}
    for key, ref in sorted(check.refs.state.items()):
        if ref.value is not None and isinstance(key, CollectionKey):
            other = seen.setdefault(key.name, key)
            if other != key:
                check.found.add("name", key, f"its name is used by {other}")


def _check_case(check: Check, names: Iterable[tuple[str, RefKey]]) -> None:
    """Names, each with its ref, in the order of their making, of which no two may differ only in case; deleted ones
    are counted."""
    seen: dict[str, str] = {}
    for name, key in names:
        other = seen.setdefault(fold(name), name)
        if other != name:
            check.found.add("name", key, f"it differs from {other!r} only in case")
