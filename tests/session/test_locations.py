"""What the text of a location means. A folder is never made of what looks like a URL."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mreg import Repository, default_cache
from mreg.session import trust
from mreg.session.glance import Glance
from mreg.session.locations import (
    InvalidLocation,
    NeedsFolder,
    UnknownScheme,
    Url,
    folder_of,
    remote_of,
    url_of,
)

URLS = ["hdfs://models/vision", "HDFS://models", "sftp://b/", "ftp://host/x", "git+ssh://host/x", "ftp:/models/vision"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("url", URLS)
def test_unknown_urls_are_refused_and_no_folder_is_made(here: Path, url: str) -> None:
    for use in (Repository.init, Repository.open, Repository.rescue, trust.add_safe_directory):
        with pytest.raises(UnknownScheme, match="only file://, s3://, gs://, az://"):
            use(url)

    assert os.listdir(here) == []


def test_a_path_object_made_from_a_url_is_one_too(here: Path) -> None:
    with pytest.raises(UnknownScheme):
        Repository.init(Path("ftp://models/vision"))

    assert os.listdir(here) == []


@pytest.mark.parametrize("url", ["s3://models/vision", "S3://models/vision/", Path("s3://models/vision")])
def test_buckets_are_told_from_folders(here: Path, url: str | Path) -> None:
    assert remote_of(url) == Url("s3", "models", "/vision")
    with pytest.raises(NeedsFolder):
        trust.add_safe_directory(url)

    assert os.listdir(here) == []


@pytest.mark.parametrize("url", ["s3://ann:hunter2@models/x", "gs://models/x?key=hunter2", "az://models/x#hunter2"])
def test_credentials_in_a_bucket_s_location_are_refused(url: str) -> None:
    with pytest.raises(InvalidLocation, match="credentials belong in the environment") as caught:
        remote_of(url)

    assert "hunter2" not in str(caught.value) + repr(caught.value.facts)


@pytest.mark.parametrize("location", ["a", "./s3://a", "/a:/b", ":/a", "3s:/a", "a b:/c", "s3:a", "é:/a", "."])
def test_what_is_no_url_is_a_folder(location: str) -> None:
    assert url_of(location) is None
    assert folder_of(location) == location


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:///srv/models", "/srv/models"),
        ("file:/srv/models", "/srv/models"),
        ("FILE://localhost/srv/a%20b%2Fc", "/srv/a b/c"),
        ("file:///srv/%FF", "/srv/\udcff"),
        ("file:///", "/"),
    ],
)
def test_file_urls_name_a_folder(url: str, folder: str) -> None:
    assert folder_of(url) == folder


@pytest.mark.parametrize("url", ["file://srv/models", "file://srv", "file://"])
def test_file_urls_of_other_hosts_are_refused(url: str) -> None:
    with pytest.raises(InvalidLocation, match="three slashes"):
        folder_of(url)


def test_a_repository_is_made_and_opened_by_a_file_url(here: Path) -> None:
    with Repository.init(f"file://{here}/a") as made, Repository.open(f"file://{here}/a") as opened:
        assert made.id == opened.id
        assert opened.location == f"{here}/a/.mreg"


def test_secrets_in_a_url_are_not_told() -> None:
    url = "ftp://ann:hunter2@host/models?key=hunter2#hunter2"

    with pytest.raises(UnknownScheme) as caught:
        folder_of(url)

    assert "hunter2" not in str(caught.value) + repr(caught.value.facts)
    assert "ftp://host/models" in str(caught.value)


def test_get_makes_no_folder_of_a_url(here: Path) -> None:
    (here / "f").write_bytes(b"x")
    with Repository.init() as repository:
        repository.log("f", "a")

        with pytest.raises(NeedsFolder, match="get writes to"):
            repository.get("a", "s3://bucket/x")

    assert sorted(os.listdir(here)) == [".mreg", "f"]


def test_a_cache_at_a_url_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MREG_CACHE", "s3://bucket/cache")

    with pytest.raises(NeedsFolder, match="the cache must be a folder"):
        default_cache()


def test_completion_looks_into_no_folder_of_a_url_s_name(here: Path) -> None:
    Repository.init("./s3:/models").close()

    found = Glance("s3://models").artifacts()

    assert list(found) == []
