"""A change of several steps: each is drafted at once, and all of them are committed at the end as one entry."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from mreg.refs import heading, rules, transaction
from mreg.refs.keys import CONFIG, parse
from mreg.refs.overlaid import Overlaid, Pending
from mreg.refs.transaction import Committed, Draft, MissingPack
from mreg.refs.view import View
from mreg.session.context import Context
from mreg.session.pending_index import PendingIndex
from mreg.values.errors import Conflict, InvalidInput, NotFound, Refused, Unmet
from mreg.values.formats import require
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import composed

if TYPE_CHECKING:
    from mreg.content.objects import Objects
    from mreg.refs.journal import Look
    from mreg.session.index import Index

_T = TypeVar("_T")

_TOLD = 3
"""Steps that are named in the history as commands; what they changed is told of all."""


class Overtaken(Conflict):
    code = "overtaken"
    template = "another writer was faster: {reason}; this change was not made"

    reason: str


class ChangeOver(InvalidInput):
    code = "change-over"
    template = "`{command}` came after the end of its change"

    command: str


class NotAStep(InvalidInput):
    """What the history tells of it rests on its being an entry of its own."""

    code = "not-a-step"
    template = "`{command}` cannot be one step of a change"

    command: str


class _Step(NamedTuple):
    command: str
    build: Callable[[Draft], Any]


class ChangeContext(Context):
    """The parts of a repository, as the steps up to now have left them. Reading sees what is pending; nobody else does
    before `finish`. message: the reason, for the history. Raises InvalidMessage, NeedsFormat."""

    def __init__(self, base: Context, message: str | None) -> None:
        self._base = base
        self._message = message or None
        self._guard = threading.RLock()
        self._pending = Pending()
        self._steps: list[_Step] = []
        self._reasons: list[str] = []
        self._over = False
        self._seen: View | None = None
        self._own_index = PendingIndex(lambda: base.index, self._pending, base.storage)
        transaction.check_message(message)
        if message:
            require("the reason of a change", 2, heading.of(base.quick_view().value(CONFIG)).format)

    def __getattr__(self, name: str) -> Any:
        """What does not change: the storage, the journal, the identity."""
        return getattr(self._base, name)

    @property
    def objects(self) -> Objects:
        return self._base.objects

    @property
    def index(self) -> Index:
        return self._own_index

    def tables(self, look: Look) -> Index:
        self._base.tables(look)
        return self._own_index

    def quick_view(self, look: Look | None = None) -> View:
        return self.view(look)

    def view(self, look: Look | None = None) -> View:
        with self._guard:
            if self._seen is None or (look is None and self._seen.moved()) or look not in (None, self._seen.look):
                self._seen = self._base.view(look)
            return Overlaid(self._seen, self._pending)

    def commit(
        self,
        command: str,
        build: Callable[[Draft], _T],
        *,
        message: str | None = None,
        patience: str | None = None,
        alone: bool = False,
    ) -> Committed[_T]:
        """Draft one more step. Raises what `build` raises, ChangeOver; NotAStep if it must be an entry of its own."""
        if alone:
            raise NotAStep(command=command)
        transaction.check_message(message)
        with self._guard:
            if self._over:
                raise ChangeOver(command=command)
            view = self.view()
            draft = Draft(view)
            value = build(draft)
            changes = draft.changes()
            transaction.check_drafted(draft)
            self._own_index.learn(draft.packs)
            self._pending.add(draft)
            self._steps.append(_Step(composed(command), build))
            if message and message not in self._reasons:
                self._reasons.append(message)
            return Committed(None, value, view.look, view, changes)

    def finish(self) -> Committed[None]:
        """Commit all steps as one entry, none where they change nothing. Raises Overtaken where they would come to
        something else by now, and as `Context.commit` does."""
        with self._guard:
            self._over = True
            reason = "\n".join(filter(None, [self._message, *self._reasons])) or None
            try:
                return self._base.commit(self._words(), self._draft_all, message=reason)
            finally:
                self._pending.clear()

    def give_up(self) -> None:
        """Take no more steps, and forget what was not committed."""
        with self._guard:
            self._over = True
            self._pending.clear()

    def close(self) -> None:
        self._base.close()

    def _draft_all(self, draft: Draft) -> None:
        """Take every step again, on top of what is there now: what a step rests on is checked again by what it does,
        and what all of them come to must be what the caller has been told."""
        found = Pending()
        for step in self._steps:
            one = Draft(Overlaid(draft.view, found))
            try:
                step.build(one)
            except Unmet:
                raise
            except MissingPack as error:  # also where the content was that of the latest version, and no longer is
                raise Overtaken(reason="something that a step depends on no longer exists") from error
            except (Conflict, NotFound, Refused, InvalidInput) as error:
                raise Overtaken(reason=str(error)) from error
            found.add(one)
        told, now = self._pending.changes(), found.changes()
        for key in sorted(told.keys() | now.keys()):
            if told.get(key) != now.get(key):
                raise Overtaken(reason=f"{rules.words(parse(key))} was changed meanwhile")
        found.fill(draft)

    def _words(self) -> str:
        """The steps, for the history."""
        commands = list(dict.fromkeys(step.command for step in self._steps))
        more = [f"{len(commands) - _TOLD} more"] if len(commands) > _TOLD + 1 else []
        return f"change ({'; '.join(commands[:_TOLD] + more if more else commands)})"
