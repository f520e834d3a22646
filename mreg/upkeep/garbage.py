"""What is garbage, decided from the repository alone: the marking, by which `gc` acts.

Reachable is what the refs name, and what they named within the grace period: the journal remembers, so
that a deletion can be undone that long. Unreachable data younger than the grace period is left alone too,
as a writer may be about to name it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

from mreg.content import objects, packs
from mreg.content.objects import ObjectsAt
from mreg.content.packs import DamagedPack, PackIndex
from mreg.operations.resolve import Resolved
from mreg.refs import dead, journal as journals, ref_files
from mreg.refs.journal import Entry, Mark
from mreg.refs.keys import PartKey, RefKey, VersionKey
from mreg.refs.ref_files import Ref
from mreg.refs.view import check_pointer
from mreg.session.context import Context
from mreg.storage import Stat, Storage
from mreg.upkeep import reach
from mreg.upkeep.clock import age_of, clock
from mreg.upkeep.reach import Reached
from mreg.upkeep.retention import Policy, decided
from mreg.values.errors import Conflict, Damaged
from mreg.values.named_tuple import NamedTuple

_T = TypeVar("_T")
_TRIES = 5


class Moved(Conflict):
    code = "repository-moved"
    template = "the repository changed while gc looked at it"


class Plan(NamedTuple):
    """What a gc would do, as of `head`.

    doomed: the storage keys to delete, with their sizes. kept: bytes that are unreachable, but were reachable or
    written within the grace period. expired: the versions that go, each with what lets it. indexes: of the packs that
    stay, of which `needed` is reachable, now or within the grace period. drops: those of `doomed` that an entry has to
    announce: who comes upon what died before may delete it.
    """

    head: Mark
    doomed: dict[str, int]
    kept: int
    expired: dict[Resolved, str]
    indexes: dict[str, PackIndex]
    needed: Reached
    drops: tuple[str, ...]


def mark(context: Context, grace: float, policy: Policy) -> Plan:
    """What to do. Raises Moved if another gc deleted what was looked at; Damaged."""
    now = clock(context)
    head, entries = _whole_journal(context)
    with unless_moved(context, head):
        return _plan(context, head, entries, policy, now, grace)


def until_unmoved(attempt: Callable[[], _T], alone: Callable[[], AbstractContextManager[None]] = nullcontext) -> _T:
    """What `attempt` returns; it is repeated when it raises Moved. alone: keeps writers out of the last try, or they
    could be faster for ever. Raises Moved if they were even so: not all of them can be kept out everywhere."""
    for _ in range(_TRIES - 1):
        try:
            return attempt()
        except Moved:
            continue
    with alone():
        return attempt()


@contextmanager
def unless_moved(context: Context, head: Mark) -> Iterator[None]:
    """Turns Damaged into Moved if somebody has committed after `head`: another gc may have deleted what is missing."""
    try:
        yield
    except Damaged:
        if not context.journal.has(head.seq + 1):
            raise
        raise Moved() from None


def _whole_journal(context: Context) -> tuple[Mark, list[Entry]]:
    head, entries = Mark(0, context.journal.origin), []
    for mark, entry in reach.whole_journal(context.journal):
        head = mark
        entries.append(entry)
    if context.journal.applied().seq == 0:
        ref_files.require_end(context.storage, context.journal, head)
    return head, entries


def _plan(context: Context, head: Mark, entries: list[Entry], policy: Policy, now: float, grace: float) -> Plan:
    refs = ref_files.after(entries)
    _check_pointers(refs)
    buried = dead.after(entries)
    records = ObjectsAt(context.storage, buried.get)
    going = decided(refs, records, policy, lambda seq: age_of(context, seq, now))
    gone = {VersionKey(version.artifact, version.number) for version in going}
    before = reach.roots_now(refs)
    current = reach.roots_now({key: ref for key, ref in refs.items() if not _goes(key, gone)})
    indexes = reach.read_indexes(context.storage)
    read = reach.only_registered(indexes, entries)
    live = reach.reach(records, current, read)
    remembered = (before if grace else current) | reach.remembered(
        entries, lambda seq: age_of(context, seq, now), grace
    )
    needed = reach.reach(records, remembered, read)
    for name in sorted(reach.given_up(live, read, indexes)):
        raise DamagedPack(pack=name, reason="the journal dropped it, but versions need its content")
    now_live, spared = _keys(live, read, records), _keys(needed, read, records)
    spared.update(map(packs.key_of, reach.given_up(needed, read, indexes)))
    doomed, kept = {}, 0
    for key, stat in _all_data(context.storage, indexes, head):
        if key in now_live:
            continue
        if key in spared or (grace and key not in buried and now - stat.mtime <= grace):
            kept += stat.size
        else:
            doomed[key] = stat.size
    stay = {name: index for name, index in read.items() if packs.key_of(name) not in doomed}
    drops = tuple(sorted(key for key in doomed if journals.is_data(key) and key not in buried))
    return Plan(head, doomed, kept, going, stay, needed, drops)


def _check_pointers(refs: Mapping[RefKey, Ref]) -> None:
    """Raises DamagedRef: what a damaged one holds, or what is reached from it, is unknown."""
    for key, ref in refs.items():
        if ref.value is not None:
            check_pointer(key, ref.value)


def _goes(key: RefKey, gone: set[VersionKey]) -> bool:
    """Does the ref go with these versions?"""
    return (key.owner if isinstance(key, PartKey) else key) in gone


def _keys(found: Reached, indexes: dict[str, PackIndex], records: ObjectsAt) -> set[str]:
    """The storage keys of all this."""
    keys = {packs.key_of(name) for name in reach.needed_packs(found, indexes)}
    return keys | {records.key(name) for name in found.versions | found.manifests}


def _all_data(storage: Storage, indexes: dict[str, PackIndex], head: Mark) -> Iterator[tuple[str, Stat]]:
    """What lies about. A key that only an entry to come makes is no garbage yet: it may count by the time that it would
    be deleted."""
    for key in [*(packs.key_of(name) for name in indexes), *storage.list("objects")]:
        stat = storage.stat(key)
        if stat and objects.dropped_by(key) <= head.seq:
            yield key, stat
