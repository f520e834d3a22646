"""Ages, by the storage's own clock."""

from __future__ import annotations

import time

from mreg.refs import journal
from mreg.refs.keys import CONFIG
from mreg.session.context import Context
from mreg.values.errors import Refused


def clock(context: Context) -> float:
    """The time by the storage's own clock; this machine's may be off."""
    try:
        context.storage.touch(CONFIG)
    except (OSError, Refused):  # not ours to write to, so that nothing can be deleted: good enough for a dry run
        return time.time()
    stat = context.storage.stat(CONFIG)
    return stat.mtime if stat else time.time()


def age_of(context: Context, seq: int, now: float) -> float:
    """How many seconds ago this entry was made; 0 if its file is gone."""
    stat = context.storage.stat(journal.key_of(seq))
    return now - stat.mtime if stat else 0.0
