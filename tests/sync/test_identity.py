"""What a number, an alias and a text mean on both sides, where both have gone on."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from mreg.repository import Repository
from mreg.sync.faults import AliasElsewhere, NumbersTaken
from tests.sync.conftest import New

Files = Callable[[str], str]


@pytest.fixture
def ann(here: Repository, files: Files) -> Repository:
    """Three versions."""
    for text in ("one", "two", "three"):
        here.log(files(text), "m")
    return here


def test_a_reserved_number_is_for_its_content_alone(ann: Repository, team: Repository, new: New, files: Files) -> None:
    ann.push(team, "m:v1")
    eve = new("eve")
    eve.log(files("other"), "m")

    with pytest.raises(NumbersTaken) as refused:
        eve.push(team, "m:v0")

    assert refused.value.taken == ("m:v0",)
    assert [one.number for one in team.versions("m")] == [1]
    assert team.log(files("theirs"), "m").version.number == 2


def test_the_last_numbers_stay_deleted_where_everything_travels(
    ann: Repository, team: Repository, files: Files
) -> None:
    ann.remove("m:v2")

    ann.push(team, every=True)

    assert team.log(files("theirs"), "m").version.number == 3


def test_renumbered_versions_take_no_deleted_numbers_along(ann: Repository, team: Repository, files: Files) -> None:
    ann.remove(["m:v1", "m:v2"])
    team.log(files("other"), "m")

    done = ann.push(team, every=True, renumber=True)

    assert (done.renumbered, done.reserved) == ({"m:v0": "m:v1"}, ())
    assert team.log(files("theirs"), "m").version.number == 2


def test_whoever_went_back_to_an_old_text_is_ahead(ann: Repository, team: Repository) -> None:
    for text in ("first", "second"):
        ann.annotate("m:v0", message=text)
        ann.push(team, "m:v0")
    team.annotate("m:v0", message="first")

    done = ann.push(team, "m:v0")
    ann.pull(team, "m:v0")

    assert done.ahead == ("m:v0",)
    assert (team.version("m:v0").message, ann.version("m:v0").message) == ("first", "first")


def test_an_alias_that_was_named_does_not_stay_behind_in_silence(ann: Repository, team: Repository) -> None:
    ann.set_alias("best", "m:v0")
    ann.push(team, every=True, aliases="best")
    team.set_alias("best", "m:v1")

    with pytest.raises(AliasElsewhere):
        ann.push(team, every=True, aliases="best")

    assert team.resolve("m:best").number == 1


def test_a_chunk_is_put_above_its_base_wherever_that_stands(
    here: Repository, team: Repository, folder: Callable[..., str]
) -> None:
    """The base is stored as a whole here, and as the difference of differences there."""
    generator = np.random.default_rng(3)
    weights = [generator.normal(0, 0.02, 100_000).astype(np.float32)]
    for _ in range(4):
        moved = weights[-1].view(np.int32) + generator.integers(-20, 20, len(weights[-1]), np.int32)
        weights.append(moved.view(np.float32))
    steps = [folder({"model.safetensors": save({"w": one})}) for one in weights]
    for step in steps[:4]:
        team.log(step, "theirs")
    here.log(steps[3], "m")
    here.log(steps[4], "m")

    here.push(team, "m:v1")

    assert not team.fsck(full=True).findings
    assert b"".join(team.read("m:v1", "model.safetensors")) == save({"w": weights[4]})


def test_records_that_a_gc_takes_before_they_are_named_are_sent_again(
    ann: Repository, team: Repository, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann.log(files("three"), "m", message="the same bytes", always=True)
    ann.push(team, "m:v2")
    commit, calls = team._context.commit, [""]

    def after_a_gc(*args: Any, **options: Any) -> Any:
        if calls:
            calls.pop()
            assert team.gc(grace=0).records
        return commit(*args, **options)

    monkeypatch.setattr(team._context, "commit", after_a_gc)
    ann.push(team, "m:v3")

    assert team.version("m:v3").message == "the same bytes"
    assert not team.fsck(full=True).findings


def test_packs_that_a_gc_rewrites_meanwhile_are_found_again(
    here: Repository, team: Repository, folder: Callable[..., str]
) -> None:
    chance = Random(3)
    here.log(folder({name: chance.randbytes(300_000) for name in "abc"}), "m")
    here.log(folder({name: chance.randbytes(300_000) for name in "ab"}), "m", onto="m:v0")
    here.remove("m:v0")
    gone = []

    def rewrite(done: int, total: int) -> None:
        if not gone:
            gone.append(here.gc(grace=0, repack=True))

    here.push(team, every=True, progress=rewrite)

    assert gone[0].repacked
    assert not team.fsck(full=True).findings
