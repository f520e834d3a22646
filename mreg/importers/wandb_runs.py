"""What the logs of offline runs of W&B say: of each run its configuration and summary, and the artifacts it logged."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from mreg.importers.tree import Tree, parse_json
from mreg.importers.wandb_log import Fields, count, fields, records, text, texts
from mreg.importers.yaml_files import mapping
from mreg.values.named_tuple import NamedTuple

# Numbers of fields in W&B's wandb_internal.proto.
_SUMMARY, _CONFIG, _ARTIFACT, _RUN, _EXIT, _USE = 3, 5, 8, 17, 18, 25
_UPDATE, _KEY, _NESTED, _JSON = 1, 1, 2, 16

OWN: Final = "_"
"""How the keys begin that W&B itself logs."""


class EntryRow(NamedTuple):
    """A file of an artifact. digest: hex. address: of one that is only referred to. place: where W&B put a copy."""

    path: str
    digest: str
    size: int
    place: str
    address: str


class ArtifactRow(NamedTuple):
    """config, summary: of the run, as they were when it was logged. manifest: the file that lists its files, where that
    is not in the log. used: names of what the run had used by then."""

    name: str
    type: str
    digest: str
    algorithm: str
    description: str
    metadata: dict[str, Any]
    aliases: tuple[str, ...]
    tags: tuple[str, ...]
    entries: tuple[EntryRow, ...]
    manifest: str
    config: dict[str, Any]
    summary: dict[str, Any]
    used: tuple[str, ...]


class RunRow(NamedTuple):
    """started: seconds since 1970. finished: whether its log has an end."""

    id: str
    project: str
    name: str
    notes: str
    tags: tuple[str, ...]
    started: float
    finished: bool
    artifacts: tuple[ArtifactRow, ...]


class _Reading:
    """A run, as far as its log was read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.run: Fields = {}
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.used: list[str] = []
        self.artifacts: list[ArtifactRow] = []
        self.finished = False

    def add(self, record: Fields) -> None:
        for message in record.get(_RUN, ()):
            self.run = fields(message, self.path)
            for part, into in ((4, self.config), (5, self.summary)):
                for inner in self.run.get(part, ()):
                    self._update(into, inner)
        for number, into in ((_CONFIG, self.config), (_SUMMARY, self.summary)):
            for message in record.get(number, ()):
                self._update(into, message)
        for message in record.get(_USE, ()):
            self.used.append(text(fields(message, self.path), 3))
        for message in record.get(_ARTIFACT, ()):
            self.artifacts.append(self._artifact(fields(message, self.path)))
        self.finished |= _EXIT in record

    def _update(self, into: dict[str, Any], message: bytes | int) -> None:
        for item in fields(message, self.path).get(_UPDATE, ()):
            said = fields(item, self.path)
            keys = texts(said, _NESTED) or [text(said, _KEY)]
            if not keys[0].startswith(OWN) or keys == ["_timestamp"]:
                _set(into, keys, _value(text(said, _JSON)))

    def _artifact(self, said: Fields) -> ArtifactRow:
        manifest: Fields = {}
        for message in said.get(12, ()):
            manifest = fields(message, self.path)
        return ArtifactRow(
            name=text(said, 5),
            type=text(said, 4),
            digest=text(said, 6),
            algorithm=text(said, 20) or "MANIFEST_MD5",
            description=text(said, 7),
            metadata=mapping(_value(text(said, 8) or "{}")),
            aliases=tuple(texts(said, 11)),
            tags=tuple(texts(said, 19)),
            entries=tuple(_entry(fields(message, self.path)) for message in manifest.get(4, ())),
            manifest=text(manifest, 5),
            config=dict(self.config),
            summary=dict(self.summary),
            used=tuple(self.used),
        )


def read_run(tree: Tree, path: str) -> RunRow:
    """Raises MalformedSource, OutsideSource."""
    found = _Reading(path)
    for record in records(tree, path):
        found.add(fields(record, path))
    started = [fields(message, path) for message in found.run.get(17, ())]
    return RunRow(
        id=text(found.run, 1),
        project=text(found.run, 3),
        name=text(found.run, 8),
        notes=text(found.run, 9),
        tags=tuple(texts(found.run, 10)),
        started=float(count(started[-1], 1) or 0) if started else 0.0,
        finished=found.finished,
        artifacts=tuple(found.artifacts),
    )


def listed_entries(data: bytes, path: str) -> Iterator[EntryRow]:
    """Of a file that lists the files of a large artifact, one JSON object per line. Raises MalformedSource."""
    for line in data.splitlines():
        row = mapping(parse_json(line, path))
        size = row.get("size")
        yield EntryRow(
            path=str(row.get("path") or ""),
            digest=hex_of(str(row.get("digest") or "")),
            size=size if isinstance(size, int) else 0,
            place=str(row.get("local_path") or ""),
            address=str(row.get("ref") or ""),
        )


def _entry(said: Fields) -> EntryRow:
    return EntryRow(text(said, 1), hex_of(text(said, 2)), count(said, 4) or 0, text(said, 6), text(said, 3))


def hex_of(digest: str) -> str:
    """A digest in base64 as hex; as it is where it is none."""
    try:
        return base64.b64decode(digest, validate=True).hex()
    except (binascii.Error, ValueError):
        return digest


def _set(into: dict[str, Any], keys: Iterable[str], value: Any) -> None:
    *above, last = keys
    for key in above:
        inner = into.get(key)
        into[key] = into = dict(inner) if isinstance(inner, dict) else {}
    into[last] = value


def _value(data: str) -> Any:
    """JSON, in which Python's NaN may stand; a text where it is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data
