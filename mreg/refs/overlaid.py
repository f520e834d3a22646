"""The refs as a change of several steps would leave them, while it is being made and nothing of it is committed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TypeVar

from mreg.refs import ref_files
from mreg.refs.folds import Folds
from mreg.refs.journal import Change, Mark
from mreg.refs.keys import AliasKey, CollectionKey, LinkKey, RefKey, VersionKey, folder_of, in_artifact
from mreg.refs.ref_files import Ref
from mreg.refs.transaction import Draft
from mreg.refs.view import View
from mreg.values.named_tuple import NamedTuple

_Key = TypeVar("_Key", bound=RefKey)


class _Place(NamedTuple):
    """What was there when the change first touched the ref, and what the change has made of it."""

    before: str | None
    now: Ref


class Pending:
    """What the steps up to now have drafted, together. packs, looked_up, drops: see `Draft`."""

    def __init__(self) -> None:
        self._places: dict[RefKey, _Place] = {}
        self._folders: dict[str, set[RefKey]] = defaultdict(set)
        self._aliases: dict[str, Folds] = defaultdict(Folds)
        self._names = Folds()
        self._packs: dict[str, None] = {}
        self._looked_up: Mark | None = None

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[RefKey]:
        return iter(self._places)

    def clear(self) -> None:
        """Forget all of it."""
        self._places.clear()
        self._folders.clear()
        self._aliases.clear()
        self._names = Folds()

    def get(self, key: str) -> Ref | None:
        """The ref as the steps have made it; None where none of them has touched it."""
        place = self._places.get(key)  # type: ignore[call-overload]  # a key equals its spelling
        return None if place is None else place.now

    def within(self, prefix: str) -> Iterable[RefKey]:
        """The refs that were touched and whose key starts with `prefix`."""
        among: Iterable[RefKey] = self._places
        if folder := folder_of(prefix):
            among = self._folders.get(folder, ())
        return (key for key in among if key.startswith(prefix))

    def add(self, draft: Draft) -> None:
        """One more step, which was drafted on top of the others."""
        for key in draft.new:
            before = self._places[key].before if key in self._places else draft.view.value(key)
            change = Change(key, draft.view.value(key), draft.new[key])
            self._places[key] = _Place(before, ref_files.left_by(change, draft.view.head.seq + 1))
            self._folders[folder_of(key)].add(key)
            if isinstance(key, AliasKey):
                self._aliases[key.collection].add(key.alias)
            elif isinstance(key, CollectionKey):
                self._names.add(key.name)
        for key, last in draft.buried.items():
            self._places[key] = _Place(None, Ref(None, draft.view.head.seq + 1, last))
            self._folders[folder_of(key)].add(key)
        self._packs |= dict.fromkeys(draft.packs)
        if draft.packs and (self._looked_up is None or draft.looked_up.seq < self._looked_up.seq):
            self._looked_up = draft.looked_up

    def other_alias(self, key: AliasKey) -> str | None:
        """As `View.other_alias`, of the aliases that were touched."""
        return self._aliases[key.collection].other(key.alias)

    def other_name(self, name: str) -> str | None:
        """As `View.other_name`, of the names that were touched."""
        return self._names.other(name)

    def fill(self, draft: Draft) -> None:
        """Draft all of it as one."""
        for key, (_, now) in self._places.items():
            draft.set(key, now.value)
        for key, last in self._passed().items():
            draft.bury(key, last)
        draft.packs = tuple(self._packs)
        draft.looked_up = self._looked_up or draft.looked_up

    def changes(self) -> dict[str, Change]:
        """What all of it together changes, by the key of the ref."""
        found = {key: Change(key, before, now.value) for key, (before, now) in self._places.items()}
        moved = {str(key): change for key, change in found.items() if change.old != change.new}
        return moved | {str(key): Change(key, last, None) for key, last in self._passed().items()}

    def _passed(self) -> dict[RefKey, str]:
        """What one step has made and a later one has deleted: its number is given all the same."""
        return {
            key: now.last
            for key, (before, now) in self._places.items()
            if before is None and now.last is not None and isinstance(key, VersionKey | LinkKey)
        }


class Overlaid(View):
    """The refs as of `base`, and over them what is pending, as if it were the next entry."""

    def __init__(self, base: View, pending: Pending) -> None:
        self.look = base.look
        self._base = base
        self._pending = pending
        self._ends: dict[str, int] = {}

    def moved(self) -> bool:
        return self._base.moved()

    def ref(self, key: RefKey) -> Ref:
        return self._pending.get(key) or self._base.ref(key)

    def ever(self, prefix: str, kind: type[_Key]) -> set[_Key]:
        own = {key for key in self._pending.within(prefix) if isinstance(key, kind)}
        return self._base.ever(prefix, kind) | own

    def names_ever(self) -> set[str]:
        return self._base.names_ever() | {key.name for key in self._pending if isinstance(key, CollectionKey)}

    def other_alias(self, key: AliasKey) -> str | None:
        return self._base.other_alias(key) or self._pending.other_alias(key)

    def other_name(self, name: str) -> str | None:
        return self._base.other_name(name) or self._pending.other_name(name)

    def died(self, key: str) -> int | None:
        return self._base.died(key)

    def _end(self, artifact: str) -> int:
        own = [key.number for key in self._pending.within(in_artifact(artifact)) if isinstance(key, VersionKey)]
        return max(self._base.next_number(artifact), *(number + 1 for number in own), 0)
