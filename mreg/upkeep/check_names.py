"""Checks of what refs are called: section 2 of docs/format.md, and which keys there are (section 1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from mreg.refs.ref_files import CONFIG
from mreg.upkeep.findings import Findings
from mreg.values.digest import is_digest
from mreg.values.names import InvalidName, check_alias, fold, is_name, parse_version

_LINKS = "links#"


def key_fault(key: str) -> str | None:
    """Why `key` cannot be that of a ref, or None. One that can has as many parts as its folder asks for."""
    match key.split("/"):
        case [only] if only == CONFIG:
            return None
        case ["artifacts", name, file] if is_name(name):
            if file == "artifact.toml" or parse_version(file.removesuffix(".toml")) is not None:
                return None
        case ["registered", name, file] if is_name(name):
            if file in ("model.toml", "card.md"):
                return None
            if file.startswith(_LINKS) and parse_version(file.removeprefix(_LINKS)) is not None:
                return None
        case ["aliases", name, alias] if is_name(name):
            return None if _is_alias(alias) else f"{alias!r} is no alias"
        case ["runs", line]:
            run, _, version = line.partition("#")
            if is_name(run) and is_digest(version):
                return None
    return "no ref is called so"


def check_names(check: Findings) -> None:
    """Every ref has a key that the format knows; no two names share one where case does not count."""
    for key in check.state:
        fault = key_fault(key)
        if fault:
            check.add("name", key, fault)
    _check_live(check)
    keys = [key for key in check.state if not key_fault(key)]
    _check_case(check, ((key.split("/")[1], key) for key in keys if _is_collection(key)))
    aliases: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for key in keys:
        if key.startswith("aliases/"):
            _, name, alias = key.split("/")
            aliases[name].append((alias, key))
    for found in aliases.values():
        _check_case(check, found)


def _check_live(check: Findings) -> None:
    """Artifacts and models share one namespace."""
    seen: dict[str, str] = {}
    for key, ref in sorted(check.state.items()):
        if ref.value is not None and _is_collection(key):
            other = seen.setdefault(key.split("/")[1], key)
            if other != key:
                check.add("name", key, f"its name is taken by {other}")


def _check_case(check: Findings, names: Iterable[tuple[str, str]]) -> None:
    """Names, each with its ref, in the order of their making, of which no two may differ only in case; deleted ones
    are counted."""
    seen: dict[str, str] = {}
    for name, key in names:
        other = seen.setdefault(fold(name), name)
        if other != name:
            check.add("name", key, f"it differs from {other!r} only in case")


def _is_collection(key: str) -> bool:
    folder, _, file = key.partition("/")
    return (folder, file.rpartition("/")[2]) in (("artifacts", "artifact.toml"), ("registered", "model.toml"))


def _is_alias(text: str) -> bool:
    try:
        check_alias(text)
    except InvalidName:
        return False
    return True
