"""`fsck --repair`: mends what can be proven, says what it did, and leaves the rest as it is.

Refs, config and the applied mark are recreated from the journal. What only another repository can have (entries,
records, packs, chunks) is taken from one, if its digests say that it is the same. Nothing is guessed.
"""

from __future__ import annotations

from contextlib import suppress

from mreg.session.context import Context
from mreg.upkeep.check import Check
from mreg.upkeep.check_derived import repair_derived
from mreg.upkeep.clock import clock
from mreg.upkeep.findings import Repaired, Report
from mreg.upkeep.fsck import look
from mreg.upkeep.garbage import Moved
from mreg.upkeep.other_repository import OtherRepository
from mreg.upkeep.repair_data import repair_chunks, repair_dropped, repair_packs, repair_records
from mreg.upkeep.repair_refs import repair_refs
from mreg.upkeep.sweep import TMP_SECONDS
from mreg.values.errors import Damaged, InvalidInput
from mreg.values.progress import Progress

_ROUNDS = 8
"""What is mended lets more be seen: a record that is back names chunks that may be damaged too."""


class RepairOnly(InvalidInput):
    code = "repair-only"
    template = "a source repository is only used by a repair"


def repair(context: Context, *, full: bool, source: Context | None, progress: Progress | None) -> Report:
    """Check, mend, and check again until nothing more can be mended; what is left, and what was done. Changes
    nothing where nothing is damaged, but for unfinished work of long ago, which is dropped."""
    context.storage.doubt()
    done: list[Repaired] = []
    check = look(context, full=full, progress=progress, now=clock(context))
    others = OtherRepository(source) if check.found else OtherRepository(None)
    for _ in range(_ROUNDS):
        try:
            mended = _mend(context, check, source, others) if check.found else []
            if not mended:
                break
        except Moved:
            mended = []  # look again
        done += mended
        check = look(context, full=full, progress=progress, now=clock(context))
    dropped = context.storage.sweep(TMP_SECONDS)
    if dropped:
        done.append(Repaired("leftover", "tmp", f"{dropped} bytes of old unfinished work deleted"))
    return check.report()._replace(repaired=tuple(done), unfinished=context.storage.unfinished())


def _mend(context: Context, check: Check, source: Context | None, others: OtherRepository) -> list[Repaired]:
    """One kind of thing at a time: each rests on those before it."""
    done = repair_refs(context, check, source)
    done += repair_derived(context, check)
    if done:
        return done
    done = [*repair_records(context, check, others), *repair_packs(context, check, others)]
    if not done and check.found.of("file"):
        done = repair_dropped(context, check)
    if not done and check.found.of("file", "chunk", "pack"):
        with suppress(Damaged):  # the findings say what is in the way
            done = repair_chunks(context, check, others)
    if done:
        _forget_tables(context)
    return done


def _forget_tables(context: Context) -> None:
    """The lookup tables may have been made of what was damaged."""
    with suppress(Damaged):
        context.index.start_anew(context.journal.look())
