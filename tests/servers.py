"""Object stores on loopback, for tests: SeaweedFS, moto and Azurite, as `make servers` installs them.

Each listens on free ports of 127.0.0.1 only, keeps its data in a folder of the test run, sends nothing anywhere, and is
ended by its process id. Where one cannot be had its tests are skipped, and say so; in CI and under `make test` they
fail.
"""

from __future__ import annotations

import base64
import ctypes
import email.utils
import hmac
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SERVERS = Path(__file__).parent.parent / ".testdata" / "servers"
KEY, SECRET = "AKIDTESTTESTTESTTEST", "secret-canary-0123456789abcdefghijklmnop"
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_SECRET = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmFyeQ=="
_START = 60.0
_STOP = 30.0


@dataclass
class Server:
    """A running server. url: of a bucket that is there. environment: what a client of it needs to be told."""

    kind: str
    endpoint: str
    url: str
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)
    ports: tuple[int, ...] = ()

    def place(self) -> str:
        """The URL of a folder in the bucket that is used by nobody else."""
        return f"{self.url}/{uuid.uuid4().hex[:12]}"


def required(kind: str) -> bool:
    """Must it be there? Azurite needs npm, which not everybody has."""
    return os.environ.get("CI") == "true" or (os.environ.get("MREG_TESTDATA") == "required" and kind != "azurite")


@contextmanager
def running(kind: str, folder: Path) -> Iterator[Server]:
    """The server, started, until the end of the block; with its data in the folder."""
    if not list((SERVERS / kind).glob(".stamp-*")):
        reason = f"there is no {kind}: run `make servers`"
        pytest.fail(reason) if required(kind) else pytest.skip(reason)
    folder.mkdir(parents=True, exist_ok=True)
    server = _STARTS[kind](folder)
    try:
        yield server
    finally:
        end(server)


def end(server: Server) -> None:
    """End it, and see to it that it has ended: its ports are free then. Killed, as SeaweedFS takes half a minute to
    end by itself, and nobody needs its data any more."""
    server.process.kill()
    server.process.wait(_STOP)
    for port in server.ports:  # SeaweedFS leaves its sockets behind
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            path.unlink(missing_ok=True)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _seaweedfs(folder: Path) -> Server:
    master, volume, filer, s3, *grpc = free_ports(8)
    config = folder / "s3.json"
    identity = {"name": "test", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    config.write_text(json.dumps({"identities": [identity]}))
    data = folder / "data"
    data.mkdir()
    options = {
        "dir": data,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.telemetry": "false",
        "master.port": master,
        "master.port.grpc": grpc[0],
        "master.volumeSizeLimitMB": 1024,  # some 1.3 GB in all, with the defaults, and each put fails then
        "volume.max": 40,
        "volume.port": volume,
        "volume.port.grpc": grpc[1],
        "filer.port": filer,
        "filer.port.grpc": grpc[2],
        "s3.port": s3,
        "s3.port.grpc": grpc[3],
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": config,
        "s3.autoCreateBucket": "false",
    }
    command = [
        str(SERVERS / "seaweedfs/bin/weed"),
        "server",
        "-s3",
        *(f"-{key}={value}" for key, value in options.items()),
    ]
    process = _begin(command, folder)
    bucket = urllib.request.Request(f"http://127.0.0.1:{filer}/buckets/models/", method="POST")
    server = _s3("seaweedfs", s3, process, folder, bucket)
    server.ports = (master, volume, filer, s3, *grpc)
    return server


MOTO = """
import sys, threading
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

one_at_a_time = threading.Lock()
app = DomainDispatcherApplication(create_backend_app)

def serve(environ, start_response):
    with one_at_a_time:
        return list(app(environ, start_response))

run_simple("127.0.0.1", int(sys.argv[1]), serve, threaded=True)
"""
"""moto looks whether a key is there and makes it in two steps, between which another thread may come."""


def _moto(folder: Path) -> Server:
    [port] = free_ports(1)
    command = [sys.executable, "-c", MOTO, str(port)]
    process = _begin(command, folder, PYTHONPATH=str(SERVERS / "moto"))
    bucket = urllib.request.Request(f"http://127.0.0.1:{port}/models", method="PUT")
    return _s3("moto", port, process, folder, bucket)


def _s3(kind: str, port: int, process: subprocess.Popen[bytes], folder: Path, bucket: urllib.request.Request) -> Server:
    endpoint = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_METADATA_ENDPOINT": "http://127.0.0.1:9",
    }
    _until(lambda: _answers(endpoint) and _ask(bucket), process, folder)
    return Server(kind, endpoint, "s3://models", environment, folder / "log", process)


def _azurite(folder: Path) -> Server:
    [port] = free_ports(1)
    command = ["node", str(SERVERS / "azurite/node_modules/azurite/dist/src/blob/main.js")]
    command += ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder / "data")]
    command += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    process = _begin(command, folder, AZURITE_ACCOUNTS=f"{AZURE_ACCOUNT}:{AZURE_SECRET}")
    endpoint = f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"
    environment = {
        "AZURE_STORAGE_ACCOUNT_NAME": AZURE_ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": AZURE_SECRET,
        "AZURE_STORAGE_ENDPOINT": endpoint,
    }
    _until(lambda: _ask(_container(endpoint)), process, folder)
    return Server("azurite", endpoint, "az://models", environment, folder / "log", process)


def _container(endpoint: str) -> urllib.request.Request:
    """The signed request that makes the container."""
    date = email.utils.formatdate(usegmt=True)
    resource = f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/models\nrestype:container"
    text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:2021-08-06\n{resource}"
    key = hmac.digest(base64.b64decode(AZURE_SECRET), text.encode(), "sha256")
    headers = {
        "x-ms-date": date,
        "x-ms-version": "2021-08-06",
        "Authorization": f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(key).decode()}",
    }
    return urllib.request.Request(f"{endpoint}/models?restype=container", method="PUT", headers=headers)


def _begin(command: list[str], folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start it with nothing of the person's settings or of the machine's proxies."""
    own = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command,
            env=own,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=_die_with_the_tests if sys.platform == "linux" else None,
        )


def _die_with_the_tests() -> None:
    """Also where these are killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _until(is_ready: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until the server can be used."""
    limit = time.monotonic() + _START
    while not is_ready():
        if process.poll() is not None or time.monotonic() > limit:
            process.kill()
            pytest.fail(f"the server does not start: {(folder / 'log').read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def _ask(request: urllib.request.Request) -> bool:
    try:
        with _NO_PROXY.open(request, timeout=5):
            return True
    except OSError:
        return False


def _answers(endpoint: str) -> bool:
    """Does anybody listen there, be it to refuse?"""
    try:
        with _NO_PROXY.open(endpoint, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


@contextmanager
def openssh(folder: Path, *, sftp: bool = True) -> Iterator[str]:
    """OpenSSH on a free port, with keys and settings of its own, until the end of the block; the address of a folder
    there. A client is let in where its `HOME` is `folder / "home"`."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if sshd is None:
        reason = "there is no sshd: run `make sshd`"
        pytest.fail(reason) if required("openssh") else pytest.skip(reason)
    (settings := folder / "home" / ".ssh").mkdir(parents=True, mode=0o700)
    (folder / "models").mkdir()
    [port] = free_ports(1)
    for name in ("host", "home/.ssh/id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(settings / "id_ed25519.pub", folder / "allowed")
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\n"
        f"AuthorizedKeysFile {folder}/allowed\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        f"PermitRootLogin yes\nMaxStartups 100\n" + (f"Subsystem sftp internal-sftp -d {folder}/home\n" if sftp else "")
    )
    key = (folder / "host.pub").read_text().split(" ")
    (settings / "known_hosts").write_text(f"[127.0.0.1]:{port} {key[0]} {key[1]}\n")
    Path("/run/sshd").mkdir(exist_ok=True) if os.geteuid() == 0 else None
    process = _begin([sshd, "-D", "-e", "-f", str(folder / "config")], folder)
    try:
        _until(lambda: _listens(port), process, folder)
        yield f"ssh://127.0.0.1:{port}{folder}/models"
    finally:
        process.kill()
        process.wait(_STOP)


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_STARTS = {"seaweedfs": _seaweedfs, "moto": _moto, "azurite": _azurite}
KINDS = tuple(_STARTS)
