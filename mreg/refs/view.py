"""The refs as of one place in the journal, for code that decides something about them.

The journal is the truth. Ref files are overlaid with the entries that are not applied yet. If lookup tables are given,
the two are compared, and where they differ, all entries are read. So neither a table that is old, partial or edited by
hand, nor a file that cannot be seen, changes a decision; only both wrong in the same way would. Takes no lock and
writes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

from mreg.refs import dead, keys, ref_files, rules
from mreg.refs.folds import Folds
from mreg.refs.journal import Journal, Look, Mark
from mreg.refs.keys import (
    CONFIG,
    AliasKey,
    AnnotationKey,
    AttachmentKey,
    CardKey,
    CollectionKey,
    CollectionKind,
    LinkKey,
    ModelKey,
    RefKey,
    VersionKey,
)
from mreg.refs.ref_files import NEVER, DamagedRef, Ref
from mreg.storage import Storage
from mreg.values.names import parse_version
from mreg.values.ref_texts import LinkTarget, parse_link

_T = TypeVar("_T")
_Key = TypeVar("_Key", bound=RefKey)


class Tables(Protocol):
    """The refs as the lookup tables have them."""

    def ref(self, key: str) -> Ref | None:
        """One ref, None if it never existed. `last` of a deleted one is not known."""

    def refs(self, prefix: str) -> dict[str, Ref]:
        """All refs whose key starts with `prefix`, deleted ones included."""

    def names(self) -> set[str]:
        """The names of all collections, deleted ones included."""

    def next_number(self, artifact: str) -> int:
        """One more than the highest version number the artifact ever had."""

    def dead(self, folder: str) -> Mapping[str, int]:
        """The storage keys in folders of this name that were dropped for ever, each with the entry that did it
        first."""

    def distrust(self) -> None:
        """Have the tables rebuilt: something in them contradicts the journal."""


class Refs(ABC):
    """A consistent state of all refs: the present one, or that after a change. One method per question."""

    @abstractmethod
    def value(self, key: RefKey) -> str | None:
        """The ref's value, None if it does not exist. Raises DamagedRef."""

    @abstractmethod
    def live(self, prefix: str, kind: type[_Key]) -> dict[_Key, str]:
        """The existing refs of this kind whose key starts with `prefix`, with their values, sorted."""

    def kind(self, name: str) -> CollectionKind | None:
        """The kind of the collection with this name, None if there is none."""
        return next((kind for kind in CollectionKind if self.value(kind.key(name)) is not None), None)

    def aliases(self, collection: str) -> dict[AliasKey, int]:
        """The aliases of a collection, each with the number it points at. Raises DamagedRef."""
        found = self.live(keys.in_aliases(collection), AliasKey)
        return {key: alias_number(key, value) for key, value in found.items()}

    def links(self, model: str) -> dict[LinkKey, LinkTarget]:
        """The links of a registered model, in link order. Raises DamagedRef."""
        found = self.live(keys.in_links(model), LinkKey)
        return {key: link_target(key, found[key]) for key in sorted(found, key=lambda key: key.number)}

    def versions(self, artifact: str) -> dict[VersionKey, str]:
        """The versions of an artifact in their order, each with the digest of its record. Raises DamagedRef."""
        found = self.live(keys.in_artifact(artifact), VersionKey)
        return {key: record_digest(key, found[key]) for key in sorted(found, key=lambda key: key.number)}

    def holders(self, gone: RefKey) -> list[RefKey]:
        """The refs that need `gone` and would dangle without it. Raises DamagedRef, also where an alias or a link does
        not say what it needs: that may be `gone`."""
        candidates = self.parts(gone)
        match gone:
            case VersionKey(artifact, _):
                candidates |= self.live(keys.in_aliases(artifact), AliasKey)
                candidates |= self.live(keys.ALL_MODELS, LinkKey)
            case LinkKey(model, _):
                candidates |= self.live(keys.in_aliases(model), AliasKey)
            case CollectionKey(name):
                candidates |= self.live(keys.in_artifact(name), VersionKey)
                candidates |= self.live(keys.in_links(name), LinkKey)
        for key, value in candidates.items():
            if rules.holds(key):
                check_pointer(key, value)
        return rules.needing(gone, candidates)

    def parts(self, whole: RefKey) -> dict[RefKey, str]:
        """The refs that are part of `whole`, with their values: they are renamed and deleted along with it. Raises
        DamagedRef."""
        found: dict[RefKey, str] = {}
        match whole:
            case VersionKey(artifact, number):
                found |= self._one(AnnotationKey(artifact, number))
            case ModelKey(model):
                found |= self._one(CardKey(model))
        if isinstance(whole, (CollectionKey, VersionKey, LinkKey)):
            for kind in keys.PARTS:
                found |= self.live(keys.in_table(whole, kind), kind)
        return found

    def _one(self, key: RefKey) -> dict[RefKey, str]:
        value = self.value(key)
        return {} if value is None else {key: value}


class View(Refs):
    """The refs as of `head`. Without tables, they are what can be seen: each ref by itself is whole, and never older
    than `head`; callers that read several and find them inconsistent look again (`moved`).

    look: at the journal; without it, one is taken. tables: gives the lookup tables when they are first needed.
    """

    def __init__(
        self,
        storage: Storage,
        journal: Journal,
        look: Look | None = None,
        tables: Callable[[Look], Tables] | None = None,
    ) -> None:
        self.look = journal.look() if look is None else look
        self._storage = storage
        self._journal = journal
        self._open_tables = tables
        self._opened: Tables | None = None
        self._overlay: dict[RefKey, Ref] = {}
        self._lines: dict[str, dict[str, Ref]] = {}
        self._known: dict[RefKey, Ref] = {}
        self._ends: dict[str, int] = {}
        self._replayed: dict[RefKey, Ref] | None = None
        self._dead: dict[str, Mapping[str, int]] = {}
        self._aliases: dict[str, Folds] = {}
        self._names: Folds | None = None
        for mark, entry in self.look.beyond:
            self._overlay |= {keys.parse(one.ref): ref_files.left_by(one, mark.seq) for one in entry.changes}

    @property
    def head(self) -> Mark:
        """The entry as of which the refs are seen."""
        return self.look.head

    def moved(self) -> bool:
        """Has anything been committed since this view was taken?"""
        return self._journal.shows(self.head.seq + 1)

    def ref(self, key: RefKey) -> Ref:
        """The ref's state. Raises DamagedRef."""
        if key not in self._known:
            seen = self._seen(key)
            if seen.seq == 0 and self._tables is not None and self._tables.ref(key) is not None:
                self._look_again(key)
                seen = self._seen(key)
            made_by_init = key == CONFIG and seen.seq == 0 and (self._tables is None or self._tables.ref(key) is None)
            self._known[key] = (
                seen
                if made_by_init
                else self._agreed(seen, lambda tables: _as_seen(seen, tables.ref(key)), lambda: self._truth(key, seen))
            )
        return self._known[key]

    def value(self, key: RefKey) -> str | None:
        return self.ref(key).value

    def live(self, prefix: str, kind: type[_Key]) -> dict[_Key, str]:
        found = {key: self.ref(key).value for key in sorted(self.ever(prefix, kind))}
        return {key: value for key, value in found.items() if value is not None}

    def ever(self, prefix: str, kind: type[_Key]) -> set[_Key]:
        """The refs of this kind whose key starts with `prefix`, deleted ones included. Raises DamagedRef."""
        return self._agreed(
            {key for key in self._present(prefix, kind) if isinstance(key, kind)},
            lambda tables: {key for key in map(keys.parse, tables.refs(prefix)) if isinstance(key, kind)},
            lambda: {key for key in self._said() if isinstance(key, kind) and key.startswith(prefix)},
        )

    def names_ever(self) -> set[str]:
        """The names of all collections, deleted ones included."""
        folders = [folder.rstrip("/") for folder in keys.KIND_FOLDER.values()]
        seen = {name for folder in folders for name in self._storage.names(folder)}
        return self._agreed(
            seen | {key.name for key in self._overlay if isinstance(key, CollectionKey)},
            lambda tables: tables.names(),
            lambda: {key.name for key in self._said() if isinstance(key, CollectionKey)},
        )

    def collections(self, kind: CollectionKind) -> list[CollectionKey]:
        """The existing collections of this kind, sorted by name. Raises DamagedRef."""
        ever = map(kind.key, sorted(self.names_ever()))
        return [key for key in ever if self.value(key) is not None]

    def other_alias(self, key: AliasKey) -> str | None:
        """An alias of the collection, be it a deleted one, that differs from this one only in case."""
        if key.collection not in self._aliases:
            ever = self.ever(keys.in_aliases(key.collection), AliasKey)
            self._aliases[key.collection] = Folds(one.alias for one in ever)
        return self._aliases[key.collection].other(key.alias)

    def other_name(self, name: str) -> str | None:
        """The name of a collection, be it a deleted one, that differs from this one only in case."""
        if self._names is None:
            self._names = Folds(self.names_ever())
        return self._names.other(name)

    def died(self, key: str) -> int | None:
        """The number of the entry that first dropped this storage key for ever, None if none has up to `head`."""
        folder = dead.folder(key)
        if folder not in self._dead:
            here = dead.after(self._journal.upto(self.head)) if self._tables is None else self._tables.dead(folder)
            self._dead[folder] = here
        seq = self._dead[folder].get(key)
        return seq if seq is not None and seq <= self.head.seq else None  # tables may have read beyond `head`

    # Numbers, which are given in order and never reused.

    def version(self, artifact: str, number: int) -> Ref:
        """The ref of one version: its value is the digest of the version record. Raises DamagedRef."""
        key = VersionKey(artifact, number)
        ref = self.ref(key)
        if ref.value is not None:
            record_digest(key, ref.value)
        return ref

    def next_number(self, artifact: str) -> int:
        """The next version number of the artifact: how many were ever given."""
        if artifact not in self._ends:
            self._ends[artifact] = self._end(artifact)
        return self._ends[artifact]

    def latest(self, artifact: str) -> int | None:
        """The highest number whose version is not deleted; None in an empty artifact. Raises DamagedRef."""
        numbers = range(self.next_number(artifact) - 1, -1, -1)
        return next((n for n in numbers if self.version(artifact, n).value is not None), None)

    def next_link(self, model: str) -> int:
        """The next link number of the model: how many were ever given."""
        return max((key.number for key in self.ever(keys.in_links(model), LinkKey)), default=-1) + 1

    def _end(self, artifact: str) -> int:
        if self._tables is None:
            return self._seen_end(artifact)
        if self._replayed is None:
            told = self._tables.next_number(artifact)
            if (not told or self._is_given(artifact, told - 1)) and not self._is_given(artifact, told):
                return told
        given = [key.number for key in self._said() if isinstance(key, VersionKey) and key.artifact == artifact]
        return max(given, default=-1) + 1

    def _seen_end(self, artifact: str) -> int:
        """The next number, from what can be seen: by doubling, then halving."""
        low, high = -1, 0
        while self._is_given(artifact, high):
            low, high = high, high * 2 + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._is_given(artifact, middle) else (low, middle)
        return high

    def _is_given(self, artifact: str, number: int) -> bool:
        key = VersionKey(artifact, number)
        return key in self._overlay or self._storage.stat(key) is not None

    # What can be seen.

    def _seen(self, key: RefKey) -> Ref:
        ref = self._table(key.file).get(key.line, NEVER) if key.lines else ref_files.read(self._storage, key)
        overlaid = self._overlay.get(key, NEVER)
        return overlaid if overlaid.seq > ref.seq else ref

    def _look_again(self, key: RefKey) -> None:
        """The tables know of a ref whose file is not seen."""
        self._lines.pop(key.file, None)
        self._storage.look_again(key.file)

    def _table(self, file: str) -> dict[str, Ref]:
        if file not in self._lines:
            self._lines[file] = ref_files.read_table(self._storage, file)
        return self._lines[file]

    def _present(self, prefix: str, kind: type[RefKey]) -> Iterator[RefKey]:
        """The keys with this prefix that have a file or a line, or that an entry not applied yet will give one; only
        those that may be of this kind."""
        for file in (prefix[:-1],) if prefix.endswith("#") else self._storage.list(prefix[:-1]):
            if keys.holds_lines(file):
                yield from (keys.parse(f"{file}#{line}") for line in (self._table(file) if kind.lines else ()))
            else:
                yield keys.parse(file)
        yield from (key for key in self._overlay if key.startswith(prefix))

    # What the journal says.

    @property
    def _tables(self) -> Tables | None:
        if self._opened is None and self._open_tables is not None:
            self._opened = self._open_tables(self.look)
        return self._opened

    def _agreed(self, seen: _T, told: Callable[[Tables], _T], said: Callable[[], _T]) -> _T:
        """What is seen, if the tables agree or there are none; else what the entries say."""
        if self._replayed is None and (self._tables is None or told(self._tables) == seen):
            return seen
        return said()

    def _said(self) -> dict[RefKey, Ref]:
        """Every ref as the entries up to `head` leave it: files and tables differ."""
        if self._replayed is None:
            if self.look.applied.seq == 0:  # there is no mark, by which the end of the journal is known
                ref_files.require_end(self._storage, self._journal, self.head)
            self._replayed = ref_files.after(self._journal.upto(self.head))
            if self._tables is not None:
                self._tables.distrust()
        return self._replayed

    def _truth(self, key: RefKey, seen: Ref) -> Ref:
        """The ref as the journal has it. A file that is missing or older than that cannot be seen at the moment
        (network file systems remember for a while that a file was missing). Any other difference is damage, and nothing
        is built upon it. Raises DamagedRef."""
        said = self._said().get(key, NEVER)
        later = seen.seq > self.head.seq and self._journal.has(seen.seq)
        if not (seen == said or seen.seq < said.seq or later):
            raise DamagedRef(ref=key, reason="it differs from the journal")
        return said


def alias_number(key: AliasKey, value: str) -> int:
    """The number that an alias points at. Raises DamagedRef."""
    number = parse_version(value)
    if number is None:
        raise DamagedRef(ref=key, reason="it contains no version number")
    return number


def link_target(key: LinkKey, value: str) -> LinkTarget:
    """The target of a link. Raises DamagedRef."""
    target = parse_link(value)
    if target is None:
        raise DamagedRef(ref=key.file, reason=f"link v{key.number} names no version")
    return target


def record_digest(key: VersionKey | AttachmentKey, value: str) -> str:
    """The digest that the ref of a version or an attachment holds. Raises DamagedRef."""
    if rules.fault(key, value):
        raise DamagedRef(ref=key, reason="it contains no digest")
    return value


def check_pointer(key: RefKey, value: str) -> None:
    """Raises DamagedRef if the ref is of a kind that names a version or a record, and this value names none. What such
    a ref holds is unknown: whoever takes it for nothing, or for something else, may delete just that."""
    match key:
        case AliasKey():
            alias_number(key, value)
        case LinkKey():
            link_target(key, value)
        case VersionKey() | AttachmentKey():
            record_digest(key, value)


def _as_seen(seen: Ref, told: Ref | None) -> Ref:
    """The ref as the tables have it, with `last` as seen: the tables do not know what a ref was before its deletion."""
    return NEVER if told is None else told._replace(last=seen.last)
