"""`fsck`: every invariant of docs/format.md, checked against the repository itself (no lookup tables).

Writes nothing and takes no lock, so it works beside writers and on read-only media. `mreg.upkeep.repair` mends.
"""

from __future__ import annotations

import time

from mreg.session.context import Context
from mreg.upkeep.check import Check
from mreg.upkeep.check_data import check_data
from mreg.upkeep.check_derived import check_derived
from mreg.upkeep.check_refs import check_refs
from mreg.upkeep.findings import Report
from mreg.values.progress import Progress


def fsck(context: Context, *, full: bool = False, progress: Progress | None = None) -> Report:
    """Check everything but the bytes of chunks; with `full`, these too."""
    context.storage.doubt()
    return look(context, full=full, progress=progress).report()._replace(unfinished=context.storage.unfinished())


def look(context: Context, *, full: bool, progress: Progress | None, now: float | None = None) -> Check:
    """The same, with all that was learned on the way, for who repairs. now: by the storage's clock, which
    it takes a write to ask for; without it this machine's has to do."""
    check = Check()
    check_refs(context, check)
    check_data(context, check, full=full, progress=progress, now=time.time() if now is None else now)
    check_derived(context, check)
    return check
