"""What the files of DVC say: `.dvc` files, `dvc.lock` of any schema, `dvc.yaml`, and GTO's old `artifacts.yaml`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mreg.importers.yaml_files import listing, mapping, parse_yaml, text
from mreg.values.named_tuple import NamedTuple

_MD5: Final = re.compile(r"[0-9a-f]{32}(?:\.dir)?")


class Out(NamedTuple):
    """A file or folder that DVC keeps. path: below the source. md5: of a folder with `.dir`. legacy: as DVC 2 had it,
    of texts with the line ends of Unix, and in the cache's old place. stage: that made it. said: `desc`, `labels`, …"""

    path: str
    md5: str
    legacy: bool
    size: int | None = None
    stage: str = ""
    said: Mapping[str, Any] = {}


class Stage(NamedTuple):
    """params: of its run. deps: path and md5 of what it read. left_out: outputs that are not imported: path, and
    why."""

    outs: tuple[Out, ...]
    params: Mapping[str, Any] = {}
    deps: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


class Artifact(NamedTuple):
    """An artifact that dvc.yaml declares. name: with `DIR:` where the file lies in a folder. path: below the source."""

    name: str
    path: str
    type: str
    said: Mapping[str, Any]


def stages_in(data: bytes, path: str) -> dict[str, Stage]:
    """Of a `.dvc` file (one stage without a name) or a `dvc.lock`. Raises MalformedSource, NeedsYaml."""
    said = mapping(parse_yaml(data, path))
    folder = posixpath.dirname(path)
    if path.endswith(".dvc"):
        folder = posixpath.join(folder, text(said.get("wdir")))
        return {"": Stage(tuple(_outs(said, folder, "")), left_out=tuple(_left_out(said)))}
    rows = mapping(said.get("stages")) if "schema" in said else said
    return {name: _stage(mapping(row), folder, name) for name, row in rows.items()}


def _stage(row: Mapping[str, Any], folder: str, name: str) -> Stage:
    deps = [(_placed(folder, text(dep.get("path"))), _digest(dep)) for dep in map(mapping, listing(row.get("deps")))]
    params = {key: value for file in mapping(row.get("params")).values() for key, value in mapping(file).items()}
    known = tuple((path, md5) for path, md5 in deps if md5)
    return Stage(tuple(_outs(row, folder, name)), params, known, tuple(_left_out(row)))


def _outs(row: Mapping[str, Any], folder: str, stage: str) -> Iterator[Out]:
    for out in map(mapping, listing(row.get("outs"))):
        path, md5, size = text(out.get("path")), _digest(out), out.get("size")
        if not _why_not(out):
            known = size if isinstance(size, int) and not md5.endswith(".dir") else None
            said: dict[str, Any] = {key: out[key] for key in ("desc", "type", "labels", "meta") if key in out}
            yield Out(_placed(folder, path), md5, "hash" not in out, known, stage, said)


def _left_out(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    outs = map(mapping, listing(row.get("outs")))
    return ((text(out.get("path")) or "?", why) for out in outs if (why := _why_not(out)))


def _why_not(out: Mapping[str, Any]) -> str:
    """Why the output is not imported; empty where it is."""
    path = text(out.get("path"))
    if not path:
        return "it has no path"
    if "://" in path:
        return "it is stored elsewhere"
    if posixpath.isabs(path):
        return "its path is absolute"
    return "" if _digest(out) else "it has no MD5"


def _digest(row: Mapping[str, Any]) -> str:
    md5 = text(row.get("md5"))
    return md5 if _MD5.fullmatch(md5) else ""


def _placed(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path)) if path else ""


def artifacts_in(data: bytes, path: str) -> list[Artifact]:
    """Of a `dvc.yaml`, or of an `artifacts.yaml`. Raises MalformedSource, NeedsYaml."""
    said = mapping(parse_yaml(data, path))
    rows = mapping(said.get("artifacts")) if path.endswith("dvc.yaml") else said
    folder = posixpath.dirname(path)
    found = []
    for name, row in rows.items():
        told = mapping(row)
        place = _placed(folder, text(told.get("path")))
        if place:
            called = f"{folder}:{name}" if folder else name
            found.append(Artifact(called, place, text(told.get("type")) or "model", told))
    return found


def metrics_in(data: bytes, path: str) -> set[str]:
    """The paths of the metrics and plots that a `dvc.yaml` names. Raises MalformedSource, NeedsYaml."""
    said = mapping(parse_yaml(data, path))
    folder = posixpath.dirname(path)
    found: set[str] = set()
    for row in (said, *map(mapping, mapping(said.get("stages")).values())):
        for one in (*listing(row.get("metrics")), *listing(row.get("plots"))):
            names = [one] if isinstance(one, str) else list(mapping(one))
            found |= {_placed(folder, name) for name in names}
    return found
