"""What is damaged in the repository that receives is sent again: that it has such data does not mean that it can read
it. As for a `log` (ADR 22), a pack counts as sound as long as it looks as it did when it was written or read here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from mreg.content import chunks
from mreg.content.packs import Located
from mreg.intake import reuse
from mreg.repository import Repository
from mreg.session.index import Index
from mreg.storage import Storage
from mreg.values.errors import Damaged

Damage = Callable[[bytearray], bytearray]


def flipped(data: bytearray) -> bytearray:
    """A byte of some chunk in the middle of the pack is another one."""
    data[len(data) // 2] ^= 1
    return data


def cut(data: bytearray) -> bytearray:
    return data[: len(data) // 3]


@pytest.fixture
def ann(tmp_path: Path) -> Repository:
    """Three versions: the second is stored as the difference to the first, the third has a file more than the first."""
    repo = Repository.init(tmp_path / "ann")
    weights = np.random.default_rng(1).normal(0, 0.02, 1 << 20).astype("f4")
    changed = weights * np.float32(1.0001)
    for number, (values, more) in enumerate([(weights, {}), (changed, {}), (weights, {"more.txt": b"more"})]):
        repo.log({"model.safetensors": save({"w": values}), **more}, "m", metadata={"n": number})
    return repo


def damage(repo: Repository, how: Damage) -> None:
    """Change the largest pack."""
    pack = max((Path(repo.location) / "packs").rglob("*.pack"), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    pack.unlink()
    pack.write_bytes(how(data))


@pytest.mark.parametrize("how", [flipped, cut])
@pytest.mark.parametrize("pushed", ["m:v1", "m:v2"])
def test_a_push_over_damaged_data_sends_it_again(ann: Repository, tmp_path: Path, how: Damage, pushed: str) -> None:
    team = Repository.init(tmp_path / "team")
    ann.push(team.location, ["m:v0"])
    damage(team, how)

    ann.push(team.location, [pushed])

    team = Repository.open(team.location)
    assert list(team.read(pushed, "model.safetensors")) == list(ann.read(pushed, "model.safetensors"))
    assert {version for finding in team.fsck(full=True).findings for version in finding.hurts} <= {"m:v0"}


def test_a_pull_over_damaged_data_fetches_it_again(ann: Repository, tmp_path: Path) -> None:
    bob = Repository.init(tmp_path / "bob")
    bob.pull(ann.location, ["m:v0"])
    damage(bob, flipped)

    bob.pull(ann.location, ["m:v2"])

    bob = Repository.open(bob.location)
    assert b"".join(bob.read("m:v2", "model.safetensors")) == b"".join(ann.read("m:v2", "model.safetensors"))


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Located]:
    """The chunks that are read in the repository that receives."""
    found: list[Located] = []
    read_stored = chunks.read_stored

    def counted(storage: Storage, located: Located, out: memoryview) -> None:
        if repr(str(tmp_path / "team" / ".mreg")) in repr(storage):
            found.append(located)
        read_stored(storage, located, out)

    monkeypatch.setattr(chunks, "read_stored", counted)
    return found


def test_what_a_transfer_has_written_is_not_read_again_by_the_next(
    ann: Repository, tmp_path: Path, read: list[Located]
) -> None:
    team = Repository.init(tmp_path / "team")

    ann.push(team.location, ["m:v0"])
    ann.push(team.location, ["m:v2"])

    assert not read


def test_what_somebody_else_has_written_is_read_once(
    ann: Repository, tmp_path: Path, read: list[Located], monkeypatch: pytest.MonkeyPatch
) -> None:
    team = Repository.init(tmp_path / "team")
    ann.push(team.location, ["m:v0"])
    with monkeypatch.context() as other:
        other.setattr(Index, "sound", lambda self, pack: {})
        ann.push(team.location, ["m:v2"])
    assert read

    read.clear()
    ann.push(team.location, ["m:v1"])

    assert not read


def test_a_folder_whose_packs_change_all_the_time_is_reported(
    ann: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = Repository.init(tmp_path / "team")

    def check(*_: object) -> None:
        raise reuse.DamagedReuse(reason="1 chunk of 1 file")

    monkeypatch.setattr(reuse, "check", check)

    with pytest.raises(Damaged, match="shared with earlier versions is damaged"):
        ann.push(team.location, ["m:v0"])

    assert not Repository.open(team.location).artifacts()
