"""Push, pull, clone and mirror between a folder and a bucket, on each server that people run."""

from __future__ import annotations

from pathlib import Path

import pytest
from servers import Server

from mreg.repository import Repository


@pytest.mark.parametrize("server", ["moto", "seaweedfs", "azurite"], indirect=True)
def test_versions_go_to_a_bucket_and_come_back(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache"))
    (tmp_path / "ckpt").mkdir()
    data = bytes(range(256)) * 5000
    (tmp_path / "ckpt" / "w.bin").write_bytes(data)
    team = Repository.init(server.place())
    here = Repository.init(tmp_path / "here")
    here.log(tmp_path / "ckpt", "m", aliases=["best"])

    sent = here.push(team, "m:best", aliases=["best"])
    again = here.push(team.location, "m:best", aliases=["best"])
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "another"))
    made, fetched = Repository.clone(team.location, tmp_path / "there")

    assert [one.state for one in (*sent.versions, *again.versions, *fetched.versions)] == ["new", "there", "new"]
    assert (again.bytes, again.seq) == (0, None)
    assert b"".join(made.read("m:best", "w.bin")) == data
    assert not made.fsck(full=True).findings
    assert not team.fsck(full=True).findings

    made.log({"w.bin": data[1:]}, "m", aliases=["best"])
    made.push(team, "m:best", aliases=["best"])
    back = here.pull(team, ["m:best"])
    mirrored = [team.mirror(place := server.place()).entries, team.mirror(place).entries]

    assert [one.state for one in back.versions] == ["new"]
    assert b"".join(here.read("m:v1", "w.bin")) == data[1:]
    assert mirrored[0] > 1 and mirrored[1] == 0
    with Repository.open(place) as mirror:
        assert mirror.resolve("m:best").number == 1
        assert not mirror.fsck(full=True).findings
