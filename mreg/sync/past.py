"""What refs were before, by the journal: whether one side has gone on from where the other is."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mreg.refs.keys import RefKey
from mreg.refs.view import View
from mreg.session.context import Context

Values = Sequence[str | None]


def values_of(context: Context, view: View, wanted: Collection[RefKey]) -> dict[str, list[str | None]]:
    """Every value that these refs had, the present one last. Reads the journal from the first entry on."""
    found: dict[str, list[str | None]] = {str(key): [None] for key in wanted}
    for entry in context.journal.upto(view.head) if wanted else ():
        for change in entry.changes:
            if change.ref in found:
                found[change.ref].append(change.new)
    return found


def has_gone_on(ours: Values, theirs: Values) -> bool:
    """Whether ours has gone on from where theirs is. Where each was once where the other is now, the one that was all
    that the other was, in its order, and more, is ahead."""
    if theirs[-1] not in ours:
        return False
    return ours[-1] not in theirs or is_part(theirs, ours)


def last(values: Values) -> str | None:
    """The last value that was one."""
    return next((one for one in reversed(values) if one is not None), None)


def is_part(some: Values, every: Values) -> bool:
    """Whether all of `some` is in `every`, in this order."""
    rest = iter(every)
    return all(one in rest for one in some)
