"""The filesystem `mreg://` of fsspec, read-only: what takes a URL reads a version without a copy on disk.

    pd.read_parquet("mreg://features:best/train.parquet")

`mreg://NAME[:SELECTOR]/path` is in the repository `storage_options={"repo": …}`, without it the one that the command
line would find; `mreg:///srv/.mreg/NAME[:SELECTOR]/path` names the repository itself. A reference is resolved once for
each call: a file that is open stays that of the version that an alias was at.
"""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NoReturn

from mreg.integrations.needed import needs
from mreg.repository import Repository, Resolved
from mreg.small_files import make_folders
from mreg.values.errors import InvalidInput, NotFound
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import File

with needs("fsspec", "'mreg[fsspec]'"):
    from fsspec.callbacks import DEFAULT_CALLBACK
    from fsspec.spec import AbstractFileSystem

__all__ = ["MregFileSystem"]

KEPT: Final = 16
"""Versions whose lists of files are kept."""

_MARK = "/.mreg"


class _Place(NamedTuple):
    """A path taken apart. at: what precedes the reference, with its slash. reference: empty for the repository itself.
    path: within the version; empty for the version itself."""

    at: str
    reference: str
    path: str


class _Version(NamedTuple):
    """resolved: what was meant. files: by path. folders: what lies in each, by its path; the version itself is the
    empty one."""

    resolved: Resolved
    created: datetime
    files: dict[str, File]
    folders: dict[str, set[str]]


class MregFileSystem(AbstractFileSystem):  # type: ignore[misc, unused-ignore]
    """repo: where the repository is; without it the one that `Repository.find()` gives, when it is needed.

    Details of a file have `version` (its name) and `digest` (BLAKE3, hexadecimal) beside fsspec's own. What is not
    there raises FileNotFoundError, what would write raises OSError (EROFS), and damage is raised as mreg raises it.
    """

    protocol = "mreg"
    root_marker = ""

    def __init__(self, repo: str | os.PathLike[str] | None = None, **options: Any) -> None:
        super().__init__(repo=None if repo is None else os.fspath(repo), **options)
        self._given = None if repo is None else os.fspath(repo)
        self._repositories: dict[str, Repository] = {}
        self._versions: OrderedDict[tuple[str, str], _Version] = OrderedDict()

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        place = _place(self._strip_protocol(path))
        if not place.reference:
            repository = self._repository(place)
            names = [*(one.name for one in repository.artifacts()), *(one.name for one in repository.models())]
            found = [_folder(place.at + name) for name in sorted(names)]
        else:
            version = self._version(place)
            if place.path in version.files:
                found = [_details(place, version, place.path)]
            else:
                inside = version.folders.get(place.path)
                if inside is None:
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
                found = [_details(place, version, name) for name in sorted(inside)]
        return found if detail else [one["name"] for one in found]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        place = _place(path)
        if not place.reference:
            self._repository(place)
            return _folder(path)
        version = self._version(place)
        if place.path not in version.files and place.path not in version.folders:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return _details(place, version, place.path)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        place, reference = self._file(path)
        return self._repository(place).read_range(reference, place.path, start or 0, end)

    def get_file(self, rpath: str, lpath: str, callback: Any = DEFAULT_CALLBACK, **options: Any) -> None:
        """Also compares the digest of the whole file."""
        details = self.info(rpath)
        if details["type"] == "directory":
            make_folders(lpath)
            return
        place, reference = self._file(rpath)
        callback.set_size(details["size"])
        make_folders(os.path.dirname(os.path.abspath(lpath)))
        with open(lpath, "wb") as out:
            for data in self._repository(place).read(reference, place.path):
                out.write(data)
                callback.relative_update(len(data))

    def created(self, path: str) -> datetime:
        """When the version was logged. Its files never change after that."""
        created: datetime = self.info(path)["created"]
        return created

    modified = created

    def ukey(self, path: str) -> str:
        """The digest of the file."""
        digest: str = self.info(path)["digest"]
        return digest

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        if mode != "rb":
            self._refuse(path)
        place, reference = self._file(path)
        return self._repository(place).open_file(reference, place.path)

    def _file(self, path: str) -> tuple[_Place, str]:
        """Where a file is, and the name of its version. Raises FileNotFoundError, IsADirectoryError."""
        place = _place(self._strip_protocol(path))
        if not place.reference:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        version = self._version(place)
        if place.path in version.folders:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if place.path not in version.files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return place, version.resolved.name

    def _repository(self, place: _Place) -> Repository:
        location = place.at.rstrip("/") or self._given or ""
        if location not in self._repositories:
            self._repositories[location] = Repository.open(location) if location else Repository.find()
        return self._repositories[location]

    def _version(self, place: _Place) -> _Version:
        repository = self._repository(place)
        try:
            resolved = repository.resolve(place.reference)
        except (NotFound, InvalidInput) as error:
            raise FileNotFoundError(errno.ENOENT, str(error), place.reference) from error
        key = (place.at, resolved.digest)
        if key not in self._versions:
            name = resolved.name
            files = {file.path: file for file in repository.files(name)}
            folders = _folders([*files, *(f"{folder}/" for folder in repository.folders(name))])
            self._versions[key] = _Version(resolved, repository.version(name).created, files, folders)
            if len(self._versions) > KEPT:
                self._versions.popitem(last=False)
        return self._versions[key]._replace(resolved=resolved)

    def _refuse(self, *paths: Any, **_: Any) -> NoReturn:
        raise OSError(errno.EROFS, "versions never change: mreg:// is read-only", *paths[:1])

    mkdir = makedirs = rmdir = rm = rm_file = _rm = cp_file = mv = put_file = pipe_file = touch = _refuse


def _place(path: str) -> _Place:
    at = ""
    if path.startswith("/"):
        at, mark, path = (path + "/").partition(f"{_MARK}/")
        if not mark:
            raise FileNotFoundError(errno.ENOENT, "the path of a repository ends with /.mreg", at)
        at, path = f"{at}{_MARK}/", path.rstrip("/")
    reference, _, inner = path.partition("/")
    return _Place(at, reference, inner.rstrip("/"))


def _folders(paths: list[str]) -> dict[str, set[str]]:
    """What lies in each folder, files and folders, by their paths. paths: of files, and of empty folders, which end
    with a slash."""
    found: dict[str, set[str]] = {"": set()}
    for path in paths:
        if path.endswith("/"):
            path = path[:-1]
            found.setdefault(path, set())
        while path:
            parent = path.rpartition("/")[0]
            found.setdefault(parent, set()).add(path)
            path = parent
    return found


def _folder(name: str) -> dict[str, Any]:
    return {"name": name.rstrip("/"), "size": 0, "type": "directory"}


def _details(place: _Place, version: _Version, path: str) -> dict[str, Any]:
    name = place.at + "/".join(part for part in (place.reference, path) if part)
    about: Mapping[str, Any] = {"version": version.resolved.name, "created": version.created}
    file = version.files.get(path)
    if file is None:
        return {**_folder(name), **about}
    return {"name": name, "size": file.size, "type": "file", **about, "digest": file.digest}
