"""MLflow's registered models: of its file store (`mlruns`), or of its SQLite database with artifacts beside it.

Each model is a collection, each version keeps its number. What MLflow itself finds again through the plugin
(`mreg.integrations.mlflow`) is kept in the same places: tags are properties, the stage is `mlflow@stage`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

from mreg.importers.faults import MalformedSource
from mreg.importers.mlflow_files import FileStore, is_store
from mreg.importers.mlflow_places import files_of
from mreg.importers.mlflow_rows import DELETED, ModelRow, Store, VersionRow
from mreg.importers.mlflow_sql import SqlStore, is_database
from mreg.importers.omissions import nothing
from mreg.importers.plan import Options, Plan, PlannedCollection, PlannedVersion
from mreg.importers.tree import Tree, is_folder
from mreg.importers.words import sayable, time_of, without_nothing
from mreg.values.errors import MregError

SYSTEM = "mlflow"

_STAGES: Final = ("Production", "Staging")
_DATABASE: Final = "mlflow.db"
_FOLDERS: Final = ("", "mlruns")
_BESIDE: Final = ("mlruns", "mlartifacts")
_LATEST: Final = "latest"


def recognises(source: str) -> bool:
    try:
        if is_folder(source):
            return any(_places(Tree(source)))
        return is_database(Tree(source), source) and source.endswith((".db", ".sqlite", ".sqlite3"))
    except MregError:
        return False


def read(source: str, options: Options) -> Plan:
    """Raises NothingToImport, MalformedSource, OutsideSource, NeedsYaml, UnreadableFile."""
    folder = source if is_folder(source) else os.path.dirname(os.path.abspath(source))
    tree = Tree(folder, options.data)
    places = list(_places(tree)) if is_folder(source) else [os.path.realpath(source)]
    if len(places) > 1:
        names = " and ".join(os.path.relpath(place, tree.root) for place in places)
        raise MalformedSource(path=source, reason=f"it has two stores, {names}: name one of them")
    if not places:
        raise nothing(source, "no registered model")
    return _plan(source, tree, places[0], options)


def _plan(source: str, tree: Tree, place: str, options: Options) -> Plan:
    store: Store = FileStore(tree, place) if is_folder(place) else SqlStore(tree, place, options.scratch)
    tops = (tree.root, *map(os.path.realpath, options.data))
    roots = tuple(root for top in tops for root in (top, *(os.path.join(top, name) for name in _BESIDE)))
    reader = _Reader(tree, roots, store, options)
    collections = tuple(filter(None, map(reader.collection, store.models())))
    notes = (*reader.notes, *tree.notes())
    if not collections:
        store.omitted.refuse()
        raise nothing(source, "no registered model", notes)
    return Plan(SYSTEM, source, collections, notes)


def _places(tree: Tree) -> Iterator[str]:
    """The stores in a folder: file stores in which models are registered, or a database."""
    for name in _FOLDERS:
        place = tree.path(name) if name else tree.root
        if is_folder(place) and tree.inside(place) and is_store(tree, place):
            yield place
    if is_database(tree, tree.path(_DATABASE)):
        yield tree.path(_DATABASE)


class _Reader:
    """notes: what is left out, as far as `collection` has come."""

    def __init__(self, tree: Tree, roots: tuple[str, ...], store: Store, options: Options) -> None:
        self._tree = tree
        self._roots = roots
        self._store = store
        self._options = options
        self.notes = store.omitted.notes

    def collection(self, model: ModelRow) -> PlannedCollection | None:
        if not self._options.wanted(model.name):
            return PlannedCollection(model.name, ())
        if model.tags.get("mlflow.prompt.is_prompt", "").lower() == "true":
            self.notes.append(f"{model.name!r} is left out: it is a prompt and has no files")
            return None
        rows = sorted(row for row in model.versions if row.stage != DELETED)
        versions = tuple(version for row in rows if (version := self._version(model, row)) is not None)
        if not versions:
            self.notes.append(f"{model.name!r} is left out: it has no version")
            return None
        created = {} if model.created is None else {"mlflow@created": model.created}
        return PlannedCollection(
            name=model.name,
            versions=versions,
            aliases=_aliases(model, rows, {version.id for version in versions}),
            description=model.description,
            properties={**model.tags, **created},
        )

    def _version(self, model: ModelRow, row: VersionRow) -> PlannedVersion | None:
        files = files_of(self._tree, self._roots, self._store, row)
        place = row.place or row.source
        if not files and (self._options.partial or row.status not in ("READY", "")):
            self.notes.append(f"{model.name} {row.number} is left out: its files at {place!r} are not in the source")
            return None
        run, logged = self._store.run(row.run), self._store.logged(row.model)
        metadata: dict[str, Any] = {
            "metrics": {**run.metrics, **logged.metrics},
            "params": {**run.params, **logged.params},
            "mlflow": without_nothing({"source": row.source, "model_id": row.model, "run_link": row.run_link}),
        }
        stage = {"mlflow@stage": row.stage} if row.stage not in ("None", "") else {}
        return PlannedVersion(
            id=str(row.number),
            files=files,
            place=None if files else place,
            number=row.number,
            time=time_of(None if row.created is None else row.created / 1000),
            author=row.author or run.user or None,
            message=row.description,
            metadata=sayable(without_nothing(metadata)),
            properties={**row.tags, **stage},
            run=row.run or None,
        )


def _aliases(model: ModelRow, rows: list[VersionRow], there: set[str]) -> dict[str, str]:
    """Those of MLflow, and the stages: each is on the last version that is in it."""
    found = {alias: str(number) for alias, number in model.aliases.items()}
    for stage in _STAGES:
        last = max((row.number for row in rows if row.stage == stage), default=None)
        if last is not None:
            word = stage.lower()
            found[f"stage-{word}" if word in map(str.lower, found) else word] = str(last)
    return {alias: id for alias, id in found.items() if id in there and alias.lower() != _LATEST}
