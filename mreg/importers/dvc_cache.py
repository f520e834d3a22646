"""The cache of DVC: where the bytes of outputs lie, by their MD5."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterator
from hashlib import md5
from typing import Any, Final

from mreg.importers.dvc_files import Out
from mreg.importers.faults import WrongBytes
from mreg.importers.plan import PlannedFile
from mreg.importers.tree import Tree, parse_json
from mreg.importers.yaml_files import listing, mapping, text
from mreg.values.errors import MregError
from mreg.values.named_tuple import NamedTuple

_MD5: Final = re.compile(r"[0-9a-f]{32}")
_DIR: Final = ".dir"


class Content(NamedTuple):
    """The files of an output, by path in the version, and the paths of those that the cache lacks."""

    files: dict[str, PlannedFile]
    missing: tuple[str, ...] = ()


class Cache:
    """tree: the source, and the folders besides."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.folder = self._configured() or tree.path(".dvc", "cache")

    def _configured(self) -> str | None:
        """The folder that the settings of DVC name."""
        found = None
        for name in ("config", "config.local"):
            path = self._tree.path(".dvc", name)
            if not self._tree.is_file(path):
                continue
            parser = configparser.ConfigParser(interpolation=None, strict=False)
            try:
                parser.read_string(self._tree.text(path))
                said = parser.get("cache", "dir", fallback=None)
            except (configparser.Error, MregError):
                continue
            found = os.path.join(self._tree.path(".dvc"), said) if said else found
        return found and os.path.normpath(found)

    def content(self, out: Out) -> Content:
        """Raises OutsideSource, WrongBytes, MalformedSource, UnreadableFile."""
        name = out.path.rpartition("/")[2]
        if not out.md5.endswith(_DIR):
            file = self._file(out.md5, out.legacy)
            return Content({name: file._replace(size=out.size)}) if file else Content({}, (name,))
        place = self._place(out.md5, out.legacy)
        if place is None:
            return Content({}, (name,))
        files: dict[str, PlannedFile] = {}
        missing = []
        for path, digest in self._listed(place, out):
            file = self._file(digest, out.legacy)
            if file:
                files[path] = file
            else:
                missing.append(path)
        return Content(files, tuple(missing))

    def bytes(self, out: Out) -> bytes | None:
        """What a small output holds; None where it is not there."""
        place = self._place(out.md5, out.legacy)
        return None if place is None else self._tree.read(place)

    def _listed(self, place: str, out: Out) -> Iterator[tuple[str, str]]:
        data = self._tree.read(place)
        found = md5(data, usedforsecurity=False).hexdigest()
        if found != out.md5.removesuffix(_DIR):
            raise WrongBytes(path=out.path, version=out.md5, file=place, reason=f"md5 {found}, not {out.md5}")
        for row in map(mapping, listing(parse_json(data, place))):
            yield _row(row)

    def _file(self, digest: str, legacy: bool) -> PlannedFile | None:
        place = self._place(digest, legacy)
        return None if place is None else PlannedFile(place, None, {"md5-text" if legacy else "md5": digest})

    def _place(self, digest: str, legacy: bool) -> str | None:
        """Where it lies: DVC 2 had no folder `files/md5`. None where it is not there. Raises OutsideSource."""
        if not _MD5.fullmatch(digest.removesuffix(_DIR)):
            return None
        own = os.path.join(digest[:2], digest[2:])
        places = [os.path.join(self.folder, own), os.path.join(self.folder, "files", "md5", own)]
        for place in places if legacy else places[::-1]:
            if os.path.isfile(self._tree.check(place, self.folder)):
                return place
        return None


def _row(row: dict[str, Any]) -> tuple[str, str]:
    return text(row.get("relpath")), text(row.get("md5"))
