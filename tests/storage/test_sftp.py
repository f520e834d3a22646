"""A folder behind Debian's own OpenSSH keeps the contract of every store."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from servers import openssh

from mreg import Repository
from mreg.session.buckets import open_remote_store
from mreg.session.locations import remote_of
from mreg.storage import ABSENT, Remote
from mreg.storage.answers import NoServer
from mreg.storage.base import TooLarge
from mreg.storage.sftp import NotLetIn, Sftp, SftpFault, UnknownHost
from mreg.storage.temporary import temporary_name
from mreg.testing.remote_contract import RemoteContract, data_of


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("sshd")
    with pytest.MonkeyPatch.context() as patch, openssh(folder) as url:
        patch.setenv("HOME", str(folder / "home"))
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        yield url


def at(url: str) -> Remote:
    found = remote_of(url)
    assert found
    return open_remote_store(found)


def folder_of(url: str) -> Path:
    return Path("/" + url.removeprefix("ssh://").partition("/")[2])


class TestSftp(RemoteContract):
    @pytest.fixture(autouse=True)
    def on_server(self, server: str) -> None:
        self.url = server

    def make_storage(self) -> Remote:
        return at(f"{self.url}/{uuid.uuid4().hex[:12]}")


def test_a_value_larger_than_any_may_be_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = at(f"{server}/{uuid.uuid4().hex[:12]}")
    folder.put("fits", b"123")
    folder.put("large", b"1234")
    monkeypatch.setattr("mreg.storage.sftp.MAX_VALUE", 3)

    assert data_of(folder, "fits") == b"123"
    with pytest.raises(TooLarge):
        folder.get("large")


def test_a_folder_is_used_from_both_sides(server: str, tmp_path: Path) -> None:
    data = os.urandom(2 << 20)
    url = f"{server}/both/.mreg"
    with Repository.init(url, cache=str(tmp_path / "far")) as far:
        assert far.log({"w": data}, "m", aliases=["best"]).version.name == "m:v0"
        with Repository.open(folder_of(url), cache=str(tmp_path / "near")) as near:
            assert near.resolve("m:best").name == "m:v0"
            near.log({"w": data[: 1 << 20]}, "m", aliases=["best"])

            assert far.resolve("m:best").name == "m:v1"
            far.set_alias("best", "m:v0")
            assert near.resolve("m:best").name == "m:v0"
            assert b"".join(near.read("m:v0", "w")) == b"".join(far.read("m:v0", "w")) == data
            assert not near.fsck(full=True).findings
        assert not far.fsck(full=True).findings
        far.gc(grace=0)


@pytest.mark.parametrize("place", ["~/models/.mreg", "~/.mreg", "~"])
def test_a_folder_may_be_told_from_the_home_there(server: str, place: str) -> None:
    """The tests' server opens each session in `$HOME`."""
    url = f"ssh://{server.removeprefix('ssh://').partition('/')[0]}/{place}"
    key = f"probe/{uuid.uuid4().hex}/0"

    at(url).put(key, b"1", ABSENT)

    assert (Path(place.replace("~", os.environ["HOME"])) / key).read_bytes() == b"1"
    assert key in [one.key for one in at(url).listing("probe")]


def test_what_interrupted_clients_left_is_swept(server: str) -> None:
    # given
    remote = at(f"{server}/left")
    assert remote.sweep(0.0) == 0
    remote.put("a", b"1")
    folder = folder_of(f"{server}/left/tmp")
    gone = subprocess.Popen(["true"])
    gone.wait()
    start = "1"
    abandoned, old, young = (
        folder / f"mreg-{kernel}-{process}-{start}-0123456789abcdef"
        for kernel, process in ((temporary_name().split("-")[1], gone.pid), ("00000000", 7), ("00000000", 8))
    )
    for file in (abandoned, old, young, folder / "theirs"):
        file.write_bytes(b"12345")
    os.utime(old, (1, 1))
    os.utime(folder / "theirs", (1, 1))

    # when
    told, freed = remote.sweep(3600.0, dry_run=True), remote.sweep(3600.0)

    # then
    assert (told, freed) == (10, 10)
    assert sorted(os.listdir(folder)) == [young.name, "theirs"]
    assert remote.get("a")


def test_nothing_of_what_a_full_disk_refused_stays_there(server: str) -> None:
    place = folder_of(f"{server}/small")
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a tmpfs")
    try:
        remote = at(f"{server}/small/r")
        with pytest.raises(SftpFault, match="is its disk full"):
            remote.send("packs/a", io.BytesIO(bytes(2 << 20)))

        assert os.listdir(place / "r" / "tmp") == []
        remote.put("packs/b", bytes(1 << 19))
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_gc_removes_what_interrupted_pushes_left(server: str, tmp_path: Path) -> None:
    url = f"{server}/pushed/.mreg"
    with Repository.init(url, cache=str(tmp_path / "far")) as far:
        far.log({"w": b"1"}, "m")
        left = folder_of(f"{url}/tmp") / "mreg-00000000-7-1-0123456789abcdef"
        left.write_bytes(b"12345")
        os.utime(left, (1, 1))

        assert far.gc(dry_run=True).unfinished == 5
        assert left.exists()
        assert far.gc().unfinished == 5
        assert not left.exists()


def test_a_lost_connection_is_made_again(server: str) -> None:
    remote = at(f"{server}/lost")
    assert isinstance(remote, Sftp)
    remote.put("a", b"1", ABSENT)
    assert remote._client is not None
    remote._client.exit()

    remote.put("b", b"2", ABSENT)

    assert [one.key for one in remote.listing("")] == ["a", "b"]


def test_what_the_event_loop_says_of_a_lost_connection_is_not_logged(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    remote = at(f"{server}/quiet")
    assert isinstance(remote, Sftp)
    assert remote.get("a") is None

    async def warn() -> None:
        logging.getLogger("asyncio").warning("socket.send() raised exception.")

    assert remote._loop is not None
    asyncio.run_coroutine_threadsafe(warn(), remote._loop).result()
    logging.getLogger("asyncio").warning("of somebody else")

    assert [record.message for record in caplog.records] == ["of somebody else"]


def test_another_host_key_is_told(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Path(os.environ["HOME"]) / ".ssh" / "known_hosts"
    own = known.read_text()
    other = (Path(os.environ["HOME"]) / ".ssh" / "id_ed25519.pub").read_text().split(" ")[1]
    known.write_text(f"{own.rpartition(' ')[0]} {other}\n")
    try:
        with pytest.raises(UnknownHost, match=r"the host key of ssh://.* does not match your known_hosts"):
            at(server).get("a")
    finally:
        known.write_text(own)


def test_who_is_not_let_in_is_told(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotLetIn):
        at(server.replace("ssh://", "ssh://nobody-of-that-name@")).get("a")


def test_a_server_without_sftp_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with openssh(tmp_path, sftp=False) as url:
        monkeypatch.setenv("HOME", str(tmp_path / "home"))

        with pytest.raises(NoServer) as caught:
            at(url).get("a")

    assert caught.value.reason == "it offers no SFTP"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (asyncssh.ConnectionLost("Connection lost"), "the connection was lost"),
        (asyncssh.SFTPConnectionLost("Connection lost"), "the connection was lost"),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection was lost"),
        (asyncssh.KeyExchangeFailed("No matching key exchange"), "SSH failed (No matching key exchange)"),
        (asyncssh.SFTPBadMessage("Invalid response"), "SSH failed (Invalid response)"),
    ],
)
def test_why_a_server_cannot_be_used_is_told_and_not_guessed(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    async def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(asyncssh, "connect", fail)

    with pytest.raises(NoServer) as caught:
        at("ssh://127.0.0.1:9/srv/models").get("a")

    assert caught.value.reason == reason


def test_a_server_that_is_gone_is_told() -> None:
    with pytest.raises(NoServer, match="the connection was refused"):
        at("ssh://127.0.0.1:9/srv/models").get("a")
