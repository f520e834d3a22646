"""The graph of versions around one: what it was made from, and what was made from it, step by step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from sqlite3 import Connection
from typing import Any, Final

from mreg.operations.described import parse_time
from mreg.operations.query import describe_many, load_records
from mreg.operations.resolve import Resolved, resolve
from mreg.refs import keys
from mreg.refs.keys import VersionKey
from mreg.session.context import Context
from mreg.session.facts import INPUT_DIGESTS, Records
from mreg.session.index import Index
from mreg.values import names
from mreg.values.entities import Consumer, Version
from mreg.values.errors import Damaged, InvalidInput
from mreg.values.lineage import Lineage, LineageNode, LineageStep
from mreg.values.records import Input

_MADE_FROM = (
    "SELECT f.value, v.digest, v.artifact, v.number FROM facts f JOIN versions v ON v.id = f.version "
    f"WHERE f.key = {INPUT_DIGESTS}"
)

AT_A_TIME: Final = 8
"""Levels that are asked for one by one; whoever goes on gets all that there is at once."""

AT_ONCE: Final = 500
"""The most versions per query."""

Told = Callable[[int], None]


def lineage(context: Context, reference: str, up: bool, down: bool, depth: int | None, told: Told | None) -> Lineage:
    """See `Repository.lineage`."""
    view = context.view()
    target = resolve(context, reference, view)
    walk = _Walk(context, context.tables(view.look))
    walk.add([target])
    if up:
        walk.go_up(target.digest, depth)
    if down:
        walk.go_down(target.digest, depth, told or (lambda _: None))
    return Lineage(target.digest, tuple(walk.nodes.values()), tuple(dict.fromkeys(walk.steps)))


class _Walk:
    """Level by level, so that many versions are looked up at once, and no chain is too long."""

    def __init__(self, context: Context, index: Index) -> None:
        self._context, self._index = context, index
        self._inputs: dict[str, tuple[Input, ...]] = {}
        self.nodes: dict[str, LineageNode] = {}
        self.steps: list[LineageStep] = []
        self._uses: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for key, ref in index.refs(keys.ALL_RUNS).items():
            used = keys.parse(key)
            if ref.value is not None and isinstance(used, keys.RunKey):
                self._uses[used.digest].append((used.run, ref.seq))

    def add(self, wanted: Sequence[Resolved]) -> None:
        """Live versions."""
        for version in describe_many(self._context, self._index, list(wanted)):
            self._inputs[version.digest] = version.inputs
            self.nodes[version.digest] = self._node(version)

    def go_up(self, start: str, depth: int | None) -> None:
        level = [start]
        while level and depth != 0:
            found = [(one, digest) for digest in level for one in self._inputs[digest]]
            self.steps += (LineageStep(one.version, digest) for one, digest in found)
            new = {one.version: one for one, _ in found if one.version not in self.nodes}
            self._add_inputs(new)
            level = list(new)
            depth = None if depth is None else depth - 1

    def go_down(self, start: str, depth: int | None, told: Told) -> None:
        level, steps = [start], 0
        every: dict[str, list[Resolved]] | None = None
        while level and steps != depth:
            if steps == AT_A_TIME:
                every = self._results(None, told)
            results = every if every is not None else self._results(level, told)
            found = [(digest, one) for digest in level for one in results.get(digest, ())]
            self.steps += (LineageStep(digest, one.digest) for digest, one in found)
            new = {one.digest: one for _, one in found if one.digest not in self.nodes}
            self.add(list(new.values()))
            level, steps = list(new), steps + 1

    def _add_inputs(self, inputs: Mapping[str, Input]) -> None:
        """By the digests that records name: the names that they had may mean others by now."""
        live = self._live(inputs)
        self.add(list(live.values()))
        for digest, one in inputs.items():
            if digest not in live:
                self._add_gone(one)

    def _live(self, inputs: Mapping[str, Input]) -> dict[str, Resolved]:
        said = {digest: _key(one) for digest, one in inputs.items()}
        values = self._index.values([key for key in said.values() if key])
        found = {
            digest: Resolved(key.artifact, key.number, digest)
            for digest, key in said.items()
            if key and values.get(key) == digest
        }
        moved = self._index.kept_as(digest for digest in inputs if digest not in found)
        return found | {digest: Resolved(key.artifact, key.number, digest) for digest, key in moved.items()}

    def _add_gone(self, one: Input) -> None:
        """A version that nothing names any more. As long as gc has not deleted its record, its inputs are known."""
        try:
            record = self._context.objects.version(one.version)
        except (Damaged, OSError):
            self._inputs[one.version] = ()
            self.nodes[one.version] = LineageNode(one.version, one.reference, "unknown")
            return
        self._inputs[one.version] = record.inputs
        state = LineageNode(one.version, one.reference, "deleted", None, record.author, record.run)
        self.nodes[one.version] = state._replace(sources=record.sources, **_git(record.metadata))

    def _node(self, version: Version) -> LineageNode:
        return LineageNode(
            digest=version.digest,
            name=version.name,
            created=version.created,
            author=version.author,
            run=version.run,
            sources=version.sources,
            links=version.links,
            aliases=(*version.aliases, *version.model_aliases),
            consumers=tuple(self._consumers(version.digest)),
            **_git(version.metadata),
        )

    def _consumers(self, digest: str) -> list[Consumer]:
        uses = [Consumer(run, parse_time(self._index.time_of(seq))) for run, seq in self._uses.get(digest, ())]
        return sorted(uses, key=lambda one: one.time, reverse=True)

    def _results(self, inputs: Sequence[str] | None, told: Told) -> dict[str, list[Resolved]]:
        """What was made from each of these versions, or from all, by their digests."""
        wanted = None if inputs is None or len(inputs) > AT_ONCE else inputs

        def ask(db: Connection) -> list[tuple[str, str, str, int]]:
            marks = "" if wanted is None else f" AND f.value IN ({','.join('?' * len(wanted))})"
            return db.execute(_MADE_FROM + marks, tuple(wanted or ())).fetchall()

        records = Records(lambda digests: load_records(self._context, self._index, digests), told)
        found: dict[str, list[Resolved]] = defaultdict(list)
        for source, digest, artifact, number in sorted(self._index.asked(records, ask), key=lambda row: row[2:]):
            found[source].append(Resolved(artifact, number, digest))
        return found


def _key(one: Input) -> VersionKey | None:
    """The ref that the input's name meant."""
    try:
        wanted = names.parse_reference(one.reference)
    except InvalidInput:
        return None
    return None if wanted.selector.number is None else VersionKey(wanted.name, wanted.selector.number)


def _git(metadata: Mapping[str, Any]) -> dict[str, Any]:
    said = metadata.get("git")
    if not isinstance(said, Mapping):
        return {}
    commit, dirty = said.get("commit"), said.get("dirty")
    return {
        "commit": commit if isinstance(commit, str) else None,
        "dirty": dirty if isinstance(dirty, bool) else None,
    }
