"""OCI image layouts with models, as ModelPack and `mreg export --oci` write them: a folder with `oci-layout`,
`index.json` and blobs by their SHA-256.

Each manifest is a version whose id is its digest, each name in the index an alias, but for `vN`, which is its number.
Layers are files (`….raw`), or tar files of files, which are unpacked beside; compressed ones are refused."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from mreg.importers.faults import MalformedSource, WrongBytes
from mreg.importers.omissions import Omissions, nothing
from mreg.importers.plan import Options, Plan, PlannedCollection, PlannedFile, PlannedVersion, Scratch
from mreg.importers.tree import MAX_MANIFEST, Tree, is_folder, parse_json
from mreg.importers.unpacked import Unpacked
from mreg.importers.words import tags_of, time_in
from mreg.storage.posix import set_mode
from mreg.values.errors import MissingPath
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import parse_version

SYSTEM = "oci"

_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_MANIFESTS: Final = {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
}
_REF: Final = "org.opencontainers.image.ref.name"
_PATHS: Final = ("org.cncf.model.filepath", "org.cnai.model.filepath", "org.opencontainers.image.title")
_FACTS: Final = ("org.cncf.model.file.metadata+json", "org.cnai.model.file.metadata+json")
_OWN: Final = "io.mreg."
_BLOCK: Final = 1 << 20


class _Found(NamedTuple):
    """A manifest of the index. refs: its names there."""

    digest: str
    manifest: dict[str, Any]
    refs: tuple[str, ...]

    @property
    def called(self) -> str:
        return _called(self.digest, self.refs)

    @property
    def said(self) -> dict[str, str]:
        return _texts(self.manifest.get("annotations"))


def recognises(source: str) -> bool:
    return is_folder(source) and all(
        os.path.isfile(os.path.join(source, name)) for name in ("oci-layout", "index.json")
    )


def read(source: str, options: Options) -> Plan:
    """Raises NothingToImport, MalformedSource, WrongBytes, MissingPath, OutsideSource, UnreadableFile."""
    if not recognises(source):
        raise nothing(source, "no OCI image layout (`oci-layout`, `index.json`)")
    tree = Tree(source, options.data)
    unpacked = Unpacked()
    collections: dict[str, list[tuple[_Found, PlannedVersion]]] = {}
    others: set[str] = set()
    omitted = Omissions()
    for found in _manifests(tree, omitted):
        with omitted.left_out(found.called):
            name = found.said.get(f"{_OWN}name") or found.said.get("org.opencontainers.image.title")
            name = name or os.path.basename(tree.root)
            if not options.wanted(name):
                others.add(name)
                continue
            version = _version(tree, options.scratch, unpacked, found)
            collections.setdefault(name, []).append((found, version))
    if not collections:
        omitted.refuse()
    if not collections and not others:
        raise nothing(source, "no model", omitted.notes)
    planned = tuple(_collection(name, every) for name, every in collections.items())
    planned += tuple(PlannedCollection(name, ()) for name in sorted(others))
    return Plan(SYSTEM, source, planned, tuple(omitted.notes), unpacked)


def _manifests(tree: Tree, omitted: Omissions) -> Iterator[_Found]:
    """Each once, with all its names."""
    index = tree.json(tree.path("index.json"))
    refs: dict[str, list[str]] = {}
    for entry in _listed(index, "manifests", tree.path("index.json")):
        digest, name = str(entry.get("digest")), _texts(entry.get("annotations")).get(_REF)
        if entry.get("mediaType") not in _MANIFESTS:
            omitted.notes.append(f"{digest} is left out: it is not a manifest of files ({entry.get('mediaType')})")
            continue
        refs.setdefault(digest, []).extend([name] if name else [])
    for digest, names in refs.items():
        with omitted.left_out(_called(digest, names)):
            manifest = parse_json(_blob(tree, digest), digest)
            if not isinstance(manifest, dict):
                raise MalformedSource(path=digest, reason="it is not a manifest")
            yield _Found(digest, manifest, tuple(dict.fromkeys(names)))


def _called(digest: str, names: Sequence[str]) -> str:
    return f"{digest} ({', '.join(names)})" if names else digest


def _collection(name: str, every: list[tuple[_Found, PlannedVersion]]) -> PlannedCollection:
    versions = [version for _, version in every]
    versions.sort(key=lambda one: (one.number is None, one.number or 0, one.time or ""))
    aliases = {ref: found.digest for found, _ in every for ref in found.refs if parse_version(ref) is None}
    types = {found.said.get(f"{_OWN}type", "model") for found, _ in every}
    return PlannedCollection(name, tuple(versions), aliases, types.pop() if len(types) == 1 else "model")


def _version(tree: Tree, scratch: Scratch, unpacked: Unpacked, found: _Found) -> PlannedVersion:
    said, descriptor = found.said, _descriptor(tree, found)
    files: dict[str, PlannedFile] = {}
    folders = set(_texts_in(said.get(f"{_OWN}folders")))
    for layer in _listed(found.manifest, "layers", found.digest):
        for path, file in _layer(tree, scratch, unpacked, layer):
            if path in files:
                raise MalformedSource(path=found.digest, reason=f"{path!r} is in two layers")
            if file is not None:
                files[path] = file
    numbers = [number for ref in found.refs if (number := parse_version(ref)) is not None]
    metadata = _json_in(said.get(f"{_OWN}metadata"))
    created = said.get("org.opencontainers.image.created") or _text(descriptor.get("createdAt"))
    authors = descriptor.get("authors")
    return PlannedVersion(
        id=found.digest,
        files=files,
        folders=tuple(sorted(folders)),
        number=numbers[0] if numbers else None,
        time=time_in(created or None),
        author=said.get(f"{_OWN}author") or (_text(authors[0]) if isinstance(authors, list) and authors else None),
        message=said.get(f"{_OWN}message") or _text(descriptor.get("description")) or "",
        metadata=metadata if isinstance(metadata, dict) else {},
        tags=tags_of(_texts_in(said.get(f"{_OWN}tags"))),
    )


def _descriptor(tree: Tree, found: _Found) -> dict[str, Any]:
    """What the config of a ModelPack says; nothing where it is none."""
    config = found.manifest.get("config")
    if not isinstance(config, dict) or "model.config" not in str(config.get("mediaType")):
        return {}
    body = parse_json(_blob(tree, str(config.get("digest"))), found.digest)
    descriptor = body.get("descriptor") if isinstance(body, dict) else None
    return descriptor if isinstance(descriptor, dict) else {}


def _layer(
    tree: Tree, scratch: Scratch, unpacked: Unpacked, layer: Mapping[str, Any]
) -> Iterator[tuple[str, PlannedFile | None]]:
    """The files in a layer, and its folders (None)."""
    digest, kind, said = str(layer.get("digest")), str(layer.get("mediaType")), _texts(layer.get("annotations"))
    place = _place(tree, digest)
    if kind.endswith(("+gzip", "+zstd", ".gzip")):
        raise MalformedSource(path=digest, reason=f"it is compressed ({kind}), which is not supported")
    if kind.endswith(".tar"):
        _check_bytes(tree, place, digest)
        for member in unpacked.tar(place):
            path = member.path.removeprefix("./").rstrip("/")
            if member.file:
                yield path, PlannedFile(member.file, member.size)
        return
    path = next((said[key] for key in _PATHS if key in said), "")
    if not path:
        raise MalformedSource(path=digest, reason=f"the path of this file is unknown ({kind})")
    facts = _json_in(next((said[key] for key in _FACTS if key in said), None))
    mode = facts.get("mode") if isinstance(facts, dict) else None
    size = layer.get("size")
    file = PlannedFile(place, size if isinstance(size, int) else None, {"sha256": digest.partition(":")[2]})
    if isinstance(mode, int) and mode & 0o100:
        file = file._replace(file=scratch.path(), size=file.size or os.path.getsize(place), write=_executable(place))
    yield path, file


def _executable(place: str) -> Callable[[str], None]:
    """Makes an executable copy of the file there."""

    def write(path: str) -> None:
        shutil.copyfile(place, path)
        set_mode(path, 0o755)

    return write


def _place(tree: Tree, digest: str) -> str:
    """Where the blob lies. Raises MalformedSource, MissingPath, OutsideSource."""
    match = _DIGEST.fullmatch(digest)
    if match is None:
        raise MalformedSource(path=tree.path("index.json"), reason=f"{digest[:80]!r} is not a SHA-256")
    place = tree.check(tree.path("blobs", "sha256", match[1]))
    if not tree.is_file(place):
        raise MissingPath(path=place)
    return place


def _blob(tree: Tree, digest: str) -> bytes:
    """A small blob, which is what it is called. Raises as `_place` does, WrongBytes."""
    place = _place(tree, digest)
    data = tree.read(place, MAX_MANIFEST)
    _compare(hashlib.sha256(data).hexdigest(), digest, place)
    return data


def _check_bytes(tree: Tree, place: str, digest: str) -> None:
    """Raises WrongBytes."""
    whole = hashlib.sha256()
    with tree.open(place) as file:
        while block := file.read(_BLOCK):
            whole.update(block)
    _compare(whole.hexdigest(), digest, place)


def _compare(found: str, digest: str, place: str) -> None:
    if f"sha256:{found}" != digest:
        raise WrongBytes(path=os.path.basename(place), version=digest, file=place, reason=f"its SHA-256 is {found}")


def _listed(value: Any, key: str, path: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise MalformedSource(path=path, reason=f"it has no list of {key}")
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> dict[str, str]:
    """Annotations: texts by texts."""
    pairs = value.items() if isinstance(value, dict) else ()
    return {str(key): text for key, text in pairs if isinstance(text, str)}


def _json_in(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def _texts_in(text: str | None) -> list[str]:
    found = _json_in(text)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
