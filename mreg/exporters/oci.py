"""An OCI image layout as ModelPack has it (github.com/modelpack/model-spec, 0.0.7): what registries of containers keep.

Each file is a blob of its own (`…raw`), so that equal files of several versions are one. Runtimes bound the number of
layers: of versions with many files, the smaller ones lie together in a tar file for each kind.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Mapping
from typing import Any, Final

from mreg.exporters.plan import Archive, Blob, Plan, Subject, Written
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import File

BLOBS: Final = "blobs/sha256"
MOST_LAYERS: Final = 100
"""Files that are blobs of their own, if there are no more."""
ALONE: Final = 90
"""If there are more: the largest."""
MOST_METADATA: Final = 1 << 20

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT: Final = "application/vnd.cncf.model.manifest.v1+json"
CONFIG: Final = "application/vnd.cncf.model.config.v1+json"
PATH: Final = "org.cncf.model.filepath"
FILE: Final = "org.cncf.model.file.metadata+json"
TITLE: Final = "org.opencontainers.image.title"
"""By which ORAS names a file."""
REF: Final = "org.opencontainers.image.ref.name"
OWN: Final = "io.mreg."

_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_REGULAR: Final = ord("0")
_WEIGHTS: Final = {
    *(".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".ggml", ".onnx", ".h5", ".hdf5", ".keras", ".npz"),
    *(".npy", ".pkl", ".pickle", ".joblib", ".tflite", ".pb", ".msgpack", ".model", ".ubj", ".data", ".index"),
}
_CODE: Final = {".py", ".ipynb", ".sh", ".c", ".cc", ".cpp", ".cu", ".h", ".hpp", ".go", ".js", ".rs", ".java"}
_DOCS: Final = {".md", ".rst", ".pdf", ".html", ".png", ".jpg", ".jpeg", ".svg", ".gif"}
_DOC_NAMES: Final = ("license", "readme", "notice", "copying", "changelog")
_FORMATS: Final = {".safetensors": "safetensors", ".gguf": "gguf", ".onnx": "onnx", ".keras": "keras", ".pt": "pt"}


class Layer(NamedTuple):
    """kind: as in the media type."""

    kind: str
    form: str
    blob: Blob
    annotations: dict[str, str]


def plan(subject: Subject) -> Plan:
    alone, archives = _shared_out(subject)
    names = [name for name in (f"v{subject.number}", *subject.aliases) if _TAG.fullmatch(name)]
    lost = [alias for alias in subject.aliases if not _TAG.fullmatch(alias)]
    metadata = json.dumps(subject.version.metadata, ensure_ascii=False, sort_keys=True)
    notes = [f"alias {alias!r} is left out: registries do not accept such tags" for alias in lost]
    if len(metadata.encode()) > MOST_METADATA:
        metadata = ""
        notes.append("metadata is left out: it is larger than 1 MiB")

    def rest(written: Written) -> dict[str, bytes]:
        layers = [_layer(subject, file, written) for file in alone]
        layers += [
            Layer(kind, "tar", blob, {TITLE: f"{kind}.tar"})
            for kind, blob in zip(archives, written.archives, strict=True)
        ]
        return _described(subject, layers, names, metadata)

    return Plan(
        rest=rest,
        blobs=alone,
        archives=tuple(archives.values()),
        blobs_in=BLOBS,
        hashed=True,
        notes=tuple(notes),
    )


def _shared_out(subject: Subject) -> tuple[tuple[File, ...], dict[str, Archive]]:
    """The files that are blobs of their own, and those that are in archives, by kind."""
    files = subject.manifest.files
    if len(files) <= MOST_LAYERS:
        return files, {}
    alone = set(sorted(files, key=lambda file: (-file.size, file.path))[:ALONE])
    kinds: dict[str, list[File]] = {}
    for file in files:
        if file not in alone:
            kinds.setdefault(kind_of(subject, file.path), []).append(file)
    return tuple(file for file in files if file in alone), {kind: Archive(tuple(kinds[kind])) for kind in sorted(kinds)}


def kind_of(subject: Subject, path: str) -> str:
    if subject.version.type == "dataset":
        return "dataset"
    name = posixpath.basename(path).casefold()
    ending = posixpath.splitext(name)[1]
    if ending in _WEIGHTS:
        return "weight"
    if ending in _CODE:
        return "code"
    return "doc" if ending in _DOCS or name.startswith(_DOC_NAMES) else "weight.config"


def _layer(subject: Subject, file: File, written: Written) -> Layer:
    facts = {
        "name": posixpath.basename(file.path),
        "mode": 0o755 if file.executable else 0o644,
        "uid": 0,
        "gid": 0,
        "size": file.size,
        "mtime": _time(subject),
        "typeflag": _REGULAR,
    }
    annotations = {PATH: file.path, FILE: _json(facts), TITLE: file.path}
    return Layer(kind_of(subject, file.path), "raw", Blob(written.sha256[file.digest], file.size), annotations)


def _described(subject: Subject, layers: list[Layer], names: list[str], metadata: str) -> dict[str, bytes]:
    config = _json(_config(subject, layers)).encode()
    manifest = _json(_manifest(subject, layers, config, metadata)).encode()
    top = {"mediaType": MANIFEST, "artifactType": ARTIFACT, **_descriptor(_blob(manifest))}
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [top | {"annotations": {REF: name}} for name in names],
    }
    return {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": _json(index).encode(),
        f"{BLOBS}/{_blob(config).sha256}": config,
        f"{BLOBS}/{_blob(manifest).sha256}": manifest,
    }


def _config(subject: Subject, layers: list[Layer]) -> dict[str, Any]:
    version = subject.version
    descriptor: dict[str, Any] = {
        "createdAt": _time(subject),
        "authors": [_author(subject)],
        "name": subject.name,
        "version": f"v{subject.number}",
        "revision": version.manifest,
    }
    if version.message:
        descriptor["description"] = version.message
    if version.licenses:
        descriptor["licenses"] = list(version.licenses)
    endings = {posixpath.splitext(file.path)[1] for file in subject.manifest.files} & _FORMATS.keys()
    form = {"format": _FORMATS[endings.pop()]} if len(endings) == 1 else {}
    diffs = [f"sha256:{layer.blob.sha256}" for layer in layers]
    return {"descriptor": descriptor, "config": form, "modelfs": {"type": "layers", "diffIds": diffs}}


def _manifest(subject: Subject, layers: list[Layer], config: bytes, metadata: str) -> dict[str, Any]:
    version = subject.version
    said = {
        "org.opencontainers.image.created": _time(subject),
        "org.opencontainers.image.title": subject.name,
        "org.opencontainers.image.version": f"v{subject.number}",
        f"{OWN}name": subject.name,
        f"{OWN}version": version.name,
        f"{OWN}manifest": version.manifest,
        f"{OWN}author": _author(subject),
        f"{OWN}message": version.message,
        f"{OWN}type": version.type,
        f"{OWN}metadata": metadata if version.metadata else "",
        f"{OWN}tags": _json(list(version.tags)) if version.tags else "",
        f"{OWN}folders": _json(list(subject.manifest.folders)) if subject.manifest.folders else "",
    }
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": ARTIFACT,
        "config": {"mediaType": CONFIG, **_descriptor(_blob(config))},
        "layers": [
            {
                "mediaType": f"application/vnd.cncf.model.{layer.kind}.v1.{layer.form}",
                **_descriptor(layer.blob),
                "annotations": layer.annotations,
            }
            for layer in layers
        ],
        "annotations": {key: value for key, value in said.items() if value},
    }


def _descriptor(blob: Blob) -> dict[str, Any]:
    return {"digest": f"sha256:{blob.sha256}", "size": blob.size}


def _blob(data: bytes) -> Blob:
    return Blob(hashlib.sha256(data).hexdigest(), len(data))


def _json(value: Mapping[str, Any] | list[Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _time(subject: Subject) -> str:
    """When the version was made: of one that was imported, as its source has it, so that an image that was exported,
    imported and exported is the same image."""
    origin = subject.version.origin
    if origin is not None and origin.time is not None:
        return origin.time
    return subject.version.created.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _author(subject: Subject) -> str:
    origin = subject.version.origin
    return subject.version.author if origin is None or origin.author is None else origin.author
