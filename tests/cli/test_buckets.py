"""Commands on a repository in a bucket, on servers that people run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from servers import AZURE_SECRET, KEY, SECRET, Server

from mreg.storage import clouds
from mreg.testing.remote_contract import data_of

moto = pytest.mark.parametrize("server", ["moto"], indirect=True)


@pytest.fixture
def url(server: Server, bare: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MREG_REPO", place := server.place())
    return place


def write(folder: Path, **files: bytes) -> None:
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def test_a_repository_in_a_bucket_from_init_to_gc(url: str, bare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(1 << 20)
    write(bare.home / "ckpt", weights=data, config=b"{}")

    made, again = bare("init"), bare("init")
    assert (made.code, made.out, made.errors) == (0, f"{url}\n", f"made an empty repository: {url}\n")
    assert (again.code, again.out) == (0, f"{url}\n")

    assert bare.must("log", "ckpt", "--artifact", "mnist", "--alias", "best") == "mnist:v0\n"
    same = bare("log", "ckpt", "--artifact", "mnist")
    assert (same.code, same.out) == (0, "mnist:v0\n") and "no new version" in same.errors
    write(bare.home / "ckpt", config=b"{1}")
    assert bare.must("log", "ckpt", "--artifact", "mnist") == "mnist:v1\n"
    bare.must("alias", "set", "best", "mnist:v1", "--expect", "v0")
    assert bare("alias", "set", "best", "mnist:v0", "--expect", "v0").code == 7
    assert bare.must("resolve", "mnist:best") == "mnist:v1\n"
    bare.must("link", "mnist:best", "Classifier", "--alias", "prod")
    assert "mnist" in bare.must("ls") and "best" in bare.must("ls", "mnist")
    assert len(bare.must("history").splitlines()) >= 4

    monkeypatch.setenv("MREG_CACHE", str(bare.home / "another-cache"))
    assert (Path(bare.must("use", "Classifier:prod").strip()) / "weights").read_bytes() == data
    bare.must("get", "mnist:v0", "-o", "out")
    assert ((bare.home / "out" / "weights").read_bytes(), (bare.home / "out" / "config").read_bytes()) == (data, b"{}")
    bare.must("rm", "mnist:v0")
    bare.must("gc", "--grace", "0")
    checked = bare("fsck", "--full")
    assert (checked.code, checked.errors) == (0, "") or "no damage found" in checked.out + checked.errors


def test_secrets_are_written_and_printed_nowhere(url: str, bare: Any, tmp_path: Path) -> None:
    write(bare.home / "ckpt", a=b"x")
    told = [
        bare("-v", *command.split()) for command in ("init", "log ckpt --artifact m", "ls --json", "show m", "fsck")
    ]
    told += [bare("resolve", "nothing", "--json"), bare("history", "--json"), bare("config", "ls")]

    printed = "".join(result.out + result.errors for result in told)
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "server" not in str(path)]

    for secret in (KEY, SECRET, AZURE_SECRET):
        assert secret not in printed
        assert not any(secret.encode() in data for data in written)


def test_no_repository_is_told_as_such(url: str, bare: Any) -> None:
    result = bare("ls")

    assert (result.code, result.out) == (3, "")
    assert f"there is no mreg repository at {url}" in result.errors


@moto
@pytest.mark.parametrize(
    ("location", "code", "said"),
    [
        ("s3://nowhere-at-all/x", 3, "there is no bucket s3://nowhere-at-all/x"),
        ("s3://me:canary@models/x", 2, "credentials belong in the environment"),
        ("s3://models/x?key=canary", 2, "credentials belong in the environment"),
        ("s3://", 2, "write s3://BUCKET/FOLDER"),
    ],
)
def test_wrong_locations_are_refused(url: str, bare: Any, location: str, code: int, said: str) -> None:
    for command in (("ls",), ("init",)):
        result = bare(*command, "--repo", location)

        assert (result.code, result.out) == (code, "")
        assert said in result.errors and "canary" not in result.errors


@moto
def test_a_folder_s_ways_are_refused(url: str, bare: Any) -> None:
    shared, rescued = bare("init", "--shared"), bare("config", "set", "--user", "safe.directory", url)

    assert (shared.code, rescued.code) == (2, 2)
    assert "what a group shares must be a folder" in shared.errors
    assert "a safe directory must be a folder" in rescued.errors


def test_without_the_extra_the_way_to_it_is_told(bare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)

    result = bare("ls", "--repo", "s3://models/vision")

    assert (result.code, result.out) == (1, "")
    assert "pip install 'mreg[remote]'" in result.errors


@moto
@pytest.mark.parametrize("spoilt", [None, b"", b"format = what?\n", b"\xff\xfe"])
def test_a_bucket_is_repaired_by_the_command_line_also_without_its_config(
    url: str, bare: Any, monkeypatch: pytest.MonkeyPatch, spoilt: bytes | None
) -> None:
    # given
    write(bare.home / "ckpt", a=b"x")
    for command in ("init", "log ckpt -a m", "config set gc.grace 2h"):
        bare.must(*command.split())
    bucket = clouds.open_bucket("s3", *url.removeprefix("s3://").split("/", 1))
    made = data_of(bucket, "config.toml")
    bucket.delete("config.toml") if spoilt is None else bucket.put("config.toml", spoilt)

    # when
    repaired = bare("fsck", "--repair")

    # then
    assert repaired.code == 0 and "repaired config.toml: recreated from the journal" in repaired.errors
    assert data_of(bucket, "config.toml") == made
    monkeypatch.setenv("MREG_CACHE", str(bare.home / "another-cache"))
    assert (bare.must("resolve", "m"), bare.must("config", "get", "gc.grace")) == ("m:v0\n", "2h\n")
    assert bare("fsck", "--full", "--repair").code == bare("fsck", "--full").code == 0
