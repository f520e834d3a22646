"""Every transfer, over each kind of location, by a process that dies before a system call or a request: nothing is half
visible, both sides are sound, and the next run sends only the rest."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killed import Server
from safetensors.numpy import save
from servers import openssh, running
from web_server import Files, WebServer

from mreg import Repository

CASES = [
    *(("push", kind) for kind in ("folder", "bucket", "ssh")),
    *(("pull", kind) for kind in ("folder", "bucket", "ssh", "web", "bundle")),
    *(("clone", kind) for kind in ("folder", "bucket", "ssh", "web")),
    *(("mirror", kind) for kind in ("folder", "bucket", "ssh")),
    ("bundle", "folder"),
]
OFTEN = [
    ("push", "ssh"),
    ("push", "bucket"),
    ("pull", "web"),
    ("clone", "ssh"),
    ("mirror", "folder"),
    ("pull", "bundle"),
]
"""Killed at one or two calls in every run of the tests, and at some of each kind in the slow ones."""

POINTS = int(os.environ.get("MREG_POINTS", "25"))
"""At how many calls of each transfer the slow tests kill it."""

ALL = ["m:v0", "m:v1", "m:v2"]
SLACK = 400 * 8
"""Bytes: a pack more has a header and a trailer of its own."""


class World:
    """Places of each kind, a repository in each, and the process that transfers."""

    def __init__(self, folder: Path, places: dict[str, str], server: Server) -> None:
        self.folder, self.places, self.server = folder, places, server
        self._number = 0

    def new(self, kind: str) -> str:
        """A place where nothing is."""
        self._number += 1
        return f"{self.places[kind]}/{self._number}"

    def run(self, what: str, *given: str) -> Any:
        answer = self.server.run(what, *given)
        assert answer and "error" not in answer, answer
        return answer["done"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("killed")
    quiet = partial(Files, directory=str(folder / "site"))
    with (
        openssh(folder / "sshd") as ssh,
        running("moto", folder / "moto") as moto,
        WebServer(("127.0.0.1", 0), quiet) as web,
    ):
        threading.Thread(target=web.serve_forever, daemon=True).start()
        environment = {**os.environ, **moto.environment, "HOME": str(folder / "sshd" / "home"), "no_proxy": "127.0.0.1"}
        environment |= {"MREG_CACHE": str(folder / "cache"), "XDG_CONFIG_HOME": str(folder / "config")}
        environment.pop("SSH_AUTH_SOCK", None)
        server = Server(environment)
        places = {"folder": str(folder), "bucket": moto.url, "ssh": ssh, "web": f"http://127.0.0.1:{web.server_port}"}
        made = World(folder, places, server)
        fill(made)
        yield made
        server.close()
        web.shutdown()


def fill(world: World) -> None:
    """Three versions of a fine-tuned tensor, with an alias and a link, in a repository of each kind."""
    generator = np.random.default_rng(5)
    weights = generator.normal(0, 0.02, 60_000).astype(np.float32)
    source = world.folder / "source"
    with Repository.init(source) as one:
        for number in range(3):
            files = {"model.safetensors": save({"w": weights}), "step.txt": b"%d" % number}
            one.log(files, "m", aliases=["best"], links=["Reader"])
            weights = weights + generator.normal(0, 0.0001, len(weights)).astype(np.float32)
    for kind in ("bucket", "ssh"):
        world.run("init", f"{world.places[kind]}/source")
        world.run("push", str(source), f"{world.places[kind]}/source")
    shutil.copytree(source / ".mreg", world.folder / "site" / "source")
    world.run("bundle", str(source), str(world.folder / "source.bundle"))


def transfer(world: World, what: str, kind: str) -> tuple[tuple[str, str, str], str]:
    """What to run, from and to a new place; and that place, as a repository."""
    if what in ("push", "mirror"):
        target = world.new(kind)
        if what == "push":
            world.run("init", target)
        return (what, str(world.folder / "source"), target), target
    source = str(world.folder / "source.bundle") if kind == "bundle" else f"{world.places[kind]}/source"
    if what == "bundle":
        source, target = str(world.folder / "source"), world.new("folder") + ".bundle"
        return (what, source, target), target
    target = world.new("folder")
    if what == "pull":
        world.run("init", target)
    return (what, source, target), target


def look(world: World, what: str, target: str) -> Any:
    if what != "bundle":
        return world.run("look", target)
    if not os.path.exists(target):
        return {"versions": [], "findings": [], "named": 0, "aliases": []}
    inside = world.new("folder")
    world.run("init", inside)
    world.run("pull", target, inside)
    return world.run("look", inside)


def sweep(world: World, what: str, kind: str, choose: Callable[[int], range]) -> None:
    line, target = transfer(world, what, kind)
    answer = world.server.run(*line)
    assert answer and "error" not in answer, answer
    whole, calls = answer["done"], answer["calls"]
    assert look(world, what, target)["versions"] == ALL
    deaths = 0
    for at in choose(calls):
        line, target = transfer(world, what, kind)
        died = world.server.run(*line, die=at)
        seen = look(world, what, target)
        assert seen["findings"] == [], (at, seen)
        if what == "mirror":  # entry by entry: each is a state that the repository had
            assert seen["versions"] == ALL[: len(seen["versions"])]
        else:
            assert seen["versions"] in ([], ALL), at
            assert bool(seen["aliases"]) == bool(seen["versions"])
        again = world.run(*line)
        if what != "bundle":
            assert again <= max(0, whole - seen["named"]) + SLACK, at
        now = look(world, what, target)
        assert now["findings"] == [] and now["versions"] == ALL, (at, now)
        assert died is None or "error" not in died, died
        deaths += died is None
    assert deaths  # not all: a later run has warmer caches, and makes fewer calls
    source = line[1]
    if kind not in ("web", "bundle"):
        assert world.run("look", source)["findings"] == []


@pytest.mark.parametrize(("what", "kind"), OFTEN)
def test_a_transfer_that_is_killed_goes_on(world: World, what: str, kind: str) -> None:
    sweep(world, what, kind, lambda calls: range(calls // 3, calls, max(2, calls // 2)))


@pytest.mark.slow
@pytest.mark.parametrize(("what", "kind"), CASES)
def test_a_transfer_that_is_killed_at_any_call_goes_on(world: World, what: str, kind: str) -> None:
    sweep(world, what, kind, lambda calls: range(1, calls + 1, max(1, calls // POINTS)))
