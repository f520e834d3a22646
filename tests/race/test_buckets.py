"""Processes that share nothing but a bucket, while another collects garbage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from servers import Server

from mreg import Repository

WRITERS, TURNS = 6, 4

LOG = """
import sys
from mreg import Repository
url, cache, folder, turns = sys.argv[1:]
with Repository.open(url, cache=cache) as repository:
    for turn in range(int(turns)):
        with open(folder, "wb") as file:
            file.write(f"{folder} {turn}".encode() * 1000)
        print(repository.log(folder, "m").version.name, flush=True)
"""

COLLECT = """
import os, sys
from mreg import Conflict, Repository
url, cache, stop = sys.argv[1:]
with Repository.open(url, cache=cache) as repository:
    while not os.path.exists(stop):
        try:
            repository.gc(grace=60)
        except Conflict:  # writers were faster each time
            pass
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("server", ["seaweedfs", "azurite"], indirect=True)
def test_no_number_is_given_twice_or_missing(server: Server, tmp_path: Path) -> None:
    url, stop = server.place(), tmp_path / "stop"
    Repository.init(url, cache=str(tmp_path / "cache")).close()

    collector = start(COLLECT, url, tmp_path / "cache-gc", stop)
    writers = [start(LOG, url, tmp_path / f"cache-{n}", tmp_path / f"file-{n}", TURNS) for n in range(WRITERS)]
    told = [writer.communicate(timeout=200) for writer in writers]
    stop.touch()
    collected = collector.communicate(timeout=60)

    assert [errors for _, errors in [*told, collected]] == [""] * (WRITERS + 1)
    given = sorted(name for out, _ in told for name in out.split())
    assert given == sorted(f"m:v{number}" for number in range(WRITERS * TURNS))
    with Repository.open(url, cache=str(tmp_path / "cache-last")) as last:
        assert [version.name for version in last.versions("m")] == [f"m:v{n}" for n in range(WRITERS * TURNS)]
        assert last.fsck(full=True).findings == ()
