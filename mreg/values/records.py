"""The immutable records: manifests and version records, and their canonical JSON.

Records name each other by digest: a version ref holds the digest of a version record, which holds the
digest of a manifest, which lists files by theirs. What is parsed here may come from anywhere, so every
rule of docs/format.md is checked before an object is built.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mreg import values
from mreg.values import canonical
from mreg.values.canonical import Malformed
from mreg.values.digest import is_digest
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import is_version

MAX_FILES = 1_000_000
"""Files and folders of a version."""
MAX_VERSION = 4 << 20
"""Bytes of a version record. Parsed JSON takes many times its size in memory."""


class File(NamedTuple):
    """One file of a version: `path` relative with `/`, `size` in bytes, `digest` of its bytes."""

    path: str
    size: int
    digest: str
    executable: bool = False


class Manifest(NamedTuple):
    """The files of a version, and the folders that hold nothing, both sorted by path."""

    files: tuple[File, ...]
    folders: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def beyond_format_1(self) -> str | None:
        """What of it format 1 does not hold, in words; None where it holds all."""
        return values.paths.beyond_format_1([file.path for file in self.files], self.folders)

    def to_bytes(self) -> bytes:
        """In the lowest format that can hold it."""
        return self._in_format(2 if self.beyond_format_1 else 1)

    def _in_format(self, number: int) -> bytes:
        rows = []
        for file in self.files:
            row: dict[str, Any] = {"path": file.path, "size": file.size, "digest": file.digest}
            if file.executable:
                row["executable"] = True
            rows.append(row)
        record = {"kind": "manifest", "format": number, "files": rows}
        return canonical.dumps(record | {"folders": self.folders} if self.folders else record)

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Raises Malformed for anything that the format forbids, Newer where it is of a format to come."""
        record = canonical.loads(data)
        number = canonical.take_format(record, "manifest")
        rows = canonical.take(record, "files", list)
        folders = canonical.take(record, "folders", list) if "folders" in record else []
        if len(rows) + len(folders) > MAX_FILES:
            raise Malformed(f"more than {MAX_FILES} files and folders")
        manifest = cls(tuple(_parse_file(row) for row in rows), tuple(map(_parse_folder, folders)))
        paths = [file.path for file in manifest.files]
        _check_lowest(number, manifest.beyond_format_1)  # what format 1 keeps apart is nowhere one name
        _check_paths(paths, manifest.folders, same_names=number > 1)
        _check_sizes(manifest.files)
        canonical.check_written(lambda: manifest._in_format(number), data)
        return manifest


class Input(NamedTuple):
    """Lineage: a version that went into making another. `reference` is its name, NAME:vN, at that time."""

    reference: str
    version: str


class Origin(NamedTuple):
    """Where a version that was imported comes from: the system, and what that says of it; None where it is not known.

    time: RFC 3339 in UTC with microseconds."""

    system: str
    id: str | None = None
    time: str | None = None
    author: str | None = None


class DataSource(NamedTuple):
    """What went into a version and is none itself. kind: "file" or "uri". name: its path as it was given, or the URI.
    digest: of a file's bytes, or of the manifest of a folder; None, as `size`, where it is not known."""

    kind: str
    name: str
    digest: str | None = None
    size: int | None = None


class VersionRecord(NamedTuple):
    """What a version ref points at. Times are RFC 3339 in UTC; `metadata` is JSON with string keys."""

    manifest: str
    files: int
    size: int
    created: str
    author: str
    host: str
    run: str | None
    message: str
    metadata: dict[str, Any]
    inputs: tuple[Input, ...]
    origin: Origin | None = None
    sources: tuple[DataSource, ...] = ()

    @property
    def beyond_format_1(self) -> str | None:
        """What of it format 1 does not hold, in words; None where it holds all."""
        return "the origin of a version" if self.origin else "a file or URI as input" if self.sources else None

    def to_bytes(self) -> bytes:
        """In the lowest format that can hold it."""
        record = self._asdict() | {"kind": "version", "format": 2 if self.beyond_format_1 else 1}
        del record["origin"], record["sources"]
        if self.origin:
            record["origin"] = self.origin._asdict()
        if self.sources:
            record["sources"] = [source._asdict() for source in self.sources]
        what = "the record of a version, with metadata, message and inputs together,"
        return canonical.dumps(record, MAX_VERSION, what)

    @classmethod
    def from_bytes(cls, data: bytes) -> VersionRecord:
        """Raises Malformed for anything that the format forbids, Newer where it is of a format to come."""
        record = canonical.loads(data, MAX_VERSION)
        number = canonical.take_format(record, "version")
        if not is_digest(record.get("manifest")):
            raise Malformed("'manifest' is not a digest")
        version = cls(
            manifest=record["manifest"],
            files=canonical.take_count(record, "files"),
            size=canonical.take_count(record, "size"),
            created=canonical.take_time(record, "created"),
            author=canonical.take(record, "author", str),
            host=canonical.take(record, "host", str),
            run=canonical.take(record, "run", (str, type(None))),
            message=canonical.take(record, "message", str),
            metadata=canonical.take(record, "metadata", dict),
            inputs=tuple(_parse_input(row) for row in canonical.take(record, "inputs", list)),
            origin=parse_origin(record["origin"]) if "origin" in record else None,
            sources=tuple(map(parse_source, canonical.take(record, "sources", list))) if "sources" in record else (),
        )
        canonical.check_metadata(version.metadata)
        _check_lowest(number, version.beyond_format_1)
        canonical.check_written(version.to_bytes, data)
        return version

    @classmethod
    def from_checked(cls, data: bytes) -> VersionRecord:
        """What `from_bytes` made of these very bytes before, in half the time."""
        record = json.loads(data)
        del record["kind"], record["format"]
        record["inputs"] = tuple(Input(*row) for row in record["inputs"])
        if "origin" in record:
            record["origin"] = parse_origin(record["origin"])
        record["sources"] = tuple(map(parse_source, record.get("sources", ())))
        return cls(**record)


def parse_source(row: object) -> DataSource:
    """A source from its fields, of which those that are not known may be missing. Raises Malformed."""
    if not isinstance(row, dict):
        raise Malformed("a source is not an object")
    if not row.keys() <= set(DataSource._fields):
        raise Malformed("a source has unknown fields")
    kind, name, digest = (row.get(key) for key in ("kind", "name", "digest"))
    if kind not in ("file", "uri") or not isinstance(name, str) or not name:
        raise Malformed("a source has an unknown kind, or no name")
    if digest is not None and not is_digest(digest):
        raise Malformed(f"source {name!r}: 'digest' is not a digest")
    size = canonical.take_count(row, "size") if row.get("size") is not None else None
    return DataSource(kind, name, digest, size)


def parse_origin(row: object) -> Origin:
    """Raises Malformed."""
    if not isinstance(row, dict):
        raise Malformed("'origin' is not an object")
    text = (str, type(None))
    origin = Origin(
        system=canonical.take(row, "system", str),
        id=canonical.take(row, "id", text),
        time=canonical.take_time(row, "time") if row.get("time") is not None else None,
        author=canonical.take(row, "author", text),
    )
    if not origin.system:
        raise Malformed("'origin' names no system")
    return origin


def _check_paths(files: list[str], folders: Sequence[str], *, same_names: bool) -> None:
    """Raises Malformed unless they are sorted, and folders are empty. same_names: look for two that are one name."""
    if files != sorted(files):
        raise Malformed("files are not sorted by path")
    if list(folders) != sorted(set(folders)):
        raise Malformed("folders are not sorted by path")
    for one, other in values.paths.path_conflicts(files, folders) if same_names else ():
        raise Malformed(f"{one!r} and {other!r} are the same name, or a file and a folder")
    for folder in values.paths.folders_with_content(files, folders):
        raise Malformed(f"folder {folder!r} is not empty")


def _check_lowest(number: int, beyond_format_1: str | None) -> None:
    """Raises Malformed unless format `number` is the lowest that holds a record. beyond_format_1: what of it the first
    does not."""
    if number == 1 and beyond_format_1:
        raise Malformed(f"format 1 cannot hold {beyond_format_1}")
    if number == 2 and not beyond_format_1:
        raise Malformed("format 1 can hold all of it")


def _check_sizes(files: Sequence[File]) -> None:
    sizes: dict[str, int] = {}
    for file in files:
        if sizes.setdefault(file.digest, file.size) != file.size:
            raise Malformed(f"path {file.path!r}: another file with the same digest has a different size")


def _parse_file(row: object) -> File:
    if not isinstance(row, dict):
        raise Malformed("a file entry is not an object")
    path = canonical.take(row, "path", str)
    fault = values.paths.path_fault(path)
    if fault:
        raise Malformed(f"path {path!r}: {fault}")
    if not is_digest(row.get("digest")):
        raise Malformed(f"path {path!r}: no digest")
    if row.get("executable", True) is not True or not row.keys() <= {"path", "size", "digest", "executable"}:
        raise Malformed(f"path {path!r}: unknown fields")
    return File(path, canonical.take_count(row, "size"), row["digest"], "executable" in row)


def _parse_folder(path: object) -> str:
    if not isinstance(path, str):
        raise Malformed("a folder is not a string")
    fault = values.paths.folder_fault(path)
    if fault:
        raise Malformed(f"folder {path!r}: {fault}")
    return path


def _parse_input(row: object) -> Input:
    match row:
        case [str(reference), str(version)] if is_version(reference) and is_digest(version):
            return Input(reference, version)
    raise Malformed("an input is not the name of a version with its digest")
