"""`fsck --repair --from` and `diff` between any two kinds of location."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from servers import openssh, running
from web_server import Files, WebServer

from mreg import Repository
from mreg.refs.journal import key_of

KINDS = ("folder", "bucket", "ssh", "web")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """By kind, where repositories can be made."""
    folder = tmp_path_factory.mktemp("places")
    quiet = partial(Files, directory=str(folder / "web"))
    with (
        pytest.MonkeyPatch.context() as patch,
        openssh(folder / "sshd") as ssh,
        running("moto", folder / "moto") as moto,
        WebServer(("127.0.0.1", 0), quiet) as web,
    ):
        for name, value in {**moto.environment, "HOME": str(folder / "sshd" / "home"), "no_proxy": "127.0.0.1"}.items():
            patch.setenv(name, value)
        patch.setenv("MREG_CACHE", str(folder / "cache"))
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield {
            "folder": str(folder / "here"),
            "bucket": moto.url,
            "ssh": ssh,
            "web": f"http://127.0.0.1:{web.server_port}",
            "site": str(folder / "web"),
        }
        web.shutdown()


@pytest.fixture(autouse=True)
def _settings_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def filled(places: dict[str, str], kind: str, name: str, data: bytes) -> Repository:
    """A repository of that kind, with `m:v0`."""
    folder = Path(places["site"]) / name
    repository = Repository.init(f"{places[kind]}/{name}" if kind != "web" else folder)
    repository.log({"w.safetensors": data}, "m")
    if kind != "web":
        return repository
    shutil.copytree(folder / ".mreg", folder, dirs_exist_ok=True)
    return Repository.open(f"{places['web']}/{name}")


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", [kind for kind in KINDS if kind != "web"])
def test_two_kinds_of_location_are_compared_and_repaired_from(places: dict[str, str], target: str, source: str) -> None:
    # given
    data = os.urandom(300_000)
    other = data[:100] + bytes([data[100] ^ 1]) + data[101:]
    with filled(places, source, f"of-{target}", data) as far, filled(places, target, f"to-{source}", data) as near:
        near.add_remote("far", far.location, user=True) if target != "folder" else near.add_remote("far", far.location)
        try:
            pack = next(iter(near._context.storage.list("packs")))

            # when
            same = near.diff("far/m:v0", "m:v0")
            near.log({"w.safetensors": other}, "m", base="m:v0")
            differs = near.diff("m:v1", "far/m:v0")
            assert not same.changed and len(differs.changed) == 1
            near._context.storage.delete(pack)
            report = near.fsck(full=True, repair=True, source=far)

            # then
            assert not near.fsck(full=True).findings, report
            assert b"".join(near.read("m:v0", "w.safetensors")) == data
        finally:
            near.remove_remote("far", user=target != "folder")


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", [kind for kind in KINDS if kind != "web"])
def test_a_version_is_stored_as_the_difference_to_one_in_a_remote(
    places: dict[str, str], target: str, source: str
) -> None:
    # given
    weights = np.random.default_rng(7).normal(size=100_000).astype(np.float32)
    tuned = weights * np.float32(1.0001)
    with (
        filled(places, source, f"base-of-{target}", weights_file(weights)) as far,
        Repository.init(f"{places[target]}/based-on-{source}") as near,
    ):
        near.add_remote("base", far.location, user=target != "folder")
        try:
            # when
            alone = near.log({"w.safetensors": weights_file(tuned)}, "other", dry_run=True)
            done = near.log({"w.safetensors": weights_file(tuned)}, "tuned", base="base/m:v0")

            # then
            assert done.stored < alone.stored / 2 and done.fetched > 0
            assert b"".join(near.read("tuned:v0", "w.safetensors")) == weights_file(tuned)
            assert [one.name for one in near.artifacts()] == ["tuned"]
            assert not near.fsck(full=True).findings
        finally:
            near.remove_remote("base", user=target != "folder")


def weights_file(weights: np.ndarray) -> bytes:
    return safetensors.numpy.save({"w": weights})


def test_what_was_dropped_and_came_again_is_read_through_a_web_server(places: dict[str, str], tmp_path: Path) -> None:
    # given: a manifest that lies under its second key
    site = Path(places["site"]) / "again"
    with Repository.init(site) as there:
        there.log({"w": b"the same"}, "m")
        there.log({"w": b"another"}, "m")
        there.remove("m:v0")
        there.gc(grace=0)
        there.log({"w": b"the same"}, "m")
    shutil.copytree(site / ".mreg", site, dirs_exist_ok=True)

    # when
    made, _ = Repository.clone(f"{places['web']}/again", tmp_path / "copy")

    # then
    with made:
        assert b"".join(made.read("m:v2", "w")) == b"the same"


@pytest.mark.parametrize("lost", ["packs", "objects", "journal", "all"])
def test_all_kinds_of_things_come_back_from_a_web_server(places: dict[str, str], tmp_path: Path, lost: str) -> None:
    # given: a mirror behind a web server
    folder, data = Path(places["site"]) / f"mended-{lost}", os.urandom(100_000)
    with Repository.init(tmp_path / "near") as near:
        near.log({"w": data}, "m", aliases=["best"])
        near.log({"w": data[::-1]}, "m")
        shutil.copytree(tmp_path / "near" / ".mreg", folder)
        for key in [*near._context.storage.list("packs"), *near._context.storage.list("objects"), key_of(1)]:
            if key.startswith(lost) or lost == "all":
                near._context.storage.delete(key)
    shutil.rmtree(os.environ["MREG_CACHE"], ignore_errors=True)

    # when
    with Repository.open(tmp_path / "near") as near:
        near.fsck(full=True, repair=True, source=f"{places['web']}/mended-{lost}")

        # then
        assert not near.fsck(full=True).findings
        assert b"".join(near.read("m:best", "w")) == data
