"""Kinds of place that repositories can be in, with the server of each on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))  # where `servers` is

import servers

CALLED = {"folder": "a folder", "bucket": "a bucket", "ssh": "a server by SSH"}


class Place(NamedTuple):
    """url: below which repositories can be made. environment: what a client is to be told."""

    url: str
    environment: Mapping[str, str]


def lacking(kind: str, bucket: str) -> str | None:
    """Why there is no such place; None where there is one. bucket: the kind of server that has the bucket."""
    if kind == "bucket" and not list((servers.SERVERS / bucket).glob(".stamp-*")):
        return f"there is no {bucket}: run `make servers`"
    if kind == "ssh" and not shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin"):
        return "there is no sshd: run `make sshd`"
    return None


@contextmanager
def place(folder: Path, kind: str, bucket: str) -> Iterator[Place]:
    """One of this kind, until the end of the block. folder: for what its server keeps."""
    if kind == "bucket":
        with servers.running(bucket, folder / bucket) as server:
            yield Place(server.place(), server.environment)
    elif kind == "ssh":
        with servers.openssh(folder / "sshd") as url:
            yield Place(url, {"HOME": str(folder / "sshd" / "home"), "SSH_AUTH_SOCK": ""})
    else:
        (there := folder / "there").mkdir()
        yield Place(str(there), {})
