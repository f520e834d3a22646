"""Garbage collection: let versions expire where a policy says so, and give back the space of what nothing can reach.

Reachable is what the refs name, and what they named within the grace period: the journal remembers, so
that a deletion can be taken back that long. Unreachable data younger than the grace is left alone too, as
a writer may be about to name it.

Beside writers nothing is lost: deleting happens under the writers' lock, after a look at what has been
committed since the marking; and who commits checks under the same lock that all it names is still there
(`commit` the packs, `log` its records), else it writes it again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from mreg.content import objects, packs
from mreg.content.pack_writer import PackContents, PackWriter
from mreg.content.packs import DamagedPack, PackIndex
from mreg.operations.collections import drop_version
from mreg.operations.resolve import Resolved
from mreg.refs import journal as journals, ref_files
from mreg.refs.journal import DamagedJournal, Entry, Mark
from mreg.refs.keys import CONFIG, VersionKey
from mreg.refs.transaction import Draft
from mreg.session.context import Context
from mreg.storage import LockTimeout, Stat, Storage
from mreg.upkeep import reach
from mreg.upkeep.reach import Reached
from mreg.upkeep.retention import Policy, expired
from mreg.values.errors import Conflict, Damaged, Incomplete, Refused

if TYPE_CHECKING:
    from mreg.upkeep.repack import Rewriter

__all__ = ["Swept"]

_TRIES = 5
_BATCH = 64

TMP_SECONDS = 24 * 3600.0
"""Unfinished work older than this belongs to nobody any more, whatever the grace."""


class Moved(Conflict):
    code = "repository-moved"
    template = "the repository changed while gc looked at it"


class Unfinished(Incomplete):
    """What was announced counts as gone, and the next gc deletes what is left of it."""

    code = "unfinished"
    template = "entry {seq} says what goes, but not all of it could be deleted: {reason}"

    seq: int
    reason: str


class Swept(NamedTuple):
    """What a gc gave back, or would: bytes on disk, and how many packs and records. unfinished: bytes of
    abandoned temporary files. kept: bytes that nothing reaches any more, but did, or that were
    written, within the grace period. expired: the versions that the policy let go, or would, and `seq` the
    entry that did it, None where none was made for it. repacked: how many packs were written anew; what that gave
    back is among the bytes."""

    bytes: int
    packs: int
    records: int
    unfinished: int
    kept: int
    expired: tuple[str, ...] = ()
    seq: int | None = None
    repacked: int = 0


class _Plan(NamedTuple):
    """indexes: of the packs that stay, of which `needed` is reached, now or within the grace period."""

    head: Mark
    doomed: dict[str, int]
    kept: int
    expired: list[Resolved]
    indexes: dict[str, PackIndex]
    needed: Reached


def gc(context: Context, *, grace: float, policy: Policy, repack: bool = False, dry_run: bool = False) -> Swept:
    """Let versions expire, and delete what nothing has reached for `grace` seconds; what that gave back. repack: then
    write anew the packs of which little is needed, or that could be much smaller.

    Both are one change, so that one that fails has let nothing expire. Raises Damaged where a record is not
    readable, having deleted nothing: a damaged repository may need what seems to be garbage. Raises Moved when
    writers were faster again and again; Unfinished where the change was made, and then the machine failed.
    """
    for _ in range(_TRIES):
        try:
            plan = _mark(context, grace, policy)
            if dry_run:
                return _with_repacked(_report(plan, None, 0), _foretell_repack(context, plan) if repack else ())
            announced = _announce(context, plan, policy) if plan.doomed or plan.expired else None
        except Moved:
            continue
        swept = _report(plan, announced, _carry_out(context, plan, announced))
        return _with_repacked(swept, _repack(context, grace) if repack else ())
    raise Moved()


def _repack(context: Context, grace: float) -> Iterator[tuple[int, int]]:
    """Write packs anew; for each new one how many it takes the place of, and the bytes that this gave back."""
    tries = 0
    while True:
        try:
            plan = _mark(context, grace, Policy())
            with _unless_moved(context, plan.head):
                batch = next(_rewriter(context, plan).batches(), None)
                freed = _rewrite(context, plan, batch) if batch else 0
            if batch is None:
                return
            yield len(batch), freed
        except Moved:
            tries += 1
            if tries == _TRIES:
                raise


def _rewrite(context: Context, plan: _Plan, batch: list[str]) -> int:
    """One new pack in place of these; the bytes that this gives back. Raises Moved, DamagedChunk."""
    doomed = {packs.key_of(name): _size(context, packs.key_of(name)) for name in batch}
    with PackWriter(context.storage) as writer:
        _rewriter(context, plan).write(batch, writer)
        size = 0 if writer.empty else writer.file_size
        new = () if writer.empty else (writer.publish(),)

    def build(draft: Draft) -> None:
        if draft.view.head != plan.head:
            raise Moved()
        draft.packs, draft.drops = new, tuple(sorted(doomed))

    announced = context.commit("gc --repack", build).look.head
    _carry_out(context, plan._replace(doomed=doomed), announced)
    return sum(doomed.values()) - size


def _foretell_repack(context: Context, plan: _Plan) -> Iterator[tuple[int, int]]:
    """What `_repack` would yield."""
    rewriter = _rewriter(context, plan)
    for batch in rewriter.batches():
        contents = PackContents()
        rewriter.write(batch, contents)
        size = 0 if contents.empty else contents.file_size
        yield len(batch), sum(_size(context, packs.key_of(name)) for name in batch) - size


def _rewriter(context: Context, plan: _Plan) -> Rewriter:
    from mreg.upkeep.repack import Rewriter

    return Rewriter(context.storage, plan.indexes, plan.needed, encode=context.setting("log.compress"))


def _size(context: Context, key: str) -> int:
    stat = context.storage.stat(key)
    return stat.size if stat else 0


def _with_repacked(swept: Swept, repacked: Iterable[tuple[int, int]]) -> Swept:
    for count, freed in repacked:
        swept = swept._replace(bytes=swept.bytes + freed, repacked=swept.repacked + count)
    return swept


def _mark(context: Context, grace: float, policy: Policy) -> _Plan:
    """What to do. Raises Moved where another gc took what was looked at."""
    now = clock(context)
    head, entries = _whole_journal(context)
    with _unless_moved(context, head):
        return _plan(context, head, entries, policy, now, grace)


@contextmanager
def _unless_moved(context: Context, head: Mark) -> Iterator[None]:
    """What is damaged in the block was taken by another gc, if somebody has committed after `head`: raises Moved."""
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
    keys = context.storage.list("journal")
    beyond = [key for key in keys if key > journals.key_of(head.seq) and key != journals.APPLIED]
    if beyond and not context.journal.has(head.seq + 1):
        raise DamagedJournal(seq=head.seq + 1, reason=f"it is missing, and {len(beyond)} entries follow it")
    if context.journal.applied().seq == 0:
        ref_files.require_end(context.storage, context.journal, head)
    return head, entries


def _plan(context: Context, head: Mark, entries: list[Entry], policy: Policy, now: float, grace: float) -> _Plan:
    refs = ref_files.after(entries)
    going = expired(refs, policy, lambda seq: age_of(context, seq, now))
    gone = {VersionKey(version.artifact, version.number) for version in going}
    before = reach.versions_now(refs)
    current = reach.versions_now({key: ref for key, ref in refs.items() if key not in gone})
    indexes = reach.read_indexes(context.storage)
    read = reach.only_registered(indexes, entries)
    live = reach.reach(context.objects, current, read)
    remembered = (before if grace else current) | reach.remembered(
        entries, lambda seq: age_of(context, seq, now), grace
    )
    needed = reach.reach(context.objects, remembered, read)
    for name in sorted(reach.given_up(live, read, indexes)):
        raise DamagedPack(pack=name, reason="the journal gives it up, but versions need what is in it")
    now_live, spared = _keys(live, read), _keys(needed, read)
    spared.update(map(packs.key_of, reach.given_up(needed, read, indexes)))
    doomed, kept = {}, 0
    for key, stat in _all_data(context.storage, indexes):
        if key in now_live:
            continue
        if key in spared or (grace and now - stat.mtime <= grace):
            kept += stat.size
        else:
            doomed[key] = stat.size
    stay = {name: index for name, index in read.items() if packs.key_of(name) not in doomed}
    return _Plan(head, doomed, kept, going, stay, needed)


def _keys(found: Reached, indexes: dict[str, PackIndex]) -> set[str]:
    """The storage keys of all this."""
    keys = {packs.key_of(name) for name in reach.needed_packs(found, indexes)}
    return keys | {objects.key_of(name) for name in found.versions | found.manifests}


def age_of(context: Context, seq: int, now: float) -> float:
    """How many seconds ago this entry was made. One that has no file any more is as young as can be."""
    stat = context.storage.stat(journals.key_of(seq))
    return now - stat.mtime if stat else 0.0


def _all_data(storage: Storage, indexes: dict[str, PackIndex]) -> Iterator[tuple[str, Stat]]:
    for key in [*(packs.key_of(name) for name in indexes), *storage.list("objects")]:
        stat = storage.stat(key)
        if stat:
            yield key, stat


def _announce(context: Context, plan: _Plan, policy: Policy) -> Mark:
    """Say in the journal what expires and what goes; where that stands. Raises Moved where somebody committed
    since the marking."""

    def build(draft: Draft) -> None:
        if draft.view.head != plan.head:
            raise Moved()
        for version in plan.expired:
            drop_version(draft, VersionKey(version.artifact, version.number))
        draft.drops = tuple(sorted(plan.doomed))

    return context.commit(f"gc{policy.words}", build).look.head


def _carry_out(context: Context, plan: _Plan, announced: Mark | None) -> int:
    """Delete what was announced, then unfinished work that nobody will finish; the bytes of that."""
    try:
        if announced:
            _delete(context, plan, announced)
        return context.storage.sweep(TMP_SECONDS)
    except (OSError, LockTimeout) as error:
        if announced is None:
            raise
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise Unfinished(seq=announced.seq, reason=reason) from error


def _delete(context: Context, plan: _Plan, announced: Mark) -> None:
    """Delete what was announced, less what a writer has named since: it was there when that one looked."""
    doomed, seen = dict(plan.doomed), announced
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


def _report(plan: _Plan, announced: Mark | None, unfinished: int) -> Swept:
    packs_gone = sum(1 for key in plan.doomed if packs.name_of(key))
    return Swept(
        bytes=sum(plan.doomed.values()),
        packs=packs_gone,
        records=len(plan.doomed) - packs_gone,
        unfinished=unfinished,
        kept=plan.kept,
        expired=tuple(version.name for version in plan.expired),
        seq=announced.seq if announced and plan.expired else None,
    )


def clock(context: Context) -> float:
    """The time by the storage's own clock: ages are told by it, and this machine's may be off."""
    try:
        context.storage.touch(CONFIG)
    except (OSError, Refused):  # not ours to write to, so that nothing can be deleted: good enough for a dry run
        return time.time()
    stat = context.storage.stat(CONFIG)
    return stat.mtime if stat else time.time()
