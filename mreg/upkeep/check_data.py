"""Checks of what refs lead to: records, packs, and the files that are put together from them."""

from __future__ import annotations

from mreg.content import packs
from mreg.content.chunks import chain
from mreg.content.packs import DamagedChunk
from mreg.session import config
from mreg.session.context import Context
from mreg.upkeep import reach
from mreg.upkeep.check import Check, Data, root_moves
from mreg.upkeep.check_bytes import check_bytes
from mreg.upkeep.check_packs import check_packs, read_on
from mreg.upkeep.check_records import check_records
from mreg.upkeep.clock import age_of
from mreg.values.ages import parse_seconds
from mreg.values.digest import EMPTY
from mreg.values.errors import Damaged, InvalidInput
from mreg.values.progress import Progress
from mreg.values.records import File


def check_data(context: Context, check: Check, *, full: bool, progress: Progress | None, now: float) -> None:
    """Invariants 7 to 11 of docs/format.md; the bytes of chunks (12) only with `full`."""
    _note_deleted(context, check, now)
    check_packs(context, check)
    check_records(context, check)
    _check_files(check)
    if full:
        check_bytes(context, check, progress)
    read_on(context, check)
    _name_the_hurt(check)
    check.found.leave_out(check.refs.gone)  # a gc may have taken it


def _note_deleted(context: Context, check: Check, now: float) -> None:
    """Learn which versions an undo may bring back."""
    if not check.refs.whole:
        return
    try:
        grace = parse_seconds(context.setting("gc.grace"))
    except (Damaged, InvalidInput):
        grace = parse_seconds(config.setting("gc.grace").default)
    entries = check.refs.entries
    kept = reach.remembered(entries, lambda seq: age_of(context, seq, now), grace)
    kept -= reach.roots_now(check.refs.state)
    for called, *moved in (move for entry in entries for move in root_moves(entry)):
        for one in moved:
            if one is not None and one in kept:
                check.refs.deleted[one] = f"{called} (deleted)"


def _check_files(check: Check) -> None:
    """Every file of every version can be put together from chunks that are there."""
    deleted = set(check.refs.deleted.values())
    for file in check.data.files():
        fault = _file_fault(check.data, file)
        hurt = check.data.users[file.digest] if fault else set()
        if fault and hurt - deleted:
            check.found.add("file", file.path, fault, hurt)
        else:
            check.data.lacking |= hurt  # the pack is named; once that is given up, nothing is left to mend


def _file_fault(data: Data, file: File) -> str | None:
    if file.size == 0:
        return None if file.digest == EMPTY else "it is empty, but its digest is not that of an empty file"
    pieces = data.pieces(file)
    for piece in pieces:
        located = data.places.get(piece.digest)
        if located is None or located.entry.size != piece.size:
            return f"chunk {piece.digest.hex()} is in no pack named in the journal"
        try:
            chain(located, data.places.get)
        except DamagedChunk as error:
            return str(error)
    if sum(piece.size for piece in pieces) != file.size:
        return "its recipe does not add up to its size"
    return None


def _name_the_hurt(check: Check) -> None:
    """A damaged or lost pack hurts versions whose files lack chunks: those for which it was named, or any where
    that cannot be told. One that nobody lacks, as its files were logged again or deleted, is in the way of gc."""
    for name in sorted(check.data.missing):
        check.found.add("pack", packs.key_of(name), "it is missing")
    lacking = check.data.lacking.union(*(finding.hurts for finding in check.found.of("file")))
    digests = {called: one.digest for one, called in check.refs.deleted.items()}
    digests |= check.refs.versions | check.refs.attached
    damaged = {one.what: check.refs.brought[packs.name_of(one.what) or ""] for one in check.found.of("pack")}
    told = {version for version in lacking if any(digests[version] in named for named in damaged.values())}
    for at, finding in enumerate(check.found):
        if finding.code == "pack":
            named = damaged[finding.what]
            hurts = {one for one in lacking if one not in told or None in named or digests[one] in named}
            check.found[at] = finding._replace(hurts=tuple(sorted(hurts)))
