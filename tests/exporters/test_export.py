"""Exports: what other tools accept, the same bytes each time, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cloning import cloning_disk, room_taken
from jsonschema import Draft202012Validator

from mreg.checkout.get import UnsafeDestination
from mreg.checkout.reader import DamagedFile, Part
from mreg.exporters.faults import DestinationTaken, NameNeeded
from mreg.exporters.hashing import HashingReader
from mreg.exporters.kinds import FORMS, UnknownForm
from mreg.repository import Repository
from mreg.storage.memory import MemoryStorage
from mreg.values.front_matter import front_matter
from mreg.values.records import File

__all__ = ["cloning_disk"]

FILES: dict[str, bytes] = {
    "model.safetensors": os.urandom(3 << 20),
    "config.json": b"{}",
    "sub/empty": b"",
    "sub/same.json": b"{}",
    "ümläut/два.txt": b"text",
    "run.sh": b"#!/bin/sh\n",
}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def logged(repo: Repository, source: str, **options: Any) -> None:
    """The files, one of them executable, and an empty folder."""
    Path(source, "nothing").mkdir(exist_ok=True)
    for name in ("run.sh",):
        if Path(source, name).exists():
            Path(source, name).chmod(0o755)
    repo.log(source, "net", **options)


@pytest.fixture
def filled(repo: Repository, folder: Callable[..., str]) -> Repository:
    logged(repo, folder(FILES), aliases=["best"], metadata={"acc": 0.5}, message="first | one")
    return repo


# All forms.


@pytest.mark.parametrize("form", FORMS)
def test_the_same_version_gives_the_same_bytes_and_times(filled: Repository, tmp_path: Path, form: str) -> None:
    # given
    first = filled.export("net", tmp_path / "one", form)

    # when
    second = filled.export("net:best", tmp_path / "two", form)

    # then
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert (first.files, first.size) == (second.files, second.size)
    assert first.files == len(tree(tmp_path / "one"))
    assert first.size == sum(map(len, tree(tmp_path / "one").values()))
    made = filled.version("net").created.timestamp()
    assert {abs(path.stat().st_mtime - made) < 0.001 for path in (tmp_path / "two").rglob("*")} == {True}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_there_is_never_written_to(filled: Repository, tmp_path: Path, form: str) -> None:
    # given
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").write_text("stays")
    (tmp_path / "file").write_text("stays")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "empty").mkdir()

    # then
    for name in ("taken", "file", "link"):
        with pytest.raises(DestinationTaken):
            filled.export("net", tmp_path / name, form)
    assert tree(tmp_path / "taken") == {"mine": b"stays"}
    assert filled.export("net", tmp_path / "empty", form).files
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_name_is_no_place(
    filled: Repository, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    with pytest.raises(UnsafeDestination, match="the name is empty"):
        filled.export("net", "", form)

    assert os.listdir(tmp_path / "here") == []


@pytest.mark.parametrize("form", FORMS)
def test_damage_leaves_nothing_behind(tmp_path: Path, folder: Callable[..., str], form: str) -> None:
    # given
    storage = MemoryStorage()
    with Repository.init_storage(storage, "memory") as repo:
        logged(repo, folder(FILES))
        (pack,) = storage.list("packs")
        value = storage.get(pack)
        assert value is not None
        middle = len(value.data) // 2
        storage.put(pack, value.data[:middle] + bytes([value.data[middle] ^ 1]) + value.data[middle + 1 :])

        # when
        with pytest.raises(DamagedFile):
            repo.export("net", tmp_path / "out" / "deep", form)

    # then
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_dry_run_checks_and_writes_nothing(filled: Repository, tmp_path: Path, form: str) -> None:
    done = filled.export("net", tmp_path / "out", form, dry_run=True)

    assert (done.dry_run, done.files, done.version) == (True, len(FILES), "net:v0")
    assert not (tmp_path / "out").exists()
    with pytest.raises(DestinationTaken):
        filled.export("net", tmp_path, form, dry_run=True)


def test_what_cannot_be_exported_is_refused(filled: Repository, tmp_path: Path) -> None:
    with pytest.raises(UnknownForm, match="'zip' is not one of folder, hf, oci"):
        filled.export("net", tmp_path / "out", "zip")
    with pytest.raises(UnsafeDestination):
        filled.export("net", tmp_path / ".mreg" / "out")


# A folder.


def test_a_folder_has_checksums_that_sha256sum_checks(filled: Repository, tmp_path: Path) -> None:
    filled.export("net", tmp_path / "out")

    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "out", capture_output=True, text=True)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, len(FILES))
    assert {name: data for name, data in tree(tmp_path / "out").items() if name != "SHA256SUMS"} == FILES
    assert (tmp_path / "out" / "nothing").is_dir()
    assert (tmp_path / "out" / "run.sh").stat().st_mode & stat.S_IXUSR
    assert not (tmp_path / "out" / "config.json").stat().st_mode & stat.S_IXUSR


def test_a_name_that_the_export_needs_is_not_given_twice(repo: Repository, tmp_path: Path) -> None:
    repo.log({"sha256sums": b"mine"}, "net")

    with pytest.raises(NameNeeded):
        repo.export("net", tmp_path / "out")


def test_digests_are_remembered_from_an_export(filled: Repository, tmp_path: Path, monkeypatch: Any) -> None:
    filled.export("net", tmp_path / "out", "oci")
    monkeypatch.setattr("mreg.operations.digests._worked_out", None)

    assert filled.digests("net")["config.json"] == hashlib.sha256(b"{}").hexdigest()


@pytest.mark.parametrize("form", ["oci", "folder"])
def test_what_is_known_is_not_hashed_again(
    filled: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    # given
    filled.export("net", tmp_path / "one", form)
    monkeypatch.setattr("mreg.exporters.hashing._sha256", None)
    hashed = []
    stream = HashingReader.stream

    def counted(self: HashingReader, files: Sequence[File], **more: Any) -> Generator[Part]:
        hashed.extend(files)
        return stream(self, files, **more)

    monkeypatch.setattr(HashingReader, "stream", counted)

    # when
    filled.export("net", tmp_path / "two", form)

    # then
    assert hashed == []
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


# File systems that can clone files.


@pytest.mark.parametrize("form", FORMS)
def test_copy_in_the_cache_and_export_take_the_room_of_one(
    cloning_disk: Path, folder: Callable[..., str], form: str
) -> None:
    # given
    size = 12 << 20
    source = folder({"a.bin": os.urandom(size // 2), "b/c.bin": os.urandom(size // 2), "empty": b""})
    with Repository.init(cloning_disk / "repo", cache=str(cloning_disk / "cache")) as repo:
        repo.log(source, "net")
        before = room_taken(cloning_disk)

        # when
        first = repo.export("net", cloning_disk / "without", form)
        alone = room_taken(cloning_disk) - before
        repo.use("net")
        second = repo.export("net", cloning_disk / "with", form)
        both = room_taken(cloning_disk) - before - alone

    # then
    assert (first.cloned, second.cloned) == (0, 3)
    assert max(alone, both) <= 1.1 * size
    assert tree(cloning_disk / "without") == tree(cloning_disk / "with")


@pytest.mark.parametrize("form", ["oci", "folder"])
def test_what_was_cloned_is_hashed(cloning_disk: Path, folder: Callable[..., str], form: str) -> None:
    # given
    data = os.urandom(1 << 20)
    with Repository.init(cloning_disk / "repo", cache=str(cloning_disk / "cache")) as repo:
        repo.log(folder({"a.bin": data, "same.bin": data}), "net")
        repo.use("net")

        # when
        done = repo.export("net", cloning_disk / "out", form)

    # then
    digest = hashlib.sha256(data).hexdigest()
    if form == "oci":
        assert (done.cloned, (cloning_disk / "out/blobs/sha256" / digest).read_bytes()) == (1, data)
    else:
        sums = (cloning_disk / "out/SHA256SUMS").read_text()
        assert (done.cloned, sums) == (2, f"{digest}  a.bin\n{digest}  same.bin\n")


# The Hugging Face Hub.


def test_a_card_is_made_of_what_is_known(filled: Repository, tmp_path: Path) -> None:
    # given
    filled.add_tags("net:v0", ["vision"])

    # when
    filled.export("net", tmp_path / "out", "hf")

    # then
    card = front_matter((tmp_path / "out" / "README.md").read_text())
    assert card.fields["tags"] == ["vision"]
    assert card.fields["mreg"] == {"version": "net:v0", "digest": filled.resolve("net").digest}
    assert "# net\n\nfirst | one\n\n| | |\n| --- | --- |\n| acc | 0.5 |\n" in card.body
    assert {name: data for name, data in tree(tmp_path / "out").items() if name != "README.md"} == FILES


@pytest.mark.parametrize(
    ("card", "fields"),
    [
        ("# Mine\n", {"tags": ["a", "b"]}),
        ("---\nlicense: mit\ntags: [own]\n---\n\n# Mine\n", {"license": "mit", "tags": ["own"]}),
        ("---\r\nlicense: mit\r\n---\r\n# Mine\n", {"license": "mit", "tags": ["a", "b"]}),
    ],
)
def test_a_card_of_ones_own_stays_and_gets_what_it_lacks(
    repo: Repository, tmp_path: Path, card: str, fields: dict[str, Any]
) -> None:
    # given
    repo.log({"readme.md": b"the version's", "w": b"1"}, "net", links=["Digits"])
    repo.add_tags("Digits", ["b"])
    repo.add_tags("net:v0", ["a"])
    repo.set_card("Digits", card)

    # when
    repo.export("Digits", tmp_path / "out", "hf")

    # then
    found = front_matter((tmp_path / "out" / "README.md").read_bytes().decode())
    assert found.body == "# Mine\n"
    assert {key: found.fields.get(key) for key in fields} == fields or "own" not in card
    assert found.fields["mreg"]["version"] == "net:v0"
    assert sorted(tree(tmp_path / "out")) == ["README.md", "w"]


def test_a_card_that_is_not_understood_stays_as_it_is(repo: Repository, tmp_path: Path) -> None:
    text = b"---\na: &b [1]\nc: *b\n---\n# Mine\n"
    repo.log({"README.md": text}, "net")

    done = repo.export("net", tmp_path / "out", "hf")

    assert tree(tmp_path / "out") == {"README.md": text}
    assert done.notes == ("the front matter of the card cannot be parsed, and is left as it is",)


def test_large_files_are_marked_for_lfs(repo: Repository, tmp_path: Path) -> None:
    repo.log({"a.safetensors": b"\0" * (11 << 20), "b.bin": b"small", "raw": b"\0" * (12 << 20)}, "net")

    repo.export("net", tmp_path / "out", "hf")

    lines = (tmp_path / "out" / ".gitattributes").read_text().splitlines()
    assert lines == ["*.safetensors filter=lfs diff=lfs merge=lfs -text", "raw filter=lfs diff=lfs merge=lfs -text"]


# OCI.


def manifest_of(layout: Path, name: str) -> dict[str, Any]:
    index = json.loads((layout / "index.json").read_text())
    found = {one["annotations"]["org.opencontainers.image.ref.name"]: one["digest"] for one in index["manifests"]}
    return dict(json.loads((layout / "blobs" / "sha256" / found[name].partition(":")[2]).read_text()))


CONFIG = {
    "type": "object",
    "required": ["descriptor", "config", "modelfs"],
    "additionalProperties": False,
    "properties": {
        "descriptor": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                **{key: {"type": "string"} for key in ("createdAt", "name", "version", "revision", "description")},
                **{key: {"type": "array", "items": {"type": "string"}} for key in ("authors", "licenses")},
            },
        },
        "config": {"type": "object", "additionalProperties": False, "properties": {"format": {"type": "string"}}},
        "modelfs": {
            "type": "object",
            "required": ["type", "diffIds"],
            "additionalProperties": False,
            "properties": {
                "type": {"enum": ["layers"]},
                "diffIds": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^sha256:"}},
            },
        },
    },
}
"""As ModelPack's schema has it, of what is written here."""


def test_a_layout_is_as_modelpack_has_it(filled: Repository, tmp_path: Path) -> None:
    # when
    filled.export("net", tmp_path / "out", "oci")

    # then
    manifest = manifest_of(tmp_path / "out", "best")
    assert manifest == manifest_of(tmp_path / "out", "v0")
    assert manifest["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    config = json.loads((tmp_path / "out/blobs/sha256" / manifest["config"]["digest"].partition(":")[2]).read_text())
    Draft202012Validator(CONFIG).validate(config)
    assert config["descriptor"]["createdAt"] == f"{filled.version('net').created:%Y-%m-%dT%H:%M:%S.%fZ}"
    kinds = {
        layer["annotations"]["org.cncf.model.filepath"]: layer["mediaType"].partition(".model.")[2]
        for layer in manifest["layers"]
    }
    assert kinds == {
        "config.json": "weight.config.v1.raw",
        "model.safetensors": "weight.v1.raw",
        "run.sh": "code.v1.raw",
        "sub/empty": "weight.config.v1.raw",
        "sub/same.json": "weight.config.v1.raw",
        "ümläut/два.txt": "weight.config.v1.raw",
    }
    for name in os.listdir(tmp_path / "out/blobs/sha256"):
        path = tmp_path / "out/blobs/sha256" / name
        assert hashlib.sha256(path.read_bytes()).hexdigest() == name
        assert stat.S_IMODE(path.stat().st_mode) & 0o111 == 0
    blobs = {layer["digest"] for layer in manifest["layers"]}
    assert len(blobs) == len(manifest["layers"]) - 1, "equal files are one blob"


def test_skopeo_copies_a_layout(filled: Repository, tmp_path: Path) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("there is no skopeo: run `make registries`")
    filled.export("net", tmp_path / "out", "oci")

    done = subprocess.run(
        ["skopeo", "copy", f"oci:{tmp_path}/out:best", f"oci:{tmp_path}/copy:best"], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert manifest_of(tmp_path / "copy", "best") == manifest_of(tmp_path / "out", "best")
    blobs = tree(tmp_path / "out/blobs")
    assert tree(tmp_path / "copy/blobs") == blobs


def test_oras_reads_a_layout(filled: Repository, tmp_path: Path) -> None:
    layouts = pytest.importorskip("oras.layout")
    filled.export("net", tmp_path / "out", "oci")

    layouts.Layout(str(tmp_path / "out"))


@pytest.mark.parametrize("count", [1, 100, 101, 1000])
def test_a_layout_is_imported_as_the_same_content(
    repo: Repository, tmp_path: Path, folder: Callable[..., str], count: int
) -> None:
    # given
    files = {
        f"part-{n % 7}/f{n:04}.{('txt', 'py', 'md', 'bin')[n % 4]}": b"%d" % n * (n % 50) for n in range(count - 1)
    }
    logged(repo, folder(files | {"run.sh": b"#!/bin/sh\n"}), aliases=["best"], metadata={"a": {"b": [1, 2.5, "é"]}})
    repo.add_tags("net:v0", ["vision"])

    # when
    repo.export("net", tmp_path / "out", "oci")
    other = Repository.init(tmp_path / "other")
    done = other.import_from(tmp_path / "out")

    # then
    one, two = repo.version("net"), other.version("net:best")
    assert (two.manifest, two.number, two.metadata, two.tags) == (one.manifest, 0, one.metadata, one.tags)
    assert two.origin is not None and two.origin.system == "oci"
    assert len(manifest_of(tmp_path / "out", "v0")["layers"]) <= 100
    assert done.collections[0].aliases == {"best": "net:v0"}
    assert other.fsck(full=True).findings == ()
    assert other.import_from(tmp_path / "out").collections[0].seq is None
    other.export("net", tmp_path / "again", "oci")
    assert tree(tmp_path / "again") == tree(tmp_path / "out"), "the same image, to the digest of its manifest"
    other.close()


def test_a_registered_model_goes_by_its_own_name_and_aliases(filled: Repository, tmp_path: Path) -> None:
    filled.link("net", "Digits", aliases=["prod", "最良"])

    done = filled.export("Digits:prod", tmp_path / "out", "oci")

    index = json.loads((tmp_path / "out" / "index.json").read_text())
    names = [one["annotations"]["org.opencontainers.image.ref.name"] for one in index["manifests"]]
    assert names == ["v0", "prod"]
    assert done.notes == ("alias '最良' is left out: registries do not accept such tags",)
    assert manifest_of(tmp_path / "out", "prod")["annotations"]["org.opencontainers.image.title"] == "Digits"
