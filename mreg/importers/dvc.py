"""DVC: the outputs that `.dvc` files and `dvc.lock` name, with their bytes from the cache; and GTO's tags of them.

Each output is a collection, called as `dvc.yaml` calls the artifact, or by its path. Each content that it ever had in
git's history is a version, whose id is its MD5; versions that GTO registered and stages are aliases."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from mreg.importers import gto
from mreg.importers.dvc_cache import Cache
from mreg.importers.dvc_files import Artifact, Out, Stage
from mreg.importers.dvc_history import Found, History, files_of, history, outs_at
from mreg.importers.git import Git
from mreg.importers.gto_tags import Registered, registered
from mreg.importers.omissions import nothing
from mreg.importers.plan import Options, Plan, PlannedCollection, PlannedInput, PlannedVersion
from mreg.importers.tree import Tree, is_folder, parse_json
from mreg.importers.words import few, sayable, tags_of, without_nothing
from mreg.importers.yaml_files import listing, mapping, parse_yaml, text
from mreg.values.errors import MregError

SYSTEM = "dvc"


def recognises(source: str) -> bool:
    return is_folder(os.path.join(source, ".dvc"))


def read(source: str, options: Options) -> Plan:
    """Raises NothingToImport, OutsideSource, WrongBytes, MalformedSource, NeedsYaml, UnreadableFile."""
    tree = Tree(source, options.data)
    reader = _Reader(tree, Git(tree.root), options)
    collections = tuple(reader.collections())
    notes = (*few(reader.notes), *tree.notes())
    if not collections:
        reader.omitted.refuse()
        raise nothing(source, "nothing tracked by DVC", notes)
    return Plan(SYSTEM, source, collections, notes)


class _Reader:
    """notes: what is left out, as far as `collections` has come."""

    def __init__(self, tree: Tree, git: Git, options: Options) -> None:
        self._cache = Cache(tree)
        self._git = git if git.is_there() else None
        self._options = options
        self._history: History = history(tree, self._git)
        self._tags = registered(self._git.tags()) if self._git else {}
        self.omitted = self._history.omitted
        self.notes = self.omitted.notes

    def collections(self) -> Iterator[PlannedCollection]:
        wanted = {path: found for path, found in self._history.outs.items() if path not in self._history.others}
        for path in sorted(wanted, key=self._depth):
            artifact = self._history.artifacts.get(path)
            name = artifact.name if artifact else path
            if not self._options.wanted(name):
                yield PlannedCollection(name, ())
                continue
            versions = tuple(self._versions(wanted[path], artifact))
            if versions:
                yield self._collection(path, artifact, versions)
        here = {self._history.artifacts[path].name for path in wanted if path in self._history.artifacts}
        if self._git:
            rest = {one.name: one for one in self._history.artifacts.values() if one.name not in here}
            for collection in gto.collections(self._git, rest, self._tags, self._options):
                here.add(collection.name)
                yield collection
        self.notes += gto.left_out(filter(self._options.wanted, self._tags), here)

    def _depth(self, path: str) -> tuple[int, str]:
        """How many steps made it: inputs come first."""
        depth, seen, here = 0, {path}, [path]
        while here:
            here = [dep for one in here for dep in self._deps(one) if dep not in seen]
            seen.update(here)
            depth += bool(here)
        return depth, path

    def _deps(self, path: str) -> set[str]:
        return {dep for found in self._history.outs.get(path, ()) for dep, _ in found.stage.deps}

    def _collection(
        self, path: str, artifact: Artifact | None, versions: tuple[PlannedVersion, ...]
    ) -> PlannedCollection:
        artifact = artifact or Artifact(path, path, "model", {})
        told = self._tags.get(artifact.name)
        return PlannedCollection(
            name=artifact.name,
            versions=versions,
            aliases=self._aliases(path, told, {one.id for one in versions}) if told else {},
            type=artifact.type,
            description=gto.description_of(artifact.said),
            properties=gto.properties_of(artifact, told),
        )

    def _aliases(self, path: str, told: Registered, there: set[str]) -> dict[str, str]:
        assert self._git is not None
        files = files_of(found.commit for each in self._history.outs.values() for found in each)
        found: dict[str, str] = {}
        for alias, tag in (*told.versions.items(), *told.stages.items()):
            out = outs_at(self._git, tag.commit, files).get(path)
            if out is not None and out.md5 in there:
                found[alias] = out.md5
            else:
                self.notes.append(f"tag {tag.name!r} is left out: no version of what it names was imported")
        return found

    def _versions(self, found: list[Found], artifact: Artifact | None) -> Iterator[PlannedVersion]:
        for one in found:
            version = self._version(one, artifact)
            if version.files or not self._options.partial:
                yield version
            else:
                self.notes.append(f"{one.out.path} {one.out.md5} is left out: the cache does not contain it")

    def _version(self, found: Found, artifact: Artifact | None) -> PlannedVersion:
        out, stage, commit = found
        files, missing = self._cache.content(out)
        said = {**out.said, **(artifact.said if artifact else {})}
        metadata = {
            "metrics": self._metrics(stage, commit.sha),
            "params": stage.params,
            "git": {"commit": commit.sha} if commit.sha else {},
            "meta": said.get("meta"),
        }
        return PlannedVersion(
            id=out.md5,
            files=files,
            missing=missing,
            time=commit.time,
            author=commit.author or None,
            message=commit.subject or text(said.get("desc")),
            metadata=sayable(without_nothing(metadata)),
            tags=tags_of(listing(said.get("labels"))),
            inputs=tuple(self._inputs(stage)),
        )

    def _inputs(self, stage: Stage) -> Iterator[PlannedInput]:
        """What DVC keeps of what the stage read."""
        for path, md5 in stage.deps:
            if path in self._history.outs:
                artifact = self._history.artifacts.get(path)
                yield PlannedInput(artifact.name if artifact else path, md5, f"dvc:{path}@{md5}")

    def _metrics(self, stage: Stage, commit: str) -> dict[str, Any]:
        """What the metrics of the stage say, of those that are small and understood."""
        found: dict[str, Any] = {}
        for out in stage.outs:
            if out.path in self._history.others and out.path.endswith((".json", ".yaml", ".yml")):
                found |= mapping(self._said(out, commit))
        return found

    def _said(self, out: Out, commit: str) -> Any:
        name = f"{commit}:./{out.path}"
        try:
            data = self._cache.bytes(out) or (self._git.blobs([name]).get(name) if self._git and commit else None)
            if data is None:
                return {}
            return parse_json(data, out.path) if out.path.endswith(".json") else parse_yaml(data, out.path)
        except MregError:
            return {}
