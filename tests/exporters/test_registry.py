"""Layouts in a registry of containers: one of Debian, which runs here, and the tools that people push with."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mreg.repository import Repository

REGISTRY = Path(__file__).parents[2] / ".testdata/registry/usr/bin/docker-registry"
CONFIG = """version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
START = 60.0


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """HOST:PORT of a registry without any image."""
    if not REGISTRY.exists() or shutil.which("skopeo") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no docker-registry or no skopeo: run `make registries`")
        pytest.skip("there is no docker-registry or no skopeo: run `make registries`")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "registry.yml"
    config.write_text(CONFIG.format(root=tmp_path / "registry", port=port))
    with open(tmp_path / "registry.log", "wb") as log:
        process = subprocess.Popen([str(REGISTRY), "serve", str(config)], stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/v2/", process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    pytest.fail("the registry did not start")


def skopeo(*words: str) -> str:
    done = subprocess.run(["skopeo", *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def manifest_digest(layout: Path, name: str) -> str:
    rows = json.loads((layout / "index.json").read_text())["manifests"]
    (row,) = [one for one in rows if one["annotations"]["org.opencontainers.image.ref.name"] == name]
    return str(row["digest"])


@pytest.mark.parametrize("count", [3, 120])
def test_a_layout_goes_through_a_registry_and_comes_back_as_the_same_version(
    repo: Repository, folder: Callable[..., str], tmp_path: Path, registry: str, count: int
) -> None:
    # given
    files = {f"part-{n}/w{n}.bin": os.urandom(1000 + n) for n in range(count)}
    repo.log(folder(files), "bert", aliases=["best"], metadata={"acc": 0.5}, message="epoch 12")
    repo.export("bert", tmp_path / "layout", "oci")
    digest = manifest_digest(tmp_path / "layout", "best")

    # when
    image = f"docker://{registry}/models/bert:best"
    skopeo("copy", "--dest-tls-verify=false", f"oci:{tmp_path}/layout:best", image)
    inspected = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", image))
    skopeo("copy", "--src-tls-verify=false", image, f"oci:{tmp_path}/pulled:best")

    # then
    assert inspected["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    assert manifest_digest(tmp_path / "pulled", "best") == digest, "the registry has the image that was exported"
    with Repository.init(tmp_path / "other") as other:
        done = other.import_from(tmp_path / "pulled")
        assert done.added == ("bert:v0",)
        assert other.version("bert:best").manifest == repo.version("bert").manifest


def test_what_two_versions_share_is_sent_once(
    repo: Repository, folder: Callable[..., str], tmp_path: Path, registry: str
) -> None:
    base = os.urandom(100_000)
    for step in range(2):
        repo.log(folder({"base.bin": base, "head.bin": bytes([step])}), "bert")
        repo.export(f"bert:v{step}", tmp_path / f"layout-{step}", "oci")
        source = f"oci:{tmp_path}/layout-{step}:v{step}"
        skopeo("copy", "--dest-tls-verify=false", source, f"docker://{registry}/bert:v{step}")

    blobs = [path for path in (tmp_path / "registry").rglob("data") if path.stat().st_size == len(base)]
    assert len(blobs) == 1


def test_oras_pushes_and_pulls_a_layout(
    repo: Repository, folder: Callable[..., str], tmp_path: Path, registry: str
) -> None:
    client = pytest.importorskip("oras.client")
    layout = pytest.importorskip("oras.layout")
    repo.log(folder({"model.safetensors": b"weights", "config.json": b"{}"}), "bert", aliases=["best"])
    repo.export("bert", tmp_path / "layout", "oci")

    oras = client.OrasClient(hostname=registry, insecure=True)
    layout.Layout(str(tmp_path / "layout")).push_to_registry(oras, f"{registry}/bert:best", tag="best")

    pulled = oras.pull(target=f"{registry}/bert:best", outdir=str(tmp_path / "pulled"))
    assert {Path(path).name for path in pulled} == {"model.safetensors", "config.json"}
