"""MLflow's file store: `mlruns/models/NAME/version-N/meta.yaml`, and runs beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Final

from mreg.importers.faults import MalformedSource
from mreg.importers.mlflow_rows import Facts, ModelRow, VersionRow, model_row, version_row
from mreg.importers.omissions import Omissions
from mreg.importers.tree import Tree
from mreg.importers.yaml_files import mapping, parse_yaml, text
from mreg.values.errors import MissingPath

_VERSION: Final = re.compile(r"version-(\d{1,15})")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_META: Final = "meta.yaml"


def is_store(tree: Tree, folder: str) -> bool:
    """Whether models are registered in it."""
    return any(tree.is_file(os.path.join(path, _META)) for _, path in tree.folders(os.path.join(folder, "models")))


class FileStore:
    """folder: `mlruns`."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self.omitted = Omissions()
        self._tree = tree
        self._folder = folder
        self._experiments = [path for name, path in tree.folders(folder) if name not in ("models", ".trash")]

    def models(self) -> list[ModelRow]:
        found = []
        for _, path in self._tree.folders(os.path.join(self._folder, "models")):
            if self._tree.is_file(os.path.join(path, _META)):
                with self.omitted.left_out(self._called(path)):
                    found.append(self._model(path))
        return found

    def _model(self, path: str) -> ModelRow:
        said = self._meta(path)
        aliases = dict(self._texts(os.path.join(path, "aliases")))
        return model_row(
            text(said.get("name")) or os.path.basename(path),
            said,
            dict(self._texts(os.path.join(path, "tags"))),
            {alias: int(at) for alias, at in aliases.items() if at.strip().isdigit() and len(at) < 16},
            self._versions(path),
        )

    def _versions(self, path: str) -> Iterator[VersionRow]:
        for name, folder in self._tree.folders(path):
            found = _VERSION.fullmatch(name)
            if found is None:
                continue
            with self.omitted.left_out(self._called(folder)):
                tags = dict(self._texts(os.path.join(folder, "tags")))
                yield version_row(int(found[1]), self._meta(folder), tags)

    def _called(self, folder: str) -> str:
        return repr(os.path.relpath(folder, self._tree.root))

    def run(self, run: str) -> Facts:
        folder = self._found(run)
        return self._facts(folder, "artifact_uri") if folder else Facts()

    def logged(self, model: str) -> Facts:
        folder = self._found(model, "models")
        return self._facts(folder, "artifact_location") if folder else Facts()

    def _found(self, id: str, *below: str) -> str | None:
        if not _ID.fullmatch(id):
            return None
        places = (os.path.join(experiment, *below, id) for experiment in self._experiments)
        return next((place for place in places if self._tree.is_file(os.path.join(place, _META))), None)

    def _facts(self, folder: str, key: str) -> Facts:
        with self.omitted.left_out(self._called(folder)):
            return self._read_facts(folder, key)
        return Facts()

    def _read_facts(self, folder: str, key: str) -> Facts:
        said = self._meta(folder)
        metrics = {}
        for name, lines in self._texts(os.path.join(folder, "metrics")):
            value = _last(lines)
            if value is not None:
                metrics[name] = value
        params = dict(self._texts(os.path.join(folder, "params")))
        return Facts(text(said.get(key)), text(said.get("user_id")), metrics, params)

    def _meta(self, folder: str) -> dict[str, Any]:
        path = os.path.join(folder, _META)
        try:
            return mapping(parse_yaml(self._tree.text(path), path))
        except MissingPath:
            raise MalformedSource(path=path, reason=f"{_META} is missing") from None

    def _texts(self, folder: str) -> Iterator[tuple[str, str]]:
        """Tags, aliases, parameters, metrics: each a file, in folders where its name has slashes."""
        for name, path in self._tree.walk(folder):
            yield name, self._tree.text(path)


def _last(lines: str) -> float | None:
    """The last value of a metric: of the highest step, and of that the latest. A line is time, value, step."""
    found: list[tuple[int, int, float]] = []
    for line in lines.splitlines():
        parts = line.split(" ")
        try:
            found.append((int(parts[2]) if len(parts) > 2 else 0, int(parts[0]), float(parts[1])))
        except (ValueError, IndexError):
            continue
    return max(found, key=lambda one: one[:2])[2] if found else None
