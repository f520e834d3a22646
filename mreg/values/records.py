"""The immutable records: manifests and version records, and their canonical JSON.

Records name each other by digest: a version ref holds the digest of a version record, which holds the
digest of a manifest, which lists files by theirs. What is parsed here may come from anywhere, so every
rule of docs/format.md is checked before an object is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from mreg.values import canonical
from mreg.values.canonical import Malformed
from mreg.values.digest import is_digest
from mreg.values.names import fold, is_version

FORMAT = 1
MAX_FILES = 1_000_000
MAX_VERSION = 4 << 20
"""Bytes of a version record. Parsed JSON takes many times its size in memory."""
MAX_COMPONENT = 255
MAX_DEPTH = 200
RESERVED_COMPONENTS = {".git", ".mreg"}

_PLAIN = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}/){0,9}[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}").fullmatch
"""Nearly all paths are of this kind, and none of them has a fault: there may be a million."""


class File(NamedTuple):
    """One file of a version: `path` relative with `/`, `size` in bytes, `digest` of its bytes."""

    path: str
    size: int
    digest: str
    executable: bool = False


class Manifest(NamedTuple):
    """The files of a version, sorted by path."""

    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    def to_bytes(self) -> bytes:
        rows = []
        for file in self.files:
            row: dict[str, Any] = {"path": file.path, "size": file.size, "digest": file.digest}
            if file.executable:
                row["executable"] = True
            rows.append(row)
        return canonical.dumps({"kind": "manifest", "format": FORMAT, "files": rows})

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Raises Malformed for anything that the format forbids."""
        record = _open(data, "manifest")
        rows = canonical.take(record, "files", list)
        if len(rows) > MAX_FILES:
            raise Malformed(f"more than {MAX_FILES} files")
        manifest = cls(tuple(_parse_file(row) for row in rows))
        paths = [file.path for file in manifest.files]
        if paths != sorted(paths):
            raise Malformed("files are not sorted by path")
        for problem in path_conflicts(paths):
            raise Malformed(problem)
        sizes: dict[str, int] = {}
        for file in manifest.files:
            if sizes.setdefault(file.digest, file.size) != file.size:
                raise Malformed(f"path {file.path!r}: another file of its digest has another size")
        canonical.check_written(manifest, data)
        return manifest


class Input(NamedTuple):
    """Lineage: a version that went into making another. `reference` is its name, NAME:vN, at that time."""

    reference: str
    version: str


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

    def to_bytes(self) -> bytes:
        return canonical.dumps(
            {
                "kind": "version",
                "format": FORMAT,
                "manifest": self.manifest,
                "files": self.files,
                "size": self.size,
                "created": self.created,
                "author": self.author,
                "host": self.host,
                "run": self.run,
                "message": self.message,
                "metadata": self.metadata,
                "inputs": [[entry.reference, entry.version] for entry in self.inputs],
            },
            MAX_VERSION,
            "the record of a version, with metadata, message and inputs together,",
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> VersionRecord:
        """Raises Malformed for anything that the format forbids."""
        record = _open(data, "version", MAX_VERSION)
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
        )
        canonical.check_metadata(version.metadata)
        canonical.check_written(version, data)
        return version


def path_fault(path: str) -> str | None:
    """Why `path` may not stand in a manifest, or None."""
    if _PLAIN(path):
        return None
    if "\\" in path or ":" in path or not (path.isprintable() or all(_is_text(c) for c in path)):
        return "it has a control character, a backslash, a colon or a half of a surrogate pair"
    if path.count("/") > MAX_DEPTH:
        return f"it has more than {MAX_DEPTH} folders"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return "it has an empty, `.` or `..` component"
        if 4 * len(part) > MAX_COMPONENT and len(part.encode("utf-8")) > MAX_COMPONENT:
            return f"it has a component longer than {MAX_COMPONENT} bytes"
        if fold(part) in RESERVED_COMPONENTS:
            return f"it has a component `{part}`"
    return None


def _is_text(character: str) -> bool:
    """No control character, and no half of a surrogate pair."""
    number = ord(character)
    return number >= 32 and not (127 <= number < 160 or 0xD800 <= number < 0xE000)


def path_conflicts(paths: Iterable[str]) -> Iterator[str]:
    """A sentence for each path that some file system could not hold beside the others."""
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    checked: set[str] = set()
    for path in paths:
        folded = fold(path)
        if folded in seen:
            yield f"{seen[folded]!r} and {path!r} are one name where case or Unicode form do not count"
        seen[folded] = path
        folder = path
        while (folder := folder.rpartition("/")[0]) and folder not in checked:
            checked.add(folder)
            other = folders.setdefault(fold(folder), folder)
            if other != folder:
                yield f"folders {other!r} and {folder!r} are one name where case or Unicode form do not count"
    for key in seen.keys() & folders.keys():
        yield f"{seen[key]!r} is both a file and a folder"


def _open(data: bytes, kind: str, limit: int | None = None) -> dict[str, Any]:
    record = canonical.loads(data, limit)
    if record.get("kind") != kind:
        raise Malformed(f"not a {kind} record")
    if record.get("format") != FORMAT:
        raise Malformed(f"{kind} format {record.get('format')!r} is not known")
    return record


def _parse_file(row: object) -> File:
    if not isinstance(row, dict):
        raise Malformed("a file entry is not an object")
    path = canonical.take(row, "path", str)
    fault = path_fault(path)
    if fault:
        raise Malformed(f"path {path!r}: {fault}")
    if not is_digest(row.get("digest")):
        raise Malformed(f"path {path!r}: no digest")
    if row.get("executable", True) is not True or not row.keys() <= {"path", "size", "digest", "executable"}:
        raise Malformed(f"path {path!r}: unknown fields")
    return File(path, canonical.take_count(row, "size"), row["digest"], "executable" in row)


def _parse_input(row: object) -> Input:
    match row:
        case [str(reference), str(version)] if is_version(reference) and is_digest(version):
            return Input(reference, version)
    raise Malformed("an input is not the name of a version and its digest")
