"""How many requests commands cost: counted where they are made, and in the server's own log, and told in
docs/buckets.md."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fabricated import grow
from servers import Server

from mreg.session import buckets, locations
from mreg.storage.bucket import Bucket

PAGE = Path(__file__).parent.parent.parent / "docs" / "buckets.md"
COMMANDS = {
    "resolve": ["resolve", "m:best"],
    "ls": ["ls"],
    "ls NAME": ["ls", "m"],
    "show": ["show", "m"],
    "log of unchanged content": ["log", "ckpt", "--artifact", "m"],
    "alias set": ["alias", "set", "best", "m:v0"],
    "link": ["link", "m:v1", "Classifier", "--alias", "prod"],
    "tag add": ["tag", "add", "m:v1", "good"],
    "rm": ["rm", "m:v0", "--force"],
    "log": ["log", "new", "--artifact", "m", "--alias", "best"],
    "get": ["get", "m", "-o", "out"],
    "use again": ["use", "m"],
}


def told() -> dict[str, int]:
    """What the page says of each command."""
    _, _, table = PAGE.read_text(encoding="utf-8").partition("| command | requests |")
    found = {}
    for row in table.splitlines()[2:]:
        if not row.startswith("|"):
            break
        names, said = row.strip("| ").split(" | ")
        number = int((re.search(r"(\d+) for a small", said) or re.match(r"(\d+)", said))[1])  # type: ignore[index]
        found |= {name.strip().replace("`", ""): number for name in names.split(",")}
    return found


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that the storage makes."""
    made: list[str] = []

    def counted(name: str) -> Callable[..., Any]:
        method = getattr(Bucket, name)

        def call(self: Bucket, *arguments: Any, **more: Any) -> Any:
            made.append(name if name == "listing" else f"{name} {arguments[0]}")
            return method(self, *arguments, **more)

        return call

    for name in ("get", "read", "stat", "listing", "put", "send", "delete"):
        monkeypatch.setattr(Bucket, name, counted(name))
    return made


@pytest.mark.parametrize("server", ["moto"], indirect=True)
def test_commands_cost_as_many_requests_as_the_page_says(
    server: Server, bare: Any, made: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MREG_REPO", server.place())
    bare.must("init")
    for number in range(2):
        (bare.home / "ckpt").mkdir(exist_ok=True)
        (bare.home / "ckpt" / "weights").write_bytes(os.urandom(1000 + number))
        bare.must("log", "ckpt", "--artifact", "m", "--alias", "best")
    (bare.home / "new").mkdir()
    (bare.home / "new" / "weights").write_bytes(os.urandom(1000))

    at_the_storage, at_the_server = {}, {}
    for name, command in COMMANDS.items():
        if name == "use again":
            bare.must(*command)
        made.clear()
        before = len(requests_in(server))
        bare.must(*command)
        at_the_storage[name], at_the_server[name] = len(made), len(requests_in(server)) - before
        if name in ("log of unchanged content", "resolve", "ls", "show", "get"):
            assert not {"put", "send"} & {one.split()[0] for one in made}

    assert at_the_storage == at_the_server == told()


@pytest.mark.parametrize("server", ["moto"], indirect=True)
def test_ten_thousand_entries_and_a_thousand_packs_cost_no_more(
    server: Server, bare: Any, made: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = server.place()
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache-first"))
    monkeypatch.setenv("MREG_REPO", place)
    bare.must("init")
    (bare.home / "ckpt").mkdir()
    (bare.home / "ckpt" / "weights").write_bytes(os.urandom(1000))
    bare.must("log", "ckpt", "--artifact", "m", "--alias", "best")
    url = locations.url_of(place)
    assert isinstance(url, locations.Url)
    grow(buckets.open_remote_store(url), 10_000, every=10)
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache-new"))
    (bare.home / "new").mkdir()
    (bare.home / "new" / "weights").write_bytes(os.urandom(1000))
    commands = {
        "resolve, cold": (["resolve", "m:best"], 3),
        "get, cold": (["get", "m:best", "-o", "out"], 6),  # news, record, manifest, pack: size, index, chunk
        "resolve": (["resolve", "m:best"], 1),
        "alias set": (["alias", "set", "other", "m:v0"], 2),
        "log, cold": (["log", "new", "--artifact", "m"], 12),
        "log of unchanged content": (["log", "new", "--artifact", "m"], 1),
        "log": (["log", "newer", "--artifact", "m"], 3 + 1 + 2),
    }
    (bare.home / "newer").mkdir()
    (bare.home / "newer" / "weights").write_bytes(os.urandom(1000))

    asked = {}
    for name, (command, _) in commands.items():
        made.clear()
        before = len(requests_in(server))
        bare.must(*command)
        asked[name] = (len(made), len(requests_in(server)) - before)
        if "log" not in name or "there" in name:
            assert name == "alias set" or not {"put", "send"} & {one.split()[0] for one in made}

    assert {name: count for name, (count, other) in asked.items() if count != other} == {}
    assert {name: count for name, (count, _) in asked.items() if count > commands[name][1]} == {}


def requests_in(server: Server) -> list[str]:
    lines = server.log.read_text(errors="replace").splitlines()
    return [line for line in lines if re.search(r"(GET|PUT|HEAD|POST|DELETE) /models", line)]
