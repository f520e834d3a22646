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
    """The repository while a change is being made, see `Repository.change`: what steps do is seen here at once, and by
    nobody else before the end. result: what the change came to; nothing until its end."""

    result = Changed(None, ())


class Changing(Opened):
    """How several steps become one change."""

    @contextmanager
    def change(self, message: str | None = None) -> Iterator[Change]:
        """Make one change of several steps, which are methods of what `with` gives: one entry of the journal at the end
        of the block, which `undo` takes back as a whole. Where the block is left by an exception, nothing is changed.

            with repo.change("the nightly build") as change:
                logged = change.log("ckpt", "mnist")
                change.set_property(logged.version.name, "ci.build", 4711)
                change.link(logged.version.name, "Digits", aliases=["nightly"])

        Files are stored when they are logged, and belong to no version before the end. What `change` reads has the
        steps so far in it, but for searches and lineage. Results of steps have no `seq`; `change.result` has it at the
        end. message: the reason, for the history; those of the steps come after it.

        Others may write meanwhile. At the end every step is taken again on top of what they did: where all come to what
        they came to before, that is committed. Else Overtaken (a Conflict) is raised, and nothing was changed; so too
        where a step's own `expect` no longer holds. Whole collections are renamed and deleted, and aliases rolled back,
        by changes of their own (NotAStep).
        """
        context = session.change.ChangeContext(self._context, message)
        change = Change(context)
        try:
            yield change
            done = context.finish()
        finally:
            context.give_up()
        change.result = operations.changes.changed(self._context, done)
