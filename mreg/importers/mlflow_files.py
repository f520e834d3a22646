"""MLflow's file store: `mlruns/models/NAME/version-N/meta.yaml`, and runs beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Final

from mreg.importers.mlflow_rows import Facts, ModelRow, VersionRow
from mreg.importers.tree import Tree
from mreg.importers.yaml_files import mapping, parse_yaml, text

_VERSION: Final = re.compile(r"version-(\d{1,15})")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_META: Final = "meta.yaml"


def is_store(tree: Tree, folder: str) -> bool:
    """Whether models are registered in it."""
    return any(tree.is_file(os.path.join(path, _META)) for _, path in tree.folders(os.path.join(folder, "models")))


class FileStore:
    """folder: `mlruns`."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self._tree = tree
        self._folder = folder
        self._experiments = [path for name, path in tree.folders(folder) if name not in ("models", ".trash")]

    def models(self) -> list[ModelRow]:
        found = []
        for _, path in self._tree.folders(os.path.join(self._folder, "models")):
            if self._tree.is_file(os.path.join(path, _META)):
                found.append(self._model(path))
        return found

    def _model(self, path: str) -> ModelRow:
        said = self._meta(path)
        aliases = dict(self._texts(os.path.join(path, "aliases")))
        return ModelRow(
            name=text(said.get("name")) or os.path.basename(path),
            description=text(said.get("description")),
            created=number(said.get("creation_timestamp")),
            tags=dict(self._texts(os.path.join(path, "tags"))),
            aliases={alias: int(at) for alias, at in aliases.items() if at.strip().isdigit() and len(at) < 16},
            versions=tuple(self._versions(path)),
        )

    def _versions(self, path: str) -> Iterator[VersionRow]:
        for name, folder in self._tree.folders(path):
            found = _VERSION.fullmatch(name)
            if found is None:
                continue
            said = self._meta(folder)
            yield VersionRow(
                number=int(found[1]),
                source=text(said.get("source")),
                place=text(said.get("storage_location")),
                created=number(said.get("creation_timestamp")),
                description=text(said.get("description")),
                author=text(said.get("user_id")),
                stage=text(said.get("current_stage")),
                status=text(said.get("status")),
                run=text(said.get("run_id")),
                run_link=text(said.get("run_link")),
                model=text(said.get("model_id")),
                tags=dict(self._texts(os.path.join(folder, "tags"))),
            )

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
        return mapping(parse_yaml(self._tree.text(path), path))

    def _texts(self, folder: str) -> Iterator[tuple[str, str]]:
        """Tags, aliases, parameters, metrics: each a file, in folders where its name has slashes."""
        for name, path in self._tree.walk(folder):
            yield name, self._tree.text(path)


def number(value: Any) -> int | None:
    """The value, where it is a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


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
