"""One version: where it comes from, its metadata, files and tensors, and what changed since the one before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from mreg.pages.facts import VersionFacts
from mreg.pages.markup import Content, Markup, cut, element, moment
from mreg.pages.site import Site, version_anchor
from mreg.pages.tables import Cell, command, pairs, table
from mreg.values.records import File
from mreg.values.words import count_text, size_text, value_text

TIMES: Final = " \N{MULTIPLICATION SIGN} "

FILES: Final = 200
"""Files of one version that are shown."""

VALUES: Final = 500
"""Keys of metadata of one version that are shown."""


def version(facts: VersionFacts, before: VersionFacts | None, site: Site, here: str) -> Markup:
    """before: the live version before it."""
    one = facts.version
    short = one.name.rpartition(":")[2]
    head = [
        element("strong", short),
        " ",
        moment(one.created),
        *_chips(one.aliases, one.model_aliases),
        " ",
        cut(one.message),
    ]
    body = [
        _facts(facts, site, here),
        element("div", [command(f"mreg use {_reference(facts)}"), command(f"mreg get {one.name}")], class_="commands"),
        _metadata(facts, before),
        _files(facts, before),
        _tensors(facts),
    ]
    inner = element("div", body, id=version_anchor(one.name), class_="version")
    return element("details", [element("summary", head), inner])


def _reference(facts: VersionFacts) -> str:
    """By the alias that a script would use."""
    one = facts.version
    if one.model_aliases:
        return one.model_aliases[0]
    return f"{one.artifact}:{one.aliases[0]}" if one.aliases else one.name


def _chips(own: Iterable[str], models: Iterable[str]) -> list[Content]:
    return [[" ", element("span", alias, class_="alias")] for alias in (*own, *models)]


def _facts(facts: VersionFacts, site: Site, here: str) -> Markup:
    one, sizes = facts.version, facts.sizes
    made_from = [_input(entry.reference, entry.version, site, here) for entry in one.inputs]
    git = one.metadata.get("git")
    return pairs(
        [
            ("digest", element("code", one.digest)),
            ("logged by", f"{one.author} on {one.host}"),
            ("run", one.run and cut(one.run)),
            ("commit", _commit(git) if isinstance(git, dict) else None),
            ("tags", ", ".join(one.tags)),
            ("linked as", _listed([site.link(f"model-{link.rpartition(':')[0]}", link, here) for link in one.links])),
            ("size", f"{size_text(sizes.logical)} in {count_text(one.files, 'file', 'files')}"),
            ("stored", f"{size_text(sizes.stored)}, {size_text(sizes.new)} of it new with this version"),
            ("made from", _listed(made_from)),
            ("sources", _listed([cut(source.name) for source in one.sources])),
            ("used by", _listed([[cut(use.run), " ", moment(use.time)] for use in facts.consumers[:50]])),
            ("made from it", _listed([site.version(name, here) for name in facts.derived[:50]])),
            ("imported from", one.origin and cut(" ".join(str(part) for part in one.origin if part))),
        ]
    )


def _input(reference: str, digest: str, site: Site, here: str) -> Content:
    return [site.version(reference, here), " ", element("code", digest[:12])]


def _commit(git: Mapping[str, Any]) -> Content:
    commit = git.get("commit")
    if not isinstance(commit, str):
        return None
    return [element("code", cut(commit)), " with changes that were not committed" if git.get("dirty") else None]


def _listed(items: list[Any]) -> Content:
    return [[", " if number else None, item] for number, item in enumerate(items)] or None


def _metadata(facts: VersionFacts, before: VersionFacts | None) -> Content:
    """All keys, and those that the version before had, with what they were there."""
    now = facts.flat
    was = before.flat if before else {}
    keys = list({**now, **was})
    if not keys:
        return None
    rows = [[_key(key), _value(now, key), *_former(was, now, key, before)] for key in keys[:VALUES]]
    more = element("p", f"and {len(keys) - VALUES:,} more keys") if len(keys) > VALUES else None
    return _part("Metadata", [table(["key", "value", *_beside(before)], rows), more])


_key = lru_cache(maxsize=4096)(cut)  # of one artifact, nearly all versions have the same


def _beside(before: VersionFacts | None) -> list[str]:
    """The heading of what is told of the version before, if there is one."""
    return [f"in v{before.version.number}"] if before else []


def _former(was: Mapping[str, Any], now: Mapping[str, Any], key: str, before: VersionFacts | None) -> list[Content]:
    if before is None:
        return []
    if key not in was:
        return [element("em", "not there")]
    return [_value(was, key) if key not in now or was[key] != now[key] else None]


def _value(flat: Mapping[str, Any], key: str) -> Markup:
    if key not in flat:
        return element("em", "not there")
    value, shown = flat[key], value_text(flat[key])
    return Markup(shown) if type(value) is float else cut(shown)  # most are numbers, in which nothing is markup


def _files(facts: VersionFacts, before: VersionFacts | None) -> Content:
    """All files, and those of the version before that are gone."""
    if facts.files is None:
        return _part("Files", element("p", "The list of files is damaged: `mreg fsck` tells more.", class_="bad"))
    was = {file.path: file for file in before.files or ()} if before else {}
    gone = was.keys() - {file.path for file in facts.files}
    rows: list[list[Cell]] = [
        [
            cut(file.path),
            (size_text(file.size), file.size),
            element("code", file.digest),
            *([_state(file, was)] if before else []),
        ]
        for file in facts.files[:FILES]
    ]
    rows += [[cut(path), "", "", "gone"] for path in sorted(gone)[:FILES]]
    more = len(facts.files) - FILES
    rest = element("p", f"and {more:,} more: `mreg files {facts.version.name}`") if more > 0 else None
    headings = ["path", "size", "BLAKE3", *([f"since v{before.version.number}"] if before else [])]
    return _part("Files", [table(headings, rows, numbers=["size"]), rest])


def _state(file: File, was: Mapping[str, File]) -> str:
    return "new" if file.path not in was else "" if was[file.path] == file else "changed"


def _tensors(facts: VersionFacts) -> Content:
    if not facts.tensors:
        return None
    several = len({row.tensor.file for row in facts.tensors}) > 1
    headings = [*(["file"] if several else []), "tensor", "dtype", "shape", "size", "since the version before"]
    rows: list[list[Any]] = [
        [
            *([cut(row.tensor.file)] if several else []),
            cut(row.tensor.name),
            row.tensor.dtype,
            TIMES.join(map(str, row.tensor.shape)) or "scalar",
            (size_text(row.tensor.size), row.tensor.size),
            row.state,
        ]
        for row in facts.tensors
    ]
    caption = f"tensors of {facts.version.name}"
    return _part(f"Tensors ({len(rows):,})", table(headings, rows, numbers=["size"], caption=caption))


def _part(title: str, content: Content) -> Markup:
    return element("section", [element("h4", title), content])
