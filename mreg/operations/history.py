"""`history`: who changed what, when, from what to what, and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from mreg import operations
from mreg.operations.described import parse_time
from mreg.operations.renamed import followed, name_before
from mreg.operations.resolve import require_kind, unknown_alias
from mreg.refs import keys, rules
from mreg.refs.journal import Change, Entry
from mreg.refs.keys import AliasKey, CollectionKind
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.values import names
from mreg.values.ages import parse_seconds
from mreg.values.changed import RefChange
from mreg.values.entities import HistoryEntry
from mreg.values.errors import InvalidInput
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import VersionRecord

ACTIONS = (
    *("alias rm", "alias rollback", "alias set", "annotate", "artifact create", "artifact rename", "artifact rm"),
    *("attach", "card", "change", "clone", "config set", "describe", "detach", "fsck", "gc", "import", "link", "log"),
    *("model create", "model rename", "model rm", "property rm", "property set", "pull", "push", "remote add"),
    *("remote rm", "remote set", "rm", "tag add", "tag rm"),
    *("undo", "unlink", "upgrade", "use"),
)
"""How the commands of journal entries begin."""

DATE = len("2026-01-31")
MOMENT = timedelta(microseconds=1)


class UnknownSequence(InvalidInput):
    code = "unknown-sequence"
    template = "the journal has no entry {seq}; the last one is {head}"

    seq: int
    head: int


class UnknownAction(InvalidInput):
    code = "unknown-action"
    template = "there is no action {action!r}"

    action: str
    known: str


class InvalidTime(InvalidInput):
    code = "invalid-time"
    template = "{text!r} is not an entry number, age, date or time"

    text: str


class Wanted(NamedTuple):
    """Which changes to tell of. See `Repository.history`."""

    name: str | None = None
    since: int | str | datetime = 0
    until: int | str | datetime | None = None
    author: str | None = None
    action: str | None = None


class _Span(NamedTuple):
    """Entries after `first` up to `last`, from the time `begin` up to, not including, `end`."""

    first: int
    last: int
    begin: datetime | None
    end: datetime | None

    def holds(self, time: datetime) -> bool:
        return (self.begin is None or time >= self.begin) and (self.end is None or time < self.end)


def history(
    context: Context, wanted: Wanted, *, limit: int | None = None, records: Mapping[str, VersionRecord] | None = None
) -> list[HistoryEntry]:
    """See `Repository.history`. records: see `changes.describe`. Raises UnknownSequence if `since` lies beyond the end
    of the journal, InvalidTime, UnknownName, UnknownAlias."""
    collection, alias = _named(wanted.name)
    view = context.view()
    span = _span(wanted, view.head.seq)
    found: list[HistoryEntry] = []
    known = False
    for entry, name in followed(context.journal, collection or "", _start(view, collection, span)):
        if entry.seq <= span.first or (limit is not None and len(found) >= limit):
            break
        if entry.seq <= span.last and (not name or any(_concerns(change, name, alias) for change in entry.changes)):
            known = True
            if span.holds(parse_time(entry.time)) and _is_by(entry, wanted):
                told = describe(context, view, entry, records)
                found.append(told if alias is None else told._replace(move=_move(told, entry, name, alias)))
    if collection is not None and not known:
        _require_ever(context, view, collection, alias)
    if wanted.action is not None and not found:
        _check_action(wanted.action)
    return found[::-1]


def _start(view: View, name: str | None, span: _Span) -> int:
    """The entry to begin with: the last one that is wanted, or the last of all if a rename may have come after it."""
    touched = max((view.ref(kind.key(name)).seq for kind in CollectionKind), default=0) if name else 0
    return span.last if touched <= span.last else view.head.seq


def _move(told: HistoryEntry, entry: Entry, name: str, alias: str) -> RefChange:
    """What became of the alias. A rename of its collection has left it where it was."""
    moves = {one.ref: one for one in told.changes}
    move, before = moves[AliasKey(name, alias)], moves.get(AliasKey(name_before(entry, name), alias))
    return move if before is None or before is move else move._replace(old=before.old)


def _named(name: str | None) -> tuple[str | None, str | None]:
    """The collection, and the alias of it, whose history is wanted."""
    if name is None:
        return None, None
    reference = names.parse_reference(name)
    if ":" in name and reference.selector.alias is None:
        raise names.InvalidReference(text=name, reason="write NAME or NAME:ALIAS")
    return reference.name, reference.selector.alias


def _check_action(action: str) -> None:
    """Raises UnknownAction for one that no entry bears."""
    if not any(_begins(one, action) or _begins(action, one) for one in ACTIONS):
        raise UnknownAction(action=action, known=", ".join(ACTIONS))


def _begins(command: str, action: str) -> bool:
    return f"{command} ".startswith(f"{action} ")


def _is_by(entry: Entry, wanted: Wanted) -> bool:
    action = wanted.action
    by_action = action is None or _begins(entry.command, action)
    return by_action and wanted.author in (None, entry.who)


def _span(wanted: Wanted, head: int) -> _Span:
    """Raises UnknownSequence, InvalidTime."""
    since, until = bound(wanted.since, end=False), bound(wanted.until, end=True)
    first, begin = (since, None) if isinstance(since, int) else (0, since)
    last, end = (until, None) if isinstance(until, int) else (head, until)
    if not 0 <= first <= head:
        raise UnknownSequence(seq=first, head=head)
    return _Span(first, min(last, head), begin, end)


def bound(given: int | str | datetime | None, *, end: bool) -> int | datetime | None:
    """The number of an entry, or a time. end: the first moment after what is meant, which is the whole of a date or
    second. Raises InvalidTime."""
    if given is None or isinstance(given, int):
        return given
    if isinstance(given, str):
        if given.isascii() and given.isdecimal():
            return int(given)
        return _time(given, end=end)
    return given.astimezone() + (MOMENT if end else timedelta())


def _time(text: str, *, end: bool) -> datetime:
    try:
        time = datetime.fromisoformat(text).astimezone()  # without a zone, local time is meant
        return time + (_length(text) if end else timedelta())
    except (ValueError, OverflowError):
        pass
    try:
        return datetime.now(UTC) - timedelta(seconds=parse_seconds(text))
    except (ValueError, OverflowError):
        raise InvalidTime(text=text) from None


def _length(text: str) -> timedelta:
    """How long what is written so takes: people copy times that are shown to the second."""
    if len(text) == DATE:
        return timedelta(days=1)
    return MOMENT if "." in text or "," in text else timedelta(seconds=1)


def _require_ever(context: Context, view: View, name: str, alias: str | None) -> None:
    """Raises UnknownName or UnknownAlias if there never was such a collection or alias. A deleted one has a history,
    though perhaps no recent one."""
    if not any(view.ref(kind.key(name)).seq for kind in CollectionKind):
        require_kind(context, context.view(view.look), name)
    if alias is not None and not view.ref(AliasKey(name, alias)).seq:
        raise unknown_alias(context, context.view(view.look), name, alias)


def _concerns(change: Change, name: str, alias: str | None) -> bool:
    key = keys.parse(change.ref)
    if alias is not None:
        return key == AliasKey(name, alias)
    return rules.mentions(key, (change.old, change.new), name)


def describe(
    context: Context, view: View, entry: Entry, records: Mapping[str, VersionRecord] | None = None
) -> HistoryEntry:
    """The entry as the API returns it. view, records: see `changes.describe`."""
    changes = operations.changes.describe(context, view, entry.changes, messages=True, records=records)
    return HistoryEntry(entry.seq, parse_time(entry.time), entry.who, entry.host, entry.command, changes, entry.message)
