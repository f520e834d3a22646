"""What the pages tell, read from the repository at one moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mreg import operations
from mreg.operations.described import parse_time
from mreg.operations.metrics import Metrics
from mreg.operations.query import describe_many, load_records
from mreg.operations.resolve import Resolved
from mreg.pages.sizes import Sizes, sizes_of
from mreg.pages.tensors import TensorRow, tensor_rows
from mreg.refs import keys
from mreg.session.context import Context
from mreg.session.index import Index
from mreg.values.changed import RefChange
from mreg.values.directions import GROUP
from mreg.values.entities import Artifact, Consumer, HistoryEntry, Model, Version
from mreg.values.errors import Damaged
from mreg.values.metadata import flatten
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import File

TENSORS: Final = 100
"""The most versions whose tensors are listed: those that something points to, and the latest, the newest first."""


class Move(NamedTuple):
    """An alias moved by an entry of the journal."""

    entry: HistoryEntry
    change: RefChange


class VersionFacts(NamedTuple):
    """One version. files: None where the list of them is damaged. before: the live version before it, of the same
    artifact. tensors: None where they were not looked at. derived: versions that were made from it. flat: its metadata
    by dotted keys."""

    version: Version
    sizes: Sizes
    files: tuple[File, ...] | None
    before: Version | None
    tensors: tuple[TensorRow, ...] | None
    derived: tuple[str, ...]
    consumers: tuple[Consumer, ...]
    flat: Mapping[str, Any]


class Facts(NamedTuple):
    """versions: of each artifact, in ascending order. damaged: versions whose records cannot be read, with the reason.
    moves: of each alias (`NAME:ALIAS`), the last first. journal: the last entry first. metrics: of each artifact and
    registered model that has some."""

    id: str
    head: int
    artifacts: tuple[Artifact, ...]
    models: tuple[Model, ...]
    versions: dict[str, tuple[VersionFacts, ...]]
    damaged: dict[str, str]
    moves: dict[str, tuple[Move, ...]]
    journal: tuple[HistoryEntry, ...]
    metrics: dict[str, Metrics]


def gather(context: Context) -> Facts:
    """Raises Damaged where the journal cannot be read; damage of single versions is told in the result."""
    look = context.view().look
    index = context.tables(look)
    artifacts = tuple(operations.query.artifacts(context))
    models = tuple(operations.query.models(context))
    damaged: dict[str, str] = {}
    described = {one.name: _described(context, index, one.name, damaged) for one in artifacts}
    everything = [version for versions in described.values() for version in versions]
    derived, consumers = _derived(everything), _consumers(index)
    listed = _with_tensors(everything, artifacts)
    versions: dict[str, tuple[VersionFacts, ...]] = {}
    for name, found in described.items():
        versions[name] = tuple(_version_facts(context, index, found, derived, consumers, listed))
    records = load_records(context, index, [version.digest for version in everything])
    journal = tuple(operations.history.history(context, operations.history.Wanted(), records=records)[::-1])
    names = [*(one.name for one in artifacts), *(one.name for one in models)]
    every = {name: operations.metrics.metrics(context, name) for name in names if not damaged}
    metrics = {name: _proper(one, described.get(name, [])) for name, one in every.items() if one.metrics}
    return Facts(
        context.identity.id, look.head.seq, artifacts, models, versions, damaged, _moves(journal), journal, metrics
    )


def _described(context: Context, index: Index, artifact: str, damaged: dict[str, str]) -> list[Version]:
    wanted = [Resolved(artifact, number, digest) for number, digest in index.versions_of(artifact).items()]
    try:
        return describe_many(context, index, wanted)
    except Damaged:
        found = []
        for one in wanted:
            try:
                found += describe_many(context, index, [one])
            except Damaged as error:
                damaged[one.name] = str(error)
        return found


def _derived(versions: Iterable[Version]) -> dict[str, list[str]]:
    """By digest, the names of the versions that were made from it."""
    found: dict[str, list[str]] = defaultdict(list)
    for version in versions:
        for one in dict.fromkeys(entry.version for entry in version.inputs):
            found[one].append(version.name)
    return found


def _consumers(index: Index) -> dict[str, list[Consumer]]:
    """By digest, the runs that used a version, the latest first."""
    found: dict[str, list[Consumer]] = defaultdict(list)
    for text, ref in index.refs(keys.ALL_RUNS).items():
        key = keys.parse(text)
        if ref.value is not None and isinstance(key, keys.RunKey):
            found[key.digest].append(Consumer(key.run, parse_time(index.time_of(ref.seq))))
    for runs in found.values():
        runs.sort(key=lambda one: (one.time, one.run), reverse=True)
    return found


def _with_tensors(versions: Sequence[Version], artifacts: Iterable[Artifact]) -> set[str]:
    """The names of the versions whose tensors are listed."""
    latest = {f"{one.name}:{one.latest}" for one in artifacts}
    pointed = [one for one in versions if one.aliases or one.links or one.name in latest]
    newest = sorted(pointed, key=lambda one: (one.created, one.name), reverse=True)
    return {one.name for one in newest[:TENSORS]}


def _version_facts(
    context: Context,
    index: Index,
    versions: Sequence[Version],
    derived: dict[str, list[str]],
    consumers: dict[str, list[Consumer]],
    listed: set[str],
) -> Iterable[VersionFacts]:
    files = {version.name: _files(context, version) for version in versions}
    sizes = sizes_of(index, [(version, files[version.name] or ()) for version in versions])
    before: Version | None = None
    for version in versions:
        yield VersionFacts(
            version,
            sizes[version.name],
            files[version.name],
            before,
            tensor_rows(context, version, before) if version.name in listed else None,
            tuple(derived.get(version.digest, ())),
            tuple(consumers.get(version.digest, ())),
            flatten(version.metadata),
        )
        before = version


def _files(context: Context, version: Version) -> tuple[File, ...] | None:
    try:
        found: tuple[File, ...] = context.objects.manifest(version.manifest).files
    except Damaged:
        return None
    return found


def _proper(found: Metrics, versions: Iterable[Version]) -> Metrics:
    """The metrics alone where there are some, else all numbers; with the aliases of registered models too."""
    own = tuple(one for one in found.metrics if one.key.startswith(GROUP))
    linked = {alias: f"v{one.number}" for one in versions for alias in one.model_aliases}
    return found._replace(metrics=own or found.metrics, aliases={**found.aliases, **linked})


def _moves(journal: Iterable[HistoryEntry]) -> dict[str, tuple[Move, ...]]:
    found: dict[str, list[Move]] = defaultdict(list)
    for entry in journal:
        for change in entry.changes:
            if change.kind == "alias":
                found[change.name].append(Move(entry, change))
    return {name: tuple(moves) for name, moves in found.items()}
