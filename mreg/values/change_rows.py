"""What a change did, in rows for people: each thing that it moved, with its old and its new value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from mreg import lazy
from mreg.values.ages import age_text
from mreg.values.ref_texts import parse_link, parse_reserved
from mreg.values.words import count_text, value_text

if TYPE_CHECKING:
    from mreg.values.changed import Detail, RefChange

NONE = "none"
IMPORTED = "mreg.imported "
"""How the keys of properties begin in which an artifact remembers what was imported, as JSON."""
MOST = 60
"""Letters of a text that are shown, unless all are asked for."""

Row = tuple[str, str]
"""What changed, and how."""


def rows_of(changes: Sequence[RefChange], *, whole: bool = False) -> list[Row]:
    """What changed, a row for each thing that a person would name. whole: long texts too."""
    changes = _without_parts(changes)
    names = renamed(changes)
    rows: list[Row] = []
    if names:
        rows, changes = _rename(changes, *names)
    rows += _versions([one for one in changes if _is_numbered(one)])
    return rows + [row for one in changes if not _is_numbered(one) for row in _rows(one, whole)]


def _without_parts(changes: Sequence[RefChange]) -> list[RefChange]:
    """The changes but those of properties and attachments that came or went with what they are of."""
    moved = {one.name for one in changes if one.kind in _WHOLE and None in (one.old, one.new)}
    return [one for one in changes if one.kind not in _PARTS or one.name.partition("#")[0] not in moved]


_WHOLE = ("artifact", "model", "version", "link")
_COLLECTIONS = ("artifact", "model")
_PARTS = ("property", "attachment")


def renamed(changes: Iterable[RefChange]) -> tuple[str, str, str] | None:
    """The kind, the old and the new name of the collection that was renamed, if that is what happened."""
    own = [one for one in changes if one.kind in ("artifact", "model")]
    match sorted(own, key=lambda one: one.new is not None):
        case [old, new] if old.kind == new.kind and old.new is None and new.old is None:
            return old.kind, old.name, new.name
    return None


def _rename(changes: Sequence[RefChange], kind: str, old: str, new: str) -> tuple[list[Row], list[RefChange]]:
    """The rows of a rename, and the changes that are told one by one: what is numbered keeps its numbers."""
    numbers = [_number(one) for one in changes if one.kind == _NUMBERED[kind] and _owner(one) == old]
    kept = f", {_ranges(numbers)} with it" if numbers else ""
    rows = [(old, f"renamed to {new}{kept}")]
    aliases = {one.name.partition(":")[2]: one.new for one in changes if one.kind == "alias" and one.new is not None}
    rows += [(f"{old}:{alias}", f"is {new}:{alias} ({at})") for alias, at in aliases.items()]
    return rows, [one for one in changes if _owner(one) not in (old, new)]


_NUMBERED = {"artifact": "version", "model": "link"}


def _owner(change: RefChange) -> str:
    """The collection whose ref it is."""
    return change.name.partition("#")[0].partition(":")[0]


def _number(change: RefChange) -> int:
    return int(change.name.rpartition(":v")[2])


def _is_numbered(change: RefChange) -> bool:
    """Is it a version, or what came or went with one?"""
    return (
        change.kind == "version"
        or (change.kind == "link" and _done(change) == "reserved")
        or (change.kind == "annotation" and not change.details)
    )


def _versions(changes: list[RefChange]) -> list[Row]:
    """Versions that were added, deleted or reserved, those of an artifact in one row."""
    rows = []
    versions = [one for one in changes if one.kind in ("version", "link")]
    for (artifact, done), group in groupby(versions, lambda one: (_owner(one), _done(one))):
        numbers = [_number(one) for one in group]
        alone = len(numbers) == 1
        rows.append((f"{artifact}:v{numbers[0]}", done) if alone else (artifact, f"{_ranges(numbers)} {done}"))
    return rows


def _done(change: RefChange) -> str:
    """What happened to a version, or to a link that was reserved."""
    if change.new:
        return "added"
    return "reserved" if parse_reserved(change.old or "") else "deleted"


def _ranges(numbers: list[int]) -> str:
    """`v0-v3 v7`: numbers, with those between left out."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][-1] == number - 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return " ".join(f"v{part[0]}" if len(part) == 1 else f"v{part[0]}-v{part[-1]}" for part in parts)


def _rows(change: RefChange, whole: bool) -> list[Row]:
    if change.details:
        gone = [(change.name, _collection(change))] if change.new is None and change.kind in _COLLECTIONS else []
        return gone + [_detail(change, detail, whole) for detail in change.details]
    match change.kind:
        case "alias":
            return [(change.name, _alias(change))]
        case "link":
            return [(change.name, _move(_target(change.old), _target(change.new), made="= "))]
        case "artifact" | "model":
            return [(change.name, _collection(change))]
        case "card":
            return [(f"card of {change.name}", _lines(change))]
        case "use":
            return [(change.version or "", f"used by {change.name}" if change.new else f"not used by {change.name}")]
        case "property":
            owner, _, key = change.name.partition("#")
            if key == "mreg.ttl":
                return [(f"expiry of {owner}", _move(_lifetime(change.old), _lifetime(change.new)))]
            if key.startswith(IMPORTED):
                return [(f"{key.removeprefix('mreg.')} of {owner}", _imported(change.old, change.new))]
            old, new = (text and _shortened(text, whole) for text in (change.old, change.new))
            return [(f"{key.removeprefix('mreg.')} of {owner}", _move(old, new))]
        case "attachment":
            owner, _, key = change.name.partition("#")
            return [(f"attachment {key} of {owner}", _attached(change))]
    return [(change.name, _move(change.old, change.new))]


def _alias(change: RefChange) -> str:
    own = f"{_owner(change)}:{change.new or change.old}"
    version = "" if change.version in (own, None) else f" ({change.version})"
    return (f"was {change.old}" if change.new is None else f"{change.old or NONE} -> {change.new}") + version


def _move(old: str | None, new: str | None, made: str = "new, ") -> str:
    if new is None:
        return f"was {old}"
    return f"{made}{new}" if old is None else f"{old} -> {new}"


def _target(link: str | None) -> str | None:
    target = parse_link(link or "")
    return target.version if target else link


def _collection(change: RefChange) -> str:
    noun = "artifact" if change.kind == "artifact" else "registered model"
    return f"deleted {noun}" if change.new is None else f"new {noun}" if change.old is None else f"{noun} changed"


def _lines(change: RefChange) -> str:
    old, new = (change.old or "").splitlines(), (change.new or "").splitlines()
    blocks = lazy.difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    same = sum(block.size for block in blocks)
    return f"+{len(new) - same} -{count_text(len(old) - same, 'line', 'lines')}"


def _lifetime(seconds: str | None) -> str | None:
    """`30d` for the seconds that stand in the property; one more tells that the time has begun anew."""
    try:
        return seconds and age_text(float(seconds) // 60 * 60 or float(seconds))
    except ValueError:
        return seconds


def _imported(old: str | None, new: str | None) -> str:
    """How many versions an artifact remembers to have from a source, before and after."""
    before, after = (text and _remembered(text) for text in (old, new))
    return "aliases changed" if before == after else _move(before, after)


def _remembered(text: str) -> str:
    try:
        return count_text(len(lazy.json.loads(text)["versions"]), "version", "versions")
    except (ValueError, KeyError, TypeError, RecursionError):
        return _shortened(text, whole=False)


def _attached(change: RefChange) -> str:
    if change.old and change.new:
        return "replaced"
    return "new" if change.new else "removed"


def _detail(change: RefChange, detail: Detail, whole: bool) -> Row:
    what = detail.what if change.kind == "settings" else f"{detail.what} of {change.name}"
    if detail.what in ("tags", "inputs", "sources"):
        old, new = detail.old or [], detail.new or []
        signs = [f"+ {one}" for one in new if one not in old] + [f"- {one}" for one in old if one not in new]
        return what, ", ".join(signs)
    return what, f"{_value(detail.old, whole)} -> {_value(detail.new, whole)}"


def _value(value: Any, whole: bool) -> str:
    text = NONE if value is None else '""' if value == "" else value_text(value)
    return _shortened(text, whole)


def _shortened(text: str, whole: bool) -> str:
    return text if whole or len(text) <= MOST else f"{text[:MOST].rstrip()}…"
