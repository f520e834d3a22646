"""Processes that share nothing but a bucket, while another collects garbage."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from linearizable import KEYS, check, of_key
from race_workers import content
from servers import Server

from mreg import Repository

SEAWEEDFS, AZURITE = "seaweedfs", "azurite"
VERSIONS = 6

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


@pytest.mark.parametrize(
    ("server", "writers", "turns"),
    [
        (SEAWEEDFS, 4, 5),
        (AZURITE, 4, 5),
        pytest.param(SEAWEEDFS, 16, 25, marks=pytest.mark.slow),
        pytest.param(AZURITE, 16, 25, marks=pytest.mark.slow),
    ],
    indirect=["server"],
)
def test_no_number_is_given_twice_or_missing(server: Server, tmp_path: Path, writers: int, turns: int) -> None:
    # given
    url, stop = server.place(), tmp_path / "stop"
    Repository.init(url, cache=str(tmp_path / "cache")).close()

    # when
    collector = start(COLLECT, url, tmp_path / "cache-gc", stop)
    racing = [start(LOG, url, tmp_path / f"cache-{n}", tmp_path / f"file-{n}", turns) for n in range(writers)]
    told = [writer.communicate(timeout=900) for writer in racing]
    stop.touch()
    collected = collector.communicate(timeout=120)

    # then
    assert [errors for _, errors in [*told, collected]] == [""] * (writers + 1)
    given = sorted(name for out, _ in told for name in out.split())
    assert given == sorted(f"m:v{number}" for number in range(writers * turns))
    with Repository.open(url, cache=str(tmp_path / "cache-last")) as last:
        assert [version.name for version in last.versions("m")] == [f"m:v{n}" for n in range(writers * turns)]
        assert last.fsck(full=True).findings == ()


@pytest.mark.parametrize(
    ("server", "workers", "turns"),
    [(SEAWEEDFS, 4, 15), pytest.param(SEAWEEDFS, 16, 25, marks=pytest.mark.slow)],
    indirect=["server"],
)
def test_histories_in_a_bucket_are_linearizable(
    server: Server, race_at: Callable[[str], Any], tmp_path: Path, workers: int, turns: int
) -> None:
    # given
    url, stop = server.place(), tmp_path / "stop"
    with Repository.init(url, cache=str(tmp_path / "cache")) as repository:
        for number in range(VERSIONS):
            (tmp_path / "weights.bin").write_bytes(content(0, number))
            repository.log(tmp_path / "weights.bin", "a")
        repository.create_artifact("b")
        repository.create_model("m")
    race = race_at(url)

    def of(worker: int) -> dict[str, Any]:
        return {"worker": worker, "cache": str(tmp_path / f"cache-{worker}")}

    # when
    others = race.start_beside(("collect", {**of(100), "grace": 60.0, "stop": str(stop)}))
    job = {"count": turns, "versions": VERSIONS, "folder": str(tmp_path)}
    results = race.run(*(("mix", {**of(worker), **job}) for worker in range(workers)))
    stop.touch()
    race.results(others)

    # then
    assert [faults for _, faults in results if faults] == []
    for key, (initial, step) in KEYS.items():
        assert check(of_key(results, key), initial, step) is None
    assert sum(len(history) for history, _ in results) >= turns * workers // 2
    with Repository.open(url, cache=str(tmp_path / "cache-last")) as last:
        assert last.fsck(full=True).findings == ()
