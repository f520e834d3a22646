"""OCI layouts of others: what they say is read within bounds, compared with its digest, and leads nowhere else."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.importers.faults import MalformedSource, NothingToImport, OutsideSource, UnknownCollection, WrongBytes
from mreg.repository import Repository
from mreg.values.errors import MissingPath, MregError

PATH = "org.cncf.model.filepath"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Layout:
    """A layout that is as a test wants it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self.entries: list[dict[str, Any]] = []

    def blob(self, data: bytes) -> dict[str, Any]:
        name = hashlib.sha256(data).hexdigest()
        (self.folder / "blobs" / "sha256" / name).write_bytes(data)
        return {"digest": f"sha256:{name}", "size": len(data)}

    def raw(self, path: str, data: bytes, **more: Any) -> dict[str, Any]:
        kind = "application/vnd.cncf.model.weight.v1.raw"
        return {"mediaType": kind, **self.blob(data), "annotations": {PATH: path}, **more}

    def tar(self, *members: tuple[str, Any], kind: str = "application/vnd.cncf.model.weight.v1.tar") -> dict[str, Any]:
        """members: paths, with bytes, or with the type of what is no file."""
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            for path, held in members:
                entry = tarfile.TarInfo(path)
                if isinstance(held, bytes):
                    entry.size = len(held)
                    archive.addfile(entry, io.BytesIO(held))
                else:
                    entry.type, entry.linkname = held.encode(), "/etc/passwd"
                    archive.addfile(entry)
        return {"mediaType": kind, **self.blob(file.getvalue())}

    def model(self, *layers: dict[str, Any], names: tuple[str, ...] = ("v0",), **said: str) -> None:
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": list(layers), "annotations": said}
        found = self.blob(json.dumps(manifest).encode())
        for name in names:
            said_of_it = {"org.opencontainers.image.ref.name": name}
            self.entries.append({"mediaType": MANIFEST, **found, "annotations": said_of_it})
        self.write({"schemaVersion": 2, "manifests": self.entries})

    def write(self, index: Any) -> None:
        (self.folder / "index.json").write_text(json.dumps(index))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "bert")


def test_a_layout_of_another_tool_is_imported(
    repo: Repository, layout: Layout, only_read: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    layout.model(layout.raw("w.bin", b"one"), names=("1.0", "latest-good"))
    layout.model(
        layout.raw("w.bin", b"two", annotations={"org.opencontainers.image.title": "w.bin"}),
        layout.tar(("./conf/a.json", b"{}"), ("conf/empty", b""), ("docs/", tarfile.DIRTYPE.decode())),
        names=("v3",),
        **{"org.opencontainers.image.created": "2026-01-02T03:04:05Z"},
    )

    # when
    with only_read(layout.folder):
        done = repo.import_from(layout.folder)

    # then
    assert (done.system, [one.version for one in done.collections[0].versions]) == ("oci", ["bert:v3", "bert:v4"])
    assert [file.path for file in repo.files("bert:v3")] == ["conf/a.json", "conf/empty", "w.bin"]
    assert b"".join(repo.read("bert:1.0", "w.bin")) == b"one"
    assert repo.resolve("bert:latest-good").number == 4
    origin = repo.version("bert:v3").origin
    assert origin is not None and origin.time == "2026-01-02T03:04:05.000000Z"
    assert list(tmp_path.glob("tmp/*")) == []


Change = Callable[[Layout], Any]

HOSTILE: dict[str, tuple[Change, type[MregError]]] = {
    "a path upwards": (lambda it: it.model(it.raw("../x", b"1")), MalformedSource),
    "an absolute path": (lambda it: it.model(it.raw("/etc/x", b"1")), MalformedSource),
    "a path of a repository": (lambda it: it.model(it.raw(".mreg/x", b"1")), MalformedSource),
    "one path twice": (lambda it: it.model(it.raw("x", b"1"), it.raw("x", b"2")), MalformedSource),
    "a path upwards in a tar": (lambda it: it.model(it.tar(("../../x", b"1"))), MalformedSource),
    "a link in a tar": (lambda it: it.model(it.tar(("x", tarfile.SYMTYPE.decode()))), MalformedSource),
    "a hard link in a tar": (lambda it: it.model(it.tar(("x", tarfile.LNKTYPE.decode()))), MalformedSource),
    "a device in a tar": (lambda it: it.model(it.tar(("x", tarfile.CHRTYPE.decode()))), MalformedSource),
    "no tar at all": (
        lambda it: it.model({**it.raw("x", b"no tar" * 500), "mediaType": "a.tar"}),
        MalformedSource,
    ),
    "a compressed layer": (lambda it: it.model(it.tar(("x", b"1"), kind="a.tar+gzip")), MalformedSource),
    "no path": (lambda it: it.model(it.raw("x", b"1", annotations={})), MalformedSource),
    "another size": (lambda it: it.model(it.raw("x", b"1", size=1 << 31)), WrongBytes),
    "a digest that leads elsewhere": (
        lambda it: it.model(it.raw("x", b"1", digest="sha256:../../../../etc/passwd")),
        MalformedSource,
    ),
    "a digest of another kind": (lambda it: it.model(it.raw("x", b"1", digest="sha512:00")), MalformedSource),
    "a blob that is not there": (lambda it: it.model(it.raw("x", b"1", digest="sha256:" + "0" * 64)), MissingPath),
    "an index of brackets": (lambda it: (it.folder / "index.json").write_text("[" * 100_000), MalformedSource),
    "no index": (lambda it: it.write([]), MalformedSource),
    "an empty index": (lambda it: it.write({"manifests": []}), NothingToImport),
    "manifests that are texts": (lambda it: it.write({"manifests": ["x"]}), MalformedSource),
}


@pytest.mark.parametrize("layer", [{"mediaType": "a.tar+gzip"}, {"annotations": {}}])
def test_a_manifest_that_is_not_understood_is_named_and_the_others_are_imported(
    repo: Repository, layout: Layout, layer: dict[str, Any]
) -> None:
    layout.model(layout.raw("w.bin", b"one"), names=("v1", "good"))
    layout.model(layout.raw("w.bin", b"two") | layer, names=("v2", "bad"))

    done = repo.import_from(layout.folder)

    assert done.added == ("bert:v1",)
    assert [note for note in done.notes if "(v2, bad) is left out" in note] == list(done.notes)
    assert [one.alias for one in repo.aliases("bert")] == ["good"]


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_layout_is_refused(repo: Repository, layout: Layout, case: str) -> None:
    # given
    change, error = HOSTILE[case]
    change(layout)

    # when
    with pytest.raises(error):
        repo.import_from(layout.folder, "oci")

    # then
    assert repo.artifacts() == [] and repo.history() == []


@pytest.mark.parametrize("which", ["the manifest", "a file", "a tar"])
def test_a_blob_that_was_tampered_with_is_refused(repo: Repository, layout: Layout, which: str) -> None:
    # given
    file, archive = layout.raw("x", b"right"), layout.tar(("y", b"right"))
    layout.model(file, archive)
    digest = {"the manifest": layout.entries[0], "a file": file, "a tar": archive}[which]["digest"]
    blob = layout.folder / "blobs" / "sha256" / digest.partition(":")[2]
    data = blob.read_bytes()
    blob.write_bytes(data.replace(b"right", b"wrong").replace(b'"schemaVersion": 2', b'"schemaVersion": 3'))
    assert blob.read_bytes() != data

    # when
    with pytest.raises(WrongBytes):
        repo.import_from(layout.folder)

    # then
    assert repo.artifacts() == []


def test_a_blob_that_is_a_link_out_of_the_layout_is_refused(repo: Repository, layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    layer = layout.raw("x", b"secret")
    blob = layout.folder / "blobs" / "sha256" / layer["digest"].partition(":")[2]
    blob.unlink()
    blob.symlink_to(tmp_path / "secret")
    layout.model(layer)

    with pytest.raises(OutsideSource):
        repo.import_from(layout.folder)


def test_a_folder_that_is_no_layout_is_refused(repo: Repository, tmp_path: Path) -> None:
    with pytest.raises(NothingToImport, match="no OCI image layout"):
        repo.import_from(tmp_path, "oci")


def test_a_header_that_claims_gigabytes_takes_no_memory(repo: Repository, layout: Layout) -> None:
    entry = tarfile.TarInfo("pax")
    entry.type, entry.size = tarfile.XHDTYPE, 1 << 31
    layer = layout.blob(entry.tobuf(tarfile.USTAR_FORMAT) + b"\0" * 4096)
    layout.model({"mediaType": "application/vnd.cncf.model.doc.v1.tar", **layer})

    with pytest.raises(MalformedSource, match="a header is too long"):
        repo.import_from(layout.folder)


def test_of_models_that_were_not_asked_for_only_the_manifest_is_read(repo: Repository, layout: Layout) -> None:
    # given
    layout.model(layout.raw("x", b"one"), names=("v0",), **{"io.mreg.name": "one"})
    archive = layout.tar(("y", b"two"))
    layout.model(archive, names=("v1",), **{"io.mreg.name": "two"})
    (layout.folder / "blobs" / "sha256" / archive["digest"].partition(":")[2]).write_bytes(b"damaged")

    # when
    done = repo.import_from(layout.folder, only=["one"])

    # then
    assert done.added == ("one:v0",)
    with pytest.raises(WrongBytes):
        repo.import_from(layout.folder)
    with pytest.raises(UnknownCollection):
        repo.import_from(layout.folder, only=["three"])


def test_a_plan_copies_no_executable_file(repo: Repository, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    layer = layout.raw("run.sh", b"#!/bin/sh\n")
    layer["annotations"]["org.cncf.model.file.metadata+json"] = json.dumps({"mode": 0o755})
    layout.model(layer)
    copied: list[str] = []
    copy = shutil.copyfile

    def recording(source: str, target: str) -> None:
        copied.append(target)
        copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", recording)

    # when
    planned = repo.import_from(layout.folder, dry_run=True)
    after_plan = list(copied)
    done = repo.import_from(layout.folder)
    repo.import_from(layout.folder)

    # then
    assert planned.collections[0].versions[0].size == 10
    assert (after_plan, len(copied)) == ([], 1)
    assert [(one.path, one.executable) for one in repo.files(done.added[0])] == [("run.sh", True)]
