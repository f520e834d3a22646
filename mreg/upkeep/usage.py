"""`du`: where the bytes are, and which of them a deletion would give back.

Computed from the repository itself, as gc sees it, and not from the lookup tables: gc frees exactly what `du` promises.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from mreg.content import packs
from mreg.content.objects import ObjectsAt
from mreg.operations.query import artifacts, versions
from mreg.refs import dead, ref_files
from mreg.refs.keys import AttachmentKey, VersionKey
from mreg.refs.rules import mentions
from mreg.session.context import Context
from mreg.upkeep import reach
from mreg.values.entities import Usage, UsageItem, Version
from mreg.values.errors import InvalidInput
from mreg.values.named_tuple import NamedTuple

_Key = TypeVar("_Key")

_SHARED = ""
"""Of a thing that several versions need, or a collection."""


class NoCollection(InvalidInput):
    code = "no-collection"
    template = "{name!r} is a version, not an artifact or a registered model"

    name: str
    collection: str


def usage(context: Context, name: str | None = None) -> Usage:
    """The bytes of a collection, version by version, with what deleting each would free; or of all artifacts, one item
    per artifact. Raises UnknownName, NoCollection, Damaged."""
    if name is not None and ":" in name:
        raise NoCollection(name=name, collection=name.partition(":")[0])
    store = _Store(context)
    if name is not None:
        listed = versions(context, name)
        items = [store.version(version) for version in listed]
        return store.total(name, listed, items)
    found = [(artifact.name, versions(context, artifact.name)) for artifact in artifacts(context)]
    items = [store.collection(name, listed) for name, listed in found]
    return store.total(None, [version for _, listed in found for version in listed], items)


class _Store:
    """The repository's data, and which versions need what."""

    def __init__(self, context: Context) -> None:
        self._context = context
        entries = [entry for _, entry in reach.whole_journal(context.journal)]
        self._records = ObjectsAt(context.storage, dead.after(entries).get)
        self._refs = {key: ref.value for key, ref in ref_files.after(entries).items() if ref.value is not None}
        self._indexes = reach.only_registered(reach.read_indexes(context.storage), entries)
        self._places = reach.copies(self._indexes)
        self._recipes = reach.recipes_of(self._indexes)

    def total(self, name: str | None, listed: Sequence[Version], items: list[UsageItem]) -> Usage:
        whole = self.collection(name, listed)
        unfinished = self._context.storage.unfinished()
        return Usage(whole.versions, whole.logical, whole.unique, whole.stored, tuple(items), unfinished)

    def collection(self, name: str | None, listed: Sequence[Version]) -> UsageItem:
        """What these versions, their attachments and those of the collection take together; without a name, of all."""
        found = {version.digest: version for version in listed}
        attached = self._attached(name, listed)
        chunks: set[bytes] = set()
        for manifest in {version.manifest for version in found.values()}.union(attached):
            for file in self._files_of(manifest):
                chunks.update(self._chunks_of(file))
        entries = [self._places[chunk].entry for chunk in chunks if chunk in self._places]
        bases = {base for chunk in chunks for base in reach.with_bases(chunk, self._places)} - chunks
        return UsageItem(
            name=name or "",
            versions=len(found),
            logical=sum(version.size for version in found.values())
            + sum(self._records.manifest(manifest).size for manifest in attached),
            unique=sum(entry.size for entry in entries),
            stored=sum(entry.stored for entry in entries) + sum(map(self._stored, bases)),
        )

    def version(self, version: Version) -> UsageItem:
        """What the version takes by itself, and what only it needs."""
        item = self.collection("", [version])._replace(name=version.name)
        return item._replace(frees=self._freed[version.digest], own=self._own[version.digest])

    def _attached(self, name: str | None, listed: Iterable[Version]) -> set[str]:
        """The manifests of the attachments of these versions, and of the collection."""
        owners = {VersionKey(version.artifact, version.number) for version in listed}
        return {
            value
            for key, value in self._refs.items()
            if isinstance(key, AttachmentKey) and (name is None or key.owner in owners or mentions(key, (), name))
        }

    def _files_of(self, manifest: str) -> set[bytes]:
        files = self._records.manifest(manifest).files
        return {bytes.fromhex(file.digest) for file in files if file.size}

    def _chunks_of(self, file: bytes) -> set[bytes]:
        return self._recipes.get(file, {file})

    def _stored(self, chunk: bytes) -> int:
        return self._places[chunk].entry.stored if chunk in self._places else 0

    @cached_property
    def _freed(self) -> Counter[str]:
        """By version: the bytes of the packs and records that only it needs."""
        owners = self._owners
        packs_needed: dict[str, str] = {}
        for name, index in self._indexes.items():
            for needed in [*(entry.digest for entry in index.chunks), *index.recipes]:
                if needed in owners.data:
                    _share(packs_needed, packs.key_of(name), owners.data[needed])
        return self._sum(packs_needed) + self._sum(owners.records)

    @cached_property
    def _own(self) -> Counter[str]:
        """By version: the bytes of the chunks that only it needs."""
        own: Counter[str] = Counter()
        for chunk, owner in self._owners.data.items():
            own[owner] += self._stored(chunk)
        return own

    def _sum(self, owners: Mapping[str, str]) -> Counter[str]:
        freed: Counter[str] = Counter()
        for key, owner in owners.items():
            stat = self._context.storage.stat(key)
            freed[owner] += stat.size if stat else 0
        return freed

    @cached_property
    def _owners(self) -> _Owners:
        owners = _Owners({}, {})
        manifests: dict[str, str] = {}
        for key, value in self._refs.items():
            if isinstance(key, VersionKey):
                _share(manifests, self._records.version(value).manifest, value)
                owners.records[self._records.key(value)] = value
            elif isinstance(key, AttachmentKey):
                of_version = self._refs.get(key.owner) if isinstance(key.owner, VersionKey) else None
                _share(manifests, value, of_version or _SHARED)
        for manifest, owner in manifests.items():
            owners.records[self._records.key(manifest)] = owner
            for file in self._files_of(manifest):
                _share(owners.data, file, owner)
        for file, owner in list(owners.data.items()):
            for chunk in self._chunks_of(file):
                for needed in reach.with_bases(chunk, self._places):
                    _share(owners.data, needed, owner)
        return owners


class _Owners(NamedTuple):
    """The one version that needs a thing, or _SHARED. data: files and chunks, by digest (a file of one chunk and that
    are one). records: by storage key."""

    data: dict[bytes, str]
    records: dict[str, str]


def _share(owners: dict[_Key, str], key: _Key, owner: str) -> None:
    """Note that `owner` needs `key` too."""
    owners[key] = owner if owners.get(key, owner) == owner else _SHARED
