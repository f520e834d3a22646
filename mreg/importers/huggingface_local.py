"""Folders that `hf download --local-dir` made: beside the files lies, in `.cache/huggingface`, what each one is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from mreg.importers.faults import MalformedSource, NothingToImport
from mreg.importers.huggingface_facts import by_etag, lacking, listed, read_card, version_of
from mreg.importers.plan import Plan, PlannedCollection, PlannedFile
from mreg.importers.tree import MAX_WORDS, Tree, is_folder
from mreg.importers.words import few
from mreg.values.named_tuple import NamedTuple

_KEPT: Final = ".cache/huggingface"
_ENDING: Final = ".metadata"


class _Downloaded(NamedTuple):
    """path: in the repository. at: when it was downloaded."""

    path: str
    commit: str
    etag: str
    at: float


def recognises(source: str) -> bool:
    return is_folder(os.path.join(source, _KEPT, "download"))


def plan(system: str, source: str, tree: Tree) -> Plan:
    """Raises NothingToImport, MalformedSource, OutsideSource, UnreadableFile."""
    found = list(_downloaded(tree))
    if not found:
        raise NothingToImport(source=tree.root, what="no completely downloaded file")
    commit = max(found, key=lambda one: one.at).commit
    listing = listed(tree, tree.path(_KEPT, "trees"), commit)
    files: dict[str, PlannedFile] = {}
    missing: set[str] = set()
    for one in found:
        place = tree.path(*one.path.split("/"))
        if one.commit != commit or not os.path.exists(place):
            missing.add(one.path)
        else:
            size = listing[one.path].size if one.path in listing else None
            files[one.path] = PlannedFile(os.path.realpath(tree.check(place)), size, by_etag(one.etag.strip('"')))
    missing |= (listing.keys() - files.keys()) if listing else set(lacking(tree, files))
    name = os.path.basename(tree.root)
    version = version_of(name, commit, files, tuple(sorted(missing)), read_card(tree, files))
    known = files.keys() | missing
    others = [path for path, _ in tree.walk(tree.root) if path not in known and not path.startswith(".cache/")]
    notes = few([f"{path!r} is left out: it was not downloaded" for path in others])
    return Plan(system, source, (PlannedCollection(name, (version,)),), (*notes, *tree.notes()))


def _downloaded(tree: Tree) -> Iterator[_Downloaded]:
    for name, path in tree.walk(tree.path(_KEPT, "download")):
        if not name.endswith(_ENDING):
            continue
        lines = tree.text(path, MAX_WORDS).splitlines()
        try:
            yield _Downloaded(name.removesuffix(_ENDING), lines[0].strip(), lines[1].strip(), float(lines[2]))
        except (IndexError, ValueError):
            raise MalformedSource(path=path, reason="it is not a commit, an etag and a time") from None
