"""How much is sent: what the other side lacks, as it is stored, and no more; and what was foretold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from safetensors.numpy import save

from mreg.repository import Repository
from mreg.values.transfers import Transfer

STEPS = 10
SLACK = 1 << 20

New = Callable[[str], Repository]


@pytest.fixture
def steps(here: Repository, folder: Callable[..., str]) -> Sequence[int]:
    """Ten steps of a fine-tune of one tensor; bytes that each added."""
    generator = np.random.default_rng(5)
    weights = generator.normal(0, 0.02, 300_000).astype(np.float32)
    stored = []
    for _ in range(STEPS):
        stored.append(here.log(folder({"model.safetensors": save({"w": weights})}), "m").stored)
        weights = (weights.view(np.int32) + generator.integers(-20, 20, len(weights), np.int32)).view(np.float32)
    assert stored[1] < 0.5 * stored[0]
    return stored


def push(one: Repository, other: Repository, *references: str) -> Transfer:
    """Done as it was foretold."""
    told = one.push(other, references, every=not references, dry_run=True)
    done = one.push(other, references, every=not references)
    assert (told.bytes, told.chunks) == (done.bytes, done.chunks)
    assert [one.ref for one in told.changes] == [one.ref for one in done.changes]
    assert not other.fsck(full=True).findings
    return done


def test_everything_is_sent_as_it_is_stored(here: Repository, team: Repository, steps: Sequence[int]) -> None:
    done = push(here, team)

    assert sum(steps) <= done.bytes <= 1.01 * sum(steps) + SLACK / 16
    assert push(here, team).bytes == 0


def test_one_step_more_takes_what_it_takes_here(here: Repository, team: Repository, steps: Sequence[int]) -> None:
    push(here, team, *(f"m:v{number}" for number in range(STEPS - 1)))

    done = push(here, team, f"m:v{STEPS - 1}")

    assert done.bytes <= 1.01 * steps[-1] + SLACK / 16


def test_a_version_whose_base_is_missing_there_is_stored_by_itself(
    here: Repository, team: Repository, steps: Sequence[int]
) -> None:
    done = push(here, team, "m:v5")

    assert done.bytes < 1.1 * steps[0]  # not v0, and all that leads from there


def test_bases_travel_where_several_versions_rest_on_them(
    here: Repository, team: Repository, steps: Sequence[int]
) -> None:
    done = push(here, team, "m:v4", "m:v5", "m:v6")

    assert done.bytes < 2 * steps[0]
    assert not push(here, team, "m:v4").bytes


def test_what_is_there_is_the_base_even_where_it_stands_higher(
    here: Repository, team: Repository, steps: Sequence[int], folder: Callable[..., str]
) -> None:
    push(here, team, "m:v5")  # by itself, so that it stands lower there than its own bases do here

    for number in (0, 7, 3, 1, 6, 9, 2, 4, 8):
        push(here, team, f"m:v{number}")

    assert [one.digest for one in team.versions("m")] == [one.digest for one in here.versions("m")]
    assert push(team, here).bytes == 0
