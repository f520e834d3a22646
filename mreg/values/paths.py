"""The paths of files and folders in a version, which a manifest may hold (docs/format.md, 6.6 and 6.8).

They are what the source's file system called them, with `/` between components. Format 1 refuses what some file system
could not hold; format 2 holds what Linux can, and each destination refuses what it cannot (`mreg.checkout.holding`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from mreg.values.names import composed, fold

MAX_COMPONENT: Final = 255
MAX_DEPTH: Final = 200
RESERVED_COMPONENTS: Final = {".git", ".mreg"}

_PLAIN = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}/){0,9}[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}").fullmatch
"""Nearly all paths are of this kind, and none of them has a fault: there may be a million."""

_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\\:]").search
"""What format 1 does not hold: control characters, backslashes and colons."""

_ENDS_IN_DOT = re.compile(r"\.(?:/|\Z)").search

_NEVER = re.compile("[\0\ud800-\udfff]").search


def is_plain(path: str) -> bool:
    """Whether it is of a kind that every file system can hold (where there is no other that differs only in case)."""
    return _PLAIN(path) is not None and not _ENDS_IN_DOT(path)


def path_fault(path: str) -> str | None:
    """Why no manifest may hold `path`, or None."""
    if _PLAIN(path):
        return None
    if _NEVER(path):
        return "it contains a NUL or an unpaired surrogate"
    if path.count("/") > MAX_DEPTH:
        return f"it is nested more than {MAX_DEPTH} folders deep"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return "it has an empty, `.` or `..` component"
        if 4 * len(part) > MAX_COMPONENT and len(part.encode("utf-8")) > MAX_COMPONENT:
            return f"it has a component longer than {MAX_COMPONENT} bytes"
        if is_reserved(part):
            return f"it has a component `{part}`"
    return None


def folder_fault(path: str) -> str | None:
    """Why no manifest may hold the folder `path`, or None."""
    return path_fault(f"{path}/x")


def is_reserved(component: str) -> bool:
    """Is it `.git` or `.mreg`, in any case and Unicode form?"""
    return component[:1] == "." and fold(component) in RESERVED_COMPONENTS


def beyond_format_1(files: Sequence[str], folders: Sequence[str]) -> str | None:
    """The first of these paths, in words, that a manifest of format 1 does not hold; None where it holds all. They have
    no fault, and no conflicts."""
    for path in (*files, *folders):
        if not _PLAIN(path) and _ODD(path):
            return f"the file name {path!r}"
    if folders:
        return f"the empty folder {folders[0]!r}"
    for one, other in path_conflicts(files, same=fold):
        return f"keeping {one!r} and {other!r} apart"
    return None


def path_conflicts(
    files: Iterable[str], folders: Iterable[str] = (), *, same: Callable[[str], str] = composed
) -> Iterator[tuple[str, str]]:
    """Each two of these paths, or of the folders above them, that are one name, or file and folder. same: gives the
    form in which names are compared."""
    files, folders = list(files), list(folders)
    if _differ(files, folders, same):
        return
    seen: dict[str, str] = {}
    known: dict[str, str] = {}
    checked: set[str] = set()
    for path in files:
        form = same(path)
        if form in seen:
            yield seen[form], path
        seen[form] = path
        yield from _clashing(path.rpartition("/")[0], same, known, checked)
    for folder in folders:
        yield from _clashing(folder, same, known, checked)
    for form in seen.keys() & known.keys():
        yield seen[form], known[form]


def _differ(files: Sequence[str], folders: Sequence[str], same: Callable[[str], str]) -> bool:
    """Whether it can be seen at once that nothing conflicts: there may be a million paths, and few are not ASCII."""
    around: set[str] = set()
    for path in (*(path.rpartition("/")[0] for path in files), *folders):
        while path and path not in around:
            around.add(path)
            path = path.rpartition("/")[0]
    names = [*files, *around]
    text = "\0".join(names)
    return text.isascii() and len(set(same(text).split("\0"))) == len(names) == text.count("\0") + 1


def _clashing(
    folder: str, same: Callable[[str], str], known: dict[str, str], checked: set[str]
) -> Iterator[tuple[str, str]]:
    """What clashes of a folder and those above it with the folders `known` by their form. checked: their paths."""
    while folder and folder not in checked:
        checked.add(folder)
        other = known.setdefault(same(folder), folder)
        if other != folder:
            yield other, folder
        folder = folder.rpartition("/")[0]


def folders_with_content(files: Iterable[str], folders: Sequence[str]) -> Iterator[str]:
    """Those of the `folders` in which one of these files or folders lies."""
    filled = {folder for path in (*files, *folders) for folder in above(path)} if folders else set()
    return (folder for folder in folders if folder in filled)


def above(path: str) -> Iterator[str]:
    """The folders that a path lies in."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
