"""Garbage collection: give back the space of what nothing can reach.

Reachable is what the refs name, and what they named within the grace period: the journal remembers, so
that a deletion can be taken back that long. Unreachable data younger than the grace is left alone too, as
a writer may be about to name it.

Beside writers nothing is lost: deleting happens under the writers' lock, after a look at what has been
committed since the marking; and who commits checks under the same lock that all it names is still there
(`commit` the packs, `log` its records), else it writes it again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from mreg import journal as journals, objects, packs
from mreg.context import Context
from mreg.errors import Conflict
from mreg.journal import DamagedJournal, Entry, Mark
from mreg.operations import reach
from mreg.packs import PackIndex
from mreg.refs import CONFIG
from mreg.storage import Stat, Storage
from mreg.transaction import Draft

_TRIES = 5
_BATCH = 64

TMP_SECONDS = 24 * 3600.0
"""Unfinished work older than this belongs to nobody any more, whatever the grace."""


class Moved(Conflict):
    code = "repository-moved"
    template = "the repository changed while gc looked at it"


@dataclass(frozen=True, slots=True)
class Swept:
    """What a gc gave back, or would: bytes on disk, and how many packs and records. unfinished: bytes of
    abandoned temporary files. kept: bytes that nothing reaches any more, but did, or that were
    written, within the grace period."""

    bytes: int
    packs: int
    records: int
    unfinished: int
    kept: int


@dataclass(frozen=True)
class _Plan:
    head: Mark
    doomed: dict[str, int]
    kept: int


def gc(context: Context, *, grace: float, dry_run: bool = False) -> Swept:
    """Delete what nothing has reached for `grace` seconds; what that gave back.

    Raises Damaged where a record is not readable, having deleted nothing: a damaged repository may need
    what seems to be garbage. Raises Moved when writers were faster again and again.
    """
    for _ in range(_TRIES):
        plan = _mark(context, grace)
        try:
            if plan.doomed and not dry_run:
                _announce(context, plan)
                _delete(context, plan)
        except Moved:
            continue
        return _report(plan, 0 if dry_run else context.storage.sweep(TMP_SECONDS))
    raise Moved()


def _mark(context: Context, grace: float) -> _Plan:
    storage = context.storage
    now = _now(context)
    head, entries = Mark(0, context.journal.origin), []
    for mark, entry in reach.whole_journal(context.journal):
        head = mark
        entries.append(entry)
    beyond = [key for key in storage.list("journal") if key > journals.key_of(head.seq) and key != journals.APPLIED]
    if beyond and context.journal.raw(head.seq + 1) is None:
        raise DamagedJournal(seq=head.seq + 1, reason=f"it is missing, and {len(beyond)} entries follow it")
    current = reach.versions_now(entries)
    indexes = reach.read_indexes(storage)
    read = {name: indexes[name] for name in reach.registered(entries) if name in indexes}
    live = _needed(context, current, read)
    remembered = _needed(context, current | _remembered(context, entries, now, grace), read)
    doomed, kept = {}, 0
    for key, stat in _all_data(storage, indexes):
        if key in live:
            continue
        if key in remembered or (grace and now - stat.mtime <= grace):
            kept += stat.size
        else:
            doomed[key] = stat.size
    return _Plan(head, doomed, kept)


def _needed(context: Context, versions: set[str], indexes: dict[str, PackIndex]) -> set[str]:
    """The storage keys of all that these version records need."""
    found = reach.reach(context.objects, versions, indexes)
    keys = {packs.key_of(name) for name in reach.needed_packs(found, indexes)}
    return keys | {objects.key_of(name) for name in found.versions | found.manifests}


def _remembered(context: Context, entries: list[Entry], now: float, grace: float) -> set[str]:
    """The versions that refs named within the grace period, less those that an earlier gc gave up."""
    found: set[str] = set()
    for entry in reversed(entries):
        stat = context.storage.stat(journals.key_of(entry.seq))
        if grace == 0 or stat is None or now - stat.mtime > grace:
            break
        found |= reach.named_by(entry)
    dropped = {key for entry in entries for key in entry.drops}
    return {name for name in found if objects.key_of(name) not in dropped}


def _all_data(storage: Storage, indexes: dict[str, PackIndex]) -> Iterator[tuple[str, Stat]]:
    for key in [*(packs.key_of(name) for name in indexes), *storage.list("objects")]:
        stat = storage.stat(key)
        if stat:
            yield key, stat


def _announce(context: Context, plan: _Plan) -> None:
    """Say in the journal what goes. Raises Moved where somebody committed since the marking."""

    def build(draft: Draft) -> None:
        if draft.view.head != plan.head:
            raise Moved()
        draft.drops = tuple(sorted(plan.doomed))

    context.commit("gc", build)


def _delete(context: Context, plan: _Plan) -> None:
    """Delete what was announced, less what a writer has named since: it was there when that one looked."""
    doomed, seen = dict(plan.doomed), plan.head
    while doomed:
        batch = list(islice(doomed, _BATCH))
        with context.storage.lock():
            for mark, entry in context.journal.after(seen):
                seen = mark
                for key in _named(context, entry):
                    doomed.pop(key, None)
            for key in batch:
                if doomed.pop(key, None) is not None:
                    context.storage.delete(key)


def _named(context: Context, entry: Entry) -> Iterator[str]:
    """The storage keys of packs and records that an entry relies on."""
    yield from map(packs.key_of, entry.packs)
    for version in reach.named_by(entry):
        yield objects.key_of(version)
        if context.objects.has(version):
            yield objects.key_of(context.objects.version(version).manifest)


def _report(plan: _Plan, unfinished: int) -> Swept:
    packs_gone = sum(1 for key in plan.doomed if packs.name_of(key))
    return Swept(sum(plan.doomed.values()), packs_gone, len(plan.doomed) - packs_gone, unfinished, plan.kept)


def _now(context: Context) -> float:
    """The time by the storage's own clock: ages are told by it, and this machine's may be off."""
    try:
        context.storage.touch(CONFIG)
    except OSError:  # read-only, where nothing can be deleted either: good enough for a dry run
        return time.time()
    stat = context.storage.stat(CONFIG)
    assert stat is not None
    return stat.mtime
