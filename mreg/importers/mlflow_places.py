"""Where the files of MLflow's models lie, also where the folder was moved since: MLflow writes down whole paths."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from mreg.importers.mlflow_rows import Store, VersionRow
from mreg.importers.plan import PlannedFile
from mreg.importers.tree import Tree, is_folder

_SCHEMES = ("", "file", "mlflow-artifacts")


def files_of(tree: Tree, roots: tuple[str, ...], store: Store, row: VersionRow) -> dict[str, PlannedFile]:
    """The files of a version; none where they are not there. roots: where to look for what was moved. Raises
    OutsideSource."""
    for address in _addresses(store, row):
        folder = _folder(tree, roots, address)
        if folder is not None:
            return {path: PlannedFile(tree.check(place)) for path, place in tree.walk(folder)}
    return {}


def _addresses(store: Store, row: VersionRow) -> Iterator[str]:
    """Where the model may be, in the words of MLflow."""
    if row.place:
        yield row.place
    if row.model:
        yield store.logged(row.model).place
    if row.source.startswith("runs:/"):
        run, _, path = row.source.removeprefix("runs:/").partition("/")
        place = store.run(run).place
        yield f"{place.rstrip('/')}/{path}" if place else ""
    elif not row.source.startswith("models:/"):
        yield row.source


def _folder(tree: Tree, roots: tuple[str, ...], address: str) -> str | None:
    """The folder of the model: where it was, if that is below a root, else where the last parts of its path lead from a
    root, as many of them as possible."""
    told = urlsplit(address)
    if told.scheme not in _SCHEMES or (told.scheme != "mlflow-artifacts" and told.netloc not in ("", "localhost")):
        return None
    path = unquote(told.path) if told.scheme else address
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or "\0" in path:
        return None
    whole = os.path.normpath(path)
    if told.scheme != "mlflow-artifacts" and os.path.isabs(whole) and tree.inside(whole) and is_folder(whole):
        return whole
    for length in range(len(parts), 1, -1):
        for root in roots:
            place = os.path.join(root, *parts[-length:])
            if is_folder(place) and tree.inside(place):
                return place
    return None
