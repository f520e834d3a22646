"""W&B: the artifacts of offline runs (`wandb/offline-run-*`), and folders that artifacts were downloaded to
(`artifacts/NAME:vN/`).

The log of a run lists the files of its artifacts; copies of them lie in W&B's own folder, whose place the log has."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterator
from typing import Any, Final

from mreg.importers import check
from mreg.importers.faults import MalformedSource
from mreg.importers.omissions import Omissions, nothing
from mreg.importers.plan import LATEST, Options, Plan, PlannedCollection, PlannedFile, PlannedInput, PlannedVersion
from mreg.importers.tree import Tree, is_folder
from mreg.importers.wandb_log import MAX_RECORD
from mreg.importers.wandb_runs import OWN, ArtifactRow, EntryRow, RunRow, listed_entries, read_run
from mreg.importers.words import sayable, tags_of, time_of, without_nothing
from mreg.values.errors import MregError

SYSTEM = "wandb"

_RUN: Final = re.compile(r"(?:offline-)?run-\d{8}_\d{6}-[\w-]+")
_LOG: Final = re.compile(r"run-[\w-]+\.wandb")
_DOWNLOADED: Final = re.compile(r"([^/]+?)[:-]v(\d{1,15})")
_HEX: Final = re.compile(r"[0-9a-f]{32}")
_IMPLIED: Final = re.compile(r"latest|v\d+")
"""Aliases that W&B gives by itself."""
_BESIDE: Final = ("artifacts/staging", "artifacts/obj/md5", "artifacts")
"""Where W&B has copies, in its folders for data and for caches."""


def recognises(source: str) -> bool:
    try:
        if is_folder(source):
            tree = Tree(source)
            return any(_logs(tree)) or any(_downloaded(tree))
        return _LOG.fullmatch(os.path.basename(source)) is not None
    except MregError:
        return False


def read(source: str, options: Options) -> Plan:
    """Raises NothingToImport, MalformedSource, OutsideSource, UnreadableFile."""
    folder = source if is_folder(source) else os.path.dirname(os.path.abspath(source))
    tree = Tree(folder, [*options.data, *_own_folders()])
    logs = list(_logs(tree)) if is_folder(source) else [os.path.realpath(source)]
    folders = list(_downloaded(tree)) if is_folder(source) else []
    if logs and folders:
        raise MalformedSource(
            path=source, reason="it contains both runs and downloaded artifacts: name one of the folders"
        )
    if not logs and not folders:
        raise nothing(source, "no run and no artifact called NAME:vN", tree.notes())
    if folders:
        return Plan(SYSTEM, source, tuple(_downloads(tree, folders, options)), tuple(tree.notes()))
    reader = _Reader(tree, options)
    runs = []
    for path in logs:
        with reader.omitted.left_out(repr(os.path.relpath(path, tree.root))):
            runs.append(read_run(tree, path))
    collections = tuple(reader.collections(runs))
    notes = (*reader.notes, *tree.notes())
    if not collections:
        reader.omitted.refuse()
        raise nothing(source, "no artifact of a run", notes)
    return Plan(SYSTEM, source, collections, notes)


def _logs(tree: Tree) -> Iterator[str]:
    """The logs of the runs in a folder: of one run, of a folder `wandb`, or of what holds one."""
    for top in (tree.root, tree.path("wandb")):
        runs = [path for name, path in tree.folders(top) if _RUN.fullmatch(name) and not os.path.islink(path)]
        for folder in (top, *runs):
            for name in tree.names(folder):
                if _LOG.fullmatch(name) and tree.is_file(os.path.join(folder, name)):
                    yield os.path.join(folder, name)


def _own_folders() -> list[str]:
    """W&B's own, as the environment has them: of those only where artifacts are, which are compared with their MD5."""
    home = os.path.expanduser("~")
    data = os.environ.get("WANDB_DATA_DIR") or os.path.join(
        os.environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share"), "wandb"
    )
    cache = os.environ.get("WANDB_CACHE_DIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache"), "wandb"
    )
    return [os.path.join(data, "artifacts", "staging"), os.path.join(cache, "artifacts", "obj")]


class _Reader:
    """notes: what is left out, as far as `collections` has come."""

    def __init__(self, tree: Tree, options: Options) -> None:
        self._tree = tree
        self._options = options
        self._folders = [*options.data, *_own_folders()]
        self.omitted = Omissions()
        self.notes = self.omitted.notes

    def collections(self, runs: list[RunRow]) -> Iterator[PlannedCollection]:
        """In the order in which they were logged first: what a run used was logged before."""
        found: dict[str, list[tuple[RunRow, ArtifactRow]]] = {}
        for run in sorted(runs, key=lambda one: (one.started, one.id)):
            if not run.finished:
                self.notes.append(f"run {run.id!r} is unfinished: what it has logged so far is imported")
            for artifact in run.artifacts:
                found.setdefault(artifact.name, []).append((run, artifact))
        for name, rows in found.items():
            if not self._options.wanted(name):
                yield PlannedCollection(name, ())
                continue
            collection = self._collection(name, rows)
            if collection.versions:
                yield collection

    def _collection(self, name: str, rows: list[tuple[RunRow, ArtifactRow]]) -> PlannedCollection:
        versions: dict[str, PlannedVersion] = {}
        aliases: dict[str, str] = {}
        for run, artifact in rows:
            if artifact.digest not in versions:
                version = None
                with self.omitted.left_out(f"{name} {artifact.digest}"):
                    version = self._version(run, artifact)
                if version is None:
                    continue
                versions[artifact.digest] = version
            aliases |= {alias: artifact.digest for alias in artifact.aliases if not _IMPLIED.fullmatch(alias)}
        last = rows[-1][1]
        return PlannedCollection(name, tuple(versions.values()), aliases, last.type or "model", last.description)

    def _version(self, run: RunRow, artifact: ArtifactRow) -> PlannedVersion | None:
        called = f"{artifact.name} {artifact.digest}"
        entries = self._entries(artifact)
        if entries is None:
            self.notes.append(f"{called} is left out: its list of files is missing")
            return None
        own = [entry for entry in entries if not entry.address]
        files = {entry.path: file for entry in own if (file := self._file(entry, artifact))}
        missing = tuple(entry.path for entry in own if entry.path not in files)
        if not files and (not missing or self._options.partial):
            self.notes.append(f"{called} is left out: none of its files are here")
            return None
        if not check.is_known(_algorithm(artifact)):
            hint = "; `pip install xxhash` for that" if _algorithm(artifact) == "xxh128" else ""
            self.notes.append(
                f"{called}: its files were not verified against their digests ({artifact.algorithm}){hint}"
            )
        timestamp = artifact.summary.get("_timestamp")
        references = [PlannedInput("", "", entry.address) for entry in entries if entry.address]
        return PlannedVersion(
            id=artifact.digest,
            files=files,
            missing=missing,
            time=time_of(timestamp if isinstance(timestamp, int | float) else run.started or None),
            message=artifact.description,
            metadata=sayable(without_nothing(_metadata(run, artifact))),
            tags=tags_of(artifact.tags),
            run=run.id or None,
            inputs=(*map(_used, artifact.used), *references),
        )

    def _entries(self, artifact: ArtifactRow) -> tuple[EntryRow, ...] | None:
        """Its files; None where the file that lists them is not there. Raises MalformedSource."""
        if not artifact.manifest:
            return artifact.entries
        places = (artifact.manifest, *self._places("artifact_manifests", os.path.basename(artifact.manifest)))
        path = next(filter(self._tree.is_file, places), None)
        return None if path is None else tuple(listed_entries(_unzipped(path), path))

    def _file(self, entry: EntryRow, artifact: ArtifactRow) -> PlannedFile | None:
        """Where a copy lies: where the log says, or by the same name in another folder, or by its digest in W&B's
        cache."""
        places = [entry.place, *self._places(os.path.basename(entry.place))] if entry.place else []
        algorithm = _algorithm(artifact)
        if _HEX.fullmatch(entry.digest):
            places += self._places(entry.digest[:2], entry.digest[2:])
            places += self._places(algorithm, entry.digest[:2], entry.digest[2:])
        place = next(filter(self._tree.is_file, places), None)
        if place is None:
            return None
        return PlannedFile(place, entry.size, {algorithm: entry.digest} if check.is_known(algorithm) else {})

    def _places(self, *parts: str) -> list[str]:
        return [os.path.join(folder, *below, *parts) for folder in self._folders for below in ((), *_split(_BESIDE))]


def _algorithm(artifact: ArtifactRow) -> str:
    """Of the digests of its files, as `check.ALGORITHMS` has it: `MANIFEST_MD5` in the log."""
    return artifact.algorithm.removeprefix("MANIFEST_").lower()


def _split(paths: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (tuple(path.split("/")) for path in paths)


def _unzipped(path: str) -> bytes:
    """Raises MalformedSource."""
    try:
        with gzip.open(path, "rb") as file:
            data = file.read(MAX_RECORD + 1)
    except (OSError, EOFError, zlib.error):
        raise MalformedSource(path=path, reason="it is not a list of files") from None
    if len(data) > MAX_RECORD:
        raise MalformedSource(path=path, reason=f"it is larger than {MAX_RECORD >> 20} MiB")
    return data


def _metadata(run: RunRow, artifact: ArtifactRow) -> dict[str, Any]:
    """What the artifact says of itself, and what the run said when it was logged."""
    summary = {key: value for key, value in artifact.summary.items() if not key.startswith(OWN)}
    metrics, params = (artifact.metadata.get(key) for key in ("metrics", "params"))
    about = {"project": run.project, "run": run.name, "tags": list(run.tags), "notes": run.notes}
    return {
        "metrics": {**summary, **metrics} if isinstance(metrics, dict) else metrics or summary,
        "params": {**artifact.config, **params} if isinstance(params, dict) else params or artifact.config,
        **{key: value for key, value in artifact.metadata.items() if key not in ("metrics", "params")},
        "wandb": without_nothing(about),
    }


def _used(name: str) -> PlannedInput:
    """`[ENTITY/[PROJECT/]]NAME:VERSION`: which version it was, the log does not tell by any digest."""
    return PlannedInput(name.rpartition("/")[2].partition(":")[0], LATEST, f"wandb:{name}")


def _downloaded(tree: Tree) -> Iterator[tuple[str, int, str]]:
    """The artifacts that were downloaded: name, number and folder."""
    for top in (tree.root, tree.path("artifacts")):
        for name, path in tree.folders(top):
            found = _DOWNLOADED.fullmatch(name)
            if found and (":" in name or os.path.basename(top) == "artifacts"):
                yield found[1], int(found[2]), path


def _downloads(tree: Tree, folders: list[tuple[str, int, str]], options: Options) -> Iterator[PlannedCollection]:
    for name in dict.fromkeys(name for name, _, _ in folders):
        if not options.wanted(name):
            yield PlannedCollection(name, ())
            continue
        versions = []
        for _, number, folder in sorted(one for one in folders if one[0] == name):
            files = {path: PlannedFile(tree.check(place)) for path, place in tree.walk(folder)}
            if files:
                versions.append(PlannedVersion(f"v{number}", files, pinned=False, number=number))
        if versions:
            yield PlannedCollection(name, tuple(versions))
