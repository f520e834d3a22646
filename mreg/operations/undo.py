"""`undo`: take back what one journal entry changed, as a change of its own.

The whole entry, or nothing: every ref must be as the entry left it, and nothing that came later may depend on what
goes. So undoing the entry that an undo made repeats the first change.
"""

from __future__ import annotations

from mreg.content.pack_writer import PackContents
from mreg.intake.ingest import packs_of, reused_by
from mreg.operations.collections import NameTaken, check_free
from mreg.operations.history import UnknownSequence, describe
from mreg.refs import heading, keys, rules
from mreg.refs.journal import Entry, Mark
from mreg.refs.keys import (
    CONFIG,
    AnnotationKey,
    AttachmentKey,
    CardKey,
    CollectionKey,
    ConfigKey,
    LinkKey,
    PropertyKey,
    RefKey,
    VersionKey,
)
from mreg.refs.ref_files import DamagedRef
from mreg.refs.rules import Root
from mreg.refs.transaction import Draft, MissingPack
from mreg.refs.view import View, check_pointer
from mreg.session.context import Context
from mreg.values.change_rows import IMPORTED
from mreg.values.entities import HistoryEntry
from mreg.values.errors import Conflict, Refused
from mreg.values.named_tuple import NamedTuple
from mreg.values.ref_texts import parse_link

_SHOWN = 40


class RefMoved(Conflict):
    code = "ref-moved"
    template = "entry {seq} cannot be undone: entry {by} has changed {what} since; it is {found} now"

    seq: int
    ref: str
    what: str
    by: int
    found: str


class AlreadyUndone(Refused):
    code = "already-undone"
    template = "entry {seq} was already undone, by entry {by}"

    seq: int
    by: int


class CannotUndo(Refused):
    code = "cannot-undo"
    template = "entry {seq} cannot be undone: {reason}"

    seq: int
    reason: str


class GivenUp(Refused):
    """version: or an attachment, in words."""

    code = "given-up"
    template = "entry {seq} cannot be undone: the files of {version} are gone"

    seq: int
    version: str


class _Move(NamedTuple):
    """What the entry made of a ref: `new` of `old`."""

    key: RefKey
    old: str | None
    new: str | None


class _Data(NamedTuple):
    """The records and packs, by name, that versions and attachments which come back need, as of `looked_up`: the commit
    checks that they exist."""

    looked_up: Mark
    records: tuple[str, ...]
    packs: tuple[str, ...]


def undo(context: Context, seq: int) -> HistoryEntry:
    """Set the refs that entry `seq` changed back to what they were before it. Returns the new entry.

    Raises UnknownSequence; AlreadyUndone; RefMoved if a ref is not as the entry left it; CannotUndo if something that
    came later depends on it; GivenUp if the data of a version that would come back is gone; Damaged.
    """
    view = context.view()
    entry = _entry(context, view.head, seq)
    moves = _moves(context, entry)
    try:
        return _attempt(context, view, seq, moves)
    except MissingPack:
        context.index.start_anew(view.look)  # the tables knew a pack that is gone: its chunks may lie in another one
        try:
            return _attempt(context, view, seq, moves)
        except MissingPack:
            raise GivenUp(seq=seq, version=" and ".join(_returning(moves))) from None


def _attempt(context: Context, view: View, seq: int, moves: list[_Move]) -> HistoryEntry:
    data = _data(context, view, seq, moves)
    entry, _, look, *_ = context.commit(f"undo {seq}", lambda draft: _build(context, draft, seq, moves, data))
    if entry is None:
        raise CannotUndo(seq=seq, reason="it changed nothing that can be undone")
    return describe(context, context.quick_view(look), entry)


def _entry(context: Context, head: Mark, seq: int) -> Entry:
    if not 0 < seq <= head.seq:
        raise UnknownSequence(seq=seq, head=head.seq)
    entry = context.journal.entry(seq)
    if not entry.changes:
        raise CannotUndo(seq=seq, reason="it changed no refs, and what gc deletes cannot be restored")
    return entry


def _moves(context: Context, entry: Entry) -> list[_Move]:
    """The entry's changes, except refs that it created as deleted ones (a rename brings the numbers of deleted
    versions along): they did not exist before, and must stay deleted."""
    never = {change.ref for change in entry.changes if change.new is None}
    for seq in range(entry.seq - 1, 0, -1):
        if not never:
            break
        never -= {change.ref for change in context.journal.entry(seq).changes}
    return [_Move(keys.parse(ref), old, new) for ref, old, new in entry.changes if ref not in never]


def _build(context: Context, draft: Draft, seq: int, moves: list[_Move], data: _Data) -> None:
    for key, old, new in moves:
        found = draft.view.ref(key)
        if found.seq < seq:
            raise DamagedRef(ref=key, reason=f"it is not what entry {seq} made it")
        if key == CONFIG:
            old, new = _settings_before(seq, found.value, old, new)
        if found.value != new:
            if context.journal.entry(found.seq).command == f"undo {seq}":
                raise AlreadyUndone(seq=seq, by=found.seq)
            raise RefMoved(seq=seq, ref=key, what=rules.words(key), by=found.seq, found=_shown(key, found.value))
        draft.set(key, old)
    reason = _misfit(draft)
    if reason:
        raise CannotUndo(seq=seq, reason=reason)
    draft.packs, draft.looked_up = data.packs, data.looked_up
    objects = context.objects_at(draft.view)
    if not all(objects.has(name) for name in data.records):
        raise MissingPack(pack="of a version that would come back")


def _settings_before(seq: int, now: str | None, old: str | None, new: str | None) -> tuple[str, str]:
    """What the config was, and became, by entry `seq`, with the heading that it has now. Raises CannotUndo where it is
    the heading that the entry changed."""
    try:
        before, after = heading.with_settings(now, old, new)
        return before, after
    except ValueError:
        reason = "it raised the repository format, which cannot be lowered"
        raise CannotUndo(seq=seq, reason=reason) from None


# Whether the refs are consistent afterwards. Other commands need not ask, as each is made so that it cannot break this;
# an undo brings values of another time.


def _misfit(draft: Draft) -> str | None:
    """What would lack something that it needs, dangle, or clash with something, or None."""
    for key, value in draft.new.items():
        reason = _left_hanging(draft, key) if value is None else _unfit(draft, key, value)
        if reason:
            return reason
    return _linked_twice(draft)


def _left_hanging(draft: Draft, gone: RefKey) -> str | None:
    found = draft.holders(gone)
    if not found:
        return None
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{rules.words(found[0])}{more} would be left without {rules.words(gone)}"


def _unfit(draft: Draft, key: RefKey, value: str) -> str | None:
    """Raises DamagedRef where the value, which is to come back, was damaged."""
    check_pointer(key, value)
    need = rules.unmet(key, value, draft.value)
    if need:
        return f"{rules.words(key)} needs {rules.words(need.keys[0])}, which does not exist"
    if isinstance(key, CollectionKey) and draft.view.value(key) is None:  # else it only says something else
        try:
            check_free(draft.view, key)
        except NameTaken as error:
            return str(error)
    return None


def _linked_twice(draft: Draft) -> str | None:
    """A version is linked once in a model."""
    for model in sorted({key.model for key, value in draft.new.items() if value and isinstance(key, LinkKey)}):
        seen: dict[str, LinkKey] = {}
        for key, target in draft.links(model).items():
            first = seen.setdefault(target.digest, key)
            if first != key:
                return f"{target.version} would be linked twice, as {first.link} and {key.link}"
    return None


def _shown(key: RefKey, value: str | None) -> str:
    if value is None:
        return "deleted"
    if isinstance(key, (AnnotationKey, CardKey, CollectionKey, ConfigKey)):  # whole texts
        return "different"
    if isinstance(key, PropertyKey) and key.name.startswith(IMPORTED):
        return "different"
    if isinstance(key, LinkKey) and (target := parse_link(value)):
        return target.version
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"


def _returning(moves: list[_Move]) -> dict[str, Root]:
    """The versions and attachments that come back when these are taken back, by what people call them; without those
    that only get another name back: their data cannot be gone."""
    kept = {rules.root(key, new) for key, _, new in moves}
    found = ((key, rules.root(key, old)) for key, old, _ in moves if isinstance(key, VersionKey | AttachmentKey))
    return {
        key.version if isinstance(key, VersionKey) else rules.words(key): root
        for key, root in found
        if root is not None and root not in kept
    }


def _data(context: Context, view: View, seq: int, moves: list[_Move]) -> _Data:
    """Raises GivenUp if a record is gone, MissingPack if a chunk is."""
    index = context.tables(view.look)
    records: set[str] = set()
    objects = context.objects_at(view)
    found: set[str] = set()
    for name, (digest, is_version) in _returning(moves).items():
        if not objects.has(digest):
            raise GivenUp(seq=seq, version=name)
        manifest = objects.version(digest).manifest if is_version else digest
        if not objects.has(manifest):
            raise GivenUp(seq=seq, version=name)
        records |= {digest, manifest}
        found |= packs_of(reused_by(index, PackContents(), objects.manifest(manifest)))
    return _Data(view.head, tuple(sorted(records)), tuple(sorted(found)))
