"""At each request of each writing command on a bucket, one fault: the change is made, or nothing is, and which of the
two is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bucket_sweep import Nth, World
from fault_proxy import KILLS, LOST, REFUSED, FaultProxy
from servers import Server

from mreg.storage import clouds

WRITES = {
    "log": "log three -a digits --alias best --link zoo:prod",
    "log-new": "log three -a brand-new",
    "log-always": "log one -a digits --always",
    "annotate": "annotate digits:v0 -m other --meta m.acc=1",
    "rm": "rm letters:v0",
    "link": "link digits:v1 Classifier --alias prod",
    "unlink": "unlink zoo:v1",
    "alias-set": "alias set best digits:v1",
    "alias-rollback": "alias rollback prod Classifier",
    "alias-rm": "alias rm best digits",
    "tag-add": "tag add Classifier tiny small",
    "tag-rm": "tag rm Classifier vision",
    "card": "card Classifier --file card.md",
    "artifact-create": "artifact create empty --description nothing",
    "artifact-describe": "artifact describe digits handwritten",
    "artifact-rename": "artifact rename digits numbers",
    "artifact-rm": "artifact rm letters --force",
    "model-create": "model create fresh --tag x",
    "model-describe": "model describe zoo animals",
    "model-rename": "model rename zoo farm",
    "model-rm": "model rm zoo --force",
    "undo": "undo 9",
    "use-run": "use digits:best --run r1",
    "gc": "gc --keep-last 1 --grace 0",
    "config-set": "config set gc.grace 2h",
    "fsck-repair": "fsck --repair",
    "import": "import runs --artifact resnet",
    "push": "--repo OTHER push URL there --all",
    "pull": "pull OTHER there",
    "pull-bundle": "pull there.bundle",
    "mirror": "--repo OTHER mirror URL/mirror",
    "clone": "clone OTHER URL/clone",
    "init": "init URL/new",
}
"""By name, the command line of a change; `URL` and `OTHER` are where the bucket's repository and a folder's are."""

KINDS = [*LOST, *REFUSED, "truncate", "repeat"]
STALLED = 1.0
"""Seconds that a client waits for an answer, in these tests."""

OFTEN = ("log",)
"""What is tried with each kind of fault, also in `make test`; of the others, one kind each."""

FEW, SOME, MOST = 2, 3, 16
"""Requests of a command that are tried, from its first to its last: of most in `make test`, of those that are tried
often there, and in all."""


@pytest.fixture(scope="module")
def world(
    servers_running: Callable[[str], Server], cli_in: Callable[[Path], Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Two artifacts, two models, an entry that can be undone, garbage, and files to be logged."""
    server, folder = servers_running("moto"), tmp_path_factory.mktemp("world")
    (home := folder / "home").mkdir()
    with pytest.MonkeyPatch.context() as patch, FaultProxy(server.endpoint).running() as proxy:
        for name, value in {
            **server.environment,
            "MREG_REPO": server.place(),
            "MREG_CACHE": str(folder / "cache"),
        }.items():
            patch.setenv(name, value)
        patch.setenv("HOME", str(folder / "user"))
        bucket = clouds.open_bucket("s3", *os.environ["MREG_REPO"].removeprefix("s3://").split("/", 1))
        patch.setenv("AWS_ENDPOINT_URL", proxy.url)
        world = World(cli_in(home), bucket, proxy, folder / "cache")
        prepare(world)
        world.keep()
        yield world


def prepare(world: World) -> None:
    for name in ("one", "two", "three", "four"):
        (world.cli.home / name).mkdir()
        (world.cli.home / name / "weights.bin").write_bytes(os.urandom(5000))
    (world.cli.home / "card.md").write_text("# Classifier\n")
    (world.cli.home / "runs" / "checkpoint-100").mkdir(parents=True)
    (world.cli.home / "runs" / "checkpoint-100" / "model.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    (world.cli.home / "runs" / "checkpoint-100" / "trainer_state.json").write_text('{"global_step": 100}')
    for line in (
        "init",
        "log one -a digits --alias best --link Classifier:prod",
        "log two -a digits",
        "log four -a letters",
        "log three -a letters",
        "rm letters:v1",
        "link digits:v0 zoo",
        "link digits:v1 zoo",
        "link digits:v1 Classifier --alias prod",
        "tag add Classifier vision",
        "init other",
        "--repo other log one -a there",
        "--repo other bundle create there.bundle --all",
    ):
        world.cli.must(*line.split())


def line_of(command: str) -> str:
    return WRITES[command].replace("URL", os.environ["MREG_REPO"]).replace("OTHER", "other")


def sweep(kinds: list[str], often: tuple[str, ...], rarely: bool) -> list[Any]:
    """Command, kind, and how many requests are tried. rarely: one kind of fault of each other command too."""
    tried = []
    for number, command in enumerate(WRITES):
        for kind in kinds:
            if command in often or (rarely and kind == kinds[number % len(kinds)]):
                tried.append(pytest.param(command, kind, SOME if command in often else FEW, id=f"{command}-{kind}"))
            tried.append(pytest.param(command, kind, MOST, id=f"{command}-{kind}-all", marks=pytest.mark.slow))
    return tried


def requests_of(world: World, command: str, most: int) -> tuple[list[int], int]:
    """The numbers of the requests that are to meet a fault, and how many entries the command makes."""
    world.restore()
    before, counted = world.entries(), Nth(0, None)
    assert world.run(line_of(command), counted).code == 0
    asked = counted.asked()
    return sorted({round(number * (asked - 1) / (most - 1)) for number in range(most)}), world.entries() - before


@pytest.mark.parametrize(("command", "kind", "most"), sweep(KINDS, OFTEN, rarely=True))
def test_a_fault_at_a_request_leaves_the_change_or_nothing(
    world: World, command: str, kind: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    numbers, made = requests_of(world, command, most)
    for limit in ("_REQUEST", "_LARGE") if kind == "stall" else ():
        monkeypatch.setattr(clouds, limit, STALLED)
    for number in numbers:
        world.restore()
        before = world.entries()

        # when
        result = world.run(line_of(command), Nth(number, kind))

        # then
        what = f"{kind} at request {number}: {result}"
        assert world.entries() == before + (0 if result.code else made), what
        assert not world.findings(), what
        if result.code:
            assert result.code == 1 and "error: the store of s3://" in result.errors, what
            assert world.run(line_of(command)).code == 0, what
            assert (world.entries(), world.findings()) == (before + made, ""), what


@pytest.mark.parametrize(("command", "kind", "most"), sweep([*KILLS], ("log",), rarely=False))
def test_a_death_at_a_request_leaves_the_change_or_nothing(world: World, command: str, kind: str, most: int) -> None:
    # given
    numbers, made = requests_of(world, command, most)
    for number in numbers:
        world.restore()
        before = world.entries()

        # when
        code = world.run_killed(line_of(command), Nth(number, kind))

        # then
        what = f"{kind} at request {number}: {code}"
        assert world.entries() in (before, before + made), what
        assert not world.findings(), what
        if world.entries() == before:
            assert world.run(line_of(command)).code == 0, what
            assert (world.entries(), world.findings()) == (before + made, ""), what
