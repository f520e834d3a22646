"""Transfers over a connection that is lost again and again, and comes back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import openssh

from mreg.repository import Repository
from mreg.storage.sftp import Sftp


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, openssh(tmp_path / "sshd") as url:
        patch.setenv("HOME", str(tmp_path / "sshd" / "home"))
        patch.setenv("MREG_CACHE", str(tmp_path / "cache"))
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        yield url


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Before each third request the connection to the server is lost; the requests before which it was."""
    lost: list[str] = []
    count = 0

    def losing(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def ask(remote: Sftp, *given: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count % 3 == 0 and remote._client is not None:
                remote._client.exit()
                lost.append(name)
            return method(remote, *given, **options)

        return ask

    for name in ("get", "put", "read", "stat"):
        monkeypatch.setattr(Sftp, name, losing(name, getattr(Sftp, name)))
    return lost


def test_a_push_and_a_clone_by_ssh_outlive_lost_connections(server: str, losses: list[str], tmp_path: Path) -> None:
    here = Repository.init(tmp_path / "here")
    for number in range(3):
        here.log({"w.bin": os.urandom(100_000), "n.txt": b"%d" % number}, "m", aliases=["best"])
    team = Repository.init(f"{server}/team")

    here.push(team, every=True, all_aliases=True)
    made, _ = Repository.clone(team.location, tmp_path / "there")

    assert {"put", "read"} <= set(losses)
    assert [one.digest for one in made.versions("m")] == [one.digest for one in here.versions("m")]
    assert made.resolve("m:best").name == "m:v2"
    assert not team.fsck(full=True).findings and not made.fsck(full=True).findings
    assert not here.push(team, every=True).bytes
