"""Checks of what can be made again from the rest: segments of the journal, and collected indexes of packs."""

from __future__ import annotations

from collections.abc import Iterator

from mreg.refs.journal import Look, Mark
from mreg.session import checkpoints, pack_indexes, segments
from mreg.session.context import Context
from mreg.session.index import Index
from mreg.storage import unreadable
from mreg.upkeep.check import Check
from mreg.upkeep.findings import Repaired
from mreg.values.digest import digest


def check_derived(context: Context, check: Check) -> None:
    """Invariant 13 of docs/format.md."""
    for key in context.storage.list(segments.FOLDER.partition("/")[0]):
        try:
            value = context.storage.get(key)
            reason = _fault(context, check, key, value.data) if value else ""
        except OSError as error:
            reason = unreadable(error)
        if reason:
            check.found.add("derived", key, reason)


def repair_derived(context: Context, check: Check) -> Iterator[Repaired]:
    for finding in check.found.of("derived"):
        if context.storage.delete(finding.what):
            yield Repaired("derived", finding.what, "deleted; recreated when needed")


def _fault(context: Context, check: Check, key: str, data: bytes) -> str:
    """What is wrong with it, as far as the journal can be read. Other releases may keep other things there."""
    if key.startswith(f"{segments.FOLDER}/"):
        number = key.rpartition("/")[2]
        start = int(number) * segments.ENTRIES if number.isdecimal() else 0
        lines, known = segments.lines_of(data), check.refs.entries[start:]
        same = all(line == entry.to_bytes() for line, entry in zip(lines, known, strict=False))
        return "" if lines and same else "it differs from the journal"
    if key.startswith(f"{checkpoints.FOLDER}/"):
        return "" if _same_tables(context, check, key, data) else "it differs from the journal"
    span = pack_indexes.span_of(key)
    if span is None:
        return ""
    named = {name for entry in check.refs.entries[span.first - 1 : span.last] for name in entry.packs}
    whole = not check.refs.whole or span.last > len(check.refs.entries)
    found = {one.name for one in pack_indexes.decode(data)}
    if not pack_indexes.is_whole(data) or not (whole or found <= named):
        return "it does not contain the indexes of packs that these entries name"
    return ""


def _same_tables(context: Context, check: Check, key: str, data: bytes) -> bool:
    """Does a checkpoint say what tables say that are made of the journal?"""
    place = checkpoints.place_of(key)
    if place is None or not check.refs.whole or place[0] > len(check.refs.entries):
        return place is not None
    tables = Index(context.storage, context.journal, None)
    try:
        tables.distrust()
        tables.catch_up(Look(Mark(place[0], digest(check.refs.entries[place[0] - 1].to_bytes()))))
        said = tables.checkpoint_shards()
    finally:
        tables.close()
    return place[1] < len(said) and checkpoints.unpacked(said[place[1]]) == checkpoints.unpacked(data)
