"""The refs as some entry of the journal left them: what was, whatever became of it since.

Made from the entries alone: neither ref files nor lookup tables know the past.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from mreg.refs import keys, ref_files
from mreg.refs.journal import Entry, Journal, Look, Mark
from mreg.refs.keys import CollectionKey, RefKey, VersionKey, in_artifact
from mreg.refs.ref_files import NEVER, Ref
from mreg.refs.view import View
from mreg.storage import Storage

_Key = TypeVar("_Key", bound=RefKey)


class Past(View):
    """The refs after these entries, the first of the journal. A ref's `seq` is the entry that decided it."""

    def __init__(self, storage: Storage, journal: Journal, entries: Iterable[tuple[Mark, Entry]]) -> None:
        head = Mark(0, journal.origin)
        self._refs: dict[RefKey, Ref] = {}
        for head, entry in entries:  # noqa: B007 - the last one is wanted
            self._refs |= ref_files.after([entry])
        super().__init__(storage, journal, Look(head))
        self._owned: dict[str, list[RefKey]] = defaultdict(list)
        for key in self._refs:
            self._owned[keys.folder_of(key)].append(key)

    def ref(self, key: RefKey) -> Ref:
        return self._refs.get(key, NEVER)

    def ever(self, prefix: str, kind: type[_Key]) -> set[_Key]:
        folder = keys.folder_of(prefix)
        among = self._owned.get(folder, ()) if folder else self._refs
        return {key for key in among if isinstance(key, kind) and key.startswith(prefix)}

    def names_ever(self) -> set[str]:
        return {key.name for key in self._refs if isinstance(key, CollectionKey)}

    def moved(self) -> bool:
        return False

    def _end(self, artifact: str) -> int:
        return max((key.number for key in self.ever(in_artifact(artifact), VersionKey)), default=-1) + 1
