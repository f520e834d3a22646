"""What no version may be made of: paths that lead elsewhere, files that are not what the source says."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol
from urllib.parse import unquote

from mreg.importers.faults import MalformedSource, PartialVersion, WrongBytes
from mreg.importers.plan import Plan, PlannedCollection, PlannedFile, PlannedVersion
from mreg.intake.scan import Source, not_read, source_of
from mreg.values.paths import folder_fault, path_conflicts, path_fault
from mreg.values.records import MAX_FILES

_BLOCK: Final = 1 << 20
_TEXT: Final = 512
"""Bytes by which DVC 2 told text from binary."""
_MOST_NAMED: Final = 3


class Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class _TextMd5:
    """As DVC 2 had it: of texts with the line ends of Unix."""

    def __init__(self) -> None:
        self._hash = _md5()
        self._is_text: bool | None = None
        self._held = b""

    def update(self, data: bytes, /) -> None:
        if self._is_text is None:
            self._is_text = _is_text(data[:_TEXT])
        if not self._is_text:
            self._hash.update(data)
            return
        data = self._held + data
        self._held = data[-1:] if data.endswith(b"\r") else b""
        self._hash.update((data[:-1] if self._held else data).replace(b"\r\n", b"\n"))

    def hexdigest(self) -> str:
        self._hash.update(self._held)
        return str(self._hash.hexdigest())


def _is_text(start: bytes) -> bool:
    if b"\0" in start:
        return False
    plain = sum(byte in b"\n\r\t\f\b" or 32 <= byte <= 126 for byte in start)
    return not start or (len(start) - plain) / len(start) <= 0.3


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def _xxh128() -> Any:
    import xxhash  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - only where it is installed

    return xxhash.xxh128()


def _git_sha1(size: int) -> Any:
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


ALGORITHMS: Final[Mapping[str, Callable[[int], Hash]]] = {
    "sha256": lambda _: hashlib.sha256(),
    "md5": lambda _: _md5(),
    "md5-text": lambda _: _TextMd5(),
    "git-sha1": _git_sha1,
    "xxh128": lambda _: _xxh128(),
}
"""By the name that a plan has for each: makes a hash for a file of a size."""


def is_known(algorithm: str) -> bool:
    """Can files be compared with such digests? One algorithm needs a package, which not everybody has."""
    try:
        ALGORITHMS[algorithm](0)
    except (KeyError, ImportError):
        return False
    return True


def check(plan: Plan, *, partial: bool) -> None:
    """Raises MalformedSource, PartialVersion."""
    for collection in plan.collections:
        ids = [version.id for version in collection.versions]
        if len(set(ids)) != len(ids):
            raise MalformedSource(path=plan.source, reason=f"{collection.name!r} has two versions with the same id")
        for version in collection.versions:
            _check_version(plan, collection, version, partial)


def _check_version(plan: Plan, collection: PlannedCollection, version: PlannedVersion, partial: bool) -> None:
    called = called_in(collection, version)
    fault = next(_faults(version), None)
    if fault:
        raise MalformedSource(path=plan.source, reason=f"{called}: {fault}")
    if version.place is not None:
        missing = f"its files at {version.place!r} are not in the source"
        raise PartialVersion(version=called, missing=missing, hint=_to_allow(plan))
    if version.missing and not (partial and version.files):
        named, more = version.missing[:_MOST_NAMED], len(version.missing) - _MOST_NAMED
        listed = ", ".join(map(repr, named)) + (f" and {more} more" if more > 0 else "")
        verb = "is" if len(version.missing) == 1 else "are"
        raise PartialVersion(version=called, missing=f"{listed} {verb} not there", hint="")
    if not version.files:
        raise MalformedSource(path=plan.source, reason=f"{called} contains no files")


def _to_allow(plan: Plan) -> str:
    """What to do about places that are on this machine, but not in the source."""
    places = [place for collection in plan.collections for one in collection.versions if (place := _here(one.place))]
    if not places:
        return ""
    common = os.path.commonpath(places)
    folder = common if common.count(os.sep) > 1 else places[0]
    return f"if they may be read, add `--data {shlex.quote(folder)}`"


def _here(place: str | None) -> str:
    """The folder on this machine that it is; empty where it is none."""
    path = unquote((place or "").removeprefix("file://"))
    return os.path.normpath(path) if os.path.isabs(path) and "\0" not in path and os.path.isdir(path) else ""


def called_in(collection: PlannedCollection, version: PlannedVersion) -> str:
    """The version, in the words of the source."""
    return f"{collection.name} {version.id}"


def _faults(version: PlannedVersion) -> Iterator[str]:
    """Why no version may hold such files."""
    if len(version.files) + len(version.folders) > MAX_FILES:
        yield f"it has more than {MAX_FILES} files"
    for path in (*version.files, *version.missing):
        fault = path_fault(path)
        if fault:
            yield f"file {path!r}: {fault}"
    for folder in version.folders:
        fault = folder_fault(folder)
        if fault:
            yield f"folder {folder!r}: {fault}"
    for one, other in path_conflicts(sorted(version.files), sorted(version.folders)):
        yield f"{one!r} and {other!r} are the same name, or a file and a folder"
    for path, file in version.files.items():
        for algorithm, digest in file.digests.items():
            if algorithm not in ALGORITHMS or not re.fullmatch("[0-9a-f]{32,64}", digest):
                yield f"file {path!r}: {digest!r} is not a valid {algorithm} digest"


class Verifier:
    """Compares files with what the source says of them; each file and digest once."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str, str, tuple[int, ...]]] = set()

    def source(self, path: str, file: PlannedFile, version: str) -> Source:
        """The file, as it is now, to be read as `path`. version: what to call it. Raises WrongBytes, MissingPath,
        UnsupportedFile, UnreadableFile, MalformedSource."""
        if file.write is not None and not os.path.exists(file.file):
            file.write(file.file)
        if os.path.isdir(file.file):
            raise MalformedSource(path=file.file, reason="it is a link to a folder; only links to files are followed")
        source = source_of(path, file.file)
        size = source.status.st_size
        if file.size is not None and file.size != size:
            raise WrongBytes(path=path, version=version, file=file.file, reason=f"{size} bytes, not {file.size}")
        for algorithm, digest in file.digests.items():
            known = (file.file, algorithm, digest, _stamp(source))
            if known not in self._seen:
                _compare(source, algorithm, digest, version)
                self._seen.add(known)
        return source


def _compare(source: Source, algorithm: str, digest: str, version: str) -> None:
    """Raises WrongBytes. That it changes after this, its status tells when it is stored."""
    made = ALGORITHMS[algorithm](source.status.st_size)
    try:
        with open(os.open(source.file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                made.update(block)
    except OSError as error:
        raise not_read(source.file, error) from None
    found = made.hexdigest()
    if found != digest:
        reason = f"{algorithm} {found}, not {digest}"
        raise WrongBytes(path=source.path, version=version, file=source.file, reason=reason)


def _stamp(source: Source) -> tuple[int, ...]:
    status = source.status
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
