"""`undo`: put back what one journal entry moved, as a change of its own.

The whole entry or nothing of it, and nothing else: every ref must be as the entry left it, and what came later must
not hang on what goes. So undoing the entry that an undo made does the first change again.
"""

from __future__ import annotations

from typing import NamedTuple

from mreg.content.pack_writer import PackContents
from mreg.intake.ingest import packs_of
from mreg.operations import coherence
from mreg.operations.history import UnknownSequence, describe
from mreg.refs.journal import Change, Entry
from mreg.refs.ref_files import DamagedRef
from mreg.refs.transaction import Draft, MissingPack
from mreg.session.context import Context
from mreg.values.entities import HistoryEntry
from mreg.values.errors import Conflict, Refused
from mreg.values.names import parse_version

_SHOWN = 40


class RefMoved(Conflict):
    code = "ref-moved"
    template = "entry {seq} cannot be undone: entry {by} has moved {ref} since, it is {found} now"

    seq: int
    ref: str
    by: int
    found: str


class CannotUndo(Refused):
    code = "cannot-undo"
    template = "entry {seq} cannot be undone: {reason}"

    seq: int
    reason: str


class GivenUp(Refused):
    code = "given-up"
    template = "entry {seq} cannot be undone: the files of {version} are gone"

    seq: int
    version: str


class _Data(NamedTuple):
    """The names of the records and packs that versions which come back need: the commit sees that they are there."""

    records: tuple[str, ...]
    packs: tuple[str, ...]


def undo(context: Context, seq: int) -> HistoryEntry:
    """Put the refs that entry `seq` moved back to what they were before it; the new entry.

    Raises UnknownSequence; RefMoved where a ref is not as the entry left it; CannotUndo where something that
    came later stands in the way; GivenUp where the data of a version that would come back is gone; Damaged.
    """
    entry = _entry(context, seq)
    moves = _moves(context, entry)
    try:
        made = _attempt(context, seq, moves)
    except MissingPack:
        context.index.start_anew()  # the tables knew a pack that is gone: its chunks may lie in another one
        try:
            made = _attempt(context, seq, moves)
        except MissingPack:
            raise GivenUp(seq=seq, version=" and ".join(_returning(moves))) from None
    return describe(made)


def _attempt(context: Context, seq: int, moves: list[Change]) -> Entry:
    data = _data(context, seq, moves)
    made = context.commit(f"undo {seq}", lambda draft: _build(context, draft, seq, moves, data))
    if made is None:
        raise CannotUndo(seq=seq, reason="it moved nothing")
    return made


def _entry(context: Context, seq: int) -> Entry:
    head = context.view().head.seq
    if not 0 < seq <= head:
        raise UnknownSequence(seq=seq, head=head)
    entry = context.journal.entry(seq)
    if not entry.changes:
        raise CannotUndo(seq=seq, reason="it moved nothing, and what gc deletes is gone")
    return entry


def _moves(context: Context, entry: Entry) -> list[Change]:
    """The entry's changes, less those of refs that it made as deleted ones (a rename brings the numbers of
    deleted versions along): they were nothing before, and must stay deleted."""
    never = {change.ref for change in entry.changes if change.new is None}
    for seq in range(entry.seq - 1, 0, -1):
        if not never:
            break
        never -= {change.ref for change in context.journal.entry(seq).changes}
    return [change for change in entry.changes if change.ref not in never]


def _build(context: Context, draft: Draft, seq: int, moves: list[Change], data: _Data) -> None:
    for ref, old, new in moves:
        found = draft.view.ref(ref)
        if found.seq < seq:
            raise DamagedRef(ref=ref, reason=f"it is not what entry {seq} made it")
        if found.value != new:
            raise RefMoved(seq=seq, ref=ref, by=found.seq, found=_shown(ref, found.value))
        draft.set(ref, old)
    reason = coherence.fault(context, draft)
    if reason:
        raise CannotUndo(seq=seq, reason=reason)
    draft.packs = data.packs
    if not all(context.objects.has(name) for name in data.records):
        raise MissingPack(pack="of a version that would come back")


def _shown(ref: str, value: str | None) -> str:
    if value is None:
        return "deleted"
    if ref.endswith((".toml", ".md")):  # whole texts
        return "another text"
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"


def _returning(moves: list[Change]) -> dict[str, str]:
    """The versions that come back when these are taken back, name to digest; not those that only get another
    name back: nothing can have taken their data."""
    versions = [
        (f"{parts[1]}:{parts[2]}", change)
        for change in moves
        if (parts := change.ref.split("/"))[0] == "artifacts" and parse_version(parts[2]) is not None
    ]
    kept = {change.new for _, change in versions if change.old is None}
    return {name: old for name, (_, old, new) in versions if new is None and old is not None and old not in kept}


def _data(context: Context, seq: int, moves: list[Change]) -> _Data:
    """Raises GivenUp where a record is gone, MissingPack where a chunk is."""
    index = context.fresh_index()
    records: set[str] = set()
    found: set[str] = set()
    for name, digest in _returning(moves).items():
        if not context.objects.has(digest):
            raise GivenUp(seq=seq, version=name)
        manifest = context.objects.version(digest).manifest
        if not context.objects.has(manifest):
            raise GivenUp(seq=seq, version=name)
        records |= {digest, manifest}
        found |= packs_of(index, PackContents(), context.objects.manifest(manifest))
    return _Data(tuple(sorted(records)), tuple(sorted(found)))
