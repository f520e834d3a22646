"""The ref files of a replica that is new: made from segments of the journal in one go, and kept in one file."""

from __future__ import annotations

from mreg.refs.journal import APPLIED, format_mark, key_of
from mreg.refs.keys import CONFIG
from mreg.refs.replay import Unexpected, ref_files_after
from mreg.session.segments import Segments
from mreg.storage import LockTimeout
from mreg.storage.packed_folder import PackedFolder

PATIENCE = 60.0
"""Seconds to wait for another process, which most likely does the same."""


def fill(local: PackedFolder, segments: Segments, config: bytes) -> bool:
    """Have the refs as of the last entry of the segments that were fetched, which the journal agrees with, the mark
    that tells so, and that entry; or what another process has by then. config: as init wrote it.

    False where that fails: entries are applied one after the other then, which takes longer and tells what is wrong.
    """
    try:
        with local.lock(PATIENCE):
            if local.stat(APPLIED) is None and segments.last is not None:
                lines = segments.lines()
                files = {CONFIG: config} | ref_files_after(lines)
                files |= {APPLIED: format_mark(segments.last), key_of(segments.last.seq): lines[-1]}
                local.fill(files.items())
    except (OSError, LockTimeout, Unexpected):
        return False
    return True
