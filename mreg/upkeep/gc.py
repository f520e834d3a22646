"""`gc`: let versions expire where a policy says so, and delete what nothing can reach (`garbage` says what that is).

Nothing is lost while others write: a change names nothing that an entry before it dropped, nor what is not there
(`commit` looks for the packs, `log` for its records), else it is written again under another name; and a gc drops
nothing if anything was committed since its marking. So what it drops is its own to delete. Where writers were faster
each time, it takes their lock for its last try. In a repository of format 1 dropped names may come back, and `sweep`
deletes under that lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mreg import upkeep
from mreg.content import packs
from mreg.operations.changes import changed
from mreg.operations.collections import drop
from mreg.refs.journal import Look, Mark
from mreg.refs.keys import VersionKey
from mreg.refs.transaction import Draft
from mreg.session import checkpoints
from mreg.session.context import Context
from mreg.upkeep import garbage, sweep
from mreg.upkeep.garbage import Moved, Plan, until_unmoved
from mreg.upkeep.retention import Policy
from mreg.values.named_tuple import NamedTuple

if TYPE_CHECKING:
    from mreg.upkeep.repack import Repacked
    from mreg.values.changed import RefChange
    from mreg.values.progress import Progress

__all__ = ["Swept"]


class Swept(NamedTuple):
    """What a gc gave back, or would: bytes on disk, and how many packs and records. unfinished: bytes of
    abandoned temporary files. kept: bytes that nothing reaches any more, but did, or that were
    written, within the grace period. expired: the versions that the policy let go, or would, and `seq` the
    entry that did it, None where none was made for it. repacked: how many packs were written anew; what that gave
    back is among the bytes. changes: what expired, ref by ref (see `Changed`). reasons: what let each of `expired` go:
    "repository" or "artifact", whose policy it was, or "ttl", an expiry of its own."""

    bytes: int
    packs: int
    records: int
    unfinished: int
    kept: int
    expired: tuple[str, ...] = ()
    seq: int | None = None
    repacked: int = 0
    changes: tuple[RefChange, ...] = ()
    reasons: dict[str, str] = {}  # noqa: RUF012 - never changed


def gc(
    context: Context,
    *,
    grace: float,
    policy: Policy,
    repack: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Swept:
    """Let versions expire, and delete what nothing has reached for `grace` seconds, in one change: if it fails, nothing
    expires. Returns what that gave back.

    repack: then write anew the packs of which little is needed, or that could be much smaller.
    dry_run: only tell what would happen. progress: of the repacking.

    Raises Damaged if a record cannot be read; nothing is deleted, as a damaged repository may need what seems to be
    garbage. Raises Moved if writers were faster every time, whom no lock keeps out; Unfinished if the machine failed
    after the change was made.
    """
    if dry_run:
        return until_unmoved(lambda: _foretell(context, grace, policy, repack=repack))
    plan, announced, told = until_unmoved(lambda: _announce(context, grace, policy), context.lock)
    unfinished = sweep.carry_out(context, plan.doomed, announced)
    head = announced or plan.head
    context.storage.condense(head.seq)
    if checkpoints.is_due(context.storage, head.seq):
        context.checkpoint(Look(head))
    swept = _report(plan, announced, unfinished)._replace(changes=told)
    return _with(swept, upkeep.repack.repack(context, grace, progress)) if repack else swept


def _foretell(context: Context, grace: float, policy: Policy, *, repack: bool) -> Swept:
    """What `gc` would return. Raises Moved."""
    plan = garbage.mark(context, grace, policy)
    swept = _report(plan, None, context.storage.sweep(sweep.TMP_SECONDS, dry_run=True))
    return _with(swept, upkeep.repack.foretell(context, plan)) if repack else swept


def _announce(context: Context, grace: float, policy: Policy) -> tuple[Plan, Mark | None, tuple[RefChange, ...]]:
    """Say in the journal what expires and what goes; what that is, where it stands, None where nothing does, and the
    refs that changed. Raises Moved where somebody committed since the marking."""
    plan = garbage.mark(context, grace, policy)
    if not plan.drops and not plan.expired:
        return plan, None, ()

    def build(draft: Draft) -> None:
        if draft.view.head != plan.head:
            raise Moved()
        for version in plan.expired:
            drop(draft, VersionKey(version.artifact, version.number))
        draft.drops = plan.drops

    done = context.commit(f"gc{policy.words}", build)
    return plan, done.look.head, changed(context, done).changes


def _report(plan: Plan, announced: Mark | None, unfinished: int) -> Swept:
    packs_gone = sum(1 for key in plan.doomed if packs.name_of(key))
    return Swept(
        bytes=sum(plan.doomed.values()),
        packs=packs_gone,
        records=len(plan.doomed) - packs_gone,
        unfinished=unfinished,
        kept=plan.kept,
        expired=tuple(version.name for version in plan.expired),
        reasons={version.name: why for version, why in plan.expired.items()},
        seq=announced.seq if announced and plan.expired else None,
    )


def _with(swept: Swept, repacked: Repacked) -> Swept:
    return swept._replace(bytes=swept.bytes + repacked.freed, repacked=repacked.packs)
