"""Folders of numbered checkpoints, as training scripts leave them: `checkpoint-500/`, `epoch=3-val_loss=0.1.ckpt`.

The numbers in a name tell the order, and what is written as `key=value` the metrics. Those of one folder that are named
alike are the versions of one collection."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from mreg.importers.checkpoint_names import CheckpointName, is_step, understood
from mreg.importers.omissions import nothing
from mreg.importers.plan import Options, Plan, PlannedCollection, PlannedFile, PlannedVersion
from mreg.importers.tree import Tree, is_folder
from mreg.importers.words import few, sayable, time_of
from mreg.values.errors import MregError
from mreg.values.named_tuple import NamedTuple

SYSTEM = "checkpoints"

_DEPTH: Final = 3
"""How deep the folders of runs may lie in the source: `lightning_logs/version_0/checkpoints/`."""
_WEIGHTS: Final = {
    *("bin", "ckpt", "eqx", "gguf", "h5", "hdf5", "joblib", "keras", "model", "msgpack", "npy", "npz", "onnx"),
    *("params", "pb", "pdparams", "pickle", "pkl", "pt", "pth", "safetensors", "tflite", "weights"),
}
"""Endings of files that may be a model."""
_STATE: Final = "trainer_state.json"


class _Checkpoint(NamedTuple):
    """name: below the source, with `/`."""

    said: CheckpointName
    name: str
    path: str


def recognises(source: str) -> bool:
    """Whether checkpoints of several steps lie in it, also as links to elsewhere, and nothing says that another tool
    keeps it."""
    if not is_folder(source):
        return False
    try:
        tree = Tree(source)
        return any(group[0].said.steps for group in _groups(tree)[0].values()) or any(map(_is_step, tree.left_out()))
    except MregError:
        return False


def read(source: str, options: Options) -> Plan:
    """Raises NothingToImport, OutsideSource, UnreadableFile."""
    tree = Tree(source, options.data)
    groups, left_out = _groups(tree)
    top = os.path.basename(tree.root)
    folders = Counter(folder for folder, _ in groups)
    collections = []
    for (folder, kind), group in sorted(groups.items()):
        name = f"{top}/{folder}" if folder else top
        name = f"{name}/{kind}" if folders[folder] > 1 and kind else name
        versions = tuple(_version(tree, one) for one in sorted(group)) if options.wanted(name) else ()
        collections.append(PlannedCollection(name, versions))
    if not collections:
        raise nothing(source, "no file or folder of a model with a number in its name", tree.notes())
    named = [name for name in left_out if os.path.dirname(name) in folders]
    notes = few([f"{name!r} is left out: its name contains no step" for name in named])
    return Plan(SYSTEM, source, tuple(collections), (*notes, *tree.notes()))


_Groups = dict[tuple[str, str], list[_Checkpoint]]


def _groups(tree: Tree) -> tuple[_Groups, list[str]]:
    """The checkpoints, by their folder and kind; and the names of files that may be models and are none of them. Where
    some in a folder count steps, those that do not are other files with numbers in their names."""
    found: _Groups = {}
    left_out = []
    for folder, name, said in _found(tree, "", 0):
        if said is None:
            left_out.append(name)
        else:
            found.setdefault((folder, said.kind), []).append(_Checkpoint(said, name, tree.path(name)))
    counting = {folder for (folder, _), group in found.items() if group[0].said.steps}
    other = [key for key, group in found.items() if key[0] in counting and not group[0].said.steps]
    left_out += [one.name for key in other for one in found.pop(key)]
    return found, sorted(left_out)


def _found(tree: Tree, folder: str, depth: int) -> Iterator[tuple[str, str, CheckpointName | None]]:
    """The folder, name below the source, and what the name says, of each file or folder that may be a checkpoint."""
    for name in tree.names(tree.path(folder)):
        below = f"{folder}/{name}" if folder else name
        path = tree.path(below)
        if name.startswith(".") or tree.leads_out(path):
            continue
        is_dir = is_folder(path)
        stem, _, ending = (name, "", "") if is_dir else name.rpartition(".")
        said = understood(stem)
        is_model = said is not None and _holds_model(tree, path, said) if is_dir else ending.casefold() in _WEIGHTS
        if is_model:
            yield folder, below, said
        elif is_dir and depth < _DEPTH and not os.path.islink(path):
            yield from _found(tree, below, depth + 1)


def _is_step(path: str) -> bool:
    said = understood(os.path.basename(path)) or understood(os.path.basename(path).rpartition(".")[0])
    return said is not None and bool(said.steps)


def _holds_model(tree: Tree, path: str, said: CheckpointName) -> bool:
    """Is the folder a checkpoint, rather than one of a run? `version_0/` may hold either."""
    files = [name for name, _ in tree.walk(path)]
    is_named = not said.kind or is_step(said.kind) or bool(said.steps)
    return bool(files) and (is_named or any(_is_weights(name) for name in files if "/" not in name))


def _is_weights(name: str) -> bool:
    return name.rpartition(".")[2].casefold() in _WEIGHTS


def _version(tree: Tree, one: _Checkpoint) -> PlannedVersion:
    files = dict(_files(tree, one.path))
    return PlannedVersion(
        id=one.name,
        files=files,
        pinned=False,
        time=time_of(max(os.stat(file.file).st_mtime for file in files.values())),
        message=one.name,
        metadata=sayable(_metadata(one.said, _state(tree, one.path))),
    )


def _files(tree: Tree, path: str) -> Iterator[tuple[str, PlannedFile]]:
    if is_folder(path):
        yield from ((inner, PlannedFile(tree.check(file))) for inner, file in tree.walk(path))
    else:
        yield os.path.basename(path), PlannedFile(tree.check(path))


def _metadata(said: CheckpointName, state: dict[str, Any]) -> dict[str, Any]:
    metrics = {**_logged(state), **said.metrics}
    return {**({"metrics": metrics} if metrics else {}), **said.steps}


def _logged(state: dict[str, Any]) -> dict[str, float]:
    """The last value of each metric that the Trainer of transformers had logged when it wrote the checkpoint."""
    found: dict[str, float] = {}
    rows = state.get("log_history")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict):
            numbers = {key: value for key, value in row.items() if isinstance(value, int | float)}
            found |= {key: value for key, value in numbers.items() if key not in ("step", "epoch")}
    return found


def _state(tree: Tree, path: str) -> dict[str, Any]:
    """Nothing where it is not there, or not understood: the checkpoint is whole without it."""
    file = os.path.join(path, _STATE)
    try:
        said = tree.json(file) if tree.is_file(file) else {}
    except MregError:
        return {}
    return said if isinstance(said, dict) else {}
