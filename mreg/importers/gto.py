"""GTO: tags of git that register versions (`digits@v1.0.0`) and assign stages (`digits#prod#1`) of the artifacts that
`dvc.yaml` declares. What DVC keeps of them `mreg.importers.dvc` reads; this reads what lies in git itself."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from mreg.importers.dvc_files import Artifact, artifacts_in
from mreg.importers.git import Entry, Git, Tag
from mreg.importers.gto_tags import Registered, registered
from mreg.importers.omissions import Omissions, nothing
from mreg.importers.plan import Options, Plan, PlannedCollection, PlannedFile, PlannedVersion, Scratch
from mreg.importers.tree import is_folder
from mreg.importers.words import sayable, tags_of, time_of, without_nothing
from mreg.importers.yaml_files import listing, mapping, text
from mreg.values.errors import MregError

SYSTEM = "gto"

_LFS: Final = b"version https://git-lfs.github.com/spec/"
_LFS_MOST: Final = 1024
"""Bytes of a pointer: git LFS takes nothing larger for one."""


def recognises(source: str) -> bool:
    if not os.path.exists(os.path.join(source, ".git")) or is_folder(os.path.join(source, ".dvc")):
        return False
    try:
        return bool(registered(Git(source).tags()))
    except MregError:
        return False


def read(source: str, options: Options) -> Plan:
    """Raises NothingToImport, MalformedSource, NeedsYaml."""
    what = "no version that GTO registered for an artifact with a path"
    if not is_folder(source):
        raise nothing(source, what)
    git = Git(source)
    told = registered(git.tags())
    omitted = Omissions()
    artifacts = {one.name: one for one in declared(git, omitted)}
    found = tuple(collections(git, artifacts, told, options))
    if not found:
        omitted.refuse()
        raise nothing(source, what, tuple(left_out(told, ())))
    here = {one.name for one in found}
    return Plan(SYSTEM, source, found, (*omitted.notes, *left_out(filter(options.wanted, told), here)))


def declared(git: Git, omitted: Omissions) -> Iterator[Artifact]:
    """The artifacts that files of the newest commits declare."""
    newest: dict[str, str] = {}
    for commit in git.commits("**/dvc.yaml", "**/artifacts.yaml"):
        newest |= {path: blob for path, blob in commit.changes if blob}
    contents = git.blobs(newest.values())
    for path, blob in newest.items():
        with omitted.left_out(repr(path)):
            if blob in contents:
                yield from artifacts_in(contents[blob], path)


def left_out(told: Iterable[str], here: Collection[str]) -> Iterator[str]:
    """Why the tags of artifacts are not imported."""
    for name in sorted({*told}.difference(here)):
        yield f"the tags of artifact {name!r} are left out: no file in the repository is declared as this artifact"


def collections(
    git: Git, artifacts: Mapping[str, Artifact], told: Mapping[str, Registered], options: Options
) -> Iterator[PlannedCollection]:
    """The artifacts of which versions are registered and whose files git has."""
    for name in sorted(artifacts.keys() & told.keys()):
        if not options.wanted(name):
            yield PlannedCollection(name, ())
            continue
        versions = [_version(git, artifacts[name], *one, options.scratch) for one in told[name].versions.items()]
        present = tuple(one for one in versions if one.files or one.missing)
        by_commit = {tag.commit: version for version, tag in told[name].versions.items()}
        stages = {stage: by_commit[tag.commit] for stage, tag in told[name].stages.items() if tag.commit in by_commit}
        if present:
            yield PlannedCollection(
                name=name,
                versions=present,
                aliases={one.id: one.id for one in present} | stages,
                type=artifacts[name].type,
                description=description_of(artifacts[name].said),
                properties=properties_of(artifacts[name], told[name]),
            )


def description_of(said: Mapping[str, Any]) -> str:
    """`desc` in dvc.yaml, `description` in artifacts.yaml."""
    return text(said.get("desc") or said.get("description"))


def properties_of(artifact: Artifact, told: Registered | None) -> dict[str, Any]:
    """What else is said of an artifact."""
    said = without_nothing({key: artifact.said.get(key) for key in ("labels", "meta")})
    found = {f"dvc.{key}": value for key, value in {**said, "path": artifact.path}.items()}
    return found | ({"dvc.deprecated": True} if told and told.deprecated else {})


def _version(git: Git, artifact: Artifact, version: str, tag: Tag, scratch: Scratch) -> PlannedVersion:
    files: dict[str, PlannedFile] = {}
    missing = []
    inner = f"{artifact.path}/"
    entries = git.files(tag.commit, artifact.path)
    pointers = _pointers(git, entries)
    for entry in entries:
        path = entry.path.removeprefix(inner) if entry.path.startswith(inner) else entry.path.rpartition("/")[2]
        if entry.size is None or entry.blob in pointers:
            missing.append(path)
        else:
            digests = {"git-sha1": entry.blob} if len(entry.blob) == 40 else {}
            files[path] = PlannedFile(scratch.path(), entry.size, digests, partial(git.write, entry))
    metadata = {"git": {"commit": tag.commit}, "meta": mapping(artifact.said.get("meta"))}
    return PlannedVersion(
        id=version,
        files=files,
        missing=tuple(missing),
        time=time_of(tag.at),
        author=tag.tagger or None,
        message=f"{artifact.name} {version}",
        metadata=sayable(without_nothing(metadata)),
        tags=tags_of(listing(artifact.said.get("labels"))),
    )


def _pointers(git: Git, entries: Iterable[Entry]) -> set[str]:
    """Those of the blobs that point to files that git LFS keeps elsewhere."""
    small = [one.blob for one in entries if one.size is not None and one.size <= _LFS_MOST]
    return {blob for blob, data in git.blobs(small).items() if data.startswith(_LFS)}
