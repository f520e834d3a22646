"""Several steps as one change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mreg import operations, session
from mreg.repository.collections import Collections
from mreg.repository.labels import Labels
from mreg.repository.opening import Opened
from mreg.repository.versions import Versions
from mreg.values.changed import Changed


class Change(Versions, Collections, Labels):
    """The repository during a change (see `Repository.change`). The effects of its steps are visible here at once, and
    to others only after the end. result: what was changed; empty until the end."""

    result = Changed(None, ())


class Changing(Opened):
    """How several steps become one change."""

    @contextmanager
    def change(self, message: str | None = None) -> Iterator[Change]:
        """Combine several steps into one change: a context manager that yields a `Change`, whose methods are the steps.
        The end of the block commits one journal entry, which `undo` takes back as a whole. If the block raises, nothing
        is changed.

            with repo.change("the nightly build") as change:
                logged = change.log("ckpt", "mnist")
                change.set_property(logged.version.name, "ci.build", 4711)
                change.link(logged.version.name, "Digits", aliases=["nightly"])

        Files are stored when they are logged, but belong to no version until the end. Reads through `change` include
        the steps so far, except for searches and lineage. Results of steps have no `seq`; `change.result` has it at the
        end. message: the reason, for the history; the messages of the steps follow it.

        Others may commit meanwhile. At the end, every step is repeated on top of their changes; if all results are the
        same as before, they are committed. Otherwise Overtaken (a Conflict) is raised and nothing is changed, as when
        the `expect` of a step no longer holds. Renaming and deleting collections and rolling back aliases cannot be
        steps (NotAStep).
        """
        context = session.change.ChangeContext(self._context, message)
        change = Change(context)
        try:
            yield change
            done = context.finish()
        finally:
            context.give_up()
        change.result = operations.changes.changed(self._context, done)
