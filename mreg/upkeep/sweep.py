"""Deleting what a journal entry has announced, while others write.

What an entry of format 2 announces is dead: nobody comes to rest on it any more, so no lock is needed. What one of
format 1 announces may be named again until it is deleted, and only the writers' lock tells when that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from mreg.content import objects, packs
from mreg.refs.journal import Entry, Mark
from mreg.session.context import Context
from mreg.storage import LockTimeout
from mreg.upkeep import reach
from mreg.values.errors import Incomplete
from mreg.values.formats import FIRST

_BATCH = 64
"""Keys deleted per acquisition of the writers' lock."""

TMP_SECONDS = 24 * 3600.0
"""Unfinished work older than this is abandoned, whatever the grace period."""


class Unfinished(Incomplete):
    """What was announced counts as gone, and the next gc deletes what is left of it."""

    code = "unfinished"
    template = "entry {seq} is committed, but some of its data could not be deleted: {reason}"

    seq: int
    reason: str


def carry_out(context: Context, doomed: Mapping[str, int], announced: Mark | None) -> int:
    """Delete these keys (with their sizes), of which those that others may know were announced (None: there are no
    such), then abandoned unfinished work. Returns the bytes of the latter. Raises Unfinished."""
    try:
        delete(context, doomed, announced)
        return context.storage.sweep(TMP_SECONDS)
    except (OSError, LockTimeout) as error:
        if announced is None:
            raise
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise Unfinished(seq=announced.seq, reason=reason) from error


def delete(context: Context, doomed: Mapping[str, int], announced: Mark | None) -> None:
    if announced is None or context.journal.entry(announced.seq).format > FIRST:
        for key in doomed:
            context.storage.delete(key)
    else:
        _delete_unnamed(context, doomed, announced)


def _delete_unnamed(context: Context, doomed: Mapping[str, int], announced: Mark) -> None:
    """Delete what was announced, except what a writer has named since: it was there when that writer looked."""
    left, seen = dict(doomed), announced
    while left:
        batch = list(islice(left, _BATCH))
        with context.lock():
            for mark, entry in context.journal.rest(seen):
                seen = mark
                for key in _named(context, entry):
                    left.pop(key, None)
            for key in batch:
                if left.pop(key, None) is not None:
                    context.storage.delete(key)


def _named(context: Context, entry: Entry) -> Iterator[str]:
    """The storage keys of packs and records that an entry relies on."""
    yield from map(packs.key_of, entry.packs)
    for digest, is_version in reach.named_by(entry):
        yield objects.key_of(digest)
        if is_version and context.objects.has(digest):
            yield objects.key_of(context.objects.version(digest).manifest)
