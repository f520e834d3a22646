"""`fsck --repair --from` and `diff` between any two kinds of location."""

from __future__ import annotations

import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from servers import openssh, running

from mreg import Repository
from mreg.storage.web import NotListed

KINDS = ("folder", "bucket", "ssh", "web")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """By kind, where repositories can be made."""
    folder = tmp_path_factory.mktemp("places")
    quiet = partial(Quiet, directory=str(folder / "web"))
    with (
        pytest.MonkeyPatch.context() as patch,
        openssh(folder / "sshd") as ssh,
        running("moto", folder / "moto") as moto,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), quiet) as web,
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


def filled(places: dict[str, str], kind: str, name: str, data: bytes) -> Repository:
    """A repository of that kind, with `m:v0`."""
    folder = Path(places["site"]) / name
    repository = Repository.init(f"{places[kind]}/{name}" if kind != "web" else folder)
    repository.log({"w": data}, "m")
    if kind != "web":
        return repository
    shutil.copytree(folder / ".mreg", folder, dirs_exist_ok=True)
    return Repository.open(f"{places['web']}/{name}")


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", [kind for kind in KINDS if kind != "web"])
def test_two_kinds_of_location_are_compared_and_repaired_from(places: dict[str, str], target: str, source: str) -> None:
    # given
    data = os.urandom(300_000)
    other = data[:100] + b"x" + data[101:]
    with filled(places, source, f"of-{target}", data) as far, filled(places, target, f"to-{source}", data) as near:
        near.add_remote("far", far.location, user=True) if target != "folder" else near.add_remote("far", far.location)
        try:
            pack = next(iter(near._context.storage.list("packs")))

            # when
            same = near.diff("far/m:v0", "m:v0")
            near.log({"w": other}, "m", base="m:v0")
            differs = near.diff("m:v1", "far/m:v0")
            assert not same.changed and len(differs.changed) == 1
            near._context.storage.delete(pack)
            if source == "web":
                with pytest.raises(NotListed):
                    near.fsck(full=True, repair=True, source=far)
                return
            report = near.fsck(full=True, repair=True, source=far)

            # then
            assert not near.fsck(full=True).findings, report
            assert b"".join(near.read("m:v0", "w")) == data
        finally:
            near.remove_remote("far", user=target != "folder")
