"""Hugging Face: its cache (`~/.cache/huggingface/hub`, or one `models--ORG--NAME` in it), and folders that
`hf download --local-dir` made.

Each repository is a collection, each snapshot a version whose id is its commit, each branch or tag an alias. Files are
named by what the Hub calls their etag: SHA-256 of large ones, git's SHA-1 of others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final

from mreg.importers import huggingface_local
from mreg.importers.faults import MalformedSource
from mreg.importers.huggingface_facts import by_etag, lacking, listed, read_card, version_of
from mreg.importers.omissions import nothing
from mreg.importers.plan import Options, Plan, PlannedCollection, PlannedFile, PlannedVersion
from mreg.importers.tree import MAX_WORDS, Tree, is_folder, mtime
from mreg.importers.words import few
from mreg.values.errors import MregError
from mreg.values.named_tuple import NamedTuple

SYSTEM = "huggingface"

_REPOSITORY: Final = re.compile(r"(models|datasets|spaces)--(.+)")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_PARTS: Final = ("snapshots", "blobs", "refs")
_TYPES: Final = {"models": "model", "datasets": "dataset", "spaces": "space"}


class _Repository(NamedTuple):
    """folder: in the cache. kind: `models`, …; name: ORG/NAME."""

    folder: str
    kind: str
    name: str

    @property
    def called(self) -> str:
        """As addresses of the Hub have it."""
        return self.name if self.kind == "models" else f"{self.kind}/{self.name}"


def recognises(source: str) -> bool:
    if not is_folder(source):
        return False
    try:
        return huggingface_local.recognises(source) or any(_repositories(Tree(source)))
    except MregError:
        return False


def read(source: str, options: Options) -> Plan:
    """Raises NothingToImport, OutsideSource, UnreadableFile, MalformedSource."""
    if huggingface_local.recognises(source):
        return huggingface_local.plan(SYSTEM, source, Tree(source, options.data))
    tree = Tree(source, options.data)
    collections = []
    notes: list[str] = []
    for repository in _repositories(tree):
        if not options.wanted(repository.called):
            collections.append(PlannedCollection(repository.called, ()))
            continue
        collection = _collection(tree, repository, notes)
        if collection.versions:
            collections.append(collection)
        else:
            notes.append(f"{repository.called!r} is left out: it contains no snapshot")
    notes = [*few(notes), *tree.notes()]
    if not collections:
        raise nothing(source, "no snapshot of a model", notes)
    return Plan(SYSTEM, source, tuple(_bases_first(collections)), tuple(notes))


def _repositories(tree: Tree) -> Iterator[_Repository]:
    """Those in the source, which may be one itself, or hold `hub`."""
    own = _named(tree.root)
    if own is not None:
        yield own
        return
    for root in (tree.root, tree.path("hub")):
        for _, path in tree.folders(root):
            repository = _named(path)
            if repository is not None:
                yield repository


def _named(path: str) -> _Repository | None:
    found = _REPOSITORY.fullmatch(os.path.basename(path))
    if found is None or not any(is_folder(os.path.join(path, name)) for name in _PARTS):
        return None
    return _Repository(path, found[1], found[2].replace("--", "/", 1))


def _collection(tree: Tree, repository: _Repository, notes: list[str]) -> PlannedCollection:
    """notes: gets what is left out of it."""
    refs = dict(_refs(tree, os.path.join(repository.folder, "refs")))
    every = list(tree.folders(os.path.join(repository.folder, "snapshots")))
    folders = [(name, path) for name, path in every if _COMMIT.fullmatch(name)]
    main = refs.get("main", "")
    folders.sort(key=lambda one: (one[0] == main, _made(one[1]), one[0]))
    versions = [_version(tree, repository, commit, path) for commit, path in folders]
    there = {version.id for version in versions}
    others = [(name, "there is no such commit") for name, _ in every if name not in there]
    others += [
        (ref, f"it names {f'{commit[:12]}, which is not here' if commit else 'no commit'}")
        for ref, commit in refs.items()
        if commit not in there
    ]
    notes += [f"{name!r} of {repository.called} is left out: {why}" for name, why in others]
    return PlannedCollection(
        name=repository.called,
        versions=tuple(versions),
        aliases={ref: commit for ref, commit in refs.items() if commit in there},
        type=_TYPES[repository.kind],
    )


def _refs(tree: Tree, folder: str) -> Iterator[tuple[str, str]]:
    """Branches, tags and pull requests, with their commits, empty where they name none. A commit that was asked for by
    its name is none of them."""
    for name, path in tree.walk(folder):
        try:
            commit = tree.text(path, MAX_WORDS).strip()
        except MalformedSource:
            commit = ""
        if not _COMMIT.fullmatch(name):
            yield name, commit if _COMMIT.fullmatch(commit) else ""


def _made(snapshot: str) -> float:
    """When the snapshot was begun, as far as can be told: its links are never written again."""
    times = [os.lstat(entry.path).st_mtime for entry in os.scandir(snapshot)]
    return min(times, default=mtime(snapshot))


def _version(tree: Tree, repository: _Repository, commit: str, folder: str) -> PlannedVersion:
    listing = listed(tree, os.path.join(repository.folder, "trees"), commit)
    files: dict[str, PlannedFile] = {}
    missing: set[str] = set()
    for path, place in tree.walk(folder):
        file = os.path.realpath(tree.check(place))
        if not os.path.exists(file):
            missing.add(path)
        elif path in listing:
            files[path] = listing[path]._replace(file=file)
        else:
            linked = os.path.islink(place) and os.path.basename(os.path.dirname(file)) == "blobs"
            files[path] = PlannedFile(file, None, by_etag(os.path.basename(file)) if linked else {})
    missing |= (listing.keys() - files.keys()) if listing else set(lacking(tree, files))
    card = read_card(tree, files)
    return version_of(repository.called, commit, files, tuple(sorted(missing)), card)


def _bases_first(collections: list[PlannedCollection]) -> list[PlannedCollection]:
    """In an order in which what others were made from comes before them."""
    by_name = {one.name: one for one in collections}
    found: dict[str, PlannedCollection] = {}
    begun: set[str] = set()
    waiting = collections[::-1]
    while waiting:
        one = waiting[-1]
        if one.name in begun:  # its bases have been there
            found.setdefault(one.name, one)
            waiting.pop()
            continue
        begun.add(one.name)
        bases = {entry.collection for version in one.versions for entry in version.inputs}
        waiting += [by_name[name] for name in bases if name in by_name and name not in begun]
    return list(found.values())
