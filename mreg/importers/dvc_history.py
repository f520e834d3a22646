"""The outputs that DVC keeps, through the history of the git repository; without one, as the files say now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from mreg.importers import tree as trees
from mreg.importers.dvc_files import Artifact, Out, Stage, artifacts_in, metrics_in, stages_in
from mreg.importers.faults import MalformedSource
from mreg.importers.git import MAX_BLOB, Commit, Git
from mreg.importers.omissions import Omissions
from mreg.importers.tree import Tree
from mreg.importers.words import time_of
from mreg.values.named_tuple import NamedTuple

_PATTERNS: Final = ("**/*.dvc", "**/dvc.lock", "**/dvc.yaml", "**/artifacts.yaml")
_MAX_STEPS: Final = 12


class Found(NamedTuple):
    """A content of an output, and where it came up first. stage: as it was then."""

    out: Out
    stage: Stage
    commit: Commit


class History(NamedTuple):
    """outs: by path, the contents of each in their order. artifacts: by path. others: paths of metrics and plots.
    omitted: what is left out."""

    outs: dict[str, list[Found]]
    artifacts: dict[str, Artifact]
    others: set[str]
    omitted: Omissions


def history(tree: Tree, git: Git | None) -> History:
    """Raises MalformedSource where git cannot be asked, NeedsYaml, UnreadableFile."""
    found = History({}, {}, set(), Omissions())
    for commit, path, data in _committed(git) if git else _present(tree):
        of = f" of commit {commit.sha[:12]}" if commit.sha else ""
        with found.omitted.left_out(f"{path!r}{of}"):
            _read(found, commit, path, data)
    return found


def _read(found: History, commit: Commit, path: str, data: bytes | None) -> None:
    """Raises MalformedSource, NeedsYaml."""
    if data is None:
        raise MalformedSource(path=path, reason=f"it is larger than {MAX_BLOB >> 20} MiB")
    if path.endswith("dvc.yaml"):
        found.others.update(metrics_in(data, path))
    if path.endswith(("dvc.yaml", "artifacts.yaml")):
        found.artifacts.update({one.path: one for one in artifacts_in(data, path)})
        return
    for stage in stages_in(data, path).values():
        _add(found.outs, commit, stage)
        for out, why in stage.left_out:
            found.omitted.tell(f"{out!r}, which {path!r} names,", why)


def outs_at(git: Git, commit: str, paths: Iterable[str]) -> dict[str, Out]:
    """By path, what a commit has. paths: of the files that name outputs."""
    names = {f"{commit}:./{path}": path for path in paths}
    told = git.blobs(names)
    return {out.path: out for name, data in told.items() for out in _outs_in(data, names[name])}


def _outs_in(data: bytes, path: str) -> Iterator[Out]:
    """Nothing where the file is not understood, which `history` has told."""
    with suppress(MalformedSource):
        for stage in stages_in(data, path).values():
            yield from stage.outs


def files_of(commits: Iterable[Commit]) -> set[str]:
    """The files that name outputs."""
    return {path for commit in commits for path, _ in commit.changes if path.endswith((".dvc", "dvc.lock"))}


def _add(outs: dict[str, list[Found]], commit: Commit, stage: Stage) -> None:
    for out in stage.outs:
        known = outs.setdefault(out.path, [])
        if all(one.out.md5 != out.md5 for one in known):
            known.append(Found(out, stage, commit))


def _committed(git: Git) -> Iterator[tuple[Commit, str, bytes | None]]:
    commits = git.commits(*_PATTERNS)
    contents = git.blobs(blob for commit in commits for _, blob in commit.changes if blob)
    for commit in commits:
        for path, blob in commit.changes:
            if blob:
                yield commit, path, contents.get(blob)


def _present(tree: Tree) -> Iterator[tuple[Commit, str, bytes]]:
    for path, file in tree.walk(tree.root):
        name = path.rpartition("/")[2]
        is_told = name in ("dvc.lock", "dvc.yaml", "artifacts.yaml") or (name.endswith(".dvc") and name != ".dvc")
        if is_told and not path.startswith((".dvc/", ".git/")):
            yield Commit("", time_of(trees.mtime(file)), "", "", ()), path, tree.read(file)
