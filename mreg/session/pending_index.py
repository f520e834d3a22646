"""The lookup tables as a change of several steps would leave them: those of the repository, and over them what is
pending. Nothing of it is written to the tables: other processes share them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Self, TypeVar

from mreg.content import packs
from mreg.content.packs import Located, Piece
from mreg.refs.journal import Look
from mreg.refs.keys import LinkKey, VersionKey, in_artifact
from mreg.refs.overlaid import Pending
from mreg.refs.ref_files import Ref
from mreg.session.facts import Records
from mreg.session.index import Index
from mreg.storage import Storage
from mreg.values.ref_texts import parse_link

_T = TypeVar("_T")


class PendingIndex(Index):
    """base: gives the tables of the repository, which may be opened anew. What searches, lineage and `tags` ask for is
    answered by these alone."""

    def __init__(self, base: Callable[[], Index], pending: Pending, storage: Storage) -> None:
        self._base = base
        self._pending = pending
        self._packs_in = storage
        self._learned: set[str] = set()
        self._own_chunks: dict[bytes, Located] = {}
        self._own_recipes: dict[bytes, tuple[str, tuple[Piece, ...]]] = {}

    def __getattr__(self, name: str) -> Any:
        """The connection, its lock, the look at the journal: those of the tables."""
        return getattr(self._base(), name)

    def learn(self, names: Collection[str]) -> None:
        """Know what is in these packs, which the journal may not name yet. Raises DamagedPack."""
        for name in self._base().unread(set(names) - self._learned):
            index = self._base().written.get(name) or packs.read_index(self._packs_in, name)
            self._own_chunks |= {entry.digest: Located(name, entry) for entry in index.chunks}
            self._own_recipes |= {file: (name, tuple(pieces)) for file, pieces in index.recipes.items()}
        self._learned.update(names)

    # Refs.

    def ref(self, key: str) -> Ref | None:
        return self._pending.get(key) or super().ref(key)

    def refs(self, prefix: str, ending: str = "") -> dict[str, Ref]:
        own = {str(key): self._pending.get(key) for key in self._pending.within(prefix) if key.endswith(ending)}
        return super().refs(prefix, ending) | {key: ref for key, ref in own.items() if ref is not None}

    def values(self, names: Collection[str]) -> dict[str, str]:
        own = {key: ref.value for key in names if (ref := self._pending.get(key)) is not None}
        found = {key: value for key, value in super().values(names).items() if key not in own}
        return found | {key: value for key, value in own.items() if value is not None}

    def versions_of(self, artifact: str) -> dict[int, str]:
        found: dict[int, str | None] = {**super().versions_of(artifact)}
        for key in self._pending.within(in_artifact(artifact)):
            if isinstance(key, VersionKey) and (ref := self._pending.get(key)):
                found[key.number] = ref.value
        return {number: value for number, value in sorted(found.items()) if value is not None}

    def folders_after(self, folder: str, last: str, most: int) -> list[str]:
        own = {key[len(folder) :].partition("/")[0] for key in self._pending.within(folder)}
        both = {name for name in own if not last or f"{name}/" > f"{last}/"} | {
            *super().folders_after(folder, last, most)
        }
        return sorted(both, key=lambda name: f"{name}/")[:most]

    def number_of_versions(self, artifact: str) -> int:
        return len(self.versions_of(artifact))

    def links_to(self, versions: Collection[str]) -> dict[str, str]:
        found: dict[str, str | None] = {**super().links_to(versions)}
        for key in self._pending:
            if isinstance(key, LinkKey) and (ref := self._pending.get(key)):
                target = parse_link(ref.value or "")
                found[str(key)] = ref.value if target and target.version in versions else None
        return {key: value for key, value in found.items() if value is not None}

    # Chunks.

    def chunks(self, names: Collection[bytes]) -> dict[bytes, Located]:
        own = {name: self._own_chunks[name] for name in names if name in self._own_chunks}
        return own | super().chunks(names)

    def recipes(self, names: Collection[bytes]) -> dict[bytes, tuple[Piece, ...]]:
        own = {name: self._own_recipes[name][1] for name in names if name in self._own_recipes}
        return own | super().recipes(names)

    def recipe_homes(self, names: Collection[bytes]) -> dict[bytes, str]:
        own = {name: self._own_recipes[name][0] for name in names if name in self._own_recipes}
        return own | super().recipe_homes(names)

    def kept(self, sizes: Mapping[bytes, int]) -> set[bytes]:
        found = super().kept(sizes)
        if not self._own_chunks:
            return found
        recipes = self.recipes([name for name in sizes if name not in found])
        wanted = {name: {piece.digest for piece in recipes.get(name, ())} or {name} for name in sizes.keys() - found}
        present = self.chunks(set().union(*wanted.values())).keys()
        return found | {name for name, chunks in wanted.items() if chunks <= present}

    # What is done with the tables themselves.

    def narrowed(self, packs: Collection[str]) -> Self:
        return self

    def read_packs(self, names: Collection[str] | None = None) -> bool:
        return self._base().read_packs(names)

    def asked(self, records: Records, ask: Callable[[sqlite3.Connection], _T]) -> _T:
        return self._base().asked(records, ask)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        with self._base().reading():
            yield

    def catch_up(self, look: Look) -> None:
        self._base().catch_up(look)

    def distrust(self) -> None:
        self._base().distrust()

    def close(self) -> None:
        self._base().close()

    def _started_anew(self) -> bool:
        return self._base()._started_anew()

    def _catch_up(self) -> None:
        self._base()._catch_up()

    def _start_over(self, error: sqlite3.DatabaseError) -> None:
        self._base()._start_over(error)
