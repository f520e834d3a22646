"""The cache of Hugging Face, and folders that its command line downloaded to."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # where `hub` and `tools` are: test folders are no packages

import hub
import real_sources
import tools

from mreg.importers import huggingface
from mreg.importers.faults import (
    MalformedSource,
    NothingToImport,
    OutsideSource,
    PartialVersion,
    UnknownCollection,
    WrongBytes,
)
from mreg.importers.plan import PlannedCollection, PlannedInput, PlannedVersion
from mreg.repository import Repository

CARD = b"""---
license: apache-2.0
tags: [nlp, "region:us"]
base_model: google/base
language: en
model-index:
- name: bert
  results:
  - dataset: {name: glue, type: glue}
    metrics:
    - {type: accuracy, value: 0.91}
---
# BERT
"""
OLD, NEW, REQUEST = "b" * 40, "a" * 40, "c" * 40
BASE = {"config.json": b"{}", "model.safetensors": b"base" * 100}
MODELS: dict[str, hub.Revisions] = {
    "org/bert": {
        "v1": (OLD, {"config.json": b"{}", "model.safetensors": b"old" * 100}),
        "refs/pr/1": (REQUEST, {"config.json": b"{}", "model.safetensors": b"request" * 100}),
        "main": (
            NEW,
            {"README.md": CARD, "config.json": b'{"x": 1}', "model.safetensors": b"n" * 300, "a/b.txt": b"b"},
        ),
    },
    "google/base": {"main": ("d" * 40, BASE)},
}


class Cache:
    """A cache with the layout that huggingface_hub makes, written by hand."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def snapshot(
        self, name: str, commit: str, files: dict[str, bytes], *refs: str, listing: bool = True, links: bool = True
    ) -> Path:
        folder = self.root / f"models--{name.replace('/', '--')}"
        for path, data in files.items():
            blob = folder / "blobs" / hub.etag(path, data)
            link = folder / "snapshots" / commit / path
            for place in (blob, link):
                place.parent.mkdir(parents=True, exist_ok=True)
            if links:
                blob.write_bytes(data)
                link.symlink_to(os.path.relpath(blob, link.parent))
            else:
                link.write_bytes(data)
        for ref in refs:
            (folder / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
            (folder / "refs" / ref).write_text(commit)
        if listing:
            rows = {path: {"size": len(data), "blob_id": hub.git_sha1(data)} for path, data in files.items()}
            for path in (path for path in files if path.endswith(".safetensors")):
                rows[path] |= {"lfs_sha256": hub.etag(path, files[path]), "lfs_size": len(files[path])}  # type: ignore
            (folder / "trees").mkdir(exist_ok=True)
            (folder / "trees" / f"{commit}.json").write_text(json.dumps({"format_version": 1, "files": rows}))
        return folder / "snapshots" / commit


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "hub")


@pytest.fixture
def whole(cache: Cache) -> Cache:
    """All of MODELS."""
    for name, revisions in MODELS.items():
        for revision, (commit, files) in revisions.items():
            cache.snapshot(name, commit, files, revision)
    return cache


def check_bert(repo: Repository) -> None:
    """That all of MODELS has arrived."""
    versions = {version.origin.id: version for version in repo.versions("org-bert") if version.origin}
    assert versions.keys() == {OLD, NEW, REQUEST}
    new = versions[NEW]
    assert {one.alias: one.number for one in repo.aliases("org-bert")} == {
        "main": new.number,
        "alias-v1": versions[OLD].number,
        "refs-pr-1": versions[REQUEST].number,
    }
    for commit, files in MODELS["org/bert"].values():
        name = versions[commit].name
        assert {file.path: b"".join(repo.read(name, file.path)) for file in repo.files(name)} == files
    assert new.tags == ("nlp", "region-us")
    assert new.metadata["card"]["license"] == "apache-2.0"
    assert new.metadata["metrics"] == {"accuracy": 0.91}
    assert [entry.reference for entry in new.inputs] == ["google-base:v0"]
    assert repo.card("org-bert:main").startswith("---\nlicense: apache-2.0")
    assert repo.fsck(full=True).findings == ()


def test_every_snapshot_ref_card_and_tag_arrives(repo: Repository, whole: Cache, only_read: Any) -> None:
    with only_read(whole.root):
        done = repo.import_from(whole.root)

    assert done.system == "huggingface"
    assert len(done.added) == 4
    check_bert(repo)
    assert repo.digests("org-bert:main", "sha256")["model.safetensors"] == hub.etag("x.safetensors", b"n" * 300)


def test_a_second_import_changes_nothing_and_one_after_a_download_adds_exactly_that(
    repo: Repository, whole: Cache
) -> None:
    repo.import_from(whole.root)
    entries = len(repo.history())
    assert repo.import_from(whole.root).added == ()
    assert len(repo.history()) == entries

    whole.snapshot("org/bert", "e" * 40, {"config.json": b"{}", "model.safetensors": b"e" * 9}, "main")

    assert repo.import_from(whole.root).added == ("org-bert:v3",)
    assert repo.resolve("org-bert:main").number == 3
    assert len(repo.history()) == entries + 1


@pytest.mark.parametrize("below", ["", "models--org--bert"])
def test_a_home_and_a_single_model_are_recognised(repo: Repository, whole: Cache, below: str) -> None:
    source = whole.root / below if below else whole.root.parent

    repo.import_from(source)

    assert len(repo.versions("org-bert")) == 3


def test_a_thousand_models_may_be_made_one_of_another(repo: Repository) -> None:
    versions = [PlannedVersion(id="1", files={}, inputs=(PlannedInput(f"m{n + 1}", "1", ""),)) for n in range(1100)]
    collections = [PlannedCollection(f"m{n}", (one,)) for n, one in enumerate(versions)]

    found = huggingface._bases_first(collections)

    assert [one.name for one in found] == [f"m{n}" for n in reversed(range(1100))]


def test_a_base_that_is_not_here_is_an_address(repo: Repository, whole: Cache) -> None:
    repo.import_from(whole.root, only="org/bert", artifact="bert")

    version = repo.version("bert:main")
    assert (version.inputs, [one.name for one in version.sources]) == ((), ["hf://google/base"])


@pytest.mark.parametrize("listing", [True, False])
def test_a_partial_snapshot_is_refused_unless_it_is_wanted(repo: Repository, cache: Cache, listing: bool) -> None:
    # given
    index = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}).encode()
    files = {"model.safetensors.index.json": index, "model-1.safetensors": b"1", "model-2.safetensors": b"2"}
    snapshot = cache.snapshot("org/big", NEW, files, "main", listing=listing)
    (snapshot / "model-2.safetensors").unlink()

    # when
    with pytest.raises(PartialVersion, match=r"model-2\.safetensors"):
        repo.import_from(cache.root)

    # then
    assert repo.history() == []
    assert repo.import_from(cache.root, partial=True).added == ("org-big:v0",)
    cache.snapshot("org/big", NEW, {"model-2.safetensors": b"2"}, listing=False)
    assert repo.import_from(cache.root).added == ("org-big:v1",), "it is whole now"


def test_a_link_to_nothing_and_a_config_without_weights_are_partial(repo: Repository, cache: Cache) -> None:
    snapshot = cache.snapshot("org/a", NEW, BASE, "main", listing=False)
    (snapshot / "model.safetensors").resolve().unlink()
    with pytest.raises(PartialVersion):
        repo.import_from(cache.root)
    (snapshot / "model.safetensors").unlink()
    with pytest.raises(PartialVersion):
        repo.import_from(cache.root)


@pytest.mark.parametrize("path", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("links", [True, False])
def test_a_blob_that_is_not_what_its_name_says_is_refused(
    repo: Repository, cache: Cache, path: str, links: bool
) -> None:
    file = (cache.snapshot("org/a", NEW, BASE, "main", links=links) / path).resolve()
    file.write_bytes(file.read_bytes()[::-1])

    with pytest.raises(WrongBytes, match=path):
        repo.import_from(cache.root)

    assert repo.history() == []


@pytest.mark.parametrize("target", ["/etc/hostname", "../../../../outside"])
def test_a_link_out_of_the_cache_is_refused(repo: Repository, cache: Cache, target: str) -> None:
    snapshot = cache.snapshot("org/a", NEW, BASE, "main", listing=False)
    (cache.root.parent / "outside").write_text("secret")
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to(target)

    with pytest.raises(OutsideSource):
        repo.import_from(cache.root)


def test_a_link_to_a_folder_out_of_the_cache_is_refused_and_no_more_is_offered_to_be_read(
    repo: Repository, cache: Cache, tmp_path: Path
) -> None:
    snapshot = cache.snapshot("org/a", NEW, BASE, "main", listing=False)
    (tmp_path / "elsewhere").mkdir()
    (snapshot / "more").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OutsideSource) as refused:
        repo.import_from(cache.root)

    assert refused.value.folder == str(tmp_path / "elsewhere")


def test_what_is_not_chosen_does_not_matter(repo: Repository, cache: Cache) -> None:
    # given
    cache.snapshot("org/good", OLD, BASE, "main")
    snapshot = cache.snapshot("org/bad", NEW, BASE, "main", listing=False)
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to("/etc/hostname")
    (cache.root / "models--org--empty" / "blobs").mkdir(parents=True)
    with pytest.raises(OutsideSource):
        repo.import_from(cache.root)

    # when
    done = repo.import_from(cache.root, only="org/good")

    # then
    assert (done.added, done.notes) == (("org-good:v0",), ())
    with pytest.raises(UnknownCollection) as caught:
        repo.import_from(cache.root, only="org/bda")
    assert "org/bad" in caught.value.near


def test_refs_and_folders_that_name_no_snapshot_are_told_and_the_rest_is_imported(
    repo: Repository, cache: Cache, tmp_path: Path
) -> None:
    # given
    folder = cache.snapshot("org/bert", NEW, {"w.bin": b"w"}, "main", NEW).parents[1]
    for name, data in {"bad": b"../../etc", "binary": b"\xff", "old": OLD.encode()}.items():
        (folder / "refs" / name).write_bytes(data)
    (folder / "snapshots" / "notes").mkdir()
    (cache.root / "models--org--empty" / "blobs").mkdir(parents=True)
    (tmp_path / "elsewhere" / "snapshots").mkdir(parents=True)
    (cache.root / "models--org--linked").symlink_to(tmp_path / "elsewhere")

    # when
    done = repo.import_from(cache.root)

    # then
    assert done.added == ("org-bert:v0",)
    assert {one.alias for one in repo.aliases("org-bert")} == {"main"}
    told = "\n".join(done.notes)
    for words in ("'bad' of org/bert", "'binary' of org/bert", "'old' of org/bert", "'notes' of org/bert"):
        assert f"{words} is left out" in told
    assert "'org/empty' is left out" in told and "'models--org--linked' is left out: it is a link" in told
    assert len(done.notes) == 6


def test_a_listing_that_is_not_understood_is_no_listing(repo: Repository, cache: Cache) -> None:
    for n, text in enumerate(
        ["", "[]", "{}", '{"format_version": 1, "files": [1]}', '{"format_version": 9}', "[" * 10**5]
    ):
        commit = f"{n}" * 40
        cache.snapshot("org/a", commit, {**BASE, "n.txt": text.encode()})
        (cache.root / "models--org--a" / "trees" / f"{commit}.json").write_text(text)

    assert len(repo.import_from(cache.root).added) == 6


def test_hostile_listings_name_nothing_outside(repo: Repository, cache: Cache) -> None:
    cache.snapshot("org/a", NEW, BASE)
    rows = {"../../x": {"size": 1, "blob_id": "0" * 40}, "/etc/passwd": {"size": 2 << 40, "blob_id": "1" * 40}}
    path = cache.root / "models--org--a" / "trees" / f"{NEW}.json"
    path.write_text(json.dumps({"format_version": 1, "files": rows}))

    with pytest.raises(MalformedSource):
        repo.import_from(cache.root, partial=True)


def test_an_empty_cache_is_refused(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "models--org--x" / "snapshots").mkdir(parents=True)
    with pytest.raises(NothingToImport):
        repo.import_from(tmp_path)


class TestLocalFolder:
    @pytest.fixture
    def local(self, tmp_path: Path) -> Callable[..., Path]:
        def local(files: dict[str, bytes], commit: str = NEW) -> Path:
            folder = tmp_path / "bert"
            for path, data in files.items():
                kept = folder / ".cache" / "huggingface" / "download" / f"{path}.metadata"
                for place in (folder / path, kept):
                    place.parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(data)
                kept.write_text(f"{commit}\n{hub.etag(path, data)}\n1712656091.123\n")
            return folder

        return local

    def test_it_is_one_version_with_card_and_digests(
        self, repo: Repository, local: Callable[..., Path], only_read: Any
    ) -> None:
        source = local(MODELS["org/bert"]["main"][1])
        (source / "notes.txt").write_text("mine")

        with only_read(source):
            done = repo.import_from(source)

        version = repo.version("bert:v0")
        assert done.added == ("bert:v0",)
        assert (version.origin and version.origin.id, version.tags) == (NEW, ("nlp", "region-us"))
        assert [file.path for file in repo.files("bert:v0")] == [
            "README.md",
            "a/b.txt",
            "config.json",
            "model.safetensors",
        ]
        assert done.notes == ("'notes.txt' is left out: it was not downloaded",)
        assert repo.import_from(source).added == ()

    def test_a_file_that_was_edited_is_refused(self, repo: Repository, local: Callable[..., Path]) -> None:
        source = local(BASE)
        (source / "config.json").write_text('{"x": 2}')

        with pytest.raises(WrongBytes, match=r"config\.json"):
            repo.import_from(source)

    def test_files_of_two_commits_are_no_version(self, repo: Repository, local: Callable[..., Path]) -> None:
        source = local(BASE)
        kept = source / ".cache" / "huggingface" / "download" / "config.json.metadata"
        kept.write_text(kept.read_text().replace(NEW, OLD))

        with pytest.raises(PartialVersion):
            repo.import_from(source)

    def test_metadata_that_is_not_understood_is_refused(self, repo: Repository, local: Callable[..., Path]) -> None:
        source = local(BASE)
        (source / ".cache" / "huggingface" / "download" / "config.json.metadata").write_text("../x\n")

        with pytest.raises(MalformedSource):
            repo.import_from(source)


@tools.needs("huggingface_hub")
class TestRealTool:
    def test_what_it_downloads_arrives(self, repo: Repository, tmp_path: Path, only_read: Any) -> None:
        # given
        real_sources.download(tmp_path, MODELS)

        # when
        with only_read(tmp_path / "home"):
            repo.import_from(tmp_path / "home")
        local = repo.import_from(tmp_path / "bert", artifact="local")

        # then
        check_bert(repo)
        assert local.added == ("local:v0",)
        assert repo.resolve("local:v0").digest != repo.resolve("org-bert:main").digest
        assert repo.files("local:v0") == repo.files("org-bert:main")
        assert repo.import_from(tmp_path / "home").added == ()
        shutil.rmtree(tmp_path / "home")
